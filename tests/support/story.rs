//! Sessions told event by event: plausible values of everything a session can hear, and a [`Story`] that records it.
//!
//! The core's unit tests and the model share it, so that both mean the same by "a scored version".
#![allow(dead_code, missing_docs, clippy::unwrap_used, unreachable_pub, reason = "each test binary uses its own part")]

use std::collections::BTreeMap;

use paraph::clock::Timestamp;
use paraph::id::{Digest, DraftId, HostPath, LaneId, ObjectId, Seq, SessionId, SessionUuid, ThreadId, Version};
use paraph::planning::{
    Bound, Criterion, Kind, MonitorFinding, MonitorReport, MonitorWord, Monitored, PlanTask, Playbook, Quoted,
    Recommendation, Role, Runbook, TriageReport,
};
use paraph::policy::{PolicySettings, Severity, Violation};
use paraph::proposal::EngineKind;
use paraph::repository::{Base, RepoKey, Snapshot, Source};
use paraph::scoring::{Dimension, Gate, GateId, IssueSeverity, Rating, Review, ReviewIssue, Score, Tenths};
use paraph::session::{
    Artifact, Budget, CallAsked, CallEnded, Candidacy, CheckAgainCommand, Command, Contender, DecideCommand,
    DeriveCommand, DriftSeen, EffectKey, EffectKind, Event, Finding, Input, LaneRequest, Limits, NewSession, Outcome,
    PartEnd, PartFound, PatchSet, Person, PickCommand, Planned, Refusal, Rival, RivalSeen, Session, StopKind,
    ThreadPlace, TokensBy, Verdict, decide,
};
use paraph::validation::{BaselineStatus, CheckKind, CheckResult, CheckStatus, Sides, TestTally, ValidationResult};

/// 2026-11-20T09:30:00.000Z: when every story starts; each entry is a second later.
pub const START: i64 = 1_795_167_000_000;

pub const L0: LaneId = LaneId(0);
pub const L1: LaneId = LaneId(1);
pub const V1: Version = Version(1);
pub const V2: Version = Version(2);
pub const V3: Version = Version(3);

pub fn digest(name: &str) -> Digest {
    Digest::of(name.as_bytes())
}

/// A git object's id that stands for `name`.
pub fn oid(name: &str) -> ObjectId {
    digest(name).to_string()[..40].parse().unwrap()
}

pub fn person(login: &str) -> Person {
    Person {
        login: format!("{login}@build1"),
        name: login.to_owned(),
        email: format!("{login}@example.org"),
        client: "cli".to_owned(),
        terminal: "yes".to_owned(),
    }
}

pub fn ana() -> Person {
    person("ana")
}

pub fn new_session(lanes: u16, playbook: &str, engine: EngineKind) -> NewSession {
    NewSession {
        id: SessionId(7),
        uuid: SessionUuid(uuid::Uuid::from_u128(7)),
        goal: "use is_empty".into(),
        kind: Kind::Refactor,
        adopted: None,
        issue: None,
        estimate: None,
        engine,
        program: None,
        rules: Vec::new(),
        paths: Vec::new(),
        playbook: Playbook::named(playbook).unwrap(),
        patch: None,
        repairs: 0,
        budget: Budget::default(),
        model: None,
        candidate: None,
        roles: Vec::new(),
        lanes: (0..lanes)
            .map(|lane| LaneRequest { source: source(LaneId(lane)), base: Base::Head, snapshot: None })
            .collect(),
        environment: BTreeMap::from([("PATH".to_owned(), "/usr/bin".to_owned())]),
        by: ana(),
    }
}

fn source(lane: LaneId) -> Source {
    Source::Path(HostPath::new(format!("/src/repo{}", lane.0)))
}

pub fn snapshot(lane: LaneId) -> Snapshot {
    Snapshot {
        repo: format!("repo{}", lane.0),
        source: source(lane),
        key: RepoKey(format!("key{}", lane.0)),
        commit: oid(&format!("base {}", lane.0)),
        tree: oid(&format!("tree {}", lane.0)),
        branch: Some("main".to_owned()),
        adopted: None,
        adopted_at: None,
        left_out: 0,
        notices: Vec::new(),
    }
}

/// The change that a draft named `text` makes of `lane`.
pub fn patch_set(lane: LaneId, text: &str) -> PatchSet {
    PatchSet {
        lane,
        digest: digest(&format!("{text} of {}", lane.0)),
        base_commit: oid(&format!("base {}", lane.0)),
        base_tree: oid(&format!("tree {}", lane.0)),
        rebased: None,
        message: "use is_empty".into(),
        explanation: digest("explanation"),
        context: digest("context"),
        stats: digest("stats"),
        files: 1,
        added: 2,
        deleted: 1,
        log: None,
    }
}

pub fn violation(rule: &str, severity: Severity, path: &str) -> Violation {
    Violation {
        rule: rule.to_owned(),
        severity,
        path: path.into(),
        line: Some(3),
        message: format!("{rule} was broken"),
    }
}

pub fn warn(rule: &str, path: &str) -> Violation {
    violation(rule, Severity::Warn, path)
}

pub fn block(rule: &str, path: &str) -> Violation {
    violation(rule, Severity::Block, path)
}

pub fn checks(status: CheckStatus) -> ValidationResult {
    let check = CheckResult {
        name: "test".to_owned(),
        kind: CheckKind::Test,
        status,
        baseline: BaselineStatus::Passed,
        duration_ms: 1200,
        tests: TestTally { passed: 4, ..TestTally::default() },
        confinement: "FULL (namespaces)".to_owned(),
        log: Some(digest("log")),
        base_log: Some(digest("base log")),
        note: String::new(),
        again: Vec::new(),
    };
    ValidationResult {
        checks: vec![check],
        unverified: None,
        setup_wants_network: None,
        notices: Vec::new(),
        before: Vec::new(),
    }
}

pub fn unverified() -> ValidationResult {
    ValidationResult { unverified: Some("not trusted".to_owned()), ..ValidationResult::default() }
}

pub fn score_of(tenths: i64) -> Score {
    let overall = Tenths::clamped(tenths);
    let rating = Rating { dimension: Dimension::Correctness, score: overall, reasons: vec!["the tests pass".into()] };
    Score { scorer: "six-dimensions/1".to_owned(), overall, ratings: vec![rating] }
}

pub fn gate(id: GateId, passed: Option<bool>, evidence: &str) -> Gate {
    Gate { id, passed, evidence: evidence.to_owned() }
}

/// A score with gates that agree with it; `g3` is what the checks said.
pub fn scored(tenths: i64, g3: Option<bool>, violations: Vec<Violation>) -> Finding {
    let blocked = violations.iter().any(|violation| violation.severity == Severity::Block);
    let gates = vec![
        gate(GateId::G2, Some(true), "it applies"),
        gate(GateId::G3, g3, "what the checks said"),
        gate(GateId::G4, Some(!blocked && tenths >= 70), "what the score said"),
    ];
    Finding::Score { violations, score: Box::new(score_of(tenths)), gates }
}

/// A session of a playbook whose triage asks a model.
pub fn asks_triage(lanes: u16, playbook: &str) -> NewSession {
    NewSession { roles: vec![Role::Triage], ..new_session(lanes, playbook, EngineKind::Rules) }
}

/// The candidate of that place among so many, the first of which is session 7.
pub fn candidate(place: u16, of: usize) -> NewSession {
    let engines = [EngineKind::Rules, EngineKind::Llm, EngineKind::Command];
    let contender = |engine: &EngineKind| Contender {
        engine: *engine,
        program: None,
        model: None,
        rules: Vec::new(),
        patch: None,
        repairs: 0,
        budget: Budget::default(),
    };
    let field = engines.iter().cycle().take(of).map(contender).collect();
    let mut first = new_session(1, "quick", EngineKind::Rules);
    first.candidate = Some(Box::new(Candidacy { first: first.id, place: 0, field }));
    first.contending(place).expect("it has that place")
}

/// Another candidate that drafted nothing yet; `picked` where somebody picked it.
pub fn rival(session: u64, picked: bool) -> RivalSeen {
    let rival =
        Rival { session: SessionId(session), state: "SnapshotLoaded".to_owned(), version: None, digests: Vec::new() };
    RivalSeen { rival, picked: picked.then(|| (V1, person("ben").login, Timestamp(START))) }
}

pub fn pick(version: Version, seen: Digest, rivals: Vec<RivalSeen>) -> Command {
    Command::Pick(Box::new(PickCommand { version, digest: seen.short(), by: ana(), rivals }))
}

/// What a candidate hears when another one was picked.
pub fn other_picked(session: u64) -> Outcome {
    Outcome::OtherPicked { picked: SessionId(session), version: V1, by: person("ben") }
}

/// What triage found.
pub fn triage(recommendation: Recommendation, missing: &[&str]) -> Finding {
    let missing = missing.iter().map(|text| (*text).into()).collect();
    let (reasons, risks, unknowns) = (vec!["it is small".into()], vec!["sums".into()], Vec::new());
    let report = TriageReport { recommendation, reasons, risks, unknowns, missing };
    Finding::Triage { report, artifact: digest("triage") }
}

/// Documents with a criterion of each kind: C1 the check `test`, C2 the rule `ci-file`, C3 a person.
pub fn planned() -> Finding {
    let artifact = |name: &str| Artifact { name: name.to_owned(), digest: digest(name) };
    let task = |id: &str, before: &[&str]| PlanTask {
        id: id.to_owned(),
        title: "do it".into(),
        depends_on: before.iter().map(|id| (*id).to_owned()).collect(),
        paths: vec!["src/**".into()],
    };
    let criterion = |id: &str, bound| Criterion { id: id.to_owned(), text: "it holds".into(), bound };
    Finding::Plan(Planned {
        artifacts: vec![artifact("decision"), artifact("plan")],
        tasks: vec![task("a", &[]), task("b", &["a"])],
        criteria: vec![
            criterion("C1", Bound::Check("test".to_owned())),
            criterion("C2", Bound::Rule("ci-file".to_owned())),
            criterion("C3", Bound::Person),
        ],
        changes: Vec::new(),
    })
}

/// The same, written again: another plan, and one criterion that only reads otherwise.
pub fn planned_again() -> Finding {
    let Finding::Plan(mut planned) = planned() else { unreachable!("it is a plan") };
    planned.artifacts[1].digest = digest("plan, the second");
    planned.changes = vec![Artifact { name: "plan".to_owned(), digest: digest("what changed of the plan") }];
    planned.criteria[0].text = "it still holds".into();
    Finding::Plan(planned)
}

pub fn rewrite(message: &str) -> Command {
    Command::Rewrite { by: ana(), message: message.into() }
}

/// A comment on a document that asks for a change.
pub fn objects_to(artifact: &str) -> Command {
    let Command::OpenThread { mut place, by, text } = open_thread_on(artifact) else { unreachable!("it opens one") };
    "issue".clone_into(&mut place.kind);
    Command::OpenThread { place, by, text }
}

/// A review that counts, with an issue of each severity that is named; the critic had no model.
pub fn reviewed(score: u8, issues: &[IssueSeverity]) -> Finding {
    let issues: Vec<ReviewIssue> = issues
        .iter()
        .enumerate()
        .map(|(at, severity)| ReviewIssue {
            severity: *severity,
            path: Some("src/a.rs".into()),
            line: Some(3),
            text: format!("finding {at}").into(),
        })
        .collect();
    let musts = issues.iter().filter(|issue| issue.severity == IssueSeverity::Must).count() as u32;
    let review = Review {
        report: Some(digest("report")),
        scores: Dimension::ALL.into_iter().map(|dimension| (dimension, score)).collect(),
        musts,
        ..Review::unusable(Role::Reviewer, "")
    };
    let critic = Review::unusable(Role::Critic, "no model is configured");
    Finding::Review { reviews: vec![(review, issues), (critic, Vec::new())], left_out: None }
}

/// That what was published is degraded, with a quotation that is there and one that is not.
pub fn monitored() -> Monitored {
    let finding = |quoted| MonitorFinding { what: "it times out".into(), quote: "ERROR timeout".into(), quoted };
    let report = MonitorReport {
        word: MonitorWord::Degraded,
        findings: vec![finding(Quoted::Found), finding(Quoted::NotFound)],
        next: vec!["the log".into()],
        follow_ups: vec!["raise the timeout".into()],
    };
    Monitored::Report { model: String::new(), report, document: digest("monitor"), notes: Vec::new() }
}

/// A wish to hear how it fares.
pub fn monitor() -> Command {
    Command::Monitor { by: ana(), log: Some(digest("log")), budget: Budget::default() }
}

/// A runbook of two steps.
pub fn runbook() -> Runbook {
    Runbook { document: Some(digest("runbook")), steps: 2, ..Runbook::missing("") }
}

pub fn stuck(kind: StopKind) -> Finding {
    Finding::Stuck { kind, reason: "it went wrong".into(), next: "paraph doctor".to_owned(), log: None }
}

/// A draft of `lanes`, told apart from other drafts by `text`.
pub fn draft(lanes: impl IntoIterator<Item = LaneId>, text: &str) -> Finding {
    Finding::Draft {
        patch_sets: lanes.into_iter().map(|lane| patch_set(lane, text)).collect(),
        answers: Vec::new(),
        heard: 0,
        went_on: None,
        log: None,
    }
}

/// A part that changes every lane of the draft, told apart from others by `text`.
pub fn part(session: &Session, text: &str) -> Finding {
    let lanes = session.drafting.iter().flat_map(|drafting| &drafting.so_far).map(|set| set.lane);
    let lanes: Vec<LaneId> = lanes.collect();
    let sets = |text: &str| lanes.iter().map(|lane| patch_set(*lane, text)).collect();
    Finding::Part(PartFound {
        ended: PartEnd::Added,
        own: sets(text),
        patch_sets: sets(&format!("all with {text}")),
        note: "".into(),
    })
}

/// A part that is none.
pub fn no_part(ended: PartEnd, why: &str) -> Finding {
    Finding::Part(PartFound { ended, own: Vec::new(), patch_sets: Vec::new(), note: why.into() })
}

/// What a worker would find for `key`, all being well.
pub fn finding(session: &Session, key: EffectKey) -> Finding {
    let lane = key.lane.unwrap_or(L0);
    match key.kind {
        EffectKind::Load => Finding::Snapshot {
            snapshot: Box::new(snapshot(lane)),
            plan: digest("plan"),
            policy: PolicySettings::default(),
        },
        EffectKind::Triage => triage(Recommendation::Go, &[]),
        EffectKind::Plan => planned(),
        EffectKind::Review => reviewed(8, &[]),
        EffectKind::Runbook => Finding::Runbook(runbook()),
        EffectKind::Index => Finding::Index { index: digest("index"), files: 12, definitions: 34 },
        EffectKind::Draft => {
            let lanes = session.drafting.iter().flat_map(|drafting| drafting.lanes.iter().copied());
            draft(lanes, &format!("draft {}", key.version.unwrap_or(V1)))
        }
        EffectKind::Test | EffectKind::Document => part(session, &key.to_string()),
        EffectKind::Apply => Finding::Branch {
            tree: oid(&format!("{key} tree {}", lane.0)),
            commit: oid(&format!("{key} commit {}", lane.0)),
            reference: format!("refs/heads/paraph/7/{}", key.version.unwrap_or(V1)),
        },
        EffectKind::Check => Finding::Checks(Box::new(checks(CheckStatus::Passed))),
        EffectKind::Score => scored(85, Some(true), Vec::new()),
        EffectKind::Publish => Finding::Published {
            branch: "paraph/7-use-is-empty".to_owned(),
            commit: oid(&format!("published {}", lane.0)),
            place: format!("/src/repo{}", lane.0),
        },
        EffectKind::PassOver => Finding::PassedOver,
        EffectKind::Monitor => Finding::Monitored(monitored()),
    }
}

pub fn decision(lane: LaneId, version: Version, seen: Digest, verdict: Verdict, message: &str) -> Command {
    Command::Decide(DecideCommand {
        lane,
        version,
        digest: seen.short(),
        verdict,
        by: ana(),
        message: message.into(),
        drift: DriftSeen::NONE,
    })
}

pub fn check_again(lane: LaneId, version: Version, sides: Sides) -> Command {
    let environment = BTreeMap::from([("PATH".to_owned(), "/opt/tool/bin:/usr/bin".to_owned())]);
    Command::CheckAgain(Box::new(CheckAgainCommand { lane, version, sides, environment, by: ana() }))
}

pub fn regenerate(message: &str) -> Command {
    Command::Regenerate {
        by: ana(),
        engine: None,
        rules: Vec::new(),
        patch: None,
        message: message.into(),
        made_for: "regenerated".to_owned(),
        program: None,
        limits: Limits::default(),
    }
}

/// Another version, drafted by that engine.
pub fn regenerate_by(engine: EngineKind) -> Command {
    regenerate_within(engine, Limits::default())
}

/// The same, where the settings allow that much.
pub fn regenerate_within(engine: EngineKind, limits: Limits) -> Command {
    let Command::Regenerate { by, rules, patch, message, made_for, program, .. } = regenerate("") else {
        unreachable!()
    };
    Command::Regenerate { by, engine: Some(engine), rules, patch, message, made_for, program, limits }
}

pub fn place(lane: LaneId, version: Version) -> ThreadPlace {
    ThreadPlace {
        version,
        lane,
        path: Some("src/a.rs".into()),
        line: 3,
        from_line: 0,
        side: "new".to_owned(),
        kind: "issue".to_owned(),
        artifact: None,
    }
}

pub fn open_thread(lane: LaneId, version: Version) -> Command {
    Command::OpenThread { place: place(lane, version), by: ana(), text: "why?".into() }
}

pub fn open_thread_on(artifact: &str) -> Command {
    let place = ThreadPlace { path: None, line: 0, artifact: Some(artifact.to_owned()), ..place(L0, V1) };
    Command::OpenThread { place, by: ana(), text: "why this order?".into() }
}

pub fn answer(thread: u32) -> Command {
    Command::Answer { thread: ThreadId(thread), by: ana(), text: "because".into() }
}

pub fn keep_draft(draft: Option<u32>, thread: Option<u32>, text: &str) -> Command {
    Command::KeepDraft {
        draft: draft.map(DraftId),
        place: place(LaneId(0), Version(1)),
        thread: thread.map(ThreadId),
        by: ana(),
        text: text.into(),
    }
}

pub fn derive(lane: LaneId, parent: Version, seen: Digest, text: &str) -> Command {
    Command::Derive(Box::new(DeriveCommand {
        parent,
        digest: seen.short(),
        patch_set: patch_set(lane, text),
        made_for: "1 hunk left out".to_owned(),
        by: ana(),
    }))
}

/// A session and all that was recorded about it.
#[derive(Clone)]
pub struct Story {
    pub session: Session,
    pub entries: Vec<(Event, Timestamp, Seq)>,
}

impl Story {
    pub fn of(asked: NewSession) -> Self {
        let (at, seq) = (Timestamp(START), Seq(1));
        let session = Session::created(asked.clone(), at, seq);
        Self { session, entries: vec![(Event::Created { session: Box::new(asked) }, at, seq)] }
    }

    /// One repository, playbook `quick`, engine `rules`.
    pub fn quick() -> Self {
        Self::of(new_session(1, "quick", EngineKind::Rules))
    }

    /// Two repositories, playbook `quick`, engine `rules`.
    pub fn two_lanes() -> Self {
        Self::of(new_session(2, "quick", EngineKind::Rules))
    }

    pub fn record(&mut self, event: Event) {
        let seq = Seq(self.entries.len() as u64 + 1);
        let at = Timestamp(START + 1000 * (self.entries.len() as i64));
        let unfinished = std::mem::replace(&mut self.session, placeholder());
        self.session = unfinished.apply(&event, at, seq);
        self.entries.push((event, at, seq));
    }

    /// Decides and records; what was recorded, or why nothing was.
    pub fn tell(&mut self, input: Input) -> Result<Vec<Event>, Refusal> {
        let step = decide(&self.session, &input)?;
        for event in &step.events {
            self.record(event.clone());
        }
        Ok(step.events)
    }

    pub fn command(&mut self, command: Command) -> Result<Vec<Event>, Refusal> {
        self.tell(Input::Command(Box::new(command)))
    }

    pub fn outcome(&mut self, outcome: Outcome) -> Vec<Event> {
        self.tell(Input::Outcome(Box::new(outcome))).expect("outcomes are never refused")
    }

    /// A person's command that must be carried out.
    #[track_caller]
    pub fn does(mut self, command: Command) -> Self {
        self.command(command.clone()).unwrap_or_else(|refusal| panic!("{command:?}: {refusal}"));
        self
    }

    /// Starts the effect and answers it.
    #[track_caller]
    pub fn answers(mut self, key: EffectKey, finding: Finding) -> Self {
        assert_eq!(self.outcome(Outcome::Starting(key)).len(), 1, "{key} is not owed");
        let attempt = self.session.owed()[&key].attempt;
        assert!(!self.outcome(Outcome::Found { key, attempt, finding }).is_empty(), "{key} moved nothing");
        self
    }

    /// Answers the only effect of that kind that is owed.
    #[track_caller]
    pub fn finds(self, kind: EffectKind, finding: Finding) -> Self {
        let key = self.owed(kind);
        self.answers(key, finding)
    }

    /// Starts the first owed effect of that kind.
    #[track_caller]
    pub fn starts(mut self, kind: EffectKind) -> Self {
        let key = self.owed(kind);
        assert_eq!(self.outcome(Outcome::Starting(key)).len(), 1, "{key} is not owed");
        self
    }

    /// Why a call to a model is not made.
    #[track_caller]
    pub fn refused(&mut self, outcome: Outcome) -> Refusal {
        self.tell(Input::Outcome(Box::new(outcome))).expect_err("it is not made")
    }

    /// The first owed effect of that kind.
    #[track_caller]
    pub fn owed(&self, kind: EffectKind) -> EffectKey {
        let owed = self.session.owed().keys().find(|key| key.kind == kind).copied();
        owed.unwrap_or_else(|| panic!("no {kind:?} is owed: {:?}", self.session.owed()))
    }

    /// Answers everything that is owed, as [`finding`] would, until nothing is or work of the kind `end` is.
    pub fn runs_until(mut self, end: Option<EffectKind>) -> Self {
        while let Some(key) = self.session.owed().keys().find(|key| Some(key.kind) != end).copied() {
            let found = finding(&self.session, key);
            self = self.answers(key, found);
        }
        self
    }

    /// Answers everything that is owed.
    pub fn runs(self) -> Self {
        self.runs_until(None)
    }

    /// The person's word on the lane's current version, with a reason.
    #[track_caller]
    pub fn decides(self, lane: LaneId, verdict: Verdict) -> Self {
        let (version, set) = self.session.current(lane).expect("a version changes the lane");
        let seen = set.drafted.digest;
        self.does(decision(lane, version, seen, verdict, "reason"))
    }

    pub fn publishes(self) -> Self {
        self.does(Command::Publish { by: ana() })
    }

    /// The session that the recorded entries make.
    pub fn replayed(&self) -> Session {
        Session::fold(self.entries.iter().cloned()).expect("it starts with Created")
    }

    pub fn phase(&self, lane: LaneId) -> String {
        let phase = self.session.lane(lane).unwrap().phase;
        phase.version().map_or_else(|| phase.name().to_owned(), |version| format!("{} {version}", phase.name()))
    }

    /// What is owed, as text, in order.
    pub fn owes(&self) -> String {
        self.session.owed().keys().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }
}

/// Stands in for a session while its successor is made.
fn placeholder() -> Session {
    thread_local! {
        static EMPTY: Session = Session::created(
            NewSession { lanes: Vec::new(), environment: BTreeMap::new(), ..new_session(0, "static", EngineKind::Rules) },
            Timestamp(0),
            Seq(0),
        );
    }
    EMPTY.with(Clone::clone)
}

/// A call of 1,000 tokens of prompt and at most 500 of answer, at most 3,000 millionths of a dollar.
pub fn call_asked(key: EffectKey, attempt: u32) -> CallAsked {
    CallAsked {
        key,
        attempt,
        role: Role::Implementer,
        model: "openai/gpt-4.1".to_owned(),
        prompt: digest("prompt"),
        count: paraph::session::PromptCount::Estimated,
        uncounted: "".into(),
        fits: 0,
        input_tokens: 1000,
        output_tokens: 500,
        cost_micros: Some(3000),
        prices: "2026-11-20".to_owned(),
        room: 0,
        heard: 0,
        redacted: vec!["github-token in a.py".to_owned()],
    }
}

/// A wish for such a call, of a role that has no share of its own.
pub fn asking(key: EffectKey, attempt: u32) -> Outcome {
    Outcome::Asking(call_asked(key, attempt), Budget::default())
}

/// How such a call ended.
pub fn call_ended(call: u32, cost_micros: Option<u64>) -> CallEnded {
    CallEnded {
        call,
        input_tokens: 900,
        output_tokens: 100,
        tokens_by: TokensBy::Provider,
        cached_tokens: 0,
        cost_micros,
        latency_ms: 1500,
        tries: 1,
        reply: None,
        request_id: "".into(),
        ended: "stop".into(),
        waited_ms: 0,
    }
}
