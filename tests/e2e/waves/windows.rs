//! A change window opens by the clock, and another one that denies stands above it.

use jiff::Timestamp;
use kube::Api;
use leasehold::api::{ChangeWindow, Phase};
use serde_json::json;

use super::{three, two_waves};
use crate::fleet::PATIENCE;
use crate::looks::Looks;
use crate::runs::{all_of, all_wait, ask, grant, granted, reached, says, shut, window};
use crate::support::watch_until;

/// What is looked at before the window opens takes a few seconds; a busy machine gets more.
const BEFORE: i64 = 25;

#[tokio::test]
async fn wave_window_opens() {
    let (fleet, tenants) = three("opens", two_waves("5m")).await;
    let [canary, others @ ..] = &tenants;
    let opening = Timestamp::from_second((Timestamp::now().as_second() + BEFORE + 59) / 60 * 60).unwrap();
    let clock = opening.to_zoned(jiff::tz::TimeZone::UTC);
    let schedule = json!({"cron": format!("{} {} * * *", clock.minute(), clock.hour()), "duration": "10m"});
    window(&fleet, "allow", &json!({"action": "Allow", "schedule": schedule})).await;
    let stable = json!({"matchLabels": {"ring": "stable"}});
    window(&fleet, "deny", &json!({"action": "Deny", "reason": "not today", "selector": stable})).await;

    ask(&fleet, &tenants, "1.1.0", json!({})).await;
    let waits = all_wait(&fleet, std::slice::from_ref(canary), "Window").await;
    let said = waits[0].message("Reconciling");
    assert!(said.contains("opens-allow") && said.contains(&format!("opens at {opening}")), "{said}");
    says(&fleet, "1.1.0", "1 outside their change windows").await;
    assert_eq!(granted(&fleet, &tenants).await, ["1.0.0"; 3]);
    let windows: Api<ChangeWindow> = Api::all(fleet.client.clone());
    let open = |window: Option<&ChangeWindow>| {
        let status = window.and_then(|window| window.status.as_ref());
        // While it is shut it says when that ends.
        assert!(status.is_none_or(|status| status.open || status.changes_at.is_some_and(|at| at.0 == opening)));
        status.is_some_and(|status| status.open)
    };
    watch_until(&windows, "opens-allow", "it opens", PATIENCE, open).await;
    assert!(Timestamp::now() >= opening);

    // The canary goes, the others may not: an Allow that is open does not outrank a Deny.
    let first = fleet.runs(canary, "1.1.0").await;
    assert!(grant(&first).at.0 >= opening, "granted at {}, open from {opening}", grant(&first).at.0);
    println!("granted {} after the window opened", grant(&first).at.0.duration_since(opening));
    let waits = all_wait(&fleet, others, "Window").await;
    let said = waits[0].message("Reconciling");
    assert!(said.contains("opens-deny") && said.contains("not today"), "{said}");
    says(&fleet, "1.1.0", "2 outside their change windows").await;
    assert_eq!(granted(&fleet, others).await, ["1.0.0"; 2]);
    shut(&fleet, "deny").await;
    reached(&fleet, "1.1.0", Phase::Succeeded).await;
    all_of(&fleet, others, "1.1.0").await;
    shut(&fleet, "allow").await;
    fleet.end().await;
}
