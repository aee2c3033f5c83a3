//! Private repositories: `repos/<key>.git`, bare, Paraph's own, reading the user's objects through alternates.
//!
//! No template, hook or configuration of anybody else is in them, and gc never runs there. The alternates are links
//! in the folder itself, so a path with a newline or a quote needs no escaping that git and libgit2 read differently.

use std::collections::HashMap;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use git2::{Oid, Repository};

use super::objects::{io_error, to_id};
use super::open::{Opened, git_error, shown};
use crate::repository::{RepoKey, VcsError};

const CONFIG: &str = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n\tlogAllRefUpdates = false\n\
    \thooksPath = /dev/null\n\tfsmonitor = false\n\tprotectHFS = true\n\tprotectNTFS = true\n[gc]\n\tauto = 0\n\
    \tpruneExpire = never\n[maintenance]\n\tauto = false\n";

/// The most handles kept open for one private repository. // two cores and a few tasks; more are opened and closed
const IDLE_LIMIT: usize = 8;

/// A private repository. Handles on it are pooled: libgit2's are not for two threads at once.
pub(crate) struct Private {
    path: PathBuf,
    idle: Mutex<Vec<Repository>>,
}

impl Private {
    /// Handles on the git directory `path`, whosever it is: for reading.
    pub(super) fn at(path: PathBuf) -> Self {
        Self { path, idle: Mutex::default() }
    }

    /// Runs `work` with a handle that nobody else uses meanwhile.
    pub(super) fn with<R>(&self, work: impl FnOnce(&Repository) -> R) -> Result<R, VcsError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let repo = match idle {
            Some(repo) => repo,
            None => Repository::open_bare(&self.path).map_err(|error| git_error("open", &error))?,
        };
        let result = work(&repo);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_LIMIT {
            idle.push(repo);
        }
        Ok(result)
    }

    /// The bare directory.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where its own objects are.
    pub(super) fn objects(&self) -> PathBuf {
        self.path.join("objects")
    }

    /// The place of the user's repository, for messages.
    pub(super) fn source(&self) -> String {
        fs::read_to_string(self.path.join("source")).unwrap_or_else(|_| shown(&self.path))
    }

    /// Keeps `commit` named by a ref of its own: `refs/paraph/<why>/<commit>`.
    pub(super) fn pin(&self, why: &str, commit: Oid) -> Result<(), VcsError> {
        let name = format!("refs/paraph/{why}/{commit}");
        let pinned = |repo: &Repository| repo.find_reference(&name).is_ok_and(|found| found.target() == Some(commit));
        self.with(|repo| {
            if pinned(repo) {
                return Ok(());
            }
            match repo.reference(&name, commit, true, "paraph: pin") {
                Ok(_) => Ok(()),
                // another session pins the same commit at this moment: its ref is ours
                Err(_) if pinned(repo) => Ok(()),
                Err(error) if error.code() == git2::ErrorCode::Locked => Ok(()),
                Err(_) if repo.find_commit(commit).is_err() => {
                    Err(VcsError::BaseGone { commit: to_id(commit), repo: self.source() })
                }
                Err(error) => Err(git_error("update-ref", &error)),
            }
        })?
    }
}

/// All private repositories, below one folder.
pub(super) struct Privates {
    folder: PathBuf,
    open: Mutex<HashMap<RepoKey, Arc<Private>>>,
    /// Held while one is made or brought up to date.
    making: Mutex<()>,
}

impl Privates {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, open: Mutex::default(), making: Mutex::default() }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes, or finds and brings up to date, the private repository of `opened`.
    pub(super) fn of(&self, opened: &Opened) -> Result<Arc<Private>, VcsError> {
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        let key = opened.key();
        let path = self.path(&key);
        if !path.join("config").exists() {
            self.create(&path)?;
        }
        let source = shown(&opened.root);
        if fs::read_to_string(path.join("source")).ok().as_deref() != Some(&source) {
            write(&path.join("source"), &source)?;
        }
        if link_alternates(&path, &object_folders(&opened.common))? {
            self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        }
        self.get(&key)
    }

    /// The private repository `key`, made earlier.
    pub(super) fn get(&self, key: &RepoKey) -> Result<Arc<Private>, VcsError> {
        let plain = !key.0.is_empty() && key.0.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let path = self.path(key);
        if !plain || !path.join("config").exists() {
            return Err(VcsError::NotARepository(shown(&path)));
        }
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || Arc::new(Private::at(path));
        Ok(open.entry(key.clone()).or_insert_with(fresh).clone())
    }

    pub(super) fn path(&self, key: &RepoKey) -> PathBuf {
        self.folder.join(format!("{}.git", key.0))
    }

    /// Builds the folder aside and renames it into place: of two that do so at once one wins, and both go on.
    fn create(&self, path: &Path) -> Result<(), VcsError> {
        fs::create_dir_all(&self.folder).map_err(|cause| io_error("create", &self.folder, cause))?;
        let failed = |cause| io_error("create", path, cause);
        let aside = tempfile::Builder::new().prefix("new-").tempdir_in(&self.folder).map_err(failed)?;
        for folder in ["objects/info", "objects/pack", "refs/heads", "checkouts"] {
            fs::create_dir_all(aside.path().join(folder)).map_err(failed)?;
        }
        write(&aside.path().join("HEAD"), "ref: refs/heads/none\n")?;
        write(&aside.path().join("config"), CONFIG)?;
        match fs::rename(aside.path(), path) {
            Err(cause) if !path.join("config").exists() => Err(failed(cause)),
            _ => Ok(()),
        }
    }
}

fn write(path: &Path, text: &str) -> Result<(), VcsError> {
    fs::write(path, text).map_err(|cause| io_error("write", path, cause))
}

/// The user's object folder and all that it borrows from in turn.
fn object_folders(common: &Path) -> Vec<PathBuf> {
    let mut folders = vec![common.join("objects")];
    let mut next = 0;
    // 16: git stops at a depth of 5; a loop of alternates ends here too
    while next < folders.len() && folders.len() < 16 {
        let listed = fs::read(folders[next].join("info/alternates")).unwrap_or_default();
        for line in listed.split(|byte| *byte == b'\n').filter(|line| !line.is_empty() && line[0] != b'#') {
            let unquoted = std::str::from_utf8(line)
                .ok()
                .filter(|text| text.starts_with('"'))
                .and_then(|text| text.parse::<crate::id::RepoPath>().ok().map(|path| path.as_bytes().to_vec()));
            let named = unquoted.unwrap_or_else(|| line.to_vec());
            let folder = folders[next].join(std::ffi::OsStr::from_bytes(&named));
            if let Ok(folder) = folder.canonicalize()
                && !folders.contains(&folder)
            {
                folders.push(folder);
            }
        }
        next += 1;
    }
    folders
}

/// Lists `folders` as alternates, through links. True where something changed.
fn link_alternates(private: &Path, folders: &[PathBuf]) -> Result<bool, VcsError> {
    let mut listed = String::new();
    let mut changed = false;
    for (number, folder) in folders.iter().enumerate() {
        let link = private.join(format!("borrowed-{number}"));
        listed.push_str(&format!("../borrowed-{number}\n"));
        if fs::read_link(&link).ok().as_ref() == Some(folder) {
            continue;
        }
        changed = true;
        let aside = private.join(format!("borrowed-{number}.{}", std::process::id()));
        let _ = fs::remove_file(&aside); // left by a process of this id that died
        std::os::unix::fs::symlink(folder, &aside)
            .and_then(|()| fs::rename(&aside, &link))
            .map_err(|cause| io_error("create", &link, cause))?;
    }
    let path = private.join("objects/info/alternates");
    if fs::read_to_string(&path).ok().as_deref() != Some(&listed) {
        changed = true;
        write(&path, &listed)?;
    }
    Ok(changed)
}
