//! What runs stand on, and what they leave.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use crate::bench::{Bench, holds, levels, sh, status};
use paraph::cancel::Cancel;
use paraph::clock::SystemClock;
use paraph::infrastructure::store::Cache;
use paraph::repository::RepoKey;
use paraph::validation::{
    CheckResult, CommandLine, LocalLimits, LocalPorts, LocalValidator, Progress, Reclaimed, Setup, Validator as _,
};

#[test]
fn the_proposal_is_what_runs_see() {
    for confinement in levels() {
        let files = [
            ("kept", "kept\n"),
            ("gone", "x\n"),
            ("dir/gone", "x\n"),
            ("dir/sub/gone", "x\n"),
            ("becomes-dir", "x\n"),
            ("becomes-file/a", "x\n"),
            ("becomes-file/b", "x\n"),
        ];
        let bench = Bench::at(confinement, &files);
        let tree = bench.proposal(&[
            ("gone", None),
            ("dir/gone", None),
            ("dir/sub/gone", None),
            ("becomes-dir", None),
            ("becomes-dir/inside", Some("inside\n")),
            ("becomes-file/a", None),
            ("becomes-file/b", None),
            ("added/deep/file", Some("added\n")),
        ]);
        let tree = {
            // git keeps the folder's name for a file only after the folder is gone
            bench.git(&["read-tree", &tree.to_string()]);
            fs::remove_dir_all(bench.repo.join("becomes-file")).expect("was there");
            bench.write(&[("becomes-file", "now a file\n")]);
            bench.git(&["add", "becomes-file"]);
            let tree = bench.git(&["write-tree"]);
            bench.git(&["reset", "-q", "--hard"]);
            tree.parse().expect("an id")
        };
        let list = "find . -path ./left-by-base -prune -o -type f -print | sort | tr '\\n' ' '; test -e added";
        let base = sh("base leaves", "mkdir -p left-by-base dir; echo x > left-by-base/product; echo y >> gone; true");
        let (result, _) = bench.validate(&bench.job(&tree, vec![base, sh("list", list)]));
        assert_eq!(status(&result.checks[1]), "fixed", "{}", bench.log(&result.checks[1]));
        let log = bench.log(&result.checks[1]);
        // the proposal's own first check wrote `gone` again
        let expected = "./added/deep/file ./becomes-dir/inside ./becomes-file ./gone ./kept ";
        assert!(log.contains(expected), "{log}");
    }
}

#[test]
fn products_of_the_base_are_used_and_its_edits_undone() {
    for confinement in levels() {
        let bench = Bench::at(confinement, &[("source", "one\n"), ("other", "one\n"), ("src/a", "a\n")]);
        let script = "test -e product && echo reused; cat source other src/a; echo made > product; \
                      echo edited > other; rm -rf src; mkdir src; echo new > src/b; ls src";
        let checks = vec![sh("build", script)];
        let (result, _) = bench.validate(&bench.job(&bench.proposal(&[("source", Some("two\n"))]), checks));
        let log = bench.log(&result.checks[0]);
        assert!(log.contains("reused\ntwo\none\na\nb\n"), "{log}");
    }
}

/// Looks whenever a check starts.
struct Looks<'a> {
    seen: Mutex<Vec<Reclaimed>>,
    look: &'a (dyn Fn() -> Reclaimed + Sync),
}

impl Progress for Looks<'_> {
    fn started(&self, _check: &str, _on_base: bool, _log: PathBuf) {
        let found = (self.look)();
        self.seen.lock().expect("nobody panicked").push(found);
    }

    fn finished(&self, _result: &CheckResult) {}
}

#[test]
fn checkouts_go_at_a_word_but_for_those_in_use() {
    let bench = Bench::new(&[("value", "good\n")]);
    let tree = bench.proposal(&[("value", Some("better\n"))]);
    let job = bench.job(&tree, vec![sh("unit", "test -e product && echo reused; echo made > product")]);
    let (key, base) = (job.snapshot.key.clone(), job.snapshot.tree.clone());
    let discard = |key: &RepoKey| bench.validator.discard(key, std::slice::from_ref(&base)).expect("it is read");
    assert_eq!(discard(&key), Reclaimed::default(), "there is none yet");
    bench.validate(&job);
    assert_eq!(discard(&RepoKey("other".to_owned())), Reclaimed::default(), "another repository's stay");
    // a look while the proposal's check sleeps
    let slow = bench.job(&tree, vec![sh("slow", "sleep 2")]);
    let look = Looks { seen: Mutex::default(), look: &|| discard(&key) };
    bench.validate_with(&slow, &look, &Cancel::new()).expect("completes");
    let seen = look.seen.into_inner().expect("nobody panicked");
    assert!(!seen.is_empty());
    for during in seen {
        assert_eq!((during.checkouts, during.in_use), (0, 1), "a check runs in it");
    }
    let gone = discard(&key);
    assert!(gone.checkouts == 1 && gone.bytes > 0 && gone.in_use == 0, "{gone:?}");
    assert_eq!(discard(&key), Reclaimed::default());
    let (result, _) = bench.validate(&job);
    assert_eq!(status(&result.checks[0]), "passed", "the next check makes it anew");
}

#[test]
fn what_a_proposal_leaves_is_seen_by_nobody() {
    for confinement in levels() {
        let bench = Bench::at(confinement, &[("value", "good\n")]);
        let script = "test ! -e junk && grep -q '^[a-z]*$' value && test ! -e $HOME/junk && test ! -e /tmp/junk-4711; \
                      result=$?; if grep -q evil value; then \
                      touch junk $HOME/junk /tmp/junk-4711; echo 1 >> value; fi; exit $result";
        let checks = vec![sh("clean", script)];
        for value in ["evil", "eviler", "good too"] {
            let proposal = [("value", Some(value)), ("more", Some("m"))];
            let (result, _) = bench.validate(&bench.job(&bench.proposal(&proposal), checks.clone()));
            assert_eq!(status(&result.checks[0]), if value == "good too" { "broken" } else { "passed" }, "{value}");
        }
        assert!(!holds(&bench.folder.path().join("worktrees"), "junk"));
        assert!(!std::path::Path::new("/tmp/junk-4711").exists());
    }
}

#[test]
fn ignored_dependencies_are_lent_and_stay_as_they_are() {
    for confinement in levels() {
        let has_overlays = confinement.overlays_work();
        let bench =
            Bench::at(confinement, &[("value", "good\n"), (".gitignore", "node_modules/\n/vendor\n"), ("app/x", "x")]);
        bench.write(&[
            ("node_modules/tool/run", "#!/bin/sh\necho tool ran\n"),
            ("app/node_modules/dep", "nested\n"),
            (".venv/.gitignore", "*\n"),
            (".venv/bin/tool", "venv\n"),
        ]);
        let script = "sh node_modules/tool/run && cat app/node_modules/dep .venv/bin/tool && test -e venv/pyvenv.cfg && \
                      test ! -e third_party; \
                      result=$?; echo spoiled > node_modules/tool/run; rm -f app/node_modules/dep; pwd; exit $result";
        let mut job = bench.job(&bench.job_tree("value", "bad\n"), vec![sh("uses", script)]);
        job.plan.notices.push("first".into());
        // nobody told git to ignore either, and a mark of its own says what one is
        bench.write(&[("third_party/not-ignored", "x"), ("venv/pyvenv.cfg", "home = /usr/bin\n")]);
        let before = bench.fingerprint();
        let (result, _) = bench.validate(&job);
        let log = bench.log(&result.checks[0]);
        assert!(before == bench.fingerprint(), "the working copy was touched");
        assert!(
            result.notices[1].contains("`venv`, `node_modules`, `.venv`, `app/node_modules`"),
            "{:?}",
            result.notices
        );
        if has_overlays {
            // the base's run spoiled its own copy, which the proposal starts from
            assert!(log.contains(&format!("\n{}\n", bench.repo.display())), "seen at the user's own place: {log}");
            assert_eq!(result.checks[0].baseline, paraph::validation::BaselineStatus::Passed, "{log}");
        } else {
            assert!(log.contains("tool ran\nnested\nvenv\n"), "{log}");
            assert_eq!(status(&result.checks[0]), "passed");
        }
    }
}

#[test]
fn what_holds_a_private_place_in_the_working_copy_is_not_lent() {
    let mut bench = Bench::new(&[("value", "good\n"), (".gitignore", "node_modules/\n.venv/\n")]);
    bench.write(&[("node_modules/home/run/paraph.sock", "reached\n"), (".venv/bin/tool", "x\n")]);
    bench.validator = LocalValidator::new(LocalPorts {
        vcs: bench.vcs.clone(),
        confinement: bench.confinement.clone(),
        blobs: bench.blobs.clone(),
        cache: Cache::none(),
        worktrees: bench.folder.path().join("worktrees"),
        private: vec![bench.repo.join("node_modules/home")],
        clock: Arc::new(SystemClock::default()),
        limits: LocalLimits::default(),
    });
    let socket = bench.repo.join("node_modules/home/run/paraph.sock");
    let script = format!(
        "test -e .venv/bin/tool && test ! -e node_modules && ! cat '{}'; result=$?; pwd; exit $result",
        socket.display()
    );
    let (result, _) = bench.validate(&bench.job(&bench.job_tree("value", "x\n"), vec![sh("look", &script)]));
    let log = bench.log(&result.checks[0]);
    assert_eq!(status(&result.checks[0]), "passed", "{log}");
    // the checkout is not shown over a working copy that holds a private place
    assert!(log.contains("worktrees"), "{log}");
}

#[test]
fn setup_runs_once_for_a_lockfile() {
    let bench = Bench::new(&[("value", "good\n"), ("package-lock.json", "{}\n"), (".gitignore", ".deps\n")]);
    let run = |tree: &paraph::id::ObjectId| {
        let mut job = bench.job(tree, vec![sh("uses", "cat .deps \"$HOME/.fetched\"")]);
        job.plan.setup = Some(setup("date +%s%N > .deps; cat package-lock.json > \"$HOME/.fetched\""));
        let (result, heard) = bench.validate(&job);
        assert_eq!(status(&result.checks[0]), "passed", "{}", bench.log(&result.checks[0]));
        heard.into_iter().filter(|told| told.ends_with("setup")).collect::<Vec<_>>()
    };
    assert_eq!(run(&bench.job_tree("value", "two\n")), ["+setup"]);
    assert!(run(&bench.job_tree("value", "three\n")).is_empty());
    assert_eq!(run(&bench.job_tree("package-lock.json", "{\"a\": 1}\n")), ["setup"], "other dependencies");
    // what it left serves every base with these lockfiles
    bench.write(&[("value", "next\n")]);
    bench.git(&["commit", "-q", "-am", "next"]);
    assert!(run(&bench.job_tree("value", "four\n")).is_empty());
    // not one whose files it wrote over
    bench.write(&[(".deps", "committed\n")]);
    bench.git(&["add", "-f", ".deps"]);
    bench.git(&["commit", "-q", "-m", "deps"]);
    assert_eq!(run(&bench.job_tree("value", "five\n")), ["+setup"]);
}

#[test]
fn setup_has_the_network_only_where_a_person_permitted_it() {
    let server = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = server.local_addr().expect("an address").port();
    let fetch = format!("exec bash -c 'echo > /dev/tcp/127.0.0.1/{port} && echo fetched > .deps'");
    for confinement in levels() {
        let full = confinement.level() == paraph::infrastructure::confinement::Level::Full;
        let bench = Bench::at(confinement, &[("value", "good\n"), ("package-lock.json", "{}\n")]);
        let run = |tree: &paraph::id::ObjectId, setup: Setup, permitted: Option<paraph::id::Digest>| {
            let uses = sh("uses", &format!("cat .deps && ! bash -c 'echo > /dev/tcp/127.0.0.1/{port}'"));
            let mut job = bench.job(tree, vec![uses]);
            (job.plan.setup, job.setup_network) = (Some(setup), permitted.into_iter().collect());
            bench.validate(&job)
        };
        let tree = bench.job_tree("value", "two\n");
        let (result, heard) = run(&tree, setup(&fetch), None);
        assert_eq!((result.checks.len(), status(&result.checks[0]).as_str()), (1, "environment"));
        if !full {
            assert_eq!((result.unverified, result.setup_wants_network), (None, None));
            assert!(result.checks[0].note.contains("did not succeed without the network"), "{}", result.checks[0].note);
            continue;
        }
        assert_eq!((result.checks[0].name.as_str(), heard), ("setup", vec!["+setup".to_owned()]));
        assert!(result.unverified.is_some_and(|why| why.contains("did not succeed without the network")));
        let wanted = result.setup_wants_network.expect("a person can permit it");
        let (other, heard) = run(&tree, Setup { network: true, ..setup(&fetch) }, None);
        assert!(other.setup_wants_network == Some(wanted) && heard.is_empty(), "it says so itself: {heard:?}");
        let (result, heard) = run(&tree, setup(&fetch), Some(wanted));
        assert_eq!((result.unverified, heard[0].as_str()), (None, "+setup"));
        assert_eq!(status(&result.checks[0]), "passed", "{}", bench.log(&result.checks[0]));
        let (result, heard) = run(&bench.job_tree("value", "three\n"), setup(&fetch), Some(wanted));
        assert!(!heard.iter().any(|told| told.ends_with("setup")) && result.unverified.is_none(), "{heard:?}");
        // other lockfiles need a word of their own
        let (result, _) = run(&bench.job_tree("package-lock.json", "{\"a\": 1}\n"), setup(&fetch), Some(wanted));
        assert!(result.setup_wants_network.is_some_and(|other| other != wanted), "{result:?}");
        let (result, _) = run(&tree, setup("echo cannot; exit 1"), None);
        assert!(bench.log(&result.checks[0]).contains("\ncannot\n"));
    }
}

fn setup(script: &str) -> Setup {
    Setup { command: CommandLine::Shell(script.to_owned()), timeout_s: 30, network: false }
}

#[test]
fn several_jobs_on_one_base_do_not_meet() {
    for confinement in levels() {
        let bench = Bench::at(confinement, &[("value", "0\n")]);
        let jobs: Vec<_> = (1..5)
            .map(|number| {
                let (text, script) =
                    (format!("{number}\n"), "v=$(cat value); echo $v > mine; sleep 0.2; test $v = $(cat mine)");
                bench.job(&bench.job_tree("value", &text), vec![sh("mine", script), sh("still", "cmp value mine")])
            })
            .collect();
        std::thread::scope(|scope| {
            let running: Vec<_> = jobs.iter().map(|job| scope.spawn(|| bench.validate(job).0)).collect();
            for run in running {
                let result = run.join().expect("no panic");
                let statuses: Vec<_> = result.checks.iter().map(status).collect();
                assert_eq!(statuses, ["passed", "passed"]);
            }
        });
    }
}

#[test]
fn checkouts_are_reclaimed_and_a_crash_leaves_nothing() {
    let bench = Bench::new(&[("value", "good\n")]);
    assert_eq!(bench.statuses(&[("value", Some("bad\n"))], vec![sh("one", "true")]), ["one: passed"]);
    let worktrees = bench.folder.path().join("worktrees");
    let slot = fs::read_dir(&worktrees).expect("there").next().expect("one").expect("readable").path();
    fs::create_dir_all(slot.join("runs/7/upper")).expect("what a crashed run left");
    fs::create_dir_all(worktrees.join("no-slot")).expect("rubbish");
    bench.validator.reclaim();
    assert!(!slot.join("runs").exists() && slot.join("tree/value").exists() && !worktrees.join("no-slot").exists());
    // a checkout cut short is made again
    fs::remove_file(slot.join("complete")).expect("was there");
    fs::remove_file(slot.join("tree/value")).expect("was there");
    let check = sh("two", "test -e value");
    assert_eq!(bench.statuses(&[("other", Some("x\n"))], vec![check.clone()]), ["two: passed"]);
    let few = LocalValidator::new(LocalPorts {
        vcs: bench.vcs.clone(),
        confinement: bench.confinement.clone(),
        blobs: bench.blobs.clone(),
        cache: Cache::none(),
        worktrees: worktrees.clone(),
        private: Vec::new(),
        clock: Arc::new(SystemClock::default()),
        limits: LocalLimits { kept_checkouts: 0, ..LocalLimits::default() },
    });
    few.reclaim();
    assert_eq!(fs::read_dir(&worktrees).expect("there").count(), 0);
    // the base's result is kept, what it built is not: the proposal starts from the bare tree
    let (result, heard) = bench.validate(&bench.job(&bench.job_tree("value", "x\n"), vec![check]));
    assert_eq!((status(&result.checks[0]).as_str(), heard.len()), ("passed", 2));
}

#[test]
fn hostile_leftovers_lead_nowhere() {
    for confinement in levels() {
        let bench = Bench::at(confinement, &[("src/a", "a\n"), ("value", "good\n")]);
        let outside = bench.folder.path().join("outside");
        fs::create_dir(&outside).expect("a folder");
        fs::write(outside.join("a"), "theirs").expect("a file");
        let outside_path = outside.canonicalize().expect("there");
        let script = format!(
            "rm -rf src; ln -s {} src; ln -sf {}/a value; true",
            outside_path.display(),
            outside_path.display()
        );
        let show = sh("show", "cat src/a value; test ! -L src && test ! -L value; true");
        let tree = bench.proposal(&[("src/a", Some("new\n")), ("value", Some("bad\n"))]);
        let (result, _) = bench.validate(&bench.job(&tree, vec![show, sh("links", &script)]));
        assert!(bench.log(&result.checks[0]).contains("\nnew\nbad\n"), "{}", bench.log(&result.checks[0]));
        assert_eq!(fs::read_to_string(outside.join("a")).expect("there"), "theirs");
        assert_eq!(fs::read_dir(&outside).expect("there").count(), 1);
    }
}

impl Bench {
    /// The tree with one file changed.
    fn job_tree(&self, path: &str, content: &str) -> paraph::id::ObjectId {
        self.proposal(&[(path, Some(content))])
    }
}
