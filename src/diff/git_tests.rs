//! Held against the real git: the same patch on the same files gives the same tree, or both refuse.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::*;
use crate::id::RepoPath;

type Files = BTreeMap<RepoPath, FileSide>;

/// A repeatable source of choices.
struct Choices(u64);

impl Choices {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 20) % limit as u64) as usize
    }

    fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }
}

struct Repository(tempfile::TempDir);

impl Repository {
    fn new() -> Self {
        let repository = Self(tempfile::tempdir().expect("a temporary directory"));
        repository.git(&["init", "-q"]);
        repository
    }

    fn work(&self) -> &Path {
        self.0.path()
    }

    fn try_git(&self, arguments: &[&str]) -> Result<Vec<u8>, String> {
        let path = std::env::var_os("PATH").expect("tests run with a PATH");
        let output = Command::new("git")
            .args(["-c", "user.name=t", "-c", "user.email=t@t", "-c", "core.autocrlf=false", "-c", "gc.auto=0"])
            .args(arguments)
            .current_dir(self.work())
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.work())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .output()
            .expect("git runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() { Ok(output.stdout) } else { Err(said) }
    }

    #[track_caller]
    fn git(&self, arguments: &[&str]) -> Vec<u8> {
        self.try_git(arguments).unwrap_or_else(|said| panic!("git {arguments:?}: {said}"))
    }

    fn path(&self, path: &RepoPath) -> PathBuf {
        self.work().join(std::ffi::OsStr::from_bytes(path.as_bytes()))
    }

    /// Makes the working copy and the index hold exactly these files.
    fn hold(&self, files: &Files) {
        for path in self.files().keys() {
            fs::remove_file(self.path(path)).expect("it was just listed");
        }
        for (path, side) in files {
            let at = self.path(path);
            fs::create_dir_all(at.parent().expect("below the repository")).expect("directories can be made");
            if side.mode == FileMode::Symlink {
                std::os::unix::fs::symlink(std::ffi::OsStr::from_bytes(&side.content), &at).expect("a link");
                continue;
            }
            fs::write(&at, &side.content).expect("a file");
            let mode = if side.mode == FileMode::Executable { 0o755 } else { 0o644 };
            fs::set_permissions(&at, fs::Permissions::from_mode(mode)).expect("its mode");
        }
        self.git(&["add", "-A", "--force"]);
    }

    fn commit(&self, files: &Files) {
        self.hold(files);
        self.git(&["commit", "-q", "--allow-empty", "-m", "x"]);
    }

    /// The files of the working copy.
    fn files(&self) -> Files {
        let listed = self.git(&["ls-files", "-z"]);
        let paths = listed.split(|byte| *byte == 0).filter(|path| !path.is_empty());
        paths.map(RepoPath::from_bytes).filter_map(|path| Some((path.clone(), self.side(&path)?))).collect()
    }

    fn side(&self, path: &RepoPath) -> Option<FileSide> {
        let at = self.path(path);
        let about = fs::symlink_metadata(&at).ok()?;
        if about.is_symlink() {
            let target = fs::read_link(&at).ok()?;
            return Some(FileSide { mode: FileMode::Symlink, content: target.as_os_str().as_bytes().into() });
        }
        let executable = about.permissions().mode() & 0o100 != 0;
        let mode = if executable { FileMode::Executable } else { FileMode::Regular };
        Some(FileSide { mode, content: fs::read(&at).ok()?.into() })
    }
}

fn random_content(choices: &mut Choices) -> Vec<u8> {
    let (end, words) = (if choices.one_in(5) { "\r\n" } else { "\n" }, if choices.one_in(3) { 6 } else { 1000 });
    let lines = choices.below(60);
    let mut text: Vec<u8> =
        (0..lines).flat_map(|_| format!("line {}{end}", choices.below(words)).into_bytes()).collect();
    if choices.one_in(5) {
        text.truncate(text.len().saturating_sub(1));
    }
    if choices.one_in(8) {
        text.extend_from_slice(b"\0binary\xff");
    }
    text
}

fn random_files(choices: &mut Choices) -> Files {
    let names = ["a", "dir/b.rs", "dir/with blank", "größe", "tab\there", "quote\"d", "end ", "dir/deep/er/c"];
    let mut files = Files::new();
    for name in names {
        if !choices.one_in(5) {
            let mode = match choices.below(8) {
                0 => FileMode::Executable,
                _ => FileMode::Regular,
            };
            files.insert(name.into(), FileSide { mode, content: random_content(choices).into() });
        }
    }
    files.insert("link".into(), FileSide { mode: FileMode::Symlink, content: (*b"dir/b.rs").into() });
    files
}

/// One text of many lines, few of them alike or many: what hunks move about in.
fn one_file(choices: &mut Choices) -> Files {
    let words = [4, 30, 1000][choices.below(3)];
    let lines = 40 + choices.below(60);
    let text: String = (0..lines).map(|_| format!("line {}\n", choices.below(words))).collect();
    Files::from([("src/one.rs".into(), FileSide::regular(text.into_bytes()))])
}

fn edited(content: &[u8], choices: &mut Choices) -> Vec<u8> {
    let mut lines: Vec<Vec<u8>> = content.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    for _ in 0..=choices.below(4) {
        let at = choices.below(lines.len() + 1);
        match choices.below(3) {
            0 if at < lines.len() => drop(lines.remove(at)),
            1 if at < lines.len() => lines[at] = format!("changed {}\n", choices.below(50)).into_bytes(),
            _ => lines.insert(at, format!("added {}\n", choices.below(50)).into_bytes()),
        }
    }
    let mut edited = lines.concat();
    if choices.one_in(6) && edited.ends_with(b"\n") {
        edited.pop();
    }
    edited
}

fn edited_files(files: &Files, choices: &mut Choices) -> Files {
    let mut after = Files::new();
    for (path, side) in files {
        let mut side = side.clone();
        match choices.below(8) {
            0 => continue,
            1 | 2 => {}
            3 => {
                side.mode = if side.mode == FileMode::Regular { FileMode::Executable } else { FileMode::Regular };
                side.content = edited(&side.content, choices).into();
            }
            4 => {
                let moved = RepoPath::from_bytes([b"moved/", path.as_bytes()].concat());
                after.insert(moved, side);
                continue;
            }
            _ if side.mode == FileMode::Symlink => side.content = (*b"elsewhere").into(),
            _ => side.content = edited(&side.content, choices).into(),
        }
        after.insert(path.clone(), side);
    }
    for new in 0..choices.below(3) {
        after.insert(format!("new {new}").as_str().into(), FileSide::regular(random_content(choices)));
    }
    after
}

fn changes_between(before: &Files, after: &Files) -> ChangeSet {
    let paths = before.keys().chain(after.keys());
    ChangeSet::new(paths.map(|path| FileChange {
        path: path.clone(),
        old: before.get(path).cloned(),
        new: after.get(path).cloned(),
    }))
}

fn placed(patch: &[u8], base: &Files) -> Result<ChangeSet, Vec<String>> {
    let patch = Patch::parse(patch).map_err(|error| vec![error.to_string()])?;
    let read = |path: &RepoPath| Ok::<_, String>(base.get(path).cloned());
    place(&patch, &read).map_err(|refusals| refusals.iter().map(ToString::to_string).collect())
}

/// Refusals where git guesses: it takes the nearest of several places.
fn is_stricter(refusals: &[String]) -> bool {
    refusals.iter().all(|refusal| refusal.contains("several places") || refusal.contains("only above the hunk"))
}

/// One random patch on the base it was made from (`drift` 0) or on one that others changed since.
fn check_against_git(repository: &Repository, seed: u64, drift: usize) -> &'static str {
    let mut choices = Choices::new(seed);
    let before = if drift == 0 { random_files(&mut choices) } else { one_file(&mut choices) };
    repository.commit(&before);
    repository.hold(&edited_files(&before, &mut choices));
    let context = ["-U3", "-U1", "-U5"][choices.below(3)];
    let style = [["-M", "-C"], ["--no-renames", "--full-index"], ["-M", "--no-prefix"]][choices.below(3)];
    let arguments = ["diff", "--cached", "--binary", context, style[0], style[1], "HEAD"];
    let patch = repository.git(&arguments);
    let mut target = before.clone();
    for side in target.values_mut().filter(|side| drift > 0 && side.mode != FileMode::Symlink) {
        if drift > 1 {
            side.content = edited(&side.content, &mut choices).into();
        } else {
            side.content = [b"one\ntwo\nthree\n", &*side.content].concat().into();
        }
    }
    repository.commit(&target);
    if patch.is_empty() {
        return "empty";
    }
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    fs::write(file.path(), &patch).expect("the patch is written");
    let strip = if style[1] == "--no-prefix" { "-p0" } else { "-p1" };
    let applied = repository.try_git(&["apply", "--index", strip, file.path().to_str().expect("a plain path")]);
    let shown = || String::from_utf8_lossy(&patch).into_owned();
    match (applied, placed(&patch, &target)) {
        (Ok(_), Ok(changes)) => {
            assert_eq!(changes, changes_between(&target, &repository.files()), "seed {seed}\n{}", shown());
            "same"
        }
        (Err(_), Err(_)) => "refused",
        (Ok(_), Err(refusals)) if is_stricter(&refusals) => "stricter",
        (Ok(_), Err(refusals)) => panic!("seed {seed}: git applies it, we say {refusals:?}\n{}", shown()),
        (Err(said), Ok(_)) => panic!("seed {seed}: we place it, git says {said}\n{}", shown()),
    }
}

fn outcomes(seeds: std::ops::Range<u64>, drift: usize) -> BTreeMap<&'static str, usize> {
    let repository = Repository::new();
    let mut outcomes = BTreeMap::new();
    for seed in seeds {
        *outcomes.entry(check_against_git(&repository, seed, drift)).or_insert(0) += 1;
    }
    outcomes
}

#[test]
fn a_patch_on_its_base_gives_what_git_gives() {
    let outcomes = outcomes(0..30, 0);
    assert!(outcomes.get("same").is_some_and(|same| *same >= 28), "{outcomes:?}");
}

#[test]
fn a_patch_with_offsets_gives_what_git_gives() {
    let outcomes = outcomes(100..130, 1);
    assert!(outcomes.get("same").is_some_and(|same| *same >= 8), "{outcomes:?}");
}

#[test]
fn a_patch_on_changed_files_gives_what_git_gives() {
    let outcomes = outcomes(200..230, 2);
    assert!(outcomes.get("same").is_some_and(|same| *same >= 5), "{outcomes:?}");
    assert!(outcomes.contains_key("refused"), "{outcomes:?}");
}

#[test]
fn what_is_written_is_applied_by_git_and_read_by_us() {
    let repository = Repository::new();
    for seed in 300..330 {
        let mut choices = Choices::new(seed);
        let before = random_files(&mut choices);
        let mut after = edited_files(&before, &mut choices);
        if choices.one_in(2) {
            // a change of kind
            after.insert("a".into(), FileSide { mode: FileMode::Symlink, content: (*b"somewhere").into() });
        }
        let changes = changes_between(&before, &after);
        let options = unified::WriteOptions { context: 1 + choices.below(4) as u32, ..Default::default() };
        let patch = unified::write(&changes, &options);
        assert_eq!(placed(&patch, &before).as_ref(), Ok(&changes), "seed {seed}\n{}", String::from_utf8_lossy(&patch));
        repository.commit(&before);
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        fs::write(file.path(), &patch).expect("the patch is written");
        repository.git(&["apply", "--index", file.path().to_str().expect("a plain path")]);
        assert_eq!(repository.files(), after, "seed {seed}\n{}", String::from_utf8_lossy(&patch));
    }
}

#[test]
fn a_mailed_patch_is_read() {
    let repository = Repository::new();
    let files = |text: &str| Files::from([("f".into(), FileSide::regular(text.as_bytes()))]);
    repository.commit(&files("1\n2\n3\n"));
    repository.hold(&files("1\nzwei\n3\n"));
    repository.git(&["commit", "-q", "-m", "fix: größer\n\nBecause.\n\nAnd more."]);
    let mail = repository.git(&["format-patch", "--stdout", "-1"]);
    let patch = Patch::parse(&mail).expect("git's own mail");
    assert_eq!(patch.messages().len(), 1);
    assert_eq!(patch.messages()[0].subject.raw(), "fix: größer");
    assert_eq!(patch.messages()[0].body.raw(), "Because.\n\nAnd more.");
    assert_eq!(placed(&mail, &files("1\n2\n3\n")), Ok(changes_between(&files("1\n2\n3\n"), &files("1\nzwei\n3\n"))));
}
