//! No value, whatever is in it, is more than a value.
use leasehold::plan::render::Manifest;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    HEAD, compile,
    stack::{context, rendered},
};

/// The tree with every text replaced by nothing: its keys, its lists, its types.
fn shape(value: &Value) -> Value {
    match value {
        Value::String(_) => json!(""),
        Value::Array(items) => items.iter().map(shape).collect(),
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), shape(value))).collect(),
        other => other.clone(),
    }
}

fn shapes(manifests: &[Manifest]) -> Vec<Value> {
    manifests.iter().map(|m| shape(&m.value)).collect()
}

/// Text made of what Handlebars' grammar is made of.
fn handlebars() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "{{",
        "}}",
        "{{{",
        "}}}",
        "{{{{",
        "}}}}",
        "{{#if ",
        "{{/if}}",
        "{{else}}",
        "{{else if ",
        "{{^}}",
        "{{#each ",
        "{{/each}}",
        "{{~",
        "~}}",
        "{{!",
        "{{!--",
        "--}}",
        "{{>",
        "{{*",
        "{{#>",
        "{{#*",
        "{{&",
        "{{/",
        "(",
        ")",
        "eq ",
        "image",
        "args",
        "this",
        "@index",
        "@root",
        "../",
        ".",
        "/",
        "[",
        "]",
        " ",
        "as |x y|",
        "|",
        "=",
        "\"",
        "'",
        "\\",
        "1",
        "-1.5",
        "true",
        "null",
        "{",
        "}",
        ",",
        ":",
        "\n",
        "é",
        "\u{10ffff}",
    ]);
    prop::collection::vec(pieces, 1..24).prop_map(|p| p.concat())
}

/// Text made of what YAML, Handlebars, JSON and shells treat specially.
fn hostile() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "\n",
        "\n---\n",
        ": ",
        "clusterAdmin: true",
        "\"",
        "'",
        "{{",
        "}}",
        "{{{image}}}",
        "{{image}}",
        "#",
        "&a",
        "*a",
        "<<",
        "!!str ",
        "|\n",
        "- ",
        "[",
        "]",
        "{",
        "}",
        "\u{0}",
        "\u{feff}",
        "\u{2028}",
        "\t",
        "\\",
        "$(id)",
        "%",
        ",",
        "null",
        "true",
        "1",
        "\r\n",
        "é",
        "a",
    ]);
    prop_oneof![prop::collection::vec(pieces, 1..12).prop_map(|p| p.concat()), ".{1,40}"]
}

const TEMPLATE: &str = "apiVersion: v1
kind: ConfigMap
metadata: {name: a, namespace: '{{tenant.namespace}}'}
data:
  whole: '{{values.text}}'
  mixed: 'before {{values.text}} after'
  block: |
    {{#if values.text}}{{values.text}}{{/if}}
  each: '{{#each values.list}}{{this}}{{/each}}'
";

proptest! {
    #[test]
    fn a_value_arrives_byte_for_byte_and_changes_nothing_else(text in hostile()) {
        let render = |text: &str| {
            let mut context = context();
            context.values = json!({"text": text, "list": [text]}).as_object().expect("a map").clone();
            compile(TEMPLATE).expect("compiles").render(&context.to_value()).expect("renders")
        };
        let (benign, found) = (render("benign"), render(&text));
        prop_assert_eq!(shapes(&benign), shapes(&found));
        let data = &found[0].value["data"];
        prop_assert_eq!(data["whole"].as_str(), Some(text.as_str()));
        prop_assert_eq!(&data["mixed"], &json!(format!("before {text} after")));
        prop_assert_eq!(&data["block"], &json!(format!("{text}\n")));
        prop_assert_eq!(data["each"].as_str(), Some(text.as_str()));
    }

    #[test]
    fn no_name_or_parameter_of_a_tenant_changes_the_shape_of_the_standard_stack(text in hostile()) {
        let mut hostile = context();
        hostile.tenant.name.clone_from(&text);
        hostile.tenant.namespace.clone_from(&text);
        hostile.operator.clone_from(&text);
        hostile.image.clone_from(&text);
        hostile.metrics_namespace.clone_from(&text);
        hostile.health.liveness_path.clone_from(&text);
        hostile.args[0].clone_from(&text);
        hostile.env[0].value.clone_from(&text);
        let found = rendered(&hostile);
        prop_assert_eq!(shapes(&rendered(&context())), shapes(&found));
        let container = &found[7].value["spec"]["template"]["spec"]["containers"][0];
        prop_assert_eq!(container["image"].as_str(), Some(text.as_str()));
        prop_assert_eq!(container["args"][0].as_str(), Some(text.as_str()));
        prop_assert_eq!(found[0].name(), text.as_str());
    }

    #[test]
    fn no_template_makes_it_panic(yaml in hostile(), expression in handlebars()) {
        let context = context().to_value();
        let _ = compile(&yaml).map(|stack| stack.render(&context));
        let quoted = format!("{HEAD}a: {}\n", Value::from(expression));
        if let Ok(stack) = compile(&quoted) {
            // A context that is not what was declared must not do it either.
            let _ = (stack.render(&context), stack.render(&json!({"image": [1], "args": 7})), stack.render(&json!(null)));
        }
    }
}
