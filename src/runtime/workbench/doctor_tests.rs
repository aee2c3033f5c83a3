//! `doctor` on planted faults: each is found and the way out is named; keys are never shown.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use super::check_patch_tests::Lab;
use super::*;
use crate::api::{DoctorLine, Health};
use crate::clock::{FixedClock, Timestamp};
use crate::infrastructure::config::{Config, Origin, Problem, Weight};
use crate::infrastructure::confinement::Level;

/// A machine on which all is well.
pub(super) fn facts() -> MachineFacts {
    let path = std::env::var_os("PATH").unwrap_or_default();
    MachineFacts {
        version: "1.2.3".to_owned(),
        environment: BTreeMap::from([
            ("PATH".into(), path),
            ("TERM".into(), "xterm-256color".into()),
            ("COLORTERM".into(), "truecolor".into()),
            ("LANG".into(), "C.UTF-8".into()),
        ]),
        standing_in: None,
        user_home: PathBuf::from("/nonexistent"),
        private: Vec::new(),
        confinement: ConfinementFacts {
            level: Level::Full,
            backend: "namespaces+landlock+seccomp".to_owned(),
            landlock: "abi 7, fully enforced".to_owned(),
            overlays: true,
            missing: Vec::new(),
            gaps: Vec::new(),
        },
        config_path: None,
        config_problems: Vec::new(),
        keys: Vec::new(),
        daemon: DaemonFacts::NotRunning,
    }
}

/// What is said of `name`, with the facts that `change` makes of a good machine.
fn said(lab: &Lab, name: &str, change: impl Fn(&mut MachineFacts) + Send + Sync + 'static) -> Vec<DoctorLine> {
    let repo = lab.repo.clone();
    let machine = move || {
        let mut facts = MachineFacts { standing_in: Some(repo.clone()), ..facts() };
        change(&mut facts);
        facts
    };
    let bench = LocalWorkbench::new(WorkbenchParts { machine: Arc::new(machine), ..lab.parts() });
    bench.doctor().lines.into_iter().filter(|line| line.name == name).collect()
}

#[track_caller]
fn check(
    name: &str,
    change: impl Fn(&mut MachineFacts) + Send + Sync + 'static,
    health: Health,
    found: &str,
    hint: &str,
) {
    let lines = said(&Lab::new(), name, change);
    let fits =
        |line: &DoctorLine| line.health == health && line.found.raw().contains(found) && line.hint.contains(hint);
    assert!(lines.iter().any(fits), "{lines:?}");
}

#[test]
fn a_good_machine_has_no_fault() {
    let lab = Lab::new();
    let repo = lab.repo.clone();
    let machine = move || MachineFacts { standing_in: Some(repo.clone()), ..facts() };
    let started = std::time::Instant::now();
    let report = LocalWorkbench::new(WorkbenchParts { machine: Arc::new(machine), ..lab.parts() }).doctor();
    // design: under 2 s on an idle machine; here others build beside it
    assert!(started.elapsed() < Duration::from_secs(10));
    let faults: Vec<_> = report.lines.iter().filter(|line| line.health == Health::Fail).collect();
    assert!(faults.is_empty(), "{faults:?}");
    let names: std::collections::BTreeSet<&str> = report.lines.iter().map(|line| line.name.as_str()).collect();
    for name in ["git", "repository", "confinement", "home", "disk", "journal", "clock", "daemon", "keys", "terminal"] {
        assert!(names.contains(name), "{name} of {names:?}");
    }
    assert!(report.lines.iter().all(|line| line.health == Health::Ok || !line.hint.is_empty()), "{report:?}");
    assert!(!lab.home().root().exists(), "looking makes nothing");
}

#[test]
fn faults_of_the_machine_are_found() {
    use Health::{Fail, Ok, Warn};
    check(
        "git",
        |facts| drop(facts.environment.insert("PATH".into(), "/nonexistent".into())),
        Fail,
        "not installed",
        "install git",
    );
    check("repository", |facts| facts.standing_in = Some("/".into()), Warn, "not inside a git repository", "--repo");
    check("repository", |facts| facts.standing_in = None, Warn, "gone", "cd");
    check("confinement", |facts| facts.confinement.level = Level::None, Fail, "checks are refused", "");
    let weaker = |facts: &mut MachineFacts| {
        facts.confinement.level = Level::Landlock;
        facts.confinement.missing = vec![(Level::Full, "clone: EPERM".to_owned())];
    };
    check("confinement", weaker, Warn, "FULL: clone: EPERM", "");
    check("landlock", |facts| facts.confinement.landlock = "not enforced".to_owned(), Warn, "not enforced", "kernel");
    check(
        "terminal",
        |facts| drop(facts.environment.insert("TERM".into(), "dumb".into())),
        Warn,
        "dumb",
        "paraph help",
    );
    check("terminal", |facts| drop(facts.environment.remove(std::ffi::OsStr::new("LANG"))), Warn, "no UTF-8", "LANG");
    let other = |facts: &mut MachineFacts| {
        facts.daemon = DaemonFacts::Running { pid: 7, version: "1.0.0".to_owned(), is_stale: false }
    };
    check("daemon", other, Warn, "process 7 is version 1.0.0", "paraph daemon stop");
    check(
        "daemon",
        |facts| facts.daemon = DaemonFacts::Silent { why: "no answer".to_owned() },
        Fail,
        "no answer",
        "daemon",
    );
    let wrong = |facts: &mut MachineFacts| {
        let origin = Origin::Variable("PARAPH_WORKERS".to_owned());
        let problem = Problem {
            weight: Weight::Error,
            origin,
            message: "`workers` is `x`".to_owned(),
            hint: "write 2".to_owned(),
        };
        facts.config_problems = vec![problem];
    };
    check("config", wrong, Fail, "variable PARAPH_WORKERS: `workers` is `x`", "write 2");
    check("keys", |facts| facts.keys = vec!["OPENAI_API_KEY".to_owned()], Ok, "OPENAI_API_KEY (not shown)", "");
}

#[test]
fn faults_of_the_home_are_found() {
    let lab = Lab::new();
    let find = |name: &str| said(&lab, name, |_| {}).remove(0);
    lab.home().create().expect("a home");
    fs::set_permissions(lab.home().root(), fs::Permissions::from_mode(0o755)).expect("opened");
    let line = find("home");
    assert!(line.health == Health::Warn && line.hint.starts_with("chmod 700 "), "{line:?}");
    fs::set_permissions(lab.home().root(), fs::Permissions::from_mode(0o700)).expect("closed");
    assert_eq!(find("home").health, Health::Ok);
    let opened = crate::runtime::Started::open(
        &lab.home(),
        &FixedClock::at(Timestamp(1_795_169_400_000)),
        &crate::id::RandomIds,
        &crate::infrastructure::fault::Faults::none(),
    );
    drop(opened.expect("a home that opens"));
    assert_eq!(
        (find("store").health, find("journal").health, find("anchor").health),
        (Health::Ok, Health::Ok, Health::Ok)
    );
    fs::write(lab.home().journal().join("anchor"), "{}").expect("damaged");
    let line = find("anchor");
    assert!(line.health == Health::Fail && line.hint.contains("paraph recover"), "{line:?}");
    fs::remove_dir_all(lab.home().root()).expect("removed");
    fs::write(lab.home().root(), "").expect("a file in its place");
    assert_eq!(find("home").health, Health::Fail);
}

#[test]
fn a_clock_that_is_far_off_is_told() {
    let lab = Lab::new();
    let bench = LocalWorkbench::new(WorkbenchParts { clock: Arc::new(FixedClock::at(Timestamp(0))), ..lab.parts() });
    let lines = bench.doctor().lines;
    assert!(lines.iter().any(|line| line.name == "clock" && line.health == Health::Warn), "{lines:?}");
}

#[test]
fn no_key_is_shown() {
    let secret = "sk-canary-0123456789";
    let environment =
        BTreeMap::from([("OPENAI_API_KEY".into(), secret.into()), ("HOME".into(), "/nonexistent".into())]);
    let config = Config::load(&environment);
    let machine = move || MachineFacts {
        environment: environment.clone(),
        keys: config.keys().present().map(|(name, _)| name.to_owned()).collect(),
        config_problems: config.problems().to_vec(),
        ..facts()
    };
    let report = LocalWorkbench::new(WorkbenchParts { machine: Arc::new(machine), ..Lab::new().parts() }).doctor();
    let text = serde_json::to_string(&report).expect("plain data");
    assert!(text.contains("OPENAI_API_KEY") && !text.contains("canary"), "{text}");
}
