//! YAML that means one thing to everyone.
use insta::assert_snapshot;

use crate::{errors, errors_of};

#[test]
fn what_two_tools_read_differently_is_refused() {
    assert_snapshot!(errors("a: yes\nb: 0644\nc: 0x1F\nd: 1_000\ne: .inf\nf: Off\ng:\nh: {y: 1}\n"), @r"t.yaml:8:5: the key `y` is a bool to some tools: quote it");
}

#[test]
fn anchors_aliases_merges_tags_and_double_keys_are_refused() {
    for (yaml, expected) in [
        ("a: &x 1\n", "t.yaml:1:7: YAML anchors"),
        ("a: *x\n", "t.yaml:1:4: YAML aliases"),
        ("a: {<<: {b: 1}}\n", "t.yaml:1:5: YAML merge keys"),
        ("a: !!str 1\n", "t.yaml:1:10: YAML tags"),
        ("a: 1\nb: 2\na: 3\n", "t.yaml:3:1: the key `a` is there twice"),
        ("a: {{replicas}}\n", "t.yaml:1:5: a key must be a string; an expression needs quotes"),
        ("a: [1\n", "t.yaml:1:4: not valid YAML"),
        ("%YAML 1.1\n---\na: 1\n", "t.yaml:1:1: not valid YAML"),
    ] {
        let found = errors(yaml);
        assert!(found.starts_with(expected), "{yaml:?} gave {found:?}");
    }
}

#[test]
fn two_keys_that_render_to_one_are_refused() {
    assert_snapshot!(errors_of("spec:\n  '{{operator}}': 1\n  memcached: 2\n"), @r"t.yaml:5:3: the key `memcached` is rendered twice in one map");
}
