//! Checkouts: exact, reused, and never outside their folder.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use paraph::cancel::Cancel;
use paraph::diff::FileMode;
use paraph::id::ObjectId;
use paraph::repository::{Snapshot, Vcs as _, VcsError};

use crate::bench::{Bench, change, set, side, text};

fn checkout(bench: &Bench, base: &Snapshot, tree: &ObjectId) -> Result<(), VcsError> {
    bench.vcs.checkout(&base.key, tree, &bench.checkout_folder(), &Cancel::new())
}

/// What is in the folder: `mode path content`, like a tree's listing.
fn on_disk(folder: &Path) -> Vec<String> {
    fn walk(top: &Path, folder: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).expect("list") {
            let path = entry.expect("entry").path();
            let facts = path.symlink_metadata().expect("metadata");
            let name = path.strip_prefix(top).expect("below").display().to_string();
            if facts.is_symlink() {
                found.push(format!("120000 {name} {}", fs::read_link(&path).expect("link").display()));
            } else if facts.is_dir() {
                walk(top, &path, found);
            } else {
                let mode = if facts.permissions().mode() & 0o100 != 0 { "100755" } else { "100644" };
                let content = fs::read(&path).expect("read");
                found.push(format!("{mode} {name} {}", String::from_utf8_lossy(&content).trim_end()));
            }
        }
    }
    let mut found = Vec::new();
    walk(folder, folder, &mut found);
    found.sort_by(|one, other| one.split(' ').nth(1).cmp(&other.split(' ').nth(1)));
    found
}

#[track_caller]
fn check_same(bench: &Bench, base: &Snapshot, tree: &ObjectId) {
    checkout(bench, base, tree).expect("checkout");
    assert_eq!(on_disk(&bench.checkout_folder()), bench.listing(base, tree));
}

#[test]
fn a_checkout_holds_the_tree_and_is_reused() {
    let bench = Bench::small();
    let base = bench.head();
    check_same(&bench, &base, &base.tree);
    let readme = || bench.checkout_folder().join("README.md").metadata().expect("metadata");
    let time = |facts: &fs::Metadata| {
        (std::os::unix::fs::MetadataExt::ino(facts), std::os::unix::fs::MetadataExt::ctime_nsec(facts))
    };
    // a file of the tick in which its stamp was written proves nothing, and is written once more
    let settled = (0..20).any(|_| {
        let before = readme();
        std::thread::sleep(std::time::Duration::from_millis(80));
        checkout(&bench, &base, &base.tree).expect("again");
        time(&before) == time(&readme())
    });
    assert!(settled, "it is written every time");
    let before = readme();
    let tree = bench.vcs.write_tree(
        &base.key,
        &base.tree,
        &set([change("src/lib.rs", text("pub fn one() -> u32 {\n    1\n}\n"), text("x\n"))]),
    );
    check_same(&bench, &base, &tree.expect("tree"));
    assert_eq!(time(&before), time(&readme()), "what is the same is not written again");
    check_same(&bench, &base, &base.tree);
}

#[test]
fn what_a_check_left_behind_is_gone_but_lent_folders_stay() {
    let bench = Bench::small();
    let base = bench.head();
    checkout(&bench, &base, &base.tree).expect("checkout");
    let folder = bench.checkout_folder();
    fs::write(folder.join("README.md"), "HELLO\n").expect("same size, other content");
    fs::write(folder.join("left.txt"), "left").expect("left");
    fs::create_dir_all(folder.join("build/sub")).expect("folder");
    fs::set_permissions(folder.join("build"), fs::Permissions::from_mode(0o555)).expect("chmod");
    fs::create_dir_all(folder.join("node_modules/x")).expect("lent");
    fs::write(folder.join("node_modules/x/y"), "lent").expect("lent");
    fs::remove_file(folder.join("link")).expect("remove");
    fs::create_dir(folder.join("link")).expect("a folder in the link's place");
    fs::remove_dir_all(folder.join("src")).expect("remove");
    std::os::unix::fs::symlink("/tmp", folder.join("src")).expect("a link in the folder's place");
    checkout(&bench, &base, &base.tree).expect("again");
    assert_eq!(fs::read_to_string(folder.join("node_modules/x/y")).expect("lent"), "lent");
    fs::remove_dir_all(folder.join("node_modules")).expect("remove");
    assert_eq!(on_disk(&folder), bench.listing(&base, &base.tree));
    assert!(!folder.join("build").exists());
}

#[test]
fn a_checkout_that_was_cut_short_is_written_whole() {
    let bench = Bench::small();
    let base = bench.head();
    let cancel = Cancel::new();
    cancel.cancel();
    let cut = bench.vcs.checkout(&base.key, &base.tree, &bench.checkout_folder(), &cancel);
    assert!(matches!(cut, Err(VcsError::Cancelled)), "{cut:?}");
    fs::write(bench.checkout_folder().join("README.md"), "half").expect("half");
    check_same(&bench, &base, &base.tree);
}

#[test]
fn many_files_are_written_by_several_workers() {
    let bench = Bench::small();
    for n in 0..700 {
        bench.write(&format!("d{}/e{}/f{n}", n % 7, n % 3), format!("{n}\n"));
    }
    bench.commit_all("many");
    let base = bench.head();
    check_same(&bench, &base, &base.tree);
}

#[test]
fn links_loops_and_odd_names_are_written_as_they_are() {
    let bench = Bench::small();
    let base = bench.head();
    let link = |target| side(FileMode::Symlink, target);
    let tree = bench
        .vcs
        .write_tree(
            &base.key,
            &base.tree,
            &set([
                change("loop-a", None, link("loop-b")),
                change("loop-b", None, link("loop-a")),
                change("self", None, link("self")),
                change("out", None, link("/etc/passwd")),
                change("new\nline", None, text("x")),
                change("esc\x1b[31m", None, text("x")),
                change("-rf", None, text("x")),
                change("back\\slash", None, text("x")),
                change(" space ", None, text("x")),
                change("sub", None, side(FileMode::Gitlink, base.commit.as_str())),
            ]),
        )
        .expect("tree");
    checkout(&bench, &base, &tree).expect("checkout");
    let folder = bench.checkout_folder();
    assert_eq!(fs::read_link(folder.join("out")).expect("link"), Path::new("/etc/passwd"));
    assert_eq!(fs::read(folder.join("new\nline")).expect("file"), b"x");
    assert!(folder.join("sub").is_dir(), "a submodule is an empty folder");
    checkout(&bench, &base, &tree).expect("again");
    checkout(&bench, &base, &base.tree).expect("back");
    assert_eq!(on_disk(&folder), bench.listing(&base, &base.tree));
}

#[test]
fn trees_that_no_git_makes_stay_in_their_folder() {
    // written by hand: `a` is a link out of the folder and a folder at once; `..`, `.git` and `a/b` are names
    let bench = Bench::small();
    let base = bench.head();
    let outside = bench.folder.path().join("outside");
    fs::create_dir(&outside).expect("outside");
    let private = git2::Repository::open_bare(bench.vcs.private_path(&base.key)).expect("open");
    let odb = private.odb().expect("odb");
    let blob = odb.write(git2::ObjectType::Blob, b"x").expect("blob");
    let out = odb.write(git2::ObjectType::Blob, outside.to_str().expect("text").as_bytes()).expect("blob");
    let tree = |entries: &[(&str, &str, git2::Oid)]| {
        let raw: Vec<u8> = entries
            .iter()
            .flat_map(|(mode, name, id)| [mode.as_bytes(), b" ", name.as_bytes(), b"\0", id.as_bytes()].concat())
            .collect();
        odb.write(git2::ObjectType::Tree, &raw).expect("tree")
    };
    let inner = tree(&[("100644", "x", blob)]);
    for entries in [
        vec![("120000", "a", out), ("40000", "a", inner)],
        vec![("40000", "a", inner), ("120000", "a", out)],
        vec![("40000", "..", inner)],
        vec![("40000", ".git", inner)],
        vec![("40000", ".GiT", inner)],
        vec![("100644", "../x", blob)],
        vec![("120000", "a", out), ("100644", "a/x", blob)],
        vec![("100644", "/x", blob)],
        vec![("100644", "", blob)],
    ] {
        let id = tree(&entries).to_string().parse().expect("id");
        let result = checkout(&bench, &base, &id);
        assert_eq!(fs::read_dir(&outside).expect("list").count(), 0, "{entries:?}: {result:?}");
        assert!(!bench.checkout_folder().join(".git").exists(), "{entries:?}");
        assert!(!bench.folder.path().join("x").exists(), "{entries:?}");
        checkout(&bench, &base, &base.tree).expect("the folder is usable afterwards");
    }
}

#[test]
fn removal_takes_read_only_folders_and_leaves_what_links_name() {
    let bench = Bench::small();
    let base = bench.head();
    checkout(&bench, &base, &base.tree).expect("checkout");
    let folder = bench.checkout_folder();
    let outside = bench.folder.path().join("outside");
    fs::create_dir(&outside).expect("outside");
    fs::write(outside.join("kept"), "kept").expect("kept");
    std::os::unix::fs::symlink(&outside, folder.join("src/out")).expect("link");
    for locked in ["src/deep/er", "src/deep", "src"] {
        fs::set_permissions(folder.join(locked), fs::Permissions::from_mode(0o000)).expect("chmod");
    }
    bench.vcs.remove_checkout(&base.key, &folder).expect("remove");
    assert!(!folder.exists() && outside.join("kept").exists());
    bench.vcs.remove_checkout(&base.key, &folder).expect("twice is no error");
}
