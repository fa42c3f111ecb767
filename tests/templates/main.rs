//! Templates: types are kept, mistakes are found with their place, values stay values, and the built-in stack is sound.
#[path = "../stack/mod.rs"]
mod stack;

mod bounds;
mod handlebars_agrees;
mod injection;
mod quantities;
mod standard_stack;
mod strictness;
mod typing;
mod values;
mod yaml;

use leasehold::plan::render::{Stack, TemplateError, TemplateFile};
use serde_json::{Value, json};
use stack::context;

fn compile(yaml: &str) -> Result<Stack, Vec<TemplateError>> {
    Stack::compile(&[TemplateFile { name: "t.yaml", text: yaml }])
}

/// The errors of compiling or of rendering with the sample context, one a line.
fn errors(yaml: &str) -> String {
    let found = compile(yaml).and_then(|stack| stack.render(&context().to_value()));
    let lines: Vec<String> = found.expect_err("it is wrong").iter().map(ToString::to_string).collect();
    lines.join("\n")
}

const HEAD: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";

/// The errors of a document with this YAML after its head, so that its first line is line 4.
fn errors_of(lines: &str) -> String {
    errors(&format!("{HEAD}{lines}"))
}

/// `spec` of a document whose spec is this YAML, rendered with these values.
fn spec_with(values: &Value, spec: &str) -> Value {
    let mut context = context();
    context.values.clone_from(values.as_object().expect("values are a map"));
    let stack = compile(&format!("{HEAD}spec:\n{spec}")).expect("it compiles");
    stack.render(&context.to_value()).expect("it renders")[0].value["spec"].clone()
}

fn spec(yaml: &str) -> Value {
    spec_with(&json!({}), yaml)
}
