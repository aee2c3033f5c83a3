//! One mask for all who hide: what is learned later is hidden by each of them from then on.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::{SecretMask, is_told_from_words};

/// A mask that goes on learning: keys are lent to a running daemon, and programs print theirs when they are first
/// wanted. Who keeps one asks it anew for each text. Clones share what they know.
#[derive(Clone)]
pub struct LiveMask(Arc<Mutex<Arc<SecretMask>>>);

impl LiveMask {
    /// A mask that begins with `known` keys, and knows all shapes of secrets.
    #[must_use]
    pub fn new(known: Vec<String>) -> Self {
        SecretMask::new(known).into()
    }

    /// Hides `key` from now on. One that cannot be told from ordinary words is not hidden.
    pub fn learn(&self, key: &str) {
        let mut mask = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_told_from_words(key) || mask.keys.iter().any(|known| known == key) {
            return;
        }
        let keys = mask.keys.iter().map(String::as_str).chain([key]).map(str::to_owned).collect();
        *mask = Arc::new(SecretMask::of(keys, mask.scanner.clone()));
    }

    /// Learns all that `other` knows by now.
    pub fn learn_from(&self, other: &Self) {
        let other = other.now();
        other.keys.iter().for_each(|key| self.learn(key));
    }

    /// What hides all that is known by now: for one text.
    #[must_use]
    pub fn now(&self) -> Arc<SecretMask> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Default for LiveMask {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl From<Arc<SecretMask>> for LiveMask {
    fn from(mask: Arc<SecretMask>) -> Self {
        Self(Arc::new(Mutex::new(mask)))
    }
}

impl From<SecretMask> for LiveMask {
    fn from(mask: SecretMask) -> Self {
        Arc::new(mask).into()
    }
}

impl fmt::Debug for LiveMask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.now().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_learns_all_its_clones_hide_from_then_on() {
        let mask = LiveMask::new(vec!["hunter22".to_owned()]);
        let (other, before) = (mask.clone(), mask.now());
        mask.learn("team-llm-4711-blue");
        mask.learn("blue");
        mask.learn("ollama");
        let text = "hunter22 team-llm-4711-blue blue ollama";
        assert_eq!(other.now().mask(text), "[masked] [masked] blue ollama");
        assert_eq!(
            before.mask(text),
            "[masked] team-llm-4711-blue blue ollama",
            "who took one for a text keeps it for that"
        );
        let third = LiveMask::default();
        third.learn_from(&mask);
        assert_eq!(third.now().mask(text), "[masked] [masked] blue ollama");
        assert_eq!(format!("{third:?}"), "SecretMask(2 known keys)");
    }
}
