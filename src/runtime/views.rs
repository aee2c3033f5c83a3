//! A folded session as clients see it.

use std::collections::BTreeMap;

use crate::api::{
    CheckView, CommentView, CriterionView, DecisionView, DraftView, EstimateView, FileStat, GateView, LaneView,
    MonitorView, PartChange, PartView, ReviewView, RoleEstimateView, RunbookView, ScoreView, SessionRow, SessionView,
    Side, ThreadKind, ThreadView, UsageView, VersionPatchSet, VersionView, ViolationView,
};
use crate::id::{Digest, LaneId, Version};
use crate::planning::{Estimate, Monitored, RoleEstimate, run_line};
use crate::repository::WorkSpec;
use crate::scoring::{Gate, GateId, Review, Score};
use crate::session::{
    self, Decision, PatchSetRecord, Person, Phase, Session, State, StopKind, Thread, VersionRecord, aliases, dollars,
};
use crate::text::Untrusted;
use crate::validation::CheckResult;

use super::documents::runbook_name;
use super::metrics::cost_of;
use super::overridden;
use super::tables::cut;

/// How much of each text a row keeps: goal and reason, next step, gates' evidence, repositories, their names.
type Cuts = (usize, usize, usize, usize, usize);

/// What clients are told, and what fits the store, wider first: control characters grow sixfold in JSON.
const CUTS: [Cuts; 3] = [(300, 120, 90, 8, 60), (100, 60, 24, 4, 30), (20, 20, 0, 2, 12)];

/// 4 KiB less room for what stands beside the JSON in its record.
const ROW_BYTES: usize = 3900;

/// One line of the inbox.
pub(super) fn row_of(session: &Session) -> SessionRow {
    row_within(session, CUTS[0])
}

/// The row as the store keeps it: JSON that always fits.
pub(super) fn stored_row(session: &Session) -> String {
    let json = |cuts| serde_json::to_string(&row_within(session, cuts)).expect("rows are plain data");
    let fits = |text: &String| text.len() <= ROW_BYTES;
    CUTS.into_iter().map(json).find(fits).unwrap_or_else(|| json(CUTS[2]))
}

/// Whether a person is needed now.
pub(super) fn is_waiting(session: &Session) -> bool {
    let state = session.state();
    // whoever rejected all of it has said their word: it can be asked for again, and waits for nobody
    (state.needs_a_person() && !session.is_rejected()) || waits_for_go(session, state)
}

fn row_within(session: &Session, (words, step, evidence, repos, name): Cuts) -> SessionRow {
    let state = session.state();
    let (reason, next) = session.waits_for();
    let newest = session.versions.last();
    let sets = || newest.into_iter().flat_map(|version| shipping(session, version)).map(|(_, set)| set);
    let sum = |count: fn(&PatchSetRecord) -> u32| sets().map(count).fold(0, u32::saturating_add);
    SessionRow {
        id: session.asked.id,
        goal: cut(session.asked.goal.raw(), words).into(),
        kind: session.asked.kind,
        state: state.name().to_owned(),
        reason: cut(reason.raw(), words).into(),
        next: cut(&next, step),
        needs_me: is_waiting(session),
        running: !session.owed().is_empty(),
        paused: session.paused().is_some(),
        engine: session.asked.engine.name().to_owned(),
        repos: session.active().take(repos).map(|lane| cut(&lane.name(), name)).collect(),
        version: newest.map(|version| version.number),
        score: sets().filter_map(|set| set.score.as_ref().map(|score| score.overall)).min(),
        gates: newest.map_or_else(Vec::new, |version| worst_gates(session, version, evidence)),
        files: sum(|set| set.drafted.files),
        added: sum(|set| set.drafted.added),
        deleted: sum(|set| set.drafted.deleted),
        open_threads: open_threads(session),
        created_at: session.created_at,
        updated_at: session.updated_at,
        candidate_of: session.asked.candidate.as_ref().map(|candidacy| candidacy.first),
    }
}

fn waits_for_go(session: &Session, state: State) -> bool {
    let idle = session.owed().is_empty() && session.paused().is_none();
    idle && (matches!(state, State::Indexed | State::SnapshotLoaded) || session.asks_agreement())
}

fn open_threads(session: &Session) -> u32 {
    u32::try_from(session.threads.iter().filter(|thread| !thread.resolved).count()).unwrap_or(u32::MAX)
}

/// The patch sets of a version that can ship: those of lanes that were not dropped.
fn shipping<'a>(
    session: &'a Session,
    version: &'a VersionRecord,
) -> impl Iterator<Item = (&'a LaneId, &'a PatchSetRecord)> {
    version.patch_sets.iter().filter(|(lane, _)| session.lane(**lane).is_some_and(|lane| !lane.dropped))
}

/// The gates of a version, the worst of its lanes for each.
fn worst_gates(session: &Session, version: &VersionRecord, evidence: usize) -> Vec<GateView> {
    let mut worst: BTreeMap<GateId, GateView> = BTreeMap::new();
    for (_, set) in shipping(session, version) {
        for gate in &set.gates {
            let view = GateView {
                repo: None,
                id: gate.id,
                passed: gate.passed,
                evidence: cut(&overridden::evidence(set, gate), evidence).into(),
            };
            let known = worst.entry(gate.id).or_insert_with(|| view.clone());
            if badness(view.passed) > badness(known.passed) {
                *known = view;
            }
        }
    }
    worst.into_values().collect()
}

/// Failed before not run before passed.
fn badness(passed: Option<bool>) -> u8 {
    match passed {
        Some(false) => 2,
        None => 1,
        Some(true) => 0,
    }
}

/// A session, whole. `stats` gives the files of a patch set (from its blob).
pub(super) fn view_of(
    session: &Session,
    only: Option<Version>,
    stats: &dyn Fn(&Digest) -> Vec<FileStat>,
) -> SessionView {
    let state = session.state();
    let (reason, next) = session.waits_for();
    let wanted = |version: &&VersionRecord| only.is_none_or(|only| only == version.number);
    SessionView {
        schema: "paraph.session/1".to_owned(),
        id: session.asked.id,
        uuid: session.asked.uuid,
        goal: session.asked.goal.clone(),
        kind: session.asked.kind,
        source: match (&session.asked.adopted, &session.asked.issue) {
            (Some(work), _) => format!("adopted {}", name_of(work)),
            (None, Some(issue)) => format!("issue {}", issue.url.raw()),
            (None, None) => "goal".to_owned(),
        },
        adopted_again: None,
        issue: session.asked.issue.clone(),
        state: state.name().to_owned(),
        aliases: aliases(state).iter().map(|alias| (*alias).to_owned()).collect(),
        reason,
        next,
        needs_me: is_waiting(session),
        paused: session.paused().is_some(),
        playbook: session.asked.playbook.name.clone(),
        engine: session.asked.engine.name().to_owned(),
        created_at: session.created_at,
        updated_at: session.updated_at,
        lanes: session.lanes.iter().map(|lane| lane_view(session, lane, only)).collect(),
        versions: session.versions.iter().filter(wanted).map(|version| version_view(session, version, stats)).collect(),
        triage: session.triage.as_ref().map(|(report, _)| report.clone()),
        tasks: session.planned.iter().flat_map(|planned| planned.tasks.iter().cloned()).collect(),
        estimate: session.asked.estimate.as_ref().map(estimate_of),
        candidates: session.asked.candidate.iter().flat_map(|candidacy| candidacy.sessions()).collect(),
        picked: super::comparison::pick_of(session),
        monitors: monitors_of(session),
        usage: usage_of(session),
        pull_requests: Vec::new(),
        published: published(session),
        head: session.head,
    }
}

/// What its calls to models were thought to take.
pub(super) fn estimate_of(estimate: &Estimate) -> EstimateView {
    let usd = |micros: Option<u64>| micros.map_or_else(|| "unknown".to_owned(), dollars);
    let role = |role: &RoleEstimate| RoleEstimateView {
        role: role.role.name().to_owned(),
        model: role.model.clone(),
        least_calls: role.least_calls,
        most_calls: role.most_calls,
        least_tokens: role.least_tokens,
        most_tokens: role.most_tokens,
        least_usd: usd(role.least_micros),
        most_usd: usd(role.most_micros),
        prices: role.prices.clone(),
    };
    let nothing = estimate.roles.is_empty();
    EstimateView {
        schema: "paraph.estimate/1".to_owned(),
        least_usd: if nothing { "0".to_owned() } else { usd(estimate.least_micros) },
        most_usd: if nothing { "0".to_owned() } else { usd(estimate.most_micros) },
        least_tokens: estimate.least_tokens,
        most_tokens: estimate.most_tokens,
        held_by: estimate.held_by.clone(),
        roles: estimate.roles.iter().map(role).collect(),
    }
}

/// What its calls to models took, and what those may take that run.
pub(super) fn usage_of(session: &Session) -> UsageView {
    let (taken, reserved) = (session.taken(), session.reserved());
    UsageView {
        input_tokens: taken.input_tokens,
        output_tokens: taken.output_tokens,
        cost_usd: cost_of(taken.cost_micros, taken.unknown, taken.calls),
        reserved_tokens: reserved.tokens(),
        reserved_usd: (reserved.calls > 0).then(|| cost_of(reserved.cost_micros, reserved.unknown, reserved.calls)),
        budget_spent: session.stop.as_ref().is_some_and(|stop| stop.kind == StopKind::BudgetSpent),
        limit_usd: session.budget.cost_micros.map(dollars),
        limit_tokens: session.budget.tokens,
    }
}

/// What adopted work is called.
pub(super) fn name_of(work: &WorkSpec) -> String {
    match work {
        WorkSpec::Branch(name) | WorkSpec::Range(name) => name.clone(),
        WorkSpec::Dirty => "the working copy".to_owned(),
        WorkSpec::Worktree(path) => path.to_string(),
    }
}

fn published(session: &Session) -> Vec<String> {
    let sets = session.versions.iter().flat_map(|version| version.patch_sets.values());
    sets.filter_map(|set| set.published.as_ref().map(|published| published.branch.clone())).collect()
}

/// A lane, with the base of version `only`, else of its newest.
fn lane_view(session: &Session, lane: &session::Lane, only: Option<Version>) -> LaneView {
    let version = only.or_else(|| session.current(lane.id).map(|(version, _)| version));
    let snapshot = version.map_or(lane.snapshot.as_ref(), |version| session.base_of(lane.id, version));
    LaneView {
        repo: lane.name(),
        source: lane.source.clone(),
        base_commit: snapshot.map(|snapshot| snapshot.commit.clone()),
        branch: snapshot.and_then(|snapshot| snapshot.branch.clone()),
        phase: lane.phase.name().to_owned(),
        dropped: lane.dropped,
        left_out: snapshot.map_or(0, |snapshot| snapshot.left_out),
        notices: snapshot
            .map_or_else(Vec::new, |snapshot| snapshot.notices.iter().map(|notice| notice.as_str().into()).collect()),
    }
}

fn version_view(session: &Session, version: &VersionRecord, stats: &dyn Fn(&Digest) -> Vec<FileStat>) -> VersionView {
    let name = |lane: &LaneId| session.lane(*lane).map_or_else(String::new, session::Lane::name);
    let sets = || version.patch_sets.iter();
    let lowest = shipping(session, version).filter_map(|(_, set)| set.score.as_ref()).min_by_key(|score| score.overall);
    let first = sets().next();
    VersionView {
        number: version.number,
        parent: version.parent.or_else(|| version.number.0.checked_sub(1).filter(|parent| *parent > 0).map(Version)),
        made_by: version.by.as_ref().map_or_else(|| version.engine.name().to_owned(), |by| by.login.clone()),
        made_for: version.made_for.clone(),
        made_at: version.at,
        explanation: Untrusted::default(),
        context: first.map_or_else(|| Digest::of(b""), |(_, set)| set.drafted.context),
        patch_sets: sets().map(|(lane, set)| patch_set_view(name(lane), set, stats)).collect(),
        checks: sets()
            .flat_map(|(lane, set)| {
                let checks = set.validation.iter().flat_map(|result| &result.checks);
                checks.map(|check| check_view(name(lane), check)).collect::<Vec<_>>()
            })
            .collect(),
        unverified: unverified(session, version),
        violations: sets().flat_map(|(lane, set)| violations_of(&name(lane), set)).collect(),
        score: lowest.map(score_view),
        gates: version_gates(session, version),
        criteria: criteria_of(session, version.number),
        reviews: sets().flat_map(|(lane, set)| reviews_of(&name(lane), set)).collect(),
        runbooks: sets().filter_map(|(lane, set)| runbook_of(session, (*lane, version.number), set)).collect(),
        parts: parts_of(session, version, None, stats),
    }
}

/// Whose is what of a version, or of one lane of it; first of the version that it was made on.
pub(super) fn parts_of(
    session: &Session,
    version: &VersionRecord,
    only: Option<LaneId>,
    stats: &dyn Fn(&Digest) -> Vec<FileStat>,
) -> Vec<PartView> {
    let on = version.parts.first().and_then(|part| part.on).filter(|on| *on < version.number);
    let before = on.and_then(|on| session.version(on));
    let mut parts = before.map_or_else(Vec::new, |before| parts_of(session, before, only, stats));
    let change = |set: &session::PatchSet| PartChange {
        repo: session.lane(set.lane).map_or_else(String::new, session::Lane::name),
        digest: set.digest,
        files: stats(&set.stats),
    };
    parts.extend(version.parts.iter().map(|part| PartView {
        version: version.number,
        role: part.role,
        by: part.by.clone(),
        ended: part.ended.name().to_owned(),
        note: part.note.clone(),
        changes: part.patch_sets.iter().filter(|set| only.is_none_or(|lane| lane == set.lane)).map(change).collect(),
    }));
    parts
}

/// Why nothing ran, by repository where there are several.
pub(super) fn unverified(session: &Session, version: &VersionRecord) -> Option<Untrusted> {
    let why = |set: &PatchSetRecord| set.validation.as_ref().and_then(|result| result.unverified.clone());
    let several = version.patch_sets.len() > 1;
    let lines: Vec<String> = version
        .patch_sets
        .iter()
        .filter_map(|(lane, set)| Some((session.lane(*lane)?.name(), why(set)?)))
        .map(|(name, why)| if several { format!("{name}: {why}") } else { why })
        .collect();
    (!lines.is_empty()).then(|| lines.join("; ").into())
}

/// Gates about the whole version once, the worst of its lanes; then each lane's own.
fn version_gates(session: &Session, version: &VersionRecord) -> Vec<GateView> {
    let mut whole: BTreeMap<GateId, GateView> = BTreeMap::new();
    let mut own = Vec::new();
    for (lane, set) in shipping(session, version) {
        let name = session.lane(*lane).map_or_else(String::new, session::Lane::name);
        for gate in gates_of(&name, set, &set.gates) {
            if gate.repo.is_some() {
                own.push(gate);
            } else {
                let known = whole.entry(gate.id).or_insert_with(|| gate.clone());
                if badness(gate.passed) > badness(known.passed) {
                    *known = gate;
                }
            }
        }
    }
    whole.into_values().chain(own).collect()
}

fn patch_set_view(repo: String, set: &PatchSetRecord, stats: &dyn Fn(&Digest) -> Vec<FileStat>) -> VersionPatchSet {
    VersionPatchSet {
        repo,
        digest: set.drafted.digest,
        reference: set.applied.as_ref().map(|(_, _, reference)| reference.clone()),
        commit: set.applied.as_ref().map(|(_, commit, _)| commit.clone()),
        score: set.score.as_ref().map(|score| score.overall),
        message: set.drafted.message.clone(),
        files: stats(&set.drafted.stats),
        decision: set.decision.as_ref().map(decision_view),
    }
}

/// A check with its repository.
pub(super) fn check_view(repo: String, check: &CheckResult) -> CheckView {
    CheckView {
        repo,
        name: check.name.clone(),
        kind: check.kind,
        status: check.status,
        baseline: check.baseline,
        duration_ms: check.duration_ms,
        tests: check.tests.clone(),
        confinement: check.confinement.clone(),
        note: check.note.as_str().into(),
        log: check.log,
        base_log: check.base_log,
    }
}

/// The violations of a patch set.
pub(super) fn violations_of(repo: &str, set: &PatchSetRecord) -> Vec<ViolationView> {
    let view = |violation: &crate::policy::Violation| ViolationView {
        repo: repo.to_owned(),
        rule: violation.rule.clone(),
        severity: violation.severity,
        path: violation.path.clone(),
        line: violation.line,
        message: violation.message.as_str().into(),
        overridden: set.is_overridden(violation),
        accepted: overridden::accepted(set, violation),
    };
    set.violations.iter().map(view).collect()
}

/// The criteria of the session's documents, as they stand on a version.
pub(super) fn criteria_of(session: &Session, version: Version) -> Vec<CriterionView> {
    let view = |state: session::CriterionState<'_>| CriterionView {
        id: state.criterion.id.clone(),
        text: state.criterion.text.clone(),
        bound: state.criterion.bound.clone(),
        met: state.met,
        evidence: state.evidence.into(),
    };
    session.criteria(version).into_iter().map(view).collect()
}

/// What models say of a patch set.
pub(super) fn reviews_of(repo: &str, set: &PatchSetRecord) -> Vec<ReviewView> {
    let view = |review: &Review| ReviewView {
        repo: repo.to_owned(),
        role: review.role,
        model: review.model.clone(),
        report: review.report,
        scores: review.scores.iter().map(|(dimension, score)| (dimension.name().to_owned(), *score)).collect(),
        musts: review.musts,
        unusable: (!review.counts()).then(|| review.unusable.clone()),
        notes: review.notes.iter().map(|note| note.as_str().into()).collect(),
    };
    set.reviews.iter().flatten().map(view).collect()
}

/// The runbook of a patch set, or why there is none; none where nobody was asked for one.
pub(super) fn runbook_of(
    session: &Session,
    (lane, version): (LaneId, Version),
    set: &PatchSetRecord,
) -> Option<RunbookView> {
    let runbook = set.runbook.as_ref()?;
    Some(RunbookView {
        repo: session.lane(lane).map_or_else(String::new, session::Lane::name),
        model: runbook.model.clone(),
        name: runbook.document.map(|_| runbook_name(session, (lane, version))),
        document: runbook.document,
        steps: runbook.steps,
        missing: runbook.document.is_none().then(|| runbook.missing.clone()),
        notes: runbook.notes.iter().map(|note| note.as_str().into()).collect(),
    })
}

/// What was said of it since it was published, and what is asked now.
fn monitors_of(session: &Session) -> Vec<MonitorView> {
    let repositories = super::work::repositories(session);
    let asked = |asked: &session::Monitoring| MonitorView {
        version: asked.version,
        number: asked.number,
        by: person_text(&asked.by),
        log: asked.log,
        at: None,
        model: String::new(),
        name: None,
        report: None,
        document: None,
        commands: Vec::new(),
        notes: Vec::new(),
        unsaid: None,
    };
    let view = |watched: &session::Watched| {
        let view = MonitorView { at: Some(watched.at), ..asked(&watched.asked) };
        match &watched.said {
            Monitored::Report { model, report, document, notes } => MonitorView {
                model: model.clone(),
                name: Some(watched.asked.name()),
                document: Some(*document),
                commands: report.follow_ups.iter().map(|goal| run_line(goal.raw(), &repositories).into()).collect(),
                notes: notes.iter().map(|note| note.as_str().into()).collect(),
                report: Some(report.clone()),
                ..view
            },
            Monitored::Nothing { kind, why } => MonitorView { unsaid: Some((*kind, why.clone())), ..view },
        }
    };
    session.watched.iter().map(view).chain(session.monitoring.iter().map(asked)).collect()
}

/// Gates with their repository; intake and artifacts are about the whole version.
pub(super) fn gates_of(repo: &str, set: &PatchSetRecord, gates: &[Gate]) -> Vec<GateView> {
    let view = |gate: &Gate| GateView {
        repo: (!matches!(gate.id, GateId::G0 | GateId::G1)).then(|| repo.to_owned()),
        id: gate.id,
        passed: gate.passed,
        evidence: match gate.id {
            GateId::G5 if gate.passed.is_none() && set.published.is_some() => {
                "published as a branch; no CI of a forge watches it".into()
            }
            _ => overridden::evidence(set, gate).into(),
        },
    };
    gates.iter().map(view).collect()
}

/// A score as `show --json` has it.
pub(super) fn score_view(score: &Score) -> ScoreView {
    ScoreView {
        overall: score.overall,
        scorer: score.scorer.clone(),
        dimensions: score.ratings.iter().map(|rating| (rating.dimension.name().to_owned(), rating.score)).collect(),
        ratings: score.ratings.clone(),
    }
}

/// A decision.
pub(super) fn decision_view(decision: &Decision) -> DecisionView {
    DecisionView {
        verdict: decision.verdict,
        by: person_text(&decision.by),
        at: decision.at,
        message: decision.message.clone(),
    }
}

/// `login@host (Name <address>)`.
pub(super) fn person_text(person: &Person) -> String {
    if person.name.is_empty() {
        person.login.clone()
    } else {
        format!("{} ({} <{}>)", person.login, person.name, person.email)
    }
}

/// A thread.
pub(super) fn thread_view(session: &Session, thread: &Thread) -> ThreadView {
    let place = &thread.place;
    ThreadView {
        id: thread.id,
        version: place.version,
        repo: session.lane(place.lane).map_or_else(String::new, session::Lane::name),
        path: place.path.clone(),
        line: (place.line > 0).then_some(place.line),
        from_line: (place.from_line > 0).then_some(place.from_line),
        side: side_of(place),
        kind: kind_of(place),
        artifact: place.artifact.clone(),
        resolved: thread.resolved,
        comments: thread
            .comments
            .iter()
            .map(|comment| CommentView { by: person_text(&comment.by), at: comment.at, text: comment.text.clone() })
            .collect(),
        now: None,
    }
}

/// A draft, for its writer.
pub(super) fn draft_view(session: &Session, draft: &session::DraftComment) -> DraftView {
    let place = &draft.place;
    DraftView {
        id: draft.id,
        thread: draft.thread,
        version: place.version,
        repo: session.lane(place.lane).map_or_else(String::new, session::Lane::name),
        path: place.path.clone(),
        line: (place.line > 0).then_some(place.line),
        from_line: (place.from_line > 0).then_some(place.from_line),
        side: side_of(place),
        kind: kind_of(place),
        artifact: place.artifact.clone(),
        at: draft.at,
        text: draft.text.clone(),
        now: None,
    }
}

fn side_of(place: &session::ThreadPlace) -> Side {
    if place.side == "old" { Side::Old } else { Side::New }
}

fn kind_of(place: &session::ThreadPlace) -> ThreadKind {
    match place.kind.as_str() {
        "question" => ThreadKind::Question,
        "nit" => ThreadKind::Nit,
        "must" => ThreadKind::Must,
        _ => ThreadKind::Issue,
    }
}

/// Whether a lane waits for a decision on its current version.
pub(super) fn waits_for_decision(phase: Phase) -> bool {
    matches!(phase, Phase::Scored(_))
}
