//! Kubernetes quantities, exactly: `250m`, `1.5Gi`, `1e3`.
//!
//! Parsed and written as `k8s.io/apimachinery/pkg/api/resource` does, so that what we render is byte for byte what the API
//! server stores. Never a float: 0.1 + 0.2 must be 300m.
use std::fmt;

use serde_json::{Map, Value};

/// An exact amount, in billionths of a unit; at most 2⁶³ − 1 units either way, as in Kubernetes.
#[derive(Clone, Copy, Debug)]
pub struct Quantity {
    nanos: i128,
    format: Format,
}

/// The family of suffixes that an amount is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// n, u, m, none, k, M, G, T, P, E.
    Decimal,
    /// Ki, Mi, Gi, Ti, Pi, Ei.
    Binary,
    /// e3, e6, …
    Exponent,
}

const UNIT: i128 = 1_000_000_000;
const MAX: i128 = i64::MAX as i128 * UNIT;
/// Suffix and power of ten, largest first.
const DECIMAL: [(&str, i32); 10] =
    [("E", 18), ("P", 15), ("T", 12), ("G", 9), ("M", 6), ("k", 3), ("", 0), ("m", -3), ("u", -6), ("n", -9)];
/// Suffixes by their power of 1024, from 1.
const BINARY: [&str; 6] = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

impl Quantity {
    pub const ZERO: Self = Self { nanos: 0, format: Format::Decimal };

    /// Reads a quantity.
    ///
    /// # Errors
    /// Says what is wrong with the text. What is smaller than a billionth is rounded up to it, as Kubernetes does.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bad = || format!("`{text}` is not a quantity such as 250m, 2 or 1.5Gi");
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, suffix) = rest.split_at_checked(end).ok_or_else(bad)?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if number.len() > 64 || fraction.contains('.') || (whole.is_empty() && fraction.is_empty()) {
            return Err(bad());
        }
        let (format, factor, power) = scale(suffix).ok_or_else(bad)?;
        let nanos = nanos(whole, fraction, factor, power).ok_or_else(|| format!("`{text}` is out of range"))?;
        Ok(Self { nanos: if negative { -nanos } else { nanos }, format })
    }

    /// Reads a quantity out of JSON, where it is a string or a number.
    ///
    /// # Errors
    /// As [`Quantity::parse`].
    pub fn from_json(value: &Value) -> Result<Self, String> {
        match value {
            Value::String(text) => Self::parse(text),
            Value::Number(number) => Self::parse(&number.to_string()),
            other => Err(format!("`{other}` is not a quantity: it is neither a string nor a number")),
        }
    }

    /// A whole number of units.
    #[must_use]
    pub fn units(count: u32) -> Self {
        Self { nanos: i128::from(count) * UNIT, format: Format::Decimal }
    }

    /// The least number of thousandths that is not below it: what the API server makes of an amount of a resource.
    #[must_use]
    pub fn in_thousandths(self) -> Self {
        const MILLI: i128 = UNIT / 1000;
        let up = if self.nanos % MILLI > 0 { MILLI } else { 0 };
        Self { nanos: self.nanos - self.nanos % MILLI + up, format: self.format }
    }

    /// The sum; at the bounds it stays at the bound.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let format = if self.nanos == 0 { other.format } else { self.format };
        Self { nanos: (self.nanos + other.nanos).clamp(-MAX, MAX), format }
    }

    /// `count` times this; at the bounds it stays at the bound.
    #[must_use]
    pub fn times(self, count: u32) -> Self {
        Self { nanos: self.nanos.saturating_mul(i128::from(count)).clamp(-MAX, MAX), format: self.format }
    }
}

impl PartialEq for Quantity {
    /// By amount: `1Gi` and `1024Mi` are equal.
    fn eq(&self, other: &Self) -> bool {
        self.nanos == other.nanos
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.nanos.cmp(&other.nanos)
    }
}

/// Factor and power of ten of a suffix.
fn scale(suffix: &str) -> Option<(Format, i128, i32)> {
    if let Some((_, power)) = DECIMAL.iter().find(|(s, _)| *s == suffix) {
        return Some((Format::Decimal, 1, *power));
    }
    if let Some(index) = BINARY.iter().position(|s| *s == suffix) {
        let factor = (0..=index).fold(1_i128, |factor, _| factor * 1024);
        return Some((Format::Binary, factor, 0));
    }
    let power: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
    (-1000..=1000).contains(&power).then_some((Format::Exponent, 1, power))
}

/// `whole.fraction × factor × 10^power`, in billionths, rounded up.
fn nanos(whole: &str, fraction: &str, factor: i128, power: i32) -> Option<i128> {
    let fraction = fraction.trim_end_matches('0');
    let digits = format!("{whole}{fraction}");
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return Some(0);
    }
    let mantissa: i128 = digits.parse::<i128>().ok()?.checked_mul(factor)?;
    let shift = power + 9 - i32::try_from(fraction.len()).ok()?;
    let ten = |n: u32| 10_i128.checked_pow(n);
    let nanos = match u32::try_from(shift) {
        Ok(up) => mantissa.checked_mul(ten(up)?)?,
        // Less than can be told apart is still something: a request for a little is not a request for nothing.
        Err(_) => ten(shift.unsigned_abs()).map_or(1, |down| (mantissa / down) + i128::from(mantissa % down != 0)),
    };
    (nanos <= MAX).then_some(nanos)
}

impl fmt::Display for Quantity {
    /// The canonical form: as few digits as possible, and no fraction.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.nanos % UNIT == 0;
        match self.format {
            _ if self.nanos == 0 => f.write_str("0"),
            Format::Binary if whole && self.nanos.abs() >= 1024 * UNIT => {
                let (mut number, mut suffix) = (self.nanos / UNIT, "");
                for next in BINARY {
                    if number % 1024 != 0 {
                        break;
                    }
                    (number, suffix) = (number / 1024, next);
                }
                write!(f, "{number}{suffix}")
            }
            format => self.decimal(f, format == Format::Exponent),
        }
    }
}

impl Quantity {
    fn decimal(self, f: &mut fmt::Formatter<'_>, exponent: bool) -> fmt::Result {
        for (suffix, power) in DECIMAL {
            let divisor = u32::try_from(power + 9).map_or(1, |p| 10_i128.pow(p));
            if self.nanos % divisor == 0 {
                let number = self.nanos / divisor;
                return match power {
                    0 => write!(f, "{number}"),
                    _ if exponent => write!(f, "{number}e{power}"),
                    _ => write!(f, "{number}{suffix}"),
                };
            }
        }
        Ok(())
    }
}

/// Rewrites every quantity in an object into its canonical form, which is what the API server stores: else each comparison
/// with what is stored would find a difference. What is no quantity stays, for the check that names it.
pub(super) fn canonicalize(object: &mut Value) {
    match object.get("kind").and_then(Value::as_str) {
        Some("ResourceQuota") => map(object.pointer_mut("/spec/hard")),
        Some("LimitRange") => items(object.pointer_mut("/spec/limits"), |item| {
            for field in ["max", "min", "default", "defaultRequest", "maxLimitRequestRatio"] {
                map(item.get_mut(field));
            }
        }),
        Some("PersistentVolumeClaim") => resources(object.pointer_mut("/spec/resources")),
        Some("Deployment" | "StatefulSet") => {
            items(object.pointer_mut("/spec/volumeClaimTemplates"), |claim| {
                resources(claim.pointer_mut("/spec/resources"));
            });
            if let Some(pod) = object.pointer_mut("/spec/template/spec") {
                resources(pod.get_mut("resources"));
                for list in ["containers", "initContainers"] {
                    items(pod.get_mut(list), |container| resources(container.get_mut("resources")));
                }
                items(pod.get_mut("volumes"), |volume| scalar(volume.pointer_mut("/emptyDir/sizeLimit"), |q| q));
            }
        }
        _ => {}
    }
}

fn items(list: Option<&mut Value>, mut each: impl FnMut(&mut Value)) {
    for item in list.and_then(Value::as_array_mut).into_iter().flatten() {
        each(item);
    }
}

fn resources(of: Option<&mut Value>) {
    let Some(of) = of.and_then(Value::as_object_mut) else { return };
    for field in ["requests", "limits"] {
        map(of.get_mut(field));
    }
}

fn map(quantities: Option<&mut Value>) {
    let values = quantities.and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut);
    values.for_each(|value| scalar(Some(value), Quantity::in_thousandths));
}

fn scalar(value: Option<&mut Value>, stored: fn(Quantity) -> Quantity) {
    if let Some(value) = value
        && let Ok(quantity) = Quantity::from_json(value)
    {
        *value = Value::String(stored(quantity).to_string());
    }
}
