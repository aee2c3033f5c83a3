//! The files of a tree, and the index that knows nothing more than them.

use std::sync::Arc;

use rayon::prelude::*;

use super::code_index::{CodeIndex, IndexedFile, SkipReason};
use super::table::Table;
use super::{Focus, IndexError, IndexSettings, IndexStrategy, check_cancel, rank};
use crate::cancel::Cancel;
use crate::diff::FileMode;
use crate::repository::{Tree, TreeEntry};
use crate::syntax::Language;

/// Paths, sizes and languages: fast, and enough for a small repository or a model that asks for files itself.
#[derive(Debug, Clone, Default)]
pub struct BasicFileIndex {
    settings: IndexSettings,
}

impl BasicFileIndex {
    /// An index with these limits and lists.
    #[must_use]
    pub fn new(settings: IndexSettings) -> Self {
        Self { settings }
    }
}

impl IndexStrategy for BasicFileIndex {
    fn name(&self) -> &str {
        "files"
    }

    fn index(&self, tree: &dyn Tree, focus: &Focus, cancel: &Cancel) -> Result<CodeIndex, IndexError> {
        let entries = listed(tree, &self.settings)?;
        let files = entries
            .par_iter()
            .map(|entry| {
                check_cancel(cancel)?;
                Ok(described(entry, tree.size(entry)?, language_of(tree, entry)?, &self.settings))
            })
            .collect::<Result<Vec<_>, IndexError>>()?;
        let table = Arc::new(Table::of_files(tree.id().clone(), files));
        let ranks = rank::by_priority(&table, focus);
        Ok(CodeIndex::new(self.name(), table, ranks))
    }
}

/// The files of a tree that an index is about: no links, no submodules, nothing in a skipped folder.
pub(super) fn listed(tree: &dyn Tree, settings: &IndexSettings) -> Result<Vec<TreeEntry>, IndexError> {
    Ok(tree.entries()?.iter().filter(|entry| is_listed(entry, settings)).cloned().collect())
}

/// Whether an index is about this entry.
pub(super) fn is_listed(entry: &TreeEntry, settings: &IndexSettings) -> bool {
    matches!(entry.mode, FileMode::Regular | FileMode::Executable) && !settings.is_skipped(&entry.path)
}

/// The language of an entry; only a program without an extension is opened for its first line.
pub(super) fn language_of(tree: &dyn Tree, entry: &TreeEntry) -> Result<Option<Language>, IndexError> {
    let by_path = Language::from_path(&entry.path, b"");
    if by_path.is_some() || entry.mode != FileMode::Executable || entry.path.extension().is_some() {
        return Ok(by_path);
    }
    let content = tree.content(entry)?;
    Ok(Language::from_path(&entry.path, &content[..content.len().min(200)]))
}

/// A file without its tags: what it is, and why it is not read if it is not.
pub(super) fn described(
    entry: &TreeEntry,
    bytes: u64,
    language: Option<Language>,
    settings: &IndexSettings,
) -> IndexedFile {
    let is_known = language.is_some() || entry.path.extension().is_some_and(|end| settings.reads_extension(end));
    let skipped = if bytes > settings.max_file_bytes {
        Some(SkipReason::TooLarge)
    } else if !is_known && !is_text_by_name(entry.path.file_name()) {
        Some(SkipReason::UnknownKind)
    } else {
        None
    };
    IndexedFile { path: entry.path.clone(), blob: entry.id.clone(), bytes, language, lines: 0, skipped }
}

fn is_text_by_name(name: &[u8]) -> bool {
    const NAMES: &[&[u8]] = &[
        b"README",
        b"LICENSE",
        b"COPYING",
        b"NOTICE",
        b"AUTHORS",
        b"CHANGELOG",
        b"CONTRIBUTING",
        b"Makefile",
        b"GNUmakefile",
        b"Dockerfile",
        b"Justfile",
        b"justfile",
        b"Procfile",
        b"CODEOWNERS",
        b"go.mod",
        b"go.sum",
        b"CMakeLists.txt",
        b"BUILD",
        b"WORKSPACE",
        b"meson.build",
        b".editorconfig",
        b".gitignore",
        b".gitattributes",
    ];
    NAMES.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::FileSide;
    use crate::repository::MemoryTree;

    pub(super) fn tree(files: &[(&str, &str)]) -> MemoryTree {
        MemoryTree::new(files.iter().map(|(path, text)| (*path, FileSide::regular(text.as_bytes()))))
    }

    #[test]
    fn files_have_sizes_languages_and_an_order() {
        let tree = tree(&[
            ("docs/guide.md", "# guide"),
            ("src/main.py", "print(1)"),
            ("src/util.py", "x = 1"),
            ("tests/test_util.py", "y"),
            ("node_modules/a.js", "z"),
            ("logo.png", "\0"),
            ("README.md", "# hi"),
            ("pyproject.toml", "[a]"),
        ]);
        let index =
            BasicFileIndex::default().index(&tree, &Focus::default(), &Cancel::new()).expect("a tree in memory reads");
        let ranked: Vec<String> = index.ranked_files().map(|(file, _)| file.path.to_string()).collect();
        let expected = "README.md pyproject.toml src/main.py src/util.py tests/test_util.py docs/guide.md logo.png";
        assert_eq!(ranked.join(" "), expected);
        let file = index.file(&"src/main.py".into()).expect("it is there");
        assert_eq!((file.bytes, file.language, file.skipped), (8, Some(Language::Python), None));
        assert_eq!(index.file(&"logo.png".into()).and_then(|file| file.skipped), Some(SkipReason::UnknownKind));
        assert!(index.file(&"node_modules/a.js".into()).is_none());
    }

    #[test]
    fn the_focus_comes_first() {
        let tree = tree(&[("README.md", "a"), ("src/a.py", "b"), ("src/session_store.py", "c")]);
        let focus = Focus::on_goal("the session store loses writes");
        let index = BasicFileIndex::default().index(&tree, &focus, &Cancel::new()).expect("reads");
        assert_eq!(
            index.ranked_files().next().map(|(file, _)| file.path.to_string()).as_deref(),
            Some("src/session_store.py")
        );
    }

    #[test]
    fn a_cancelled_index_is_an_error() {
        let cancel = Cancel::new();
        cancel.cancel();
        let outcome = BasicFileIndex::default().index(&tree(&[("a.py", "")]), &Focus::default(), &cancel);
        assert!(matches!(outcome, Err(IndexError::Cancelled)));
    }
}
