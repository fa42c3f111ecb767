//! Counts or percentages of tenants, as in maxConcurrency and maxFailures.
use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

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
