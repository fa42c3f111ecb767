//! Templates: types are kept, mistakes are found with their place, values stay values, and the built-in stack is sound.
mod stack;

use leasehold::{
    api::PodSecurity,
    plan::{
        choke_point,
        render::{Fragment, ITEMS, Manifest, Shape, Stack, Stamp, TemplateError, TemplateFile, builtin, stamp},
    },
};
use proptest::prelude::*;
use serde_json::{Value, json};
use stack::{context, rendered, scope, standard};

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

/// `spec` of a document whose spec is this YAML, rendered with these values.
fn spec_with(values: Value, spec: &str) -> Value {
    let mut context = context();
    context.values = values.as_object().expect("values are a map").clone();
    let stack = compile(&format!("{HEAD}spec:\n{spec}")).expect("it compiles");
    stack.render(&context.to_value()).expect("it renders")[0].value["spec"].clone()
}

fn spec(yaml: &str) -> Value {
    spec_with(json!({}), yaml)
}

mod typing {
    use super::*;

    #[test]
    fn a_whole_expression_keeps_its_type() {
        let values = json!({"flag": true, "ratio": 0.5, "list": ["a", 1], "map": {"a": {"b": 1}}, "text": "7"});
        let spec = spec_with(
            values.clone(),
            "  int: '{{replicas}}'\n  flag: '{{values.flag}}'\n  ratio: '{{ values.ratio }}'\n  list: '{{values.list}}'\n  map: '{{values.map}}'\n  text: '{{values.text}}'\n",
        );
        assert_eq!(
            spec,
            json!({"int": 2, "flag": true, "ratio": 0.5, "list": ["a", 1], "map": {"a": {"b": 1}}, "text": "7"})
        );
    }

    #[test]
    fn an_expression_with_anything_around_it_is_text() {
        let spec = spec(
            "  a: 'n={{replicas}}'\n  b: ' {{replicas}}'\n  c: '{{replicas}}{{surge}}'\n  d: |\n    {{replicas}}\n",
        );
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
            json!({"list": ["x", 2], "empty": [], "none": null}),
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
            json!({"none": null, "empty": {}, "zero": 0}),
            "  a: '{{optional values.none}}'\n  b: '{{optional values.empty}}'\n  c: '{{optional values.zero}}'\n  d: '{{optional tenant.labels.nowhere}}'\n",
        );
        assert_eq!(spec, json!({"c": 0}));
    }

    #[test]
    fn blocks_live_inside_one_string() {
        let spec = spec_with(
            json!({"hosts": ["a", "b"], "ports": {"http": 80, "https": 443}}),
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
        let spec = spec_with(json!({"more": [{"a": 1}, "b"]}), &yaml);
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
}

mod strictness {
    use super::*;

    #[test]
    fn an_unknown_variable_is_found_where_it_stands() {
        insta::assert_snapshot!(
                    errors(&format!("{HEAD}spec:\n  replicas: '{{{{replcas}}}}'\n  deep: 'x {{{{leaderElection.leaseNam}}}}'\n")),
                    @r"
t.yaml:5:13: unknown variable `replcas` here: did you mean `replicas`?
t.yaml:6:9: unknown variable `leaseNam` in `leaderElection`: did you mean `leaseName`? (at character 2 of the string)
"
                );
    }

    #[test]
    fn a_typo_under_an_if_or_in_a_branch_not_taken_is_found() {
        insta::assert_snapshot!(
                    errors(&format!("{HEAD}spec:\n  a: '{{{{#if replcas}}}}x{{{{/if}}}}'\n  b: '{{{{#unless replicas}}}}{{{{tenant.nam}}}}{{{{/unless}}}}'\n  c: '{{{{default imge 1}}}}'\n")),
                    @r"
t.yaml:5:6: unknown variable `replcas` here: did you mean `replicas`?
t.yaml:6:6: unknown variable `nam` in `tenant`: did you mean `name`? (at character 20 of the string)
t.yaml:7:6: unknown variable `imge` here: did you mean `image`?
"
                );
    }

    #[test]
    fn raw_expressions_partials_decorators_and_unknown_helpers_are_refused() {
        insta::assert_snapshot!(
                    errors(&format!("{HEAD}spec:\n  a: '{{{{{{image}}}}}}'\n  b: '{{{{&image}}}}'\n  c: '{{{{> other}}}}'\n  d: '{{{{* deco image}}}}'\n  e: '{{{{env \"HOME\"}}}}'\n  f: '{{{{lookup tenant \"name\"}}}}'\n  g: '{{{{#with tenant}}}}{{{{name}}}}{{{{/with}}}}'\n  h: '{{{{log image}}}}'\n  i: '{{{{default (now 1) 2}}}}'\n  j: '{{{{{{{{raw}}}}}}}}x{{{{{{{{/raw}}}}}}}}'\n")),
                    @r"
t.yaml:5:6: raw expressions (`{{{x}}}`, `{{&x}}`) are not taken: write `{{x}}`
t.yaml:6:6: raw expressions (`{{{x}}}`, `{{&x}}`) are not taken: write `{{x}}`
t.yaml:7:6: partials (`{{> x}}`) are not taken: a template stands for itself
t.yaml:8:6: decorators (`{{* x}}`) are not taken
t.yaml:9:6: unknown helper `env`: there are default, eq, ne, not, and, or, json, join, len
t.yaml:10:6: unknown helper `lookup`: there are default, eq, ne, not, and, or, json, join, len
t.yaml:11:6: unknown block `{{#with}}`: there are if, unless, each
t.yaml:12:6: unknown helper `log`: there are default, eq, ne, not, and, or, json, join, len
t.yaml:13:6: unknown helper `now`: there are default, eq, ne, not, and, or, json, join, len
t.yaml:14:6: `{{#raw}}` takes one value
"
                );
    }

    #[test]
    fn other_ways_around_the_declared_names_are_refused() {
        insta::assert_snapshot!(
                    errors(&format!("{HEAD}spec:\n  a: '{{{{@root.image}}}}'\n  b: '{{{{../image}}}}'\n  c: '{{{{tenant.this.name}}}}'\n  d: '{{{{@index}}}}'\n  e: '{{{{#each args as |a|}}}}{{{{a}}}}{{{{/each}}}}'\n  f: '{{{{json image pretty=true}}}}'\n  g: '{{{{image 1}}}}'\n  h: '{{{{this}}}}'\n")),
                    @r"
t.yaml:5:6: `@root.image` is not a path that is taken here: write `a.b.c`, `this` or `../a`
t.yaml:6:6: `../image` leaves more `{{#each}}` than there are
t.yaml:7:6: `tenant.this.name` is not a path that is taken here: write `a.b.c`, `this` or `../a`
t.yaml:8:6: `@index` is only known inside `{{#each}}`
t.yaml:9:6: block parameters (`as |x|`) are not taken: use `this`, `@index` and `@key`
t.yaml:10:6: options (`name=value`) are not taken: arguments go by their order
t.yaml:11:6: unknown helper `image`: there are default, eq, ne, not, and, or, json, join, len
t.yaml:12:6: `this` is everything there is here: name what you need of it
"
                );
    }

    #[test]
    fn a_value_that_is_not_there_is_an_error_until_the_template_says_what_to_do() {
        insta::assert_snapshot!(
                    errors(&format!("{HEAD}spec:\n  a: '{{{{values.tls.name}}}}'\n  b: '{{{{#if values.tls}}}}x{{{{/if}}}}'\n  c: '{{{{tenant.labels.zone}}}}'\n  d: 'in {{{{tenant.labels.zone}}}}'\n  e: '{{{{default tenant.labels.zone \"eu\"}}}}'\n")),
                    @r"
t.yaml:5:6: unknown variable `values.tls.name`: this tenant's values do not have it, and no valuesSchema declares it
t.yaml:6:6: unknown variable `values.tls`: this tenant's values do not have it, and no valuesSchema declares it
t.yaml:7:6: `tenant.labels.zone` has no value here; give it one with `default`, or use `optional`
t.yaml:8:6: `tenant.labels.zone` has no value here; give it one with `default`, or use `optional` (at character 3 of the string)
"
                );
    }

    #[test]
    fn lists_and_maps_have_no_text() {
        insta::assert_snapshot!(
                    errors(&format!("{HEAD}spec:\n  a: 'x {{{{quota}}}}'\n  b: 'x {{{{args}}}}'\n  '{{{{rules}}}}': 1\n")),
                    @r"
t.yaml:5:6: a map has no text: name one of its fields, or use `json` (at character 2 of the string)
t.yaml:6:6: a list has no text: use `join` or `json` (at character 2 of the string)
"
                );
    }

    #[test]
    fn with_a_schema_what_it_declares_may_be_absent_and_nothing_else_is_known() {
        let values = Shape::Object([("tls".to_owned(), Shape::Leaf)].into());
        let file = |text: &'static str| [TemplateFile { name: "t.yaml", text }];
        let known = "apiVersion: v1\nkind: A\nmetadata: {name: '{{#if values.tls}}tls{{else}}plain{{/if}}'}\n";
        let stack = Stack::compile_for(&file(known), values.clone()).expect("compiles");
        assert_eq!(stack.render(&context().to_value()).expect("renders")[0].name(), "plain");
        let typo = "apiVersion: v1\nkind: A\nmetadata: {name: '{{default values.tsl 1}}'}\n";
        let found = Stack::compile_for(&file(typo), values).expect_err("a typo");
        insta::assert_snapshot!(found[0], @r"t.yaml:3:18: unknown variable `tsl`: declared in `values` are tls");
    }

    #[test]
    fn what_is_not_an_object_is_refused() {
        insta::assert_snapshot!(errors("- a\n"), @r"t.yaml:1:1: a document must be a map with apiVersion, kind and metadata");
        insta::assert_snapshot!(errors("kind: A\n---\napiVersion: v1\nkind: A\nmetadata: {name: '{{replicas}}'}\n"), @r"
t.yaml:1:1: an object needs `apiVersion`, a string that is not empty
t.yaml:3:1: an object needs `metadata.name`, a string that is not empty
");
    }

    #[test]
    fn a_condition_must_be_true_or_false() {
        insta::assert_snapshot!(errors(&format!("leasehold.dev/when: '{{{{image}}}}'\n{HEAD}")), @r"t.yaml:1:1: `leasehold.dev/when` must render to true or false");
        insta::assert_snapshot!(errors(&format!("{HEAD}spec:\n  leasehold.dev/when: '{{{{image}}}}'\n  a: {{leasehold.dev/items: '{{{{args}}}}'}}\n")), @r"
t.yaml:5:3: `leasehold.dev/when` is read at the top of a document or among its annotations, not here
t.yaml:6:7: `leasehold.dev/items` is read in an element of a list, not here
");
    }

    #[test]
    fn a_release_s_own_strings_have_a_path_instead_of_lines() {
        let args = json!(["--leader-elect", "--id={{leaderElection.id}}", "{{replicas}}"]);
        let fragment = Fragment::compile("spec.args", &args, Shape::Any).expect("compiles");
        let rendered = fragment.render(&context().to_value()).expect("renders");
        assert_eq!(rendered, json!(["--leader-elect", "--id=foo.memcached.cache.example.com", "2"]));
        let wrong = Fragment::compile("spec.args", &json!(["--ok", "--id={{leaderElection.ID}}"]), Shape::Any);
        insta::assert_snapshot!(wrong.expect_err("a typo")[0], @r"spec.args[1]: unknown variable `ID` in `leaderElection`: did you mean `id`? (at character 5 of the string)");
        let circular = Fragment::compile("spec.args", &json!(["{{args}}"]), Shape::Any);
        assert!(
            circular.expect_err("what is rendered first cannot name itself")[0].message.contains("unknown variable")
        );
    }
}

mod yaml {
    use super::*;

    #[test]
    fn what_two_tools_read_differently_is_refused() {
        insta::assert_snapshot!(
                    errors("a: yes\nb: 0644\nc: 0x1F\nd: 1_000\ne: .inf\nf: Off\ng:\n"),
                    @r"
t.yaml:1:4: `yes` is a bool to some tools and a string to others: quote it
t.yaml:2:4: `0644` is one number to some tools and another, or a string, to others: write it as a plain decimal, or quote it
t.yaml:3:4: `0x1F` is one number to some tools and another, or a string, to others: write it as a plain decimal, or quote it
t.yaml:4:4: `1_000` is one number to some tools and another, or a string, to others: write it as a plain decimal, or quote it
t.yaml:5:4: `.inf` is one number to some tools and another, or a string, to others: write it as a plain decimal, or quote it
t.yaml:6:4: `Off` is a bool to some tools and a string to others: quote it
t.yaml:7:2: a field without a value: give it one, or leave the field out
"
                );
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
        insta::assert_snapshot!(errors(&format!("{HEAD}spec:\n  '{{{{operator}}}}': 1\n  memcached: 2\n")), @r"t.yaml:5:3: the key `memcached` is rendered twice in one map");
    }
}

mod bounds {
    use super::*;

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
            (
                format!("{HEAD}a: '{}'\n", "{{image}}".repeat(257)),
                "t.yaml:4:4: more than 256 expressions in one string",
            ),
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
        assert_eq!(
            doubled[0].to_string(),
            "t.yaml:4:4: renders to more than 65536 bytes (at character 15 of the string)"
        );
        let list: Vec<&str> = vec!["0123456789"; 10_000];
        let looped = render(json!({"list": list}), "a: '{{#each values.list}}{{this}}{{/each}}'\n");
        assert!(looped[0].message.starts_with("renders to more than 65536 bytes"), "{}", looped[0]);
        let mut deep = json!(1);
        for _ in 0..32 {
            deep = json!([deep]);
        }
        assert_eq!(
            render(json!({"deep": deep}), "a: '{{values.deep}}'\n")[0].message,
            "renders to more than 32 levels"
        );
        let wide = "x".repeat(1_000_000);
        let twice = render(json!({"wide": [wide]}), "a: '{{values.wide}}'\nb: '{{values.wide}}'\n");
        assert!(twice[0].message.contains("more than 1048576 bytes"), "{}", twice[0]);
    }
}

mod handlebars_agrees {
    use super::*;

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
}

mod injection {
    use super::*;

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
        fn nothing_that_is_given_as_a_template_makes_it_panic(text in hostile(), inner in hostile()) {
            let _ = compile(&text).map(|stack| stack.render(&context().to_value()));
            let quoted = format!("{HEAD}a: {}\n", Value::from(format!("{text}{{{{{inner}}}}}")));
            let _ = compile(&quoted).map(|stack| stack.render(&json!({"image": [1]})));
        }
    }
}

mod standard_stack {
    use super::*;

    fn marks() -> Stamp {
        Stamp {
            tenant: "foo".into(),
            tenant_uid: "0b0e7a6e-6c8f-4bd3-9a86-0e2f7d0a3c11".into(),
            revision: "aaaaaaaaaaaaaaaa-bbbbbbbbbbbbbbbb".into(),
            pod_revision: "aaaaaaaaaaaaaaaa".into(),
            epoch: 7,
        }
    }

    #[test]
    fn is_ten_objects_that_pass_the_choke_point() {
        let manifests = rendered(&context());
        assert_eq!(manifests.len(), 10);
        assert_eq!(choke_point::check(&manifests, &scope()), []);
        let values: Vec<&Value> = manifests.iter().map(|m| &m.value).collect();
        insta::assert_yaml_snapshot!("standard_v1", values);
    }

    #[test]
    fn has_a_service_monitor_where_that_api_exists() {
        let mut context = context();
        context.apis.service_monitor = true;
        let manifests = rendered(&context);
        assert_eq!(manifests.len(), 11);
        assert_eq!(manifests[10].to_string(), "ServiceMonitor/memcached-operator");
        assert_eq!(choke_point::check(&manifests, &scope()), []);
    }

    #[test]
    fn names_nothing_that_the_api_server_would_not_store() {
        fn empty(value: &Value, path: &str, found: &mut Vec<String>) {
            match value {
                Value::Array(items) if items.is_empty() => found.push(path.to_owned()),
                Value::Array(items) => items.iter().for_each(|item| empty(item, path, found)),
                // `{}` selects every pod, and is stored.
                Value::Object(fields) if fields.is_empty() && !path.ends_with("podSelector") => {
                    found.push(path.to_owned())
                }
                Value::Object(fields) => {
                    fields.iter().for_each(|(name, value)| empty(value, &format!("{path}.{name}"), found));
                }
                Value::Null => found.push(path.to_owned()),
                _ => {}
            }
        }
        let mut bare = context();
        (bare.args, bare.env, bare.rules) = (Vec::new(), Vec::new(), Vec::new());
        let mut found = Vec::new();
        rendered(&bare).iter().for_each(|m| empty(&m.value, &m.to_string(), &mut found));
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn is_stamped_on_every_object_and_on_the_pods() {
        let admitted = choke_point::admit(rendered(&context()), &scope(), &marks()).expect("nothing is wrong");
        for manifest in &admitted {
            let metadata = &manifest.value["metadata"];
            assert_eq!(metadata["labels"]["leasehold.dev/tenant"], "foo", "{}", **manifest);
            assert_eq!(metadata["labels"]["app.kubernetes.io/managed-by"], "leasehold");
            assert_eq!(metadata["annotations"]["leasehold.dev/tenant-uid"], marks().tenant_uid.as_str());
            assert_eq!(metadata["annotations"]["leasehold.dev/revision"], marks().revision.as_str());
            assert_eq!(metadata["annotations"]["leasehold.dev/epoch"], "7");
        }
        let pod = &admitted[7].value["spec"]["template"]["metadata"];
        assert_eq!(pod["labels"]["leasehold.dev/tenant"], "foo");
        assert_eq!(pod["labels"]["app.kubernetes.io/name"], "memcached");
        assert_eq!(pod["annotations"]["leasehold.dev/revision"], "aaaaaaaaaaaaaaaa");
    }

    #[test]
    fn is_stamped_over_whatever_stands_where_the_marks_go() {
        let mut odd = Manifest::new(json!({"apiVersion": "v1", "kind": "A", "metadata": {"name": "a", "labels": 1}}))
            .expect("an object");
        stamp(&mut odd, &marks());
        assert_eq!(odd.value["metadata"]["labels"]["leasehold.dev/tenant"], "foo");
    }

    #[test]
    fn is_rendered_from_nothing_but_its_context() {
        let (first, second) = (standard(), standard());
        assert_eq!(first.digest(), second.digest());
        let render = |stack: &Stack| {
            let manifests = stack.render(&context().to_value()).expect("renders");
            manifests.iter().map(Manifest::digest).collect::<Vec<_>>()
        };
        assert_eq!(render(&first), render(&second));
        let mut renamed: Vec<TemplateFile<'_>> = builtin("standard-v1").expect("built in").to_vec();
        renamed[0].name = "other.yaml";
        assert_ne!(Stack::compile(&renamed).expect("compiles").digest(), first.digest());
    }

    #[test]
    fn follows_the_parameters_of_the_tenant() {
        let mut other = context();
        other.replicas = 3;
        other.pod_security = PodSecurity::Baseline;
        other.pod_annotations = [("a".to_owned(), "b".to_owned())].into();
        other.api_server.peers = vec![json!({"ipBlock": {"cidr": "10.0.0.1/32"}})];
        other.limit_range.max = stack::quantities(&[("cpu", "2000m")]);
        let found = rendered(&other);
        assert_eq!(found[0].value["metadata"]["labels"]["pod-security.kubernetes.io/enforce"], "baseline");
        assert_eq!(found[2].value["spec"]["limits"][0]["max"]["cpu"], "2");
        assert_eq!(found[3].value["spec"]["egress"][1]["to"][0]["ipBlock"]["cidr"], "10.0.0.1/32");
        assert_eq!(found[7].value["spec"]["replicas"], 3);
        assert_eq!(found[7].value["spec"]["template"]["metadata"]["annotations"]["a"], "b");
    }

    #[test]
    fn a_manifest_s_bytes_do_not_depend_on_the_order_of_its_keys() {
        let one: Value =
            serde_json::from_str(r#"{"kind":"A","apiVersion":"v1","metadata":{"name":"a","b":[1,{"y":1,"x":"\n"}]}}"#)
                .expect("JSON");
        let manifest = Manifest::new(one).expect("an object");
        assert_eq!(
            manifest.canonical_json(),
            r#"{"apiVersion":"v1","kind":"A","metadata":{"b":[1,{"x":"\n","y":1}],"name":"a"}}"#
        );
        assert_eq!(manifest.digest().len(), 64);
    }
}
