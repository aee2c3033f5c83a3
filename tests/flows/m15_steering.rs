//! A person says something to a model while it drafts, through the real runtime and the real engine.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use paraph::api::{FailureKind, SessionView, SteerRequest, ThreadsRequest};
use paraph::id::{SessionId, SessionRef};
use paraph::proposal::EngineKind;

use crate::house::{Desk, House, Repository, version};
use crate::models::{Scripted, says, wants};

fn edit(to: &str) -> String {
    let from = "    if x == None:";
    format!("Because.\n\na.py\n```\n<<<<<<< SEARCH\n{from}\n=======\n{to}\n>>>>>>> REPLACE\n```\n")
}

/// A door that a model's answer waits at.
#[derive(Default)]
struct Door {
    /// How many wait or waited, and how many may go on.
    state: Mutex<(usize, usize)>,
    changed: Condvar,
}

impl Door {
    fn wait(&self) {
        let mut state = self.state.lock().unwrap();
        state.0 += 1;
        self.changed.notify_all();
        let mine = state.0;
        let patience = Duration::from_secs(60);
        let (_state, ended) = self.changed.wait_timeout_while(state, patience, |(_, may)| *may < mine).unwrap();
        assert!(!ended.timed_out(), "nobody opens");
    }

    /// Waits until `n` came.
    async fn came(self: &Arc<Self>, n: usize) {
        let door = self.clone();
        tokio::task::spawn_blocking(move || {
            let state = door.state.lock().unwrap();
            let patience = Duration::from_secs(60);
            let (_state, ended) = door.changed.wait_timeout_while(state, patience, |(came, _)| *came < n).unwrap();
            assert!(!ended.timed_out(), "number {n} does not come");
        })
        .await
        .unwrap();
    }

    fn open(&self, n: usize) {
        self.state.lock().unwrap().1 = n;
        self.changed.notify_all();
    }
}

struct Ground {
    house: House,
    _repository: Repository,
    desk: Desk,
    models: Arc<Scripted>,
    door: Arc<Door>,
    id: SessionId,
}

impl Ground {
    /// A model that looks once, and answers what it is told to; each answer waits at the door.
    async fn new() -> Self {
        let door = Arc::new(Door::default());
        let (at, mut number) = (door.clone(), 0);
        let models = Scripted::new().answers("implementer", move |request| {
            at.wait();
            number += 1;
            let told = serde_json::to_string(&request.messages).unwrap();
            let to = if told.contains("and the empty list") { "    if not x:" } else { "    if x is None:" };
            Ok(if number == 1 { wants("read_file", "{\"path\": \"a.py\"}") } else { says(edit(to)) })
        });
        let models = models.shared();
        let house = House::with(|house| {
            house.ports.models = models.clone();
            house.settings.engine = EngineKind::Llm;
        });
        let repository = house.small_repository("shop");
        let desk = house.open();
        let id = desk.run(&[&repository]).await;
        Self { house, _repository: repository, desk, models, door, id }
    }

    async fn steer(&self, text: &str) -> Result<SessionView, paraph::api::Failure> {
        self.desk.ask(SteerRequest { session: self.id, text: text.to_owned() }).await
    }

    /// The session scored; its record gives the same once more.
    async fn scored(&self) -> SessionView {
        let view = self.desk.until(self.id, "Scored").await;
        let asked = SessionRef { session: self.id, version: None };
        let replayed =
            paraph::runtime::replay(&self.house.home, &self.house.ports, &self.house.settings, asked).unwrap();
        assert!(replayed.same && replayed.complete, "{replayed:#?}");
        let set = &replayed.versions[0].patch_sets[0];
        assert_eq!(set.replayed, Some(version(&view, 1).patch_sets[0].digest));
        assert!(self.house.verify().is_sound());
        view
    }

    async fn source(&self) -> String {
        let session = SessionRef { session: self.id, version: None };
        let against = paraph::api::AgainstRequest::Base;
        let sets = self.desk.ask(paraph::api::PatchSetRequest { session, repo: None, against }).await.unwrap();
        let new = sets[0].files[0].new.as_ref().unwrap().digest;
        String::from_utf8(self.house.ports.blobs.get(new).unwrap()).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn words_reach_the_next_call_of_the_loop() {
    let ground = Ground::new().await;
    ground.door.came(1).await;
    ground.steer("and the empty list too").await.unwrap();
    ground.door.open(9);
    ground.scored().await;
    let asked = ground.models.asked_as("implementer");
    assert_eq!(asked.len(), 2);
    assert!(!asked[0].contains("the empty list") && asked[1].contains("ana@build1 says: and the empty list too"));
    assert!(ground.source().await.contains("if not x:"));
    let threads = ThreadsRequest { session: SessionRef { session: ground.id, version: None }, on: None };
    assert!(ground.desk.ask(threads).await.unwrap().threads.is_empty());
    let refused = ground.steer("too late").await.unwrap_err();
    assert_eq!(refused.kind, FailureKind::Refused, "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_written_meanwhile_is_asked_for_once_more() {
    let ground = Ground::new().await;
    ground.door.open(1);
    ground.door.came(2).await;
    ground.steer("and the empty list too").await.unwrap();
    ground.door.open(9);
    ground.scored().await;
    let asked = ground.models.asked_as("implementer");
    assert_eq!(asked.len(), 3);
    assert!(asked[2].contains("Answer once more"), "{}", asked[2]);
    assert!(ground.source().await.contains("if not x:"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_hears_nobody_says_so_and_a_draft_is_needed() {
    let house = House::new();
    let repository = house.small_repository("shop");
    let desk = house.open();
    let id = desk.run(&[&repository]).await;
    desk.until(id, "Scored").await;
    let refused = desk.ask(SteerRequest { session: id, text: "faster".to_owned() }).await.unwrap_err();
    assert_eq!(refused.kind, FailureKind::Refused, "{refused}");
    let empty = desk.ask(SteerRequest { session: id, text: " ".to_owned() }).await.unwrap_err();
    assert_eq!(empty.kind, FailureKind::Usage, "{empty}");
}
