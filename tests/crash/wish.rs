//! A person who wants one thing done, and says it again until it is.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::den::{Den, GOAL, PATIENCE, Repository, Said};

/// Seconds without any change after which a person tries a new daemon; twice as many after each that did not help,
/// so that a machine too busy for one draft in that time gets to it.
const STANDSTILL: u64 = 6;

/// One session's way from a goal to a branch, by verbs that are said again where they failed.
pub(crate) struct Wish<'a> {
    pub(crate) den: &'a Den,
    pub(crate) repository: &'a Repository,
    /// What was refused on the way.
    pub(crate) refused: Vec<Said>,
    /// The next steps that the session named when it stood still.
    pub(crate) advised: Vec<String>,
    /// How often the daemon was stopped because nothing moved.
    pub(crate) restarts: u32,
    acknowledged: Acknowledged,
    /// After so many refusals of the same verb the daemon is stopped, as the hints say.
    patience: u32,
}

/// What an exit status of 0 promised.
#[derive(Debug, Default)]
struct Acknowledged {
    session: bool,
    decision: bool,
    publish: bool,
}

impl<'a> Wish<'a> {
    pub(crate) fn new(den: &'a Den, repository: &'a Repository) -> Self {
        let acknowledged = Acknowledged::default();
        Self { den, repository, refused: Vec::new(), advised: Vec::new(), restarts: 0, acknowledged, patience: 3 }
    }

    /// Says everything until the branch is there.
    #[track_caller]
    pub(crate) fn comes_true(&mut self) -> Value {
        let repository = self.repository.arg().to_owned();
        self.insists(&["trust", &repository], |_| false);
        self.starts();
        let scored = self.reaches(&["Scored", "Approved", "Publishing", "Done"]);
        let version = scored["versions"].as_array().unwrap().last().expect("a version").clone();
        let id = format!("1@v{}", version["number"]);
        let digest = version["patch_sets"][0]["digest"].as_str().unwrap().to_owned();
        self.insists(&["approve", &id, "--digest", &digest, "-m", "read it"], decided);
        self.acknowledged.decision = true;
        let approved = self.reaches(&["Approved", "Publishing", "Done"]);
        assert!(decided(&approved), "{approved:#}");
        self.insists(&["publish", "1"], |seen| matches!(seen["state"].as_str(), Some("Publishing" | "Done")));
        self.acknowledged.publish = true;
        self.reaches(&["Done"])
    }

    fn starts(&mut self) {
        for _ in 0..60 {
            let listed = self.tries(&["list", "--json"]);
            let Some(listed) = listed.filter(Said::done) else { continue };
            if listed.json()["sessions"].as_array().is_some_and(|sessions| !sessions.is_empty()) {
                self.acknowledged.session = true;
                return;
            }
            if self.acknowledged.session {
                // the store may be behind the journal for a second, after a commit that failed
                std::thread::sleep(std::time::Duration::from_millis(200));
                continue;
            }
            let repository = self.repository.arg().to_owned();
            let started = self.tries(&["run", GOAL, "--repo", &repository, "--json"]);
            self.acknowledged.session |= started.is_some_and(|said| said.done());
        }
        panic!("no session after many tries: {:#?}", self.refused);
    }

    /// The session as soon as it is in one of `states`.
    #[track_caller]
    fn reaches(&mut self, states: &[&str]) -> Value {
        let started = std::time::Instant::now();
        let mut stood = 0;
        let mut last = (String::new(), started);
        let mut standstill = STANDSTILL;
        while started.elapsed() < PATIENCE {
            let Some(seen) = self.tries(&["show", "1", "--json"]).filter(Said::done) else { continue };
            let seen = seen.json();
            assert!(!self.acknowledged.decision || decided(&seen), "an acknowledged decision is gone: {seen:#}");
            let state = seen["state"].as_str().unwrap().to_owned();
            if states.contains(&state.as_str()) {
                return seen;
            }
            if last.0 != state {
                last = (state.clone(), std::time::Instant::now());
                standstill = STANDSTILL;
            } else if last.1.elapsed().as_secs() >= standstill && state != "NeedsHuman" {
                // a daemon whose journal cannot be written goes on when it is started again
                last.1 = std::time::Instant::now();
                standstill *= 2;
                self.restarts += 1;
                self.den.line("daemon stop");
            }
            assert!(!(self.acknowledged.publish && state == "Approved"), "an acknowledged publish is forgotten");
            if state == "NeedsHuman" {
                stood += 1;
                assert!(stood < 8, "it does not go on: {seen:#}\n{:#?}", self.advised);
                if stood == 4 {
                    // the disk has room again: the next daemon is without the fault
                    self.den.line("daemon stop");
                }
                self.does_as_told(&seen);
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        panic!("{states:?} did not come: {:#?}\n{}", self.den.line("show 1"), self.den.daemon_log());
    }

    /// Types what a session that stands still says.
    fn does_as_told(&mut self, seen: &Value) {
        let next = seen["next"].as_str().unwrap_or_default().to_owned();
        assert!(next.contains("paraph "), "what to type: {seen:#}");
        let named = ["publish", "check"].into_iter().find(|verb| next.contains(&format!("paraph {verb} ")));
        let verb = named.unwrap_or("regenerate");
        self.advised.push(format!("{}: {next}", seen["reason"]));
        self.tries(&[verb, "1"]);
    }

    /// Says it until it is done, or `already` holds of the session.
    #[track_caller]
    fn insists(&mut self, args: &[&str], already: impl Fn(&Value) -> bool) {
        for _ in 0..20 {
            if self.tries(args).is_some_and(|said| said.done()) {
                return;
            }
            let seen = self.tries(&["show", "1", "--json"]).filter(Said::done);
            if seen.is_some_and(|said| already(&said.json())) {
                return;
            }
        }
        panic!("`{}` is not done after many tries: {:#?}", args.join(" "), self.refused);
    }

    /// Says it once. A refusal has to tell what to type; after some the daemon is stopped.
    #[track_caller]
    fn tries(&mut self, args: &[&str]) -> Option<Said> {
        let said = self.den.run(args);
        said.has_not_panicked();
        // looking at a session that is not there yet is no refusal
        if !said.done() && !said.err.contains("there is no session") {
            said.is_a_good_refusal();
            self.refused.push(said.clone());
            if (self.refused.len() as u32).is_multiple_of(self.patience) {
                self.den.line("daemon stop");
            }
        }
        Some(said)
    }

    /// Everything that must hold in the end, whatever happened on the way.
    #[track_caller]
    pub(crate) fn was_done_once(&self, versions: usize) {
        let _ = self.den.line("daemon stop");
        let listed = self.den.line("list --json").ended(0).json();
        assert_eq!(listed["sessions"].as_array().unwrap().len(), 1, "one session: {listed:#}");
        let seen = self.den.line("show 1 --json").ended(0).json();
        assert_eq!(seen["state"], "Done", "{seen:#}");
        assert_eq!(seen["versions"].as_array().unwrap().len(), versions, "{seen:#}");
        let _ = self.den.line("daemon stop");
        let entries = self.den.entries("1");
        let count = |name: &str| entries.iter().filter(|entry| entry["event"] == name).count();
        for event in ["created", "approved", "published", "snapshot-loaded"] {
            assert_eq!(count(event), 1, "{event}: {entries:#?}");
        }
        for event in ["proposed", "branch-applied"] {
            assert_eq!(count(event), versions, "{event}: {entries:#?}");
        }
        self.one_branch(&seen, &entries);
        attempts_are_numbered(&entries);
        self.den.is_sound();
    }

    #[track_caller]
    fn one_branch(&self, seen: &Value, entries: &[Value]) {
        let branches = self.repository.branches();
        assert_eq!(branches.len(), 2, "{branches:?}");
        let branch = branches.iter().find(|name| name.starts_with("paraph/1-")).expect("its branch");
        assert_eq!(seen["published"], serde_json::json!([branch]));
        let published = entries.iter().find(|entry| entry["event"] == "published").expect("counted above");
        assert_eq!(published["payload"]["commit"], self.repository.git(&["rev-parse", branch]));
        assert_eq!(self.repository.git(&["rev-list", "--count", &format!("main..{branch}")]), "1");
        let message = self.repository.git(&["log", "-1", "--format=%B", branch]);
        let uuid = seen["uuid"].as_str().unwrap();
        assert_eq!(message.matches(&format!("Paraph-Session: {uuid}")).count(), 1, "{message}");
        assert_eq!(self.repository.git(&["status", "--porcelain"]), "");
        self.repository.git(&["fsck", "--strict"]);
    }

    /// How often each kind of work was begun, by the number of its last attempt.
    pub(crate) fn attempts(&self) -> BTreeMap<String, u64> {
        let beads = self.den.line("beads --run 1 --json").ended(0).json();
        let of = |bead: &Value| Some((bead["category"].as_str()?.to_owned(), bead["attempt"].as_u64()?));
        beads["beads"].as_array().unwrap().iter().filter_map(of).collect()
    }
}

fn decided(seen: &Value) -> bool {
    let versions = seen["versions"].as_array().cloned().unwrap_or_default();
    versions.last().is_some_and(|version| version["patch_sets"][0]["decision"]["verdict"] == "approve")
}

/// Attempts of the same work are numbered from 1 on, without a gap.
#[track_caller]
fn attempts_are_numbered(entries: &[Value]) {
    let mut last: BTreeMap<String, u64> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry["event"] == "attempt-started") {
        let number = entry["payload"]["attempt"].as_u64().unwrap();
        let before = last.insert(entry["payload"]["key"].to_string(), number).unwrap_or(0);
        assert!(number == before + 1, "attempt {number} follows {before}: {entry:#}");
    }
    assert!(last.len() >= 6, "{last:?}");
}
