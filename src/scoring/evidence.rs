//! What scorers read from the evidence: which files are tests, source or words, and how the checks stand.

use crate::diff::FileChange;
use crate::id::RepoPath;
use crate::validation::{CheckResult, CheckStatus};

/// What a file is, by its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileRole {
    /// Tests and what they read.
    Test,
    /// Code.
    Source,
    /// Documents.
    Words,
    /// Lockfiles and what a tool wrote.
    Generated,
    /// Settings, data and everything else.
    Other,
}

const SOURCE: &[&str] = &[
    "rs", "py", "js", "jsx", "ts", "tsx", "mjs", "cjs", "mts", "cts", "go", "java", "kt", "kts", "scala", "groovy",
    "c", "h", "cc", "cpp", "cxx", "hpp", "cs", "rb", "php", "sh", "bash", "swift", "m", "ml", "hs", "ex", "exs", "erl",
    "clj", "lua", "pl", "r", "jl", "dart", "zig", "vue", "svelte", "sql", "nim", "fs",
];
const WORDS: &[&str] = &["md", "markdown", "rst", "adoc", "txt", "tex"];

/// The role of the file at `path`.
pub(super) fn role(path: &RepoPath) -> FileRole {
    let text = String::from_utf8_lossy(path.as_bytes()).to_lowercase();
    let name = text.rsplit('/').next().unwrap_or(&text);
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    let locks = ["cargo.lock", "package-lock.json", "yarn.lock", "pnpm-lock.yaml", "poetry.lock", "uv.lock", "go.sum"];
    if locks.contains(&name) || name.ends_with(".min.js") || name.ends_with(".snap") || extension == "lock" {
        return FileRole::Generated;
    }
    let stem = name.split('.').next().unwrap_or(name);
    let folder =
        |part: &str| matches!(part, "test" | "tests" | "spec" | "specs" | "__tests__" | "testdata" | "fixtures");
    let in_tests = text.split('/').rev().skip(1).any(folder);
    let named = stem.starts_with("test_") || stem.ends_with("_test") || stem.ends_with("_spec") || stem == "tests";
    let dotted = name.contains(".test.") || name.contains(".spec.");
    let classes =
        matches!(extension, "java" | "kt" | "cs" | "scala") && (stem.ends_with("test") || stem.ends_with("tests"));
    if in_tests || named || dotted || classes {
        return FileRole::Test;
    }
    match extension {
        _ if SOURCE.contains(&extension) => FileRole::Source,
        _ if WORDS.contains(&extension) => FileRole::Words,
        _ => FileRole::Other,
    }
}

/// Whether the new side of a source file holds more tests than the old one: Rust keeps tests beside the code.
pub(super) fn adds_inline_tests(file: &FileChange) -> bool {
    let count = |side: Option<&crate::diff::FileSide>| {
        side.map_or(0, |side| memchr::memmem::find_iter(&side.content, b"#[test]").count())
    };
    count(file.new.as_ref()) > count(file.old.as_ref())
}

/// Whether a check speaks against the change.
pub(super) fn is_red(check: &CheckResult) -> bool {
    check.is_red()
}

/// Whether a check passed.
pub(super) fn is_green(check: &CheckResult) -> bool {
    matches!(check.status, CheckStatus::Passed | CheckStatus::Fixed)
}

/// Whether a check that is no worse than on the base shows something all the same: tests of it pass.
pub(super) fn is_compared(check: &CheckResult) -> bool {
    check.status == CheckStatus::Failed && !is_red(check) && check.tests.passed > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expected: FileRole) {
        assert_eq!(role(&path.into()), expected, "{path}");
    }

    #[test]
    fn paths_tell_roles() {
        check("src/lib.rs", FileRole::Source);
        check("src/latest.rs", FileRole::Source);
        check("src/contest/a.py", FileRole::Source);
        check("tests/cli.rs", FileRole::Test);
        check("a/test_b.py", FileRole::Test);
        check("a_test.go", FileRole::Test);
        check("web/a.test.tsx", FileRole::Test);
        check("src/test/java/ATest.java", FileRole::Test);
        check("core/CalcTest.java", FileRole::Test);
        check("README.md", FileRole::Words);
        check("Cargo.lock", FileRole::Generated);
        check("Cargo.toml", FileRole::Other);
    }
}
