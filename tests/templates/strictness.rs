//! What is not declared is found where it is written, before any tenant renders it.
use insta::assert_snapshot;
use leasehold::plan::render::{Fragment, Shape, Stack, TemplateFile};
use serde_json::json;

use crate::{errors, errors_of, stack::context};

#[test]
fn an_unknown_variable_is_found_where_it_stands() {
    let found = errors_of(
        "spec:
  replicas: '{{replcas}}'
  deep:
  - ok
  - 'x {{leaderElection.leaseNam}} y'
  far: '{{operatorVersion}}'
  leaf: '{{image.tag}}'
  list: '{{args.first}}'
  '{{tenant.nam}}': as a key
",
    );
    assert_snapshot!(found, @r"
    t.yaml:5:13: unknown variable `replcas` here: did you mean `replicas`?
    t.yaml:8:5: unknown variable `leaseNam` in `leaderElection`: did you mean `leaseName`? (at character 2 of the string)
    t.yaml:9:8: unknown variable `operatorVersion`: declared here are apiServer, apis, args, env, health, image, leaderElection, limitRange, metricsNamespace, operator, podAnnotations, podSecurity, quota, replicas, resources, revision, rules, surge, tenant, values, version
    t.yaml:10:9: `image` is a plain value, it has no `tag`
    t.yaml:11:9: `args` is a list: `first` is not a position in it
    t.yaml:12:3: unknown variable `nam` in `tenant`: did you mean `name`?
    ");
}

#[test]
fn a_typo_under_an_if_or_in_a_branch_not_taken_is_found() {
    let found = errors_of(
        "a: '{{#if replcas}}x{{/if}}'
b: '{{#unless replicas}}{{tenant.nam}}{{/unless}}'
c: '{{default imge 1}}'
d: '{{#if (eq (not replicsa) true)}}x{{else if surg}}y{{/if}}'
e: '{{#each env}}{{this.nam}} {{../operatr}}{{/each}}'
f: |
  first line
  {{#each rules}}{{#each this.verb}}x{{/each}}{{/each}}
",
    );
    assert_snapshot!(found, @r"
    t.yaml:4:4: unknown variable `replcas` here: did you mean `replicas`?
    t.yaml:5:4: unknown variable `nam` in `tenant`: did you mean `name`? (at character 20 of the string)
    t.yaml:6:4: unknown variable `imge` here: did you mean `image`?
    t.yaml:7:4: unknown variable `replicsa` here: did you mean `replicas`?
    t.yaml:7:4: unknown variable `surg` here: did you mean `surge`?
    t.yaml:8:4: unknown variable `nam` here: did you mean `name`? (at character 13 of the string)
    t.yaml:8:4: unknown variable `operatr` here: did you mean `operator`? (at character 26 of the string)
    t.yaml:10:3: unknown variable `verb` here: did you mean `verbs`? (at character 26 of the string)
    ");
}

#[test]
fn raw_expressions_partials_decorators_and_unknown_helpers_are_refused() {
    let found = errors_of(
        r#"a: '{{{image}}}'
b: '{{&image}}'
c: '{{> other}}'
d: '{{* deco image}}'
e: '{{env "HOME"}}'
f: '{{lookup tenant "name"}}'
g: '{{#with tenant}}{{name}}{{/with}}'
h: '{{log image}}'
i: '{{default (now 1) 2}}'
j: '{{{{raw}}}}x{{{{/raw}}}}'
k: '{{#> layout}}x{{/layout}}'
l: '{{#*inline "x"}}y{{/inline}}'
"#,
    );
    assert_snapshot!(found, @r"
    t.yaml:4:4: raw expressions (`{{{x}}}`, `{{&x}}`) are not taken: write `{{x}}`
    t.yaml:5:4: raw expressions (`{{{x}}}`, `{{&x}}`) are not taken: write `{{x}}`
    t.yaml:6:4: partials (`{{> x}}`) are not taken: a template stands for itself
    t.yaml:7:4: decorators (`{{* x}}`) are not taken
    t.yaml:8:4: unknown helper `env`: there are default, eq, ne, not, and, or, json, join, len
    t.yaml:9:4: unknown helper `lookup`: there are default, eq, ne, not, and, or, json, join, len
    t.yaml:10:4: unknown block `{{#with}}`: there are if, unless, each
    t.yaml:11:4: unknown helper `log`: there are default, eq, ne, not, and, or, json, join, len
    t.yaml:12:4: unknown helper `now`: there are default, eq, ne, not, and, or, json, join, len
    t.yaml:13:4: `{{#raw}}` takes one value
    t.yaml:14:4: partials (`{{> x}}`) are not taken: a template stands for itself
    t.yaml:15:4: decorators (`{{* x}}`) are not taken
    ");
}

#[test]
fn other_ways_around_the_declared_names_are_refused() {
    let found = errors_of(
        "a: '{{@root.image}}'
b: '{{../image}}'
c: '{{tenant.this.name}}'
d: '{{@index}}'
e: '{{#each args as |a|}}{{a}}{{/each}}'
f: '{{json image pretty=true}}'
g: '{{image 1}}'
h: '{{this}}'
i: '{{not image image}}'
j: 'x{{optional image}}'
",
    );
    assert_snapshot!(found, @r"
    t.yaml:4:4: `@root.image` is not a path that is taken here: write `a.b.c`, `this` or `../a`
    t.yaml:5:4: `../image` leaves more `{{#each}}` than there are
    t.yaml:6:4: `tenant.this.name` is not a path that is taken here: write `a.b.c`, `this` or `../a`
    t.yaml:7:4: `@index` is only known inside `{{#each}}`
    t.yaml:8:4: block parameters (`as |x|`) are not taken: use `this`, `@index` and `@key`
    t.yaml:9:4: options (`name=value`) are not taken: arguments go by their order
    t.yaml:10:4: unknown helper `image`: there are default, eq, ne, not, and, or, json, join, len
    t.yaml:11:4: `this` is everything there is here: name what you need of it
    t.yaml:12:4: `not` takes 1 value(s), not 2
    t.yaml:13:4: `optional` decides about a key, so it must be the whole string (at character 1 of the string)
    ");
}

#[test]
fn a_value_that_is_not_there_is_an_error_until_the_template_says_what_to_do() {
    let found = errors_of(
        r#"a: '{{values.tls.name}}'
b: '{{#if replicas}}x{{else}}{{values.never.looked.at}}{{/if}}'
c: '{{tenant.labels.zone}}'
d: 'in {{tenant.labels.zone}}'
e: '{{join tenant.labels.zone ","}}'
f: '{{default tenant.labels.zone "eu"}}'
g: '{{#if tenant.labels.zone}}x{{/if}}'
"#,
    );
    assert_snapshot!(found, @r"
    t.yaml:4:4: unknown variable `values.tls.name`: this tenant's values do not have it, and no valuesSchema declares it
    t.yaml:5:4: unknown variable `values.never.looked.at`: this tenant's values do not have it, and no valuesSchema declares it
    t.yaml:6:4: `tenant.labels.zone` has no value here; give it one with `default`, or use `optional`
    t.yaml:7:4: `tenant.labels.zone` has no value here; give it one with `default`, or use `optional` (at character 3 of the string)
    t.yaml:8:4: `tenant.labels.zone` has no value here; give it one with `default`
    ");
}

#[test]
fn lists_and_maps_have_no_text() {
    assert_snapshot!(errors_of("a: 'x {{quota}}'\nb: 'x {{args}}'\n"), @r"
    t.yaml:4:4: a map has no text: name one of its fields, or use `json` (at character 2 of the string)
    t.yaml:5:4: a list has no text: use `join` or `json` (at character 2 of the string)
    ");
    assert_snapshot!(errors_of("a: 'x {{values}}'\n'{{rules}}': as a key\n"), @r"
    t.yaml:4:4: `values` is a map, which has no text; name one of its fields, or use `json` (at character 2 of the string)
    t.yaml:5:1: `rules` is a list, which has no text; use `join` or `json`
    ");
}

#[test]
fn what_is_not_handlebars_is_said_to_be_that() {
    assert_snapshot!(errors_of("a: 'x {{image'\nb: '{{#if image}}x'\nc: '{{#if image}}x{{/unless}}'\nd: '{{}}'\n"), @r#"
    t.yaml:4:4: not a valid Handlebars expression: `{{` without its `}}`, a block without its end, or a character that does not belong here (at character 9 of the string)
    t.yaml:5:4: not a valid Handlebars expression: `{{` without its `}}`, a block without its end, or a character that does not belong here (at character 14 of the string)
    t.yaml:6:4: not a valid Handlebars expression: helper "if" was opened, but "unless" is closing (at character 14 of the string)
    t.yaml:7:4: not a valid Handlebars expression: `{{` without its `}}`, a block without its end, or a character that does not belong here (at character 2 of the string)
    "#);
}

#[test]
fn with_a_schema_what_it_declares_may_be_absent_and_nothing_else_is_known() {
    let values = Shape::Object([("tls".to_owned(), Shape::Leaf)].into());
    let file = |text: &'static str| [TemplateFile { name: "t.yaml", text }];
    let known = "apiVersion: v1\nkind: A\nmetadata: {name: '{{#if values.tls}}tls{{else}}plain{{/if}}'}\n";
    let stack = Stack::compile_for(&file(known), values.clone()).expect("compiles");
    assert_eq!(stack.render(&context().to_value()).expect("renders")[0].name(), "plain");
    let typo = "apiVersion: v1\nkind: A\nmetadata: {name: '{{default values.cert 1}}'}\n";
    assert_snapshot!(Stack::compile_for(&file(typo), values).expect_err("a typo")[0], @r"t.yaml:3:18: unknown variable `cert`: declared in `values` are tls");
}

#[test]
fn what_is_not_an_object_is_refused() {
    assert_snapshot!(errors("- a\n"), @r"t.yaml:1:1: a document must be a map with apiVersion, kind and metadata");
    assert_snapshot!(errors("kind: A\n---\napiVersion: v1\nkind: A\nmetadata: {name: '{{replicas}}'}\n"), @r"
    t.yaml:1:1: an object needs `apiVersion`, a string that is not empty
    t.yaml:3:1: an object needs `metadata.name`, a string that is not empty
    ");
}

#[test]
fn a_condition_is_true_or_false_and_stands_at_the_top() {
    assert_snapshot!(errors_of("leasehold.dev/when: '{{image}}'\n"), @r"t.yaml:1:1: `leasehold.dev/when` must render to true or false");
    assert_snapshot!(errors_of("a: {leasehold.dev/when: '{{image}}'}\nb: {leasehold.dev/items: '{{args}}'}\n"), @r"
    t.yaml:4:5: `leasehold.dev/when` is read at the top of a document or among its annotations, not here
    t.yaml:5:5: `leasehold.dev/items` is read in an element of a list, not here
    ");
    assert_snapshot!(errors_of("a:\n- {leasehold.dev/items: '{{args}}', b: 1}\n"), @r"t.yaml:5:3: `leasehold.dev/items` stands alone in a list element, with one expression");
    assert_snapshot!(errors_of("a:\n- leasehold.dev/items: '{{image}}'\n"), @r"t.yaml:5:24: `leasehold.dev/items` needs a list, this is none");
}

#[test]
fn a_release_s_own_strings_have_a_path_instead_of_lines() {
    let args = json!(["--leader-elect", "--id={{leaderElection.id}}", "{{replicas}}"]);
    let fragment = Fragment::compile("spec.args", &args, Shape::Any).expect("compiles");
    let rendered = fragment.render(&context().to_value()).expect("renders");
    assert_eq!(rendered, json!(["--leader-elect", "--id=foo.memcached.cache.example.com", "2"]));
    let errors = |value| Fragment::compile("spec.args", &value, Shape::Any).expect_err("wrong")[0].to_string();
    assert_snapshot!(errors(json!(["--ok", "--id={{leaderElection.ID}}"])), @r"spec.args[1]: unknown variable `ID` in `leaderElection`: did you mean `id`? (at character 5 of the string)");
    // What is rendered first cannot name what it becomes part of.
    assert_snapshot!(errors(json!(["{{args}}"])), @r"spec.args[0]: unknown variable `args`: declared here are apiServer, apis, health, image, leaderElection, limitRange, metricsNamespace, operator, podSecurity, quota, replicas, resources, revision, rules, surge, tenant, values, version");
}
