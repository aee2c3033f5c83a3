//! A value that no print shows.

use std::fmt;

/// A key, a token, a password. Neither `Debug` nor serialization shows it; there is no `Display`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Secret(String);

impl Secret {
    /// Takes the value as it is.
    #[must_use]
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself: for the header it belongs in and for the mask that hides it, nothing else.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_print_shows_it() {
        let held = Some(("x-api-key", Secret::new("hunter22")));
        assert_eq!(format!("{held:?}"), r#"Some(("x-api-key", ***))"#);
        assert_eq!(size_of::<Secret>(), size_of::<String>());
    }
}
