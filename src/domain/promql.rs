//! Values into a PromQL query, and the reply to it. A value can only ever be the inside of a string literal: a placeholder
//! stands inside quotes or the query is refused, and what has other characters than names and versions have is refused, too.
//! So no value ends a literal, adds a matcher, or is read as an operator.
use serde::Deserialize;

use super::analysis::{Outcome, Reply};
use crate::api::Decimal;

/// What may stand in a query.
pub const VARIABLES: [&str; 6] = ["tenant", "namespace", "operator", "version", "wave", "rollout"];
/// What a query about a whole wave cannot name.
const OF_TENANT: [&str; 2] = ["tenant", "namespace"];
/// Samples that are looked at: a query that gives more means something else than its author thought.
const MOST: usize = 1000;
/// How much of what a Prometheus says of its error is passed on.
const QUOTED: usize = 160;

/// A query that was looked through: text, and the names of the variables between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Variable(&'static str),
}

impl Query {
    /// Looks a query through. `per_tenant`: whether it is asked for each tenant.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str, per_tenant: bool) -> Result<Self, String> {
        let (mut parts, mut rest, mut quotes) = (Vec::new(), text, Quotes::default());
        while let Some(at) = rest.find("{{") {
            let (before, after) = rest.split_at(at);
            quotes.read(before);
            let Some((name, tail)) = after.get(2..).and_then(|after| after.split_once("}}")) else {
                return Err("`{{` is not closed".into());
            };
            let Some(variable) = VARIABLES.into_iter().find(|variable| *variable == name.trim()) else {
                return Err(format!("there is no `{{{{{name}}}}}`; there are {}", VARIABLES.join(", ")));
            };
            if !per_tenant && OF_TENANT.contains(&variable) {
                return Err(format!("`{{{{{variable}}}}}` is of one tenant: it needs `scope: Tenant`"));
            }
            if quotes.open.is_none() {
                return Err(format!("`{{{{{variable}}}}}` must stand inside quotes"));
            }
            parts.extend([Part::Text(before.to_owned()), Part::Variable(variable)]);
            rest = tail;
        }
        quotes.read(rest);
        if quotes.open.is_some() {
            return Err("a quote is not closed".into());
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self(parts))
    }

    /// The query with its values.
    ///
    /// # Errors
    /// A value that has other characters than names and versions have.
    pub fn with<'v>(&self, value: impl Fn(&str) -> &'v str) -> Result<String, String> {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Text(fixed) => text.push_str(fixed),
                Part::Variable(name) => {
                    let value = value(name);
                    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '+');
                    if value.is_empty() || !value.chars().all(plain) {
                        return Err(format!("the value of `{{{{{name}}}}}` has characters that no query may have"));
                    }
                    text.push_str(value);
                }
            }
        }
        Ok(text)
    }
}

/// Whether a place in a query is inside a string literal, or in a comment.
#[derive(Default)]
struct Quotes {
    open: Option<char>,
    escaped: bool,
    comment: bool,
}

impl Quotes {
    fn read(&mut self, text: &str) {
        for c in text.chars() {
            match self.open {
                _ if self.comment => self.comment = c != '\n',
                Some(_) if self.escaped => self.escaped = false,
                // Between backquotes nothing is escaped.
                Some(quote) if quote != '`' && c == '\\' => self.escaped = true,
                Some(quote) if c == quote => self.open = None,
                None if c == '#' => self.comment = true,
                None if matches!(c, '"' | '\'' | '`') => self.open = Some(c),
                Some(_) | None => {}
            }
        }
    }
}

#[derive(Deserialize)]
struct Body {
    status: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    data: Option<Data>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    result_type: String,
    result: serde_json::Value,
}

#[derive(Deserialize)]
struct Series {
    #[serde(default)]
    metric: std::collections::BTreeMap<String, String>,
    value: (f64, String),
}

/// What the reply to an instant query says. Everything but a sample that is a number tells nothing.
#[must_use]
pub fn judge(body: &[u8], min: Option<&Decimal>, max: Option<&Decimal>) -> Reply {
    let body: Body = match serde_json::from_slice(body) {
        Ok(body) => body,
        Err(error) => return Reply::inconclusive(format!("the reply is none of a Prometheus: {error}")),
    };
    let Some(data) = body.data.filter(|_| body.status == "success") else {
        let why: String = body.error.chars().take(QUOTED).collect();
        return Reply::inconclusive(format!("Prometheus could not answer: {why}"));
    };
    let samples = match &*data.result_type {
        "vector" => serde_json::from_value::<Vec<Series>>(data.result),
        "scalar" => serde_json::from_value(data.result).map(|value| vec![Series { metric: [].into(), value }]),
        other => return Reply::inconclusive(format!("the query gives a {other}; it must give a vector or a scalar")),
    };
    match samples {
        Ok(samples) => bounds(&samples, min, max),
        Err(error) => Reply::inconclusive(format!("the samples cannot be read: {error}")),
    }
}

/// All samples must keep the bounds; the first that does not speaks for them.
fn bounds(samples: &[Series], min: Option<&Decimal>, max: Option<&Decimal>) -> Reply {
    if samples.is_empty() {
        return Reply::inconclusive("the query gives no sample");
    }
    if samples.len() > MOST {
        return Reply::inconclusive(format!("the query gives {} samples, {MOST} at most are looked at", samples.len()));
    }
    let wanted = match (min, max) {
        (Some(min), Some(max)) => format!("between {min} and {max}"),
        (Some(min), None) => format!("at least {min}"),
        (None, Some(max)) => format!("at most {max}"),
        (None, None) => return Reply::inconclusive("there is neither `min` nor `max`"),
    };
    let mut first = None;
    for sample in samples {
        let value = sample.value.1.parse::<f64>().unwrap_or(f64::NAN);
        if value.is_nan() {
            return Reply::inconclusive(format!("{} is not a number: {}", name(sample), sample.value.1));
        }
        let within = min.is_none_or(|min| value >= min.get()) && max.is_none_or(|max| value <= max.get());
        if !within && first.is_none() {
            first = Some(sample);
        }
    }
    let n = samples.len();
    match (first, samples.first()) {
        (Some(bad), _) => {
            let value = &*bad.value.1;
            Reply::new(Outcome::Failed, value, format!("{} is {value}; wanted is {wanted}", name(bad)))
        }
        (None, Some(one)) => {
            let more = if n > 1 { format!(", and {} more", n - 1) } else { String::new() };
            let value = &*one.value.1;
            Reply::new(Outcome::Passed, value, format!("{} is {value}{more}; wanted is {wanted}", name(one)))
        }
        (None, None) => Reply::inconclusive("the query gives no sample"),
    }
}

fn name(sample: &Series) -> String {
    let labels: Vec<String> = sample.metric.iter().take(4).map(|(name, value)| format!("{name}={value:?}")).collect();
    if labels.is_empty() { "the value".into() } else { format!("{{{}}}", labels.join(", ")) }
}
