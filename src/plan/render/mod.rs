//! Templates and one tenant's parameters → that tenant's objects.
//!
//! In: template files (built in, or a release's own) and a [`Context`]. Out: [`Manifest`]s, or errors with file, line and
//! column. Never: a clock, chance, a file, the environment or the cluster, so the same input gives the same bytes and a
//! hash of the input stands for the output. Never a panic, whatever the input.
//!
//! Injection is impossible by construction: a file is parsed as YAML *first*, its shape is fixed then, and each string
//! is rendered on its own. A value can be strange text; it cannot be a field, a key beside another, or a document.
//!
//! Order: [`values::Schema::check`] the tenant's values → [`Fragment`]s (args, env, pod annotations) → [`Stack::render`] →
//! [`super::choke_point::admit`], which checks and marks.
#![deny(clippy::indexing_slicing)]
mod bounds;
mod builtin;
mod check;
mod context;
mod document;
mod error;
mod evaluate;
mod expression;
mod helpers;
mod manifest;
mod output;
mod plain;
pub mod quantity;
mod secret;
mod shape;
mod stack;
pub mod values;
mod yaml;

pub use self::{
    bounds::{
        MAX_DEPTH, MAX_ERRORS, MAX_EXPRESSIONS, MAX_NESTING, MAX_OBJECTS, MAX_RENDERED_BYTES, MAX_SCALAR_BYTES,
        MAX_TEMPLATE_BYTES,
    },
    builtin::{DEFAULT, builtin},
    context::{ApiServerContext, ApisContext, Context, ElectionContext, EnvContext, LimitRangeContext, TenantContext},
    document::{ITEMS, WHEN},
    error::TemplateError,
    manifest::Manifest,
    shape::Shape,
    stack::{Fragment, Stack, TemplateFile},
};
