//! Lengths of time as Go writes them, and instants as RFC 3339.
use std::{borrow::Cow, fmt, time::Duration};

use jiff::Timestamp;
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
