//! The grammar is Handlebars' own, the evaluation is ours: where both take a template, both say the same.
use serde_json::{Value, json};

use crate::{HEAD, compile, stack::context};

/// The evaluation is ours; where it takes a template, Handlebars' own renderer must say the same.
#[test]
fn on_everything_that_both_take() {
    let data = json!({"list": ["a", "b"], "none": [], "map": {"k": "v", "l": "w"}, "zero": 0, "rows": [["1", "2"], ["3"]], "text": "t <&> \"q\""});
    let mut context = context();
    context.values = data.as_object().expect("a map").clone();
    let context = context.to_value();
    let mut registry = handlebars::Handlebars::new();
    registry.register_escape_fn(handlebars::no_escape);
    registry.set_strict_mode(true);
    for template in [
        "plain {{operator}} {{tenant.name}}",
        "{{values.text}}.",
        "{{#if values.none}}a{{else}}b{{/if}}!",
        "{{#if values.zero}}a{{else if values.list}}b{{else}}c{{/if}}!",
        "{{#unless values.map}}a{{^}}b{{/unless}}!",
        "{{#each values.list}}{{@index}}{{this}}{{@first}}{{@last}};{{/each}}.",
        "{{#each values.map}}{{@key}}={{this}};{{/each}}.",
        "{{#each values.none}}x{{else}}none{{/each}}.",
        "{{#each values.rows}}[{{#each this}}{{this}}{{@index}},{{/each}}]{{/each}}.",
        "{{#each values.list}}{{../operator}}{{#if @first}}{{this}}{{/if}} {{/each}}.",
        "a  {{~operator~}}  b",
        "a\n  {{#if replicas}}\n  b\n  {{/if}}\nc",
        "\\{{operator}} \\\\{{operator}}",
        "{{! a comment }}x{{!-- another {{}} --}}y",
        "{{values.list.[1]}} {{values/map/k}} {{values.map.[l]}}",
        "{{#if (eq replicas 2)}}two{{/if}} {{#if (and replicas (not surge))}}x{{/if}}",
        "{{len values.list}} {{replicas}} {{apis.serviceMonitor}}",
    ] {
        let yaml = format!("{HEAD}spec: {}\n", Value::from(template));
        let ours = compile(&yaml).unwrap_or_else(|e| panic!("{template}: {e:?}"));
        let ours = ours.render(&context).unwrap_or_else(|e| panic!("{template}: {e:?}"));
        let theirs = registry.render_template(template, &context).unwrap_or_else(|e| panic!("{template}: {e}"));
        assert_eq!(ours[0].value["spec"].as_str(), Some(theirs.as_str()), "{template}");
    }
}
