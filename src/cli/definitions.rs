//! A change of a shared CRD and its record → what `status` shows of it. Pure.
use jiff::Timestamp;
use serde::Serialize;

use super::table::{Paint, Tone, age, one_line};
use crate::api::{CrdPhase, CrdUpgrade};

/// A change that is not through yet.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DefinitionView {
    /// Name of the definition.
    pub crd: String,
    pub operator: String,
    /// The release that it is taken to.
    pub target: String,
    pub phase: CrdPhase,
    pub since: Option<Timestamp>,
    /// Tenants that keep the next step from being taken.
    pub blocked: u32,
    /// A person must act.
    pub stalled: bool,
    /// What goes on, or what it waits for.
    pub message: String,
}

impl DefinitionView {
    /// The change, unless it is through.
    #[must_use]
    pub fn of(upgrade: &CrdUpgrade) -> Option<Self> {
        let status = upgrade.status.clone().unwrap_or_default();
        (status.phase != CrdPhase::Done).then(|| Self {
            crd: upgrade.spec.crd.clone(),
            operator: upgrade.spec.operator.clone(),
            target: upgrade.spec.version.clone(),
            phase: status.phase,
            since: status.since.map(|since| since.0),
            blocked: status.blocked,
            stalled: status.conditions.iter().any(|c| c.type_ == "Stalled" && c.status == "True"),
            message: status.message,
        })
    }

    /// A title and what goes on.
    #[must_use]
    pub fn lines(&self, now: Timestamp, paint: Paint) -> Vec<String> {
        let Self { crd, operator, target, phase, .. } = self;
        let tone = if self.stalled { Tone::Bad } else { Tone::Busy };
        let since = self.since.map_or(String::new(), |at| format!(" since {}", age(at, now)));
        let title = paint.dress(Tone::Strong, &format!("CustomResourceDefinition {crd}: to {operator} {target}, "));
        let mut lines = vec![title + &paint.dress(tone, &format!("{phase:?}{since}"))];
        if !self.message.is_empty() {
            let tone = if self.stalled { Tone::Bad } else { Tone::Plain };
            lines.push(format!("  {}", paint.dress(tone, &one_line(&self.message))));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn upgrade(status: &Value) -> CrdUpgrade {
        serde_json::from_value(json!({
            "apiVersion": "leasehold.dev/v1alpha1", "kind": "CrdUpgrade", "metadata": {"name": "n"},
            "spec": {"crd": "caches.example.com", "operator": "cache", "version": "2.0.0"}, "status": status,
        }))
        .unwrap()
    }

    #[test]
    fn who_is_in_the_way_is_shown_until_the_change_is_through() {
        let stalled = json!({"type": "Stalled", "status": "True", "reason": "Barrier", "message": "", "observedGeneration": 1,
            "lastTransitionTime": "2026-01-05T10:00:00Z"});
        let mut status = json!({"phase": "Barrier", "since": "2026-01-05T10:00:00Z", "blocked": 1, "conditions": [stalled],
            "message": "1 tenant is in the way of the next step: acme (1.1.0: it is paused)"});
        let view = DefinitionView::of(&upgrade(&status)).unwrap();
        let lines = view.lines("2026-01-05T10:07:00Z".parse().unwrap(), Paint::Plain);
        let wanted = [
            "CustomResourceDefinition caches.example.com: to cache 2.0.0, Barrier since 7m",
            "  1 tenant is in the way of the next step: acme (1.1.0: it is paused)",
        ];
        assert_eq!((lines, view.blocked, view.stalled), (wanted.map(str::to_owned).to_vec(), 1, true));
        status["phase"] = json!("Done");
        assert_eq!(DefinitionView::of(&upgrade(&status)), None);
    }
}
