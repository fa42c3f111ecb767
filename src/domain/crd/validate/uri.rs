//! `format: uri` as Go's `url.ParseRequestURI` (1.26) takes it. In: a string. Out: whether it is one.

use core::net::Ipv6Addr;

pub(super) fn is_request_uri(text: &str) -> bool {
    if text.is_empty() || text.bytes().any(|c| c < b' ' || c == 0x7f) {
        return false;
    }
    if text == "*" {
        return true;
    }
    let Some((scheme, rest)) = scheme(text) else {
        return false;
    };
    let rest = rest.split_once('?').map_or(rest, |(path, _)| path);
    if !rest.starts_with('/') {
        return !scheme.is_empty();
    }
    match rest.strip_prefix("//").filter(|_| !scheme.is_empty()) {
        Some(from_authority) => {
            let (authority, path) = from_authority.split_at(from_authority.find('/').unwrap_or(from_authority.len()));
            is_authority(authority) && is_escaped(path)
        }
        None => is_escaped(rest),
    }
}

/// The scheme, empty if there is none, and what follows it. None: it begins with a colon.
fn scheme(text: &str) -> Option<(&str, &str)> {
    for (at, c) in text.char_indices() {
        match c {
            'a'..='z' | 'A'..='Z' => {}
            '0'..='9' | '+' | '-' | '.' if at > 0 => {}
            ':' if at == 0 => return None,
            ':' => return Some((text.get(..at)?, text.get(at + 1..)?)),
            _ => break,
        }
    }
    Some(("", text))
}

fn is_authority(authority: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._:~!$&'()*+,;=%@".contains(c);
    match authority.rsplit_once('@') {
        None => is_host(authority),
        Some((user, host)) => user.chars().all(allowed) && is_escaped(user) && is_host(host),
    }
}

fn is_host(host: &str) -> bool {
    if let Some(inner) = host.strip_prefix('[') {
        let Some((address, port)) = inner.rsplit_once(']') else {
            return false;
        };
        let (address, zone) = address.split_once("%25").unwrap_or((address, ""));
        return is_port(port) && address.parse::<Ipv6Addr>().is_ok() && is_escaped(zone);
    }
    if host.contains('[') {
        return false;
    }
    let name = match host.split_once(':') {
        None => host,
        Some((name, port)) if port.bytes().all(|c| c.is_ascii_digit()) => name,
        Some(_) => return false,
    };
    let allowed = |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || "-_.~!$&'()*+,;=]<>\"%".contains(c);
    name.chars().all(allowed) && is_escaped(name) && escapes(name).all(|byte| byte >= 0x80)
}

fn is_port(text: &str) -> bool {
    text.is_empty() || text.strip_prefix(':').is_some_and(|port| port.bytes().all(|c| c.is_ascii_digit()))
}

/// Each `%` is followed by two hexadecimal digits.
fn is_escaped(text: &str) -> bool {
    text.split('%').skip(1).all(|rest| byte(rest).is_some())
}

fn escapes(text: &str) -> impl Iterator<Item = u8> {
    text.split('%').skip(1).filter_map(byte)
}

fn byte(digits: &str) -> Option<u8> {
    let two = digits.get(..2).filter(|two| two.bytes().all(|c| c.is_ascii_hexdigit()))?;
    u8::from_str_radix(two, 16).ok()
}
