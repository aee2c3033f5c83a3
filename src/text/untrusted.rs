//! The one type for text that somebody else wrote.

use serde::{Deserialize, Serialize};

use super::safe::{DisplayOptions, Safe, render};

/// Text that somebody else wrote. It cannot be printed before it is made safe.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Untrusted(String);

impl Untrusted {
    /// Takes the text as it is.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text as it is: for digests, journals, JSON and programs, never for a terminal.
    #[must_use]
    pub fn raw(&self) -> &str {
        &self.0
    }

    /// The text, printable: several lines, everything else that could move a cursor or hide as a visible mark.
    /// Borrows where nothing has to change.
    #[must_use]
    pub fn display(&self) -> Safe<'_> {
        self.display_with(&DisplayOptions::default())
    }

    /// As [`Untrusted::display`], on one line: a line end shows as `^J`.
    #[must_use]
    pub fn display_line(&self) -> Safe<'_> {
        self.display_with(&DisplayOptions::line())
    }

    /// As [`Untrusted::display_line`], at most `columns` wide, with `…` where something was cut. Costs no more
    /// than what is shown, however long the text is.
    #[must_use]
    pub fn display_within(&self, columns: usize) -> Safe<'_> {
        self.display_with(&DisplayOptions { max_columns: Some(columns), ..DisplayOptions::line() })
    }

    /// The text, printable, as `options` say.
    #[must_use]
    pub fn display_with(&self, options: &DisplayOptions) -> Safe<'_> {
        render(&self.0, options)
    }
}

impl std::fmt::Debug for Untrusted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl From<&str> for Untrusted {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Untrusted {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}
