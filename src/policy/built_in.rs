//! The built-in rules over a whole change: paths, what runs, what guards, what a reader could miss, size.

mod added;
mod content;
mod dependencies;
mod hidden;
mod kinds;
mod limits;
mod scripts;
mod secrets;
mod special;
mod weakened;

use super::rules;
use super::{PathPolicy, Policy, PolicySettings, Violation};
use crate::diff::ChangeSet;
use crate::repository::{Tree, TreeError};
use crate::text::SecretScanner;

/// Every rule of [`super::RULES`], from facts alone.
#[derive(Debug, Default)]
pub struct BuiltInPolicy {
    secrets: SecretScanner,
    tests: weakened::SyntaxCounter,
}

impl BuiltInPolicy {
    /// The policy with every rule.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Policy for BuiltInPolicy {
    fn judge(
        &self,
        changes: &ChangeSet,
        base: &dyn Tree,
        settings: &PolicySettings,
    ) -> Result<Vec<Violation>, TreeError> {
        let mut found = PathPolicy.judge(changes, base, settings)?;
        let mut known = kinds::Known::new();
        for file in changes.files() {
            special::check(file, &mut found);
            kinds::check(file, base, &mut known, &mut found)?;
            scripts::check(file, &mut found);
            dependencies::check(file, changes, &mut found);
            content::check(file, &mut found);
            secrets::check(&self.secrets, file, &mut found);
        }
        weakened::check(&self.tests, changes, &mut found);
        limits::check(changes, settings, &mut found);
        rules::raise(&mut found, settings);
        rules::sort(&mut found);
        Ok(found)
    }
}

#[cfg(test)]
mod tests;
