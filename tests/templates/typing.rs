//! What an expression renders to, and of which type.
use leasehold::plan::render::ITEMS;
use serde_json::json;

use crate::{HEAD, compile, spec, spec_with, stack::context};

#[test]
fn a_whole_expression_keeps_its_type() {
    let values = json!({"flag": true, "ratio": 0.5, "list": ["a", 1], "map": {"a": {"b": 1}}, "text": "7"});
    let spec = spec_with(
        &values,
        "  int: '{{replicas}}'\n  flag: '{{values.flag}}'\n  ratio: '{{ values.ratio }}'\n  list: '{{values.list}}'\n  map: '{{values.map}}'\n  text: '{{values.text}}'\n",
    );
    assert_eq!(
        spec,
        json!({"int": 2, "flag": true, "ratio": 0.5, "list": ["a", 1], "map": {"a": {"b": 1}}, "text": "7"})
    );
}

#[test]
fn an_expression_with_anything_around_it_is_text() {
    let spec =
        spec("  a: 'n={{replicas}}'\n  b: ' {{replicas}}'\n  c: '{{replicas}}{{surge}}'\n  d: |\n    {{replicas}}\n");
    assert_eq!(spec, json!({"a": "n=2", "b": " 2", "c": "21", "d": "2\n"}));
}

#[test]
fn plain_scalars_have_the_types_of_yaml_and_quoted_ones_are_text() {
    let spec = spec(
        "  a: 1\n  b: true\n  c: '1'\n  d: -2.5\n  e: 1.2.3\n  f: ''\n  g: 18446744073709551615\n  h: 10.0.0.0/8\n",
    );
    assert_eq!(
        spec,
        json!({"a": 1, "b": true, "c": "1", "d": -2.5, "e": "1.2.3", "f": "", "g": u64::MAX, "h": "10.0.0.0/8"})
    );
}

#[test]
fn helpers_keep_types_too() {
    let spec = spec_with(
        &json!({"list": ["x", 2], "empty": [], "none": null}),
        concat!(
            "  fallback: '{{default values.none 3}}'\n",
            "  same: '{{eq operator \"memcached\"}}'\n",
            "  other: '{{ne replicas 2}}'\n",
            "  both: '{{and replicas (not values.empty)}}'\n",
            "  either: '{{or values.empty values.none}}'\n",
            "  joined: '{{join values.list \",\"}}'\n",
            "  json: '{{json values.list}}'\n",
            "  count: '{{len values.list}}'\n",
        ),
    );
    assert_eq!(
        spec,
        json!({"fallback": 3, "same": true, "other": false, "both": true, "either": false, "joined": "x,2", "json": "[\"x\",2]", "count": 2})
    );
}

#[test]
fn an_optional_value_that_is_absent_or_empty_leaves_its_key_out() {
    let spec = spec_with(
        &json!({"none": null, "empty": {}, "zero": 0}),
        "  a: '{{optional values.none}}'\n  b: '{{optional values.empty}}'\n  c: '{{optional values.zero}}'\n  d: '{{optional tenant.labels.nowhere}}'\n",
    );
    assert_eq!(spec, json!({"c": 0}));
}

#[test]
fn blocks_live_inside_one_string() {
    let spec = spec_with(
        &json!({"hosts": ["a", "b"], "ports": {"http": 80, "https": 443}}),
        concat!(
            "  if: '{{#if values.hosts}}yes{{else}}no{{/if}}'\n",
            "  unless: '{{#unless replicas}}none{{/unless}}'\n",
            "  chain: '{{#if (eq replicas 1)}}one{{else if (eq replicas 2)}}two{{else}}many{{/if}}'\n",
            "  each: '{{#each values.hosts}}{{@index}}={{this}}{{#unless @last}},{{/unless}}{{/each}}'\n",
            "  map: '{{#each values.ports}}{{@key}}:{{this}} of {{../operator}};{{/each}}'\n",
        ),
    );
    assert_eq!(
        spec,
        json!({"if": "yes", "unless": "", "chain": "two", "each": "0=a,1=b", "map": "http:80 of memcached;https:443 of memcached;"})
    );
}

#[test]
fn a_list_takes_the_elements_of_another_in_the_place_the_template_chose() {
    let yaml = format!("  list:\n  - first\n  - {ITEMS}: '{{{{values.more}}}}'\n  - last\n");
    let spec = spec_with(&json!({"more": [{"a": 1}, "b"]}), &yaml);
    assert_eq!(spec["list"], json!(["first", {"a": 1}, "b", "last"]));
}

#[test]
fn a_document_is_left_out_unless_its_condition_holds() {
    let yaml =
        |condition: &str| format!("leasehold.dev/when: '{condition}'\n{HEAD}---\n{HEAD}  \n---\n# nothing here\n");
    let count = |condition: &str| {
        compile(&yaml(condition)).expect("compiles").render(&context().to_value()).expect("renders").len()
    };
    assert_eq!(count("{{apis.serviceMonitor}}"), 1);
    assert_eq!(count("{{eq operator \"memcached\"}}"), 2);
    let annotated = "apiVersion: v1\nkind: A\nmetadata:\n  name: a\n  annotations:\n    leasehold.dev/when: '{{not apis.serviceMonitor}}'\n";
    let rendered = compile(annotated).expect("compiles").render(&context().to_value()).expect("renders");
    assert_eq!(rendered[0].value, json!({"apiVersion": "v1", "kind": "A", "metadata": {"name": "a"}}));
}
