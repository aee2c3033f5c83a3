//! What an agent may make its client keep and wait for, and what a slow disk may not lose of its work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use paraph::api::{CancelRequest, LogRequest, PauseRequest, ResumeRequest};
use paraph::cancel::Cancel;
use paraph::id::{SessionId, SessionRef};
use paraph::infrastructure::confinement::{Confinement, Limits};
use paraph::proposal::{AgentEngine, Workshop, WorkshopPorts};
use paraph::repository::VcsError;

use crate::agent::{says, start};
use crate::house::{self, Desk, House, Repository};
use crate::vcs::{Hindered, Hinders};
use crate::{files, nothing_is_left, repository, stuck};

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_a_command_without_end_is_refused() {
    let house = House::new();
    let repository = repository(&house);
    let desk = house.open();
    let id = start(&desk, &repository, "hoards").await;
    let view = stuck(&desk, id).await;
    let made = files(&desk, &house, id).await;
    let answers = made["answers.txt"].as_ref().unwrap_or_else(|| panic!("{}", view.reason.raw()));
    let lines: Vec<&str> = answers.lines().collect();
    assert_eq!(lines, ["wait-64 -32603", "wait-99 -32603", "None -32602", "None -32602"]);
    nothing_is_left(&house, &repository);
}

/// A worktree is read for as long as a test likes.
struct Slow {
    reads: AtomicUsize,
    is_open: AtomicBool,
    fails: AtomicBool,
    gave_up: AtomicBool,
}

impl Hinders for Slow {
    fn worked(&self, cancel: &Cancel) -> Result<(), VcsError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        while !self.is_open.load(Ordering::SeqCst) {
            if cancel.is_cancelled() {
                self.gave_up.store(true, Ordering::SeqCst);
                return Err(VcsError::Cancelled);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        match self.fails.load(Ordering::SeqCst) {
            true => Err(VcsError::TooMuch("more than anybody reads".to_owned())),
            false => Ok(()),
        }
    }
}

/// A house in which worktrees are read slowly, or not at all.
fn slow(fails: bool) -> (House, Arc<Slow>) {
    let mut house = House::new();
    let slow = Arc::new(Slow {
        reads: AtomicUsize::new(0),
        is_open: AtomicBool::new(fails),
        fails: AtomicBool::new(fails),
        gave_up: AtomicBool::new(false),
    });
    house.workshop = Workshop::new(WorkshopPorts {
        vcs: Arc::new(Hindered { real: house.ports.vcs.clone(), by: slow.clone() }),
        confinement: Confinement::probe(house::launcher()),
        blobs: house.ports.blobs.clone(),
        folder: house.home.workshops(),
        private: vec![house.home.root().to_owned()],
        limits: Limits::default(),
    });
    house.ports.engines.agent = Arc::new(AgentEngine::new(house.workshop.clone(), []));
    (house, slow)
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(30), "{what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// How often the journal says that.
fn told(house: &House, name: &str) -> usize {
    let name = format!("\"type\":\"{name}\"");
    house.journal().iter().filter(|line| line.contains(&name)).count()
}

/// An agent that had left something and is paused.
async fn paused(desk: &Desk, repository: &Repository) -> SessionId {
    let id = start(desk, repository, "resumed").await;
    says(desk, id, "thinking").await;
    desk.ask(PauseRequest { session: id }).await.unwrap();
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_paused_agent_had_left_is_kept_however_slowly_it_is_read() {
    let (house, vcs) = slow(false);
    let (repository, desk) = (repository(&house), house.open());
    let id = paused(&desk, &repository).await;
    until("it is not read", || vcs.reads.load(Ordering::SeqCst) > 0).await;
    // longer than a stopped draft may take; and who resumes it meanwhile waits for what it had left
    tokio::time::sleep(Duration::from_secs(2)).await;
    desk.ask(ResumeRequest { session: id }).await.unwrap();
    assert!(!vcs.gave_up.load(Ordering::SeqCst));
    vcs.is_open.store(true, Ordering::SeqCst);
    let view = stuck(&desk, id).await;
    assert_eq!(view.versions.len(), 1, "{}", view.reason.raw());
    let made = files(&desk, &house, id).await;
    assert_eq!(made.keys().collect::<Vec<_>>(), ["first.py", "prompt.txt", "second.py"]);
    assert!(made["prompt.txt"].as_ref().unwrap().contains("go on from there"), "{made:?}");
    nothing_is_left(&house, &repository);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_goes_on_from_is_read_no_longer() {
    let (house, vcs) = slow(false);
    let (repository, desk) = (repository(&house), house.open());
    let id = paused(&desk, &repository).await;
    until("it is not read", || vcs.reads.load(Ordering::SeqCst) > 0).await;
    desk.ask(CancelRequest { session: id }).await.unwrap();
    until("it is read on", || vcs.gave_up.load(Ordering::SeqCst)).await;
    desk.runtime.stop().await;
    assert_eq!(told(&house, "held"), 0);
    nothing_is_left(&house, &repository);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_said_to_be_lost() {
    let (house, _vcs) = slow(true);
    let (repository, desk) = (repository(&house), house.open());
    let id = paused(&desk, &repository).await;
    until("it is not held", || told(&house, "held") > 0).await;
    let began = Instant::now();
    // what is on the disk is told a moment later
    let log = loop {
        let asked = LogRequest { session: SessionRef { session: id, version: None }, check: None };
        match desk.ask(asked).await {
            Ok(mut logs) => break logs.remove(0).log.unwrap(),
            Err(failure) => assert!(began.elapsed() < Duration::from_secs(20), "{failure}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let log = String::from_utf8_lossy(&house.ports.blobs.get(log).unwrap()).into_owned();
    assert!(log.contains("what it had left is lost") && log.contains("more than anybody reads"), "{log}");
    nothing_is_left(&house, &repository);
}
