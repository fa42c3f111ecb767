//! Two words, one after the other and at once, in every state: the higher one wins, whichever came first, and no rule is
//! broken on the way (each tick is checked).
use leasehold::api::Phase;

use super::{VERBS, cluster::Cluster, copy, states, word};

/// One state, two words, and what came of it.
struct Outcome<'a> {
    before: String,
    said: [&'a str; 2],
    cluster: Cluster,
    run: &'a str,
    told: String,
}

fn spoken(at_once: bool, check: impl Fn(Outcome)) {
    for (state, reached, run) in states() {
        let before = word(&reached, run);
        for (first, act) in VERBS {
            for (second, then) in VERBS {
                let mut cluster = copy(&reached);
                act(&mut cluster, run);
                if !at_once {
                    cluster.settle();
                }
                then(&mut cluster, run);
                cluster.settle();
                let told = format!("{state}: {first}, {second}");
                check(Outcome { before: before.clone(), said: [first, second], cluster, run, told });
            }
        }
    }
}

fn ended(word: &str) -> bool {
    matches!(word, "Succeeded" | "Aborted" | "Superseded" | "RolledBack")
}

#[test]
fn an_abort_outranks_every_other_word() {
    spoken(true, |Outcome { before, said, cluster, run, told }| {
        if said.contains(&"abort") && !ended(&before) {
            assert_eq!(cluster.phase(run), Phase::Aborted, "{told}");
        }
    });
}

#[test]
fn an_undo_outranks_every_word_but_an_abort() {
    spoken(true, |Outcome { before, said, cluster, run, told }| {
        if said.contains(&"undo") && !said.contains(&"abort") && !ended(&before) {
            let after = word(&cluster, run);
            assert!(["going back", "RolledBack"].contains(&&*after), "{told}: {after}");
        }
    });
}

#[test]
fn what_has_ended_stays_ended() {
    spoken(false, |Outcome { before, cluster, run, told, .. }| {
        if ended(&before) {
            assert_eq!(word(&cluster, run), before, "{told}");
        }
    });
}

#[test]
fn a_suspension_that_is_not_taken_back_grants_nobody() {
    spoken(false, |Outcome { said: [first, second], cluster, run, told, .. }| {
        if first != "suspend" || second.starts_with("resume") {
            return;
        }
        let mut later = copy(&cluster);
        later.granted.clear();
        later.after(86_400);
        let by_it = |name: &String| later.fleet.members[name].granted.as_ref().unwrap().rollout.as_deref() == Some(run);
        let new: Vec<&String> = later.granted.iter().filter(|name| by_it(name)).collect();
        assert!(new.is_empty(), "{told}: {new:?}");
    });
}
