//! Numbers as the API server compares them: an integer as `int64` with bounds cut to integers, any other as `float64`.
//! In: numbers of an object and of a schema. Out: whether they fit.
//!
//! The oddities are those of `kube-openapi` `values.go` and `go-openapi/swag`, and are kept: a verdict that is better than
//! the API server's is wrong.

use serde_json::Number;

use super::compile::{Bound, Format, Kind};

/// A number as Go decodes it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Num {
    Int(i64),
    Float(f64),
}

impl Num {
    pub(super) fn of(number: &Number) -> Self {
        number.as_i64().map_or_else(|| Self::Float(number.as_f64().unwrap_or(f64::NAN)), Self::Int)
    }

    /// Whether it counts as an integer where its type says so: `1.0` does.
    pub(super) fn integral(self) -> bool {
        match self {
            Self::Int(_) => true,
            Self::Float(value) => integral(value),
        }
    }

    /// Whether it is in the range of its type and format.
    pub(super) fn fits(self, kind: Option<Kind>, format: Option<&Format>) -> bool {
        match (kind, format) {
            (Some(Kind::Integer), Some(Format::Int32)) => self.whole().is_some_and(|n| i32::try_from(n).is_ok()),
            (Some(Kind::Integer), _) => self.whole().is_some(),
            (Some(Kind::Number), Some(Format::Float)) => self.in_float32(),
            _ => true,
        }
    }

    /// As JSON has it when it is written: without a fraction if there is none.
    pub(super) fn shortest(self) -> String {
        self.whole().map_or_else(|| self.float().to_string(), |whole| whole.to_string())
    }

    /// As `strconv.ParseInt` reads its decimal form.
    pub(super) fn whole(self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(value),
            Self::Float(value) => (value.trunc().to_bits() == value.to_bits() && in_int64(value)).then(|| cut(value)),
        }
    }

    #[allow(clippy::cast_possible_truncation, reason = "whether it overflows is the question")]
    fn in_float32(self) -> bool {
        match self {
            Self::Int(_) => true,
            Self::Float(value) => (value as f32).is_finite(),
        }
    }

    pub(super) fn at_most(self, bound: Bound) -> bool {
        match self {
            Self::Int(value) if bound.exclusive => value < cut(bound.at),
            Self::Int(value) => value <= cut(bound.at),
            Self::Float(value) if bound.exclusive => value < bound.at,
            Self::Float(value) => value <= bound.at,
        }
    }

    pub(super) fn at_least(self, bound: Bound) -> bool {
        match self {
            Self::Int(value) if bound.exclusive => value > cut(bound.at),
            Self::Int(value) => value >= cut(bound.at),
            Self::Float(value) if bound.exclusive => value > bound.at,
            Self::Float(value) => value >= bound.at,
        }
    }

    pub(super) fn multiple_of(self, factor: f64) -> bool {
        match self {
            Self::Int(value) => cut(factor) > 0 && value % cut(factor) == 0,
            Self::Float(_) if factor <= 0.0 => false,
            Self::Float(value) if factor < 1.0 => integral(1.0 / factor * value),
            Self::Float(value) => integral(value / factor),
        }
    }

    /// Whether a choice of an `enum` is met: the value is converted to the choice's own type first, so `1.5` is `1`.
    pub(super) fn chosen(self, choice: Self) -> bool {
        match (self, choice) {
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Float(a), Self::Int(b)) => cut(a) == b,
            (a, Self::Float(b)) => same(a.float(), b),
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "as Go's float64(int64)")]
    pub(super) fn float(self) -> f64 {
        match self {
            Self::Int(value) => value as f64,
            Self::Float(value) => value,
        }
    }
}

#[allow(clippy::float_cmp, reason = "equality of JSON values is exact")]
fn same(a: f64, b: f64) -> bool {
    a == b
}

/// The range of `int64`: from −2⁶³ to below 2⁶³.
fn in_int64(value: f64) -> bool {
    (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&value)
}

/// Go's `int64(float64)` on amd64: towards zero, and the smallest number for what does not fit.
#[allow(clippy::cast_possible_truncation, reason = "cutting is what it is for")]
pub(super) fn cut(value: f64) -> i64 {
    if in_int64(value) { value as i64 } else { i64::MIN }
}

/// `swag.IsFloat64AJSONInteger`: below 2⁵³, and within a relative 10⁻⁹ of a whole number if positive.
fn integral(value: f64) -> bool {
    const LARGEST: f64 = 9_007_199_254_740_991.0;
    if !(-LARGEST..=LARGEST).contains(&value) {
        return false;
    }
    let whole = value.trunc();
    if same(whole, value) {
        return true;
    }
    value > 0.0 && whole > 0.0 && (value - whole) / (value + whole) < 1e-9
}
