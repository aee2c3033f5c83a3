//! Keys that the user gave: used, hidden, never shown.

use std::collections::BTreeMap;
use std::fmt;

use super::Origin;
use super::table::{is_for_key_programs, names_a_secret};

/// Keys by the name of their variable. Its `Debug` form tells names only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct KeyRing {
    keys: BTreeMap<String, (String, Origin)>,
}

impl KeyRing {
    pub(super) fn put(&mut self, name: &str, key: &str, origin: Origin) {
        if !key.trim().is_empty() {
            self.keys.insert(name.to_owned(), (key.trim().to_owned(), origin));
        }
    }

    /// Which keys are there, and where each comes from.
    pub fn present(&self) -> impl Iterator<Item = (&str, &Origin)> {
        self.keys.iter().map(|(name, (_, origin))| (name.as_str(), origin))
    }

    /// The key itself: for the one request that needs it.
    #[must_use]
    pub fn reveal(&self, name: &str) -> Option<&str> {
        self.keys.get(name).map(|(key, _)| key.as_str())
    }

    /// All keys, for [`crate::text::SecretMask`]; places that programs are told of are none.
    #[must_use]
    pub fn to_mask(&self) -> Vec<String> {
        let is_key = |name: &str| !is_for_key_programs(name) || names_a_secret(name);
        self.keys.iter().filter(|(name, _)| is_key(name)).map(|(_, (key, _))| key.clone()).collect()
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.keys.keys()).finish()
    }
}
