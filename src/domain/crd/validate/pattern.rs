//! A `pattern` of a schema, which is in the syntax of Go's `regexp` (RE2), as one of the `regex` crate.
//! In: the pattern. Out: it compiled, matching what Go matches.
//!
//! Where they differ: in Go `\d`, `\w`, `\s` and `\b` are of ASCII, `\s` is without the vertical tab, a class has no
//! classes or operators within it, `\<` and a lone `{` are plain characters, `\Q…\E` quotes.

use std::fmt::Write;

use regex::bytes::{Regex, RegexBuilder};

/// Bytes that one pattern may take when compiled: the longest repetition that Go allows (1,000), of all letters.
const LARGEST: usize = 64 << 20;

/// # Errors
/// Why it is no pattern, in one line.
pub(super) fn compile(go: &str) -> Result<Regex, String> {
    let compiled = RegexBuilder::new(&translate(go)?).size_limit(LARGEST).octal(true).build();
    compiled.map_err(|error| error.to_string().lines().last().unwrap_or_default().trim().to_owned())
}

fn translate(go: &str) -> Result<String, String> {
    let mut out = String::with_capacity(go.len() + 16);
    let mut rest = go;
    while let Some(c) = rest.chars().next() {
        let taken = match c {
            '\\' => escape(rest, false, &mut out)?,
            '[' => class(rest, &mut out)?,
            '{' | '}' => repetition(rest, &mut out),
            other => {
                out.push(other);
                other.len_utf8()
            }
        };
        rest = rest.get(taken..).unwrap_or_default();
    }
    Ok(out)
}

/// `{n}`, `{n,}` or `{n,m}`; any other brace is a plain character. Returns the bytes taken.
fn repetition(text: &str, out: &mut String) -> usize {
    let inner = text.strip_prefix('{').and_then(|text| text.split_once('}')).map_or("", |(inner, _)| inner);
    let (min, max) = inner.split_once(',').unwrap_or((inner, ""));
    let digits = |text: &str| text.bytes().all(|c| c.is_ascii_digit());
    if min.is_empty() || !digits(min) || !digits(max) {
        plain(text.chars().next().unwrap_or_default(), out);
        return 1;
    }
    out.push('{');
    out.push_str(inner);
    out.push('}');
    inner.len() + 2
}

/// An escape, within a class or not. Returns the bytes taken.
fn escape(text: &str, in_class: bool, out: &mut String) -> Result<usize, String> {
    let c = text.chars().nth(1).ok_or("trailing backslash")?;
    let group = |members: &str, negated: bool, out: &mut String| {
        // A class within a class is the crate's syntax, and what is written here is for the crate.
        out.push_str(if negated { "[^" } else { "[" });
        out.push_str(members);
        out.push(']');
    };
    match c {
        'd' | 'D' => group("0-9", c == 'D', out),
        'w' | 'W' => group("0-9A-Za-z_", c == 'W', out),
        's' | 'S' => group(r"\t\n\x0C\r ", c == 'S', out),
        'b' if !in_class => out.push_str(r"(?-u:\b)"),
        'B' if !in_class => out.push_str(r"(?-u:\B)"),
        'Q' if !in_class => return Ok(quoted(text, out)),
        'p' | 'P' => return Ok(property(text, c == 'P', out)),
        'A' | 'z' if !in_class => out.extend(['\\', c]),
        'a' | 'f' | 'n' | 'r' | 't' | 'v' | 'x' | '0'..='7' => out.extend(['\\', c]),
        c if c.is_ascii_alphanumeric() || !c.is_ascii() => return Err(format!("invalid escape sequence \\{c}")),
        c => plain(c, out),
    }
    Ok(1 + c.len_utf8())
}

/// `\Q…\E`: all of it as it is.
fn quoted(text: &str, out: &mut String) -> usize {
    let inner = text.get(2..).unwrap_or_default();
    let (literal, end) = inner.split_once(r"\E").map_or((inner, 0), |(literal, _)| (literal, 2));
    literal.chars().for_each(|c| plain(c, out));
    2 + literal.len() + end
}

/// `\pL`, `\p{Greek}`, and `\p{^Greek}` for the opposite.
fn property(text: &str, mut negated: bool, out: &mut String) -> usize {
    let after = text.get(2..).unwrap_or_default();
    let Some((name, _)) = after.strip_prefix('{').and_then(|name| name.split_once('}')) else {
        out.push_str(if negated { r"\P" } else { r"\p" });
        return 2;
    };
    let bare = name.strip_prefix('^').unwrap_or(name);
    negated ^= bare.len() < name.len();
    out.push_str(if negated { r"\P{" } else { r"\p{" });
    out.push_str(bare);
    out.push('}');
    name.len() + 4
}

/// A character that means itself.
fn plain(c: char, out: &mut String) {
    let written = write!(out, r"\x{{{:x}}}", u32::from(c));
    debug_assert!(written.is_ok(), "a string takes everything");
}

/// `[…]`. Returns the bytes taken.
fn class(text: &str, out: &mut String) -> Result<usize, String> {
    let mut rest = text.get(1..).unwrap_or_default();
    out.push('[');
    if let Some(negated) = rest.strip_prefix('^') {
        out.push('^');
        rest = negated;
    }
    let mut first = true;
    loop {
        match rest.strip_prefix(']') {
            Some(after) if !first => {
                out.push(']');
                return Ok(text.len() - after.len());
            }
            _ => rest = member(rest, out)?,
        }
        first = false;
    }
}

/// A named class, an escaped one, a character or a range. Returns what follows it.
fn member<'a>(text: &'a str, out: &mut String) -> Result<&'a str, String> {
    if let Some((name, after)) = text.strip_prefix("[:").and_then(|name| name.split_once(":]")) {
        out.extend(["[:", name, ":]"]);
        return Ok(after);
    }
    let single = !["\\d", "\\D", "\\w", "\\W", "\\s", "\\S", "\\p", "\\P"].iter().any(|set| text.starts_with(set));
    let after = character(text, out)?;
    match after.strip_prefix('-') {
        Some(end) if single && !end.is_empty() && !end.starts_with(']') => {
            out.push('-');
            character(end, out)
        }
        _ => Ok(after),
    }
}

fn character<'a>(text: &'a str, out: &mut String) -> Result<&'a str, String> {
    let c = text.chars().next().ok_or("missing closing ]")?;
    if c != '\\' {
        plain(c, out);
        return Ok(text.get(c.len_utf8()..).unwrap_or_default());
    }
    let taken = escape(text, true, out)?;
    // The digits of `\x41`, `\x{41}` and `\101` belong to it.
    let (escape, rest) = (text.get(1..taken).unwrap_or_default(), text.get(taken..).unwrap_or_default());
    let digits = digits(escape, rest);
    out.push_str(rest.get(..digits).unwrap_or_default());
    Ok(rest.get(digits..).unwrap_or_default())
}

/// How many bytes of `rest` belong to the escape that began.
fn digits(escape: &str, rest: &str) -> usize {
    match escape {
        "x" if rest.starts_with('{') => rest.find('}').map_or(0, |end| end + 1),
        "x" => rest.bytes().take(2).take_while(u8::is_ascii_hexdigit).count(),
        octal if octal.len() == 1 && octal.bytes().all(|c| c.is_ascii_digit()) => {
            rest.bytes().take(2).take_while(|c| matches!(c, b'0'..=b'7')).count()
        }
        _ => 0,
    }
}
