//! What the API server lets be written, and what a write does: facts 1, 2, 3, 5.

use serde_json::{Value, json};

use crate::api::{SOON, Things, text, version};
use crate::support::eventually;

const STRICT: &str = "dryRun=All";

/// What is changed of a definition.
type Change = fn(&mut Value);

fn spec_fields(crd: &mut Value) -> &mut Value {
    &mut crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
}

/// Fact 1. The API server protects little: it takes a removed field, another type, a dropped status subresource, a
/// definition that serves nothing. What it refuses it refuses in a dry run too, in the same words.
#[tokio::test]
async fn fact_1_the_api_server_protects_little() {
    let things = Things::of("protects").await;
    let mut v1 = version("v1", true, &json!({"a": text(), "b": text()}));
    v1["subresources"] = json!({"status": {}});
    things.define(&[v1]).await;

    let refused: [(&str, Change); 10] = [
        ("scope", |crd| crd["spec"]["scope"] = json!("Cluster")),
        ("kind", |crd| crd["spec"]["names"]["kind"] = json!("Other")),
        ("plural", |crd| crd["spec"]["names"]["plural"] = json!("others")),
        ("group", |crd| crd["spec"]["group"] = json!("other.example.com")),
        ("a version that is stored is dropped", |crd| crd["spec"]["versions"][0]["name"] = json!("v2")),
        ("no storage version", |crd| crd["spec"]["versions"][0]["storage"] = json!(false)),
        ("two storage versions", |crd| {
            let mut second = crd["spec"]["versions"][0].clone();
            second["name"] = json!("v2");
            crd["spec"]["versions"].as_array_mut().unwrap().push(second);
        }),
        ("a field without a type", |crd| spec_fields(crd)["c"] = json!({"description": "not structural"})),
        ("a default of another type", |crd| spec_fields(crd)["c"] = json!({"type": "string", "default": 1})),
        ("a rule that may cost too much", |crd| {
            let rule = "self.all(a, self.all(b, self.all(c, a + b == c)))";
            spec_fields(crd)["c"] =
                json!({"type": "array", "items": text(), "x-kubernetes-validations": [{"rule": rule}]});
        }),
    ];
    for (what, change) in refused {
        let mut crd = things.crd().await;
        change(&mut crd);
        let dry = things.put(&format!("{}?{STRICT}", things.crd_path()), &crd).await.expect_err(what);
        let real = things.redefine(change).await.expect_err(what);
        assert_eq!((&dry["code"], &dry["message"]), (&json!(422), &real["message"]), "{what}: {dry}");
    }

    let taken: [(&str, Change); 4] = [
        ("a removed field", |crd| drop(spec_fields(crd).as_object_mut().unwrap().remove("b"))),
        ("another type", |crd| spec_fields(crd)["a"] = json!({"type": "integer"})),
        ("no status subresource", |crd| {
            drop(crd["spec"]["versions"][0].as_object_mut().unwrap().remove("subresources"));
        }),
        ("nothing is served", |crd| crd["spec"]["versions"][0]["served"] = json!(false)),
    ];
    for (what, change) in taken {
        things.redefine(change).await.expect(what);
    }
}

/// Fact 2. `status.storedVersions` is no evidence: whoever may write the status can say that a version is no longer
/// stored, and the API server then lets that version be dropped although an object is stored in it.
///
/// Not shown: that the in-tree storage version migrator of 1.36 trims the list after a failed migration: it is an alpha
/// API that this cluster does not serve.
#[tokio::test]
async fn fact_2_stored_versions_are_no_evidence() {
    let things = Things::of("evidence").await;
    let fields = json!({"a": text()});
    things.define(&[version("v1alpha1", true, &fields)]).await;
    things.make("v1alpha1", "old", &json!({"a": "x"})).await.unwrap();
    let flipped = [version("v1alpha1", false, &fields), version("v1", true, &fields)];
    things.redefine(|crd| crd["spec"]["versions"] = json!(flipped)).await.unwrap();
    assert_eq!(things.crd().await["status"]["storedVersions"], json!(["v1alpha1", "v1"]));

    let only = [version("v1", true, &fields)];
    things.redefine(|crd| crd["spec"]["versions"] = json!(only)).await.expect_err("it is said to be stored");
    let trimmed = things.trim(&["v1"]).await.expect("nobody asks whether that is true");
    assert_eq!(trimmed["status"]["storedVersions"], json!(["v1"]));
    things.redefine(|crd| crd["spec"]["versions"] = json!(only)).await.expect("it is not said to be stored");

    let lost = async || things.get(&things.thing("v1", "old")).await.err();
    let lost = eventually("the object cannot be read", SOON, lost).await;
    assert_eq!(lost["code"], 500, "{lost}");
}

/// Fact 3. With two served versions and no conversion, any write through v1 erases what only v2 has: a label, a status.
/// With the union of the fields in both it does not.
#[tokio::test]
async fn fact_3_a_write_through_one_version_erases_what_only_the_other_has() {
    let things = Things::of("erases").await;
    let (narrow, wide) = (json!({"a": text()}), json!({"a": text(), "b": text()}));
    let versions = |old: &Value| {
        let [mut v1, mut v2] = [version("v1", true, old), version("v2", false, &wide)];
        for version in [&mut v1, &mut v2] {
            version["subresources"] = json!({"status": {}});
            let root = &mut version["schema"]["openAPIV3Schema"]["properties"];
            root["status"] = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        }
        // Stored at v2, so that it is not the storage that cannot hold the field.
        v1["storage"] = json!(false);
        v2["storage"] = json!(true);
        [v1, v2]
    };
    things.define(&versions(&narrow)).await;
    let full = json!({"a": "x", "b": "y"});

    things.make("v2", "labelled", &full).await.unwrap();
    things.label("v1", "labelled", "yes").await.unwrap();
    assert_eq!(things.spec("v2", "labelled").await, json!({"a": "x"}));

    things.make("v2", "reported", &full).await.unwrap();
    let status = format!("{}/status", things.thing("v1", "reported"));
    things.patch(&status, &json!({"status": {"ready": true}})).await.unwrap();
    assert_eq!(
        things.spec("v2", "reported").await,
        json!({"a": "x"}),
        "a status was written, and the spec lost a field"
    );

    let union = versions(&wide);
    things.redefine(|crd| crd["spec"]["versions"] = json!(union)).await.unwrap();
    let kept = async || {
        let name = format!("kept-{}", uuid::Uuid::new_v4());
        things.make("v2", &name, &full).await.unwrap();
        things.label("v1", &name, "yes").await.unwrap();
        things.spec("v2", &name).await == full
    };
    eventually("a write through v1 keeps what v2 has", SOON, kept).await;
}

/// Fact 5. A removed field is hidden at once, still stored, and lost at the next write of that object.
#[tokio::test]
async fn fact_5_a_removed_field_is_hidden_at_once_and_lost_at_the_next_write() {
    let things = Things::of("hidden").await;
    let with = [version("v1", true, &json!({"a": text(), "b": text()}))];
    let without = [version("v1", true, &json!({"a": text()}))];
    let (full, narrow) = (json!({"a": "x", "b": "y"}), json!({"a": "x"}));
    things.define(&with).await;
    for name in ["untouched", "written"] {
        things.make("v1", name, &full).await.unwrap();
    }
    let reads = async |name: &str, expected: &Value| {
        eventually(&format!("{name} is read as {expected}"), SOON, async || things.spec("v1", name).await == *expected)
            .await;
    };
    things.redefine(|crd| crd["spec"]["versions"] = json!(without)).await.unwrap();
    reads("untouched", &narrow).await;
    things.label("v1", "written", "yes").await.unwrap();
    things.redefine(|crd| crd["spec"]["versions"] = json!(with)).await.unwrap();
    reads("untouched", &full).await;
    reads("written", &narrow).await;
}
