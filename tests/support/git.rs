//! A repository of the user's, made by the real git, which sees nothing of this machine's user.
#![allow(dead_code, missing_docs, clippy::unwrap_used, unreachable_pub, reason = "each test binary uses its own part")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use paraph::id::{Digest, HostPath};
use paraph::repository::Source;

/// A repository, and the home that its user has.
pub struct Repository {
    pub path: PathBuf,
    user: PathBuf,
}

impl Repository {
    /// An empty one.
    pub fn init(path: PathBuf, user: PathBuf) -> Self {
        fs::create_dir_all(&path).unwrap();
        let repository = Self { path, user };
        repository.git(&["init", "-q", "-b", "main"]);
        repository
    }

    /// One with a commit of these files.
    pub fn of(path: PathBuf, user: PathBuf, files: &[(&str, &str)]) -> Self {
        let repository = Self::init(path, user);
        for (name, content) in files {
            repository.write(name, content);
        }
        repository.commit("first");
        repository
    }

    pub fn write(&self, name: impl AsRef<Path>, content: impl AsRef<[u8]>) {
        let path = self.path.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub fn commit(&self, message: &str) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", message]);
    }

    /// A git that is about to run here.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("git");
        command
            .args(["-c", "user.name=Ana", "-c", "user.email=ana@example.org", "-c", "gc.auto=0"])
            .args(["-c", "protocol.file.allow=always"])
            .args(args)
            .current_dir(&self.path)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").expect("tests run with a PATH"))
            .env("HOME", &self.user)
            .env("GIT_CONFIG_NOSYSTEM", "1");
        command
    }

    /// What git says; it has to succeed.
    #[track_caller]
    pub fn git(&self, args: &[&str]) -> String {
        let output = self.command(args).output().expect("git runs");
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    pub fn branches(&self) -> Vec<String> {
        let all = self.git(&["for-each-ref", "--format=%(refname:short)", "refs/heads/"]);
        all.lines().map(str::to_owned).collect()
    }

    pub fn source(&self) -> Source {
        Source::Path(HostPath::new(&self.path))
    }

    /// The path, for a command line.
    pub fn arg(&self) -> &str {
        self.path.to_str().expect("a plain path")
    }

    /// Every folder, link and file of it, `.git` whole: name, permission and content.
    pub fn fingerprint(&self) -> BTreeMap<PathBuf, String> {
        fingerprint(&self.path)
    }
}

/// Every folder, link and file below `top`: name, permission and content.
pub fn fingerprint(top: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![top.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let meta = path.symlink_metadata().unwrap();
            let mode = meta.permissions().mode();
            let what = if meta.is_dir() {
                folders.push(path.clone());
                "folder".to_owned()
            } else if meta.is_symlink() {
                format!("link to {}", fs::read_link(&path).unwrap().display())
            } else {
                Digest::of(&fs::read(&path).unwrap()).to_string()
            };
            found.insert(path, format!("{mode:o} {what}"));
        }
    }
    found
}
