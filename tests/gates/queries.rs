//! Values in a query: only ever the inside of a string literal.
use leasehold::domain::promql::Query;

fn filled(text: &str, value: &str) -> Result<String, String> {
    Query::parse(text, true)?.with(|_| value)
}

#[test]
fn a_value_takes_the_place_of_its_name() {
    let query = Query::parse(r#"rate(errors{ns="{{namespace}}",v='{{ version }}'}[5m])"#, true).unwrap();
    let values = |name: &str| if name == "namespace" { "tenant-acme" } else { "1.4.2-rc.1+b" };
    assert_eq!(query.with(values).unwrap(), r#"rate(errors{ns="tenant-acme",v='1.4.2-rc.1+b'}[5m])"#);
    assert_eq!(Query::parse("up", false).unwrap().with(|_| "").unwrap(), "up");
}

#[test]
fn no_value_leaves_its_literal() {
    for value in
        [r#"a"} or up{x=""#, "a'", "a`", "a\\", "a\nb", "a}", "a b", "a\u{0}", "a{{tenant}}", "ä", "*", ".*|x", ""]
    {
        for text in [r#"up{t="{{tenant}}"}"#, "up{t='{{tenant}}'}", "up{t=`{{tenant}}`}"] {
            let refused = filled(text, value).unwrap_err();
            assert!(refused.contains("characters that no query may have"), "{value}: {refused}");
        }
    }
}

#[test]
fn a_place_outside_of_quotes_is_refused() {
    for text in [
        "up{{{tenant}}}",
        "up + {{version}}",
        r#"up{t="a"} + {{tenant}}"#,
        r#"up{t="\""} # "{{tenant}}"#,
        "up # \"{{tenant}}\"",
        r#"up{t="a\\"{{tenant}}"}"#,
        "up{t=`\\`{{tenant}}}",
        "{{tenant}}",
    ] {
        let why = Query::parse(text, true).unwrap_err();
        assert!(why.contains("inside quotes") || why.contains("there is no"), "{text}: {why}");
    }
    // A quote of another kind, and an escaped one, do not end a literal.
    for text in [r#"up{t="'{{tenant}}'"}"#, r#"up{t="\"{{tenant}}"}"#, "up{t=`\"{{tenant}}`}"] {
        Query::parse(text, true).unwrap_or_else(|why| panic!("{text}: {why}"));
    }
}

#[test]
fn what_is_not_known_or_not_closed_is_refused() {
    let says = |text: &str, per_tenant: bool, words: &str| {
        let why = Query::parse(text, per_tenant).unwrap_err();
        assert!(why.contains(words), "{text}: {why}");
    };
    says(r#"up{t="{{name}}"}"#, true, "there is no `{{name}}`");
    says(r#"up{t="{{tenant.metadata.name}}"}"#, true, "there is no");
    says(r#"up{t="{{tenant"}"#, true, "not closed");
    says(r#"up{t="{{tenant}}}"#, true, "a quote is not closed");
    says(r#"up{t="{{tenant}}"}"#, false, "scope: Tenant");
    says(r#"up{t="{{namespace}}"}"#, false, "scope: Tenant");
    Query::parse(r#"up{t="{{operator}}-{{wave}}-{{rollout}}-{{version}}"}"#, false).unwrap();
}
