//! Opening a repository of the user: only to read, whatever its configuration says.
//!
//! libgit2 runs no hook, filter, textconv, fsmonitor or pager that a configuration names, and its owner check is
//! that of git's `safe.directory`. What it cannot read is named in plain words here.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use git2::{ErrorCode, Repository, RepositoryOpenFlags};

use super::objects::{io_error, to_id};
use crate::id::{Digest, HostPath};
use crate::repository::{RepoKey, RepositoryFacts, VcsError};

/// A repository of the user, open to read.
pub(super) struct Opened {
    pub(super) repo: Repository,
    /// The top of the worktree, or the bare directory; canonical.
    pub(super) root: PathBuf,
    /// The directory that all worktrees share; canonical.
    pub(super) common: PathBuf,
    /// Whether objects may be missing that git would fetch on demand.
    pub(super) partial: bool,
    /// Whether `repo` is a stand-in of links in a folder of Paraph's own.
    stand_in: bool,
}

/// Opens the repository that holds `path`. `views` is a folder of Paraph's own for repositories that need a
/// stand-in (partial clones).
pub(super) fn open(path: &Path, views: &Path) -> Result<Opened, VcsError> {
    let shown = shown(path);
    let start = path.canonicalize().map_err(|_| VcsError::NotARepository(shown.clone()))?;
    let no_ceiling: [&Path; 0] = [];
    let opened = match Repository::open_ext(&start, RepositoryOpenFlags::empty(), no_ceiling) {
        Ok(repo) => from_repository(repo)?,
        Err(error) => open_otherwise(&start, &shown, &error, views)?,
    };
    check_worktree(&opened, &shown)?;
    Ok(opened)
}

fn from_repository(repo: Repository) -> Result<Opened, VcsError> {
    let canonical = |path: &Path| path.canonicalize().map_err(|cause| io_error("open", path, cause));
    let root = canonical(repo.workdir().unwrap_or(repo.path()))?;
    let common = canonical(repo.commondir())?;
    let promisor = |config: git2::Config| Some(config.entries(Some("remote\\..*\\.promisor")).ok()?.next().is_some());
    let partial = repo.config().ok().and_then(promisor).unwrap_or(false);
    Ok(Opened { repo, root, common, partial, stand_in: false })
}

/// What to do where libgit2 would not open: say why, or go around an extension that does not matter here.
fn open_otherwise(start: &Path, shown: &str, error: &git2::Error, views: &Path) -> Result<Opened, VcsError> {
    if error.code() == ErrorCode::Owner {
        // what git's safe.directory wants to be told: the top, not the folder one stands in
        let top = start.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(start);
        return Err(VcsError::OtherOwner(self::shown(top)));
    }
    let no_ceiling: [&Path; 0] = [];
    let Ok(git_dir) = Repository::discover_path(start, no_ceiling) else {
        return Err(VcsError::NotARepository(shown.to_owned()));
    };
    let common = common_of(&git_dir);
    let unsupported = |what: &str| VcsError::Unsupported { path: shown.to_owned(), what: what.to_owned() };
    let Ok(config) = git2::Config::open(&common.join("config")).and_then(|mut config| config.snapshot()) else {
        return Err(unsupported(&format!("a configuration file with an error ({})", error.message())));
    };
    let extension = |name: &str| config.get_str(&format!("extensions.{name}")).unwrap_or_default().to_owned();
    match (extension("objectformat").as_str(), extension("refstorage").as_str()) {
        ("sha256", _) => Err(unsupported("SHA-256 objects")),
        (_, "reftable") => Err(unsupported("reftable references")),
        _ if !extension("partialclone").is_empty() => open_view(start, &git_dir, &common, shown, views),
        _ => Err(unsupported(error.message())),
    }
}

fn common_of(git_dir: &Path) -> PathBuf {
    match fs::read(git_dir.join("commondir")) {
        Ok(named) => git_dir.join(std::ffi::OsStr::from_bytes(named.trim_ascii_end())),
        Err(_) => git_dir.to_owned(),
    }
}

/// Opens a partial clone through a stand-in of links: libgit2 refuses the extension, though all it means for a
/// reader is that objects may be missing.
fn open_view(start: &Path, git_dir: &Path, common: &Path, shown: &str, views: &Path) -> Result<Opened, VcsError> {
    let canonical = |path: &Path| path.canonicalize().map_err(|cause| io_error("open", path, cause));
    let (git_dir, common) = (canonical(git_dir)?, canonical(common)?);
    let owner = std::os::unix::fs::MetadataExt::uid(&common.metadata().map_err(|e| io_error("open", &common, e))?);
    if owner != rustix::process::geteuid().as_raw() {
        return Err(VcsError::OtherOwner(shown.to_owned()));
    }
    let root = start.ancestors().find(|folder| folder.join(".git").exists());
    let view = views.join(format!("{}.view", Digest::of(git_dir.as_os_str().as_bytes()).short()));
    fs::create_dir_all(&view).map_err(|cause| io_error("create", &view, cause))?;
    for (name, from) in [
        ("HEAD", &git_dir),
        ("index", &git_dir),
        ("refs", &common),
        ("packed-refs", &common),
        ("objects", &common),
        ("info", &common),
        ("shallow", &common),
    ] {
        let (link, target) = (view.join(name), from.join(name));
        if !target.exists() {
            let _ = fs::remove_file(&link); // it was there at an earlier look
            continue;
        }
        match std::os::unix::fs::symlink(&target, &link) {
            Err(cause) if cause.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(io_error("create", &link, cause));
            }
            _ => {}
        }
    }
    let bare = root.is_none();
    let text = format!("[core]\n\trepositoryformatversion = 0\n\tbare = {bare}\n");
    fs::write(view.join("config"), text).map_err(|cause| io_error("write", &view, cause))?;
    let repo = Repository::open_bare(&view).map_err(|error| git_error("open", &error))?;
    let root = match root {
        Some(root) => {
            repo.set_workdir(root, false).map_err(|error| git_error("open", &error))?;
            root.to_owned()
        }
        None => common.clone(),
    };
    Ok(Opened { repo, root, common, partial: true, stand_in: true })
}

/// Refuses a `core.worktree` that leads elsewhere: such a configuration could name any folder of this machine.
fn check_worktree(opened: &Opened, shown: &str) -> Result<(), VcsError> {
    if opened.repo.is_bare() || opened.stand_in {
        return Ok(());
    }
    let entry = opened.root.join(".git");
    let git_dir = match fs::read(&entry) {
        Ok(text) => {
            let named = text.strip_prefix(b"gitdir:").unwrap_or_default().trim_ascii();
            opened.root.join(std::ffi::OsStr::from_bytes(named))
        }
        Err(_) => entry,
    };
    let same =
        |one: &Path, other: &Path| matches!((one.canonicalize(), other.canonicalize()), (Ok(a), Ok(b)) if a == b);
    if same(&git_dir, opened.repo.path()) {
        return Ok(());
    }
    Err(VcsError::Unsupported { path: shown.to_owned(), what: "a core.worktree that leads elsewhere".to_owned() })
}

impl Opened {
    /// Whether it is read through a stand-in of links, which is made anew each time.
    pub(super) fn is_stand_in(&self) -> bool {
        self.stand_in
    }

    /// The name of its private repository: the same for every worktree of it.
    pub(super) fn key(&self) -> RepoKey {
        key_of(self.common.as_os_str().as_bytes())
    }

    /// The git directory through which its objects are read.
    pub(super) fn object_home(&self) -> PathBuf {
        if self.stand_in { self.repo.path().to_owned() } else { self.common.clone() }
    }

    /// The folder's name, for people.
    pub(super) fn name(&self) -> String {
        let name = self.root.file_name().unwrap_or(self.root.as_os_str()).to_string_lossy().into_owned();
        match name.strip_suffix(".git") {
            Some(short) if self.repo.is_bare() && !short.is_empty() => short.to_owned(),
            _ => name,
        }
    }

    /// The commit that is checked out; `None` on an unborn branch.
    pub(super) fn head(&self) -> Result<Option<git2::Oid>, VcsError> {
        match self.repo.head().and_then(|head| head.peel_to_commit()) {
            Ok(commit) => Ok(Some(commit.id())),
            Err(error) if error.code() == ErrorCode::UnbornBranch => Ok(None),
            Err(error) if error.code() == ErrorCode::NotFound => self.missing_head(),
            Err(error) => Err(git_error("rev-parse HEAD", &error)),
        }
    }

    fn missing_head(&self) -> Result<Option<git2::Oid>, VcsError> {
        let target =
            self.repo.find_reference("HEAD").and_then(|head| head.resolve()).ok().and_then(|head| head.target());
        match target {
            Some(commit) => Err(VcsError::BaseGone { commit: to_id(commit), repo: shown(&self.root) }),
            None => Ok(None),
        }
    }

    /// The branch that is checked out, without `refs/heads/`; `None` when HEAD is detached or the name is not text.
    pub(super) fn branch(&self) -> Option<String> {
        let head = self.repo.find_reference("HEAD").ok()?;
        let target = head.symbolic_target_bytes()?;
        let name = target.strip_prefix(b"refs/heads/")?;
        std::str::from_utf8(name).ok().map(str::to_owned)
    }

    pub(super) fn facts(&self) -> Result<RepositoryFacts, VcsError> {
        Ok(RepositoryFacts {
            root: HostPath::new(self.root.clone()),
            main: HostPath::new(self.common.parent().filter(|_| self.common.ends_with(".git")).unwrap_or(&self.common)),
            name: self.name(),
            head: self.head()?.map(to_id),
            branch: self.branch(),
            bare: self.repo.is_bare(),
            shallow: self.repo.is_shallow(),
        })
    }
}

/// The name of the private repository of whatever is named by `bytes`. // 20 hex digits: 80 bits
pub(super) fn key_of(bytes: &[u8]) -> RepoKey {
    RepoKey(Digest::of(bytes).to_string()[..20].to_owned())
}

/// A path as messages show it.
pub(super) fn shown(path: &Path) -> String {
    HostPath::new(path).to_string()
}

/// What libgit2 said, in the words of the port.
pub(super) fn git_error(command: &str, error: &git2::Error) -> VcsError {
    VcsError::Git { command: command.to_owned(), message: error.message().to_owned() }
}
