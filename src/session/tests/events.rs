//! Events as the journal keeps them: integers and strings, and every form that was ever written still reads.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::story::{self, L0, L1, V1};
use super::*;
use crate::id::{DraftId, SessionId, ThreadId, Version};
use crate::planning::{
    Estimate, IssueSource, Monitored, Recommendation, Role, RoleEstimate, Runbook, TriageReport, Unsaid,
};
use crate::policy::PolicySettings;
use crate::proposal::{EngineKind, ProgramChoice};
use crate::repository::WorkSpec;
use crate::scoring::{Dimension, GateId, Review};
use crate::validation::Sides;

/// One of every kind, with every field filled.
fn samples() -> Vec<Event> {
    let (by, lane, version, message) = (story::ana, L1, V1, || "größe \" \\ \n".into());
    let key = EffectKey::on_version(EffectKind::Check, lane, version);
    let mut session = story::new_session(2, "indexed", EngineKind::Adopt);
    session.adopted = Some(WorkSpec::Branch("topic".to_owned()));
    session.patch = Some(story::digest("diff"));
    session.rules = vec!["rust-len-zero".to_owned()];
    session.paths = vec!["src/**".to_owned()];
    let mut set = story::patch_set(lane, "draft");
    set.rebased = Some(story::snapshot(lane));
    let violations = vec![story::warn("ci-file", "a.yml"), story::block("secret-added", "b\tc.rs")];
    let mut result = story::unverified();
    result.checks = story::checks(crate::validation::CheckStatus::Fixed).checks;
    result.notices = vec!["cargo is offline".to_owned()];
    let mut snapshot = story::snapshot(lane);
    snapshot.adopted = Some(story::oid("adopted"));
    let seen = story::digest("seen");
    let gates = [Some(true), Some(false), None].map(|passed| story::gate(GateId::G3, passed, "evidence")).to_vec();
    vec![
        Event::Created { session: Box::new(session) },
        Event::AttemptStarted { key, attempt: 2 },
        Event::SnapshotLoaded { lane, snapshot, plan: story::digest("plan"), policy: PolicySettings::default() },
        Event::Indexed { lane, index: story::digest("index"), files: 12, definitions: 34 },
        Event::TriageFound {
            report: TriageReport {
                recommendation: Recommendation::NoGo,
                reasons: vec![message()],
                risks: vec![message()],
                unknowns: vec![message()],
                missing: vec![message()],
            },
            artifact: story::digest("triage"),
        },
        Event::Triaged { by: by(), message: message() },
        Event::Deferred { by: by(), message: message() },
        Event::Declined { by: by(), message: message() },
        planned(),
        Event::DocumentsAsked {
            by: by(),
            roles: vec![Role::Architect, Role::Planner],
            threads: vec![ThreadId(2)],
            message: message(),
        },
        Event::Agreed {
            by: by(),
            message: message(),
            documents: vec![crate::session::Artifact { name: "plan".to_owned(), digest: story::digest("plan") }],
        },
        Event::Ticked { criterion: "C3".to_owned(), version, by: by(), message: message() },
        Event::Unticked { criterion: "C3".to_owned(), version, by: by() },
        Event::Reviewed {
            lane,
            version,
            reviews: vec![
                Review {
                    model: "openai/gpt-4.1".to_owned(),
                    report: Some(story::digest("report")),
                    scores: Dimension::ALL.into_iter().zip(1..).collect(),
                    musts: 2,
                    notes: vec!["it saw the first part of 9 lines only".to_owned()],
                    ..Review::unusable(Role::Reviewer, "")
                },
                Review::unusable(Role::Critic, "no model is configured"),
            ],
        },
        Event::RunbookWritten {
            lane,
            version,
            digest: seen,
            runbook: Runbook {
                model: "openai/gpt-4.1".to_owned(),
                notes: vec!["who wrote it saw a part".to_owned()],
                ..story::runbook()
            },
        },
        Event::Proposed {
            version,
            engine: EngineKind::Rules,
            made_for: "goal".into(),
            patch_sets: vec![set],
            by: None,
            parent: None,
            parts: Vec::new(),
        },
        part_made(),
        Event::BranchApplied {
            lane,
            version,
            tree: story::oid("tree"),
            commit: story::oid("commit"),
            reference: "refs/heads/paraph/7/v1".to_owned(),
        },
        Event::PatchBlocked { lane, version, violations: violations.clone() },
        Event::Validated { lane, version, result },
        Event::Scored { lane, version, violations, score: story::score_of(73), gates },
        Event::Approved { lane, version, digest: seen, by: by(), message: message(), because: vec!["G3".into()] },
        Event::Rejected { lane, version, digest: seen, by: by(), message: message() },
        Event::ChangesRequested { lane, version, digest: seen, by: by(), message: message() },
        Event::Overridden {
            lane,
            version,
            rule: "ci-file".to_owned(),
            path: Some("a.yml".into()),
            by: by(),
            message: message(),
        },
        Event::Regenerated {
            by: by(),
            engine: Some(EngineKind::Patch),
            rules: vec!["rust-len-zero".to_owned()],
            patch: Some(story::digest("diff")),
            message: message(),
            made_for: "regenerated".to_owned(),
            program: None,
            lanes: Vec::new(),
            repairs: 0,
        },
        Event::Retried { by: by(), message: "there is room again".into() },
        Event::RecheckAsked { lane, version, by: None, sides: Sides::Proposal, environment: None },
        Event::LaneDropped { lane, by: by() },
        Event::Paused { by: by() },
        Event::Resumed { by: by() },
        Event::PublishAsked { by: by() },
        Event::Published {
            lane,
            version,
            branch: "paraph/7-use".to_owned(),
            commit: story::oid("published"),
            place: "/src/repo1".to_owned(),
        },
        Event::MonitorAsked { version, by: by(), log: Some(story::digest("log")) },
        Event::Monitored { version, said: Box::new(story::monitored()) },
        Event::Stopped {
            kind: StopKind::NeedsHuman,
            reason: "it went wrong".into(),
            next: "paraph doctor".to_owned(),
            key: Some(key),
            log: None,
        },
        Event::Steered { by: by(), text: message() },
        Event::Held {
            key: EffectKey::draft(version),
            attempt: 1,
            patch_sets: vec![story::patch_set(lane, "left")],
            log: Some(story::digest("log")),
        },
        Event::ThreadOpened { thread: ThreadId(1), place: story::place(lane, version), by: by(), text: message() },
        Event::ThreadAnswered { thread: ThreadId(1), by: by(), text: message() },
        Event::ThreadResolved { thread: ThreadId(1), by: by() },
        Event::ThreadReopened { thread: ThreadId(1), by: by() },
        Event::DraftKept {
            draft: DraftId(2),
            place: story::place(lane, version),
            thread: Some(ThreadId(1)),
            by: by(),
            text: message(),
        },
        Event::DraftDropped { draft: DraftId(2), by: by() },
        Event::RepairAsked { lane, version, number: 2, because: vec!["pytest".to_owned()] },
        Event::CallReserved { call: 1, asked: Box::new(story::call_asked(EffectKey::draft(V1), 1)) },
        Event::CallSettled {
            ended: Box::new(CallEnded {
                cached_tokens: 100,
                reply: Some(story::digest("reply")),
                request_id: "req_1".into(),
                ..story::call_ended(1, Some(1200))
            }),
        },
        Event::BudgetSet { budget: Budget { cost_micros: Some(5), tokens: Some(7) }, by: by() },
        Event::Picked { version, digests: vec![seen], over: vec![rival(), story::rival(9, false).rival], by: by() },
        Event::OthersPassedOver {},
        Event::PassedOver { picked: SessionId(8), version, by: by() },
        Event::Marked { lane, version, hunks: vec![seen], by: by() },
        Event::Unmarked { lane, version, hunks: vec![seen], by: by() },
    ]
}

/// A candidate as it stood, whole.
fn rival() -> Rival {
    Rival { version: Some(V1), digests: vec![story::digest("seen")], ..story::rival(8, false).rival }
}

/// Other forms of events, by the name of their file.
fn forms() -> Vec<(&'static str, Event)> {
    let mut session = story::candidate(1, 3);
    session.model = Some("openai/gpt-4.1".to_owned());
    session.lanes[0].snapshot = Some(story::snapshot(L0));
    let field = &mut session.candidate.as_mut().expect("it is one").field;
    field[1] = Contender {
        engine: EngineKind::Llm,
        program: Some(ProgramChoice { name: "ruff".to_owned(), hosts: vec!["a.example".to_owned()] }),
        model: Some("openai/gpt-4.1".to_owned()),
        rules: vec!["rust-len-zero".to_owned()],
        patch: Some(story::digest("diff")),
        repairs: 3,
        budget: Budget { cost_micros: Some(5), tokens: Some(7) },
    };
    let mut asked = story::new_session(2, "indexed", EngineKind::Llm);
    asked.rules = vec!["rust-len-zero".to_owned()];
    asked.paths = vec!["src/**".to_owned()];
    let (of_issue, estimated) =
        (NewSession { issue: Some(issue()), ..asked.clone() }, NewSession { estimate: Some(estimate()), ..asked });
    let draft = EffectKey::draft(V1);
    let call = CallAsked { room: 30_000, heard: 2, ..story::call_asked(draft, 1) };
    let counted = CallAsked {
        count: crate::session::PromptCount::Exact,
        uncounted: "why".into(),
        fits: 900,
        ..story::call_asked(draft, 1)
    };
    let limited = Event::Regenerated {
        by: story::ana(),
        engine: Some(EngineKind::Llm),
        rules: Vec::new(),
        patch: None,
        message: "".into(),
        made_for: "regenerated".to_owned(),
        program: None,
        lanes: vec![story::L1],
        repairs: 3,
    };
    let waited = CallEnded { waited_ms: 300, ..story::call_ended(1, Some(1200)) };
    vec![
        ("created-candidate", Event::Created { session: Box::new(session) }),
        ("created-issue", Event::Created { session: Box::new(of_issue) }),
        ("created-estimate", Event::Created { session: Box::new(estimated) }),
        (
            "runbook-written-missing",
            Event::RunbookWritten {
                lane: L0,
                version: V1,
                digest: story::digest("seen"),
                runbook: Runbook::missing("no model is configured"),
            },
        ),
        ("monitored-nothing", Event::Monitored { version: V1, said: Box::new(unsaid()) }),
        ("planned-again", planned_as(story::planned_again())),
        ("proposed-in-parts", proposed_in_parts()),
        ("call-reserved-room", Event::CallReserved { call: 1, asked: Box::new(call) }),
        ("call-reserved-counted", Event::CallReserved { call: 1, asked: Box::new(counted) }),
        ("regenerated-of-some", limited),
        ("call-settled-waited", Event::CallSettled { ended: Box::new(waited) }),
        (
            "stopped-log",
            Event::Stopped {
                kind: StopKind::NeedsHuman,
                reason: "it went wrong".into(),
                next: "paraph doctor".to_owned(),
                key: Some(draft),
                log: Some(story::digest("log")),
            },
        ),
    ]
}

fn unsaid() -> Monitored {
    Monitored::Nothing { kind: Unsaid::BudgetSpent, why: "the budget is spent".into() }
}

fn planned() -> Event {
    planned_as(story::planned())
}

fn planned_as(finding: Finding) -> Event {
    let Finding::Plan(planned) = finding else { unreachable!("it is a plan") };
    let Planned { artifacts, tasks, criteria, changes } = planned;
    Event::Planned { artifacts, tasks, criteria, changes }
}

/// The same kinds with everything left out that can be.
fn bare() -> Vec<Event> {
    let plain = Event::Created { session: Box::new(story::new_session(1, "static", EngineKind::Rules)) };
    let place = ThreadPlace { path: None, line: 0, ..story::place(L0, V1) };
    let (by, message) = (story::ana, || "".into());
    vec![
        plain,
        Event::AttemptStarted { key: EffectKey::draft(V1), attempt: 1 },
        Event::AttemptStarted { key: EffectKey::on_lane(EffectKind::Load, L0), attempt: 1 },
        Event::Overridden { lane: L0, version: V1, rule: "r".into(), path: None, by: by(), message: message() },
        Event::Regenerated {
            by: by(),
            engine: None,
            rules: Vec::new(),
            patch: None,
            message: message(),
            made_for: String::new(),
            program: None,
            lanes: Vec::new(),
            repairs: 0,
        },
        Event::Stopped { kind: StopKind::Cancelled, reason: message(), next: String::new(), key: None, log: None },
        Event::ThreadOpened { thread: ThreadId(1), place: place.clone(), by: by(), text: message() },
        Event::DraftKept { draft: DraftId(1), place, thread: None, by: by(), text: message() },
        Event::RecheckAsked {
            lane: L0,
            version: V1,
            by: Some(by()),
            sides: Sides::Both,
            environment: Some([("PATH".to_owned(), "/usr/bin".to_owned())].into()),
        },
        Event::Proposed {
            version: V1,
            engine: EngineKind::Rules,
            made_for: "1 hunk left out".into(),
            patch_sets: vec![story::patch_set(L0, "derived")],
            by: Some(by()),
            parent: Some(V1),
            parts: Vec::new(),
        },
        Event::Created {
            session: Box::new(NewSession {
                issue: Some(issue()),
                estimate: Some(estimate()),
                ..story::new_session(1, "quick", EngineKind::Llm)
            }),
        },
    ]
}

fn estimate() -> Estimate {
    let role = RoleEstimate {
        role: Role::Implementer,
        model: "openai/gpt-4.1".to_owned(),
        least_calls: 1,
        most_calls: 64,
        least_tokens: 9_000,
        most_tokens: 9_000_000,
        least_micros: Some(20_000),
        most_micros: None,
        prices: "2026-11-28".to_owned(),
    };
    Estimate::of(vec![role], Some(2_000_000), Some(1_000_000), None)
}

fn issue() -> IssueSource {
    IssueSource {
        url: "https://example.org/a/b/issues/3".into(),
        forge: "gitlab".into(),
        title: "größe \" \\".into(),
        state: "open".into(),
        labels: vec!["bug".into()],
        comments: 3,
        left_out: 1,
        text: story::digest("issue"),
    }
}

/// The value that the journal keeps: as the event serialises, without nulls.
fn kept(event: &Event) -> Value {
    fn drop_nulls(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.retain(|_, field| !field.is_null());
                fields.values_mut().for_each(drop_nulls);
            }
            Value::Array(items) => items.iter_mut().for_each(drop_nulls),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut value = serde_json::to_value(event).expect("events are plain data");
    drop_nulls(&mut value);
    value
}

fn part_made() -> Event {
    let part = VersionPart {
        role: Role::Implementer,
        by: "p/m".to_owned(),
        ended: PartEnd::Added,
        on: Some(V1),
        patch_sets: vec![story::patch_set(L0, "own")],
        note: "repo1: the engine drafted nothing there".into(),
    };
    let (version, patch_sets) = (Version(2), vec![story::patch_set(L0, "draft")]);
    Event::PartMade { version, part: Box::new(part), patch_sets, heard: 1 }
}

fn proposed_in_parts() -> Event {
    let Event::PartMade { version, part, .. } = part_made() else { unreachable!("it is one") };
    let (ended, note) = (PartEnd::LeftOut, "no model".into());
    let tester = VersionPart { role: Role::Tester, by: String::new(), ended, on: None, patch_sets: Vec::new(), note };
    Event::Proposed {
        version,
        engine: EngineKind::Llm,
        made_for: "goal".into(),
        patch_sets: vec![story::patch_set(L0, "draft")],
        by: None,
        parent: None,
        parts: vec![*part, tester],
    }
}

/// Where something other than integers, strings, lists and objects stands.
fn oddities(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Null | Value::Bool(_) => found.push(format!("{at} = {value}")),
        Value::Number(number) if !number.is_i64() && !number.is_u64() => found.push(format!("{at} = {number}")),
        Value::Number(_) | Value::String(_) => {}
        Value::Array(items) => items.iter().for_each(|item| oddities(item, at, found)),
        Value::Object(fields) => {
            fields.iter().for_each(|(name, field)| oddities(field, &format!("{at}.{name}"), found));
        }
    }
}

#[test]
fn events_are_integers_and_strings_and_read_back() {
    let others = forms().into_iter().map(|(_, event)| event);
    for event in samples().into_iter().chain(bare()).chain(others) {
        let value = kept(&event);
        let mut found = Vec::new();
        oddities(&value, event.name(), &mut found);
        assert_eq!(found, Vec::<String>::new());
        assert_eq!(serde_json::from_value::<Event>(value.clone()).ok().as_ref(), Some(&event), "{value:#}");
        assert_eq!(value["type"], event.name());
    }
}

#[test]
fn there_is_a_sample_of_every_kind() {
    let names: BTreeSet<&str> = samples().iter().map(Event::name).collect();
    // the arms of Event::name, which the compiler holds complete
    let known = include_str!("../event.rs").lines().filter_map(|line| line.trim().strip_prefix("Self::"));
    let known: BTreeSet<&str> = known.filter_map(|arm| arm.split("=> \"").nth(1)?.strip_suffix("\",")).collect();
    assert_eq!(names, known);
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/events")
}

/// A form that was ever written must read for ever. `PARAPH_BLESS=1` writes forms that are not there yet; a file that
/// is there never changes: another form of the same event gets a file of its own.
#[test]
fn every_form_that_was_ever_written_still_reads() {
    let named = samples().into_iter().map(|event| (event.name(), event));
    for (name, event) in named.chain(forms()) {
        let path = golden().join(format!("{name}.json"));
        if std::env::var_os("PARAPH_BLESS").is_some() && !path.exists() {
            std::fs::write(&path, format!("{:#}\n", kept(&event))).expect("the folder can be written");
        }
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let value: Value = serde_json::from_str(&text).expect("golden files are JSON");
        assert_eq!(serde_json::from_value::<Event>(value).ok(), Some(event), "{}", path.display());
    }
    for file in std::fs::read_dir(golden()).expect("the folder is there") {
        let path = file.expect("it can be read").path();
        let text = std::fs::read_to_string(&path).expect("it can be read");
        let event = serde_json::from_str::<Event>(&text);
        assert!(event.is_ok(), "{}: {event:?}", path.display());
    }
}
