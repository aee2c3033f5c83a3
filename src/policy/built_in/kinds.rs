//! Files known by their names: what runs on opening or building, CI, guidance for models.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::Violation;
use super::added::Texts;
use super::rules::breach;
use crate::diff::ChangeStatus;
use crate::id::RepoPath;
use crate::repository::{Tree, TreeError};

/// A kind of file by its names. In a pattern a trailing `/` is a folder anywhere, a leading `*` an ending,
/// a `/` inside the last components; anything else is a whole file name. Case never counts: on many systems
/// `.VSCODE` is `.vscode`.
struct FileKind {
    name: &'static str,
    /// Whether it runs by itself (on opening, installing, building, testing), not only when somebody names it.
    by_itself: bool,
    patterns: &'static [&'static str],
}

const fn by_itself(name: &'static str, patterns: &'static [&'static str]) -> FileKind {
    FileKind { name, by_itself: true, patterns }
}

const fn when_named(name: &'static str, patterns: &'static [&'static str]) -> FileKind {
    FileKind { name, by_itself: false, patterns }
}

/// Files that execute on somebody's machine.
const EXECUTES: &[FileKind] = &[
    by_itself("cargo build script", &["build.rs"]),
    by_itself("cargo configuration", &[".cargo/config.toml", ".cargo/config"]),
    by_itself("Rust toolchain file", &["rust-toolchain", "rust-toolchain.toml"]),
    by_itself("Python build script", &["setup.py"]),
    by_itself("pytest start-up file", &["conftest.py"]),
    by_itself("Python start-up file", &["sitecustomize.py", "usercustomize.py", "*.pth"]),
    by_itself("direnv file", &[".envrc"]),
    by_itself("editor task file", &[".vscode/tasks.json", ".vscode/launch.json", ".vscode/settings.json"]),
    by_itself("editor start-up file", &[".exrc", ".nvimrc", ".nvim.lua", ".vimrc", ".lvimrc", ".dir-locals.el"]),
    by_itself("IDE project", &[".idea/"]),
    by_itself("makefile", &["makefile", "gnumakefile", "*.mk", "makefile.am"]),
    by_itself("CMake script", &["cmakelists.txt", "*.cmake", "cmakepresets.json"]),
    by_itself("configure script", &["configure", "configure.ac", "autogen.sh"]),
    by_itself("Meson script", &["meson.build"]),
    by_itself("Bazel file", &["build.bazel", "workspace.bazel", "module.bazel", ".bazelrc", "*.bzl"]),
    by_itself("Gradle script", &["*.gradle", "*.gradle.kts", "gradlew", "gradlew.bat", "gradle/wrapper/"]),
    by_itself("Maven wrapper or extension", &["mvnw", "mvnw.cmd", ".mvn/"]),
    by_itself("git hook", &[".husky/", ".githooks/", "githooks/", ".git-hooks/", "git-hooks/", "*lefthook.yml"]),
    by_itself("pre-commit configuration", &[".pre-commit-config.yaml", ".pre-commit-hooks.yaml"]),
    by_itself("development container", &[".devcontainer/", ".devcontainer.json"]),
    by_itself("package manager configuration", &[".npmrc", ".yarnrc", ".yarnrc.yml", ".pnpmfile.cjs", ".yarn/"]),
    by_itself("node-gyp script", &["binding.gyp"]),
    by_itself("Nix file", &["flake.nix", "shell.nix", "default.nix"]),
    by_itself("tool manager file", &["mise.toml", ".mise.toml", "devbox.json"]),
    by_itself(
        "agent configuration",
        &[".claude/settings.json", ".claude/hooks/", ".mcp.json", ".cursor/mcp.json", ".gemini/settings.json"],
    ),
    when_named("task file", &["justfile", ".justfile", "taskfile.yml", "taskfile.yaml", "noxfile.py", "tox.ini"]),
    when_named("task file", &["rakefile", "gulpfile.js", "gruntfile.js", "jakefile"]),
    when_named("container file", &["dockerfile", "containerfile", "docker-compose.yml", "compose.yaml", "compose.yml"]),
];

/// Files that decide, elsewhere, whether a change passes, and who must look at it.
const CI: &[&str] = &[
    ".github/workflows/",
    ".github/actions/",
    ".gitlab-ci.yml",
    ".gitlab/ci/",
    ".circleci/",
    "jenkinsfile",
    "azure-pipelines.yml",
    "azure-pipelines.yaml",
    ".azure-pipelines/",
    ".buildkite/",
    ".drone.yml",
    ".drone.star",
    ".travis.yml",
    "bitbucket-pipelines.yml",
    "appveyor.yml",
    ".appveyor.yml",
    ".cirrus.yml",
    ".cirrus.star",
    ".woodpecker.yml",
    ".woodpecker/",
    ".forgejo/workflows/",
    ".gitea/workflows/",
    ".semaphore/",
    ".teamcity/",
    ".builds/",
    ".build.yml",
    "cloudbuild.yaml",
    "cloudbuild.yml",
    "codefresh.yml",
    "wercker.yml",
    "buildspec.yml",
    "dependabot.yml",
    "codeowners",
    ".ci/",
    ".mergify.yml",
    ".zuul.yaml",
];

/// Files that models read as guidance.
const GUIDANCE: &[&str] = &[
    "agents.md",
    "claude.md",
    "gemini.md",
    "copilot-instructions.md",
    ".cursorrules",
    ".cursor/rules/",
    ".windsurfrules",
    ".clinerules",
    ".aider.conf.yml",
    "llms.txt",
    "skill.md",
];

/// A path in lower case, and its parts.
struct Lower {
    path: String,
    /// Where the file's name starts.
    name_at: usize,
}

impl Lower {
    fn of(path: &RepoPath) -> Self {
        let path = String::from_utf8_lossy(path.as_bytes()).to_lowercase();
        Self { name_at: path.rfind('/').map_or(0, |slash| slash + 1), path }
    }

    fn name(&self) -> &str {
        &self.path[self.name_at..]
    }

    fn matches(&self, pattern: &str) -> bool {
        if let Some(wanted) = pattern.strip_suffix('/') {
            let folder = &self.path[..self.name_at];
            let starts = memchr::memchr_iter(b'/', folder.as_bytes()).map(|slash| slash + 1);
            let whole = |start: usize| folder[start..].strip_prefix(wanted).is_some_and(|rest| rest.starts_with('/'));
            return std::iter::once(0).chain(starts).any(whole);
        }
        if let Some(ending) = pattern.strip_prefix('*') {
            return self.name().ends_with(ending);
        }
        if pattern.contains('/') {
            let before = self.path.strip_suffix(pattern);
            return before.is_some_and(|before| before.is_empty() || before.ends_with('/'));
        }
        self.name() == pattern
    }

    fn matches_any(&self, patterns: &[&str]) -> bool {
        patterns.iter().any(|pattern| self.matches(pattern))
    }
}

fn executes(path: &Lower) -> Option<&'static FileKind> {
    EXECUTES.iter().find(|kind| path.matches_any(kind.patterns))
}

/// Which kinds of files the base holds, as far as somebody asked.
pub(super) type Known = Mutex<HashMap<&'static str, bool>>;

/// What changing a file of this name breaks.
///
/// `known` keeps, for one judgement, which kinds the base holds: the whole tree is looked at once a kind.
pub(super) fn check(
    texts: &Texts<'_>,
    base: &dyn Tree,
    known: &Known,
    found: &mut Vec<Violation>,
) -> Result<(), TreeError> {
    let file = texts.file;
    let path = Lower::of(&file.path);
    let mut say = |id: &str, message: String| found.push(breach(id, &file.path, None, message));
    let how = match file.status() {
        ChangeStatus::Added => "appears",
        ChangeStatus::Modified => "changes",
        ChangeStatus::Deleted => "is deleted",
    };
    if path.matches_any(CI) {
        say("ci-file", format!("a file that CI or review rules obey {how}"));
    }
    if path.matches_any(GUIDANCE) {
        say("agent-guidance", format!("guidance for models {how}"));
    }
    if path.path == ".paraph.toml" {
        say("checks-changed", format!("Paraph's own checks and policy for this repository: the file {how}"));
    }
    let Some(kind) = executes(&path).filter(|kind| really(kind, texts)) else { return Ok(()) };
    if file.status() == ChangeStatus::Deleted {
        return Ok(());
    }
    if file.old.is_none() && kind.by_itself && !had(kind, base, known)? {
        say("runs-on-open", format!("a {} appears where there was none", kind.name));
    } else {
        say("build-script-change", format!("a {} {how}", kind.name));
    }
    Ok(())
}

/// Names that have two meanings: PyTorch keeps weights in `.pth`, Python start-up lines.
fn really(kind: &FileKind, texts: &Texts<'_>) -> bool {
    if kind.name != "Python start-up file" || texts.file.path.extension() != Some("pth") {
        return true;
    }
    texts.new.is_some()
}

/// Whether the base holds something of this kind already. For pytest any test does: its code runs as well.
fn had(kind: &'static FileKind, base: &dyn Tree, known: &Known) -> Result<bool, TreeError> {
    // held while the tree is looked at: two files of one kind ask once
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(had) = known.get(kind.name) {
        return Ok(*had);
    }
    let entries = base.entries()?;
    let of_kind = |path: &Lower| {
        let name = path.name();
        let python_test = name.ends_with(".py") && (name.starts_with("test_") || name.ends_with("_test.py"));
        path.matches_any(kind.patterns) || kind.name == "pytest start-up file" && python_test
    };
    let had = entries.iter().any(|entry| of_kind(&Lower::of(&entry.path)));
    known.insert(kind.name, had);
    Ok(had)
}
