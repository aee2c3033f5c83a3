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

use rayon::prelude::*;

use super::rules;
use super::{PathPolicy, Policy, PolicySettings, Violation};
use crate::diff::{ChangeSet, FileChange};
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

    /// What one file's part of the change breaks.
    fn judge_file(
        &self,
        file: &FileChange,
        changes: &ChangeSet,
        base: &dyn Tree,
        known: &kinds::Known,
    ) -> Result<Vec<Violation>, TreeError> {
        let mut found = Vec::new();
        let texts = added::Texts::of(file);
        special::check(&texts, &mut found);
        kinds::check(&texts, base, known, &mut found)?;
        scripts::check(&texts, &mut found);
        dependencies::check(&texts, changes, &mut found);
        content::check(&texts, &mut found);
        secrets::check(&self.secrets, &texts, &mut found);
        weakened::check(&self.tests, &texts, &mut found);
        Ok(found)
    }
}

impl Policy for BuiltInPolicy {
    fn judge(
        &self,
        changes: &ChangeSet,
        base: &dyn Tree,
        settings: &PolicySettings,
    ) -> Result<Vec<Violation>, TreeError> {
        let known = kinds::Known::default();
        let judge = |file| self.judge_file(file, changes, base, &known);
        let (found, judged) = rayon::join(
            || PathPolicy.judge(changes, base, settings),
            || changes.files().par_iter().map(judge).collect::<Result<Vec<_>, TreeError>>(),
        );
        let mut found = found?;
        found.extend(judged?.into_iter().flatten());
        weakened::check_deleted(&self.tests, changes, &mut found);
        limits::check(changes, settings, &mut found);
        rules::raise(&mut found, settings);
        rules::sort(&mut found);
        Ok(found)
    }
}

#[cfg(test)]
mod tests;
