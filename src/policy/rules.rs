//! Every rule as data: what `paraph help` and the policy pane print, and what `override` and `raised` may name.

use super::{PolicySettings, Severity, Violation};
use crate::id::RepoPath;

/// What a rule is about: how the policy pane groups violations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RuleClass {
    /// Where a change may write at all.
    Path,
    /// What runs on somebody's machine without being asked.
    Executes,
    /// What decides how later changes are judged.
    Guards,
    /// What a reader could miss.
    Reading,
    /// Size and shape.
    Shape,
}

/// One rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Stable: journals and overrides name it.
    pub id: &'static str,
    /// How bad a breach is before settings raise it.
    pub severity: Severity,
    /// What it is about.
    pub class: RuleClass,
    /// Why it is a rule, in one sentence.
    pub why: &'static str,
}

impl Rule {
    /// A breach of this rule, as severe as the rule is at first.
    #[must_use]
    pub fn breach(&self, path: &RepoPath, line: Option<u32>, message: impl Into<String>) -> Violation {
        Violation {
            rule: self.id.to_owned(),
            severity: self.severity,
            path: path.clone(),
            line,
            message: message.into(),
        }
    }
}

/// The rule of that id.
#[must_use]
pub fn rule(id: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.id == id)
}

/// A breach of the rule `id`, which must be one of [`RULES`].
pub(super) fn breach(id: &str, path: &RepoPath, line: Option<u32>, message: impl Into<String>) -> Violation {
    rule(id).expect("the rules of this module are in its table").breach(path, line, message)
}

/// Raises the rules that the settings name; nothing is ever made milder.
pub(super) fn raise(violations: &mut [Violation], settings: &PolicySettings) {
    for violation in violations {
        if settings.raised.contains(&violation.rule) {
            violation.severity = Severity::Block;
        }
    }
}

/// Worst first, then by path, line and rule; said twice is said once.
pub(super) fn sort(violations: &mut Vec<Violation>) {
    violations.sort_by(|a, b| {
        (b.severity, &a.path, a.line, &a.rule, &a.message).cmp(&(a.severity, &b.path, b.line, &b.rule, &b.message))
    });
    violations.dedup();
}

const fn block(id: &'static str, class: RuleClass, why: &'static str) -> Rule {
    Rule { id, severity: Severity::Block, class, why }
}

const fn warn(id: &'static str, class: RuleClass, why: &'static str) -> Rule {
    Rule { id, severity: Severity::Warn, class, why }
}

use RuleClass::{Executes, Guards, Path, Reading, Shape};

/// Every rule that ships, grouped by class.
pub const RULES: &[Rule] = &[
    block("path-absolute", Path, "an absolute path or a drive letter names a place outside the repository"),
    block("path-traversal", Path, "`.` and `..` as components lead out of the repository or hide where a file lies"),
    block("path-empty-component", Path, "an empty path or component has no place in a tree"),
    block("path-git-directory", Path, "what is written to `.git`, under any alias a file system knows, can run code"),
    block("path-nul", Path, "a NUL ends the name early for every program that opens it"),
    block(
        "path-too-long",
        Path,
        "file systems hold 255 bytes a component and 4096 a path, and nobody needs 128 folders in one another",
    ),
    block("path-control-character", Path, "control characters in a name forge lines and terminal commands"),
    block("path-backslash", Path, "Windows reads a backslash as a separator, so the file lands elsewhere"),
    block("path-not-utf8", Path, "a new name that is not UTF-8 shows differently to every reader"),
    block("path-alias", Path, "invisible characters and trailing dots or spaces name another file on other systems"),
    block("path-collision", Path, "two names that differ in case or Unicode form only are one file on many systems"),
    block("path-conflict", Path, "a name cannot be a file and a folder at once"),
    block("write-through-link", Path, "a folder that is a link sends the write to wherever the link points"),
    block("link-escapes", Path, "a link out of the repository, or into `.git`, reads or writes what is not part of it"),
    block("gitlink", Path, "a submodule brings in code that this review does not show"),
    warn("gitlink-removed", Path, "with a submodule goes code that the project used, and no line of the diff shows it"),
    block("odd-mode", Path, "git stores regular, executable and link; any other mode wants special rights"),
    warn("path-unportable", Path, "the name cannot be checked out on Windows"),
    warn("link-added", Path, "a new link can be followed by tools that meant to read a file"),
    block("runs-on-open", Executes, "a file that runs on opening or building appears where none of its kind did"),
    block("attributes-driver", Executes, "filter, diff and merge drivers run commands when git touches a file"),
    block("gitmodules-url", Executes, "a submodule's url or path can run commands or leave the repository"),
    warn("gitmodules-changed", Executes, "submodules fetch code from elsewhere"),
    warn("build-script-change", Executes, "this file runs on the machines of those who open or build the project"),
    warn("exec-bit", Executes, "a file that was only read can now be run"),
    warn("dependency-change", Executes, "dependencies run with all rights of the program that uses them"),
    warn("lockfile-change", Executes, "a lockfile decides which code is downloaded, and is rarely read line by line"),
    block("secret-added", Guards, "a key in a commit is public as soon as it is pushed, and stays in history"),
    warn("ci-file", Guards, "CI files run with the project's secrets and decide whether later changes pass"),
    warn("checks-changed", Guards, "this file says which checks judge later changes; it counts once it is committed"),
    warn("test-deleted", Guards, "with a test goes the proof that something still works"),
    warn("test-weakened", Guards, "fewer tests or assertions than before let more through"),
    warn("test-skipped", Guards, "a skipped test is green and says nothing"),
    warn("frozen-path", Guards, "somebody decided that this path does not change without a word about it"),
    block("hidden-characters", Reading, "bidirectional and invisible characters make code read other than it runs"),
    block("conflict-marker", Reading, "a conflict was not resolved"),
    warn(
        "addressed-to-reviewers",
        Reading,
        "text that gives orders to reviewers or models is meant to steer the review",
    ),
    warn(
        "redaction-mark",
        Reading,
        "on a screen that hides secrets a mark in a file looks like one of the screen's own",
    ),
    warn("agent-guidance", Reading, "models read this file as guidance, so it steers later work"),
    warn("attributes-hide", Reading, "attributes that mark files as generated or binary hide them from review"),
    warn("binary-added", Reading, "nobody can read a binary in a review"),
    warn("line-endings", Reading, "changing every line ending hides what else changed"),
    warn("file-too-large", Shape, "forges refuse files of this size, and history keeps them for ever"),
    warn("too-many-files", Shape, "nobody reads a change of this many files to the end"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_whys_are_sentences() {
        for (at, rule) in RULES.iter().enumerate() {
            assert!(RULES[..at].iter().all(|other| other.id != rule.id), "{} twice", rule.id);
            assert!(rule.id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'), "{}", rule.id);
            assert!(rule.why.len() > 20 && !rule.why.ends_with('.'), "{}: {}", rule.id, rule.why);
        }
    }

    #[test]
    fn settings_raise_and_nothing_lowers() {
        let path = RepoPath::from("a");
        let mut found = vec![breach("ci-file", &path, None, "x"), breach("gitlink", &path, None, "y")];
        raise(&mut found, &PolicySettings { raised: vec!["ci-file".into()], ..PolicySettings::default() });
        assert!(found.iter().all(|violation| violation.severity == Severity::Block));
        raise(&mut found, &PolicySettings::default());
        assert!(found.iter().all(|violation| violation.severity == Severity::Block));
    }

    #[test]
    fn the_worst_comes_first() {
        let path = |name: &str| RepoPath::from(name);
        let mut found = vec![
            breach("ci-file", &path("a"), None, "x"),
            breach("gitlink", &path("z"), None, "y"),
            breach("ci-file", &path("a"), None, "x"),
        ];
        sort(&mut found);
        assert_eq!(found.iter().map(|found| found.rule.as_str()).collect::<Vec<_>>(), ["gitlink", "ci-file"]);
    }
}
