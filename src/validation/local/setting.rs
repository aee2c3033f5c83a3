//! What checks of one job find around them: variables, toolchains, dependency folders, and the place at which they
//! see their checkout.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::dependencies::{self, Dependency};
use crate::cancel::Cancel;
use crate::id::Digest;
use crate::infrastructure::confinement::toolchains::{self, Lending, Lent};
use crate::infrastructure::process::Git;
use crate::repository::{Source, TreeEntry};
use crate::validation::ValidationJob;

/// Everything about a job that is the same for all of its runs.
pub(super) struct Setting {
    /// Toolchains and caches.
    pub(super) lent: Lent,
    /// Ignored folders of the working copy.
    pub(super) dependencies: Vec<Dependency>,
    /// The top of the user's working copy, where checks can see their checkout in its place: then what is lent to
    /// them, which names that place (scripts of a virtual environment, editable installs, build folders), is right.
    pub(super) place: Option<PathBuf>,
    /// Names everything that a result depends on beside the trees and the check.
    pub(super) digest: Digest,
}

impl Setting {
    /// What `job` finds; `entries` are the files of its base.
    ///
    /// `private` are Paraph's own places, which no check may see.
    pub(super) fn find(
        job: &ValidationJob,
        entries: &[TreeEntry],
        worktrees: &Path,
        private: &[PathBuf],
        cancel: &Cancel,
    ) -> Self {
        let variables: BTreeMap<OsString, OsString> = job
            .environment
            .iter()
            .filter(|(name, _)| toolchains::is_passed_on(name))
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        let lent = toolchains::find(&variables, &job.home, private);
        let root = match &job.snapshot.source {
            Source::Path(path) => path.as_path().canonicalize().ok().filter(|root| root.join(".git").exists()),
            Source::Url(_) => None,
        };
        let mut dependencies = Vec::new();
        if let Some(root) = &root {
            let path = variables.get(&OsString::from("PATH")).cloned().unwrap_or_default();
            let git = Git::new(path).with_user_config(&job.home);
            dependencies = dependencies::find(root, entries, &git, cancel);
            lend_tools_inside(root, entries, &lent, &mut dependencies);
            dependencies.retain(|dependency| !lent.would_show_private(&dependency.source));
        }
        let place = root.filter(|root| may_be_shown_at(root, &job.home, worktrees) && !lent.covers_private(root));
        let digest = digest(&variables, &lent, &dependencies, place.as_deref());
        Self { lent, dependencies, place, digest }
    }

    /// What a person should know.
    pub(super) fn notices(&self) -> Vec<String> {
        let mut notices = self.lent.notices.clone();
        if self.dependencies.is_empty() {
            return notices;
        }
        let places: Vec<_> =
            self.dependencies.iter().map(|dependency| format!("`{}`", dependency.place.display())).collect();
        notices.push(format!("lent from the working copy, copy-on-write: {}", places.join(", ")));
        notices
    }
}

/// Tools on PATH that lie in the working copy and are not of the tree (a virtual environment of any name).
fn lend_tools_inside(root: &Path, entries: &[TreeEntry], lent: &Lent, dependencies: &mut Vec<Dependency>) {
    let folders = dependencies::folders(entries);
    for lent in &lent.paths {
        let Ok(place) = lent.path.strip_prefix(root) else { continue };
        let known = dependencies.iter().any(|dependency| place.starts_with(&dependency.place));
        if !known && lent.path.is_dir() && !folders.contains(place.as_os_str().as_bytes()) {
            dependencies.push(Dependency { place: place.to_owned(), source: lent.path.clone() });
        }
    }
}

/// A checkout must not be laid over a home with its toolchains, over Paraph's own folders or the system's.
fn may_be_shown_at(root: &Path, home: &Path, worktrees: &Path) -> bool {
    let covers = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned()).starts_with(root);
    let system = ["/usr", "/proc", "/sys", "/dev", "/etc", "/bin", "/lib", "/nix", "/gnu"];
    root.components().count() > 2
        && !covers(home)
        && !covers(worktrees)
        && !system.iter().any(|system| root.starts_with(system))
}

fn digest(
    variables: &BTreeMap<OsString, OsString>,
    lent: &Lent,
    dependencies: &[Dependency],
    place: Option<&Path>,
) -> Digest {
    let mut all = Vec::new();
    let mut add = |part: &[u8]| {
        all.extend_from_slice(part);
        all.push(0);
    };
    for (name, value) in variables {
        add(name.as_bytes());
        add(value.as_bytes());
    }
    // an update of a tool changes the folder it is in; caches change at every use, and hold nothing that has to
    let tools = lent.paths.iter().filter(|lent| lent.lending == Lending::ReadOnly).map(|lent| lent.path.clone());
    let path = variables.get(&OsString::from("PATH")).map(|path| std::env::split_paths(path).collect::<Vec<_>>());
    let lent_folders = dependencies.iter().filter(|dependency| !dependency.place.ends_with("target"));
    let folders = tools.chain(path.unwrap_or_default()).chain(lent_folders.map(|lent| lent.source.clone()));
    for folder in folders {
        add(folder.as_os_str().as_bytes());
        add(changed(&folder).as_bytes());
    }
    for dependency in dependencies {
        add(dependency.place.as_os_str().as_bytes());
    }
    add(place.unwrap_or(Path::new("")).as_os_str().as_bytes());
    Digest::of(&all)
}

fn changed(path: &Path) -> String {
    use std::os::unix::fs::MetadataExt as _;
    path.metadata().map_or_else(|_| String::new(), |found| format!("{}.{}", found.mtime(), found.mtime_nsec()))
}
