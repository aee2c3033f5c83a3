//! Drafting a version and applying it to its branch.

use std::sync::Arc;

use crate::api::FileStat;
use crate::cancel::Cancel;
use crate::diff::{ChangeSet, FileChange, FileMode, FileSide, Manifest};
use crate::id::{Digest, LaneId, RepoPath, ThreadId, Version};
use crate::indexing::{CodeIndex, Focus, IndexError};
use crate::infrastructure::blobs::Blobs;
use crate::planning::{AskError, IssueText, Models, Role, Stage};
use crate::policy::Severity;
use crate::proposal::{Brief, Context, Draft, EngineError, EngineKind, WorkOrder};
use crate::repository::{CommitIdentity, NewCommit, Snapshot, Tree, VcsError};
use crate::session::{Drafting, Finding, PatchSet, Session, StopKind, Thread, WentOn};
use crate::text::Untrusted;

use super::feedback::{Given, feedback};
use super::{Stuck, Worker, blocking, evidence, parts};
use crate::runtime::adoption::next_snapshot;
use crate::runtime::between::taken_over;
use crate::runtime::desk::{Desk, Line};
use crate::runtime::ear::Ear;

/// A patch set's contents, read back from blobs.
pub(in crate::runtime) struct StoredChange {
    pub(in crate::runtime) changes: ChangeSet,
}

/// Drafts every lane of the version.
pub(super) async fn draft(
    worker: &Arc<Worker>,
    session: &Arc<Session>,
    line: &Line,
    version: Version,
    cancel: &Cancel,
) -> Result<Finding, Stuck> {
    let drafting = session
        .drafting
        .clone()
        .filter(|drafting| drafting.version == version)
        .ok_or_else(|| Stuck::needs_human("no draft is wanted", "paraph show"))?;
    let desk = Arc::new(Desk::new(worker.clone(), session, line.clone()));
    let models: Arc<dyn Models> = desk.clone();
    let (mut patch_sets, mut answers, mut own) = (Vec::new(), Vec::new(), Vec::new());
    let has_parts = Stage::ADDING.iter().any(|stage| session.asked.playbook.has(*stage));
    let (mut nothing, mut log) = (None, None);
    if drafting.engine == EngineKind::Llm {
        desk.find_keys_of(Role::Implementer, cancel).await;
    }
    for lane in &drafting.lanes {
        let brief = {
            let (worker, session, drafting, lane) = (worker.clone(), session.clone(), drafting.clone(), *lane);
            let (cancel, models, ear) = (cancel.clone(), models.clone(), line.ear.clone());
            blocking(move || brief(&worker, &session, &drafting, lane, (models, ear), &cancel)).await?
        };
        let brief = Brief { unwanted: line.unwanted.clone(), ..brief };
        if drafting.engine == EngineKind::Agent {
            let spent = |error| stuck_engine(session, &drafting, EngineError::Models(error));
            desk.has_some(Role::Implementer).map_err(spent)?;
        }
        let engine = worker.ports.engines.of(drafting.engine);
        let listener = super::listen::DraftWatch::new(worker, session.asked.id, version, &brief.snapshot.repo);
        let draft = match engine.draft_aloud(&brief, &listener, cancel).await {
            Ok(draft) => match &brief.index {
                Some(index) => Draft {
                    context: draft.context.with_index(index, &focus(&brief.goal, brief.issue.as_ref())),
                    ..draft
                },
                None => draft,
            },
            Err(EngineError::Held(left)) => {
                let held = held(&brief, *left);
                let (worker, lane, snapshot, log) = (worker.clone(), *lane, brief.snapshot.clone(), listener.log());
                if !held.changes.is_empty() {
                    patch_sets.push(blocking(move || store(worker.blobs(), lane, &snapshot, &held)).await?);
                }
                return Ok(Finding::Held { patch_sets, log });
            }
            Err(error @ EngineError::NothingFits { .. }) => {
                let mut stuck = stuck_engine(session, &drafting, error);
                if drafting.engine == EngineKind::Rules && desk.has_model(Role::Implementer) {
                    stuck.next.push_str(", or --engine llm");
                }
                nothing = Some(Stuck { log: listener.log(), ..stuck });
                continue;
            }
            Err(error) => return Err(Stuck { log: listener.log(), ..stuck_engine(session, &drafting, error) }),
        };
        log = listener.log().or(log);
        // what is answered is kept, whether or not something changes with it
        answers.extend(draft.answers.iter().map(|answer| (answer.thread, answer.text.clone())));
        if draft.changes.is_empty() {
            nothing = Some(Stuck::needs_human("the draft changes nothing", session.next_draft(drafting.engine)));
            continue;
        }
        // a draft of which nothing comes leaves nobody without a word
        let is_news = brief.previous.as_ref().is_none_or(|before| **before != draft.changes);
        if drafting.engine.answers_threads() && is_news {
            answers.extend(unanswered(session, &brief, &draft).map(|thread| (thread, Untrusted::new(NOT_ANSWERED))));
        }
        // where the version before is gone on from, a part is told against that
        let on = session.current(*lane).map(|(version, _)| version);
        let on = on.filter(|_| has_parts && brief.goes_on(drafting.engine).is_some());
        let (worker, lane) = (worker.clone(), *lane);
        let (set, of_version) = blocking(move || {
            let set = store(worker.blobs(), lane, &brief.snapshot, &draft)?;
            let own = on.map(|on| Ok::<_, Stuck>((on, parts::of_version(&worker, lane, &brief, &draft)?)));
            Ok((set, own.transpose()?))
        })
        .await?;
        patch_sets.push(set);
        own.extend(of_version);
    }
    let went_on = own
        .iter()
        .map(|(version, _)| *version)
        .max()
        .map(|version| WentOn { version, patch_sets: own.into_iter().map(|(_, set)| set).collect() });
    match nothing {
        Some(stuck) if patch_sets.is_empty() && answers.is_empty() => Err(stuck),
        _ => Ok(Finding::Draft { patch_sets, answers, heard: line.ear.heard(), went_on, log }),
    }
}

/// A commit message as it is published: whoever reads a history reads it in a terminal, so what could move a cursor or
/// hide is a visible mark from the first, in what a person approves too.
fn publishable(message: &Untrusted) -> Untrusted {
    let lines = Untrusted::new(message.raw().replace("\r\n", "\n"));
    Untrusted::new(lines.display().into_owned().into_inner())
}

/// What stands in a thread that an engine left out: a person must not take its silence for a yes.
const NOT_ANSWERED: &str = "(not answered: the draft was made without a word on this thread)";

/// Threads of the code that the engine was told of and said nothing to; once is enough for each until somebody says more.
fn unanswered<'a>(session: &'a Session, brief: &Brief, draft: &Draft) -> impl Iterator<Item = ThreadId> + use<'a> {
    let told = brief.threads();
    let said: Vec<ThreadId> = draft.answers.iter().map(|answer| answer.thread).collect();
    let threads = session.threads.iter().filter(move |thread| told.contains(&thread.id) && !said.contains(&thread.id));
    let threads = threads.filter(|thread| thread.place.artifact.is_none());
    let is_told = |thread: &&Thread| thread.comments.last().is_none_or(|last| last.text.raw() != NOT_ANSWERED);
    threads.filter(is_told).map(|thread| thread.id)
}

/// What a program had left when it was asked to stop, kept as a draft is.
fn held(brief: &Brief, changes: ChangeSet) -> Draft {
    Draft {
        explanation: "Held in its middle; no version was made of it.".into(),
        message: brief.goal.clone(),
        changes,
        context: Context {
            engine: "held/1".to_owned(),
            goal: brief.goal.clone(),
            tree: brief.tree.id().clone(),
            inputs: Vec::new(),
            items: Vec::new(),
        },
        base: None,
        log: None,
        answers: Vec::new(),
    }
}

/// Why no draft was made, and what makes one with the engine that was asked.
fn stuck_engine(session: &Session, drafting: &Drafting, error: EngineError) -> Stuck {
    let next = session.next_draft(drafting.engine);
    match error {
        EngineError::NothingFits { why, would_fit } => {
            let listed: Vec<String> = would_fit.iter().map(|fit| format!("\n  {fit}")).collect();
            let heading = if listed.is_empty() { "" } else { "\nwhat would fit:" };
            Stuck::needs_human(format!("{why}{heading}{}", listed.concat()), next)
        }
        EngineError::DoesNotApply { refusals } => Stuck {
            // what a model wrote and could not be placed after all tries is a person's matter, not a policy's
            kind: match drafting.engine {
                EngineKind::Llm => StopKind::NeedsHuman,
                _ => StopKind::BlockedPolicy,
            },
            reason: format!("the patch does not apply:\n  {}", refusals.join("\n  ")),
            next,
            log: None,
        },
        EngineError::Models(AskError::BudgetSpent { why, next }) => {
            Stuck { kind: StopKind::BudgetSpent, reason: format!("the budget is spent: {why}"), next, log: None }
        }
        EngineError::Models(AskError::NoModel { role, why, next: how }) => Stuck::needs_human(
            format!("no model for the role {role}: {why}"),
            format!("{how}, then paraph regenerate {}", session.asked.id),
        ),
        EngineError::Models(
            ref error @ (AskError::TooLong { next: ref how, .. } | AskError::Failed { next: ref how, .. }),
        ) => Stuck::needs_human(error.to_string(), format!("{how}, then paraph regenerate {}", session.asked.id)),
        EngineError::Program { why, hint } => Stuck::needs_human(why, hint),
        EngineError::Models(AskError::Cancelled) | EngineError::Cancelled | EngineError::Held(_) => {
            Stuck::needs_human("drafting was stopped", "paraph regenerate")
        }
        error @ (EngineError::Repository(_) | EngineError::BadInput(_) | EngineError::NothingToAdd { .. }) => {
            Stuck::needs_human(error.to_string(), format!("{next}, or paraph cancel {}", session.asked.id))
        }
    }
}

pub(super) fn brief(
    worker: &Worker,
    session: &Session,
    drafting: &Drafting,
    lane: LaneId,
    (models, ear): (Arc<dyn Models>, Arc<Ear>),
    cancel: &Cancel,
) -> Result<Brief, Stuck> {
    let known = session.lane(lane).ok_or_else(|| Stuck::needs_human("the session has no such lane", "paraph show"))?;
    let loaded = known.snapshot.clone().ok_or_else(|| Stuck::needs_human("the lane has no snapshot", "paraph show"))?;
    let of_lane = |sets: &[PatchSet]| sets.iter().find(|set| set.lane == lane).cloned();
    let (so_far, left) = (of_lane(&drafting.so_far), of_lane(&drafting.left));
    // work adopted again is looked at again: its branch went on
    let again = session.asked.adopted.is_some() && drafting.made_for != "goal";
    let snapshot = match so_far.as_ref().or(left.as_ref()) {
        // a draft ends on the base that it began on
        Some(begun) => begun.rebased.clone().unwrap_or(loaded),
        None if again => Snapshot { repo: loaded.repo, ..next_snapshot(worker.ports.vcs.as_ref(), session, lane)? },
        None => loaded,
    };
    let tree = worker.ports.vcs.tree(&snapshot.key, &snapshot.tree)?;
    let before = match &so_far {
        Some(set) => Before::of(read_changes(worker.blobs(), &set.digest)?.changes),
        None => before(worker, session, lane, &snapshot, tree.as_ref())?,
    };
    let index = match session.asked.playbook.has(Stage::Index) {
        true => Some(Arc::new(index(worker, session, tree.as_ref(), cancel)?)),
        false => None,
    };
    let left = left.map(|set| read_changes(worker.blobs(), &set.digest)).transpose()?;
    let said = ear.so_far();
    let goes_on =
        so_far.is_some() || !matches!(drafting.engine, EngineKind::Rules | EngineKind::Patch | EngineKind::Adopt);
    let given = Given { tree: tree.as_ref(), change: before.change.as_deref().filter(|_| goes_on) };
    let feedback = feedback(worker, session, drafting, (lane, said), given);
    let patch = drafting.patch.map(|digest| worker.blobs().get(digest)).transpose()?;
    let issue = issue(worker, session)?;
    let brief = Brief {
        session: session.asked.id,
        version: drafting.version,
        lane,
        role: Role::Implementer,
        goal: session.asked.goal.clone(),
        issue,
        kind: session.asked.kind,
        paths: session.asked.paths.clone(),
        rules: drafting.rules.clone(),
        work: session.asked.adopted.clone(),
        snapshot,
        tree: tree.clone(),
        index,
        patch: patch.map(Into::into),
        previous: before.change,
        feedback,
        failures: evidence::failures(worker.blobs(), session, lane),
        guidance: evidence::guidance(tree.as_ref()).map_err(|error| Stuck::from(VcsError::from(error)))?,
        artifacts: artifacts(worker, session)?,
        left: left.map(|left| Arc::new(left.changes)),
        models,
        ear,
        unwanted: Cancel::new(),
        order: WorkOrder {
            program: session.asked.program.clone(),
            environment: super::inspect::environment_of(worker, session),
            home: worker.settings.user_home.clone(),
        },
    };
    // nothing is asked, or bought, on top of what is not there
    match brief.goes_on(drafting.engine).filter(|_| !before.not_carried.is_empty()) {
        Some(_) => Err(not_carried(session, lane, &before.not_carried)),
        None => Ok(brief),
    }
}

/// The change that a draft may go on from, on the base that it is drafted on.
struct Before {
    change: Option<Arc<ChangeSet>>,
    /// Files of it that the base changed at the same lines.
    not_carried: Vec<RepoPath>,
}

impl Before {
    fn of(change: ChangeSet) -> Self {
        Self { change: Some(Arc::new(change)), not_carried: Vec::new() }
    }
}

/// The version before. Where the base went on since, its change is taken over: whole files of an older base would take
/// back what came with the new one.
fn before(
    worker: &Worker,
    session: &Session,
    lane: LaneId,
    snapshot: &Snapshot,
    tree: &dyn Tree,
) -> Result<Before, Stuck> {
    let Some((version, set)) = session.current(lane) else {
        return Ok(Before { change: None, not_carried: Vec::new() });
    };
    let change = read_changes(worker.blobs(), &set.drafted.digest)?.changes;
    if session.base_of(lane, version).is_some_and(|base| base.tree == snapshot.tree) {
        return Ok(Before::of(change));
    }
    let (change, not_carried) = taken_over(&change, |path| tree.side(path)).map_err(VcsError::from)?;
    // a base that has all of it leaves nothing to go on from
    let change = Some(change).filter(|change| !change.is_empty() || !not_carried.is_empty());
    Ok(Before { change: change.map(Arc::new), not_carried })
}

fn not_carried(session: &Session, lane: LaneId, files: &[RepoPath]) -> Stuck {
    let (id, version) = (session.asked.id, session.current(lane).map_or(Version::FIRST, |(version, _)| version));
    let named: Vec<String> = files.iter().take(NAMED).map(ToString::to_string).collect();
    let more = if files.len() > NAMED { format!(" and {} more", files.len() - NAMED) } else { String::new() };
    Stuck::needs_human(
        format!(
            "what {version} changed in {}{more} does not fit the new base: there the same lines changed too",
            named.join(", ")
        ),
        format!("paraph regenerate {id} --engine adopt, which takes the work as it is now, or paraph cancel {id}"),
    )
}

/// Files that a reason names.
const NAMED: usize = 5;

/// The documents that say what the change shall be: name and text.
pub(super) fn artifacts(worker: &Worker, session: &Session) -> Result<Vec<(String, Untrusted)>, Stuck> {
    let artifacts = session.planned.iter().flat_map(|planned| &planned.artifacts);
    artifacts
        .map(|artifact| {
            let bytes = worker.blobs().get(artifact.digest)?;
            Ok((artifact.name.clone(), Untrusted::new(String::from_utf8_lossy(&bytes).into_owned())))
        })
        .collect()
}

/// The issue that the goal is from, as it was read.
pub(super) fn issue(worker: &Worker, session: &Session) -> Result<Option<IssueText>, Stuck> {
    let Some(issue) = &session.asked.issue else { return Ok(None) };
    let bytes = worker.blobs().get(issue.text)?;
    let text = Untrusted::new(String::from_utf8_lossy(&bytes).into_owned());
    Ok(Some(IssueText { url: issue.url.clone(), digest: issue.text, text }))
}

/// What an index is ranked for: the goal's words, then those of its issue.
pub(super) fn focus(goal: &Untrusted, issue: Option<&IssueText>) -> Focus {
    match issue {
        Some(issue) => Focus::on_goal(format!("{}\n{}", goal.raw(), issue.words())),
        None => Focus::on_goal(goal.raw()),
    }
}

/// The index that the playbook asked for: in the cache since the lane was indexed.
pub(super) fn index(worker: &Worker, session: &Session, tree: &dyn Tree, cancel: &Cancel) -> Result<CodeIndex, Stuck> {
    let focus = focus(&session.asked.goal, issue(worker, session)?.as_ref());
    let failed = |error: IndexError| Stuck::needs_human(error.to_string(), "paraph regenerate");
    worker.ports.index.index(tree, &focus, cancel).map_err(failed)
}

/// Stores a draft: manifest, both sides of every file, explanation, context and line counts.
pub(in crate::runtime) fn store(
    blobs: &Blobs,
    lane: LaneId,
    base: &Snapshot,
    draft: &Draft,
) -> Result<PatchSet, Stuck> {
    let rebased = draft.base.clone().or_else(|| {
        let adopted = base.adopted.is_some();
        adopted.then(|| base.clone())
    });
    let base = draft.base.as_ref().unwrap_or(base);
    let message = publishable(&draft.message);
    let manifest = Manifest::new(base.commit.clone(), base.tree.clone(), message.raw(), &draft.changes);
    let stats: Vec<FileStat> = draft.changes.files().iter().map(stat).collect();
    let sum = |count: fn(&FileStat) -> u32| stats.iter().map(count).fold(0, u32::saturating_add);
    let (added, deleted) = (sum(|stat| stat.added), sum(|stat| stat.deleted));
    let canonical = manifest.canonical();
    let explanation = draft.explanation.raw().as_bytes().to_vec();
    let context = draft.context.canonical().into_bytes();
    let listed = serde_json::to_vec(&stats).expect("plain data serialises");
    let mut bodies: Vec<&[u8]> = Vec::new();
    for file in draft.changes.files() {
        bodies.extend([&file.old, &file.new].into_iter().flatten().map(|side| &*side.content));
    }
    // the manifest last: where it is, all it names is
    put_side_by_side(blobs, &bodies)?;
    let digests = blobs.put_many(&[explanation.as_slice(), &context, &listed, canonical.as_bytes()])?;
    Ok(PatchSet {
        lane,
        digest: digests[3],
        base_commit: base.commit.clone(),
        base_tree: base.tree.clone(),
        rebased,
        message,
        explanation: digests[0],
        context: digests[1],
        stats: digests[2],
        files: u32::try_from(stats.len()).unwrap_or(u32::MAX),
        added,
        deleted,
        log: draft.log,
    })
}

/// Threads that store bodies at once: file systems join the syncs that come at the same time.
const WRITERS: usize = 8;

/// Stores many bodies. Each is synced by itself, so a thousand one after the other would take seconds.
fn put_side_by_side(blobs: &Blobs, bodies: &[&[u8]]) -> Result<(), Stuck> {
    let share = bodies.len().div_ceil(WRITERS).max(8);
    std::thread::scope(|scope| {
        let writers: Vec<_> =
            bodies.chunks(share).map(|bodies| scope.spawn(move || blobs.put_many(bodies).map(drop))).collect();
        for writer in writers {
            writer
                .join()
                .map_err(|_| Stuck::needs_human("storing the draft ended by an internal error", "paraph doctor"))??;
        }
        Ok(())
    })
}

fn stat(file: &FileChange) -> FileStat {
    let side = |side: &Option<FileSide>| side.as_ref().map(|side| side.content.clone()).unwrap_or_default();
    let (added, deleted) = crate::diff::line_stat(&side(&file.old), &side(&file.new)).unwrap_or((0, 0));
    FileStat { path: file.path.clone(), status: file.status(), added, deleted }
}

/// Reads a patch set back: the manifest that `digest` names and every content that it names.
pub(in crate::runtime) fn read_changes(blobs: &Blobs, digest: &Digest) -> Result<StoredChange, Stuck> {
    let damaged = |what: String| Stuck::needs_human(what, "paraph audit verify");
    let bytes = blobs.get(*digest)?;
    let manifest: Manifest =
        serde_json::from_slice(&bytes).map_err(|error| damaged(format!("manifest {digest} does not read: {error}")))?;
    let side = |mode: &str, content: &str| -> Result<Option<FileSide>, Stuck> {
        if mode.is_empty() {
            return Ok(None);
        }
        let bits = u32::from_str_radix(mode, 8).map_err(|_| damaged(format!("`{mode}` is no mode")))?;
        let digest: Digest = content.parse().map_err(|error| damaged(format!("{error}")))?;
        Ok(Some(FileSide { mode: FileMode::from_bits(bits), content: blobs.get(digest)?.into() }))
    };
    let mut files = Vec::with_capacity(manifest.files.len());
    for file in &manifest.files {
        files.push(FileChange {
            path: file.path.clone(),
            old: side(&file.old_mode, &file.old_content)?,
            new: side(&file.new_mode, &file.new_content)?,
        });
    }
    Ok(StoredChange { changes: ChangeSet::new(files) })
}

/// Polices the paths, writes the tree in memory and makes the branch in the private repository.
pub(super) fn apply(worker: &Worker, session: &Session, lane: LaneId, version: Version) -> Result<Finding, Stuck> {
    let gone = || Stuck::needs_human(format!("there is no {version} of this lane"), "paraph show");
    let set = session.patch_set(lane, version).ok_or_else(gone)?;
    let base = session.base_of(lane, version).ok_or_else(gone)?;
    let stored = read_changes(worker.blobs(), &set.drafted.digest)?;
    if let Some(blocked) = paths_blocked(worker, session, (lane, version), &stored)? {
        return Ok(blocked);
    }
    let written = worker.ports.vcs.write_tree(&base.key, &base.tree, &stored.changes)?;
    let by = &session.asked.by;
    let record = session.version(version).ok_or_else(gone)?;
    let reference = format!("refs/heads/paraph/{}/{version}", session.asked.id);
    let commit = worker.ports.vcs.commit(
        &base.key,
        &NewCommit {
            tree: written.clone(),
            parent: base.commit.clone(),
            message: set.drafted.message.raw().to_owned(),
            author: CommitIdentity::of(&by.login, &by.name, &by.email),
            at: record.at,
            reference: reference.clone(),
        },
    )?;
    Ok(Finding::Branch { tree: written, commit, reference })
}

/// That the patch set must not be applied, where the policy of paths says so.
pub(in crate::runtime) fn paths_blocked(
    worker: &Worker,
    session: &Session,
    (lane, version): (LaneId, Version),
    stored: &StoredChange,
) -> Result<Option<Finding>, Stuck> {
    let Some(base) = session.base_of(lane, version) else { return Ok(None) };
    let tree = worker.ports.vcs.tree(&base.key, &base.tree)?;
    let policy = super::inspect::policy_of(worker, session, lane, version, tree.as_ref())?;
    let violations = crate::policy::PathPolicy
        .judge(&stored.changes, tree.as_ref(), &policy)
        .map_err(|error| Stuck::from(VcsError::from(error)))?;
    let blocks = violations.iter().any(|violation| violation.severity == Severity::Block);
    Ok(blocks.then(|| Finding::Blocked {
        violations: violations.into_iter().take(super::inspect::MOST_VIOLATIONS).collect(),
    }))
}
