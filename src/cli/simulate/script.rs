//! Documents → a [`Script`]: everything is checked that can be before the story begins.
use jiff::Timestamp;
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::{
    compact::{Releases, Tenants},
    document::{Document, ScriptError},
    event::{Fleet, Happening},
};
use crate::{
    api::Span,
    simulate::{Event, Fate, Object, Script, Show},
};

/// The document of kind Simulation.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Simulation {
    #[serde(default, rename = "apiVersion")]
    _api_version: Option<String>,
    #[serde(rename = "kind")]
    _kind: String,
    title: String,
    start: Timestamp,
    /// When to stop telling.
    #[serde(default)]
    end: Option<Spanned<String>>,
    #[serde(default)]
    show: Show,
    #[serde(default)]
    releases: Vec<Spanned<Releases>>,
    #[serde(default)]
    tenants: Vec<Spanned<Tenants>>,
    #[serde(default)]
    fates: Vec<Fate>,
    #[serde(default)]
    events: Vec<Happening>,
}

/// The script that these documents are.
pub fn script(documents: Vec<Document>) -> Result<Script, ScriptError> {
    let (mut found, mut objects, mut last) = (None, Vec::new(), 1);
    for document in documents {
        last = document.line;
        if document.kind() != "Simulation" {
            objects.extend(document.objects()?);
        } else if found.is_none() {
            found = Some(document.read::<Simulation>()?);
        } else {
            return Err(ScriptError {
                line: document.line,
                why: "a script has one document of kind Simulation".into(),
            });
        }
    }
    let none =
        || ScriptError { line: last, why: "no document of kind Simulation: see leasehold simulate --help".into() };
    found.ok_or_else(none)?.script(objects)
}

impl Simulation {
    fn script(self, mut objects: Vec<Object>) -> Result<Script, ScriptError> {
        for short in &self.releases {
            objects.extend(short.value.objects().map_err(|why| error(short, why))?);
        }
        for short in &self.tenants {
            objects.extend(short.value.objects().map_err(|why| error(short, why))?);
        }
        let mut fleet = Fleet::of(&objects);
        let mut events = Vec::new();
        for happening in self.events {
            let line = happening.at.referenced.line();
            let at = moment(&happening.at, self.start)?;
            let act = happening.act(&fleet).map_err(|why| ScriptError { line, why })?;
            fleet.follow(&act);
            events.push(Event { line, at, act });
        }
        events.sort_by_key(|event| event.at);
        let end = self.end.map(|end| moment(&end, self.start)).transpose()?;
        let Self { title, start, show, fates, .. } = self;
        Ok(Script { title, start, end, show, objects, fates, events })
    }
}

fn error<T>(at: &Spanned<T>, why: String) -> ScriptError {
    ScriptError { line: at.referenced.line(), why }
}

/// A time as RFC 3339 has it, or a length of time after the start.
fn moment(text: &Spanned<String>, start: Timestamp) -> Result<Timestamp, ScriptError> {
    if let Ok(at) = text.value.parse::<Timestamp>() {
        let early = || error(text, format!("{at} is before the start"));
        return if at < start { Err(early()) } else { Ok(at) };
    }
    let span = Span::try_from(text.value.clone());
    let span = span
        .map_err(|_| error(text, format!("`{}` is no time such as 90s, 1h30m or 2026-03-02T09:00:00Z", text.value)))?;
    start.checked_add(span.signed()).map_err(|why| error(text, why.to_string()))
}
