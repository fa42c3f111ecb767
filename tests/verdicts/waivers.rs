//! What a release's author answers for by name.
use leasehold::{
    domain::crd::Definition,
    plan::crds::{Findings, Stage, Verdict, Waivers, compare, merge},
};
use serde_json::{Value, json};

use crate::build::{none, of_spec, spec_of, waive};

fn sized(size: &Value) -> Definition {
    of_spec(&json!({"type": "object", "properties": {"size": size}}))
}

fn narrower() -> (Definition, Definition) {
    (sized(&json!({"type": "integer"})), sized(&json!({"type": "integer", "maximum": 5})))
}

fn refuses(findings: &Findings) -> bool {
    findings.refusing().next().is_some()
}

#[test]
fn a_waived_scan_no_longer_refuses_and_waits_for_the_scan() {
    let (old, new) = narrower();
    assert!(refuses(&compare(&old, &new, &none())));
    let waived = waive("spec.size=maximum-tightened");
    let found = compare(&old, &new, &waived);
    assert!(!refuses(&found) && found.all[0].waived && found.worst() == Verdict::Scan);
    assert_eq!(found.notes, [""; 0]);
    assert_eq!(merge(&old, &new, Stage::Expand, &waived).definition, old);
    assert_eq!(merge(&old, &new, Stage::Unlock, &waived).definition, new);
}

#[test]
fn a_waiver_is_for_one_path_and_one_rule() {
    let (old, new) = narrower();
    for other in ["spec.share=maximum-tightened", "spec.size=minimum-tightened", "spec=maximum-tightened"] {
        let found = compare(&old, &new, &waive(other));
        assert!(refuses(&found), "{other}");
        assert_eq!(found.notes, [format!("the waiver {other} matches no finding")]);
    }
}

#[test]
fn what_is_refused_for_good_cannot_be_waived() {
    let (old, new) = (sized(&json!({"type": "integer"})), sized(&json!({"type": "string"})));
    let found = compare(&old, &new, &waive("spec.size=type-changed"));
    assert!(refuses(&found) && !found.all[0].waived);
    assert_eq!(found.notes, ["the waiver spec.size=type-changed counts for nothing: that finding cannot be waived"]);
    let found = compare(&old, &sized(&json!({"type": "integer", "x-future": 1})), &waive("spec.size=unknown-keyword"));
    assert!(refuses(&found));
}

#[test]
fn a_narrower_and_a_wider_bound_wait_together_until_both_may_be_taken() {
    let old = sized(&json!({"type": "integer", "minimum": 1, "maximum": 5}));
    let new = sized(&json!({"type": "integer", "minimum": 2, "maximum": 9}));
    let merged = merge(&old, &new, Stage::Expand, &waive("spec.size=minimum-tightened"));
    assert_eq!(spec_of(&merged.definition, "v1"), spec_of(&old, "v1"));
    let merged = merge(&old, &new, Stage::Unlock, &waive("spec.size=minimum-tightened"));
    assert_eq!(spec_of(&merged.definition, "v1"), spec_of(&new, "v1"));
}

#[test]
fn a_waiver_that_is_none_is_said_to_be_none() {
    assert!(Waivers::parse("").unwrap().is_empty());
    assert_eq!(
        waive(" spec.size = maximum-tightened , =names-removed,").iter().collect::<Vec<_>>(),
        [("", "names-removed"), ("spec.size", "maximum-tightened")]
    );
    for text in ["spec.size", "a=b,spec.size", "spec.size="] {
        assert!(Waivers::parse(text).is_err(), "{text}");
    }
}

#[test]
fn fields_of_odd_names_have_a_path_of_their_own() {
    let odd = |value: Value| {
        of_spec(
            &json!({"type": "object", "properties": {"a.b": {"type": "object", "additionalProperties": {"type": "object", "properties": {"c d": value}}}}}),
        )
    };
    let found = compare(
        &odd(json!({"type": "string"})),
        &odd(json!({"type": "string", "pattern": "a"})),
        &waive(r#"spec["a.b"].*["c d"]=pattern-tightened"#),
    );
    assert_eq!(found.all[0].path, r#"spec["a.b"].*["c d"]"#);
    assert!(found.all[0].waived);
}
