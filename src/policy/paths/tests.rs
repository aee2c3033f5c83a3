//! P1–P30 of the hostile patches, one line each, with twins that must give nothing.

use super::{PathPolicy, Touch};
use crate::diff::{FileMode, FileSide};
use crate::id::RepoPath;
use crate::policy::Severity;
use crate::repository::{MemoryTree, Tree};

fn link(target: &str) -> FileSide {
    FileSide { mode: FileMode::Symlink, content: target.as_bytes().into() }
}

fn base() -> MemoryTree {
    MemoryTree::new([
        ("README.md", FileSide::regular(*b"hi")),
        ("src/lib.rs", FileSide::regular(*b"")),
        ("src/Größe.txt", FileSide::regular(*b"")),
        ("docs/a.md", FileSide::regular(*b"")),
        ("out", link("/etc")),
        ("inside", link("src")),
        ("odd\\name", FileSide::regular(*b"")),
        ("run.sh", FileSide::regular(*b"")),
    ])
}

fn rules(touches: &[Touch<'_>], base: Option<&dyn Tree>) -> Vec<(String, Severity)> {
    let found = PathPolicy.check_paths(touches, base).expect("a tree in memory reads");
    found.into_iter().map(|found| (found.rule, found.severity)).collect()
}

fn touched(path: &[u8], old: Option<FileMode>, new: Option<FileMode>, target: Option<&str>) -> Vec<(String, Severity)> {
    let path = RepoPath::from_bytes(path);
    let touch = Touch { path: &path, old, new, target: target.map(str::as_bytes) };
    rules(&[touch], Some(&base()))
}

#[track_caller]
fn blocks(path: impl AsRef<[u8]>, rule: &str) {
    for new in [Some(FileMode::Regular), Some(FileMode::Executable)] {
        let found = touched(path.as_ref(), None, new, None);
        assert!(found.contains(&(rule.to_owned(), Severity::Block)), "wanted {rule}, found {found:?}");
    }
}

#[track_caller]
fn blocks_deletion(path: &str, rule: &str) {
    let found = touched(path.as_bytes(), Some(FileMode::Regular), None, None);
    assert!(found.contains(&(rule.to_owned(), Severity::Block)), "wanted {rule}, found {found:?}");
}

#[track_caller]
fn warns(path: &str, rule: &str) {
    assert_eq!(touched(path.as_bytes(), None, Some(FileMode::Regular), None), [(rule.to_owned(), Severity::Warn)]);
}

#[track_caller]
fn quiet(path: &str) {
    assert_eq!(touched(path.as_bytes(), None, Some(FileMode::Regular), None), [], "{path}");
}

#[track_caller]
fn mode(path: &str, old: Option<FileMode>, new: FileMode, target: Option<&str>, expected: Option<(&str, Severity)>) {
    let expected: Vec<_> = expected.into_iter().map(|(rule, severity)| (rule.to_owned(), severity)).collect();
    assert_eq!(touched(path.as_bytes(), old, Some(new), target), expected);
}

#[test]
fn names_that_leave_the_repository() {
    blocks("../x", "path-traversal"); // P1
    blocks("a/../../x", "path-traversal"); // P2
    blocks("a/./x", "path-traversal");
    blocks("/etc/passwd", "path-absolute"); // P3
    blocks("C:/x", "path-absolute");
    blocks("c:x", "path-absolute");
    blocks("..\\out", "path-traversal"); // P26
    blocks("", "path-empty-component");
    blocks("a//b", "path-empty-component");
    blocks("a/", "path-empty-component");
    blocks_deletion("../x", "path-traversal"); // P28
    quiet("..a");
    quiet("a..b/..c");
}

#[test]
fn the_git_directory_by_any_name() {
    blocks(".git/config", "path-git-directory"); // P4
    blocks(".git/hooks/post-checkout", "path-git-directory"); // P5
    blocks(".GIT/config", "path-git-directory"); // P6
    blocks("git~1/config", "path-git-directory"); // P7
    blocks(".g\u{200c}it/config", "path-git-directory"); // P8
    blocks("\u{feff}.git/config", "path-git-directory");
    blocks(".git./config", "path-git-directory"); // P9
    blocks(".git /config", "path-git-directory");
    blocks(".git::$INDEX_ALLOCATION/config", "path-git-directory");
    blocks("sub/.git/config", "path-git-directory"); // P10
    blocks("sub/.git", "path-git-directory");
    blocks("sub\\.git\\config", "path-git-directory");
    quiet(".github/x.md");
    quiet(".gitignore");
    quiet("git/x");
}

#[test]
fn names_that_forge() {
    blocks("a\x1b[2J", "path-control-character"); // P24
    blocks("a\nb", "path-control-character"); // P25
    blocks("a\rb", "path-control-character");
    blocks("a\r", "path-control-character");
    blocks("a\tb", "path-control-character");
    blocks("a\u{9b}31m", "path-control-character");
    blocks("a\x7f", "path-control-character");
    blocks("a\0b", "path-nul");
    blocks(b"a\xff", "path-not-utf8");
    blocks("back\\slash", "path-backslash");
    blocks("a\u{202e}b", "path-alias");
    blocks("a./b", "path-alias");
    blocks("a /b", "path-alias");
    blocks("x".repeat(256), "path-too-long"); // P30
    blocks("x/".repeat(2100) + "y", "path-too-long");
    quiet(&"x".repeat(255));
    quiet("größe/日本語.txt");
    quiet("with space.txt");
    warns("ab:c", "path-unportable");
    blocks("a:b/c", "path-absolute");
    warns("docs/aux.md", "path-unportable");
    warns("ab/COM1", "path-unportable");
    quiet("docs/auxiliary.md");
    quiet("docs/com.md");
}

#[test]
fn odd_names_of_the_base_may_go() {
    assert_eq!(touched(b"odd\\name", Some(FileMode::Regular), None, None), []);
    blocks("odd\\other", "path-backslash");
    let path = RepoPath::from("odd\\claimed");
    let lie = Touch { path: &path, old: Some(FileMode::Regular), new: None, target: None };
    assert_eq!(rules(&[lie], None)[0].0, "path-backslash", "without a base nothing is believed");
}

#[test]
fn links_and_what_lies_behind_them() {
    let block = |rule| Some((rule, Severity::Block));
    let warn = |rule| Some((rule, Severity::Warn));
    let new = FileMode::Symlink;
    mode("l", None, new, Some("../x"), block("link-escapes")); // P11
    mode("l", None, new, Some("/etc/passwd"), block("link-escapes")); // P12, P14
    mode("l", None, new, Some(".git/hooks"), block("link-escapes")); // P13
    mode("a/l", None, new, Some("../.GIT"), block("link-escapes"));
    mode("a/l", None, new, Some("../../x"), block("link-escapes"));
    mode("a/l", None, new, Some("b/../../../x"), block("link-escapes"));
    mode("l", None, new, Some("C:\\x"), block("link-escapes"));
    mode("l", None, new, Some(""), block("link-escapes"));
    mode("l", None, new, None, block("link-escapes"));
    mode(".gitattributes", None, new, None, block("link-escapes"));
    mode("a/.gitmodules/b/l", None, new, Some("x"), block("link-escapes"));
    mode("a/l", None, new, Some("../README.md"), warn("link-added"));
    mode("inside", Some(FileMode::Symlink), new, Some("docs"), warn("link-added"));
    mode("inside", Some(FileMode::Symlink), FileMode::Regular, None, None);
}

/// What a change that makes these links (path, target) over the base breaks.
#[track_caller]
fn made(links: &[(&str, &str)], expected: &[(&str, Severity)]) {
    let paths: Vec<RepoPath> = links.iter().map(|(path, _)| RepoPath::from(*path)).collect();
    let new = Some(FileMode::Symlink);
    let touch = |(at, path): (usize, _)| Touch { path, old: None, new, target: Some(links[at].1.as_bytes()) };
    let touches: Vec<Touch<'_>> = paths.iter().enumerate().map(touch).collect();
    let expected: Vec<_> = expected.iter().map(|(rule, severity)| ((*rule).to_owned(), *severity)).collect();
    assert_eq!(rules(&touches, Some(&base())), expected);
}

#[test]
fn links_that_lead_out_through_others() {
    let (block, warn) = (("link-escapes", Severity::Block), ("link-added", Severity::Warn));
    made(&[("a/b/out", "up/../SECRET"), ("a/b/up", "../..")], &[block, warn]);
    made(&[("a/b/out", "up/x"), ("a/b/up", "../..")], &[block, warn]); // through a link of the change
    made(&[("l", "inside/lib.rs")], &[block]); // through one of the base
    made(&[("l", "src/../docs")], &[block]); // a name may become a link
    made(&[("l", "out")], &[block]); // to one of the base that leads out
    made(&[("l", "inside")], &[warn]);
    made(&[("a/l", "../src/lib.rs")], &[warn]);
    made(&[("a/l", "./../docs/./a.md")], &[warn]);
    made(&[("a/l", "..")], &[warn]);
    made(&[("lib.so", "lib.so.1"), ("lib.so.1", "lib.so.1.2")], &[warn, warn]);
    made(&[("p", "q"), ("q", "p")], &[block, block]); // round and round
    made(&[("l", &"x/".repeat(3000))], &[block]); // too long to follow
    made(&[("l", &"x/".repeat(1000))], &[block]); // too deep
}

#[test]
fn writes_through_a_link() {
    blocks("out/x", "write-through-link"); // P20
    blocks("inside/x", "write-through-link"); // P21
    blocks("out/deep/er/x", "write-through-link");
    blocks_deletion("out/passwd", "write-through-link");
    blocks("README.md/x", "path-conflict");
    let (gone, below, fresh) = (RepoPath::from("out"), RepoPath::from("out/x"), RepoPath::from("l"));
    let through = RepoPath::from("l/x");
    let touch = |path, old, new, target| Touch { path, old, new, target };
    let file = Some(FileMode::Regular);
    let replaced = [touch(&gone, Some(FileMode::Symlink), None, None), touch(&below, None, file, None)];
    assert_eq!(rules(&replaced, Some(&base())), [], "a link that goes makes room");
    let own = [touch(&fresh, None, Some(FileMode::Symlink), Some(&b"src"[..])), touch(&through, None, file, None)];
    assert!(rules(&own, None).contains(&("write-through-link".to_owned(), Severity::Block)), "P18, P19");
}

#[test]
fn modes() {
    let block = |rule| Some((rule, Severity::Block));
    mode("sub", None, FileMode::Gitlink, None, block("gitlink")); // P15
    mode("x", None, FileMode::Other(0o104_755), None, block("odd-mode")); // P23
    mode("x", None, FileMode::Other(0o100_664), None, block("odd-mode"));
    mode("x", None, FileMode::Other(0o040_000), None, block("odd-mode"));
    mode("run.sh", Some(FileMode::Regular), FileMode::Executable, None, Some(("exec-bit", Severity::Warn)));
    mode("new.sh", None, FileMode::Executable, None, None);
    mode("run.sh", Some(FileMode::Executable), FileMode::Regular, None, None);
}

#[test]
fn a_submodule_that_goes_is_told() {
    #[track_caller]
    fn check(old: Option<FileMode>, new: Option<FileMode>, expected: &[(&str, Severity)]) {
        let expected: Vec<_> = expected.iter().map(|(rule, severity)| ((*rule).to_owned(), *severity)).collect();
        assert_eq!(touched(b"sub", old, new, None), expected);
    }
    let (link, file) = (Some(FileMode::Gitlink), Some(FileMode::Regular));
    check(link, None, &[("gitlink-removed", Severity::Warn)]);
    check(link, file, &[("gitlink-removed", Severity::Warn)]);
    check(link, link, &[("gitlink", Severity::Block)]);
    check(file, None, &[]);
}

#[test]
fn names_that_meet() {
    blocks("readme.md", "path-collision"); // P27
    blocks("src/LIB.rs", "path-collision");
    blocks("SRC/new.rs", "path-collision");
    blocks("src/Gro\u{308}\u{df}e.txt", "path-collision");
    blocks("src", "path-conflict");
    quiet("src/lib2.rs");
    quiet("docs/readme.md");
    let (old, new) = (RepoPath::from("README.md"), RepoPath::from("readme.md"));
    let file = Some(FileMode::Regular);
    let renamed = [
        Touch { path: &old, old: file, new: None, target: None },
        Touch { path: &new, old: None, new: file, target: None },
    ];
    assert_eq!(rules(&renamed, Some(&base())), [], "a rename that changes case leaves one file");
    let (one, two) = (RepoPath::from("new/a"), RepoPath::from("new/A"));
    let both = [
        Touch { path: &one, old: None, new: file, target: None },
        Touch { path: &two, old: None, new: file, target: None },
    ];
    assert_eq!(rules(&both, None).len(), 2, "each of a new pair is named");
}
