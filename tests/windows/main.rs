//! Change windows: when they are open, on clocks that are put forward and back, and what they do to a rollout.
#[allow(dead_code, reason = "shared with the suite `planner`, each of which uses a part")]
#[path = "../planner/cluster.rs"]
mod cluster;

mod clocks;
mod grants;

use leasehold::{
    api::{Schedule, Span, WindowAction, WindowSpec},
    domain::window::Window,
};

fn spec(action: WindowAction, cron: &str, hours: u64, zone: &str) -> WindowSpec {
    let schedule = Schedule { cron: cron.into(), duration: Span::secs(hours * 3600), time_zone: zone.into() };
    WindowSpec {
        action,
        reason: "ask the release desk".into(),
        selector: None,
        operators: Vec::new(),
        schedule: Some(schedule),
        until: None,
    }
}

/// A Deny without a schedule.
fn brake() -> Window {
    Window::new(WindowSpec { schedule: None, ..spec(WindowAction::Deny, "0 0 * * *", 1, "UTC") })
}

fn window(action: WindowAction, cron: &str, hours: u64, zone: &str) -> Window {
    Window::new(spec(action, cron, hours, zone))
}
