//! A repository with everything a hostile patch could use, things around it that must stay as they are, and the
//! whole way of a patch through Paraph held against git.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use paraph::api::{CheckExtent, CheckPatchRequest, CheckedPatch, Workbench as _};
use paraph::cancel::Cancel;
use paraph::clock::SystemClock;
use paraph::diff::{ChangeSet, FileMode, FilePatch, ObjectFormat, Operation, Patch, PatchBody, blob_id, place};
use paraph::id::{RandomIds, RepoPath};
use paraph::policy::{BuiltInPolicy, Policy as _, PolicySettings, Severity};
use paraph::proposal::PatchFile;
use paraph::repository::{Base, GitVcs, Snapshot, Tree, Vcs as _};
use paraph::runtime::{Home, LocalWorkbench, MachineFacts, WorkbenchParts};

use super::git::{Repository, fingerprint};
use super::mirror::{Listing, Mirror};
use super::reading::{Texts, is_right, strip_of};
use super::recipes::Files;

/// One thread's places: the user's repository, what lies around it, git's own copy and Paraph's data.
pub(crate) struct Lab {
    _folder: tempfile::TempDir,
    around: PathBuf,
    outside: PathBuf,
    checkout: PathBuf,
    repository: Repository,
    base: Files,
    before: BTreeMap<PathBuf, String>,
    listing: Listing,
    mirror: Mirror,
    vcs: Arc<GitVcs>,
    bench: LocalWorkbench,
    snapshot: Snapshot,
    tree: Arc<dyn Tree>,
}

impl Lab {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let top = folder.path().canonicalize().expect("a real path");
        let (around, data) = (top.join("around"), top.join("data"));
        let (outside, user) = (around.join("outside"), around.join("user"));
        for path in [&outside, &user, &data] {
            fs::create_dir_all(path).expect("a folder");
        }
        fs::write(outside.join("secret"), "secret\n").expect("a file");
        let repository = Repository::init(around.join("repository"), user);
        fill(&repository, &outside);
        let mirror = Mirror::of(&repository, top.join("git/repository"), top.join("git"));
        let environment: Vec<(OsString, OsString)> = vec![
            ("PATH".into(), std::env::var_os("PATH").expect("tests run with a PATH")),
            ("HOME".into(), around.join("user").into()),
        ];
        let home = Home::at(data.join("home"));
        let vcs = Arc::new(GitVcs::new(home.repos(), environment));
        let bench = LocalWorkbench::new(WorkbenchParts {
            home,
            vcs: vcs.clone(),
            policy: Arc::new(BuiltInPolicy::new()),
            policy_settings: PolicySettings::default(),
            max_check: Duration::from_secs(60),
            clock: Arc::new(SystemClock::default()),
            ids: Arc::new(RandomIds),
            machine: Arc::new(|| -> MachineFacts { unreachable!("only `doctor` asks") }),
            adapters: Arc::new(|| unreachable!("only `replay` asks")),
        });
        let snapshot = vcs.snapshot(&repository.source(), &Base::Head).expect("a snapshot");
        let tree = vcs.tree(&snapshot.key, &snapshot.tree).expect("its tree");
        let side = |path: &RepoPath| tree.side(path).expect("readable").expect("an entry has a side");
        let entries = tree.entries().expect("readable");
        let base = entries.iter().map(|entry| (entry.path.clone(), side(&entry.path))).collect();
        let checkout = data.join("checkout");
        fs::create_dir(&checkout).expect("a folder");
        let (before, listing) = (stamps(&around), mirror.listing());
        Self {
            _folder: folder,
            around,
            outside,
            checkout,
            repository,
            base,
            before,
            listing,
            mirror,
            vcs,
            bench,
            snapshot,
            tree,
        }
    }

    pub(crate) fn base(&self) -> &Files {
        &self.base
    }

    pub(crate) fn outside(&self) -> &Path {
        &self.outside
    }

    /// Contents too, once at the end: no time stamp was put back over a change.
    pub(crate) fn is_as_it_was(&self) {
        assert_eq!(stamps(&self.around), self.before);
        assert_eq!(fs::read(self.outside.join("secret")).ok().as_deref(), Some(&b"secret\n"[..]));
        assert_eq!(self.repository.git(&["status", "--porcelain"]), "");
        assert!(!fingerprint(&self.around).is_empty());
    }

    /// What became of one patch; or what must never come of one.
    pub(crate) fn try_patch(&self, patch: &[u8]) -> Result<&'static str, String> {
        let ours = catch_unwind(AssertUnwindSafe(|| self.ours(patch)));
        let ours = ours.map_err(|_| "it panicked".to_owned())??;
        if stamps(&self.around) != self.before {
            return Err("something outside the data directory changed".to_owned());
        }
        self.hold_against_git(patch, &ours)
    }

    fn hold_against_git(&self, patch: &[u8], ours: &Ours) -> Result<&'static str, String> {
        // names without `a/` and `b/` are read as they are, which git does with -p0: which it is, the names say, and only
        // where they do not agree with each other may git be asked both ways
        let (as_git, strip) = (|strip| self.mirror.apply(patch, strip), strip_of(patch));
        let first = as_git(1);
        let agrees = |theirs: &Result<Listing, String>| theirs.as_ref().is_ok_and(|theirs| ours.is(theirs));
        let told = match &ours.verdict {
            Verdict::Refused if first.is_ok() => return Ok("stricter than git"),
            Verdict::Refused => return Ok("both refuse"),
            Verdict::Blocked => "blocked",
            Verdict::Taken => "same",
        };
        // headers without `---` lines name no prefix, and neither do moves: git's own way is right for them
        if agrees(&first) && strip != Some(0) {
            return Ok(told);
        }
        let second = as_git(0);
        if agrees(&second) && strip != Some(1) {
            return Ok(told);
        }
        if agrees(&first) || agrees(&second) {
            return Err(format!("git agrees with the other reading of its names alone ({strip:?})"));
        }
        let said = |result: &Result<Listing, String>| match result {
            Ok(theirs) => format!("another tree ({})", ours.difference(theirs)),
            Err(said) => said.clone(),
        };
        // a diff that was mended is what git makes of it when it counts the lines itself; what git cannot place at all
        // is placed with a word on what was overlooked
        if ours.is_mended {
            let counted = [1, 0].map(|strip| self.mirror.apply_recounted(patch, strip));
            // that git cannot place it shows nothing of where we did: the words of the diff must
            let right = is_right(patch, &texts(&self.base), &ours.texts);
            return match (counted.iter().any(agrees), right) {
                (_, Err(why)) => Err(format!("mended, and a second reading says: {why}")),
                (true, Ok(())) => Ok("counted anew"),
                (false, Ok(())) => match ours.verdict {
                    Verdict::Blocked => Ok("blocked"),
                    _ if ours.is_told => Ok("mended, and told"),
                    _ => Err(format!("mended without a word, and git that counts says: {}", said(&counted[0]))),
                },
            };
        }
        match (&ours.verdict, &first, &second) {
            // git would not have it either, by the names as they are meant
            (Verdict::Blocked, Err(_), Err(_)) => Ok("blocked"),
            (Verdict::Blocked, Err(_), _) if strip != Some(0) => Ok("blocked"),
            (Verdict::Blocked, _, Err(_)) if strip != Some(1) => Ok("blocked"),
            (Verdict::Blocked, ..) if ours.listing.values().any(|(mode, _)| *mode == DROPPED) => Ok("blocked"),
            _ => match explained(patch, ours, &first).or_else(|| explained(patch, ours, &second)) {
                Some(why) => Ok(why),
                None => Err(format!("we take it, git says with -p1: {}; with -p0: {}", said(&first), said(&second))),
            },
        }
    }

    /// Through `check-patch`, then the way of a session: place, police, tree, checkout.
    fn ours(&self, patch: &[u8]) -> Result<Ours, String> {
        let checked = self.bench.check_patch(&CheckPatchRequest {
            source: self.repository.source(),
            base: Base::Head,
            patches: vec![("x.patch".to_owned(), patch.to_vec())],
            extent: CheckExtent::Judge,
        });
        let checked = checked.map_err(|failure| format!("check-patch failed: {failure:?}"))?;
        let blocks = checked.violations.iter().any(|violation| violation.severity == Severity::Block);
        let file = PatchFile::read(patch);
        let mut is_mended = matches!(file, Ok(PatchFile::Edits(_)));
        let placed = match file {
            Ok(PatchFile::Diff(diff)) => {
                let read = |path: &RepoPath| self.tree.side(path);
                let blob = |id: &str| self.tree.blob(id);
                let told = |refusals: Vec<_>| refusals.iter().map(ToString::to_string).collect::<String>();
                place(&diff.patch, &read).or_else(|refusals| {
                    let mended = diff.place_tolerantly(&refusals, &*self.tree, &read, &blob).expect("a base");
                    is_mended |= mended.is_some();
                    mended.map(|placed| placed.changes).ok_or_else(|| told(refusals))
                })
            }
            Ok(PatchFile::Edits(edits)) => {
                edits.place(&*self.tree).map(|placed| placed.changes).map_err(|refusals| refusals.to_string())
            }
            Err(error) => Err(error.to_string()),
        };
        match &placed {
            Ok(changes) => self.as_a_session(changes, &checked, blocks)?,
            Err(refusal) if checked.applies => {
                return Err(format!("check-patch takes what placing refuses: {refusal}"));
            }
            Err(_) => {}
        }
        let listing = placed.as_ref().map(|changes| self.listed(changes)).unwrap_or_default();
        let mut texts = texts(&self.base);
        for file in placed.iter().flat_map(ChangeSet::files) {
            match &file.new {
                Some(side) => drop(texts.insert(file.path.clone(), side.content.to_vec())),
                None => drop(texts.remove(&file.path)),
            }
        }
        let verdict = match placed {
            Err(_) => Verdict::Refused,
            Ok(_) if blocks || !checked.applies => Verdict::Blocked,
            Ok(_) => Verdict::Taken,
        };
        Ok(Ours { verdict, listing, texts, is_mended, is_told: !checked.notes.is_empty() })
    }

    /// Even what a policy blocks harms nobody when it comes to a tree and a checkout.
    fn as_a_session(&self, changes: &ChangeSet, checked: &CheckedPatch, blocks: bool) -> Result<(), String> {
        let found = BuiltInPolicy::new().judge(changes, &*self.tree, &PolicySettings::default());
        let found = found.map_err(|error| format!("judging failed: {error}"))?;
        let session_blocks = found.iter().any(|violation| violation.severity == Severity::Block);
        if checked.applies && session_blocks != blocks {
            return Err(format!("check-patch and a session judge differently: {:?} {found:?}", checked.violations));
        }
        let taken = checked.applies && !blocks;
        let tree = match self.vcs.write_tree(&self.snapshot.key, &self.snapshot.tree, changes) {
            Ok(tree) => tree,
            Err(error) if taken => return Err(format!("taken, but no tree: {error}")),
            Err(_) => return Ok(()),
        };
        if taken && checked.tree.as_ref() != Some(&tree) {
            return Err(format!("check-patch names the tree {:?}, a session writes {tree}", checked.tree));
        }
        match self.vcs.checkout(&self.snapshot.key, &tree, &self.checkout, &Cancel::new()) {
            Err(error) if taken => Err(format!("taken, but no checkout: {error}")),
            Err(_) => Ok(()),
            Ok(()) if taken => self.is_checked_out(changes),
            Ok(()) => Ok(()),
        }
    }

    fn is_checked_out(&self, changes: &ChangeSet) -> Result<(), String> {
        for file in changes.files() {
            let at = self.checkout.join(std::ffi::OsStr::from_bytes(file.path.as_bytes()));
            let found = match fs::symlink_metadata(&at) {
                Ok(meta) if meta.is_symlink() => fs::read_link(&at).ok().map(|to| to.as_os_str().as_bytes().to_vec()),
                Ok(meta) if meta.is_file() => fs::read(&at).ok(),
                _ => None,
            };
            let wanted =
                file.new.as_ref().filter(|side| side.mode != FileMode::Gitlink).map(|side| side.content.to_vec());
            if found != wanted {
                return Err(format!("the checkout has another `{}` than the change", file.path));
            }
        }
        Ok(())
    }

    /// The whole tree after the change, as git would list it.
    fn listed(&self, changes: &ChangeSet) -> Listing {
        let mut listing = self.listing.clone();
        for file in changes.files() {
            let path = slashed(&file.path);
            match &file.new {
                None => drop(listing.remove(&path)),
                Some(side) => {
                    let id = match side.mode {
                        FileMode::Gitlink => String::from_utf8_lossy(&side.content).into_owned(),
                        _ => blob_id(&side.content, ObjectFormat::Sha1),
                    };
                    listing.insert(path, (canonical(side.mode), id));
                }
            }
        }
        listing
    }
}

fn texts(files: &Files) -> Texts {
    files.iter().map(|(path, side)| (path.clone(), side.content.to_vec())).collect()
}

/// Where git and we differ, and who is right. Nothing else is accepted.
fn explained(patch: &[u8], ours: &Ours, git: &Result<Listing, String>) -> Option<&'static str> {
    match git {
        // git removes first and writes then, whatever the order of the parts: what a later part deletes comes back
        Ok(theirs) if ours.without(&late_removals(patch), theirs) => Some("git forgets a later removal"),
        // git knows no link that a part without a mode line moves away; what we make has nothing below a link
        Err(said)
            if said.contains("beyond a symbolic link") && moves_a_link(patch) && ours.has_nothing_below_links() =>
        {
            Some("a link is moved out of the way")
        }
        // a name never ends in CR unless it is quoted: git has no name without `---` lines then, we take it without
        Err(said) if said.contains("lacks filename information") && has_header_with_carriage_return(patch) => {
            Some("a header with CR LF")
        }
        // the ids on the `index` line say whether the data came through whole
        Err(_) if has_binary_with_carriage_returns(patch) => Some("binary data with CR LF"),
        _ => None,
    }
}

/// Paths that one part writes and a later one takes away.
fn late_removals(patch: &[u8]) -> BTreeSet<RepoPath> {
    let patch = Patch::parse(patch).expect("it was placed");
    let (mut written, mut removed) = (BTreeSet::new(), BTreeSet::new());
    for file in patch.files() {
        let leaves = matches!(file.operation, Operation::Delete | Operation::Rename);
        removed.extend(file.old_path.clone().filter(|old| leaves && written.contains(old)));
        written.extend(file.new_path.clone());
    }
    removed
}

fn has_binary_with_carriage_returns(patch: &[u8]) -> bool {
    let carriage_return = patch.windows(2).any(|pair| pair == b"\r\n");
    let patch = Patch::parse(patch).expect("it was placed");
    let is_whole = |id: &Option<String>| id.as_ref().is_some_and(|id| id.len() == 40);
    let checked = |file: &FilePatch| is_whole(&file.old_id) && is_whole(&file.new_id);
    let mut binaries = patch.files().iter().filter(|file| matches!(file.body, PatchBody::Binary(_))).peekable();
    carriage_return && binaries.peek().is_some() && binaries.all(checked)
}

fn has_header_with_carriage_return(patch: &[u8]) -> bool {
    patch.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"diff --git ") && line.ends_with(b"\r"))
}

fn moves_a_link(patch: &[u8]) -> bool {
    let patch = Patch::parse(patch).expect("it was placed");
    let leaves = |operation| matches!(operation, Operation::Delete | Operation::Rename);
    patch.files().iter().any(|file| leaves(file.operation) && file.old_mode.is_none())
}

struct Ours {
    /// A strict reader refused it: counts were wrong, or it is no diff.
    is_mended: bool,
    /// What was tolerated is told.
    is_told: bool,
    verdict: Verdict,
    /// The tree that placing made, where it made one: blocked or not, git must agree.
    listing: Listing,
    /// The same with every file's content.
    texts: Texts,
}

enum Verdict {
    Refused,
    Blocked,
    Taken,
}

impl Ours {
    fn is(&self, theirs: &Listing) -> bool {
        self.listing == *theirs
    }

    fn without(&self, paths: &BTreeSet<RepoPath>, theirs: &Listing) -> bool {
        let rest = |listing: &Listing| -> Listing {
            listing
                .iter()
                .filter(|(path, _)| !paths.contains(*path))
                .map(|(path, side)| (path.clone(), side.clone()))
                .collect()
        };
        rest(&self.listing) == rest(theirs)
    }

    fn has_nothing_below_links(&self) -> bool {
        let is_link = |path: &[u8]| {
            self.listing.get(&RepoPath::from_bytes(path)).is_some_and(|(mode, _)| matches!(mode, 0o120_000 | 0o160_000))
        };
        self.listing.keys().all(|path| {
            let bytes = path.as_bytes();
            !bytes.iter().enumerate().any(|(at, byte)| *byte == b'/' && is_link(&bytes[..at]))
        })
    }

    fn difference(&self, theirs: &Listing) -> String {
        let all: BTreeSet<&RepoPath> = theirs.keys().chain(self.listing.keys()).collect();
        let odd = all.into_iter().filter(|path| theirs.get(*path) != self.listing.get(*path));
        let told = odd.map(|path| format!("{path}: git {:?}, ours {:?}", theirs.get(path), self.listing.get(path)));
        told.collect::<Vec<_>>().join("; ")
    }
}

/// A folder as a file: git says nothing and drops it, we block it.
const DROPPED: u32 = 0;

/// What git's index makes of a mode: of a file's permission it keeps whether its owner may run it.
fn canonical(mode: FileMode) -> u32 {
    match mode {
        FileMode::Other(bits) => match bits & 0o170_000 {
            0o120_000 => 0o120_000,
            0o160_000 => 0o160_000,
            0o040_000 => DROPPED,
            _ if bits & 0o100 != 0 => 0o100_755,
            _ => 0o100_644,
        },
        known => known.bits(),
    }
}

/// Git takes several slashes for one; the policy blocks such names.
fn slashed(path: &RepoPath) -> RepoPath {
    let mut bytes = path.as_bytes().to_vec();
    bytes.dedup_by(|one, other| (*one, *other) == (b'/', b'/'));
    RepoPath::from_bytes(bytes)
}

fn fill(repository: &Repository, outside: &Path) {
    let lines = |word: &str, count: usize| (0..count).map(|line| format!("{word} {line}\n")).collect::<String>();
    repository.write("README.md", lines("readme", 20));
    repository.write("src/lib.rs", lines("fn f() {} //", 60));
    repository.write("src/deep/er/file.txt", "deep\n");
    repository.write("dir/one.txt", lines("same", 3) + &lines("same", 3) + &lines("one", 9));
    repository.write("dir/two", "two\n");
    repository.write("dir/in/three", "three\n");
    repository.write("crlf.txt", lines("dos", 12).replace('\n', "\r\n"));
    repository.write("mixed.txt", "one\r\ntwo\nthree\r\nfour\n");
    repository.write("open-end.txt", "one\ntwo\nthree");
    repository.write("empty", "");
    repository.write("bin.dat", (0..=255).cycle().take(700).collect::<Vec<u8>>());
    repository.write("größe.txt", "groß\nklein\n");
    repository.write("with blank.txt", "blank\nblank\n");
    repository.write("run.sh", "#!/bin/sh\ntrue\n");
    repository.write("Cargo.toml", "[package]\nname = \"x\"\n");
    repository.write(".github/workflows/ci.yml", "on: push\n");
    fs::set_permissions(repository.path.join("run.sh"), fs::Permissions::from_mode(0o755)).expect("a mode");
    fs::create_dir(repository.path.join("links")).expect("a folder");
    for (name, target) in [
        ("out", Path::new("../../outside")),
        ("abs", outside),
        ("git", Path::new("../.git")),
        ("in", Path::new("../src")),
        ("file", Path::new("../README.md")),
        ("gone", Path::new("nowhere")),
    ] {
        symlink(target, repository.path.join("links").join(name)).expect("a link");
    }
    repository.git(&["config", "core.autocrlf", "false"]);
    repository.git(&["add", "-A"]);
    repository.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{},sub", "2".repeat(40))]);
    fs::create_dir(repository.path.join("sub")).expect("a folder");
    repository.git(&["commit", "-q", "-m", "base"]);
    repository.git(&["status", "--porcelain"]);
}

/// Everything below `top`, as the file system stamps it: any write, even one of the same bytes, shows.
fn stamps(top: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut left = vec![top.to_owned()];
    while let Some(path) = left.pop() {
        let meta = path.symlink_metadata().expect("it was just listed");
        if meta.is_dir() {
            left.extend(fs::read_dir(&path).expect("readable").map(|entry| entry.expect("an entry").path()));
        }
        let times = (meta.mtime(), meta.mtime_nsec(), meta.ctime(), meta.ctime_nsec());
        found.insert(path, format!("{:o} {} {} {} {times:?}", meta.mode(), meta.ino(), meta.len(), meta.nlink()));
    }
    found
}
