//! Whose questions are put, where there are more than may be out.
use std::collections::BTreeMap;

use leasehold::{
    api::When,
    domain::analysis::{Asked, GateKey, Reply, Round},
    plan::analysis::{Ask, Question, in_turn},
};

fn asked(gate: &str, tenant: usize) -> Asked {
    let key = GateKey { rollout: "r".into(), wave: "w".into(), when: When::Before, gate: gate.into() };
    let at = "2026-03-01T12:00:00Z".parse().unwrap();
    Asked { round: Round { key, plan: "p".into(), number: 1, at }, subject: Some(format!("t{tenant:02}")) }
}

/// Sixteen questions of each gate.
fn questions(gates: &[&str]) -> Vec<Question> {
    let of = |gate: &str| (0..16).map(|n| asked(gate, n)).collect::<Vec<_>>();
    let all = gates.iter().flat_map(|gate| of(gate));
    all.map(|asked| Question { asked, ask: Ask::Nobody(Reply::inconclusive("")) }).collect()
}

fn counted<'a>(asked: impl Iterator<Item = &'a Asked>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for asked in asked {
        *counts.entry(asked.round.key.gate.clone()).or_insert(0) += 1;
    }
    counts
}

#[test]
fn every_gate_has_its_share_of_the_places() {
    let gates = ["a", "b", "c", "d", "e", "f"];
    let put = in_turn(questions(&gates), std::iter::empty(), 64);
    let counts = counted(put.iter().map(|question| &question.asked));
    assert_eq!(put.len(), 64);
    assert!(counts.len() == 6 && counts.values().all(|n| (10..=11).contains(n)), "{counts:?}");
}

#[test]
fn who_comes_later_has_the_places_that_become_free() {
    let first: Vec<Asked> =
        in_turn(questions(&["a", "b", "c", "d"]), std::iter::empty(), 64).into_iter().map(|q| q.asked).collect();
    assert_eq!(first.len(), 64);
    // Four are answered, one of each, and a fifth gate has come meanwhile; the others ask on.
    let out: Vec<Asked> = first.into_iter().skip(4).collect();
    let put = in_turn(questions(&["a", "b", "c", "d", "e"]), out.iter(), 4);
    assert_eq!(counted(put.iter().map(|question| &question.asked)), [("e".to_owned(), 4)].into());
    assert_eq!(put[0].asked.subject.as_deref(), Some("t00"), "in its own order");
}

#[test]
fn what_is_out_is_not_put_again() {
    let out: Vec<Asked> = questions(&["a"]).into_iter().map(|question| question.asked).collect();
    assert!(in_turn(questions(&["a"]), out.iter(), 48).is_empty());
    assert!(in_turn(questions(&["b"]), out.iter(), 0).is_empty());
}
