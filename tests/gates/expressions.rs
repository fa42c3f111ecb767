//! Expressions: what they see, what they may be, and that none takes for ever.
use leasehold::domain::{
    analysis::{Outcome, Reply},
    cel::Expression,
};
use serde_json::{Value, json};

fn documents() -> [(&'static str, Value); 3] {
    let ready = json!({"type": "Ready", "status": "True"});
    let deployment = json!({"kind": "Deployment", "metadata": {"name": "op"}, "status": {"readyReplicas": 2, "conditions": [ready]}});
    let cache = json!({"kind": "Memcached", "metadata": {"name": "c"}, "spec": {"size": 3}, "status": {"ratio": 0.5}});
    [
        ("tenant", json!({"metadata": {"name": "acme", "labels": {"ring": "canary"}}, "spec": {"replicas": 2}})),
        ("objects", json!([deployment, {"kind": "ConfigMap", "metadata": {"name": "x"}}])),
        ("resources", json!([cache])),
    ]
}

fn of(text: &str) -> Reply {
    Expression::parse(text).unwrap_or_else(|why| panic!("{text}: {why}")).evaluate(&documents())
}

#[test]
fn they_see_the_tenant_its_objects_and_its_custom_resources() {
    for text in [
        "tenant.metadata.name == 'acme' && tenant.metadata.labels['ring'] == 'canary'",
        "objects.filter(o, o.kind == 'Deployment').all(d, d.status.readyReplicas == tenant.spec.replicas)",
        "objects.exists(o, o.kind == 'Deployment' && o.status.conditions.exists(c, c.type == 'Ready' && c.status == 'True'))",
        "resources.all(r, has(r.status.ratio) && r.status.ratio < 0.75 && r.spec.size > 2)",
        "size(resources) == 1 && resources.map(r, r.metadata.name) == ['c']",
        "tenant.metadata.name.matches('^ac.e$') && 'ring' in tenant.metadata.labels",
        "type(tenant.spec.replicas) == int && string(tenant.spec.replicas) == '2'",
    ] {
        assert_eq!(of(text).outcome, Outcome::Passed, "{text}: {}", of(text).message);
    }
    let no = of("tenant.spec.replicas > 2");
    assert_eq!((no.outcome, &*no.value), (Outcome::Failed, "false"));
}

#[test]
fn what_is_not_a_bool_or_cannot_be_told_tells_nothing() {
    for (text, says) in [
        ("tenant.spec.replicas", "gives a int"),
        ("tenant.metadata.name", "gives a string"),
        ("objects", "gives a list"),
        ("objects[0].status.missing == 1", "No such key"),
        ("objects[7].kind == 'a'", "cannot be evaluated"),
        ("1 / 0 == 1", "cannot be evaluated"),
        ("9223372036854775807 + 1 > 0", "cannot be evaluated"),
    ] {
        let reply = of(text);
        assert_eq!(reply.outcome, Outcome::Inconclusive, "{text}");
        assert!(reply.message.contains(says) && reply.message.len() < 256, "{text}: {}", reply.message);
    }
}

#[test]
fn what_is_not_an_expression_is_refused_with_the_reason() {
    for (text, says) in [
        ("", ""),
        ("tenant.", ""),
        ("a == b", "there is no `a` here; there are tenant, objects, resources"),
        ("tenants.x", "there is no `tenants`"),
        ("now() > 1", "there is no function `now`"),
        ("tenant.metadata.name.replace('a', 'b') == ''", "there is no function `replace`"),
        ("google.Message{a: 1}.a == 1", ""),
        ("objects.exists(o, o.x.exists(p, p.y.exists(q, q)))", "more than 2 loops"),
        ("tenant.metadata.name.matches('(')", "cannot be read"),
        ("tenant.metadata.name.matches(tenant.spec.of)", "written out"),
        ("'a'.matches('a' + 'b')", "written out"),
        ("matches(tenant.metadata.name, tenant.spec.of)", "written out"),
        ("'a'.matches()", "takes a text and a pattern"),
        (r"'a'.matches('(\\w{50}){20}')", "too large"),
    ] {
        let why = Expression::parse(text).expect_err(text);
        assert!(why.contains(says) && !why.is_empty(), "{text}: {why}");
    }
}

/// What would take a naive parser's or interpreter's whole stack: refused, on a stack of 512 KiB.
#[test]
fn no_expression_takes_the_stack() {
    let work = || {
        let long = |unit: &str, end: &str| unit.repeat(1024 / unit.len() - 8) + end;
        for text in [
            long("(", "true"),
            long("!", "true"),
            long("-", "1"),
            long("- ", "1"),
            long("[", "1"),
            long("{1:", "1"),
            long("true?", "1"),
            long("true?true:", "1"),
            long("size(", "1"),
            long("1+", "1 == 1"),
            long("1==", "1"),
            long("tenant.a.", "b"),
            "tenant".to_owned() + &long("[0]", ""),
            "tenant".to_owned() + &long(".b()", ""),
            long("!(", "true"),
            long("a[", "0"),
            long("true&&(", "true"),
            "tenant.all(a,".repeat(60) + "true",
        ] {
            assert!(text.len() <= 1100);
            if let Ok(expression) = Expression::parse(&text) {
                let _ = expression.evaluate(&documents());
            }
        }
    };
    std::thread::Builder::new().stack_size(512 << 10).spawn(work).unwrap().join().unwrap();
}

#[test]
fn an_expression_is_bounded_in_length_and_parts() {
    let why = Expression::parse(&("'".to_owned() + &"a".repeat(1023) + "' == ''")).unwrap_err();
    assert!(why.contains("longer than 1024"), "{why}");
    let why = Expression::parse(&(("1 in [".to_owned() + &"1,".repeat(500)) + "1]")).unwrap_err();
    assert!(why.contains("more than"), "{why}");
}

/// Each doubles what it is handed; together they would fill any memory.
#[test]
fn what_grows_without_bound_is_not_run() {
    let doubling = "['aaaaaaaaaaaaaaaa']".to_owned() + &".map(a,a+a)".repeat(28) + ".size()==1";
    let reply = Expression::parse(&doubling).map(|e| e.evaluate(&documents()));
    match reply {
        Ok(reply) => assert!(reply.message.contains("too long"), "{}", reply.message),
        Err(why) => assert!(why.contains("more than"), "{why}"),
    }
    let many: Vec<Value> = (0..3000).map(|n| json!({"name": format!("n{n}"), "of": n})).collect();
    let large = [("tenant", Value::Null), ("objects", Value::Array(many)), ("resources", Value::Null)];
    let squared = Expression::parse("objects.all(a, objects.exists(b, a.of == b.of && a.name == b.name))").unwrap();
    let reply = squared.evaluate(&large);
    assert_eq!(reply.outcome, Outcome::Inconclusive);
    assert!(reply.message.contains("could take too long"), "{}", reply.message);
    let once = Expression::parse("objects.all(a, a.name.startsWith('n') && a.of < 3000)").unwrap();
    assert_eq!(once.evaluate(&large).outcome, Outcome::Passed, "one loop over as many is no trouble");
    let huge = [("objects", json!(["x".repeat(5 << 20)]))];
    assert!(Expression::parse("size(objects) == 1").unwrap().evaluate(&huge).message.contains("too much to look at"));
}

/// The interpreter reads a pattern anew at each call.
#[test]
fn patterns_are_dear_and_a_few_are_no_trouble() {
    let many = |n: usize| [("objects", Value::Array((0..n).map(|n| json!({"name": format!("n{n}")})).collect()))];
    for (text, most) in [
        ("objects.all(o, o.name.matches('^n[0-9]+$'))", 400),
        (r"objects.all(o, o.name.matches('^\\w+$') && o.name.matches('^(?:n|m)\\d{1,4}$'))", 200),
    ] {
        let expression = Expression::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"));
        let reply = expression.evaluate(&many(most));
        assert_eq!(reply.outcome, Outcome::Passed, "{text}: {}", reply.message);
        let reply = expression.evaluate(&many(most * 2));
        assert!(reply.message.contains("could take too long"), "{text}: {}", reply.message);
    }
}

#[test]
fn a_stack_of_ordinary_size_is_no_trouble() {
    let container =
        json!({"name": "c", "image": "example.com/a:1", "args": ["a", "b"], "env": [{"name": "A", "value": "b"}]});
    let object = |n: usize| {
        let status = json!({"conditions": [{"type": "Ready", "status": "True"}, {"type": "Synced", "status": "True"}]});
        json!({"kind": "Thing", "metadata": {"name": format!("o{n}"), "labels": {"a": "b"}},
            "spec": {"containers": [container.clone(), container.clone()]}, "status": status})
    };
    let documents = [("objects", Value::Array((0..200).map(object).collect()))];
    let text = "objects.filter(o, o.kind == 'Thing').all(o, o.status.conditions.exists(c, c.type == 'Ready' && c.status == 'True'))";
    let reply = Expression::parse(text).unwrap().evaluate(&documents);
    assert_eq!(reply.outcome, Outcome::Passed, "{}", reply.message);
}

/// What loops gather is counted with what it holds: a loop over that is as long.
#[test]
fn loops_over_what_loops_gather_are_counted() {
    let many = json!((0..400).map(|n| json!({"n": n})).collect::<Vec<_>>());
    let documents = [("objects", many)];
    for text in [
        "objects.map(a, objects).all(l, l.all(b, b.n >= 0 && b.n < 400 && b.n != 500 && b.n != 501 && b.n != 502))",
        "(objects + objects + objects + objects).all(a, (objects + objects).exists(b, a.n == b.n && b.n < 1000))",
        "objects.map(a, objects.map(b, b)).size() == 400 && objects.all(a, objects.all(b, a.n + b.n >= 0 || a.n == b.n))",
    ] {
        let reply = Expression::parse(text).unwrap().evaluate(&documents);
        assert!(reply.message.contains("could take too long"), "{text}: {}", reply.message);
    }
}
