//! `leasehold crds diff` and `crds plan` over files, end to end through the program: what they print, and what they end with.
use std::fs;

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::program::{err, leasehold, out};

/// A version with these fields of its spec.
fn version(name: &str, storage: bool, fields: &Value) -> Value {
    let schema = json!({"type": "object", "properties": {"spec": {"type": "object", "properties": fields}}});
    json!({"name": name, "served": true, "storage": storage, "schema": {"openAPIV3Schema": schema}})
}

fn definition(plural: &str, versions: &[Value]) -> Value {
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.example.com")},
        "spec": {"group": "example.com", "scope": "Namespaced", "names": {"kind": "Cache", "plural": plural}, "versions": versions}})
}

fn release(version: &str, annotations: &Value, crds: &Value) -> Value {
    json!({"apiVersion": "leasehold.dev/v1alpha1", "kind": "OperatorRelease",
        "metadata": {"name": format!("cache-{version}"), "annotations": annotations},
        "spec": {"operator": "cache", "version": version, "image": "example.com/cache:1", "leaderElection": {"id": "cache.example.com"},
            "crds": crds}})
}

/// What the cluster of these stories has.
fn old() -> Value {
    let fields = json!({"size": {"type": "integer", "maximum": 5}, "mode": {"type": "string", "enum": ["a", "b"]}, "old": {"type": "string"}});
    definition("caches", &[version("v1alpha1", true, &fields)])
}

/// A new version, a new field, a wider bound, and a field that is gone.
fn new() -> Value {
    let fields = json!({"size": {"type": "integer", "maximum": 9}, "mode": {"type": "string", "enum": ["a", "b"]}, "extra": {"type": "string"}});
    definition("caches", &[version("v1", true, &fields), version("v1alpha1", false, &fields)])
}

/// A value that is gone, which only a look at every object can answer for.
fn narrowed() -> Value {
    let fields = json!({"size": {"type": "integer", "maximum": 5}, "mode": {"type": "string", "enum": ["a"]}, "old": {"type": "string"}});
    definition("caches", &[version("v1alpha1", true, &fields)])
}

/// Runs the verb over files with these texts, which stand for `{0}`, `{1}` … among the words.
fn crds(files: &[&str], words: &[&str]) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().unwrap();
    for (n, text) in files.iter().enumerate() {
        fs::write(folder.path().join(format!("{n}.yaml")), text).unwrap();
    }
    let path = |word: &&str| word.replace('{', &format!("{}/", folder.path().display())).replace('}', ".yaml");
    let words: Vec<String> = words.iter().map(path).collect();
    let words: Vec<&str> = ["crds"].into_iter().chain(words.iter().map(String::as_str)).collect();
    let output = leasehold(&words);
    (output.status.code(), out(&output), err(&output).replace(&format!("{}/", folder.path().display()), ""))
}

fn diff(old: &Value, new: &Value, more: &[&str]) -> (Option<i32>, String, String) {
    crds(&[&old.to_string(), &new.to_string()], &[&["diff", "{0}", "{1}"], more].concat())
}

/// A table without its column of prose.
fn without_why(table: &str) -> String {
    let mut cut = usize::MAX;
    let short = |line: &str| {
        cut = if line.is_empty() { usize::MAX } else { line.find("WHY").unwrap_or(cut) };
        line.chars().take(cut).collect::<String>().trim_end().to_owned()
    };
    table.lines().map(short).collect::<Vec<_>>().join("\n")
}

#[test]
fn differences_are_told_worst_first_with_what_each_verdict_means() {
    let (code, table, notes) = diff(&old(), &new(), &[]);
    assert_eq!((code, notes.as_str()), (Some(0), ""));
    assert_snapshot!(without_why(&table), @r#"
    VERDICT    CRD                  VERSION    PATH         RULE
    Contract   caches.example.com   v1         spec.old     field-removed
    Contract   caches.example.com   v1alpha1   spec.old     field-removed
    Gate       caches.example.com   v1                      storage-changed
    Gate       caches.example.com   v1         spec.size    maximum-loosened
    Gate       caches.example.com   v1alpha1   spec.size    maximum-loosened
    Ok         caches.example.com   v1                      version-added
    Ok         caches.example.com   v1         spec.extra   field-added
    Ok         caches.example.com   v1alpha1   spec.extra   field-added

    Contract: kept until every tenant runs a release that says `contract: true`, and then taken after a clean scan
    Gate: taken once every tenant runs a release that has it
    Ok: taken at once
    1 definition: 2 Contract, 3 Gate, 3 Ok; nothing refuses
    "#);
}

#[test]
fn what_refuses_ends_with_1_unless_somebody_answers_for_it() {
    let (code, table, notes) = diff(&old(), &narrowed(), &[]);
    assert_eq!((code, notes.as_str()), (Some(1), ""));
    assert!(table.contains("Scan ") && table.ends_with("1 definition: 1 Scan; 1 finding refuses\n"), "{table}");
    let waive = ["--waive", "spec.mode=enum-value-removed"];
    let (code, table, notes) = diff(&old(), &narrowed(), &waive);
    assert_eq!((code, notes.as_str()), (Some(0), ""));
    assert!(table.contains("Scan (waived)"), "{table}");
    let annotated = release("2.0.0", &json!({"leasehold.dev/waive": waive[1]}), &json!([{"inline": narrowed()}]));
    assert_eq!(diff(&old(), &annotated, &[]).0, Some(0), "the release itself answers for it");
    assert_eq!(diff(&annotated, &old(), &[]).0, Some(0), "a value that is back lets in what was let in before");
    let (code, _, notes) = diff(&old(), &narrowed(), &["--waive", "spec.size=nonsense"]);
    assert_eq!(code, Some(1));
    assert!(notes.contains("the waiver spec.size=nonsense matches no finding"), "{notes}");
}

#[test]
fn a_waiver_is_said_to_meet_nothing_only_if_it_meets_nothing_anywhere() {
    let other = |maximum: i64| {
        definition("stores", &[version("v1", true, &json!({"size": {"type": "integer", "maximum": maximum}}))])
    };
    let sides = [format!("{}\n---\n{}", old(), other(5)), format!("{}\n---\n{}", narrowed(), other(9))];
    let waive = ["diff", "{0}", "{1}", "--waive", "spec.mode=enum-value-removed"];
    let (code, _, notes) = crds(&[&sides[0], &sides[1]], &waive);
    assert_eq!((code, notes.as_str()), (Some(0), ""));
    let (_, _, notes) = crds(&[&sides[0], &sides[1]], &[&waive[..], &["--waive", "a=b"]].concat());
    assert_eq!(notes.matches("a=b").count(), 1, "{notes}");
}

#[test]
fn what_only_one_side_has_is_said() {
    let both = format!("{}\n---\n{}", old(), definition("stores", &[version("v1", true, &json!({}))]));
    let (code, table, _) = crds(&[&old().to_string(), &both], &["diff", "{0}", "{1}"]);
    assert_eq!(code, Some(0));
    assert!(table.contains("Ok        stores.example.com") && table.contains("definition-added"), "{table}");
    let (code, json, _) = crds(&[&both, &old().to_string()], &["diff", "{0}", "{1}", "-o", "json"]);
    assert_eq!(code, Some(0), "it is kept");
    let report: Value = serde_json::from_str(&json).unwrap();
    let [same, removed] = [0, 1].map(|n| report["crds"][n].clone());
    assert_eq!(
        (&same["change"], &removed["change"], &report["refusing"]),
        (&json!("Same"), &json!("Removed"), &json!(0))
    );
    let finding = &removed["all"][0];
    assert_eq!((&finding["verdict"], &finding["rule"]), (&json!("Contract"), &json!("definition-removed")));
    assert_eq!(diff(&old(), &old(), &[]).1, "1 definition: no difference; nothing refuses\n");
}

#[test]
fn what_cannot_be_compared_ends_with_2_and_says_why() {
    let mut nameless = old();
    nameless["metadata"] = json!({});
    let mut misnamed = old();
    misnamed["metadata"]["name"] = "stores.example.com".into();
    let elsewhere = json!([{"configMapRef": {"namespace": "n", "name": "m", "key": "k", "digest": "sha256:"}}]);
    for (new, words, said) in [
        ("a: [".to_owned(), &["diff", "{0}", "{1}"][..], "1.yaml is no YAML"),
        (nameless.to_string(), &["diff", "{0}", "{1}"], "1.yaml, document 1: has no metadata.name"),
        (misnamed.to_string(), &["diff", "{0}", "{1}"], "must be caches.example.com"),
        (format!("{}\n---\n{}", old(), new()), &["diff", "{0}", "{1}"], "caches.example.com is given twice"),
        (String::new(), &["diff", "{1}", "{1}"], "there is no CustomResourceDefinition on either side"),
        (String::new(), &["diff", "{0}", "{9}"], "cannot read 9.yaml"),
        (String::new(), &["diff", "cluster", "cluster"], "are the same cluster"),
        (String::new(), &["diff", "cluster", "{0}"], "no way to the cluster"),
        (String::new(), &["diff", "{0}", "{0}", "--waive", "nonsense"], "is no <path>=<rule>"),
        (release("1.0.0", &json!({}), &elsewhere).to_string(), &["diff", "{0}", "{1}"], "there is no ConfigMap n/m"),
        (old().to_string(), &["plan", "{1}", "--from", "{0}"], "there is no OperatorRelease in"),
        (String::new(), &["plan", "cache-1.0.0"], "no way to the cluster"),
    ] {
        let (code, table, why) = crds(&[&old().to_string(), &new], words);
        assert_eq!((code, table.as_str()), (Some(2), ""), "{said}: {why}");
        assert!(why.contains(said), "{said}: {why}");
    }
}

#[test]
fn the_steps_of_a_release_are_shown_with_what_each_takes_and_waits_for() {
    let target = release("2.0.0", &json!({}), &json!([{"inline": new()}]));
    let (code, table, notes) = crds(&[&old().to_string(), &target.to_string()], &["plan", "{1}", "--from", "{0}"]);
    assert_eq!((code, notes.as_str()), (Some(0), ""));
    assert_snapshot!(without_why(&table), @r#"
    CustomResourceDefinition caches.example.com
      STEP           WRITES   DOES                                                                              WAITS FOR
      P0 Preflight            compares (2 Contract, 3 Gate, 3 Ok), asks the API server, looks at every object
      P1 Expand      1        changes the schema of v1alpha1, adds version v1
      P2 Waves                tenants move, wave by wave
      P3 Barrier              waits, and names who is missing                                                   every tenant runs cache 2.0.0 or later, paused and held ones too
      P4 Unlock      1        changes the schema of v1alpha1, changes the schema of v1
      P5 Flip        1        stores at v1, no longer at v1alpha1                                               a soak
      P6 Migrate              writes every object once, unchanged: it is then stored at v1                      a soak
      P7 Verify               writes every object once more, then says in the status that all are at v1
      P8 Contract             keeps what the release no longer has                                              a later release that says `contract: true`
      TAKEN AT    VERDICT    VERSION    PATH         RULE
      P1 Expand   Ok         v1                      version-added
      P1 Expand   Ok         v1         spec.extra   field-added
      P1 Expand   Ok         v1alpha1   spec.extra   field-added
      P4 Unlock   Gate       v1         spec.size    maximum-loosened
      P4 Unlock   Gate       v1alpha1   spec.size    maximum-loosened
      P5 Flip     Gate       v1                      storage-changed
      later       Contract   v1         spec.old     field-removed
      later       Contract   v1alpha1   spec.old     field-removed

    Contract: kept until every tenant runs a release that says `contract: true`, and then taken after a clean scan
    Gate: taken once every tenant runs a release that has it
    Ok: taken at once
    cache 2.0.0: 3 writes of CustomResourceDefinitions in total
    "#);
}

#[test]
fn what_a_release_ends_takes_a_write_each() {
    let fields = json!({"size": {"type": "integer", "maximum": 9}, "mode": {"type": "string", "enum": ["a", "b"]}, "extra": {"type": "string"}});
    let v1 = definition("caches", &[version("v1", true, &fields)]);
    let plan = |contract: bool| {
        let target = release("3.0.0", &json!({}), &json!([{"inline": v1, "contract": contract}]));
        let words = ["plan", "{1}", "--from", "{0}", "-o", "json"];
        let (code, json, _) = crds(&[&new().to_string(), &target.to_string()], &words);
        assert_eq!(code, Some(0));
        serde_json::from_str::<Value>(&json).unwrap()
    };
    let steps = |report: &Value| -> Vec<String> {
        let legs = report["crds"][0]["steps"].as_array().unwrap().iter();
        legs.map(|leg| format!("{} {} {}", leg["step"].as_str().unwrap(), leg["writes"], leg["does"].as_str().unwrap()))
            .collect()
    };
    let kept = plan(false);
    assert_eq!((&kept["writes"], &kept["crds"][0]["kept"][0]["rule"]), (&json!(0), &json!("version-removed")));
    assert_snapshot!(steps(&kept).join("\n"), @r#"
    Preflight 0 compares (1 Contract), asks the API server
    Waves 0 tenants move, wave by wave
    Contract 0 keeps what the release no longer has
    "#);
    let ended = plan(true);
    assert_eq!((&ended["writes"], &ended["crds"][0]["kept"]), (&json!(3), &json!([])));
    assert_snapshot!(steps(&ended).join("\n"), @r#"
    Preflight 0 compares (1 Contract), asks the API server, looks at every object
    Waves 0 tenants move, wave by wave
    Barrier 0 waits, and names who is missing
    Contract 1 marks v1alpha1 as deprecated
    Contract 1 no longer serves v1alpha1
    Contract 1 drops version v1alpha1
    "#);
}

#[test]
fn a_release_that_is_refused_writes_nothing_and_ends_with_1() {
    let target = release("2.0.0", &json!({}), &json!([{"inline": narrowed()}]));
    let files = [&old().to_string(), &target.to_string()].map(String::clone);
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let (code, table, _) = crds(&files, &["plan", "{1}", "--from", "{0}"]);
    assert_eq!(code, Some(1));
    assert!(table.contains("  never      Scan") && !table.contains("P1"), "{table}");
    assert!(table.ends_with("cache 2.0.0: refused: nothing is written, and no tenant is granted it\n"), "{table}");
    let (code, table, _) = crds(&files, &["plan", "{1}", "--from", "{0}", "--waive", "spec.mode=enum-value-removed"]);
    assert_eq!(code, Some(0));
    assert!(table.contains("every stored object passes") && table.contains("Scan (waived)"), "{table}");
}

#[test]
fn a_definition_that_is_not_there_is_created_in_one_write() {
    let target = release("1.0.0", &json!({}), &json!([{"inline": old()}]));
    let (code, table, _) = crds(&["", &target.to_string()], &["plan", "{1}", "--from", "{0}"]);
    assert_eq!(code, Some(0));
    assert!(
        table.contains("P1 Expand      1        creates it") && table.contains("cache 1.0.0: 1 write of"),
        "{table}"
    );
    let (_, json, _) = crds(&[&target.to_string()], &["plan", "{0}", "--from", "{0}", "-o", "json"]);
    let report: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&report["writes"], report["crds"][0]["steps"].as_array().unwrap().len()),
        (&json!(0), 1),
        "nothing to do"
    );
}
