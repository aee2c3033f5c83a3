//! The user's repository, `.git` whole, times included, is the same before and after everything but publishing.

use std::fs;

use paraph::cancel::Cancel;
use paraph::id::HostPath;
use paraph::repository::{Base, Vcs as _, WorkSpec};

use crate::bench::{Bench, change, new_commit, set, text};

#[test]
fn nothing_of_the_users_repository_is_touched() {
    let bench = Bench::small();
    bench.git(&["branch", "topic"]);
    bench.write("second.txt", "second\n");
    bench.commit_all("second");
    // loose objects whose ids a session will need again: their times must not be refreshed
    bench.write("README.md", "changed\n");
    bench.git(&["hash-object", "-w", "README.md"]);
    bench.write("untracked.txt", "new\n");
    // an index whose times are stale: a status of git's would refresh it
    let old = fs::File::options().write(true).open(bench.repo.join("src/lib.rs")).expect("open");
    old.set_modified(std::time::SystemTime::UNIX_EPOCH).expect("set time");
    let before = bench.fingerprint();

    let source = bench.source();
    bench.vcs.facts(&source).expect("facts");
    assert_eq!(bench.vcs.changed_files(&source).expect("count"), 2);
    let mut bases = vec![Base::Head, Base::Rev("topic".into()), Base::Dirty];
    bases.extend(
        [WorkSpec::Branch("topic".into()), WorkSpec::Range("topic..main".into()), WorkSpec::Dirty].map(Base::Of),
    );
    bases.push(Base::Of(WorkSpec::Worktree(HostPath::new(bench.repo.clone()))));
    for base in bases {
        let snapshot = bench.snapshot(&base).expect("snapshot");
        bench.listing(&snapshot, &snapshot.tree);
        let changes = set([change("n/ew", None, text("changed\n"))]);
        let tree = bench.vcs.write_tree(&snapshot.key, &snapshot.tree, &changes).expect("tree");
        bench.vcs.would_be_tree(&bench.user_tree(), &changes).expect("dry run");
        bench.vcs.changes(&snapshot.key, &snapshot.tree, &tree).expect("changes");
        let reference = format!("refs/heads/paraph/{}", tree);
        let commit = paraph::repository::NewCommit { reference, ..new_commit(&snapshot, &tree) };
        bench.vcs.commit(&snapshot.key, &commit).expect("commit");
        bench.vcs.checkout(&snapshot.key, &tree, &bench.checkout_folder(), &Cancel::new()).expect("checkout");
        bench.vcs.drift(&snapshot, &tree).expect("drift");
        bench.vcs.remove_checkout(&snapshot.key, &bench.checkout_folder()).expect("remove");
    }
    let after = bench.fingerprint();
    let changed: Vec<_> = after.iter().filter(|(path, facts)| before.get(*path) != Some(facts)).collect();
    assert!(changed.is_empty() && before.len() == after.len(), "{changed:#?}");
}
