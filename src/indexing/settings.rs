//! What an index looks at, and how much of it.

use serde::{Deserialize, Serialize};

use crate::id::{Digest, RepoPath};

/// Limits and lists of an index. Every one can be set; a field left out of a file keeps its default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct IndexSettings {
    /// Extensions of the files that are read, without the dot, compared without case.
    pub extensions: Vec<String>,
    /// Folders (by their name, at any depth) that are left out.
    pub skip: Vec<String>,
    /// Characters of one file in a digest; what is beyond is cut, with a note.
    pub max_chars_per_file: usize,
    /// Characters of all files in a digest.
    pub max_chars: usize,
    /// Lines of the tree shown in a digest.
    pub max_tree_lines: usize,
    /// Files over this many bytes are listed but not read.
    pub max_file_bytes: u64,
}

impl Default for IndexSettings {
    fn default() -> Self {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        Self {
            // the first sixteen are the classic list of scanners; the rest are what grammars and builds add
            extensions: words(
                "py js ts jsx tsx md yml yaml json toml cfg ini txt sh html css \
                 rs go java c h cc cpp cxx hpp hh hxx cs rb php pyi mjs cjs mts cts bash zsh rake gemspec phtml \
                 kt kts scala swift sql proto graphql vue svelte scss less xml gradle cmake rst adoc lua pl ex exs",
            ),
            skip: words(
                ".git .hg .svn .venv venv env node_modules bower_components __pycache__ .mypy_cache .pytest_cache \
                 .ruff_cache .tox .nox .eggs target vendor third_party dist build out .next .nuxt .gradle .idea \
                 .vscode .terraform coverage .cache",
            ),
            max_chars_per_file: 8_000,
            max_chars: 60_000,
            max_tree_lines: 400,
            max_file_bytes: 1 << 20,
        }
    }
}

impl IndexSettings {
    /// Whether a folder on the way to `path` is left out.
    #[must_use]
    pub fn is_skipped(&self, path: &RepoPath) -> bool {
        let folders = path.as_bytes().len() - path.file_name().len();
        path.as_bytes()[..folders]
            .split(|byte| *byte == b'/')
            .any(|folder| !folder.is_empty() && self.skip.iter().any(|skip| skip.as_bytes() == folder))
    }

    /// Whether files with this extension are read.
    #[must_use]
    pub fn reads_extension(&self, extension: &str) -> bool {
        self.extensions.iter().any(|known| known.eq_ignore_ascii_case(extension))
    }

    /// Names these settings, as far as they change what a symbol index holds, in the keys of a cache.
    pub(super) fn cache_digest(&self) -> Digest {
        let text = format!("{:?}\0{:?}\0{}", self.extensions, self.skip, self.max_file_bytes);
        Digest::of(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, skipped: bool) {
        assert_eq!(IndexSettings::default().is_skipped(&RepoPath::from(path)), skipped, "{path}");
    }

    #[test]
    fn folders_are_skipped_by_name_and_files_are_not() {
        check("node_modules/a/index.js", true);
        check("web/node_modules/a.js", true);
        check("src/build.rs", false);
        check("build/x.rs", true);
        check("target", false);
        check("a/targets/x", false);
    }

    #[test]
    fn the_sixteen_classic_extensions_are_read_and_lists_can_be_set() {
        let settings = IndexSettings::default();
        for extension in "py js ts jsx tsx md yml yaml json toml cfg ini txt sh html css RS".split(' ') {
            assert!(settings.reads_extension(extension), "{extension}");
        }
        let narrow: IndexSettings = serde_json::from_str(r#"{"extensions":["zig"],"max_chars":5}"#).expect("settings");
        assert!(narrow.reads_extension("zig") && !narrow.reads_extension("py"));
        assert_eq!((narrow.max_chars, narrow.max_chars_per_file), (5, 8_000));
        assert!(serde_json::from_str::<IndexSettings>(r#"{"max_char":5}"#).is_err(), "a typing mistake is told");
    }
}
