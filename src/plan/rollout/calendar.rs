//! Change windows at one instant: whether a tenant may be granted anything now. Deny wins; what cannot be understood denies.
use jiff::Timestamp;

use super::clock;
use crate::domain::{
    fleet::{Fleet, Member},
    window::{Opening, Window},
};

/// All windows, each looked at once.
pub struct Calendar<'a> {
    windows: Vec<(&'a str, &'a Window, Opening)>,
    now: Timestamp,
}

impl<'a> Calendar<'a> {
    pub fn new(fleet: &'a Fleet, now: Timestamp) -> Self {
        let windows = fleet.windows.iter().map(|(name, window)| (&**name, window, window.at(now))).collect();
        Self { windows, now }
    }

    /// Why the tenant is granted nothing now, and until when, as far as windows go; `None`: they let it go.
    pub fn closed(&self, member: &Member) -> Option<(String, Option<Timestamp>)> {
        let mine = || self.windows.iter().filter(|(_, window, _)| window.selects(&member.operator, &member.labels));
        let deny = mine().find(|(_, window, opening)| window.denies() && opening.open);
        if let Some((name, window, opening)) = deny {
            return Some((denied(name, window, *opening), opening.changes.filter(|at| *at > self.now)));
        }
        let allows: Vec<_> = mine().filter(|(_, window, _)| !window.denies()).collect();
        if allows.is_empty() || allows.iter().any(|(_, _, opening)| opening.open) {
            return None;
        }
        let names: Vec<&str> = allows.iter().map(|(name, _, _)| *name).take(3).collect();
        let next = allows.iter().filter_map(|(_, _, opening)| opening.changes).min();
        let when = next.map_or("never opens again".into(), |at| format!("opens at {}", clock::shown(at)));
        Some((format!("outside of ChangeWindow {}, which {when}", names.join(", ")), next))
    }
}

fn denied(name: &str, window: &Window, opening: Opening) -> String {
    if let Some(why) = window.trouble() {
        return format!("ChangeWindow {name} cannot be understood, so it denies: {why}; correct or delete it");
    }
    let until = opening.changes.map_or("until it is deleted".into(), |at| format!("until {}", clock::shown(at)));
    let reason = &window.spec.reason;
    let why = if reason.is_empty() { String::new() } else { format!(": {reason}") };
    format!("ChangeWindow {name} denies changes {until}{why}")
}
