//! A session is made anew from its record: the same digests without a model, or what differs first.

use std::sync::Arc;

use paraph::api::{
    CommentRequest, Failure, FailureKind, RegenerateRequest, ReplayView, Replayed, RewriteRequest, SessionView, Side,
    ThreadKind, TriageRequest, TriageWord, Verdict,
};
use paraph::cancel::Cancel;
use paraph::id::{Digest, SessionId, SessionRef, Version};
use paraph::infrastructure::llm::ChatError;
use paraph::proposal::{Brief, Draft, EngineError, EngineKind, LlmEngine, LlmLimits, ProposalEngine};
use paraph::session::{Event, Session};
use paraph::text::SecretMask;
use paraph::validation::CheckStatus;
use serde_json::{Value, json};

use crate::house::{Desk, House, Repository, Told, version};
use crate::models::{Scripted, says, wants};

fn edit(from: &str, to: &str) -> String {
    format!(
        "Because.\n\nCOMMIT: fix(a): be exact\n\na.py\n```\n<<<<<<< SEARCH\n{from}\n=======\n{to}\n>>>>>>> REPLACE\n```\n"
    )
}

fn review(score: u8, issues: &Value) -> String {
    let names = ["correctness", "tests", "security", "policy-fit", "maintainability", "scope-fit"];
    let scores: serde_json::Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), json!({"score": score, "evidence": "seen"}))).collect();
    json!({"scores": scores, "issues": issues, "summary": "read it"}).to_string()
}

const NONE: (&str, &str) = ("    if x == None:", "    if x is None:");

/// Looks twice, is sent back once, mends a red check, is told to change by a reviewer, answers a person.
fn models() -> Scripted {
    let must = json!([{"severity": "must", "path": "a.py", "line": 2, "text": "and the empty list?"}]);
    Scripted::new()
        .replies(
            "implementer",
            [
                Ok(wants("read_file", "{\"path\": \"a.py\"}")),
                Ok(wants("search", "{\"text\": \"None\"}")),
                Ok(says("no edit at all")),
                Ok(says(edit(NONE.0, NONE.1))),
                Ok(says(edit("    if x is None:", "    if x is None or x == ():"))),
                Ok(says(
                    "THREAD 1: changed - lists too\n".to_owned()
                        + &edit("    if x is None or x == ():", "    if x is None or x == []:"),
                )),
                Ok(says("THREAD 2: done\n".to_owned() + &edit("        return True", "        return bool(1)"))),
            ],
        )
        .says("reviewer", [review(9, &json!([])), review(4, &must), review(9, &json!([])), review(8, &json!([]))])
}

struct Ground {
    house: House,
    repository: Repository,
    desk: Desk,
    models: Arc<Scripted>,
    id: SessionId,
}

impl Ground {
    /// A session that came to its fourth version.
    async fn new() -> Self {
        let models = models().shared();
        let house = House::with(|house| {
            house.ports.models = models.clone();
            house.ports.validator = Arc::new(Told::first(CheckStatus::Broken, CheckStatus::Passed));
            house.settings.engine = EngineKind::Llm;
        });
        let repository = house.small_repository("shop");
        let desk = house.open();
        desk.trust(&repository).await;
        let id = desk.run_by(&[&repository], Some("reviewed")).await;
        let ground = Self { house, repository, desk, models, id };
        ground.at(3).await;
        let comment = CommentRequest {
            session: SessionRef { session: id, version: Some(Version(3)) },
            repo: None,
            thread: None,
            path: Some("a.py".into()),
            line: Some(2),
            from_line: None,
            side: Side::New,
            against: paraph::api::AgainstRequest::Base,
            kind: ThreadKind::Issue,
            text: "why a list?".to_owned(),
            artifact: None,
        };
        ground.desk.ask(comment).await.unwrap();
        ground.desk.decide(id, Verdict::RequestChanges, "say it plainly").await.unwrap();
        ground.at(4).await;
        ground
    }

    async fn at(&self, versions: usize) -> SessionView {
        let come = |view: &SessionView| view.versions.len() == versions && view.state == "Scored";
        self.desk.wait_until(self.id, come).await.unwrap_or_else(|view| panic!("{} {:?}", view.state, view.reason))
    }

    fn replay(&self) -> Result<ReplayView, Failure> {
        self.replay_of(&self.house, None)
    }

    fn replay_of(&self, house: &House, version: Option<u32>) -> Result<ReplayView, Failure> {
        let asked = SessionRef { session: self.id, version: version.map(Version) };
        paraph::runtime::replay(&house.home, &house.ports, &house.settings, asked)
    }

    /// The session as the journal has it.
    fn session(&self) -> Session {
        let entries = self.house.journal().into_iter().map(|line| serde_json::from_str::<Value>(&line).unwrap());
        let mine = entries.filter(|entry| entry["session"] == json!(self.id.0));
        let events = mine.map(|entry| {
            let event: Event = serde_json::from_value(entry["event"].clone()).unwrap();
            (event, paraph::clock::Timestamp(0), paraph::id::Seq(entry["seq"].as_u64().unwrap()))
        });
        Session::fold(events).unwrap()
    }

    fn reply(&self, call: usize) -> Digest {
        self.session().calls[call].ended.as_ref().unwrap().reply.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn repairs_reviews_and_words_of_people_come_to_the_same_versions() {
    let ground = Ground::new().await;
    let asked = ground.models.asked().len();
    let before = (ground.house.journal(), files_below(ground.house.path()));
    let view = ground.replay().unwrap();
    assert!(view.same && view.complete, "{view:#?}");
    let standings: Vec<_> = view.versions.iter().map(|version| (version.number.0, version.standing)).collect();
    assert_eq!(standings, [1, 2, 3, 4].map(|number| (number, Replayed::Same)));
    for version in &view.versions {
        assert_eq!(version.patch_sets[0].replayed, Some(version.patch_sets[0].recorded));
    }
    assert_eq!(view.stages.iter().map(|stage| stage.stage.as_str()).collect::<Vec<_>>(), ["index"]);
    assert_eq!((view.calls as usize, view.usage.cost_usd.as_str()), (asked, "0.0121"), "told, not counted");
    assert_eq!(ground.models.asked().len(), asked, "no model is asked");
    assert_eq!(ground.desk.show(ground.id).await.usage.input_tokens, 11_000);
    assert!(before == (ground.house.journal(), files_below(ground.house.path())), "nothing is written that stays");
    let first = ground.replay_of(&ground.house, Some(2)).unwrap();
    assert_eq!((first.same, first.versions.len()), (true, 2));
}

/// Every file with its content.
fn files_below(folder: &std::path::Path) -> std::collections::BTreeMap<std::path::PathBuf, Digest> {
    let mut found = std::collections::BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            match entry.file_type().unwrap() {
                kind if kind.is_dir() => folders.push(entry.path()),
                // the daemon's own store is written at its leisure
                kind if kind.is_file() && !entry.path().components().any(|part| part.as_os_str() == "store") => {
                    found.insert(entry.path(), Digest::of(&std::fs::read(entry.path()).unwrap()));
                }
                _ => {}
            }
        }
    }
    found
}

/// The house of `ground`, in which models are asked by `llm`.
fn asking_otherwise(ground: &Ground, llm: impl ProposalEngine + 'static) -> House {
    House::with(|house| {
        house.home = ground.house.home.clone();
        house.ports = ground.house.ports.clone();
        house.settings = ground.house.settings.clone();
        house.ports.engines.llm = Arc::new(llm);
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_known_since_is_hidden_and_makes_no_difference() {
    let ground = Ground::new().await;
    let mask = Arc::new(SecretMask::new(vec!["return False".to_owned()]));
    let other = asking_otherwise(&ground, LlmEngine::new(mask, LlmLimits::default()));
    let view = ground.replay_of(&other, None).unwrap();
    assert!(view.same && view.versions.len() == 4, "{view:#?}");
}

/// Asks in other words than it would.
struct OtherWords(LlmEngine);

#[async_trait::async_trait]
impl ProposalEngine for OtherWords {
    async fn draft(&self, brief: &Brief, cancel: &Cancel) -> Result<Draft, EngineError> {
        let goal = format!("please {}", brief.goal.raw()).into();
        self.0.draft(&Brief { goal, ..brief.clone() }, cancel).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_prompt_is_told_with_its_place_and_both_digests() {
    let ground = Ground::new().await;
    let mask = Arc::new(SecretMask::new(Vec::new()));
    let other = asking_otherwise(&ground, OtherWords(LlmEngine::new(mask, LlmLimits::default())));
    let view = ground.replay_of(&other, None).unwrap();
    assert!(!view.same);
    let first = &view.versions[0];
    assert_eq!(first.standing, Replayed::Differs);
    let prompt = &first.differences[0];
    assert_eq!(prompt.what, "prompt");
    assert!(prompt.at.raw().starts_with("call 1 of the implementer, messages 1 parts 1 text line "), "{prompt:#?}");
    assert!(prompt.at.raw().contains("replayed `please "), "{prompt:#?}");
    let recorded = ground.session().calls[0].asked.prompt;
    assert_eq!(prompt.recorded.raw(), recorded.to_string());
    assert_ne!(prompt.recorded, prompt.replayed);
    assert!(view.versions[1..].iter().all(|version| version.standing == Replayed::NotReached), "{view:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_threshold_differs_in_a_gate_and_in_nothing_else() {
    let ground = Ground::new().await;
    let strict = House::with(|house| {
        house.home = ground.house.home.clone();
        house.ports = ground.house.ports.clone();
        house.settings = ground.house.settings.clone();
        house.settings.threshold = paraph::scoring::Tenths::clamped(100);
    });
    let view = ground.replay_of(&strict, None).unwrap();
    let found: Vec<&str> =
        view.versions.iter().flat_map(|version| &version.differences).map(|found| found.what.as_str()).collect();
    assert!(!found.is_empty() && found.iter().all(|what| *what == "gates"), "{view:#?}");
    assert!(view.versions.iter().all(|version| version.patch_sets[0].replayed.is_some()), "it goes on to the end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_was_changed_is_refused_and_one_that_is_gone_is_named() {
    let ground = Ground::new().await;
    let reply = ground.house.ports.blobs.path(ground.reply(3));
    let kept = std::fs::read(&reply).unwrap();
    let changed = String::from_utf8(kept.clone()).unwrap().replace("x is None", "x is True");
    std::fs::write(&reply, changed).unwrap();
    let refused = ground.replay().unwrap_err();
    assert_eq!(refused.kind, FailureKind::Refused, "{refused}");
    assert!(refused.message.starts_with("the reply to call 4 (implementer) cannot be replayed"), "{refused}");
    std::fs::remove_file(&reply).unwrap();
    assert_eq!(ground.replay().unwrap_err().kind, FailureKind::NotFound);
    std::fs::write(&reply, kept).unwrap();
    assert!(ground.replay().unwrap().same);
    std::fs::remove_dir_all(ground.repository.path.join(".git/objects")).unwrap();
    let gone = ground.replay().unwrap_err();
    assert_eq!(gone.kind, FailureKind::NotFound, "{gone}");
    assert!(gone.message.contains("the base of shop"), "{gone}");
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_a_persons_go_and_a_session_that_is_stuck_are_replayed_too() {
    let triage =
        json!({"recommendation": "DEFER", "reasons": ["why now?"], "risks": [], "unknowns": [], "missing": []});
    let design = json!({
        "decision": "by identity", "specification": "`is None`", "architecture": "in a.py", "scope": ["a.py"],
        "non_goals": [], "acceptance": [{"text": "it holds", "bound": "check:unit"}],
    });
    let plan = json!({"tasks": [{"id": "a", "title": "do it", "depends_on": [], "paths": ["a.py"]}], "gates": []});
    let models = Scripted::new()
        .says("triage", [triage.to_string()])
        .says("architect", ["prose".to_owned(), design.to_string()])
        .says("planner", [plan.to_string(), plan.to_string().replace("do it", "do it twice")])
        .says("implementer", ["one", "two", "three", "four"]);
    let house = House::with(|house| {
        house.ports.models = models.shared();
        house.settings.engine = EngineKind::Llm;
    });
    let repository = house.small_repository("shop");
    let desk = house.open();
    desk.trust(&repository).await;
    let id = desk.run_by(&[&repository], Some("designed")).await;
    let stands = async || desk.wait_until(id, |view| view.state == "NeedsHuman" || view.state == "BlockedPolicy").await;
    stands().await.unwrap();
    desk.ask(TriageRequest { session: id, word: TriageWord::Go, message: "now".to_owned() }).await.unwrap();
    let stuck = |view: &SessionView| view.reason.raw().contains("does not apply");
    desk.wait_until(id, stuck).await.unwrap_or_else(|view| panic!("{} {:?}", view.state, view.reason));
    let asked = SessionRef { session: id, version: None };
    let view = paraph::runtime::replay(&house.home, &house.ports, &house.settings, asked).unwrap();
    assert!(view.same && view.complete, "{view:#?}");
    let stages: Vec<&str> = view.stages.iter().map(|stage| stage.stage.as_str()).collect();
    assert_eq!((stages, view.calls), (vec!["index", "triage", "plan", "proposal v1"], 8));
    // the next answer is there; what is done since is part of the record too
    let (engine, rules, patch, message, program) = (Some(EngineKind::Rules), Vec::new(), None, String::new(), None);
    desk.ask(RegenerateRequest { session: id, engine, rules, patch, message, program }).await.unwrap();
    let scored = desk.until(id, "Scored").await;
    let view = paraph::runtime::replay(&house.home, &house.ports, &house.settings, asked).unwrap();
    assert!(view.same, "{view:#?}");
    assert_eq!(view.versions[0].patch_sets[0].replayed, Some(version(&scored, 1).patch_sets[0].digest));
    // and so are documents that were written again
    let comment = CommentRequest {
        session: asked,
        repo: None,
        thread: None,
        path: None,
        line: None,
        from_line: None,
        side: Side::New,
        against: paraph::api::AgainstRequest::Base,
        kind: ThreadKind::Issue,
        artifact: Some("plan".to_owned()),
        text: "and once more".to_owned(),
    };
    desk.ask(comment).await.unwrap();
    desk.ask(RewriteRequest { session: id, message: String::new() }).await.unwrap();
    desk.wait_until(id, |view| view.tasks[0].title.raw() == "do it twice").await.expect("the plan is another");
    let view = paraph::runtime::replay(&house.home, &house.ports, &house.settings, asked).unwrap();
    let plans = view.stages.iter().filter(|stage| stage.stage == "plan").count();
    assert!(view.same && view.complete && plans == 2 && view.calls == 9, "{view:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_that_is_too_large_is_cut_and_so_it_is_again() {
    let too_long = || Err(ChatError::TooLong { model: "m".to_owned(), said: "maximum context length".to_owned() });
    let models = Scripted::new().replies("implementer", [too_long(), Ok(says(edit(NONE.0, NONE.1)))]).shared();
    let house = House::with(|house| {
        house.ports.models = models.clone();
        house.settings.engine = EngineKind::Llm;
    });
    let large: String = (0..400).map(|n| format!("value_{n} = None\n")).collect();
    let repository = house.repository("shop", &[("a.py", crate::house::FILE), ("large.py", &large)]);
    let desk = house.open();
    let id = desk.run(&[&repository]).await;
    desk.until(id, "Scored").await;
    let asked = models.asked_as("implementer");
    assert!(asked[0].contains("value_399") && !asked[1].contains("value_399"), "what ranks last goes first");
    assert!(asked[1].contains("x == None") && asked[1].len() < asked[0].len() * 2 / 3);
    let of = SessionRef { session: id, version: None };
    let view = paraph::runtime::replay(&house.home, &house.ports, &house.settings, of).unwrap();
    assert!(view.same && view.complete && view.calls == 1, "{view:#?}");
    // too large three times after it was cut is a person's turn
    let replies = [too_long(), too_long(), too_long(), too_long(), Ok(says(edit(NONE.0, NONE.1)))];
    let models = Scripted::new().replies("implementer", replies);
    let models = models.shared();
    let house = House::with(|house| {
        house.ports.models = models.clone();
        house.settings.engine = EngineKind::Llm;
    });
    let repository = house.small_repository("shop");
    let desk = house.open();
    let id = desk.run(&[&repository]).await;
    let view = desk.wait_until(id, |view| view.state == "NeedsHuman").await.unwrap();
    assert!(view.reason.raw().contains("too large for every model"), "{:?}", view.reason);
    assert!((2..=4).contains(&models.asked().len()), "{}", models.asked().len());
    let of = SessionRef { session: id, version: None };
    let view = paraph::runtime::replay(&house.home, &house.ports, &house.settings, of).unwrap();
    assert!(view.same, "{view:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_still_works_is_not_replayed_and_what_is_not_there_is_not_found() {
    let house = House::with(|house| house.ports.validator = Arc::new(Told::held(CheckStatus::Passed)));
    let repository = house.small_repository("shop");
    let desk = house.open();
    desk.trust(&repository).await;
    let id = desk.run(&[&repository]).await;
    desk.until(id, "BranchApplied").await;
    let replay = |session, version: Option<u32>| {
        let asked = SessionRef { session, version: version.map(Version) };
        paraph::runtime::replay(&house.home, &house.ports, &house.settings, asked).unwrap_err()
    };
    assert_eq!(replay(id, None).kind, FailureKind::Refused);
    assert_eq!(replay(id, Some(7)).kind, FailureKind::NotFound);
    assert_eq!(replay(SessionId(99), None).kind, FailureKind::NotFound);
}
