//! The same base, and the real `git apply --index` on it: what we are measured by.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Output, Stdio};

use paraph::id::RepoPath;

use super::git::Repository;

/// A tree as git lists it: the mode's bits and the object's id of every path.
pub(crate) type Listing = BTreeMap<RepoPath, (u32, String)>;

/// A clone that patches are applied to by git itself, and that is cleaned after each.
pub(crate) struct Mirror(Repository);

impl Mirror {
    pub(crate) fn of(repository: &Repository, path: PathBuf, user: PathBuf) -> Self {
        repository.git(&["clone", "-q", "--no-hardlinks", ".", path.to_str().expect("a plain path")]);
        let mirror = Self(Repository::init(path, user));
        for (name, value) in
            [("core.protectHFS", "true"), ("core.protectNTFS", "true"), ("core.logAllRefUpdates", "false")]
        {
            mirror.0.git(&["config", name, value]);
        }
        mirror
    }

    /// What git makes of the index and the files; or what it says. Everything is as it was afterwards.
    pub(crate) fn apply(&self, patch: &[u8], strip: usize) -> Result<Listing, String> {
        self.apply_as(patch, &format!("-p{strip}"), "--no-recount")
    }

    /// As [`Mirror::apply`]; git counts the lines of hunks itself.
    pub(crate) fn apply_recounted(&self, patch: &[u8], strip: usize) -> Result<Listing, String> {
        self.apply_as(patch, &format!("-p{strip}"), "--recount")
    }

    fn apply_as(&self, patch: &[u8], strip: &str, counts: &str) -> Result<Listing, String> {
        let args = ["apply", "--index", "--whitespace=nowarn", counts, strip, "-"];
        let mut output = self.run(&args, patch);
        if String::from_utf8_lossy(&output.stderr).contains("does not match index") {
            // attributes of the patch before coloured how files were put back: written anew they are right
            self.run(&["read-tree", "--empty"], b"");
            self.run(&["reset", "-q", "--hard"], b"");
            output = self.run(&args, patch);
        }
        let applied = match output.status.success() {
            true => Ok(self.listing()),
            false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        };
        self.put_back();
        applied
    }

    /// Index and files as they were: also after a git that refused, which may have begun to write.
    fn put_back(&self) {
        // a git that crashed leaves its lock
        let _ = std::fs::remove_file(self.0.path.join(".git/index.lock"));
        for args in [&["reset", "-q", "--hard"][..], &["clean", "-ffdxq"]] {
            let output = self.run(args, b"");
            assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
        // git clean leaves alone what lies where a submodule belongs
        let submodule = self.0.path.join("sub");
        let _ = std::fs::remove_dir_all(&submodule);
        std::fs::create_dir(submodule).expect("a folder");
    }

    pub(crate) fn listing(&self) -> Listing {
        let output = self.run(&["ls-files", "-s", "-z"], b"");
        let entries = output.stdout.split(|byte| *byte == 0).filter(|entry| !entry.is_empty());
        let parse = |entry: &[u8]| {
            let tab = entry.iter().position(|byte| *byte == b'\t').expect("a tab before the path");
            let facts = std::str::from_utf8(&entry[..tab]).expect("ASCII before the path");
            let mut facts = facts.split(' ');
            let mode = u32::from_str_radix(facts.next().expect("a mode"), 8).expect("octal");
            (RepoPath::from_bytes(&entry[tab + 1..]), (mode, facts.next().expect("an id").to_owned()))
        };
        entries.map(parse).collect()
    }

    fn run(&self, args: &[&str], input: &[u8]) -> Output {
        let mut command = self.0.command(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("git starts");
        let mut stdin = child.stdin.take().expect("piped");
        // a git that refuses early reads no further
        let _ = stdin.write_all(input);
        drop(stdin);
        child.wait_with_output().expect("git ends")
    }
}
