//! Checks found in the base snapshot: what the repository's own manifests say, and the tools that are there.
//!
//! Pure: it reads the tree and asks [`Surroundings`]; nothing runs. A tool that is missing is a notice, never a check
//! that fails.

mod go;
mod jvm;
mod layout;
mod native;
mod node;
mod python;
mod rust;

use std::path::{Path, PathBuf};

use super::{Check, CheckKind, CheckPlan, CommandLine};
use crate::id::{Digest, RepoPath};
use crate::repository::{Tree, TreeError};
use layout::Layout;

/// Seconds for a build, before it is stopped.
pub const BUILD_TIMEOUT_S: u64 = 900;
/// Seconds for tests, lints and measurements, before they are stopped.
pub const TEST_TIMEOUT_S: u64 = 120;
/// The most checks of one plan that was found.
const MOST_CHECKS: usize = 16;

/// Files whose content decides what a setup step fetches.
const LOCKFILES: &[&str] = &[
    "Cargo.lock",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "bun.lock",
    "bun.lockb",
    "poetry.lock",
    "uv.lock",
    "pdm.lock",
    "Pipfile.lock",
    "go.sum",
    "Gemfile.lock",
    "composer.lock",
    "gradle.lockfile",
    "flake.lock",
    "deno.lock",
    "mix.lock",
];

/// Manifests that stand in for a lockfile where there is none.
const MANIFESTS: &[&str] = &[
    "Cargo.toml",
    "package.json",
    "pyproject.toml",
    "requirements.txt",
    "setup.py",
    "go.mod",
    "pom.xml",
    "build.gradle",
    "build.gradle.kts",
    "Gemfile",
    "composer.json",
];

/// What discovery asks about the machine and the working copy.
pub trait Surroundings {
    /// Where the session's PATH has this program.
    fn which(&self, program: &str) -> Option<PathBuf>;

    /// Whether the working copy has this folder or file, which git ignores, so that it can be lent
    /// (`node_modules`, `app/.venv/bin/python`).
    fn lends(&self, path: &str) -> bool;

    /// Whether this Python can import the module.
    fn python_has(&self, python: &Path, module: &str) -> bool;

    /// The top of the working copy, where there is one on this machine.
    fn working_copy(&self) -> Option<PathBuf> {
        None
    }

    /// Whether the user's Gradle home has this distribution (`gradle-8.5-bin`), which a wrapper would fetch otherwise.
    fn has_gradle(&self, _distribution: &str) -> bool {
        true
    }

    /// `VIRTUAL_ENV` of the session, where it is set.
    fn virtual_env(&self) -> Option<PathBuf> {
        None
    }
}

/// What one kind of project adds to a plan.
struct Finder<'a> {
    tree: &'a dyn Tree,
    layout: Layout,
    around: &'a dyn Surroundings,
    changed: &'a [RepoPath],
    checks: Vec<Check>,
    origins: Vec<String>,
    notices: Vec<String>,
}

impl Finder<'_> {
    /// The text of a file of the base; empty where there is none, or it is no text.
    fn text(&self, path: &str) -> Result<String, TreeError> {
        let Some(side) = self.tree.side(&RepoPath::from(path))? else { return Ok(String::new()) };
        Ok(String::from_utf8_lossy(&side.content).into_owned())
    }

    /// The folders of one kind of project that the change is about; says how many more there are.
    fn folders(&mut self, manifests: &[&str]) -> Vec<String> {
        let picked = self.layout.nearest(manifests, self.changed);
        if picked.left_out > 0 {
            let count = picked.left_out;
            self.notices.push(format!("{count} more folders with `{}` were left out", manifests[0]));
        }
        picked.folders
    }

    /// Whether the program is there; says so where it is not.
    fn needs(&mut self, program: &str, manifest: &str) -> bool {
        let there = self.around.which(program).is_some();
        if !there {
            self.notices
                .push(format!("`{manifest}` needs `{program}`, which is not on PATH: its checks were left out"));
        }
        there
    }

    /// Adds a check whose command runs in `cwd`.
    fn add(&mut self, name: &str, kind: CheckKind, cwd: &str, command: &[&str]) -> &mut Check {
        let whole = if cwd.is_empty() { name.to_owned() } else { format!("{name} ({cwd})") };
        let family = name.split(' ').next().unwrap_or(name);
        // a failed build leaves nothing to test; a red test says nothing about style
        let family = if kind == CheckKind::Lint { name } else { family };
        self.checks.push(Check {
            name: whole,
            kind,
            command: CommandLine::Args(command.iter().map(|part| (*part).to_owned()).collect()),
            cwd: cwd.to_owned(),
            timeout_s: if kind == CheckKind::Build { BUILD_TIMEOUT_S } else { TEST_TIMEOUT_S },
            group: format!("{family}:{cwd}"),
            env: std::collections::BTreeMap::new(),
            reports: Vec::new(),
            lacks: None,
        });
        self.checks.last_mut().expect("one was added just now")
    }

    /// Words for what `folder` lacks, and for the `command` that gets it there.
    fn lacking(&self, what: &str, command: &str, folder: &str) -> String {
        let words = match self.around.working_copy() {
            Some(top) if folder.is_empty() => format!("{what}: {command} in {}", top.display()),
            Some(top) => format!("{what}: {command} in {}", top.join(folder).display()),
            None => format!("{what}: there is no working copy to install it in; name a setup step in .paraph.toml"),
        };
        words.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
    }

    fn origin(&mut self, path: String) {
        if !self.origins.contains(&path) {
            self.origins.push(path);
        }
    }
}

/// Finds the checks of the base `tree`, nearest to the `changed` paths (all of the top where they are empty).
///
/// # Errors
/// [`TreeError`] where the base cannot be read.
pub fn discover(tree: &dyn Tree, around: &dyn Surroundings, changed: &[RepoPath]) -> Result<CheckPlan, TreeError> {
    let layout = Layout::of(tree)?;
    let mut finder =
        Finder { tree, layout, around, changed, checks: Vec::new(), origins: Vec::new(), notices: Vec::new() };
    rust::find(&mut finder)?;
    go::find(&mut finder)?;
    node::find(&mut finder)?;
    python::find(&mut finder)?;
    jvm::find(&mut finder)?;
    native::find(&mut finder)?;
    Ok(plan(finder))
}

fn plan(finder: Finder<'_>) -> CheckPlan {
    let Finder { mut checks, origins, mut notices, .. } = finder;
    checks.sort_by_key(|check| check.kind);
    if checks.len() > MOST_CHECKS {
        let left: Vec<String> = checks.drain(MOST_CHECKS..).map(|check| check.name).collect();
        notices.push(format!("more than {MOST_CHECKS} checks were found; left out: {}", left.join(", ")));
    }
    let plan = CheckPlan { checks, setup: None, origin: origins.join(", "), notices };
    match plan.checks.is_empty() && plan.notices.is_empty() {
        true => CheckPlan { notices: vec![plan.why_none()], ..plan },
        false => plan,
    }
}

/// Names what a setup step would fetch: the digest of every lockfile, or of the manifests where there is none.
/// `None` where there are neither.
///
/// # Errors
/// [`TreeError`] where the tree cannot be read.
pub fn lockfiles(tree: &dyn Tree) -> Result<Option<Digest>, TreeError> {
    let entries = tree.entries()?;
    let of = |names: &[&str]| -> Vec<String> {
        let named = entries.iter().filter(|entry| names.iter().any(|name| name.as_bytes() == entry.path.file_name()));
        named.map(|entry| format!("{} {}", entry.id, entry.path)).collect()
    };
    let locks = of(LOCKFILES);
    let found = if locks.is_empty() { of(MANIFESTS) } else { locks };
    Ok((!found.is_empty()).then(|| Digest::of(found.join("\n").as_bytes())))
}

#[cfg(test)]
mod tests;
