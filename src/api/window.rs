//! `ChangeWindow`: when versions may move, and when they may not. A Deny without a schedule is the emergency brake.
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Condition, Selector, Span, Time};

/// Allows or denies grants, for some tenants, at some times. Deny wins.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "leasehold.dev",
    version = "v1alpha1",
    kind = "ChangeWindow",
    plural = "changewindows",
    shortname = "lhw",
    category = "leasehold",
    status = "WindowStatus",
    derive = "PartialEq",
    doc = "When versions may move, and when they may not. A Deny without a schedule is the emergency brake.",
    printcolumn(
        name = "Action",
        type_ = "string",
        json_path = ".spec.action",
        description = "What it does while it is open."
    ),
    printcolumn(
        name = "Schedule",
        type_ = "string",
        json_path = ".spec.schedule.cron",
        description = "When it opens; none: always."
    ),
    printcolumn(
        name = "Zone",
        type_ = "string",
        json_path = ".spec.schedule.timeZone",
        description = "The time zone of the schedule."
    ),
    printcolumn(name = "Open", type_ = "boolean", json_path = ".status.open", description = "Whether it is open."),
    printcolumn(
        name = "Changes",
        type_ = "string",
        json_path = ".status.changesAt",
        description = "When it opens or closes next."
    ),
    printcolumn(
        name = "Status",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].reason",
        description = "Whether it could be understood."
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp",
        description = "Since when it exists."
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.action == 'Deny' || has(self.schedule)").message("an Allow without a schedule would always allow, and so say nothing; leave it out"))]
pub struct WindowSpec {
    /// What it does while it is open. A tenant that any Allow selects is granted only while one of them is open; any open Deny that selects it stands above all.
    pub action: WindowAction,
    /// Why, and whom to ask.
    #[serde(default)]
    #[schemars(length(max = 512))]
    pub reason: String,
    /// Which tenants, by their labels; absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<Selector>,
    /// Tenants of which operators; none: of all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 63)), extend("x-kubernetes-list-type" = "set"))]
    pub operators: Vec<String>,
    /// When it opens, and for how long; absent: it is open as long as it exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// From then on it counts for nothing; absent: it counts until it is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
}

/// What a window does while it is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum WindowAction {
    Allow,
    Deny,
}

/// A recurring stretch of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("duration(self.duration) >= duration('1m') && duration(self.duration) <= duration('8784h')").message("a window is open for a minute at least, and for a year at most"))]
pub struct Schedule {
    /// When it opens, by the clock of `timeZone`: minute, hour, day of month, month, day of week, as cron has them.
    #[schemars(length(min = 9, max = 128), regex(pattern = r"^[^ @]+( [^ ]+){4}$"))]
    pub cron: String,
    /// For how long, in time that really passes: an hour more or less on the clock changes nothing about it.
    pub duration: Span,
    /// An IANA time zone such as `Europe/Berlin`.
    #[serde(default = "utc")]
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$"))]
    pub time_zone: String,
}

fn utc() -> String {
    "UTC".into()
}

/// State of a window as last seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct WindowStatus {
    /// The `metadata.generation` this status speaks of; -1 before the first visit.
    pub observed_generation: i64,
    /// Whether it is open.
    pub open: bool,
    /// When it opens or closes next; absent: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes_at: Option<Time>,
    /// Ready; Stalled when it cannot be understood, and then it denies.
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}
