//! What a role that adds to a draft may write, and what it is shown beside the change.
//!
//! A role's own files are told by their paths alone, with the words that the index ranks by: what a file says of itself
//! moves nothing.

use crate::diff::{ChangeSet, FileChange};
use crate::id::RepoPath;
use crate::indexing::is_test;
use crate::planning::Role;
use crate::proposal::{Brief, Scope};
use crate::repository::{Tree, TreeError};

use super::{LlmLimits, prompt};

/// Files that are shown of their own accord, at most. // 8: two or three beside each file of a usual change
const MOST_SHOWN: usize = 8;

/// Standing instructions of the role.
pub(super) fn system(role: Role) -> &'static str {
    match role {
        Role::Tester => include_str!("tester.md"),
        Role::Documenter => include_str!("documenter.md"),
        _ => prompt::SYSTEM,
    }
}

/// Whether the role adds to a draft.
pub(super) fn adds(role: Role) -> bool {
    matches!(role, Role::Tester | Role::Documenter)
}

impl LlmLimits {
    /// What one part of a draft may take.
    pub const PART: Self = Self { send_backs: 3, looks: 8, max_output_tokens: 8_000 };
}

/// Why the role has nothing to add, where an answer without an edit says so.
pub(super) fn nothing(role: Role, text: &str) -> Option<&str> {
    let said = text.lines().find_map(|line| line.trim().trim_matches('`').strip_prefix("NO CHANGES"))?;
    let why = said.trim_start_matches([':', '.']).trim();
    adds(role).then_some(if why.is_empty() { "no reason was given" } else { why })
}

/// Edits that are not the role's to make, or lie outside of the session's paths, each with its reason, and how it is told
/// of them; none where all are.
pub(super) fn refused(brief: &Brief, scope: &Scope, changes: &ChangeSet) -> Option<(Vec<String>, String)> {
    let lines: Vec<String> = changes
        .files()
        .iter()
        .filter_map(|file| {
            Some(format!("{}: {}", file.path, not_of_role(brief, file).or_else(|| scope.refused(file))?))
        })
        .collect();
    let none = if adds(brief.role) { "NO CHANGES: <why>" } else { "CANNOT: <what is missing>" };
    let words = format!(
        "None of your edits was applied. Leave out what is listed and send all the other edits again; where none is \
         left, answer with one line `{none}`.\n\n- {}\n",
        lines.join("\n- ")
    );
    (!lines.is_empty()).then_some((lines, words))
}

/// Why that change is not the role's.
fn not_of_role(brief: &Brief, file: &FileChange) -> Option<&'static str> {
    match brief.role {
        role if !adds(role) => None,
        _ if file.new.is_none() => Some("a file is not yours to delete"),
        Role::Tester if !is_test(&file.path) => Some("it is no test file, and you may write those only"),
        Role::Documenter if !is_documentation(&file.path) => {
            Some("it is no documentation, and you may write that only")
        }
        Role::Documenter if brief.guidance.iter().any(|known| known.path == file.path) => {
            Some("it is guidance for models, which only people write")
        }
        _ => None,
    }
}

/// Names of files that are words whatever their ending.
const WORDS: [&str; 7] = ["readme", "changelog", "changes", "history", "news", "releases", "contributing"];

/// Whether a path is of documentation: by its ending, or by its name. A `.txt` is one in a documentation folder only, for
/// elsewhere programs read it; files of tests are the tests' data, and guidance for models steers them.
pub(super) fn is_documentation(path: &RepoPath) -> bool {
    let lower = String::from_utf8_lossy(path.as_bytes()).to_lowercase();
    let (folders, name) = lower.rsplit_once('/').unwrap_or(("", &lower));
    let (stem, ending) = name.rsplit_once('.').unwrap_or((name, ""));
    let in_docs = folders.split('/').any(|folder| matches!(folder, "docs" | "doc" | "documentation"));
    let is_guidance = matches!(
        name,
        "agents.md" | "claude.md" | "gemini.md" | "skill.md" | "copilot-instructions.md" | "llms.txt" | ".cursorrules"
    );
    let is_words = match ending {
        "md" | "markdown" | "rst" | "adoc" | "asciidoc" => true,
        "txt" => (in_docs || WORDS.contains(&stem)) && name != "cmakelists.txt",
        "" => WORDS.contains(&stem),
        _ => false,
    };
    is_words && !is_guidance && !is_test(path) && !folders.split('/').any(|folder| folder.starts_with('.'))
}

/// Files of the role's own sort that stand nearest to the change, with the reason why each is shown.
pub(super) fn near(brief: &Brief, tree: &dyn Tree) -> Result<Vec<(RepoPath, String)>, TreeError> {
    let changed: Vec<String> = brief
        .previous
        .iter()
        .flat_map(|so_far| so_far.files())
        .map(|file| String::from_utf8_lossy(file.path.as_bytes()).into_owned())
        .collect();
    let (own, why): (fn(&RepoPath) -> bool, &str) = match brief.role {
        Role::Tester => (is_test, "a test near the change"),
        Role::Documenter => (is_documentation, "words near the change"),
        _ => return Ok(Vec::new()),
    };
    let entries = tree.entries()?;
    let mut found: Vec<(usize, RepoPath)> = entries
        .iter()
        .filter(|entry| prompt::is_file(entry) && own(&entry.path))
        .map(|entry| (nearness(&entry.path, &changed), entry.path.clone()))
        .collect();
    // the nearest first, then as the tree has them
    found.sort_by(|one, other| (other.0, &one.1).cmp(&(one.0, &other.1)));
    Ok(found.into_iter().take(MOST_SHOWN).map(|(_, path)| (path, why.to_owned())).collect())
}

/// How near a file stands to those that changed: more where it bears the name of one or shares folders with it, and for
/// what a reader opens first.
fn nearness(path: &RepoPath, changed: &[String]) -> usize {
    let path = String::from_utf8_lossy(path.as_bytes()).to_lowercase();
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", &path));
    let stem = |name: &str| name.split('.').next().unwrap_or_default().to_lowercase();
    let first = folders.is_empty() && WORDS.contains(&stem(name).as_str());
    let beside = |other: &String| {
        let (other_folders, other_name) = other.rsplit_once('/').unwrap_or(("", other));
        let shared = folders.split('/').zip(other_folders.split('/')).take_while(|(one, other)| one == other).count();
        let named = stem(other_name);
        shared + if named.len() > 2 && name.contains(&named) { 10 } else { 0 }
    };
    changed.iter().map(beside).max().unwrap_or(0) + if first { 20 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expected: bool) {
        assert_eq!(is_documentation(&path.into()), expected, "{path}");
    }

    #[test]
    fn documentation_is_known_by_ending_folder_and_name() {
        for words in ["README.md", "docs/a.txt", "CHANGELOG", "a/b/NOTES.rst", "doc/guide.adoc", "NEWS.txt"] {
            check(words, true);
        }
        for other in [
            "src/a.py",
            "docs/conf.py",
            "requirements.txt",
            "docs/CMakeLists.txt",
            "tests/data/page.md",
            "AGENTS.md",
            "sub/claude.md",
            ".cursor/rules/a.md",
            ".github/copilot-instructions.md",
            "README.py",
        ] {
            check(other, false);
        }
    }

    #[test]
    fn the_nearest_has_the_name_of_what_changed() {
        let changed = ["src/cart/total.py".to_owned()];
        let near = |path: &str| nearness(&path.into(), &changed);
        assert!(near("tests/test_total.py") > near("src/cart/test_other.py"));
        assert!(near("src/cart/test_other.py") > near("tests/test_other.py"));
        assert!(near("README.md") > near("docs/total.md"));
    }

    #[test]
    fn nothing_is_said_in_one_line() {
        assert_eq!(nothing(Role::Tester, "Fine.\nNO CHANGES: it has a test\n"), Some("it has a test"));
        assert_eq!(nothing(Role::Tester, "`NO CHANGES`"), Some("no reason was given"));
        assert_eq!(nothing(Role::Implementer, "NO CHANGES: x"), None);
    }
}
