//! The type of a YAML scalar that has no quotes: null, bool, number or string.
//!
//! `kubectl` reads YAML 1.1 (`yes` is true, `0644` is 420), this parser reads YAML 1.2 (a string, 644). Nobody should
//! have to know which one they face: what the two read differently is refused with both ways to write it.
use serde_json::{Number, Value};

/// The value of the plain scalar `text`, or what is ambiguous about it.
pub(super) fn value(text: &str) -> Result<Value, String> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Ok(Value::Null),
        "true" | "True" | "TRUE" => Ok(Value::Bool(true)),
        "false" | "False" | "FALSE" => Ok(Value::Bool(false)),
        _ if is_old_bool(text) => Err(format!("`{text}` is a bool to some tools and a string to others: quote it")),
        _ => number(text),
    }
}

/// Words that YAML 1.1 reads as a bool.
pub(super) fn is_old_bool(text: &str) -> bool {
    const WORDS: [&str; 6] = ["y", "yes", "on", "n", "no", "off"];
    WORDS.contains(&text.to_ascii_lowercase().as_str())
}

fn number(text: &str) -> Result<Value, String> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return Ok(Value::from(text));
    }
    if is_ambiguous(digits) {
        return Err(format!(
            "`{text}` is one number to some tools and another, or a string, to others: write it as a plain decimal, or quote it"
        ));
    }
    let unsigned = text.strip_prefix('+').unwrap_or(text);
    if let Ok(n) = unsigned.parse::<i64>() {
        return Ok(n.into());
    }
    if let Ok(n) = unsigned.parse::<u64>() {
        return Ok(n.into());
    }
    // Only what looks like a decimal may become one: Rust alone would also take `1e` words such as `infinity`.
    if !digits.bytes().all(|b| b.is_ascii_digit() || b".eE+-".contains(&b)) {
        return Ok(Value::from(text));
    }
    match unsigned.parse::<f64>() {
        Ok(n) => Number::from_f64(n).map(Value::Number).ok_or_else(|| format!("`{text}` is too big for a number")),
        Err(_) => Ok(Value::from(text)),
    }
}

/// Octal, hexadecimal, binary, with underscores, infinite or not a number.
fn is_ambiguous(digits: &str) -> bool {
    let lower = digits.to_ascii_lowercase();
    let all = |text: &str, allowed: fn(char) -> bool| !text.is_empty() && text.chars().all(allowed);
    let octal = lower.strip_prefix('0').is_some_and(|rest| all(rest, |c| c.is_ascii_digit()));
    let prefixed = ["0x", "0o", "0b"]
        .iter()
        .any(|p| lower.strip_prefix(p).is_some_and(|rest| all(rest, |c| c.is_ascii_hexdigit() || c == '_')));
    let grouped = lower.contains('_') && all(&lower, |c| c.is_ascii_digit() || "_.".contains(c));
    octal || prefixed || grouped || [".inf", ".nan"].contains(&lower.as_str())
}
