//! A user's repository, a proposal on it, and a validator with everything real below it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use paraph::cancel::Cancel;
use paraph::clock::{SystemClock, Timestamp};
use paraph::id::{Digest, HostPath, LaneId, ObjectId, SessionId, Version};
use paraph::infrastructure::blobs::Blobs;
use paraph::infrastructure::confinement::{Confinement, Level};
use paraph::infrastructure::fault::Faults;
use paraph::infrastructure::store::Cache;
use paraph::repository::{Base, CommitIdentity, GitVcs, NewCommit, Source, Vcs as _};
use paraph::validation::{
    Check, CheckKind, CheckPlan, CheckResult, CommandLine, LocalLimits, LocalPorts, LocalValidator, Progress, Sides,
    ValidationJob, ValidationResult, Validator as _, ValidatorError,
};

/// Names the launcher to a second run of these tests as an ordinary user, who may not reach the build's own.
pub(crate) const LAUNCHER: &str = "PARAPH_TEST_LAUNCHER";

/// Every level to be had here, the strongest first.
pub(crate) fn levels() -> Vec<Confinement> {
    let launcher = std::env::var_os(LAUNCHER).unwrap_or_else(|| env!("CARGO_BIN_EXE_paraph").into());
    let launcher = launcher.as_os_str();
    let strongest = Confinement::probe(launcher);
    let mut levels = vec![strongest.clone()];
    if strongest.level() == Level::Full {
        levels.push(Confinement::probe_at_most(launcher, Level::Landlock));
    }
    levels.retain(|confinement| confinement.level() != Level::None);
    assert!(!levels.is_empty(), "commands cannot be confined here: {:?}", strongest.missing());
    levels
}

/// Places, repository and validator of one test.
pub(crate) struct Bench {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) repo: PathBuf,
    pub(crate) home: PathBuf,
    pub(crate) path: String,
    pub(crate) vcs: Arc<GitVcs>,
    pub(crate) blobs: Blobs,
    pub(crate) validator: LocalValidator,
    pub(crate) confinement: Confinement,
}

impl Bench {
    /// A repository with one commit of `files`, at the strongest level.
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        Self::at(levels().remove(0), files)
    }

    pub(crate) fn at(confinement: Confinement, files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let top = folder.path().canonicalize().expect("is there");
        let (repo, home) = (top.join("work/repo"), top.join("home"));
        for made in [&repo, &home] {
            fs::create_dir_all(made).expect("folders");
        }
        let path = std::env::var("PATH").expect("a PATH");
        let git_env = [("HOME".into(), home.clone().into()), ("PATH".into(), path.clone().into())];
        let vcs = Arc::new(GitVcs::new(top.join("repos"), git_env));
        let blobs = Blobs::new(&top.join("blobs"), Faults::none());
        let validator = LocalValidator::new(LocalPorts {
            vcs: vcs.clone(),
            confinement: confinement.clone(),
            blobs: blobs.clone(),
            cache: Cache::open(&top.join("cache"), u64::MAX),
            worktrees: top.join("worktrees"),
            private: vec![top.join("private")],
            clock: Arc::new(SystemClock::default()),
            limits: LocalLimits::default(),
        });
        let bench = Self { folder, repo, home, path, vcs, blobs, validator, confinement };
        bench.git(&["init", "-q", "-b", "main"]);
        bench.write(files);
        bench.git(&["add", "-A"]);
        bench.git(&["commit", "-q", "-m", "first"]);
        bench
    }

    /// Lets checks find the user's own toolchains.
    pub(crate) fn with_real_home(mut self) -> Self {
        self.home = std::env::var_os("HOME").expect("a home").into();
        self
    }

    pub(crate) fn write(&self, files: &[(&str, &str)]) {
        for (path, content) in files {
            let path = self.repo.join(path);
            fs::create_dir_all(path.parent().expect("in a folder")).expect("folders");
            fs::write(path, content).expect("a file");
        }
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        let mut command = Command::new("git");
        command.current_dir(&self.repo).args(["-c", "user.name=U", "-c", "user.email=u@x", "-c", "gc.auto=0"]);
        let output = command.args(args).env("HOME", &self.home).env("GIT_CONFIG_NOSYSTEM", "1").output().expect("git");
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text").trim().to_owned()
    }

    /// The tree that `files` make of HEAD (`None` removes one); the working copy stays as it was.
    pub(crate) fn proposal(&self, files: &[(&str, Option<&str>)]) -> ObjectId {
        for (path, content) in files {
            match content {
                Some(content) => self.write(&[(path, content)]),
                None => fs::remove_file(self.repo.join(path)).expect("was there"),
            }
        }
        self.git(&["add", "-A"]);
        let tree = self.git(&["write-tree"]);
        self.git(&["reset", "-q", "--hard"]);
        tree.parse().expect("an id")
    }

    pub(crate) fn job(&self, tree: &ObjectId, checks: Vec<Check>) -> ValidationJob {
        let source = Source::Path(HostPath::new(self.repo.clone()));
        let snapshot = self.vcs.snapshot(&source, &Base::Head).expect("a snapshot");
        let author = CommitIdentity { name: "Ana".to_owned(), email: "ana@example.org".to_owned() };
        let commit = self.vcs.commit(
            &snapshot.key,
            &NewCommit {
                tree: tree.clone(),
                parent: snapshot.commit.clone(),
                message: "the proposal".to_owned(),
                author,
                at: Timestamp(0),
                reference: format!("refs/heads/paraph/{}", tree.short()),
            },
        );
        let commit = commit.expect("a commit");
        ValidationJob {
            session: SessionId(1),
            version: Version::FIRST,
            lane: LaneId(0),
            snapshot,
            tree: tree.clone(),
            commit,
            plan: CheckPlan { checks, ..CheckPlan::default() },
            environment: BTreeMap::from([("PATH".to_owned(), self.path.clone())]),
            home: self.home.clone(),
            setup_network: BTreeSet::new(),
            sides: Sides::Proposal,
        }
    }

    pub(crate) fn validate(&self, job: &ValidationJob) -> (ValidationResult, Vec<String>) {
        let (result, heard) = self.try_validate(job, &Cancel::new());
        (result.expect("completes"), heard)
    }

    /// The result, and what progress told: `+name` on the base, `name` on the proposal.
    pub(crate) fn try_validate(
        &self,
        job: &ValidationJob,
        cancel: &Cancel,
    ) -> (Result<ValidationResult, ValidatorError>, Vec<String>) {
        let heard = Heard { told: Mutex::default(), on_start: Box::new(|| ()) };
        (self.validate_with(job, &heard, cancel), heard.told.into_inner().expect("nobody panicked"))
    }

    pub(crate) fn validate_with(
        &self,
        job: &ValidationJob,
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<ValidationResult, ValidatorError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(self.validator.validate(job, progress, cancel))
    }

    /// Validates `files` with `checks`: each check's words are `name: status`.
    pub(crate) fn statuses(&self, files: &[(&str, Option<&str>)], checks: Vec<Check>) -> Vec<String> {
        let (result, _) = self.validate(&self.job(&self.proposal(files), checks));
        assert_eq!(result.unverified, None);
        result.checks.iter().map(|check| format!("{}: {}", check.name, status(check))).collect()
    }

    pub(crate) fn log(&self, result: &CheckResult) -> String {
        let bytes = self.blobs.get(result.log.expect("it ran")).expect("is kept");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Names, sizes, times and content of all that is in the user's repository.
    pub(crate) fn fingerprint(&self) -> Vec<String> {
        let (mut folders, mut all) = (vec![self.repo.clone()], Vec::new());
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).expect("a folder") {
                let entry = entry.expect("an entry");
                let found = entry.metadata().expect("is there");
                if found.is_dir() {
                    folders.push(entry.path());
                }
                let content = fs::read(entry.path()).map(|content| Digest::of(&content).short()).unwrap_or_default();
                let times = (found.mtime(), found.mtime_nsec(), found.ctime(), found.ctime_nsec());
                all.push(format!("{} {:o} {times:?} {content}", entry.path().display(), found.mode()));
            }
        }
        all.sort();
        all
    }
}

pub(crate) fn status(check: &CheckResult) -> String {
    serde_json::to_string(&check.status).expect("a word").trim_matches('"').to_owned()
}

/// A shell check.
pub(crate) fn sh(name: &str, script: &str) -> Check {
    Check {
        name: name.to_owned(),
        kind: CheckKind::Test,
        command: CommandLine::Shell(script.to_owned()),
        cwd: String::new(),
        timeout_s: 60,
        group: String::new(),
        env: BTreeMap::new(),
        reports: Vec::new(),
        lacks: None,
    }
}

/// A check that runs a program.
pub(crate) fn program(name: &str, args: &[&str]) -> Check {
    Check { command: CommandLine::Args(args.iter().map(|arg| (*arg).to_owned()).collect()), ..sh(name, "") }
}

/// Writes down what is told.
pub(crate) struct Heard {
    pub(crate) told: Mutex<Vec<String>>,
    pub(crate) on_start: Box<dyn Fn() + Send + Sync>,
}

impl Progress for Heard {
    fn started(&self, check: &str, on_base: bool, log: PathBuf) {
        assert!(log.is_absolute());
        self.told.lock().expect("nobody panicked").push(format!("{}{check}", if on_base { "+" } else { "" }));
        (self.on_start)();
    }

    fn finished(&self, result: &CheckResult) {
        self.told.lock().expect("nobody panicked").push(format!("{}={}", result.name, status(result)));
    }
}

/// Whether a process with `mark` among its arguments lives.
pub(crate) fn lives(mark: &str) -> bool {
    let processes = fs::read_dir("/proc").expect("processes").filter_map(Result::ok);
    processes
        .map(|process| fs::read(process.path().join("cmdline")).unwrap_or_default())
        .any(|line| line.windows(mark.len()).any(|part| part == mark.as_bytes()))
}

/// Whether `folder` holds any file of that name, however deep.
pub(crate) fn holds(folder: &Path, name: &str) -> bool {
    let Ok(entries) = fs::read_dir(folder) else { return false };
    entries.filter_map(Result::ok).any(|entry| {
        entry.file_name() == name || (entry.file_type().is_ok_and(|kind| kind.is_dir()) && holds(&entry.path(), name))
    })
}
