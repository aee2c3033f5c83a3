//! Answers that only look: made from a folded session and blobs, away from the core thread.

use std::collections::HashMap;

use crate::api::{
    AgainstRequest, BlobRef, CallView, ContextView, Failure, FailureKind, FileStat, FileView, IndexView, LogView,
    OfferView, PanelView, PatchSetView, ThreadsRequest, ThreadsView, TimelineEntry, TimelineView,
};
use crate::audit::Entry;
use crate::cancel::Cancel;
use crate::diff::{FileChange, FileSide};
use crate::id::{Digest, LaneId, SessionRef, Version};
use crate::infrastructure::blobs::{BlobError, Blobs};
use crate::planning::Monitored;
use crate::proposal::Context;
use crate::repository::{Drift, Tree, Vcs};
use crate::scoring::{Gate, GateId, Placement, gate_of_base};
use crate::session::{
    Bead, BeadStatus, CallEnded, DriftSeen, EffectKind, Offer, PatchSetRecord, Session, dollars, offer,
};
use crate::text::{Untrusted, counted};
use crate::validation::{CheckPlan, CheckStatus, Sides};

use super::between::{Compared, between_versions};
use super::carried::Follower;
use super::house::{Said, read};
use super::ports::Ports;
use super::views::{
    criteria_of, decision_view, draft_view, gates_of, name_of, parts_of, reviews_of, runbook_of, score_view,
    thread_view, violations_of,
};
use super::work::{StoredChange, read_changes};

/// The files of a patch set, from its blob; empty where the blob is damaged (the reader is told by `audit verify`).
pub(super) fn stats(blob: Result<impl AsRef<[u8]>, BlobError>) -> Vec<FileStat> {
    blob.ok().and_then(|bytes| serde_json::from_slice(bytes.as_ref()).ok()).unwrap_or_default()
}

/// The text of a blob; a mark where it cannot be read.
pub(super) fn text(blob: Result<impl AsRef<[u8]>, BlobError>) -> Untrusted {
    let plain = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned().into();
    blob.map_or_else(|error| format!("[{error}]").into(), |bytes| plain(bytes.as_ref()))
}

/// The version that a reference means: the one it names, else the newest.
pub(super) fn version_of(session: &Session, of: SessionRef) -> Result<Version, Failure> {
    let id = session.asked.id;
    let newest = session.versions.last().map(|version| version.number);
    match (of.version, newest) {
        (Some(version), _) if session.version(version).is_some() => Ok(version),
        (Some(version), _) => Err(Failure::new(FailureKind::NotFound, format!("session {id} has no {version}"))
            .hint(format!("paraph show {id}"))),
        (None, Some(newest)) => Ok(newest),
        (None, None) => Err(Failure::new(FailureKind::NotFound, format!("session {id} has no version yet"))
            .hint(super::order::next_step(session))),
    }
}

/// The lane of that name in a version; the only one where none is named.
pub(super) fn lane_of(session: &Session, version: Version, repo: Option<&str>) -> Result<LaneId, Failure> {
    let id = session.asked.id;
    let lanes: Vec<LaneId> =
        session.version(version).map(|record| record.patch_sets.keys().copied().collect()).unwrap_or_default();
    let names = || {
        let named = lanes.iter().filter_map(|lane| session.lane(*lane)).map(crate::session::Lane::name);
        named.collect::<Vec<_>>().join(", ")
    };
    match repo {
        Some(repo) => {
            lanes.iter().copied().find(|lane| session.lane(*lane).is_some_and(|lane| lane.name() == repo)).ok_or_else(
                || {
                    Failure::new(FailureKind::NotFound, format!("{version} of session {id} does not change `{repo}`"))
                        .hint(format!("--repo with one of {}", names()))
                },
            )
        }
        None if lanes.len() == 1 => Ok(lanes[0]),
        None => {
            Err(Failure::new(FailureKind::Usage, format!("{version} of session {id} changes several repositories"))
                .hint(format!("--repo with one of {}", names())))
        }
    }
}

/// The changed files of a version, against its base or another version.
pub(super) fn patch_sets(
    ports: &Ports,
    session: &Session,
    of: SessionRef,
    repo: Option<&str>,
    against: AgainstRequest,
    login: &str,
) -> Result<Vec<PatchSetView>, Failure> {
    let version = version_of(session, of)?;
    let lanes: Vec<LaneId> = match repo {
        Some(_) => vec![lane_of(session, version, repo)?],
        None => session.version(version).map(|record| record.patch_sets.keys().copied().collect()).unwrap_or_default(),
    };
    lanes.into_iter().map(|lane| patch_set(ports, session, version, lane, against, login)).collect()
}

fn patch_set(
    ports: &Ports,
    session: &Session,
    version: Version,
    lane: LaneId,
    against: AgainstRequest,
    login: &str,
) -> Result<PatchSetView, Failure> {
    let set = known(session, lane, version)?;
    let other = match against {
        AgainstRequest::Base => None,
        AgainstRequest::Version(other) => Some(other),
        AgainstRequest::LastReview => session.last_review(login, lane, version),
    };
    let stored = change(&ports.blobs, set)?;
    let Compared { changes, not_carried } = match other {
        None => Compared { changes: stored.changes, not_carried: Vec::new() },
        Some(other) => between_versions(ports, session, lane, (version, &stored.changes), other)?,
    };
    let reviewed = session.marks.get(&(login.to_owned(), lane));
    let files = |digest: &Digest| stats(ports.blobs.get(*digest));
    let parts = session.version(version).map(|record| parts_of(session, record, Some(lane), &files));
    Ok(PatchSetView {
        session: session.asked.id,
        version,
        against: other.map_or_else(|| "base".to_owned(), |other| other.to_string()),
        repo: session.lane(lane).map(crate::session::Lane::name).unwrap_or_default(),
        digest: set.drafted.digest,
        base_commit: set.drafted.base_commit.clone(),
        message: set.drafted.message.clone(),
        files: changes.files().iter().map(file_view).collect(),
        reviewed: reviewed.map(|keys| keys.iter().copied().collect()).unwrap_or_default(),
        parts: parts.unwrap_or_default(),
        not_carried,
    })
}

fn file_view(file: &FileChange) -> FileView {
    let mode =
        |side: &Option<FileSide>| side.as_ref().map(|side| format!("{:06o}", side.mode.bits())).unwrap_or_default();
    let blob = |side: &Option<FileSide>| {
        side.as_ref().map(|side| BlobRef { digest: side.digest(), size: side.content.len() as u64 })
    };
    let binary = [&file.old, &file.new].into_iter().flatten().any(FileSide::is_binary);
    let content = |side: &Option<FileSide>| side.as_ref().map(|side| side.content.clone()).unwrap_or_default();
    let (added, deleted) = if binary {
        (0, 0)
    } else {
        crate::diff::line_stat(&content(&file.old), &content(&file.new)).unwrap_or((0, 0))
    };
    FileView {
        path: file.path.clone(),
        status: file.status(),
        added,
        deleted,
        binary,
        old_mode: mode(&file.old),
        new_mode: mode(&file.new),
        old: blob(&file.old),
        new: blob(&file.new),
    }
}

pub(super) fn change(blobs: &Blobs, set: &PatchSetRecord) -> Result<StoredChange, Failure> {
    read_changes(blobs, &set.drafted.digest)
        .map_err(|stuck| Failure::new(FailureKind::Failed, stuck.reason).hint(stuck.next))
}

pub(super) fn known(session: &Session, lane: LaneId, version: Version) -> Result<&PatchSetRecord, Failure> {
    session.patch_set(lane, version).ok_or_else(|| {
        Failure::new(FailureKind::NotFound, format!("session {} has no {version} of this repository", session.asked.id))
            .hint(format!("paraph show {}", session.asked.id))
    })
}

/// How far the base of a version moved, or why that is not known; `None` where nothing was applied yet.
pub(super) fn measured(
    vcs: &dyn Vcs,
    session: &Session,
    lane: LaneId,
    version: Version,
) -> Option<Result<Drift, String>> {
    let base = session.base_of(lane, version)?;
    let (tree, ..) = session.patch_set(lane, version)?.applied.as_ref()?;
    Some(vcs.drift(base, tree).map_err(|error| error.to_string()))
}

/// Whether it is known at once that the base of a version has not moved.
pub(super) fn stands_still(vcs: &dyn Vcs, session: &Session, lane: LaneId, version: Version) -> bool {
    session.base_of(lane, version).is_some_and(|base| vcs.stands_still(base))
}

/// How far the base of a version moved, as a decision takes it.
pub(super) fn drift(vcs: &dyn Vcs, session: &Session, lane: LaneId, version: Version) -> DriftSeen {
    seen(measured(vcs, session, lane, version).as_ref())
}

fn seen(measured: Option<&Result<Drift, String>>) -> DriftSeen {
    match measured {
        None => DriftSeen::NONE,
        Some(Ok(drift)) => DriftSeen::of(drift.commits, drift.merges_cleanly),
        Some(Err(why)) => DriftSeen::unknown(why.clone()),
    }
}

/// The recorded gates, with G2 as it stands now.
fn fresh(recorded: &[Gate], measured: Option<&Result<Drift, String>>) -> Vec<Gate> {
    let Some(measured) = measured else { return recorded.to_vec() };
    let now = gate_of_base(&Placement::Clean, Some(measured.as_ref().map_err(String::as_str)));
    recorded.iter().map(|gate| if gate.id == GateId::G2 { now.clone() } else { gate.clone() }).collect()
}

/// What the decision panel shows.
pub(super) fn panel(
    ports: &Ports,
    session: &Session,
    of: SessionRef,
    repo: Option<&str>,
) -> Result<PanelView, Failure> {
    let version = version_of(session, of)?;
    let lane = lane_of(session, version, repo)?;
    let set = known(session, lane, version)?;
    let name = session.lane(lane).map(crate::session::Lane::name).unwrap_or_default();
    let measured = measured(ports.vcs.as_ref(), session, lane, version);
    let seen = seen(measured.as_ref());
    let open = session.threads.iter().filter(|thread| !thread.resolved).count();
    let overridden = set.violations.iter().filter(|violation| set.is_overridden(violation)).count();
    let mut care = Vec::new();
    if open > 0 {
        care.push(counted(open, "open thread"));
    }
    if overridden > 0 {
        care.push(format!("{overridden} overridden WARN"));
    }
    let offer = match offer(session, lane, version, &seen) {
        Offer::Clean if care.is_empty() => OfferView::Clean,
        Offer::Clean => OfferView::WithCare { because: care, reason: false },
        Offer::WithReason { because } => {
            OfferView::WithCare { because: because.into_iter().chain(care).collect(), reason: true }
        }
        Offer::Not { because } => OfferView::Not { because },
    };
    let base = session.base_of(lane, version);
    Ok(PanelView {
        session: session.asked.id,
        goal: session.asked.goal.clone(),
        version,
        repo: name.clone(),
        digest: set.drafted.digest,
        message: set.drafted.message.clone(),
        base_commit: set.drafted.base_commit.clone(),
        drift: seen.commits,
        merges_cleanly: seen.merges_cleanly,
        drift_unknown: seen.unknown.map(Untrusted::from),
        gates: gates_of(&name, set, &fresh(&set.gates, measured.as_ref())),
        score: set.score.as_ref().map(score_view),
        violations: violations_of(&name, set),
        open_threads: u32::try_from(open).unwrap_or(u32::MAX),
        offer,
        writes: base
            .map_or_else(Vec::new, |base| ports.forge.preview(session.asked.id, session.asked.goal.raw(), base)),
        criteria: criteria_of(session, version),
        reviews: reviews_of(&name, set),
        runbook: runbook_of(session, (lane, version), set),
        decided: set.decision.as_ref().map(decision_view),
    })
}

/// The threads of a version, or of the whole session.
pub(super) fn threads(
    ports: &Ports,
    session: &Session,
    asked: &ThreadsRequest,
    login: &str,
) -> Result<ThreadsView, Failure> {
    let of = asked.session;
    for version in [of.version, asked.on].into_iter().flatten() {
        version_of(session, SessionRef { version: Some(version), ..of })?;
    }
    let mut view = threads_on(session, of.version, login);
    let newest = session.versions.last().map(|version| version.number);
    if let Some(on) = asked.on.or(of.version).or(newest) {
        let mut follower = Follower::new(ports, session, on);
        let places: HashMap<_, _> = session.threads.iter().map(|thread| (thread.id, &thread.place)).collect();
        for thread in &mut view.threads {
            thread.now = places.get(&thread.id).and_then(|place| follower.follow(place));
        }
        let places: HashMap<_, _> = session.drafts_of(login).map(|draft| (draft.id, &draft.place)).collect();
        for draft in &mut view.drafts {
            draft.now = places.get(&draft.id).and_then(|place| follower.follow(place));
        }
    }
    Ok(view)
}

/// The same, of a version that is there, with the drafts of whoever runs this.
pub(super) fn threads_on(session: &Session, version: Option<Version>, login: &str) -> ThreadsView {
    // what is open on an earlier version holds for this one too: nobody answered it yet
    let carried = |thread: &crate::session::Thread, version| !thread.resolved && thread.place.version < version;
    let meant = |thread: &&crate::session::Thread| {
        version.is_none_or(|version| thread.place.version == version || carried(thread, version))
    };
    ThreadsView {
        schema: "paraph.threads/1".to_owned(),
        threads: session.threads.iter().filter(meant).map(|thread| thread_view(session, thread)).collect(),
        drafts: session.drafts_of(login).map(|draft| draft_view(session, draft)).collect(),
    }
}

/// The output of checks of a version; `live` gives the file of one that runs.
pub(super) fn logs(
    blobs: &Blobs,
    session: &Session,
    of: SessionRef,
    check: Option<&str>,
    live: Vec<LogView>,
) -> Result<Vec<LogView>, Failure> {
    let mut logs: Vec<LogView> = live;
    let newest = session.versions.last().map(|version| version.number);
    let unmade = unmade_drafts(session).rfind(|(version, ..)| Some(*version) > newest && of.version.is_none());
    logs.extend(unmade.map(|(_, bead, log)| LogView {
        repo: session.lanes.first().map(crate::session::Lane::name).unwrap_or_default(),
        check: super::work::DRAFT_LOG.to_owned(),
        // one that was held goes on
        status: if bead.status == BeadStatus::Failed { CheckStatus::Failed } else { CheckStatus::Skipped },
        live: None,
        on_base: false,
        log: Some(log),
        base_log: None,
    }));
    // what drafts the first version can be followed before there is one
    let at_work = !logs.is_empty() || !session.owed().is_empty();
    let first = of.version.is_none() && newest.is_none() && at_work;
    let version = if first { Version::FIRST } else { version_of(session, of)? };
    for (lane, set) in session.version(version).into_iter().flat_map(|record| &record.patch_sets) {
        let repo = session.lane(*lane).map(crate::session::Lane::name).unwrap_or_default();
        if let Some(log) = set.drafted.log.filter(|_| check == Some(super::work::DRAFT_LOG)) {
            logs.push(LogView {
                repo: repo.clone(),
                check: super::work::DRAFT_LOG.to_owned(),
                status: CheckStatus::Passed,
                live: None,
                on_base: false,
                log: Some(log),
                base_log: None,
            });
        }
        for result in set.validation.iter().flat_map(|result| &result.checks) {
            logs.retain(|log| log.repo != repo || log.check != result.name);
            logs.push(LogView {
                repo: repo.clone(),
                check: result.name.clone(),
                status: result.status,
                live: None,
                on_base: false,
                log: result.log,
                base_log: result.base_log,
            });
        }
    }
    if let Some(check) = check {
        let mut names: Vec<String> = logs.iter().map(|log| log.check.clone()).collect();
        logs.retain(|log| log.check == check);
        let planned = planned_checks(blobs, session);
        // one that runs later has no log yet, and before a base is read nobody knows which there will be
        let may_come = match &planned {
            _ if first && check == super::work::DRAFT_LOG => true,
            Some(planned) => planned.iter().any(|name| name == check),
            None => first,
        };
        if logs.is_empty() && !may_come {
            names.extend(planned.unwrap_or_default());
            names.sort();
            names.dedup();
            let failure = Failure::new(FailureKind::NotFound, format!("{version} has no check `{check}`"));
            let id = of.session;
            return Err(match names.join(", ") {
                none if none.is_empty() => failure.hint(format!("paraph show {id}@{version}")),
                names => failure.hint(format!("--check with one of {names}")),
            });
        }
    }
    logs.sort_by_key(|log| log.status != CheckStatus::Running);
    Ok(logs)
}

/// The names of the checks that run on the session's versions; none before every base is read.
fn planned_checks(blobs: &Blobs, session: &Session) -> Option<Vec<String>> {
    let mut names = Vec::new();
    for lane in session.active() {
        let plan: CheckPlan = serde_json::from_slice(&blobs.get(lane.plan?).ok()?).ok()?;
        names.extend(plan.setup.map(|_| "setup".to_owned()));
        names.extend(plan.checks.into_iter().map(|check| check.name));
    }
    Some(names)
}

/// What programs said in drafts of which no version was made, oldest first.
pub(super) fn unmade_drafts(session: &Session) -> impl DoubleEndedIterator<Item = (Version, &Bead, Digest)> {
    let drafts = session.beads.iter().filter(|bead| bead.key.kind == EffectKind::Draft);
    drafts.filter_map(|bead| Some((bead.key.version?, bead, bead.log?)))
}

/// Exactly what an engine was given, by lane.
pub(super) fn context(blobs: &Blobs, session: &Session, of: SessionRef) -> Result<ContextView, Failure> {
    let calls: Vec<CallView> =
        calls(session).filter(|call| of.version.is_none() || call.version == of.version).collect();
    // what was asked can be seen though no version came of it
    let none = of.version.is_none() && session.versions.is_empty() && !calls.is_empty();
    let version = if none { Version::FIRST } else { version_of(session, of)? };
    let mut lanes = Vec::new();
    for (lane, set) in session.version(version).into_iter().flat_map(|record| &record.patch_sets) {
        let bytes = blobs
            .get(set.drafted.context)
            .map_err(|error| Failure::from_error(FailureKind::Failed, &error).hint(error.hint()))?;
        let context: Context = serde_json::from_slice(&bytes)
            .map_err(|error| Failure::new(FailureKind::Failed, format!("the context does not read: {error}")))?;
        let name = session.lane(*lane).map(crate::session::Lane::name).unwrap_or_default();
        lanes.push((name, set.drafted.context, context));
    }
    Ok(ContextView { schema: "paraph.context/1".to_owned(), version, lanes, calls })
}

fn calls(session: &Session) -> impl Iterator<Item = CallView> {
    session.calls.iter().zip(1..).map(|(call, number)| {
        let (asked, ended) = (&call.asked, call.ended.as_ref());
        CallView {
            number,
            role: asked.role.name().to_owned(),
            model: asked.model.clone(),
            version: asked.key.version,
            at: call.at,
            prompt: asked.prompt,
            reply: ended.and_then(|ended| ended.reply),
            input_tokens: ended.map_or(asked.input_tokens, |ended| ended.input_tokens),
            prompt_tokens: asked.input_tokens,
            prompt_count: asked.count.word().to_owned(),
            uncounted: asked.uncounted.clone(),
            output_tokens: ended.map_or(0, |ended| ended.output_tokens),
            cost_usd: call.cost_micros().map_or_else(|| "unknown".to_owned(), dollars),
            estimated: ended.is_some_and(CallEnded::is_estimated),
            latency_ms: ended.map(|ended| ended.latency_ms),
            waited_ms: ended.map_or(0, |ended| ended.waited_ms),
            tries: ended.map_or(0, |ended| ended.tries),
            cached_tokens: ended.map_or(0, |ended| ended.cached_tokens),
            request_id: ended.map(|ended| ended.request_id.clone()).unwrap_or_default(),
            ended: match ended {
                Some(ended) => ended.ended.clone(),
                None if session.awaits(call) => Untrusted::default(),
                None => "nobody waits for its end".into(),
            },
            redacted: asked.redacted.clone(),
        }
    })
}

/// Entries of the journal as a timeline.
pub(super) fn timeline(entries: &[Entry]) -> TimelineView {
    TimelineView { entries: entries.iter().map(timeline_entry).collect() }
}

/// One entry for people: its name and a line.
pub(crate) fn timeline_entry(entry: &Entry) -> TimelineEntry {
    let (event, summary) = match read(entry) {
        Ok((Said::OfSession(event), _)) => (event.name().to_owned(), summary(&event)),
        Ok((Said::OfHouse(event), _)) => (event.name().to_owned(), event.path().to_string()),
        Err(error) => ("unknown".to_owned(), error.to_string()),
    };
    TimelineEntry {
        seq: entry.seq,
        at: entry.at,
        actor: entry.actor.clone(),
        event,
        summary: summary.into(),
        payload: entry.event.clone(),
        digest: entry.digest,
    }
}

fn summary(event: &crate::session::Event) -> String {
    use crate::session::Event;
    let said =
        |message: &Untrusted| if message.raw().is_empty() { String::new() } else { format!(": {}", message.raw()) };
    match event {
        Event::Created { session } => match &session.adopted {
            Some(work) => format!("{} (adopted {})", session.goal.raw(), name_of(work)),
            None => session.goal.raw().to_owned(),
        },
        Event::AttemptStarted { key, attempt } => format!("{key}, attempt {attempt}"),
        Event::SnapshotLoaded { snapshot, .. } => format!("{} at {}", snapshot.repo, snapshot.commit.short()),
        Event::Indexed { files, definitions, .. } => {
            format!("{}, {}", counted(*files, "file"), counted(*definitions, "definition"))
        }
        Event::TriageFound { report, .. } => {
            let first = report.reasons.first().map_or("", Untrusted::raw);
            format!("recommends {}: {first}", report.recommendation.name())
        }
        Event::Triaged { message, .. } => format!("GO{}", said(message)),
        Event::Deferred { message, .. } => format!("DEFER{}", said(message)),
        Event::Declined { message, .. } => format!("declined{}", said(message)),
        Event::Planned { artifacts, tasks, criteria, changes } => {
            let names: Vec<&str> = changes.iter().map(|changed| changed.name.as_str()).collect();
            let again = if names.is_empty() { String::new() } else { format!("; changed: {}", names.join(", ")) };
            format!(
                "{}, {}, {}{again}",
                counted(artifacts.len(), "document"),
                counted(tasks.len(), "task"),
                counted_criteria(criteria.len())
            )
        }
        Event::DocumentsAsked { roles, threads, message, .. } => {
            let roles: Vec<String> = roles.iter().map(ToString::to_string).collect();
            let comments = counted(threads.len(), "thread");
            format!("{} again, with {comments}{}", roles.join(" and "), said(message))
        }
        Event::Agreed { message, .. } => format!("GO to the documents{}", said(message)),
        Event::Ticked { criterion, version, message, .. } => format!("{criterion} on {version}{}", said(message)),
        Event::Unticked { criterion, version, .. } => format!("{criterion} on {version} is ticked no more"),
        Event::PartMade { version, part, .. } => format!("{version}: {}", part.told()),
        Event::Proposed { version, engine, made_for, patch_sets, by, parts, .. } => {
            let files: u32 = patch_sets.iter().map(|set| set.files).sum();
            let by = by.as_ref().map_or(engine.name(), |by| by.login.as_str());
            let parts: String = parts.iter().map(|part| format!("; {}", part.told())).collect();
            format!("{version} by {by} for {made_for}: {}{parts}", counted(files, "file"))
        }
        Event::BranchApplied { version, commit, .. } => format!("{version} is commit {}", commit.short()),
        Event::PatchBlocked { version, violations, .. } => {
            format!("{version}: {}", counted(violations.len(), "violation"))
        }
        Event::Validated { version, result, .. } => match &result.unverified {
            Some(why) => format!("{version} unverified: {why}"),
            None => format!("{version}: {}", counted(result.checks.len(), "check")),
        },
        Event::Reviewed { version, reviews, .. } => {
            let told: Vec<String> = reviews.iter().map(review_line).collect();
            format!("{version}: {}", told.join("; "))
        }
        Event::RunbookWritten { version, runbook, .. } => match runbook.document {
            Some(_) => format!("{version}: {} by {}", counted(runbook.steps, "step"), runbook.model),
            None => format!("{version}: no runbook ({})", runbook.missing.raw()),
        },
        Event::Scored { version, score, violations, .. } => {
            format!("{version}: {} of 10, {}", score.overall, counted(violations.len(), "violation"))
        }
        Event::Approved { version, digest, message, .. } => format!("{version} {}{}", digest.short(), said(message)),
        Event::Rejected { version, digest, message, .. } => format!("{version} {}{}", digest.short(), said(message)),
        Event::ChangesRequested { version, message, .. } => format!("{version}{}", said(message)),
        Event::Overridden { version, rule, message, .. } => format!("{version} {rule}{}", said(message)),
        Event::Regenerated { made_for, message, .. } => format!("{made_for}{}", said(message)),
        Event::Retried { message, .. } => message.raw().to_owned(),
        Event::RecheckAsked { version, sides: Sides::Proposal, .. } => format!("{version} is checked again"),
        Event::RecheckAsked { version, sides: Sides::Both, .. } => format!("{version} and its base are checked again"),
        Event::LaneDropped { lane, .. } => lane.to_string(),
        Event::Paused { .. } | Event::Resumed { .. } | Event::PublishAsked { .. } => String::new(),
        Event::Published { branch, commit, place, .. } => format!("{branch} at {} in {place}", commit.short()),
        Event::MonitorAsked { version, log, .. } => {
            format!("how {version} fares{}", if log.is_some() { ", with a log" } else { "" })
        }
        Event::Monitored { version, said } => match &**said {
            Monitored::Report { report, model, .. } => {
                let findings = counted(report.findings.len(), "finding");
                format!("{version} is {}, says {model}: {findings}", report.word.name())
            }
            Monitored::Nothing { why, .. } => format!("{version}: nothing was said ({})", why.raw()),
        },
        Event::Stopped { reason, .. } => reason.raw().to_owned(),
        Event::Steered { text, .. } => text.raw().to_owned(),
        Event::Held { key, patch_sets, .. } => match patch_sets.len() {
            0 => format!("{key} had left nothing"),
            sets => format!("{key} goes on from {}", counted(sets, "change")),
        },
        Event::ThreadOpened { thread, text, .. } | Event::ThreadAnswered { thread, text, .. } => {
            format!("thread {}: {}", thread.0, text.raw())
        }
        Event::ThreadResolved { thread, .. } | Event::ThreadReopened { thread, .. } => format!("thread {}", thread.0),
        Event::DraftKept { draft, .. } => format!("draft {}", draft.0),
        Event::DraftDropped { draft, .. } => format!("draft {} is none any more", draft.0),
        Event::RepairAsked { version, number, because, .. } => {
            format!("repair {number} of {version}: {}", because.join(", "))
        }
        Event::CallReserved { call, asked } => {
            let cost = asked
                .cost_micros
                .map_or_else(|| "price unknown".to_owned(), |most| format!("at most ${}", dollars(most)));
            format!("call {call}: {} as {}, {cost}", asked.model, asked.role)
        }
        Event::CallSettled { ended } => {
            let cost =
                ended.cost_micros.map_or_else(|| "price unknown".to_owned(), |cost| format!("${}", dollars(cost)));
            let (read, wrote) = (ended.input_tokens, ended.output_tokens);
            format!("call {}: {} ({read} in, {wrote} out, {cost})", ended.call, ended.ended.raw())
        }
        Event::BudgetSet { budget, .. } => {
            let cost = budget.cost_micros.map(|most| format!("${}", dollars(most)));
            let tokens = budget.tokens.map(|most| format!("{most} tokens"));
            [cost, tokens].into_iter().flatten().collect::<Vec<_>>().join(", ")
        }
        Event::Picked { version, over, .. } => {
            let over: Vec<String> = over.iter().map(|rival| rival.session.to_string()).collect();
            format!("{version} over {}", over.join(", "))
        }
        Event::OthersPassedOver {} => String::new(),
        Event::PassedOver { picked, version, .. } => format!("{picked}@{version} was picked"),
        Event::Marked { version, hunks, .. } => format!("{version}: {} read", counted(hunks.len(), "hunk")),
        Event::Unmarked { version, hunks, .. } => format!("{version}: {} unread", counted(hunks.len(), "hunk")),
    }
}

fn counted_criteria(count: usize) -> String {
    if count == 1 { "1 criterion".to_owned() } else { format!("{count} criteria") }
}

fn review_line(review: &crate::scoring::Review) -> String {
    match review.counts() {
        false => format!("no {} ({})", review.role, review.unusable.raw()),
        true => {
            let lowest = review.scores.values().min().copied().unwrap_or_default();
            format!("{} {}: {lowest} of 10 at least, {}", review.role, review.model, counted(review.musts, "must"))
        }
    }
}

/// Indexes a tree and sums it up.
pub(super) fn index_tree(ports: &Ports, tree: &dyn Tree, words: &str, cancel: &Cancel) -> Result<IndexView, Failure> {
    let focus = crate::indexing::Focus::on_goal(words);
    let index = ports
        .index
        .index(tree, &focus, cancel)
        .map_err(|error| Failure::from_error(FailureKind::Failed, &error).hint("paraph doctor"))?;
    Ok(index.summary(30))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(measured: Option<Result<Drift, String>>, expected: &DriftSeen, g2: Option<bool>) {
        let gate = |id| Gate { id, passed: Some(true), evidence: "recorded".to_owned() };
        let gates = fresh(&[gate(GateId::G2), gate(GateId::G3)], measured.as_ref());
        assert_eq!((gates[0].passed, gates[1].clone()), (g2, gate(GateId::G3)));
        assert_eq!(seen(measured.as_ref()), *expected);
    }

    #[test]
    fn drift_is_that_of_now_and_an_error_is_not_none() {
        let drift = |commits, merges_cleanly| Ok(Drift { commits, touched_by_both: Vec::new(), merges_cleanly });
        check(None, &DriftSeen::NONE, Some(true));
        check(Some(drift(0, true)), &DriftSeen::NONE, Some(true));
        check(Some(drift(2, true)), &DriftSeen::of(2, true), Some(true));
        check(Some(drift(2, false)), &DriftSeen::of(2, false), Some(false));
        check(Some(Err("no branch".to_owned())), &DriftSeen::unknown("no branch".to_owned()), None);
    }
}
