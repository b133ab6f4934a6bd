//! Taking back a change that cannot be stored.

use std::collections::BTreeMap;

/// Takes back what a change has made of a map, key by key; what others have changed since stays.
pub(in crate::daemon) fn undo<K, V>(
    map: &mut BTreeMap<K, V>,
    before: &BTreeMap<K, V>,
    after: &BTreeMap<K, V>,
) where
    K: Ord + Clone,
    V: PartialEq + Clone,
{
    for key in before.keys().chain(after.keys()) {
        let (old, new) = (before.get(key), after.get(key));
        if old == new || map.get(key) != new {
            continue;
        }
        match old {
            Some(old) => map.insert(key.clone(), old.clone()),
            None => map.remove(key),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_change_itself_is_taken_back() {
        let before = BTreeMap::from([(1, "a"), (2, "b"), (3, "c")]);
        let after = BTreeMap::from([(1, "x"), (3, "c"), (4, "d"), (5, "e")]);
        let mut map = after.clone();
        map.insert(3, "others");
        map.insert(5, "others");
        undo(&mut map, &before, &after);
        let expected = BTreeMap::from([(1, "a"), (2, "b"), (3, "others"), (5, "others")]);
        assert_eq!(map, expected);
    }
}
