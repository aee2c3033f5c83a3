//! The text of the files that matter, in a budget: what a model without tools is shown.

use super::code_index::{CodeIndex, IndexedFile};
use super::{ContextItem, ContextRecord, IndexError, IndexSettings, check_cancel};
use crate::cancel::Cancel;
use crate::id::{ObjectId, RepoPath};
use crate::repository::Tree;
use crate::text::Untrusted;

/// One file of a digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigestSection {
    /// Where.
    pub path: RepoPath,
    /// Its content's id.
    pub blob: ObjectId,
    /// The text: the file's first characters, then, where it was cut, a line that says so.
    pub text: Untrusted,
    /// Characters of the file that are in `text`.
    pub shown_chars: usize,
    /// Characters of the whole file.
    pub total_chars: usize,
}

/// The files of an index, best first, within [`IndexSettings::max_chars`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileDigest {
    /// The tree drawn as text.
    pub tree: Untrusted,
    /// Best first.
    pub sections: Vec<DigestSection>,
    /// Files that would have been read if the budget were larger.
    pub left_out: usize,
    /// Characters of all sections.
    pub chars: usize,
}

impl FileDigest {
    /// Reads the files of `index` from `tree`, best first, until the budget is spent.
    ///
    /// # Errors
    /// [`IndexError`] where an object is missing or somebody asked to stop.
    pub fn of(
        tree: &dyn Tree,
        index: &CodeIndex,
        settings: &IndexSettings,
        cancel: &Cancel,
    ) -> Result<Self, IndexError> {
        let mut digest = Self {
            tree: drawn(index.files(), settings.max_tree_lines).into(),
            sections: Vec::new(),
            left_out: 0,
            chars: 0,
        };
        for (file, _) in index.ranked_files().filter(|(file, _)| file.skipped.is_none()) {
            check_cancel(cancel)?;
            let left = settings.max_chars.saturating_sub(digest.chars).min(settings.max_chars_per_file);
            if left == 0 {
                digest.left_out += 1;
                continue;
            }
            let Some(entry) = tree.entry(&file.path)? else { continue };
            let content = tree.content(&entry)?;
            if content[..content.len().min(8000)].contains(&0) {
                continue;
            }
            let section = section(file, &String::from_utf8_lossy(&content), left);
            digest.chars += section.shown_chars;
            digest.sections.push(section);
        }
        Ok(digest)
    }

    /// The record of showing this digest to an engine.
    #[must_use]
    pub fn record(&self, goal: &str, base_tree: ObjectId) -> ContextRecord {
        let item = |section: &DigestSection| ContextItem {
            blob: section.blob.clone(),
            characters: (section.shown_chars < section.total_chars).then_some([0, section.shown_chars as u64]),
            path: section.path.clone(),
            why: "ranked for the goal".to_owned(),
        };
        ContextRecord::new(goal, base_tree, self.sections.iter().map(item).collect())
    }
}

fn section(file: &IndexedFile, text: &str, most: usize) -> DigestSection {
    let total_chars = text.chars().count();
    let shown_chars = total_chars.min(most);
    let mut shown: String = text.chars().take(shown_chars).collect();
    if shown_chars < total_chars {
        shown.push_str(&format!("\n[cut: {shown_chars} of {total_chars} characters are shown]\n"));
    }
    DigestSection { path: file.path.clone(), blob: file.blob.clone(), text: shown.into(), shown_chars, total_chars }
}

/// The folders and files as an indented list, in the order of paths.
fn drawn(files: &[IndexedFile], max_lines: usize) -> String {
    let mut drawing = String::new();
    let mut lines = 0;
    let mut open: Vec<&[u8]> = Vec::new();
    for (at, file) in files.iter().enumerate() {
        let parts: Vec<&[u8]> = file.path.components().collect();
        let folders = &parts[..parts.len() - 1];
        let shared = open.iter().zip(folders).take_while(|(a, b)| a == b).count();
        open.truncate(shared);
        // what does not fit is counted, a folder with its first file
        if lines + folders.len() - shared + 1 > max_lines {
            drawing.push_str(&format!("… {} more files\n", files.len() - at));
            break;
        }
        for folder in &folders[shared..] {
            drawing.push_str(&format!("{}{}/\n", "  ".repeat(open.len()), RepoPath::from_bytes(*folder)));
            open.push(folder);
        }
        drawing.push_str(&format!("{}{}\n", "  ".repeat(open.len()), RepoPath::from_bytes(file.path.file_name())));
        lines += folders.len() - shared + 1;
    }
    drawing
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::FileSide;
    use crate::indexing::{BasicFileIndex, Focus, IndexStrategy as _};
    use crate::repository::MemoryTree;

    fn digest(files: &[(&str, &str)], settings: &IndexSettings) -> FileDigest {
        let tree = MemoryTree::new(files.iter().map(|(path, text)| (*path, FileSide::regular(text.as_bytes()))));
        let index = BasicFileIndex::new(settings.clone())
            .index(&tree, &Focus::default(), &Cancel::new())
            .expect("a tree in memory reads");
        FileDigest::of(&tree, &index, settings, &Cancel::new()).expect("reads")
    }

    #[test]
    fn the_defaults_are_eight_thousand_a_file_and_sixty_thousand_in_all() {
        let long = "ä".repeat(10_000);
        let names: Vec<String> = (0..9).map(|n| format!("f{n}.py")).collect();
        let files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), long.as_str())).collect();
        let digest = digest(&files, &IndexSettings::default());
        let shown: Vec<usize> = digest.sections.iter().map(|section| section.shown_chars).collect();
        assert_eq!(shown, [8000, 8000, 8000, 8000, 8000, 8000, 8000, 4000]);
        assert_eq!((digest.chars, digest.left_out), (60_000, 1));
        assert!(digest.sections[0].text.raw().ends_with("\n[cut: 8000 of 10000 characters are shown]\n"));
    }

    #[test]
    fn the_record_names_what_was_cut_and_what_was_not() {
        let settings = IndexSettings { max_chars_per_file: 3, ..IndexSettings::default() };
        let digest = digest(&[("a.py", "abcdef"), ("b.py", "xy")], &settings);
        let record = digest.record("goal", "3".repeat(40).parse().expect("an id"));
        assert_eq!(record.items.iter().map(|item| item.characters).collect::<Vec<_>>(), [Some([0, 3]), None]);
    }

    #[test]
    fn the_tree_is_drawn_and_cut() {
        let files = [("a/b/c.py", ""), ("a/b/d.py", ""), ("a/e.py", ""), ("z\n.py", "")];
        assert_eq!(
            digest(&files, &IndexSettings::default()).tree.raw(),
            "a/\n  b/\n    c.py\n    d.py\n  e.py\n\"z\\n.py\"\n"
        );
        let short = IndexSettings { max_tree_lines: 4, ..IndexSettings::default() };
        assert_eq!(digest(&files, &short).tree.raw(), "a/\n  b/\n    c.py\n    d.py\n… 2 more files\n");
    }
}
