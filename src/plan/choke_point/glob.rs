//! `*` for any run of characters, nothing else: what a fleet's policy uses for images and namespaces.

/// Whether `pattern` covers the whole of `text`.
#[must_use]
pub fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(head) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let tail = parts.pop().unwrap_or_default();
    // The first place where a part fits is as good as any later one, because what follows may be any run of characters.
    for part in parts {
        match text.find(part).and_then(|at| text.get(at + part.len()..)) {
            Some(rest) => text = rest,
            None => return false,
        }
    }
    text.ends_with(tail)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_is_any_run_of_characters_and_all_else_is_itself() {
        for (pattern, text, expected) in [
            ("kube-*", "kube-system", true),
            ("kube-*", "kube", false),
            ("default", "default", true),
            ("default", "default-2", false),
            ("*.example.com/*", "eu.example.com/op@sha256:1", true),
            ("*.example.com/*", "example.com.evil.org/op", false),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("*a*b", "xxabab", true),
            ("*", "", true),
            ("", "", true),
            ("", "x", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} on {text}");
        }
    }
}
