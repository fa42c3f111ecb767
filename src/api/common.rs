//! Value types that several kinds share: durations, counts or percentages, conditions, label selectors.
use std::{borrow::Cow, fmt, time::Duration};

use jiff::Timestamp;
use kube::KubeSchema;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A length of time as Go writes it, such as `90s` or `1h30m`; never negative.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span(pub Duration);

impl Span {
    #[must_use]
    pub const fn secs(secs: u64) -> Self {
        Self(Duration::from_secs(secs))
    }

    #[must_use]
    pub const fn get(self) -> Duration {
        self.0
    }

    /// The same as a signed span of time, for arithmetic on instants; saturates at 100 years.
    #[must_use]
    pub fn signed(self) -> jiff::SignedDuration {
        const CENTURY: u64 = 100 * 365 * 24 * 3600;
        jiff::SignedDuration::try_from(self.0.min(Duration::from_secs(CENTURY))).unwrap_or(jiff::SignedDuration::MAX)
    }
}

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let parsed: kube::core::Duration =
            text.parse().map_err(|e| format!("`{text}` is not a duration such as `90s` or `1h30m`: {e}"))?;
        if parsed.is_negative() {
            return Err(format!("`{text}` is negative; a duration here is zero or more"));
        }
        Ok(Self(parsed.into()))
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

impl fmt::Display for Span {
    /// Largest units first, none that is zero: `1h30m`, `90s` becomes `1m30s`, nothing is `0s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (secs, millis) = (self.0.as_secs(), self.0.subsec_millis());
        let parts = [(secs / 3600, "h"), (secs / 60 % 60, "m"), (secs % 60, "s"), (u64::from(millis), "ms")];
        if parts.iter().all(|(n, _)| *n == 0) {
            return f.write_str("0s");
        }
        parts.iter().filter(|(n, _)| *n > 0).try_for_each(|(n, unit)| write!(f, "{n}{unit}"))
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "maxLength": 32, "pattern": r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"})
    }
}

/// A number of tenants (`3`) or a share of them (`10%`). Shares resolve once, when a plan freezes, rounded down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "IntOrString", into = "IntOrString")]
pub enum Amount {
    Count(u32),
    Percent(u8),
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum IntOrString {
    Int(u32),
    Text(String),
}

impl TryFrom<IntOrString> for Amount {
    type Error = String;

    fn try_from(raw: IntOrString) -> Result<Self, String> {
        match raw {
            IntOrString::Int(n) => Ok(Self::Count(n)),
            IntOrString::Text(text) => text
                .strip_suffix('%')
                .and_then(|n| n.parse::<u8>().ok())
                .filter(|n| *n <= 100)
                .map(Self::Percent)
                .ok_or_else(|| format!("`{text}` is neither a count such as 3 nor a percentage from 0% to 100%")),
        }
    }
}

impl From<Amount> for IntOrString {
    fn from(amount: Amount) -> Self {
        match amount {
            Amount::Count(n) => Self::Int(n),
            Amount::Percent(p) => Self::Text(format!("{p}%")),
        }
    }
}

impl Amount {
    /// The number this stands for among `of`, percentages rounded down.
    #[must_use]
    pub fn of(self, of: usize) -> u32 {
        match self {
            Self::Count(n) => n,
            Self::Percent(p) => u32::try_from(of * usize::from(p) / 100).unwrap_or(u32::MAX),
        }
    }
}

impl JsonSchema for Amount {
    fn schema_name() -> Cow<'static, str> {
        "Amount".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "x-kubernetes-int-or-string": true,
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "minimum": 0,
            "maxLength": 4,
            "pattern": "^(100|[0-9]{1,2})%$"
        })
    }
}

/// One aspect of an object's state, in the form of KEP-1623.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Which aspect: `Ready`, `Reconciling`, `Stalled`, `UpToDate`, `LeaderElected`, `Isolated` or `Drifted`.
    #[serde(rename = "type")]
    #[schemars(length(max = 64))]
    pub type_: String,
    /// `True`, `False` or `Unknown`.
    #[schemars(length(max = 7))]
    pub status: String,
    /// One word in CamelCase from a closed list, for programs.
    #[schemars(length(max = 64))]
    pub reason: String,
    /// What it means and what to do, for people.
    #[schemars(length(max = 2048))]
    pub message: String,
    /// The `metadata.generation` this was written for.
    pub observed_generation: i64,
    /// When `status` last changed.
    pub last_transition_time: Time,
}

/// An instant as RFC 3339 in UTC, to the microsecond at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(pub Timestamp);

impl Time {
    /// `now` without its fraction of a second: what a person reads in a status.
    #[must_use]
    pub fn seconds(now: Timestamp) -> Self {
        Self(Timestamp::from_second(now.as_second()).unwrap_or(now))
    }

    /// `now` to the millisecond: what durations are computed from.
    #[must_use]
    pub fn millis(now: Timestamp) -> Self {
        Self(Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now))
    }
}

impl JsonSchema for Time {
    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date-time", "maxLength": 40})
    }
}

/// Which objects are meant, by their labels: all of `matchLabels` and all of `matchExpressions`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Selector {
    /// Labels that must be there with exactly these values.
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub match_labels: std::collections::BTreeMap<String, String>,
    /// Requirements on labels.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub match_expressions: Vec<Requirement>,
}

/// A requirement on one label.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.operator in ['Exists', 'DoesNotExist'] ? size(self.values) == 0 : size(self.values) > 0")
    .message("In and NotIn need values; Exists and DoesNotExist take none"))]
pub struct Requirement {
    /// The label's key.
    #[schemars(length(min = 1, max = 317))]
    pub key: String,
    /// How the label relates to `values`.
    pub operator: Relation,
    /// The values for `In` and `NotIn`.
    #[serde(default)]
    #[schemars(length(max = 64), inner(length(max = 63)))]
    pub values: Vec<String>,
}

/// How a label relates to a list of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Relation {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

impl Selector {
    /// Whether an object with these labels is meant. An empty selector means every object.
    #[must_use]
    pub fn matches(&self, labels: &std::collections::BTreeMap<String, String>) -> bool {
        self.match_labels.iter().all(|(key, value)| labels.get(key) == Some(value))
            && self.match_expressions.iter().all(|r| r.holds(labels.get(&r.key)))
    }
}

impl Requirement {
    fn holds(&self, value: Option<&String>) -> bool {
        match self.operator {
            Relation::In => value.is_some_and(|v| self.values.contains(v)),
            Relation::NotIn => value.is_none_or(|v| !self.values.contains(v)),
            Relation::Exists => value.is_some(),
            Relation::DoesNotExist => value.is_none(),
        }
    }
}
