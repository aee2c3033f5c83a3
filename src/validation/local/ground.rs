//! What a run stands on: layers below, one that it writes to, and the policy that shows them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::below::Below;
use super::rewrites::Rewrites;
use super::slots::{Slot, broken, described};
use super::touched::Touched;
use crate::cancel::Cancel;
use crate::id::Digest;
use crate::infrastructure::confinement::{
    Confinement, ConfinementError, Limits, Network, Overlay, Policy, cow_copy, discard,
};
use crate::infrastructure::process::Command;
use crate::repository::{GitDirectory, Setting, Tree, TreeEntry, Vcs};
use crate::validation::{RunSide, ValidationJob, ValidatorError};

/// Folders of a base run's scratch that the proposal's runs see too: caches of compilers in the first place.
const SCRATCH_BELOW: [&str; 3] = ["home", "gocache", "gradle"];

/// How the layers over toolchain caches are named in a scratch folder.
const TOOLCHAIN_LAYER: &str = "overlay-";

/// What is needed to lay out any ground.
#[derive(Clone, Copy)]
pub(super) struct Layout<'a> {
    pub(super) confinement: &'a Confinement,
    pub(super) setting: &'a Setting,
    pub(super) slot: &'a Slot,
    pub(super) limits: Limits,
    /// Whether layers are overlays; copies otherwise.
    pub(super) overlays: bool,
    /// What a setup step left, which lies below what runs write; overlays only.
    pub(super) setup: Option<&'a Slot>,
    /// What is checked out, for the `.git` that goes with it.
    pub(super) history: History<'a>,
}

/// The layer over a checkout's `.git` in a scratch folder: no run reads what another wrote there.
const GIT_LAYER: &str = "git-layer";

/// Where the commits of a job are, of which checkouts get a `.git`.
#[derive(Clone, Copy)]
pub(super) struct History<'a> {
    pub(super) vcs: &'a dyn Vcs,
    pub(super) job: &'a ValidationJob,
}

impl History<'_> {
    /// Makes the git directory `into`, which replaces what is there; each file is in the first of `files` that has it.
    fn write(&self, on: RunSide, files: &[&Path], into: &Path) -> Result<(), ValidatorError> {
        let ValidationJob { snapshot, tree, commit, .. } = self.job;
        let both = [commit.clone(), snapshot.commit.clone()];
        let (tree, commits) = match on {
            RunSide::Base => (&snapshot.tree, &both[1..]),
            RunSide::Proposal => (tree, &both[..]),
        };
        throw_away(into).map_err(|error| broken("remove", into, &error))?;
        let made = self.vcs.git_directory(&snapshot.key, &GitDirectory { tree, commits, files }, into);
        made.map_err(|error| ValidatorError::Checkout(described(&error)))
    }
}

/// One of the two trees of a job.
#[derive(Clone, Copy)]
pub(super) struct Side<'a> {
    pub(super) on: RunSide,
    pub(super) tree: &'a dyn Tree,
    pub(super) entries: &'a [TreeEntry],
}

/// One checkout that runs see, and where what they write goes.
pub(super) struct Ground<'a> {
    layout: Layout<'a>,
    /// Layers over the tree that stay as they are, the first on top.
    layers: Vec<PathBuf>,
    /// Overlays: where writes go. Copies: the checkout itself.
    upper: PathBuf,
    scratch: PathBuf,
    /// What `git` finds in the checkout; overlays only, elsewhere it is part of the copy.
    git: Option<PathBuf>,
    /// Scratch folders of earlier runs that this one sees too, the latest first.
    scratch_below: Vec<PathBuf>,
    /// Whether caches of toolchains that are filled here are kept for runs to come.
    keeps_caches: bool,
    /// Removed when this is dropped.
    folder: Option<PathBuf>,
}

impl Drop for Ground<'_> {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.folder.take().map(|folder| discard(&folder)) {
            tracing::warn!(path = %self.scratch.display(), %error, "what a run left could not be removed");
        }
    }
}

impl<'a> Layout<'a> {
    /// Where commands see the checkout.
    pub(super) fn shown(&self) -> PathBuf {
        match &self.setting.place {
            Some(place) if self.overlays => place.clone(),
            _ => self.slot.path.join("work"),
        }
    }

    /// Ground for runs of the base; what they leave stays after [`Ground::keep`].
    pub(super) fn base(self) -> Result<Ground<'a>, ValidatorError> {
        let scratch = self.slot.scratch();
        forget_overlays(&scratch).map_err(|error| broken("prepare", &scratch, &error))?;
        let upper = if self.overlays { self.slot.left() } else { self.copy_of_left()? };
        let git = self.git_of_base()?;
        let (layers, scratch_below) = (self.setup_layer(), self.setup_scratch());
        Ok(Ground { layout: self, layers, upper, scratch, git, scratch_below, keeps_caches: false, folder: None })
    }

    /// Ground for a setup step on the bare base: what it leaves goes to `kept`. Overlays only.
    pub(super) fn setup(self, kept: &Slot) -> Result<Ground<'a>, ValidatorError> {
        let (upper, scratch) = (kept.left(), kept.scratch());
        fs::create_dir_all(&scratch).map_err(|error| broken("prepare", &scratch, &error))?;
        let git = self.git_of_base()?;
        let (layers, scratch_below) = (Vec::new(), Vec::new());
        Ok(Ground { layout: self, layers, upper, scratch, git, scratch_below, keeps_caches: true, folder: None })
    }

    /// What `git` finds in a checkout of the base, made once.
    fn git_of_base(&self) -> Result<Option<PathBuf>, ValidatorError> {
        if !self.overlays {
            let work = self.slot.path.join("work");
            self.history.write(RunSide::Base, &[&work], &work.join(".git"))?;
            return Ok(None);
        }
        let git = self.slot.git();
        // HEAD is written last
        if !git.join("HEAD").is_file() {
            self.history.write(RunSide::Base, &[&self.slot.tree()], &git)?;
        }
        Ok(Some(git))
    }

    fn setup_layer(&self) -> Vec<PathBuf> {
        self.setup.map(Slot::left).into_iter().collect()
    }

    fn setup_scratch(&self) -> Vec<PathBuf> {
        self.setup.map(Slot::scratch).into_iter().collect()
    }

    /// Ground for runs that leave nothing, of `side`; `old` are the base's files.
    pub(super) fn proposal(self, number: u64, side: Side<'_>, old: &[TreeEntry]) -> Result<Ground<'a>, ValidatorError> {
        let folder = self.slot.path.join("runs").join(number.to_string());
        let (left, change, scratch) = (self.slot.left(), folder.join("change"), folder.join("scratch"));
        let failed = |error| broken("prepare", &folder, &error);
        let written = if self.overlays { change.join("top/written") } else { self.slot.path.join("work") };
        let mut ground = Ground {
            layout: self,
            layers: Vec::new(),
            upper: if self.overlays { folder.join("upper") } else { written.clone() },
            scratch,
            git: None,
            scratch_below: Vec::new(),
            keeps_caches: false,
            folder: Some(folder.clone()),
        };
        if self.overlays {
            ground.layers = [vec![change, left.clone()], self.setup_layer()].concat();
            ground.scratch_below = [vec![self.slot.scratch()], self.setup_scratch()].concat();
        }
        fs::create_dir_all(&ground.scratch).map_err(failed)?;
        let touched = if self.overlays {
            fs::create_dir_all(&written).map_err(failed)?;
            let layers = [left].into_iter().chain(self.setup_layer());
            Touched::in_layers(layers.map(|layer| layer.join("top/written"))).map_err(failed)?
        } else {
            ground.upper = self.copy_of_left()?;
            Touched::in_copy(&self.slot.tree(), &written, old)
        };
        let rewrites = Rewrites::between(old, side.entries, &touched);
        self.rewrite(side.tree, &rewrites, &written, folder.join("trash"))?;
        let files = [written.as_path(), &self.slot.tree()];
        if self.overlays {
            let git = folder.join("git");
            self.history.write(side.on, &files, &git)?;
            ground.git = Some(git);
        } else {
            self.history.write(side.on, &files[..1], &written.join(".git"))?;
        }
        Ok(ground)
    }

    fn rewrite(&self, tree: &dyn Tree, rewrites: &Rewrites, into: &Path, trash: PathBuf) -> Result<(), ValidatorError> {
        let failed = |error| broken("write below", into, &error);
        let mut below = Below::open(into, trash).map_err(failed)?;
        for path in &rewrites.remove {
            if self.overlays { below.hide(path) } else { below.remove(path) }.map_err(failed)?;
        }
        for entry in &rewrites.write {
            let content = tree.content(entry).map_err(|error| ValidatorError::Checkout(error.to_string()))?;
            below.put(entry.path.as_bytes(), entry.mode, &content).map_err(failed)?;
        }
        Ok(())
    }

    /// A fresh copy of what the base's runs left, or of the base itself, at the one place where runs take place.
    fn copy_of_left(&self) -> Result<PathBuf, ValidatorError> {
        let (work, left) = (self.slot.path.join("work"), self.slot.left());
        let from = if left.is_dir() { left } else { self.slot.tree() };
        let copied = discard(&work).and_then(|()| cow_copy(&from, &work)).and_then(|_| self.link_dependencies(&work));
        copied.map_err(|error| broken("copy the checkout to", &work, &error))?;
        Ok(work)
    }

    /// Without overlays dependency folders are seen through links, read-only.
    fn link_dependencies(&self, work: &Path) -> io::Result<()> {
        for dependency in &self.setting.dependencies {
            let at = work.join(&dependency.place);
            // the empty folder of a submodule; one that holds something stays
            let _in_use = fs::remove_dir(&at);
            let is_free = fs::symlink_metadata(&at).is_err() && !dependency.place.ends_with("target");
            // the folder it is in may be a link that the base's runs made; then it is not followed
            let parent = at.parent().and_then(|parent| parent.canonicalize().ok());
            if is_free && parent.as_deref() == at.parent() {
                std::os::unix::fs::symlink(&dependency.source, &at)?;
            }
        }
        Ok(())
    }
}

impl Ground<'_> {
    /// Keeps what the base's runs left for those that come.
    pub(super) fn keep(self) -> Result<(), ValidatorError> {
        let (work, left) = (self.layout.slot.path.join("work"), self.layout.slot.left());
        if self.layout.overlays {
            return Ok(());
        }
        discard(&left).and_then(|()| fs::rename(&work, &left)).map_err(|error| broken("keep", &left, &error))
    }

    /// Throws away what the base's runs left: they did not come to an end.
    pub(super) fn forget(self) -> Result<(), ValidatorError> {
        let left = self.layout.slot.left();
        discard(&left).map_err(|error| broken("remove", &left, &error))
    }

    /// Where commands see the checkout.
    pub(super) fn shown(&self) -> PathBuf {
        self.layout.shown()
    }

    /// What a command may see and touch, and its variables.
    pub(super) fn policy(&self, network: Network) -> (Policy, BTreeMap<OsString, OsString>) {
        let Layout { confinement, setting, overlays, limits, .. } = self.layout;
        let mut policy = Policy { limits, network, ..Policy::new(&self.upper, &self.scratch) };
        if overlays {
            policy.writable.clear();
            self.overlay(&mut policy);
        } else {
            policy.read_only.extend(setting.dependencies.iter().map(|dependency| dependency.source.clone()));
        }
        let mut env = setting.lent.lend_to(confinement, &mut policy);
        self.stack_caches(&mut policy);
        if !overlays {
            // the machine has overlays and this file system cannot take one: lent as they are
            for overlay in std::mem::take(&mut policy.overlays) {
                policy.read_only.extend(overlay.lowers.into_iter().filter(|lower| *lower == overlay.at));
            }
            env.insert("GOCACHE".into(), self.scratch.join("gocache").into());
        }
        if let Some(place) = setting.place.as_deref().filter(|_| overlays) {
            // files of the tree lie where the working copy's own would: only what is lent from there has secrets
            let lent = |path: &Path| setting.dependencies.iter().any(|lent| path.starts_with(&lent.source));
            policy.hidden.retain(|path| !path.starts_with(place) || lent(path));
        }
        // the machine's settings are not shown; where that is a refusal, git gives up
        env.insert("GIT_CONFIG_NOSYSTEM".into(), "1".into());
        env.insert("CI".into(), "true".into()); // nobody answers, and nothing is to be watched
        (policy, env)
    }

    fn overlay(&self, policy: &mut Policy) {
        let shown = self.shown();
        for (place, key, source) in self.mounts() {
            let layers =
                self.layers.iter().map(|layer| layer.join(&key).join("written")).filter(|layer| layer.is_dir());
            let at = if place.as_os_str().is_empty() { shown.clone() } else { shown.join(place) };
            policy.overlays.push(Overlay { lowers: layers.chain([source]).collect(), at, upper: self.upper.join(key) });
        }
        if let Some(git) = &self.git {
            let (at, upper) = (shown.join(".git"), self.scratch.join(GIT_LAYER));
            policy.overlays.push(Overlay { lowers: vec![git.clone()], at, upper });
        }
        for name in SCRATCH_BELOW {
            // what an earlier run wrote over the folder it saw, and the folder of one that saw nothing below
            let places = self.scratch_below.iter();
            let places = places.flat_map(|below| [below.join(format!("layer-{name}/written")), below.join(name)]);
            let lowers: Vec<PathBuf> = places.filter(|place| place.is_dir()).collect();
            if lowers.is_empty() {
                continue;
            }
            let (at, upper) = (self.scratch.join(name), self.scratch.join(format!("layer-{name}")));
            // a mount needs its place
            let _made_by_the_launcher_too = fs::create_dir_all(&at);
            policy.overlays.push(Overlay { lowers, at, upper });
        }
    }

    /// What a setup step fetched into caches of toolchains lies above what is lent of them.
    fn stack_caches(&self, policy: &mut Policy) {
        use std::os::unix::ffi::OsStrExt as _;
        let of_toolchain = |overlay: &&mut Overlay| {
            let name = overlay.upper.strip_prefix(&self.scratch).ok().and_then(Path::to_str);
            name.is_some_and(|name| name.starts_with(TOOLCHAIN_LAYER))
        };
        for overlay in policy.overlays.iter_mut().filter(of_toolchain) {
            let Some(lent) = overlay.lowers.first() else { continue };
            let key = format!("cache-{}", Digest::of(lent.as_os_str().as_bytes()).short());
            let filled = self.scratch_below.iter().map(|below| below.join(&key).join("written"));
            let filled: Vec<PathBuf> = filled.filter(|filled| filled.is_dir()).collect();
            overlay.lowers.splice(0..0, filled);
            if self.keeps_caches {
                overlay.upper = self.scratch.join(key);
            }
        }
    }

    /// Place in the checkout, name of its part in each layer, and what lies below all layers.
    fn mounts(&self) -> Vec<(PathBuf, String, PathBuf)> {
        let top = (PathBuf::new(), "top".to_owned(), self.layout.slot.tree());
        let lent = self.layout.setting.dependencies.iter().map(|dependency| {
            use std::os::unix::ffi::OsStrExt as _;
            let key = Digest::of(dependency.place.as_os_str().as_bytes()).short();
            (dependency.place.clone(), key, dependency.source.clone())
        });
        [top].into_iter().chain(lent).collect()
    }

    /// Folders that hold what this ground's runs wrote, by their place in the checkout.
    pub(super) fn written(&self) -> Vec<(PathBuf, PathBuf)> {
        if !self.layout.overlays {
            return vec![(PathBuf::new(), self.upper.clone())];
        }
        self.mounts().into_iter().map(|(place, key, _)| (place, self.upper.join(key).join("written"))).collect()
    }
}

/// Removes what a check may have put in the place of a folder: a link too, without following it.
fn throw_away(place: &Path) -> io::Result<()> {
    discard(place)?;
    match fs::remove_file(place) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Removes what toolchain caches took from an earlier session, whose order may be another now, and what runs wrote to
/// their `.git`.
fn forget_overlays(scratch: &Path) -> io::Result<()> {
    fs::create_dir_all(scratch)?;
    for entry in fs::read_dir(scratch)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == GIT_LAYER || name.to_string_lossy().starts_with(TOOLCHAIN_LAYER) {
            discard(&entry.path())?;
        }
    }
    Ok(())
}

/// Whether the file system of `folder` takes what is written to an overlay, and the marks that hide files.
pub(super) fn overlays_work_in(confinement: &Confinement, folder: &Path) -> bool {
    let Ok(trial) =
        fs::create_dir_all(folder).and_then(|()| tempfile::Builder::new().prefix("trial-").tempdir_in(folder))
    else {
        return false;
    };
    let top = trial.path().canonicalize().unwrap_or_else(|_| trial.path().to_owned());
    let lower = top.join("lower");
    let marked = fs::create_dir(&lower).and_then(|()| Below::open(&lower, top.join("trash"))?.hide(b"mark"));
    if marked.is_err() {
        return false;
    }
    let mut policy = Policy::new(&top, top.join("scratch"));
    policy.writable.clear();
    let overlay = Overlay { lowers: vec![lower], at: top.join("shown"), upper: top.join("upper") };
    policy.overlays.push(overlay);
    let command = Command::new("/bin/sh").args(["-c", ":"]).timeout(Duration::from_secs(10));
    match confinement.run_blocking(&policy, &command, &Cancel::new(), &mut |_| {}) {
        Ok(_) => true,
        Err(ConfinementError::NotConfined { step, .. }) => !step.starts_with("overlaying"),
        Err(_) => true,
    }
}
