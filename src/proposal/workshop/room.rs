//! One workshop: its folders, what a program may see from it, and the change that it left.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{WorkshopPorts, repository};
use crate::cancel::Cancel;
use crate::diff::{ChangeSet, FileChange};
use crate::id::ObjectId;
use crate::infrastructure::beneath::{find_folder, open_top};
use crate::infrastructure::confinement::{Level, Network, Overlay, Placed, Policy, discard};
use crate::proposal::{Brief, EngineError, EngineKind, Scope};
use crate::repository::{RepoKey, Setting, SettingAsk, Tree, Worked};
use crate::text::counted;

/// What a program of the workshop may have beside the worktree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proposal) struct Sees<'a> {
    /// Names its scratch folder: programs do not read each other's.
    pub(in crate::proposal) name: &'a str,
    /// The network.
    pub(in crate::proposal) network: Network,
    /// Places that it may read.
    pub(in crate::proposal) reads: &'a [PathBuf],
}

/// A worktree to work in. Dropped, nothing of it is left.
pub(in crate::proposal) struct Room {
    ports: Arc<WorkshopPorts>,
    key: RepoKey,
    base: ObjectId,
    /// The tree that the work began with.
    start: ObjectId,
    folder: PathBuf,
    work: PathBuf,
    setting: Setting,
    /// Links to lent folders, where they could not be laid over the worktree: place in it, and target.
    links: Vec<(PathBuf, PathBuf)>,
    began: Began,
}

/// What the work in a worktree began with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proposal) enum Began {
    /// The repository as it is.
    Base,
    /// The version before.
    Previous,
    /// What an attempt that was held had left.
    Left,
}

impl Began {
    /// The same in words.
    pub(in crate::proposal) fn words(self) -> &'static str {
        match self {
            Self::Base => "the base",
            Self::Previous => "the version before",
            Self::Left => "what it had left when it was held",
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let removed = self.ports.vcs.remove_checkout(&self.key, &self.work);
        if let Err(error) = discard(&self.folder) {
            tracing::warn!(folder = %self.folder.display(), %error, ?removed, "a workshop could not be removed");
        }
    }
}

impl Room {
    pub(super) fn open(
        ports: Arc<WorkshopPorts>,
        number: u64,
        brief: &Brief,
        cancel: &Cancel,
    ) -> Result<Self, EngineError> {
        use std::os::unix::fs::DirBuilderExt as _;
        let failed = |error: io::Error| broken(&ports.folder, &error);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&ports.folder).map_err(failed)?;
        let top = ports.folder.canonicalize().map_err(failed)?;
        let folder = top.join(number.to_string());
        let work = folder.join("work");
        discard(&folder).and_then(|()| fs::create_dir_all(&work)).map_err(failed)?;
        let snapshot = &brief.snapshot;
        let entries = brief.tree.entries().map_err(|error| EngineError::Repository(error.to_string()))?;
        let asked = SettingAsk {
            source: &snapshot.source,
            environment: &brief.order.environment,
            home: &brief.order.home,
            entries: &entries,
            checkouts: &top,
            private: &ports.private,
        };
        let mut setting = Setting::find(&asked, cancel);
        if ports.confinement.level() < Level::Full {
            setting.place = None;
        }
        let base = brief.tree.id().clone();
        // what was said about the version before is answered on top of it; who was held goes on from what they had left
        let previous = brief.goes_on(EngineKind::Agent);
        let (began, before) = match (&brief.left, previous) {
            (Some(left), _) => (Began::Left, Some(left)),
            (None, Some(previous)) => (Began::Previous, Some(previous)),
            (None, None) => (Began::Base, None),
        };
        let key = snapshot.key.clone();
        let (start, links) = (base.clone(), Vec::new());
        let mut room = Self { ports, key, base, start, folder, work, setting, links, began };
        let vcs = room.ports.vcs.clone();
        if let Some(before) = before {
            room.start = vcs.write_tree(&room.key, &room.base, before).map_err(repository)?;
        }
        vcs.checkout(&room.key, &room.start, &room.work, cancel).map_err(repository)?;
        if !room.ports.confinement.overlays_work() {
            room.link().map_err(|error| broken(&room.work, &error))?;
        }
        Ok(room)
    }

    /// Where programs see the worktree.
    pub(in crate::proposal) fn shown(&self) -> &Path {
        self.setting.place.as_deref().unwrap_or(&self.work)
    }

    /// The same folder as Paraph sees it.
    pub(in crate::proposal) fn work(&self) -> &Path {
        &self.work
    }

    /// What the work began with.
    pub(in crate::proposal) fn began(&self) -> Began {
        self.began
    }

    /// What a program may see and touch, and its variables.
    pub(in crate::proposal) fn policy(
        &self,
        sees: Sees<'_>,
    ) -> Result<(Policy, BTreeMap<OsString, OsString>), EngineError> {
        let scratch = self.folder.join(sees.name);
        fs::create_dir_all(scratch.join("home")).map_err(|error| broken(&scratch, &error))?;
        let ports = &self.ports;
        let mut policy = Policy { limits: ports.limits, network: sees.network, ..Policy::new(&self.work, &scratch) };
        if let Some(place) = &self.setting.place {
            policy.writable.clear();
            policy.placed.push(Placed { source: self.work.clone(), at: place.clone() });
        }
        let mut env = self.setting.lent.lend_to(&ports.confinement, &mut policy);
        if let Some(place) = &self.setting.place {
            // files of the tree lie where the working copy's own would: of that only what is lent below is seen
            policy.read_only.retain(|path| !path.starts_with(place));
            policy.overlays.retain(|overlay| !overlay.at.starts_with(place));
            let lent = |path: &Path| self.setting.dependencies.iter().any(|lent| path.starts_with(&lent.source));
            policy.hidden.retain(|path| !path.starts_with(place) || lent(path));
        }
        let lent = &self.setting.lent;
        policy.read_only.extend(sees.reads.iter().filter(|path| !lent.would_show_private(path)).cloned());
        let dependencies = &self.setting.dependencies;
        if ports.confinement.overlays_work() {
            for (number, dependency) in dependencies.iter().enumerate() {
                let upper = scratch.join(format!("lent-{number}"));
                let at = self.shown().join(&dependency.place);
                // where the tree has a file of that name a folder cannot be shown
                if self.is_free(&dependency.place) {
                    policy.overlays.push(Overlay { lowers: vec![dependency.source.clone()], at, upper });
                }
            }
        } else {
            policy.read_only.extend(dependencies.iter().map(|dependency| dependency.source.clone()));
            env.insert("GOCACHE".into(), scratch.join("gocache").into());
        }
        Ok((policy, env))
    }

    /// Whether a folder can be shown at `place` in the worktree: nothing but folders are on the way to it.
    fn is_free(&self, place: &Path) -> bool {
        let mut at = self.work.clone();
        place.components().all(|part| {
            at.push(part);
            fs::symlink_metadata(&at).map_or(true, |found| found.is_dir())
        })
    }

    /// Without overlays what is lent is seen through links, read-only.
    fn link(&mut self) -> io::Result<()> {
        for dependency in &self.setting.dependencies {
            let at = self.work.join(&dependency.place);
            let parent = at.parent().and_then(|parent| parent.canonicalize().ok());
            let is_free = fs::symlink_metadata(&at).is_err() && !dependency.place.ends_with("target");
            if is_free && parent.as_deref() == at.parent() {
                std::os::unix::fs::symlink(&dependency.source, &at)?;
                self.links.push((dependency.place.clone(), dependency.source.clone()));
            }
        }
        Ok(())
    }

    /// Takes the links back; one that the program replaced is the program's.
    fn unlink(&self) -> io::Result<()> {
        let top = open_top(&self.work)?;
        for (place, source) in &self.links {
            let (folder, name) = (place.parent().unwrap_or(Path::new("")), place.file_name().unwrap_or(OsStr::new("")));
            let Some(folder) = find_folder(&top, folder.as_os_str().as_bytes())? else { continue };
            let target = rustix::fs::readlinkat(&folder, name, Vec::new());
            if target.is_ok_and(|target| target.to_bytes() == source.as_os_str().as_bytes()) {
                rustix::fs::unlinkat(&folder, name, rustix::fs::AtFlags::empty())?;
            }
        }
        Ok(())
    }

    /// What the worktree became, against the base, on the paths that the brief is about. Nothing may run in it any more.
    pub(in crate::proposal) fn changes(&self, brief: &Brief, cancel: &Cancel) -> Result<Worked, EngineError> {
        self.unlink().map_err(|error| broken(&self.work, &error))?;
        let worked = self.ports.vcs.worked(&self.key, &self.base, &self.work, cancel).map_err(repository)?;
        within(worked, &brief.paths)
    }

    /// The tree that the work began with.
    pub(in crate::proposal) fn start(&self) -> Result<Arc<dyn Tree>, EngineError> {
        self.ports.vcs.tree(&self.key, &self.start).map_err(repository)
    }

    /// A change of that tree as one of the base, on the paths that the brief is about.
    pub(in crate::proposal) fn of_base(&self, change: ChangeSet, brief: &Brief) -> Result<Worked, EngineError> {
        let changes = match self.began {
            Began::Base => change,
            Began::Previous | Began::Left => {
                let vcs = &self.ports.vcs;
                let tree = vcs.write_tree(&self.key, &self.start, &change).map_err(repository)?;
                vcs.changes(&self.key, &self.base, &tree).map_err(repository)?
            }
        };
        within(Worked { changes, notices: Vec::new() }, &brief.paths)
    }

    /// What a person should know of what was lent.
    pub(in crate::proposal) fn notices(&self) -> Vec<String> {
        self.setting.notices()
    }
}

/// Only what the globs name; how much else there was is told.
fn within(worked: Worked, globs: &[String]) -> Result<Worked, EngineError> {
    let scope = Scope::new(globs)?;
    if !scope.is_limited() {
        return Ok(worked);
    }
    let all = worked.changes.files().len();
    let kept: Vec<FileChange> =
        worked.changes.files().iter().filter(|file| scope.names(&file.path.to_string())).cloned().collect();
    let mut notices = worked.notices;
    if kept.len() < all {
        notices.push(format!("{} outside the asked paths left out", counted(all - kept.len(), "changed file")));
    }
    Ok(Worked { changes: ChangeSet::new(kept), notices })
}

fn broken(path: &Path, error: &io::Error) -> EngineError {
    EngineError::Program {
        why: format!("the workshop {} cannot be prepared: {error}", path.display()),
        hint: "paraph doctor".to_owned(),
    }
}
