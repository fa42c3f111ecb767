//! What a template may cost, and where it is said that it costs too much.
use serde_json::{Value, json};

use crate::{HEAD, compile, errors, stack::context};

#[test]
fn each_bound_is_named_where_it_is_passed() {
    let long = "x".repeat(70_000);
    let deep = format!("{}1{}", "[".repeat(40), "]".repeat(40));
    let many = "apiVersion: v1\nkind: A\nmetadata: {name: a}\n---\n".repeat(65);
    let nested = format!("{HEAD}a: '{}x{}'\n", "{{#if replicas}}".repeat(20), "{{/if}}".repeat(20));
    let parens = format!("{HEAD}a: '{{{{not {}1}}}}'\n", "(not ".repeat(80));
    for (yaml, expected) in [
        (format!("a: {}", "x".repeat(300_000)), "t.yaml: the templates are 300003 bytes long, more than 262144"),
        (format!("a: {deep}"), "t.yaml:1:35: more than 32 levels deep"),
        (many, "t.yaml:257:1: more than 64 objects in one stack"),
        (format!("{HEAD}a: '{{{{image}}}}{long}'\n"), "t.yaml:4:4: longer than 65536 bytes"),
        (nested, "t.yaml:4:4: blocks or brackets more than 16 deep"),
        (parens, "t.yaml:4:4: blocks or brackets more than 16 deep"),
        (format!("{HEAD}a: '{}'\n", "{{image}}".repeat(257)), "t.yaml:4:4: more than 256 expressions in one string"),
    ] {
        assert_eq!(errors(&yaml).lines().next(), Some(expected));
    }
}

#[test]
fn what_a_value_makes_of_a_template_is_bound_too() {
    let render = |values: Value, yaml: &str| {
        let mut context = context();
        context.values = values.as_object().expect("a map").clone();
        compile(&format!("{HEAD}{yaml}")).expect("compiles").render(&context.to_value()).expect_err("too much")
    };
    let long = "x".repeat(40_000);
    let doubled = render(json!({"long": long}), "a: '{{values.long}}{{values.long}}'\n");
    assert_eq!(doubled[0].to_string(), "t.yaml:4:4: renders to more than 65536 bytes (at character 15 of the string)");
    let list: Vec<&str> = vec!["0123456789"; 10_000];
    let looped = render(json!({"list": list}), "a: '{{#each values.list}}{{this}}{{/each}}'\n");
    assert!(looped[0].message.starts_with("renders to more than 65536 bytes"), "{}", looped[0]);
    let mut deep = json!(1);
    for _ in 0..32 {
        deep = json!([deep]);
    }
    assert_eq!(render(json!({"deep": deep}), "a: '{{values.deep}}'\n")[0].message, "renders to more than 32 levels");
    let wide = "x".repeat(1_000_000);
    let twice = render(json!({"wide": [wide]}), "a: '{{values.wide}}'\nb: '{{values.wide}}'\n");
    assert!(twice[0].message.contains("more than 1048576 bytes"), "{}", twice[0]);
}

/// Tests run on 2 MiB of stack, like the threads of a runtime: the grammar's recursion must fit within the bounds.
#[test]
fn what_is_just_within_the_bounds_is_read() {
    let nested = format!("{}x{}", "{{#if replicas}}".repeat(16), "{{/if}}".repeat(16));
    let parens = format!("{{{{not {}1{}}}}}", "(not ".repeat(60), ")".repeat(60));
    let brackets = format!("{{{{len {}1{}}}}}", "[".repeat(60), "]".repeat(60));
    let deep = format!("{}1{}", "[".repeat(30), "]".repeat(30));
    let many = "{{image}}".repeat(256);
    let yaml = format!("{HEAD}a: '{nested}'\nb: '{parens}'\nc: '{brackets}'\nd: {deep}\ne: '{many}'\n");
    let rendered = compile(&yaml).expect("compiles").render(&context().to_value()).expect("renders");
    assert_eq!(rendered[0].value["a"], "x");
    // 61 times not.
    assert_eq!(rendered[0].value["b"], false);
    assert_eq!(rendered[0].value["c"], 1);
}
