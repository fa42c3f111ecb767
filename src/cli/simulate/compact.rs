//! The short forms of a script: many tenants and releases in a line each. They become the objects that they stand for.
use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value, json};

use super::document::object_or_list;
use crate::simulate::Object;

/// Names that a range may stand for: ten times the largest fleet.
const MOST: u32 = 100_000;

/// Tenants that differ in their names only.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tenants {
    names: Names,
    operator: String,
    version: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    /// More of their spec.
    #[serde(default)]
    spec: serde_json::Map<String, Value>,
}

/// Releases that differ in their versions only.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Releases {
    operator: String,
    versions: Vec<String>,
    #[serde(default)]
    upgrades_from: Option<String>,
    #[serde(default)]
    rollback_to: Option<String>,
}

/// Names: a list, or a text such as `t-{001..100}`.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Names {
    One(String),
    List(Vec<String>),
}

impl Names {
    /// All of them.
    pub fn all(&self) -> Result<BTreeSet<String>, String> {
        let list = match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::List(names) => names,
        };
        let all: Result<Vec<Vec<String>>, String> = list.iter().map(|name| expand(name)).collect();
        all.map(|all| all.into_iter().flatten().collect())
    }
}

/// `t-{08..10}` is t-08, t-09, t-10.
fn expand(name: &str) -> Result<Vec<String>, String> {
    let Some((before, rest)) = name.split_once('{') else { return Ok(vec![name.to_owned()]) };
    let wrong = || format!("`{name}` is no name, and no range such as t-{{001..100}}");
    let (range, after) = rest.split_once('}').ok_or_else(wrong)?;
    let (from, to) = range.split_once("..").ok_or_else(wrong)?;
    let width = from.len();
    let number = |text: &str| text.parse::<u32>().map_err(|_| wrong());
    let (from, to) = (number(from)?, number(to)?);
    if to.saturating_sub(from) >= MOST {
        return Err(format!("`{name}` is more than {MOST} names"));
    }
    Ok((from..=to).map(|n| format!("{before}{n:0width$}{after}")).collect())
}

impl Tenants {
    pub fn objects(&self) -> Result<Vec<Object>, String> {
        let object = |name: &String| {
            let mut spec = self.spec.clone();
            spec.insert("operator".into(), self.operator.clone().into());
            spec.insert("version".into(), self.version.clone().into());
            json!({"kind": "Tenant", "metadata": {"name": name, "labels": self.labels}, "spec": spec})
        };
        let all = self.names.all()?;
        object_or_list(all.iter().map(object).collect())
    }
}

impl Releases {
    pub fn objects(&self) -> Result<Vec<Object>, String> {
        let operator = &self.operator;
        let object = |version: &String| {
            let mut spec = json!({
                "operator": operator, "version": version, "image": format!("example.com/{operator}:{version}"),
                "leaderElection": {"id": format!("{operator}.example.com")},
            });
            for (key, value) in [("upgradesFrom", &self.upgrades_from), ("rollbackTo", &self.rollback_to)] {
                if let Some(value) = value {
                    spec[key] = value.clone().into();
                }
            }
            json!({"kind": "OperatorRelease", "metadata": {"name": format!("{operator}-{version}")}, "spec": spec})
        };
        object_or_list(self.versions.iter().map(object).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_keeps_its_width() {
        assert_eq!(expand("t-{08..10}").unwrap(), ["t-08", "t-09", "t-10"]);
        assert_eq!(expand("acme").unwrap(), ["acme"]);
        assert!(expand("t-{a..b}").unwrap_err().contains("t-{a..b}"));
    }
}
