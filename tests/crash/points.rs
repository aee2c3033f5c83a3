//! The daemon aborts at every named fault point, on its way through a whole session, and another one finishes it.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Stdio};

use paraph::infrastructure::fault::ALL;

use crate::den::{Den, eventually};
use crate::for_each;
use crate::wish::Wish;

/// A daemon of this test's own, so that its end can be seen.
pub(crate) struct Faulty {
    child: Child,
}

impl Faulty {
    pub(crate) fn start(den: &Den, fault: &str) -> Self {
        let log = std::fs::File::create(den.path().join("faulty.log")).unwrap();
        let mut command = den.paraph();
        command.args(["daemon", "run"]).env("PARAPH_FAULT", fault).stdin(Stdio::null());
        command.stdout(log.try_clone().unwrap()).stderr(log);
        let mut child = command.spawn().unwrap();
        eventually("a daemon, or its end", || {
            let ended = child.try_wait().unwrap().is_some();
            (ended || den.daemon() == Some(child.id())).then_some(())
        });
        Self { child }
    }

    /// How it ended, as soon as it did.
    #[track_caller]
    pub(crate) fn ended(mut self, den: &Den) -> std::process::ExitStatus {
        let status = eventually("the end of the daemon", || self.child.try_wait().unwrap());
        let log = std::fs::read_to_string(den.path().join("faulty.log")).unwrap();
        assert!(!log.contains("panicked"), "{log}");
        status
    }
}

impl Drop for Faulty {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The spec that makes a session pass `point`, and what has to stand there before.
///
/// Every point of the list is passed by this flow, except for three that only a disturbed journal leads to:
/// cutting back follows a failed write, and moving away an unfinished line needs one.
fn spec(point: &str, passage: u32) -> (String, bool) {
    match point {
        "journal.before-cut" => (format!("journal.before-write:{}:eio,{point}:1", passage + 1), false),
        "journal.before-torn" | "journal.after-torn" => (format!("{point}:1"), true),
        _ => (format!("{point}:{passage}"), false),
    }
}

/// Makes the journal end in half a line that nobody acknowledged, as a crash in the middle of a write does.
fn tear(den: &Den) {
    den.line("daemon start").ended(0);
    den.run(&["trust", den.path().join("repo").to_str().unwrap()]).ended(0);
    den.line("daemon stop").ended(0);
    let segment = den.home.join("journal/00000000000000000001.jsonl");
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes.extend_from_within(..40);
    std::fs::write(&segment, bytes).unwrap();
}

fn dies_at(point: &str, passage: u32) {
    let den = Den::new();
    let repository = den.small_repository("repo");
    let (fault, torn) = spec(point, passage);
    if torn {
        tear(&den);
    }
    let faulty = Faulty::start(&den, &fault);
    let mut wish = Wish::new(&den, &repository);
    wish.comes_true();
    // what is passed at the end only
    let _ = den.line("daemon stop");
    let ended = faulty.ended(&den);
    assert_eq!(ended.signal(), Some(6), "{fault} was not passed, or did not kill: {ended:?}");
    wish.was_done_once(1);
    if let Some(work) = point.strip_prefix("effect.") {
        let category = match work.split('.').next() {
            Some("load") => "snapshot",
            Some("draft") => "proposal",
            Some("apply") => "branch",
            Some("check") => "validation",
            Some(other) => other,
            None => unreachable!("split gives one part at least"),
        };
        assert!(wish.attempts()[category] >= 2, "{:?}", wish.attempts());
    }
}

#[test]
fn the_list_of_points_is_known() {
    insta::with_settings!({ snapshot_path => "../../snapshots", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("fault_points", ALL.join("\n"));
    });
}

#[test]
fn a_daemon_that_dies_at_any_point_finishes_once_when_it_is_started_again() {
    let mut moments: Vec<(&str, u32)> =
        ALL.iter().filter(|point| !NOT_PASSED.contains(point)).map(|p| (*p, 1)).collect();
    for point in ["journal.before-write", "journal.before-sync", "journal.after-sync", "store.before-commit"] {
        moments.extend([2, 5, 9].map(|passage| (point, passage)));
    }
    moments.extend(["blobs.before-rename", "blobs.after-rename", "store.after-commit"].map(|point| (point, 3)));
    for_each(&moments, |(point, passage)| dies_at(point, *passage));
}

/// Points that this session does not pass, each with its reason.
///
/// `effect.index`: the playbook `quick` has no index stage of its own; rules need none. `staged` passes it.
/// `effect.pass-over`: only candidates have others to tell; `picking` passes them.
/// `effect.triage`, `effect.plan`, `effect.test`, `effect.document`, `effect.review`, `effect.runbook`: a daemon of this
/// test has no model to ask; `staged` passes them, with a server that speaks for one. `effect.monitor`: it is asked by a
/// person, after all is done; `staged` asks.
const NOT_PASSED: &[&str] = &[
    "effect.document.after",
    "effect.document.before",
    "effect.index.after",
    "effect.index.before",
    "effect.monitor.after",
    "effect.monitor.before",
    "effect.pass-over.after",
    "effect.pass-over.before",
    "effect.pass-over.between",
    "effect.plan.after",
    "effect.plan.before",
    "effect.review.after",
    "effect.review.before",
    "effect.runbook.after",
    "effect.runbook.before",
    "effect.test.after",
    "effect.test.before",
    "effect.triage.after",
    "effect.triage.before",
];
