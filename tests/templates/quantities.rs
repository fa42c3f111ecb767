//! Quantities are exact, and written as the API server stores them.
use leasehold::plan::render::{Manifest, quantity::Quantity};
use proptest::prelude::*;
use serde_json::json;

#[test]
fn are_written_as_the_api_server_stores_them() {
    for (given, stored) in [
        ("0", "0"),
        ("0m", "0"),
        ("1000m", "1"),
        ("1500m", "1500m"),
        ("0.5", "500m"),
        ("1.500", "1500m"),
        ("+2", "2"),
        ("-2", "-2"),
        (".25", "250m"),
        ("1.", "1"),
        ("1024", "1024"),
        ("1024Mi", "1Gi"),
        ("1000Mi", "1000Mi"),
        ("1.5Gi", "1536Mi"),
        ("0.5Mi", "512Ki"),
        // Below 1024 a binary amount has no binary suffix.
        ("0.5Ki", "512"),
        ("0.1Ki", "102400m"),
        ("1e3", "1e3"),
        ("12e2", "1200"),
        ("1E", "1E"),
        ("1000k", "1M"),
        ("2000M", "2G"),
        ("100u", "100u"),
        ("1n", "1n"),
        // Less than a billionth is still something.
        ("0.1n", "1n"),
        ("7Ei", "7Ei"),
    ] {
        assert_eq!(Quantity::parse(given).map(|q| q.to_string()), Ok(stored.to_owned()), "{given}");
    }
}

#[test]
fn that_are_none_are_refused() {
    for text in ["", "m", "1.2.3", "1mm", "1 Gi", "Gi1", "0x10", "1e", "1e1.5", "--1", "inf", "9Ei", "1e30", "١"] {
        assert!(Quantity::parse(text).is_err(), "{text}");
    }
}

#[test]
fn add_up_exactly() {
    let parse = |text| Quantity::parse(text).expect("a quantity");
    assert_eq!(parse("0.1").plus(parse("0.2")), parse("300m"));
    assert_eq!(parse("64Mi").times(3).to_string(), "192Mi");
    assert_eq!(parse("1Gi"), parse("1024Mi"));
    assert!(parse("1G") < parse("1Gi"));
    assert_eq!(parse("8E").times(u32::MAX), parse("8E").times(u32::MAX).plus(parse("1")));
}

#[test]
fn are_canonical_wherever_a_stack_has_them() {
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"},
        "spec": {"template": {"spec": {
            "containers": [{"resources": {"requests": {"cpu": 0.5, "memory": "1024Ki"}, "limits": {"cpu": 2, "memory": "none"}}}],
            "initContainers": [{"resources": {"limits": {"cpu": "3000m"}, "requests": {"cpu": "1500u"}}}],
            "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "1024Ki"}}],
        }}},
    });
    let pod = &Manifest::new(deployment).expect("an object").value["spec"]["template"]["spec"];
    assert_eq!(
        pod["containers"][0]["resources"],
        json!({"requests": {"cpu": "500m", "memory": "1Mi"}, "limits": {"cpu": "2", "memory": "none"}})
    );
    assert_eq!(pod["initContainers"][0]["resources"]["limits"]["cpu"], "3");
    // The API server rounds amounts of resources up to thousandths.
    assert_eq!(pod["initContainers"][0]["resources"]["requests"]["cpu"], "2m");
    assert_eq!(pod["volumes"][0]["emptyDir"]["sizeLimit"], "1Mi");
}

proptest! {
    #[test]
    fn come_back_as_they_were_written(text in "[+-]?[0-9]{0,12}(\\.[0-9]{0,12})?(n|u|m|k|M|G|Ki|Mi|Gi|e[0-9]|E-[0-9])?") {
        if let Ok(quantity) = Quantity::parse(&text) {
            let canonical = quantity.to_string();
            prop_assert_eq!(Quantity::parse(&canonical), Ok(quantity));
            prop_assert_eq!(Quantity::parse(&canonical).map(|q| q.to_string()), Ok(canonical));
        }
    }

    #[test]
    fn never_panic(text in "\\PC{0,20}", digits in "[0-9.]{0,80}[a-zA-Z]{0,3}[+-]?[0-9]{0,12}") {
        let _ = (Quantity::parse(&text), Quantity::parse(&digits));
    }
}
