//! Addresses as Go parses them. In: a string. Out: whether it is one.
//!
//! Only the types of `core::net`, which cannot reach a network.
//! `ipv4` and `cidr` are parsed as Go did up to 1.16, which lets numbers begin with zeros (`k8s.io/utils/net`).

use core::net::{Ipv4Addr, Ipv6Addr};

/// Also an IPv6 address that ends in an IPv4 one.
pub(super) fn is_ipv4(text: &str) -> bool {
    text.contains('.') && (is_sloppy_v4(text) || is_sloppy_v6(text))
}

pub(super) fn is_ipv6(text: &str) -> bool {
    text.contains(':') && text.parse::<Ipv6Addr>().is_ok()
}

pub(super) fn is_cidr(text: &str) -> bool {
    let Some((address, mask)) = text.split_once('/') else {
        return false;
    };
    let bits = if is_sloppy_v4(address) {
        32
    } else if is_sloppy_v6(address) {
        128
    } else {
        return false;
    };
    !mask.is_empty() && mask.bytes().all(|c| c.is_ascii_digit()) && mask.parse::<u32>().is_ok_and(|mask| mask <= bits)
}

fn is_sloppy_v4(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').map(without_zeros).collect();
    parts.join(".").parse::<Ipv4Addr>().is_ok()
}

fn is_sloppy_v6(text: &str) -> bool {
    let part = |part: &str| part.split('.').map(without_zeros).collect::<Vec<_>>().join(".");
    let parts: Vec<String> = text.split(':').map(part).collect();
    parts.join(":").parse::<Ipv6Addr>().is_ok()
}

fn without_zeros(number: &str) -> &str {
    let rest = number.trim_start_matches('0');
    if rest.is_empty() && !number.is_empty() { "0" } else { rest }
}

/// 6, 8 or 20 bytes, separated by `:` or `-`, or two by two by `.`, or not at all.
pub(super) fn is_mac(text: &str) -> bool {
    let parts = |separator: char, digits: usize| {
        let parts: Vec<&str> = text.split(separator).collect();
        let hexadecimal = |part: &&str| part.len() == digits && part.bytes().all(|c| c.is_ascii_hexdigit());
        parts.iter().all(hexadecimal).then_some(parts.len() * digits / 2)
    };
    let bare = matches!(text.len(), 12 | 16 | 40) && text.bytes().all(|c| c.is_ascii_hexdigit());
    bare || [(':', 2), ('-', 2), ('.', 4)]
        .into_iter()
        .any(|(separator, digits)| text.contains(separator) && matches!(parts(separator, digits), Some(6 | 8 | 20)))
}
