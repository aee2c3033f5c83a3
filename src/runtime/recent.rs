//! A bounded number of things that were used last.

use std::collections::HashMap;
use std::hash::Hash;

/// At most so many values by key; whoever comes beyond them takes the place of the one that was used longest ago.
#[derive(Debug)]
pub(super) struct Recent<K, V> {
    most: usize,
    uses: u64,
    held: HashMap<K, (u64, V)>,
}

impl<K: Copy + Eq + Hash, V: Clone> Recent<K, V> {
    /// Nothing yet, and never more than `most`.
    pub(super) fn of_at_most(most: usize) -> Self {
        Self { most, uses: 0, held: HashMap::new() }
    }

    /// The value of `key`, which is used now.
    pub(super) fn get(&mut self, key: &K) -> Option<V> {
        self.uses += 1;
        let (used, value) = self.held.get_mut(key)?;
        *used = self.uses;
        Some(value.clone())
    }

    /// Holds `value`; whether another had to go for it.
    pub(super) fn put(&mut self, key: K, value: V) -> bool {
        self.uses += 1;
        self.held.insert(key, (self.uses, value));
        if self.held.len() <= self.most {
            return false;
        }
        // a look at all of them: they are few, and beside a sync it is nothing
        let oldest = self.held.iter().min_by_key(|(_, (used, _))| *used).map(|(key, _)| *key);
        oldest.is_some_and(|oldest| self.held.remove(&oldest).is_some())
    }

    /// Lets go of `key`.
    pub(super) fn remove(&mut self, key: &K) {
        self.held.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let mut recent = Recent::of_at_most(2);
        assert!(!recent.put(1, "one") && !recent.put(2, "two"));
        assert_eq!(recent.get(&1), Some("one"));
        assert!(recent.put(3, "three"));
        assert_eq!((recent.get(&1), recent.get(&2), recent.get(&3)), (Some("one"), None, Some("three")));
        assert!(!recent.put(1, "uno"), "a key that is held takes nobody's place");
        recent.remove(&3);
        assert_eq!((recent.get(&1), recent.get(&3)), (Some("uno"), None));
    }
}
