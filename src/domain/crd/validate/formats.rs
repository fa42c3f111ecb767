//! The formats that the API server enforces: `apiserver/validation/formats.go`, `kube-openapi` `pkg/validation/strfmt`.
//! In: a format's name, a string. Out: whether the string is one. Any other format means nothing.

use std::sync::LazyLock;

use regex::Regex;

use super::{mail, network, uri};

/// The check of a format, if there is one; dashes in its name mean nothing.
pub(super) fn named(name: &str) -> Option<fn(&str) -> bool> {
    Some(match name.replace('-', "").as_str() {
        "bsonobjectid" => |text| text.len() == 24 && text.bytes().all(|b| b.is_ascii_hexdigit()),
        "byte" => is_base64,
        "cidr" => network::is_cidr,
        "creditcard" => is_credit_card,
        "date" => is_date,
        "datetime" => is_date_time,
        "duration" => is_duration,
        "email" => mail::is_address,
        "hexcolor" => is_hex_color,
        "hostname" => is_hostname,
        "ipv4" => network::is_ipv4,
        "ipv6" => network::is_ipv6,
        "isbn" => |text| is_isbn10(text) || is_isbn13(text),
        "isbn10" => is_isbn10,
        "isbn13" => is_isbn13,
        "k8slongname" => |text| text.len() <= 253 && text.split('.').all(is_name),
        "k8sshortname" => |text| text.len() <= 63 && is_name(text),
        "mac" => network::is_mac,
        "password" => |_| true,
        "rgbcolor" => is_rgb_color,
        "ssn" => is_ssn,
        "uri" => uri::is_request_uri,
        "uuid" => |text| is_uuid(text, None),
        "uuid3" => |text| is_uuid(text, Some(b'3')),
        "uuid4" => |text| is_uuid(text, Some(b'4')),
        "uuid5" => |text| is_uuid(text, Some(b'5')),
        _ => return None,
    })
}

/// A pattern of our own: each is a constant that compiles, as the tests of every format show.
type Pattern = LazyLock<Option<Regex>>;

fn pattern(text: &str) -> Option<Regex> {
    Regex::new(text).ok()
}

fn matches(pattern: &Pattern, text: &str) -> bool {
    pattern.as_ref().is_some_and(|pattern| pattern.is_match(text))
}

fn is_name(text: &str) -> bool {
    let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    let ends = |c: Option<u8>| c.is_some_and(plain);
    ends(text.bytes().next()) && ends(text.bytes().last()) && text.bytes().all(|c| plain(c) || c == b'-')
}

fn is_base64(text: &str) -> bool {
    let data = text.strip_suffix("==").or_else(|| text.strip_suffix('=')).unwrap_or(text);
    let plain = |c: u8| c.is_ascii_alphanumeric() || c == b'+' || c == b'/';
    !data.is_empty() && text.len().is_multiple_of(4) && data.bytes().all(plain)
}

fn is_hex_color(text: &str) -> bool {
    let digits = text.strip_prefix('#').unwrap_or(text);
    matches!(digits.len(), 3 | 6) && digits.bytes().all(|c| c.is_ascii_hexdigit())
}

fn is_rgb_color(text: &str) -> bool {
    static RGB: Pattern = LazyLock::new(|| {
        let part = r"[\t\n\x0C\r ]*(?:0|[1-9][0-9]?|1[0-9][0-9]?|2[0-4][0-9]|25[0-5])[\t\n\x0C\r ]*";
        pattern(&format!(r"^rgb\({part},{part},{part}\)$"))
    });
    matches(&RGB, text)
}

fn is_ssn(text: &str) -> bool {
    static SSN: Pattern = LazyLock::new(|| pattern("^[0-9]{3}[- ]?[0-9]{2}[- ]?[0-9]{4}$"));
    text.len() == 11 && matches(&SSN, text)
}

fn is_hostname(text: &str) -> bool {
    static NAME: Pattern = LazyLock::new(|| {
        let any = r"[a-zA-Z0-9\p{S}\p{L}]";
        let label = format!(r"{any}(?:[a-zA-Z0-9\-\p{{S}}\p{{L}}]{{0,61}}{any})?");
        pattern(&format!(r"^(?:{any}(?:-?{any}{{0,62}})?|(?:{label}\.)+[a-zA-Z\p{{L}}]{{2,63}})$"))
    });
    text.len() <= 255 && matches(&NAME, text) && text.split('.').all(|label| label.len() <= 63)
}

/// Of the third group's first digit the version, of the fourth's, in versions 4 and 5, the variant.
fn is_uuid(text: &str, version: Option<u8>) -> bool {
    static UUID: Pattern =
        LazyLock::new(|| pattern("^[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}$"));
    let digits: Vec<u8> = text.bytes().filter(|c| *c != b'-').collect();
    let variant = |c: &u8| matches!(c.to_ascii_lowercase(), b'8' | b'9' | b'a' | b'b');
    let versioned = version.is_none_or(|version| digits.get(12) == Some(&version));
    let varied = !matches!(version, Some(b'4' | b'5')) || digits.get(16).is_some_and(variant);
    matches(&UUID, text) && versioned && varied
}

fn is_isbn10(text: &str) -> bool {
    let digits = without_space(text);
    let (Some(weighed), Some(last), 10) = (digits.get(..9), digits.last(), digits.len()) else {
        return false;
    };
    let check = if *last == b'X' { Some(10) } else { digit(*last) };
    let sum: Option<u32> = weighed.iter().zip(1..).map(|(c, weight)| Some(digit(*c)? * weight)).sum();
    sum.zip(check).is_some_and(|(sum, check)| (sum + 10 * check).is_multiple_of(11))
}

fn is_isbn13(text: &str) -> bool {
    let digits = without_space(text);
    let sum: Option<u32> = digits.iter().zip([1, 3].into_iter().cycle()).map(|(c, w)| Some(digit(*c)? * w)).sum();
    digits.len() == 13 && sum.is_some_and(|sum| sum.is_multiple_of(10))
}

fn without_space(text: &str) -> Vec<u8> {
    text.bytes().filter(|c| !matches!(c, b'\t' | b'\n' | 0x0C | b'\r' | b' ' | b'-')).collect()
}

fn digit(c: u8) -> Option<u32> {
    char::from(c).to_digit(10)
}

/// Known issuers and lengths, and the Luhn sum.
fn is_credit_card(text: &str) -> bool {
    static CARD: Pattern = LazyLock::new(|| {
        let visa = "4[0-9]{12}(?:[0-9]{3})?";
        let others = "5[1-5][0-9]{14}|6(?:011|5[0-9][0-9])[0-9]{12}|3[47][0-9]{13}|3(?:0[0-5]|[68][0-9])[0-9]{11}";
        pattern(&format!("^(?:{visa}|{others}|(?:2131|1800|35[0-9]{{3}})[0-9]{{11}})$"))
    });
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let doubled = |n: u32| if n >= 5 { 2 * n - 9 } else { 2 * n };
    let values = digits.bytes().rev().filter_map(digit).zip([false, true].into_iter().cycle());
    let sum: u32 = values.map(|(n, double)| if double { doubled(n) } else { n }).sum();
    matches(&CARD, &digits) && sum.is_multiple_of(10)
}

/// `2006-01-02`, a day that exists.
fn is_date(text: &str) -> bool {
    let dashes = text.len() == 10 && text.as_bytes().get(4) == Some(&b'-') && text.as_bytes().get(7) == Some(&b'-');
    let part = |range: std::ops::Range<usize>| {
        text.get(range).filter(|part| part.bytes().all(|c| c.is_ascii_digit())).and_then(|part| part.parse().ok())
    };
    let (Some(year), Some(month), Some(day)) = (part(0..4), part(5..7), part(8..10)) else {
        return false;
    };
    dashes && day >= 1 && day <= days(year, month)
}

fn days(year: u32, month: u32) -> u32 {
    let leap = year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    }
}

/// A date, `t`, a time with a zone. What follows a second `t` is not looked at, nor whether the zone exists.
fn is_date_time(text: &str) -> bool {
    static TIME: Pattern =
        LazyLock::new(|| pattern(r"^([0-9]{2}):([0-9]{2}):([0-9]{2})(?:.[0-9]+)?(?:z|[+-][0-9]{2}:[0-9]{2})$"));
    let lower = text.to_lowercase();
    let mut parts = lower.split('t');
    let (Some(date), Some(time)) = (parts.next(), parts.next()) else {
        return false;
    };
    let within = |(_, [hour, minute, second]): (&str, [&str; 3])| hour <= "23" && minute <= "59" && second <= "59";
    is_date(date)
        && TIME.as_ref().and_then(|pattern| pattern.captures(time)).map(|found| found.extract()).is_some_and(within)
}

/// As metadata has it: `2006-01-02T15:04:05Z`, optionally with a fraction or another zone.
pub(super) fn is_rfc3339(text: &str) -> bool {
    static ZONE: Pattern =
        LazyLock::new(|| pattern(r"^T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]+)?(?:Z|[+-][0-2][0-9]:[0-5][0-9])$"));
    text.get(10..).is_some_and(|rest| matches(&ZONE, rest)) && is_date_time(&text.replace(',', "."))
}

/// What Go's `time.ParseDuration` takes, or any text in which a number with a unit is found.
fn is_duration(text: &str) -> bool {
    static GO: Pattern =
        LazyLock::new(|| pattern(r"^[-+]?(?:0|(?:(?:[0-9]{1,9}(?:\.[0-9]*)?|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+)$"));
    static PART: Pattern = LazyLock::new(|| pattern("([0-9]+)[\t\n\u{c}\r ]*([A-Za-zµ]+)"));
    const EXACT: [&str; 13] = ["ns", "us", "µs", "ms", "s", "m", "h", "hr", "d", "w", "wk", "sec", "min"];
    const PREFIXES: [&str; 8] = ["nano", "micro", "milli", "sec", "min", "hour", "day", "week"];
    let mut known = false;
    for part in PART.iter().flat_map(|pattern| pattern.captures_iter(text)) {
        let (_, [number, unit]) = part.extract();
        if number.parse::<i64>().is_err() {
            return matches(&GO, text);
        }
        let unit = unit.to_lowercase();
        known |= EXACT.contains(&unit.as_str()) || PREFIXES.iter().any(|prefix| unit.starts_with(prefix));
    }
    known || matches(&GO, text)
}
