//! The paths that a session is limited to, read in one way by whoever drafts, places or scores.

use globset::{Glob, GlobSet, GlobSetBuilder};

use super::EngineError;
use crate::diff::FileChange;

/// Paths that match one of some globs, or lie below one of that name. A `*` goes over slashes, as in git's own pathspecs:
/// `*.py` is every Python file, wherever it lies.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    wanted: Option<GlobSet>,
}

impl Scope {
    /// The scope of `globs`; every path where there are none.
    ///
    /// # Errors
    /// [`EngineError::BadInput`] where one is no glob.
    pub fn new(globs: &[String]) -> Result<Self, EngineError> {
        if globs.is_empty() {
            return Ok(Self::default());
        }
        let mut set = GlobSetBuilder::new();
        for glob in globs {
            let plain = glob.trim_start_matches("./").trim_end_matches('/');
            // the top of the repository, as it is typed there
            let is_top = matches!(glob.trim_end_matches('/'), ".");
            let plain = if is_top { "**" } else { plain };
            // a name with brackets of its own, such as `app/[id]`, is meant too
            let itself = globset::escape(plain);
            for text in [plain.to_owned(), format!("{plain}/**"), itself.clone(), format!("{itself}/**")] {
                let glob = Glob::new(&text)
                    .map_err(|error| EngineError::BadInput(format!("the path `{plain}` is no glob: {error}")))?;
                set.add(glob);
            }
        }
        let set = set.build().map_err(|error| EngineError::BadInput(format!("the paths are too much: {error}")))?;
        Ok(Self { wanted: Some(set) })
    }

    /// Whether it takes that path.
    #[must_use]
    pub fn names(&self, path: &str) -> bool {
        self.wanted.as_ref().is_none_or(|globs| globs.is_match(path))
    }

    /// Why that change is none that the session may make.
    #[must_use]
    pub(super) fn refused(&self, file: &FileChange) -> Option<&'static str> {
        (!self.names(&file.path.to_string())).then_some("it is outside of the paths that may be changed")
    }

    /// Whether it takes some paths and others not.
    #[must_use]
    pub fn is_limited(&self) -> bool {
        self.wanted.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(globs: &[&str], inside: &[&str], outside: &[&str]) {
        let globs: Vec<String> = globs.iter().map(|glob| (*glob).to_owned()).collect();
        let scope = Scope::new(&globs).expect("globs");
        for path in inside {
            assert!(scope.names(path), "{path} in {globs:?}");
        }
        for path in outside {
            assert!(!scope.names(path), "{path} not in {globs:?}");
        }
    }

    #[test]
    fn a_folder_takes_all_below_it_and_a_glob_what_it_matches() {
        check(&[], &["a", "b/c"], &[]);
        for src in ["src", "src/", "./src", "src/**"] {
            check(&[src], &["src/a.py", "src/b/c.py"], &["a.py", "srcs/a.py", "x/src/a.py"]);
        }
        check(&["*.py", "docs"], &["a.py", "b/c.py", "docs/a.md"], &["a.pyi", "README.md"]);
        check(&["src/*.rs"], &["src/a.rs", "src/b/c.rs"], &["build.rs"]);
        check(&["app/[id]"], &["app/[id]/page.tsx", "app/i/page.tsx"], &["app/x/page.tsx"]);
        check(&["."], &["a", "b/c"], &[]);
        check(&["./"], &["a", "b/c"], &[]);
        check(&[""], &[], &["a", "b/c"]);
        assert!(matches!(Scope::new(&["a[".to_owned()]), Err(EngineError::BadInput(_))));
    }
}
