//! Two lists in the order of names, walked side by side: with ten thousand tenants a search for each name in each list is
//! what a plan would cost most.

/// Everybody of the first list, with who has that name in the second. Both must be in the order of their names.
pub fn joined<'a, 'b, A, B>(
    left: impl Iterator<Item = (&'a String, A)>,
    right: impl Iterator<Item = (&'b String, B)>,
) -> impl Iterator<Item = (&'a String, A, Option<B>)> {
    let mut right = right.peekable();
    left.map(move |(name, a)| {
        while right.next_if(|(other, _)| *other < name).is_some() {}
        (name, a, right.next_if(|(other, _)| *other == name).map(|(_, b)| b))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn each_name_meets_its_own_and_nobody_else() {
        let list = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), 0)).collect::<BTreeMap<_, _>>();
        let (left, right) = (list(&["b", "c", "e", "f"]), list(&["a", "c", "d", "f", "g"]));
        let met: Vec<_> = joined(left.iter(), right.iter()).map(|(name, _, met)| (&**name, met.is_some())).collect();
        assert_eq!(met, [("b", false), ("c", true), ("e", false), ("f", true)]);
        assert_eq!(joined(left.iter(), list(&[]).iter()).filter(|(_, _, met)| met.is_some()).count(), 0);
    }
}
