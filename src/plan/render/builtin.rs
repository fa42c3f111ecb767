//! The stacks that come with Leasehold, in the binary. A released one is never edited: a change is a new name, because
//! an edit would re-render every tenant at once.
use super::stack::TemplateFile;

macro_rules! files {
    ($stack:literal: $($name:literal),+ $(,)?) => {
        &[$(TemplateFile {
            name: concat!($stack, "/", $name),
            text: include_str!(concat!("../../../templates/", $stack, "/", $name)),
        }),+]
    };
}

const STANDARD_V1: &[TemplateFile<'static>] = files!("standard-v1":
    "01-namespace.yaml",
    "02-resource-quota.yaml",
    "03-limit-range.yaml",
    "04-network-policy.yaml",
    "05-service-account.yaml",
    "06-role.yaml",
    "07-role-binding.yaml",
    "08-deployment.yaml",
    "09-pod-disruption-budget.yaml",
    "10-service.yaml",
    "11-service-monitor.yaml",
);

/// The name of the stack that a release gets when it names none and brings none.
pub const DEFAULT: &str = "standard-v1";

/// The template files of a built-in stack; `None`: there is no stack of that name.
#[must_use]
pub fn builtin(name: &str) -> Option<&'static [TemplateFile<'static>]> {
    match name {
        "standard-v1" => Some(STANDARD_V1),
        _ => None,
    }
}
