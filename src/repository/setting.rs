//! What a program finds around a checkout that it works in: variables, toolchains, dependency folders, and the place
//! at which it sees the checkout. Checks find it, and so does a program that drafts.

mod dependencies;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use crate::cancel::Cancel;
use crate::id::Digest;
use crate::infrastructure::confinement::toolchains::{self, Lending, Lent};
use crate::infrastructure::process::Git;
use crate::repository::{Source, TreeEntry};
pub use dependencies::Dependency;

/// What a setting is found for.
#[derive(Clone, Copy)]
pub struct SettingAsk<'a> {
    /// Where the repository comes from.
    pub source: &'a Source,
    /// The client's allow-listed variables.
    pub environment: &'a BTreeMap<String, String>,
    /// The user's home, where toolchains are looked for.
    pub home: &'a Path,
    /// The files of the base.
    pub entries: &'a [TreeEntry],
    /// The folder that checkouts lie in.
    pub checkouts: &'a Path,
    /// Paraph's own places, which no program may see.
    pub private: &'a [PathBuf],
}

/// Everything around a checkout that is the same for all programs that run in it.
pub struct Setting {
    /// Toolchains and caches.
    pub lent: Lent,
    /// Ignored folders of the working copy.
    pub dependencies: Vec<Dependency>,
    /// The top of the user's working copy, where programs can see the checkout in its place: then what is lent to
    /// them, which names that place (scripts of a virtual environment, editable installs, build folders), is right.
    pub place: Option<PathBuf>,
    /// Names everything that a result depends on beside the trees and the check.
    pub digest: Digest,
}

impl Setting {
    /// What is there. Asks git which folders are ignored, so it blocks.
    #[must_use]
    pub fn find(asked: &SettingAsk<'_>, cancel: &Cancel) -> Self {
        let SettingAsk { entries, home, checkouts, private, .. } = *asked;
        let variables: BTreeMap<OsString, OsString> = asked
            .environment
            .iter()
            .filter(|(name, _)| toolchains::is_passed_on(name))
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        let lent = toolchains::find(&variables, home, private);
        let root = match asked.source {
            Source::Path(path) => path.as_path().canonicalize().ok().filter(|root| root.join(".git").exists()),
            Source::Url(_) => None,
        };
        let mut dependencies = Vec::new();
        if let Some(root) = &root {
            let path = variables.get(&OsString::from("PATH")).cloned().unwrap_or_default();
            let git = Git::new(path).with_user_config(home);
            dependencies = dependencies::find(root, entries, &git, cancel);
            lend_tools_inside(root, entries, &lent, &mut dependencies);
            dependencies.retain(|dependency| !lent.would_show_private(&dependency.source));
        }
        let place = root.filter(|root| may_be_shown_at(root, home, checkouts) && !lent.covers_private(root));
        let digest = digest(&variables, &lent, &dependencies, place.as_deref());
        Self { lent, dependencies, place, digest }
    }

    /// What a person should know.
    #[must_use]
    pub fn notices(&self) -> Vec<String> {
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
