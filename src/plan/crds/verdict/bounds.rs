//! `minimum` and `maximum` with their `exclusive…`, the bounds of lengths and numbers, `multipleOf`: wider or narrower.
use serde_json::Value;

use super::{
    collect::Collector,
    finding::Verdict,
    walk::{Schema, put},
};

const TIGHTER: &str = "narrower: a stored object may be outside of it, and an old operator may write one that is; leave the bound, or add a new optional field";
const LOOSER: &str = "wider: an old operator may not take what is now allowed";
const SAME: &str = "said otherwise, with the same meaning";

/// A bound, ordered so that the greater is the narrower.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
struct Bound(f64, bool);

/// Holds the limit that this keyword is part of against the old one. Both keywords of a limit change together.
pub(super) fn limit(c: &mut Collector<'_>, keyword: &str, old: &Schema, new: &Schema, out: &mut Schema) {
    let (plain, exclusive, lower) = match keyword {
        "minimum" | "exclusiveMinimum" => ("minimum", "exclusiveMinimum", true),
        _ => ("maximum", "exclusiveMaximum", false),
    };
    // The walk comes by in alphabetical order: with an `exclusive…` that differs both were settled there.
    if keyword == plain && old.get(exclusive) != new.get(exclusive) {
        return;
    }
    let of = |schema: &Schema| {
        let value = schema.get(plain).and_then(Value::as_f64)?;
        Some(Bound(if lower { value } else { -value }, schema.get(exclusive) == Some(&Value::Bool(true))))
    };
    let rules = if lower {
        ["minimum-tightened", "minimum-loosened", "minimum-reworded"]
    } else {
        ["maximum-tightened", "maximum-loosened", "maximum-reworded"]
    };
    let from = if found(c, rules, of(old), of(new)) { new } else { old };
    for keyword in [plain, exclusive] {
        put(out, keyword, from.get(keyword).cloned());
    }
}

/// A count: `minItems`, `maxLength`, …; none where the keyword is no such thing.
pub(super) fn count(c: &mut Collector<'_>, keyword: &str, old: Option<&Value>, new: Option<&Value>) -> Option<bool> {
    let (lower, rules) = match keyword {
        "minLength" => (true, ["min-length-tightened", "min-length-loosened", "min-length-reworded"]),
        "maxLength" => (false, ["max-length-tightened", "max-length-loosened", "max-length-reworded"]),
        "minItems" => (true, ["min-items-tightened", "min-items-loosened", "min-items-reworded"]),
        "maxItems" => (false, ["max-items-tightened", "max-items-loosened", "max-items-reworded"]),
        "minProperties" => (true, ["min-properties-tightened", "min-properties-loosened", "min-properties-reworded"]),
        "maxProperties" => (false, ["max-properties-tightened", "max-properties-loosened", "max-properties-reworded"]),
        _ => return None,
    };
    let of = |value: Option<&Value>| {
        let value = value.and_then(Value::as_f64).filter(|value| !lower || *value > 0.0)?;
        Some(Bound(if lower { value } else { -value }, false))
    };
    Some(found(c, rules, of(old), of(new)))
}

fn found(
    c: &mut Collector<'_>,
    [tightened, loosened, reworded]: [&'static str; 3],
    old: Option<Bound>,
    new: Option<Bound>,
) -> bool {
    // No bound at all is less than any.
    if new > old {
        c.find(tightened, Verdict::Scan, TIGHTER)
    } else if new < old {
        c.find(loosened, Verdict::Gate, LOOSER)
    } else {
        c.find(reworded, Verdict::Ok, SAME)
    }
}

/// A new factor is wider where each multiple of the old one is one of it.
pub(super) fn multiple(c: &mut Collector<'_>, old: Option<&Value>, new: Option<&Value>) -> bool {
    let divides = |new: f64, old: f64| new != 0.0 && (old % new) == 0.0;
    match (old.and_then(Value::as_f64), new.and_then(Value::as_f64)) {
        (_, None) => c.find("multiple-of-loosened", Verdict::Gate, LOOSER),
        // A float of a fraction is no exact factor: 0.3 is no multiple of 0.1 in binary.
        (Some(old), Some(new)) if old.fract() == 0.0 && new.fract() == 0.0 && divides(new, old) => {
            c.find("multiple-of-loosened", Verdict::Gate, LOOSER)
        }
        _ => c.find("multiple-of-tightened", Verdict::Scan, TIGHTER),
    }
}
