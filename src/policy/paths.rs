//! The path policy: may this change write there at all? It stands before anything is placed.

mod alias;
mod collide;
mod links;
mod names;

use super::rules;
use super::{PolicySettings, Violation};
use crate::diff::{ChangeSet, FileMode};
use crate::id::RepoPath;
use crate::repository::{Tree, TreeError};

/// One path that a change, or a patch that was only parsed, wants to touch.
#[derive(Debug, Clone, Copy)]
pub struct Touch<'a> {
    /// Where, as the patch says it.
    pub path: &'a RepoPath,
    /// The mode before, where the file is said to have been there.
    pub old: Option<FileMode>,
    /// The mode after; `None` where the file goes.
    pub new: Option<FileMode>,
    /// Where a new link points, if it is one and its content is known.
    pub target: Option<&'a [u8]>,
}

impl<'a> Touch<'a> {
    /// What a change touches.
    #[must_use]
    pub fn all(changes: &'a ChangeSet) -> Vec<Self> {
        let touch = |file: &'a crate::diff::FileChange| Touch {
            path: &file.path,
            old: file.old.as_ref().map(|side| side.mode),
            new: file.new.as_ref().map(|side| side.mode),
            target: file.new.as_ref().filter(|side| side.mode == FileMode::Symlink).map(|side| &side.content[..]),
        };
        changes.files().iter().map(touch).collect()
    }
}

/// Judges paths, modes and links; needs no content but that of links.
#[derive(Debug, Clone, Copy, Default)]
pub struct PathPolicy;

impl PathPolicy {
    /// Every breach by `touches`. With `base` links and collisions in the result are seen too, and names that the
    /// base already has may be odd (never dangerous); without it nothing is believed to be there.
    ///
    /// # Errors
    /// [`TreeError`] where the base cannot be read.
    pub fn check_paths(&self, touches: &[Touch<'_>], base: Option<&dyn Tree>) -> Result<Vec<Violation>, TreeError> {
        let mut found = Vec::new();
        if let Some(base) = base {
            // listed once, and every later look is a search in the list
            base.entries()?;
        }
        let after = links::After::new(touches, base);
        for touch in touches {
            let known = match base {
                Some(base) if touch.old.is_some() => base.entry(touch.path)?.is_some(),
                _ => false,
            };
            names::check(touch.path, known, touch.new.is_some(), &mut found);
            links::check_mode(touch, &after, &mut found)?;
        }
        // what is too deep is refused already, and would make the rest slow
        let shallow = |touch: &&Touch<'_>| memchr::memchr_iter(b'/', touch.path.as_bytes()).count() <= names::DEEPEST;
        let touches: Vec<Touch<'_>> = touches.iter().filter(shallow).copied().collect();
        links::check_parents(&touches, base, &mut found)?;
        collide::check(&touches, base, &mut found)?;
        rules::sort(&mut found);
        Ok(found)
    }

    /// As [`PathPolicy::check_paths`] for a change that was placed, with the settings' raises.
    ///
    /// # Errors
    /// As there.
    pub fn judge(
        &self,
        changes: &ChangeSet,
        base: &dyn Tree,
        settings: &PolicySettings,
    ) -> Result<Vec<Violation>, TreeError> {
        let mut found = self.check_paths(&Touch::all(changes), Some(base))?;
        rules::raise(&mut found, settings);
        Ok(found)
    }
}

#[cfg(test)]
mod tests;
