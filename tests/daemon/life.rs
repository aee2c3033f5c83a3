//! How daemons start, make room for each other, and leave.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use paraph::api::{Connect as _, Failure, FailureKind, MonitorRequest, Reply, Request, Service, Start, StatusRequest};
use paraph::daemon::{Client, DaemonFacts, Left, Lock, Place, Stopped, run_within, stop};
use paraph::id::SessionId;

use crate::support::{Bench, Fake, call, connector, eventually, mode, runs, setup, trust, trusted};

fn facts_of(place: &Place) -> DaemonFacts {
    serde_json::from_slice(&std::fs::read(place.facts()).unwrap()).unwrap()
}

async fn pid_of(service: &dyn Service) -> u32 {
    match service.call(call(Request::Status(StatusRequest {}))).await.unwrap() {
        Reply::Status(status) => status.pid,
        other => panic!("not a status: {other:?}"),
    }
}

fn refusal<T>(result: Result<T, Failure>) -> Failure {
    match result {
        Ok(_) => panic!("it was not refused"),
        Err(failure) => failure,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_client_starts_a_daemon_that_a_stop_ends() {
    let home = tempfile::tempdir().unwrap();
    let place = Place::new(home.path(), None);
    let (connector, starter) = connector(&place, "0.1.0", &[]);
    let missing = refusal(connector.connect(Start::Never).await);
    assert_eq!(
        (missing.kind, missing.hints.first().map(String::as_str)),
        (FailureKind::Unreachable, Some("paraph daemon start"))
    );
    assert_eq!(stop(&place).await, Ok(Stopped::NotRunning));
    let service = connector.connect(Start::IfNeeded).await.unwrap();
    assert!(trusted(service.call(call(trust("/r", Some(true)))).await));
    let again = connector.connect(Start::IfNeeded).await.unwrap();
    assert!(trusted(again.call(call(trust("/r", None))).await), "the same daemon");
    assert_eq!(starter.started.load(Ordering::SeqCst), 1);
    let facts = facts_of(&place);
    assert_eq!((facts.pid, facts.version.as_str()), (pid_of(service.as_ref()).await, "0.1.0"));
    let session = rustix::process::getsid(rustix::process::Pid::from_raw(facts.pid as i32)).unwrap();
    assert_eq!(session.as_raw_nonzero().get(), facts.pid as i32, "it left the terminal");
    assert_eq!(std::fs::read_link(format!("/proc/{}/cwd", facts.pid)).unwrap(), std::path::Path::new("/"));
    assert_eq!((mode(&place.socket()), mode(&place.facts()), mode(&place.log())), (0o140600 & 0o7777, 0o600, 0o600));
    assert_eq!(stop(&place).await, Ok(Stopped::Left(facts.pid)));
    assert!(!place.socket().exists() && !place.facts().exists());
    Lock::take(place.home()).expect("the home is free");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_ten_starts_at_once_one_serves() {
    let home = tempfile::tempdir().unwrap();
    let place = Place::new(home.path(), None);
    let starts = (0..10).map(|number| {
        let place = place.clone();
        tokio::spawn(async move {
            let (connector, _) = connector(&place, "0.1.0", &[]);
            let service = connector.connect(Start::IfNeeded).await.unwrap();
            service.call(call(trust(&format!("/{number}"), Some(true)))).await.unwrap();
            pid_of(service.as_ref()).await
        })
    });
    let pids = futures::future::join_all(starts.collect::<Vec<_>>()).await;
    let pids: std::collections::BTreeSet<u32> = pids.into_iter().map(Result::unwrap).collect();
    assert_eq!(pids.into_iter().collect::<Vec<_>>(), [facts_of(&place).pid]);
    stop(&place).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_fails_to_start_says_why() {
    let home = tempfile::tempdir().unwrap();
    let place = Place::new(home.path(), None);
    let (connector, _) = connector(&place, "0.1.0", &[("PARAPH_TEST_FAIL", "the journal is damaged\npress F1")]);
    let failure = refusal(connector.connect(Start::IfNeeded).await);
    assert_eq!(failure.kind, FailureKind::Unreachable);
    assert!(failure.message.contains("exit status: 3"), "{failure}");
    assert!(failure.causes.ends_with(&["the journal is damaged".to_owned(), "press F1".to_owned()]), "{failure:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_daemon_left_is_cleared_away() {
    let home = tempfile::tempdir().unwrap();
    let place = Place::new(home.path(), None);
    std::fs::create_dir(home.path().join("run")).unwrap();
    drop(UnixListener::bind(place.socket()).unwrap());
    std::fs::write(
        place.facts(),
        r#"{"version":"9.9.9","protocol":9,"pid":1,"home":"/","started":"2026-01-01T00:00:00.000Z"}"#,
    )
    .unwrap();
    std::fs::write(home.path().join("run/lock"), "1 daemon\n").unwrap();
    assert_eq!(stop(&place).await, Ok(Stopped::NotRunning));
    let (connector, _) = connector(&place, "0.1.0", &[]);
    let service = connector.connect(Start::IfNeeded).await.unwrap();
    assert_eq!(facts_of(&place).pid, pid_of(service.as_ref()).await);
    stop(&place).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_daemon_is_replaced_at_once() {
    let home = tempfile::tempdir().unwrap();
    let place = Place::new(home.path(), None);
    let (connector, _) = connector(&place, "0.1.0", &[]);
    let service = connector.connect(Start::IfNeeded).await.unwrap();
    let mut notices = service.notices().await.unwrap();
    let first = pid_of(service.as_ref()).await;
    let pid = rustix::process::Pid::from_raw(first as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(1), futures::StreamExt::next(&mut notices)).await;
    assert_eq!(ended, Ok(None), "listeners know within a second");
    let lost = refusal(service.call(call(trust("/r", Some(true)))).await);
    assert_eq!(lost.kind, FailureKind::Unreachable);
    let next = connector.connect(Start::IfNeeded).await.unwrap();
    assert_ne!(pid_of(next.as_ref()).await, first);
    stop(&place).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_private_whatever_the_umask() {
    let home = tempfile::tempdir().unwrap();
    let place = Place::new(home.path(), None);
    // the shell sets it for the daemon alone: a umask is the whole process's
    let script = "umask 000; exec \"$0\" --exact support::a_daemon_of_its_own --nocapture";
    let mut child = Command::new("/bin/sh")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .env_clear()
        .env("PARAPH_HOME", home.path())
        .env("PARAPH_TEST_DAEMON", "1")
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    eventually("it serves", async || place.facts().exists()).await;
    assert_eq!(mode(&home.path().join("run")), 0o700);
    for file in [place.socket(), place.facts(), home.path().join("run/lock")] {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    stop(&place).await.unwrap();
    assert!(child.wait().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_with_a_long_path_is_served() {
    let root = tempfile::tempdir().unwrap();
    let home = root.path().join("a-rather-long-name".repeat(8));
    let place = Place::new(&home, None);
    let (connector, _) = connector(&place, "0.1.0", &[]);
    let service = connector.connect(Start::IfNeeded).await.unwrap();
    assert!(trusted(service.call(call(trust("/r", Some(true)))).await));
    assert!(place.socket().exists() && place.socket().as_os_str().len() > 107);
    stop(&place).await.unwrap();
    std::fs::remove_file(place.address().unwrap().parent().unwrap()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_leaves_when_its_home_is_gone() {
    let bench = Bench::with(|setup| setup.idle = Duration::from_secs(2)).await;
    let client = bench.client().await;
    let _listening = client.notices().await.unwrap();
    std::fs::remove_dir_all(bench.home.path()).unwrap();
    let fake = bench.fake.clone();
    assert_eq!(bench.ended().await, Left::HomeGone);
    assert_eq!(fake.stopped.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_of_a_removed_home_leaves_the_next_ones_files_alone() {
    let bench = Bench::with(|setup| setup.idle = Duration::from_secs(2)).await;
    std::fs::remove_dir_all(bench.place.socket().parent().unwrap()).unwrap();
    let fake = Fake::new();
    let next = tokio::spawn(run_within(setup(&bench.place, &fake)));
    let place = bench.place.clone();
    let (_home, old) = (bench.home, bench.daemon);
    assert_eq!(old.await.unwrap(), Ok(Left::HomeGone));
    assert!(place.socket().exists() && place.facts().exists());
    Client::connect(&place.socket()).await.unwrap().facts().await.unwrap();
    stop(&place).await.unwrap();
    assert_eq!(next.await.unwrap(), Ok(Left::Asked));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_leaves_when_nobody_needs_it() {
    let bench = Bench::with(|setup| setup.idle = Duration::from_millis(300)).await;
    let fake = bench.fake.clone();
    fake.owes.store(true, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert!(!bench.daemon.is_finished(), "something is owed");
    let client = bench.client().await;
    let listening = client.notices().await.unwrap();
    fake.owes.store(false, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert!(!bench.daemon.is_finished(), "somebody listens");
    drop((listening, client));
    assert_eq!(bench.ended().await, Left::Idle);
    assert_eq!(fake.stopped.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_line_does_not_keep_the_daemon() {
    let bench = Bench::with(|setup| setup.idle = Duration::from_millis(300)).await;
    let place = bench.place.clone();
    let polling = tokio::spawn(async move {
        while let Ok(client) = Client::connect(&place.socket()).await {
            let _ = client.call(call(Request::Status(StatusRequest {}))).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    assert_eq!(bench.ended().await, Left::Idle);
    polling.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_lets_calls_end_and_does_not_wait_for_what_is_owed() {
    let bench = Bench::start().await;
    bench.fake.owes.store(true, Ordering::SeqCst);
    let client = bench.client().await;
    let slow = tokio::spawn(async move { client.call(call(Request::Metrics(Default::default()))).await });
    eventually("the call arrived", async || bench.fake.calls.lock().unwrap().len() == 1).await;
    assert_eq!(stop(&bench.place).await, Ok(Stopped::Left(std::process::id())));
    assert!(matches!(slow.await.unwrap(), Ok(Reply::Metrics(_))), "it was answered");
    assert_eq!(bench.fake.stopped.load(Ordering::SeqCst), 1);
    assert_eq!(bench.ended().await, Left::Asked);
}

#[tokio::test(flavor = "multi_thread")]
async fn signals_are_a_clean_stop() {
    use rustix::process::Signal;
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let home = tempfile::tempdir().unwrap();
        let place = Place::new(home.path(), None);
        let (connector, _) = connector(&place, "0.1.0", &[("PARAPH_TEST_OWES", "1")]);
        connector.connect(Start::IfNeeded).await.unwrap();
        let pid = facts_of(&place).pid;
        rustix::process::kill_process(rustix::process::Pid::from_raw(pid as i32).unwrap(), signal).unwrap();
        eventually("it ends", async || !runs(pid)).await;
        assert!(!place.socket().exists());
        assert!(std::fs::read_to_string(place.log()).unwrap().contains("left: Ok(Asked)"), "{signal:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_client_replaces_an_idle_older_daemon_and_no_busy_one() {
    let home = tempfile::tempdir().unwrap();
    let place = Place::new(home.path(), None);
    let older = ("PARAPH_TEST_VERSION", "0.0.9");
    let (first, _) = connector(&place, "0.0.9", &[older]);
    let service = first.connect(Start::IfNeeded).await.unwrap();
    let old = pid_of(service.as_ref()).await;
    let listening = service.notices().await.unwrap();
    let (newer, starter) = connector(&place, "0.1.0", &[]);
    let used = newer.connect(Start::IfNeeded).await.unwrap();
    assert_eq!(pid_of(used.as_ref()).await, old, "somebody listens to the older one");
    drop((listening, used));
    let next = connect_until_other(&newer, old).await;
    assert_eq!((starter.started.load(Ordering::SeqCst), facts_of(&place).version.as_str()), (1, "0.1.0"));
    let refused = refusal(first.connect(Start::IfNeeded).await);
    assert_eq!(refused.kind, FailureKind::Refused);
    assert!(refused.message.contains("0.0.9") && refused.message.contains("0.1.0"), "{refused}");
    assert!(refused.hints.iter().any(|hint| hint.contains("paraph daemon stop")));
    assert_eq!(pid_of(next.as_ref()).await, facts_of(&place).pid, "an older client ends nothing");
    stop(&place).await.unwrap();
}

async fn connect_until_other(connector: &paraph::daemon::Connector, old: u32) -> Arc<dyn Service> {
    for _ in 0..200 {
        let service = connector.connect(Start::IfNeeded).await.unwrap();
        if pid_of(service.as_ref()).await != old {
            return service;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the older daemon never made room");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_daemon_whose_settings_changed_makes_room_and_no_busy_one() {
    let home = tempfile::tempdir().unwrap();
    let place = Place::new(home.path(), None);
    let (first, _) = connector(&place, "0.1.0", &[("HTTPS_PROXY", "http://a")]);
    let service = first.connect(Start::IfNeeded).await.unwrap();
    let old = pid_of(service.as_ref()).await;
    assert_eq!(pid_of(first.connect(Start::IfNeeded).await.unwrap().as_ref()).await, old, "nothing changed");
    let (changed, _) = connector(&place, "0.1.0", &[("HTTPS_PROXY", "http://b")]);
    let listening = service.notices().await.unwrap();
    let kept = changed.connect(Start::IfNeeded).await.unwrap();
    assert_eq!(pid_of(kept.as_ref()).await, old, "somebody listens to it");
    // what fails there may fail for its settings
    let asked = Request::Monitor(MonitorRequest { session: SessionId(1), log: None });
    let hints = |service: Arc<dyn Service>| async move { refusal(service.call(call(asked.clone())).await).hints };
    let told = hints.clone()(kept).await;
    assert!(told[0].starts_with("paraph daemon stop: it (process") && told.len() == 2, "{told:?}");
    assert_eq!(hints(first.connect(Start::IfNeeded).await.unwrap()).await.len(), 1);
    drop(listening);
    connect_until_other(&changed, old).await;
    stop(&place).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_daemon_that_owes_something_stays() {
    let bench = Bench::with(|setup| setup.version = "0.0.9".to_owned()).await;
    bench.fake.owes.store(true, Ordering::SeqCst);
    let (newer, starter) = connector(&bench.place, "0.1.0", &[]);
    assert_eq!(pid_of(newer.connect(Start::IfNeeded).await.unwrap().as_ref()).await, std::process::id());
    assert_eq!(starter.started.load(Ordering::SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_at_a_time_has_the_home() {
    let home = tempfile::tempdir().unwrap();
    let place = Place::new(home.path(), None);
    let (connector, _) = connector(&place, "0.1.0", &[]);
    let alone = connector.connect(Start::InProcess).await.unwrap();
    assert!(trusted(alone.call(call(trust("/r", Some(true)))).await));
    let refused = refusal(connector.connect(Start::InProcess).await);
    assert_eq!(refused.kind, FailureKind::Conflict);
    assert!(refused.message.contains(&std::process::id().to_string()), "{refused}");
    let refused = refusal(connector.connect(Start::IfNeeded).await);
    assert!(refused.message.contains("did not start"), "{refused}");
    drop(alone);
    connector.connect(Start::IfNeeded).await.unwrap();
    let daemon = facts_of(&place).pid;
    let refused = refusal(connector.connect(Start::InProcess).await);
    assert!(refused.message.contains(&format!("process {daemon}")), "{refused}");
    assert_eq!(refused.hints, ["paraph daemon stop"]);
    stop(&place).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_directory_that_is_no_place_is_refused() {
    let home = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/tmp", home.path().join("run")).unwrap();
    let failure = refusal(Lock::take(home.path()));
    assert_eq!(failure.kind, FailureKind::Refused);
    std::fs::remove_file(home.path().join("run")).unwrap();
    if rustix::process::geteuid().is_root() {
        std::fs::create_dir(home.path().join("run")).unwrap();
        std::os::unix::fs::chown(home.path().join("run"), Some(65534), None).unwrap();
        let failure = refusal(Lock::take(home.path()));
        assert!(failure.message.contains("belongs to user 65534"), "{failure}");
    }
    std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_at_rest_does_nothing() {
    let home = tempfile::tempdir().unwrap();
    let place = Place::new(home.path(), None);
    let (connector, _) = connector(&place, "0.1.0", &[]);
    let service = connector.connect(Start::IfNeeded).await.unwrap();
    let _listening = service.notices().await.unwrap();
    let pid = facts_of(&place).pid;
    // settled: what the connections brought is done
    tokio::time::sleep(Duration::from_millis(500)).await;
    let before = spent(pid);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let after = spent(pid);
    assert_eq!(after.0 - before.0, 0, "ticks of processor time");
    assert!(after.1 - before.1 <= 2, "{} wake-ups", after.1 - before.1);
    stop(&place).await.unwrap();
}

/// Processor time in ticks, and how often any thread gave the processor up.
fn spent(pid: u32) -> (u64, u64) {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    let mut switches = 0;
    for task in std::fs::read_dir(format!("/proc/{pid}/task")).unwrap() {
        let status = std::fs::read_to_string(task.unwrap().path().join("status")).unwrap();
        let line = status.lines().find(|line| line.starts_with("voluntary_ctxt_switches")).unwrap();
        switches += line.rsplit('\t').next().unwrap().parse::<u64>().unwrap();
    }
    (ticks, switches)
}
