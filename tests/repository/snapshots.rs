//! Bases: HEAD, revisions, uncommitted work, and work already done.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use paraph::id::HostPath;
use paraph::repository::{Base, Earlier, Source, Vcs as _, VcsError, WorkSpec};

use crate::bench::{Bench, change, set, source, text};

#[test]
fn head_is_found_from_any_folder() {
    let bench = Bench::small();
    let top = bench.head();
    assert_eq!((top.repo.as_str(), top.branch.as_deref()), ("repo", Some("main")));
    assert_eq!(top.commit, bench.id("HEAD"));
    assert_eq!(top.tree, bench.id("HEAD^{tree}"));
    assert_eq!(bench.vcs.snapshot(&source(&bench.repo.join("src/deep")), &Base::Head).expect("below"), top);
    assert_eq!(bench.names(&top), ["README.md", "link", "run.sh", "src/deep/er/file.txt", "src/lib.rs"]);
}

#[test]
fn head_needs_neither_working_copy_nor_index() {
    let bench = Bench::small();
    fs::remove_dir_all(bench.repo.join("src")).expect("remove");
    fs::write(bench.repo.join(".git/index"), "nonsense").expect("damage");
    assert_eq!(bench.names(&bench.head()).len(), 5);
    let dirty = bench.snapshot(&Base::Dirty);
    assert!(matches!(dirty, Err(VcsError::Unsupported { .. })), "{dirty:?}");
}

#[test]
fn many_sessions_may_start_at_once() {
    let bench = Bench::small();
    bench.write("README.md", "changed\n");
    let ready = std::sync::Barrier::new(8);
    std::thread::scope(|scope| {
        for number in 0..8 {
            let (bench, ready) = (&bench, &ready);
            scope.spawn(move || {
                ready.wait();
                let base = if number % 2 == 0 { Base::Head } else { Base::Dirty };
                let snapshot = bench.snapshot(&base).expect("snapshot");
                let changes = set([change("new.txt", None, text("new\n"))]);
                let tree = bench.vcs.write_tree(&snapshot.key, &snapshot.tree, &changes).expect("tree");
                assert_eq!(bench.listing(&snapshot, &tree).len(), 6);
            });
        }
    });
}

#[test]
fn revisions_are_resolved_as_git_does() {
    let bench = Bench::small();
    let first = bench.id("HEAD");
    bench.git(&["tag", "-a", "-m", "tag", "v1"]);
    bench.write("README.md", "second\n");
    bench.commit_all("second");
    for (rev, expected) in
        [("v1", &first), ("HEAD~1", &first), (&first.as_str()[..9], &first), ("main", &bench.id("HEAD"))]
    {
        let found = bench.snapshot(&Base::Rev(rev.to_owned())).expect(rev);
        assert_eq!(&found.commit, expected, "{rev}");
        assert_eq!(found.branch.as_deref(), (rev == "main").then_some("main"));
    }
    let error = bench.snapshot(&Base::Rev("nowhere".to_owned()));
    assert!(matches!(error, Err(VcsError::NoSuchRevision { .. })), "{error:?}");
    bench.git(&["remote", "add", "origin", "/nowhere"]);
    bench.git(&["update-ref", "refs/remotes/origin/agent/typo", "HEAD"]);
    let error = bench.snapshot(&Base::Rev("agent/typo".to_owned())).expect_err("no branch here");
    assert!(error.to_string().ends_with("; did you mean `origin/agent/typo`?"), "{error}");
    assert!(matches!(bench.snapshot(&Base::Rev("HEAD:README.md".to_owned())), Err(VcsError::NoSuchRevision { .. })));
}

#[test]
fn uncommitted_work_is_a_base_of_its_own() {
    let bench = Bench::small();
    bench.write(".gitignore", "ignored/\n*.log\n");
    bench.commit_all("ignore");
    bench.write("README.md", "changed\n");
    bench.write("new/file.txt", "new\n");
    bench.write("ignored/x", "x");
    bench.write("a.log", "x");
    bench.write("staged.txt", "staged\n");
    bench.git(&["add", "staged.txt"]);
    bench.write("later.txt", "later\n");
    bench.git(&["add", "-N", "later.txt"]);
    fs::remove_file(bench.repo.join("src/deep/er/file.txt")).expect("remove");
    fs::set_permissions(bench.repo.join("run.sh"), fs::Permissions::from_mode(0o644)).expect("chmod");
    fs::remove_file(bench.repo.join("link")).expect("remove");
    std::os::unix::fs::symlink("README.md", bench.repo.join("link")).expect("link");
    assert_eq!(bench.vcs.changed_files(&bench.source()).expect("count"), 7);
    let base = bench.snapshot(&Base::Dirty).expect("dirty");
    assert_eq!(
        bench.listing(&base, &base.tree),
        [
            "100644 .gitignore ignored/\n*.log",
            "100644 README.md changed",
            "100644 later.txt later",
            "120000 link README.md",
            "100644 new/file.txt new",
            "100644 run.sh #!/bin/sh",
            "100644 src/lib.rs pub fn one() -> u32 {\n    1\n}",
            "100644 staged.txt staged",
        ]
    );
    // git makes the same tree of it, in a copy
    bench.git(&["add", "-A"]);
    assert_eq!(bench.git(&["write-tree"]).trim(), base.tree.as_str());
    assert_eq!(bench.snapshot(&Base::Dirty).expect("again").commit, base.commit, "the same work is the same commit");
}

#[test]
fn without_changes_the_dirty_base_is_head() {
    let bench = Bench::small();
    assert_eq!(bench.snapshot(&Base::Dirty).expect("dirty").commit, bench.id("HEAD"));
}

#[test]
fn a_file_taken_out_of_the_index_is_still_there_or_not() {
    let bench = Bench::small();
    bench.git(&["rm", "-q", "--cached", "README.md", "run.sh"]);
    bench.write(".gitignore", "run.sh\n");
    let base = bench.snapshot(&Base::Dirty).expect("dirty");
    assert_eq!(bench.names(&base), [".gitignore", "README.md", "link", "src/deep/er/file.txt", "src/lib.rs"]);
}

#[test]
fn a_folder_replaced_by_a_link_is_not_read_through() {
    let bench = Bench::small();
    fs::remove_dir_all(bench.repo.join("src/deep")).expect("remove");
    let outside = bench.folder.path().join("outside/er");
    fs::create_dir_all(&outside).expect("outside");
    fs::write(outside.join("file.txt"), "secret").expect("secret");
    std::os::unix::fs::symlink(bench.folder.path().join("outside"), bench.repo.join("src/deep")).expect("link");
    let base = bench.snapshot(&Base::Dirty).expect("dirty");
    assert!(!bench.listing(&base, &base.tree).iter().any(|line| line.contains("secret")));
    assert!(bench.names(&base).contains(&"src/deep".to_owned()));
}

#[test]
fn line_endings_are_taken_as_git_would() {
    let bench = Bench::small();
    bench.write(".gitattributes", "*.txt text\n*.bin -text\nsub/* text=auto\n");
    bench.write("old.txt", "a\n");
    bench.commit_all("attributes");
    bench.write("old.txt", "a\r\nb\r\n");
    bench.write("x.bin", "a\r\n");
    bench.write("sub/auto", "a\r\n");
    bench.write("sub/binary", b"a\r\n\0");
    bench.write("plain", "a\r\n");
    let base = bench.snapshot(&Base::Dirty).expect("dirty");
    bench.git(&["add", "-A"]);
    assert_eq!(bench.git(&["write-tree"]).trim(), base.tree.as_str(), "git makes the same tree");
    assert_eq!(bench.content(&base, "old.txt").as_deref(), Some("a\nb\n"));
    assert_eq!(bench.content(&base, "x.bin").as_deref(), Some("a\r\n"));
    bench.git(&["config", "core.autocrlf", "input"]);
    bench.write("plain2", "a\r\n");
    let base = bench.snapshot(&Base::Dirty).expect("dirty");
    assert_eq!(bench.content(&base, "plain2").as_deref(), Some("a\n"));
}

#[test]
fn files_under_a_filter_come_from_head() {
    let bench = Bench::small();
    bench.write(".gitattributes", "*.dat filter=lfs diff=lfs merge=lfs -text\n");
    bench.write("big.dat", "version https://git-lfs.github.com/spec/v1\n");
    bench.commit_all("pointer");
    bench.write("big.dat", "the real bytes");
    bench.write("other.dat", "new real bytes");
    bench.write("README.md", "changed\n");
    let base = bench.snapshot(&Base::Dirty).expect("dirty");
    assert_eq!(bench.content(&base, "big.dat").as_deref(), Some("version https://git-lfs.github.com/spec/v1\n"));
    assert_eq!(bench.content(&base, "other.dat"), None);
    assert_eq!(bench.content(&base, "README.md").as_deref(), Some("changed\n"));
    let notices = base.notices.join("\n");
    assert!(notices.contains("filter") && notices.contains("`big.dat`") && notices.contains("LFS"), "{notices}");
}

fn with_branch() -> Bench {
    let bench = Bench::small();
    bench.git(&["switch", "-q", "-c", "topic"]);
    bench.write("topic.txt", "topic\n");
    bench.commit_all("topic");
    bench.git(&["switch", "-q", "main"]);
    bench.write("main.txt", "main\n");
    bench.commit_all("main moves on");
    bench
}

#[test]
fn a_branch_is_adopted_against_its_merge_base() {
    let bench = with_branch();
    let base = bench.snapshot(&Base::Of(WorkSpec::Branch("topic".to_owned()))).expect("branch");
    assert_eq!(base.commit, bench.id("main~1"));
    assert_eq!(base.adopted, Some(bench.id("topic")));
    assert_eq!(base.branch.as_deref(), Some("main"));
    let (tree, _) = bench.vcs.commit_facts(&base.key, &bench.id("topic")).expect("facts");
    let changes = bench.vcs.changes(&base.key, &base.tree, &tree).expect("changes");
    assert_eq!(changes, set([change("topic.txt", None, text("topic\n"))]));
    // what is checked out is compared with the main branch
    bench.git(&["switch", "-q", "topic"]);
    let again = bench.snapshot(&Base::Of(WorkSpec::Branch("topic".to_owned()))).expect("checked out");
    assert_eq!((again.commit, again.adopted, again.branch), (base.commit, base.adopted, base.branch));
}

#[test]
fn adopted_work_outlives_the_users_gc() {
    let bench = with_branch();
    let base = bench.snapshot(&Base::Of(WorkSpec::Branch("topic".to_owned()))).expect("branch");
    bench.git(&["branch", "-q", "-D", "topic"]);
    bench.git(&["reflog", "expire", "--expire=now", "--all"]);
    bench.git(&["gc", "-q", "--prune=now"]);
    let adopted = base.adopted.clone().expect("adopted");
    let (tree, _) = bench.vcs.commit_facts(&base.key, &adopted).expect("still there");
    assert!(bench.listing(&base, &tree).contains(&"100644 topic.txt topic".to_owned()));
}

#[test]
fn a_pruned_base_is_said_to_be_gone() {
    let bench = with_branch();
    let base = bench.snapshot(&Base::Rev("topic".to_owned())).expect("snapshot");
    bench.git(&["branch", "-q", "-D", "topic"]);
    bench.git(&["reflog", "expire", "--expire=now", "--all"]);
    bench.git(&["gc", "-q", "--prune=now"]);
    let again = crate::bench::vcs(bench.folder.path());
    let error = again.tree(&base.key, &base.tree).map(drop);
    assert!(matches!(error, Err(VcsError::BaseGone { .. })), "{error:?}");
    fs::rename(&bench.repo, bench.repo.with_extension("moved")).expect("move");
    let error = crate::bench::vcs(bench.folder.path()).tree(&base.key, &bench_tree(&bench)).map(drop);
    assert!(matches!(error, Err(VcsError::BaseGone { .. })), "{error:?}");
}

fn bench_tree(bench: &Bench) -> paraph::id::ObjectId {
    let moved = bench.repo.with_extension("moved");
    crate::bench::git_in(&moved, bench.folder.path(), &["rev-parse", "HEAD^{tree}"]).trim().parse().expect("an id")
}

#[test]
fn ranges_are_adopted() {
    let bench = with_branch();
    let two = bench.snapshot(&Base::Of(WorkSpec::Range("main..topic".to_owned()))).expect("A..B");
    assert_eq!((two.commit, two.adopted), (bench.id("main~1"), Some(bench.id("topic"))), "what main got is no part");
    let ahead = bench.snapshot(&Base::Of(WorkSpec::Range("main~1..main".to_owned()))).expect("an ancestor");
    assert_eq!((ahead.commit, ahead.adopted), (bench.id("main~1"), Some(bench.id("main"))));
    let three = bench.snapshot(&Base::Of(WorkSpec::Range("main...topic".to_owned()))).expect("A...B");
    assert_eq!((three.commit, three.adopted), (bench.id("main~1"), Some(bench.id("topic"))));
    let open = bench.snapshot(&Base::Of(WorkSpec::Range("topic..".to_owned()))).expect("A..");
    assert_eq!(open.adopted, Some(bench.id("HEAD")));
    assert!(matches!(
        bench.snapshot(&Base::Of(WorkSpec::Range("main".to_owned()))),
        Err(VcsError::NoSuchRevision { .. })
    ));
}

#[test]
fn merge_bases_that_are_none_or_several_are_told() {
    let bench = with_branch();
    bench.git(&["switch", "-q", "-c", "crossed", "main"]);
    bench.git(&["merge", "-q", "-m", "one way", "topic"]);
    bench.git(&["switch", "-q", "topic"]);
    bench.git(&["merge", "-q", "-m", "the other", "main"]);
    bench.write("more.txt", "more\n");
    bench.commit_all("more");
    let crossed = bench.snapshot(&Base::Of(WorkSpec::Range("crossed..topic".to_owned()))).expect("two bases");
    assert!([bench.id("main"), bench.id("topic~2")].contains(&crossed.commit), "{crossed:?}");
    assert!(crossed.notices.iter().any(|notice| notice.contains("2 merge bases")), "{:?}", crossed.notices);
    bench.git(&["switch", "-q", "--orphan", "alone"]);
    bench.write("alone.txt", "alone\n");
    bench.commit_all("alone");
    for work in [WorkSpec::Range("main..alone".to_owned()), WorkSpec::Branch("topic".to_owned())] {
        let error = bench.snapshot(&Base::Of(work)).expect_err("nothing in common");
        assert!(matches!(error, VcsError::Unrelated { .. }), "{error}");
        assert!(error.hint().is_some_and(|hint| hint.contains("paraph adopt COMMIT..")), "{error}");
    }
}

#[test]
fn head_is_named_by_what_is_checked_out() {
    let bench = with_branch();
    let range = |range: &str| WorkSpec::Range(range.to_owned());
    let named = |work: WorkSpec| bench.vcs.named(&source(&bench.repo), &work).expect("named");
    let commit = bench.id("main").to_string();
    for (typed, meant) in [
        ("topic..HEAD", "topic..main".to_owned()),
        ("topic..", "topic..main".to_owned()),
        ("..topic", "main..topic".to_owned()),
        ("topic...@", "topic...main".to_owned()),
        ("topic..HEAD~1", "topic..main~1".to_owned()),
        ("HEAD~1..HEAD", format!("{}..main", bench.id("main~1"))),
        ("topic..main", "topic..main".to_owned()),
    ] {
        assert_eq!(named(range(typed)), range(&meant), "{typed}");
    }
    assert_eq!(named(WorkSpec::Branch("@".to_owned())), WorkSpec::Branch("main".to_owned()));
    assert_eq!(named(WorkSpec::Dirty), WorkSpec::Dirty);
    // a tag of the same name is another thing
    bench.git(&["tag", "main", "topic"]);
    assert_eq!(named(range("topic..HEAD")), range("topic..refs/heads/main"));
    bench.git(&["tag", "-d", "main"]);
    bench.git(&["config", "branch.main.remote", "."]);
    bench.git(&["config", "branch.main.merge", "refs/heads/topic"]);
    assert_eq!(named(range("@{upstream}..HEAD")), range("topic..main"));
    bench.git(&["switch", "-q", "--detach"]);
    assert_eq!(named(range("topic..HEAD")), range(&format!("topic..{commit}")));
}

#[test]
fn a_session_of_a_time_when_head_was_kept_as_a_word_is_that_of_its_branch() {
    let bench = with_branch();
    bench.git(&["switch", "-q", "topic"]);
    let work = WorkSpec::Range("main..HEAD".to_owned());
    let first = bench.snapshot(&Base::Of(work.clone())).expect("first");
    let next = || bench.vcs.next_snapshot(&source(&bench.repo), &work, Earlier { first: &first, newest: &first });
    bench.write("topic.txt", "amended\n");
    bench.git(&["commit", "-q", "-a", "--amend", "-m", "amended"]);
    assert_eq!(next().expect("an amended commit is the same work").adopted, Some(bench.id("topic")));
    for branch in [["-c", "other", "main"], ["-c", "stacked", "topic@{1}"]] {
        bench.git(&["switch", "-q", branch[0], branch[1], branch[2]]);
        bench.write("other.txt", branch[1]);
        bench.commit_all("other");
        assert!(matches!(next(), Err(VcsError::CheckedOutElse { .. })), "{branch:?}");
    }
}

#[test]
fn uncommitted_work_is_adopted_against_head() {
    let bench = Bench::small();
    bench.write("README.md", "changed\n");
    let base = bench.snapshot(&Base::Of(WorkSpec::Dirty)).expect("dirty");
    assert_eq!(base.commit, bench.id("HEAD"));
    let (tree, _) = bench.vcs.commit_facts(&base.key, &base.adopted.expect("adopted")).expect("facts");
    let changes = bench.vcs.changes(&base.key, &base.tree, &tree).expect("changes");
    assert_eq!(changes, set([change("README.md", text("hello\n"), text("changed\n"))]));
}

#[test]
fn another_worktree_is_adopted_with_what_is_not_committed_there() {
    let bench = with_branch();
    let other = bench.folder.path().canonicalize().expect("canonical").join("other tree");
    bench.git(&["worktree", "add", "-q", other.to_str().expect("text"), "topic"]);
    fs::write(other.join("more.txt"), "more\n").expect("write");
    let spec = |path: &std::path::Path| Base::Of(WorkSpec::Worktree(HostPath::new(path)));
    let base = bench.snapshot(&spec(&other)).expect("worktree");
    assert_eq!(base.commit, bench.id("main~1"));
    let (tree, _) = bench.vcs.commit_facts(&base.key, &base.adopted.clone().expect("adopted")).expect("facts");
    let changes = bench.vcs.changes(&base.key, &base.tree, &tree).expect("changes");
    assert_eq!(changes, set([change("more.txt", None, text("more\n")), change("topic.txt", None, text("topic\n"))]));
    // a linked worktree is a source too, with the same private repository
    let linked = bench.vcs.snapshot(&source(&other), &Base::Head).expect("linked");
    assert_eq!((linked.key, linked.branch.as_deref()), (base.key, Some("topic")));
    let stranger = Bench::small();
    assert!(matches!(bench.snapshot(&spec(&stranger.repo)), Err(VcsError::NotAWorktree { .. })));
}

#[test]
fn drift_is_counted_and_tried() {
    let bench = Bench::small();
    let base = bench.head();
    let tree = |path: &str, old: &str, new: &str| {
        bench.vcs.write_tree(&base.key, &base.tree, &set([change(path, text(old), text(new))])).expect("tree")
    };
    let readme = tree("README.md", "hello\n", "mine\n");
    let deep = tree("src/deep/er/file.txt", "deep\n", "mine\n");
    let none = bench.vcs.drift(&base, &readme).expect("drift");
    assert_eq!((none.commits, none.merges_cleanly), (0, true));
    bench.write("README.md", "theirs\n");
    bench.commit_all("theirs");
    let drift = bench.vcs.drift(&base, &readme).expect("drift");
    assert_eq!((drift.commits, drift.merges_cleanly), (1, false));
    assert_eq!(drift.touched_by_both, [paraph::id::RepoPath::from("README.md")]);
    let drift = bench.vcs.drift(&base, &deep).expect("drift");
    assert_eq!((drift.commits, drift.merges_cleanly, drift.touched_by_both.len()), (1, true, 0));
    bench.git(&["switch", "-q", "-c", "other"]);
    bench.git(&["branch", "-q", "-D", "main"]);
    assert!(matches!(bench.vcs.drift(&base, &deep), Err(VcsError::NoSuchRevision { .. })));
}

#[test]
fn a_merge_is_told_as_git_does_it_and_touches_no_pack() {
    let lines = |from: u32, change: &[(u32, &str)]| -> String {
        let line =
            |n| change.iter().find(|(at, _)| *at == n).map_or(format!("line {n}\n"), |(_, text)| format!("{text}\n"));
        (from..from + 30).map(line).collect()
    };
    let bench = Bench::empty();
    bench.write("a.txt", lines(0, &[]));
    bench.write("moved.txt", lines(100, &[]));
    bench.write("gone.txt", lines(200, &[]));
    bench.commit_all("base");
    let base = bench.head();
    // what both changes come to is there already, packed, and old
    bench.git(&["switch", "-q", "-c", "both"]);
    bench.write("a.txt", lines(0, &[(2, "theirs"), (27, "ours")]));
    bench.commit_all("both");
    bench.git(&["switch", "-q", "main"]);
    bench.write("a.txt", lines(0, &[(2, "theirs")]));
    bench.git(&["mv", "moved.txt", "there.txt"]);
    bench.git(&["rm", "-q", "gone.txt"]);
    bench.write("folder", "a file where others want a folder\n");
    bench.commit_all("theirs");
    bench.git(&["gc", "-q"]);
    let packs = || {
        let found = std::fs::read_dir(bench.repo.join(".git/objects/pack")).expect("a folder");
        found.map(|entry| entry.expect("an entry").path()).collect::<Vec<_>>()
    };
    let long_ago = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    for pack in packs() {
        let file = std::fs::File::options().read(true).open(&pack).expect("opens");
        file.set_modified(long_ago).expect("its own file");
    }
    let merges = |path: &str, old: Option<&str>, new: Option<&str>| {
        let changes = set([change(path, old.and_then(text), new.and_then(text))]);
        let tree = bench.vcs.write_tree(&base.key, &base.tree, &changes).expect("tree");
        let drift = bench.vcs.drift(&base, &tree).expect("drift");
        assert_eq!(drift.commits, 1);
        drift.merges_cleanly
    };
    let (a, moved, gone) = (lines(0, &[]), lines(100, &[]), lines(200, &[]));
    assert!(merges("a.txt", Some(&a), Some(&lines(0, &[(27, "ours")]))), "other lines of one file");
    assert!(!merges("a.txt", Some(&a), Some(&lines(0, &[(2, "ours")]))), "the same line");
    assert!(merges("a.txt", Some(&a), Some(&lines(0, &[(2, "theirs")]))), "the same change");
    assert!(!merges("a.txt", Some(&a), None), "taken away and changed");
    assert!(merges("moved.txt", Some(&moved), Some(&lines(100, &[(105, "ours")]))), "it is looked for where it went");
    assert!(!merges("moved.txt", Some(&moved), None), "moved and taken away");
    assert!(merges("gone.txt", Some(&gone), None), "taken away by both");
    let elsewhere = [change("moved.txt", text(&moved), None), change("elsewhere.txt", None, text(&moved))];
    let tree = bench.vcs.write_tree(&base.key, &base.tree, &set(elsewhere)).expect("tree");
    assert!(!bench.vcs.drift(&base, &tree).expect("drift").merges_cleanly, "each moved it to another place");
    assert!(!merges("gone.txt", Some(&gone), Some(&lines(200, &[(205, "ours")]))), "changed and taken away");
    assert!(merges("new.txt", None, Some("new\n")));
    assert!(!merges("folder/new.txt", None, Some("new\n")), "a folder where a file came");
    for pack in packs() {
        assert_eq!(pack.metadata().expect("it is there").modified().expect("a time"), long_ago, "{}", pack.display());
    }
}

#[test]
fn that_a_branch_stands_still_is_known_only_of_what_was_looked_at_and_is_still_it() {
    let bench = Bench::small();
    let base = bench.head();
    let stands_still = || bench.vcs.stands_still(&base);
    let look = || bench.vcs.drift(&base, &base.tree).expect("drift");
    assert!(!stands_still(), "nobody looked yet");
    look();
    assert!(stands_still() && stands_still());
    bench.git(&["pack-refs", "--all"]);
    assert!(stands_still(), "packed or loose");
    bench.write("README.md", "theirs\n");
    bench.commit_all("theirs");
    assert!(!stands_still());
    assert_eq!(look().commits, 1);
    bench.git(&["reset", "-q", "--hard", "HEAD~1"]);
    assert!(stands_still());
    bench.git(&["config", "core.worktree", "/"]);
    assert!(!stands_still(), "its configuration changed");
    assert!(bench.vcs.drift(&base, &base.tree).is_err(), "and would not be opened now");
    bench.git(&["config", "--unset", "core.worktree"]);
    look();
    let elsewhere = bench.folder.path().join("elsewhere");
    std::fs::rename(&bench.repo, &elsewhere).expect("moved");
    assert!(!stands_still(), "it is not there");
    std::fs::create_dir(&bench.repo).expect("a folder");
    bench.git(&["init", "-q", "-b", "main"]);
    assert!(!stands_still(), "another one is");
}

#[test]
fn an_address_is_cloned_once_and_brought_up_to_date() {
    let bench = Bench::small();
    let url = Source::Url(format!("file://{}", bench.repo.display()));
    let facts = bench.vcs.facts(&url).expect("facts");
    assert_eq!((facts.name.as_str(), facts.bare), ("repo", true));
    let first = bench.vcs.snapshot(&url, &Base::Head).expect("clone");
    assert_eq!((first.repo.as_str(), &first.commit), ("repo", &bench.id("HEAD")));
    bench.write("README.md", "second\n");
    let second = bench.commit_all("second");
    assert_eq!(bench.vcs.snapshot(&url, &Base::Head).expect("fetch").commit, second);
    fs::rename(&bench.repo, bench.repo.with_extension("away")).expect("move");
    let offline = bench.vcs.snapshot(&url, &Base::Head).expect("the clone serves");
    assert_eq!(offline.commit, second);
    assert!(offline.notices.iter().any(|notice| notice.contains("could not be reached")), "{:?}", offline.notices);
    let nowhere = Source::Url(format!("file://{}/nowhere", bench.repo.display()));
    assert!(matches!(bench.vcs.snapshot(&nowhere, &Base::Head), Err(VcsError::Git { .. })));
    assert!(matches!(bench.vcs.facts(&Source::Url("--upload-pack=x".into())), Err(VcsError::Git { .. })));
}

#[test]
fn the_user_is_named_by_their_own_configuration_only() {
    let bench = Bench::small();
    bench.git(&["config", "user.name", "Mallory"]);
    bench.git(&["config", "user.email", "m@example.org"]);
    let config = bench.folder.path().join("home/.gitconfig");
    fs::write(&config, "[user]\n\tname = Ada Lovelace\n").expect("config");
    let email = "[user]\n\temail = ada@example.org\n\tname = Weaker\n";
    fs::create_dir_all(bench.folder.path().join("home/.config/git")).expect("folder");
    fs::write(bench.folder.path().join("home/.config/git/config"), email).expect("config");
    let user = bench.vcs.user().expect("a user");
    assert_eq!((user.name.as_str(), user.email.as_str()), ("Ada Lovelace", "ada@example.org"));
}
