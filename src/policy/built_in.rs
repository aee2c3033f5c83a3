//! The built-in rules over a whole change: paths, what runs, what guards, what a reader could miss, size.

mod added;
mod content;
mod dependencies;
mod held;
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
use crate::diff::ChangeSet;
use crate::repository::{Tree, TreeError};
use crate::text::{LiveMask, SecretScanner};

pub use held::with_recorded;

/// Every rule of [`super::RULES`], from facts alone, and from the keys that are held.
#[derive(Debug, Default)]
pub struct BuiltInPolicy {
    secrets: SecretScanner,
    tests: weakened::SyntaxCounter,
    held: LiveMask,
}

impl BuiltInPolicy {
    /// The policy with every rule.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, to which each key that `held` knows when a change is judged is a secret.
    #[must_use]
    pub fn holding(held: LiveMask) -> Self {
        Self { held, ..Self::default() }
    }

    /// What one file's part of the change breaks.
    fn judge_file(
        &self,
        texts: &added::Texts<'_>,
        changes: &ChangeSet,
        base: &dyn Tree,
        known: &kinds::Known,
    ) -> Result<Vec<Violation>, TreeError> {
        let mut found = Vec::new();
        special::check(texts, &mut found);
        kinds::check(texts, base, known, &mut found)?;
        scripts::check(texts, &mut found);
        dependencies::check(texts, changes, &mut found);
        content::check(texts, &mut found);
        secrets::check(&self.secrets, texts, &mut found);
        weakened::check(&self.tests, texts, &mut found);
        Ok(found)
    }

    /// What every file's part breaks, and what the parts break together.
    fn judge_files(&self, changes: &ChangeSet, base: &dyn Tree) -> Result<Vec<Violation>, TreeError> {
        let (known, held) = (kinds::Known::default(), self.held.now());
        let judge = |file| {
            let texts = added::Texts::of(file);
            let mut found = self.judge_file(&texts, changes, base, &known)?;
            held::check(&held, &texts, &mut found);
            Ok((texts, found))
        };
        let judged = changes.files().par_iter().map(judge).collect::<Result<Vec<_>, TreeError>>()?;
        let (texts, found): (Vec<_>, Vec<_>) = judged.into_iter().unzip();
        let mut found: Vec<Violation> = found.into_iter().flatten().collect();
        weakened::check_deleted(&self.tests, &texts, &mut found);
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
        let (found, judged) =
            rayon::join(|| PathPolicy.judge(changes, base, settings), || self.judge_files(changes, base));
        let mut found = found?;
        found.extend(judged?);
        limits::check(changes, settings, &mut found);
        rules::raise(&mut found, settings);
        rules::sort(&mut found);
        Ok(found)
    }
}

#[cfg(test)]
mod tests;
