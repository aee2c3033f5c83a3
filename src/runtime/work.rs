//! What workers do for each kind of effect. Each looks before it acts: a second attempt finds what the first made.

mod draft;
mod evidence;
mod feedback;
mod inspect;
mod listen;
mod monitor;
mod parts;
mod pass_over;
mod prepare;
mod runbook;
mod ship;
mod stages;

use std::sync::Arc;

use tokio::sync::broadcast;

use crate::api::Notice;
use crate::cancel::Cancel;
use crate::id::{Digest, LaneId, SessionId, Version};
use crate::infrastructure::blobs::{BlobError, Blobs};
use crate::planning::Role;
use crate::repository::VcsError;
use crate::session::{EffectKind, Finding, Session, StopKind};

use super::desk::Line;
use super::held::Pauses;
use super::ports::{Ports, Settings};
use super::purse::Today;
use super::tables::Tables;
use super::trust::Trust;

pub(super) use draft::{StoredChange, paths_blocked, read_changes, store};
pub(super) use listen::{DRAFT_LOG, LiveLogs};
pub(super) use monitor::repositories;

/// What every worker shares.
pub(super) struct Worker {
    pub(super) ports: Ports,
    pub(super) settings: Settings,
    pub(super) tables: Tables,
    pub(super) trust: Trust,
    pub(super) notices: broadcast::Sender<Notice>,
    pub(super) live_logs: LiveLogs,
    pub(super) pauses: Pauses,
    pub(super) today: Today,
}

/// The commands that trusting the repository lets run, as its base has them, and what a person should know of them.
pub(super) fn commands_of(
    ports: &Ports,
    settings: &Settings,
    source: &crate::repository::Source,
) -> (Vec<crate::text::Untrusted>, Vec<crate::text::Untrusted>) {
    inspect::commands_of(ports, settings, source).unwrap_or_default()
}

/// The setup step of the repository's HEAD: what names it on its lockfiles, and its command.
pub(super) fn setup_of(
    ports: &Ports,
    settings: &Settings,
    source: &crate::repository::Source,
) -> Option<(Digest, String)> {
    inspect::setup_of(ports, settings, source).ok().flatten()
}

fn before(kind: EffectKind) -> &'static str {
    match kind {
        EffectKind::Load => "effect.load.before",
        EffectKind::Index => "effect.index.before",
        EffectKind::Triage => "effect.triage.before",
        EffectKind::Plan => "effect.plan.before",
        EffectKind::Draft => "effect.draft.before",
        EffectKind::Test => "effect.test.before",
        EffectKind::Document => "effect.document.before",
        EffectKind::Apply => "effect.apply.before",
        EffectKind::Check => "effect.check.before",
        EffectKind::Review => "effect.review.before",
        EffectKind::Runbook => "effect.runbook.before",
        EffectKind::Score => "effect.score.before",
        EffectKind::Publish => "effect.publish.before",
        EffectKind::PassOver => "effect.pass-over.before",
        EffectKind::Monitor => "effect.monitor.before",
    }
}

fn after(kind: EffectKind) -> &'static str {
    match kind {
        EffectKind::Load => "effect.load.after",
        EffectKind::Index => "effect.index.after",
        EffectKind::Triage => "effect.triage.after",
        EffectKind::Plan => "effect.plan.after",
        EffectKind::Draft => "effect.draft.after",
        EffectKind::Test => "effect.test.after",
        EffectKind::Document => "effect.document.after",
        EffectKind::Apply => "effect.apply.after",
        EffectKind::Check => "effect.check.after",
        EffectKind::Review => "effect.review.after",
        EffectKind::Runbook => "effect.runbook.after",
        EffectKind::Score => "effect.score.after",
        EffectKind::Publish => "effect.publish.after",
        EffectKind::PassOver => "effect.pass-over.after",
        EffectKind::Monitor => "effect.monitor.after",
    }
}

/// Why a worker is stuck, before it is told which session it is about.
pub(super) struct Stuck {
    pub(super) kind: StopKind,
    pub(super) reason: String,
    pub(super) next: String,
    /// What a program had said until then: a blob.
    pub(super) log: Option<Digest>,
}

impl Stuck {
    fn needs_human(reason: impl Into<String>, next: impl Into<String>) -> Self {
        Self { kind: StopKind::NeedsHuman, reason: reason.into(), next: next.into(), log: None }
    }
}

impl From<VcsError> for Stuck {
    fn from(error: VcsError) -> Self {
        let next = match (&error, error.hint()) {
            (VcsError::BaseGone { .. }, _) => "paraph run the goal again, or paraph cancel".to_owned(),
            // the number was used in another copy of this home: another session gets another ref
            (VcsError::RefTaken { .. }, _) => {
                "paraph run the goal again; a new session has a ref of its own".to_owned()
            }
            // the same is refused again: what is wrong with it is that version's
            (VcsError::BadPath { .. }, _) => {
                "paraph regenerate with --engine NAME for another version, or paraph cancel".to_owned()
            }
            (VcsError::NoGit(_), _) => "install git, then paraph regenerate".to_owned(),
            (_, Some(hint)) => format!("{hint}, then paraph regenerate"),
            (_, None) => "paraph regenerate, or paraph cancel".to_owned(),
        };
        let cause = std::error::Error::source(&error).map_or_else(String::new, |cause| format!(": {cause}"));
        let kind = match error {
            // no second attempt finds the ref free
            VcsError::RefTaken { .. } => StopKind::Failed,
            _ => StopKind::NeedsHuman,
        };
        Self { kind, reason: format!("{error}{cause}"), next, log: None }
    }
}

impl From<BlobError> for Stuck {
    fn from(error: BlobError) -> Self {
        let cause = std::error::Error::source(&error).map_or_else(String::new, |cause| format!(": {cause}"));
        // a session has no command to type again: its work is asked for again
        let hint = error.hint().replace("then type the command again", "then paraph regenerate");
        let next = if hint.contains("then paraph") { hint } else { format!("{hint}, then paraph regenerate") };
        Self::needs_human(format!("{error}{cause}"), next)
    }
}

impl From<std::io::Error> for Stuck {
    fn from(error: std::io::Error) -> Self {
        Self::needs_human(error.to_string(), "paraph doctor, then paraph regenerate")
    }
}

impl Worker {
    /// Does one piece of work and says what it found.
    pub(super) async fn run(self: &Arc<Self>, session: &Arc<Session>, line: &Line, cancel: &Cancel) -> Finding {
        let (id, key, attempt) = (session.asked.id, line.key, line.attempt);
        tracing::info!(session = %id, %key, attempt, "starts");
        let found = match self.ports.faults.point(before(key.kind)) {
            Ok(()) => self.work(session, line, cancel).await,
            Err(error) => Err(error.into()),
        };
        let found = found.and_then(|finding| {
            self.ports.faults.point(after(key.kind))?;
            Ok(finding)
        });
        found.unwrap_or_else(|stuck| {
            tracing::warn!(session = %id, %key, reason = stuck.reason, "is stuck");
            // what is approved is not drafted again
            let next = match key.kind {
                EffectKind::Publish => stuck.next.replace("paraph regenerate", "paraph publish"),
                EffectKind::Check => stuck.next.replace("paraph regenerate", "paraph check"),
                _ => stuck.next,
            };
            let (kind, log) = (stuck.kind, stuck.log);
            Finding::Stuck { kind, reason: stuck.reason.into(), next: with_id(&next, id), log }
        })
    }

    async fn work(self: &Arc<Self>, session: &Arc<Session>, line: &Line, cancel: &Cancel) -> Result<Finding, Stuck> {
        let key = line.key;
        let lane = key.lane.unwrap_or(LaneId(0));
        let version = key.version.unwrap_or(Version::FIRST);
        match key.kind {
            EffectKind::Load => {
                let (worker, session) = (self.clone(), session.clone());
                let load = blocking(move || prepare::load(&worker, &session, lane));
                tokio::select! {
                    loaded = load => loaded,
                    // a clone may take minutes: it ends by itself, into a folder of its own, and nobody waits for it
                    () = cancel.cancelled() => Err(Stuck::needs_human("it was cancelled", "paraph regenerate")),
                }
            }
            EffectKind::Index => {
                let (worker, session, cancel) = (self.clone(), session.clone(), cancel.clone());
                blocking(move || prepare::index(&worker, &session, lane, &cancel)).await
            }
            EffectKind::Triage => stages::triage(self, session, line, cancel).await,
            EffectKind::Plan => stages::plan(self, session, line, cancel).await,
            EffectKind::Review => stages::review(self, session, line, (lane, version), cancel).await,
            EffectKind::Runbook => runbook::runbook(self, session, line, (lane, version), cancel).await,
            EffectKind::Draft => draft::draft(self, session, line, version, cancel).await,
            EffectKind::Test => parts::part(self, session, line, (version, Role::Tester), cancel).await,
            EffectKind::Document => parts::part(self, session, line, (version, Role::Documenter), cancel).await,
            EffectKind::Apply => {
                let (worker, session) = (self.clone(), session.clone());
                blocking(move || draft::apply(&worker, &session, lane, version)).await
            }
            EffectKind::Check => inspect::check(self, session, lane, version, cancel).await,
            EffectKind::Score => {
                let (worker, session) = (self.clone(), session.clone());
                blocking(move || inspect::score(&worker, &session, lane, version)).await
            }
            EffectKind::Publish => ship::publish(self, session, lane).await,
            EffectKind::PassOver => pass_over::tell(self, session, line).await,
            EffectKind::Monitor => monitor::monitor(self, session, line, cancel).await,
        }
    }

    pub(super) fn blobs(&self) -> &Blobs {
        &self.ports.blobs
    }

    /// Stores `value` as canonical JSON.
    pub(super) fn put_json<T: serde::Serialize>(&self, value: &T) -> Result<Digest, Stuck> {
        let value = serde_json::to_value(value).expect("plain data serialises");
        Ok(self.blobs().put(value.to_string().as_bytes())?)
    }
}

/// Runs `work` where blocking is allowed.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Stuck> + Send + 'static,
) -> Result<T, Stuck> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        Err(Stuck::needs_human(format!("a worker ended by an internal error ({error})"), "paraph doctor"))
    })
}

/// Puts the session's number behind `paraph VERB` of a next step.
fn with_id(next: &str, id: SessionId) -> String {
    let mut words = next.to_owned();
    for verb in ["regenerate", "check", "cancel", "publish", "show"] {
        words = words.replace(&format!("paraph {verb},"), &format!("paraph {verb} {id},"));
        if words.ends_with(&format!("paraph {verb}")) {
            words = format!("{words} {id}");
        }
        words = words.replace(&format!("paraph {verb} -"), &format!("paraph {verb} {id} -"));
        words = words.replace(&format!("paraph {verb};"), &format!("paraph {verb} {id};"));
    }
    words
}

/// The lane's name, told apart from lanes before it that would have the same one.
fn unique_name(session: &Session, lane: LaneId, name: &str) -> String {
    let base = |source: &crate::repository::Source| {
        let text = source.to_string();
        text.trim_end_matches('/').rsplit('/').next().unwrap_or_default().trim_end_matches(".git").to_owned()
    };
    let mine = session.lane(lane).map(|lane| base(&lane.source)).unwrap_or_default();
    let same = session.lanes.iter().filter(|other| other.id < lane && base(&other.source) == mine).count();
    if same == 0 { name.to_owned() } else { format!("{name}-{}", same + 1) }
}
