//! The first few of many, as people are told.

/// The first ones, joined, and how many more there are of `total`.
#[must_use]
pub fn some<T: AsRef<str>>(first: &[T], total: usize, separator: &str) -> String {
    let named: Vec<&str> = first.iter().map(AsRef::as_ref).collect();
    match total.saturating_sub(named.len()) {
        0 => named.join(separator),
        more => format!("{} and {more} more", named.join(separator)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_is_counted() {
        assert_eq!(some(&["a", "b"], 2, ", "), "a, b");
        assert_eq!(some(&["a", "b"], 5, "; "), "a; b and 3 more");
        assert_eq!(some::<&str>(&[], 0, ", "), "");
    }
}
