//! What a Prometheus may answer: only a number is told from.
use leasehold::{
    api::Decimal,
    domain::{analysis::Outcome, promql::judge},
};

fn decimal(text: &str) -> Decimal {
    text.to_owned().try_into().unwrap()
}

fn vector(values: &[&str]) -> String {
    let series = |value: &&str| format!(r#"{{"metric":{{"job":"a"}},"value":[1700000000.123,"{value}"]}}"#);
    let series: Vec<String> = values.iter().map(series).collect();
    format!(r#"{{"status":"success","data":{{"resultType":"vector","result":[{}]}}}}"#, series.join(","))
}

fn within(values: &[&str], min: Option<&str>, max: Option<&str>) -> (Outcome, String) {
    let (min, max) = (min.map(decimal), max.map(decimal));
    let reply = judge(vector(values).as_bytes(), min.as_ref(), max.as_ref());
    (reply.outcome, reply.message)
}

#[test]
fn every_sample_keeps_the_bounds_or_the_answer_is_no() {
    assert_eq!(within(&["0.01"], None, Some("0.05")).0, Outcome::Passed);
    assert_eq!(within(&["0.05"], None, Some("0.05")).0, Outcome::Passed, "at most means at most");
    assert_eq!(within(&["0.99"], Some("0.99"), None).0, Outcome::Passed);
    assert_eq!(within(&["1", "2", "3"], Some("1"), Some("3")).0, Outcome::Passed);
    let (outcome, message) = within(&["0.01", "0.37"], None, Some("0.05"));
    assert_eq!((outcome, &*message), (Outcome::Failed, r#"{job="a"} is 0.37; wanted is at most 0.05"#));
    assert_eq!(within(&["0.5"], Some("1"), None).0, Outcome::Failed);
    assert_eq!(within(&["+Inf"], None, Some("100")).0, Outcome::Failed);
    assert_eq!(within(&["-Inf"], None, Some("100")).0, Outcome::Passed);
}

#[test]
fn what_is_no_number_tells_nothing() {
    assert_eq!(within(&[], None, Some("1")).0, Outcome::Inconclusive, "no sample");
    assert_eq!(within(&["NaN"], None, Some("1")).0, Outcome::Inconclusive);
    assert_eq!(within(&["5", "NaN"], None, Some("1")).0, Outcome::Inconclusive, "nor beside one that is out of bounds");
    assert_eq!(within(&["many"], None, Some("1")).0, Outcome::Inconclusive);
    assert_eq!(within(&["1"], None, None).0, Outcome::Inconclusive, "without bounds nothing is asked");
    let many: Vec<&str> = vec!["1"; 1001];
    assert_eq!(within(&many, None, Some("1")).0, Outcome::Inconclusive);
}

#[test]
fn what_is_no_reply_of_a_prometheus_tells_nothing_and_says_so() {
    let max = decimal("1");
    for (body, says) in [
        ("", "none of a Prometheus"),
        ("<html>login</html>", "none of a Prometheus"),
        ("[]", "none of a Prometheus"),
        (r#"{"status":"error","errorType":"bad_data","error":"parse error: unclosed"}"#, "parse error: unclosed"),
        (r#"{"status":"success"}"#, "could not answer"),
        (r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#, "gives a matrix"),
        (r#"{"status":"success","data":{"resultType":"string","result":[1,"1"]}}"#, "gives a string"),
        (
            r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1]}]}}"#,
            "cannot be read",
        ),
        (r#"{"status":"error","data":{"resultType":"scalar","result":[1,"1"]}}"#, "could not answer"),
    ] {
        let reply = judge(body.as_bytes(), None, Some(&max));
        assert_eq!(reply.outcome, Outcome::Inconclusive, "{body}");
        assert!(reply.message.contains(says), "{body}: {}", reply.message);
    }
    let scalar = r#"{"status":"success","data":{"resultType":"scalar","result":[1,"0.5"]}}"#;
    assert_eq!(judge(scalar.as_bytes(), None, Some(&max)).outcome, Outcome::Passed);
}

#[test]
fn thresholds_are_decimal_numbers() {
    for text in ["0.99", "-3", "1500", "0"] {
        assert!(decimal(text).get().is_finite());
    }
    for text in ["", "1e9", "NaN", "inf", "1.", ".5", "--1", "1,5", "0x10", "1111111111111111"] {
        assert!(Decimal::try_from(text.to_owned()).is_err(), "{text}");
    }
}
