//! Looking over everything: lists, units of work, figures, how the service is.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::atomic::Ordering;

use crate::api::{
    BeadView, BeadsRequest, BeadsView, Failure, FailureKind, IndexRequest, IndexView, ListRequest, Metrics,
    SessionList, SessionRow, StatusView, TimelineView,
};
use crate::cancel::Cancel;
use crate::clock::Timestamp;
use crate::id::SessionId;
use crate::infrastructure::store::{Order, StoreError};
use crate::session::State;

use super::{Runtime, answer, blocking, vcs_failure};
use crate::runtime::tables::{Row, Tables};

/// Rows read at once while a page is filled.
const CHUNK: usize = 256;

impl Runtime {
    pub(super) async fn list(&self, asked: ListRequest) -> Result<SessionList, Failure> {
        if let Some(state) = asked.state.as_deref() {
            let group = matches!(state, "needs-me" | "running" | "open" | "done" | "all");
            if !group && State::named(state).is_none() {
                let names: Vec<&str> = State::ALL.iter().map(|state| state.name()).collect();
                return Err(Failure::new(FailureKind::Usage, format!("there is no state `{state}`"))
                    .hint(format!("--state with needs-me, running, open, done, or one of {}", names.join(", "))));
            }
        }
        let shared = self.shared.clone();
        blocking(move || rows(&shared.tables, &asked)).await
    }

    pub(super) async fn timeline(&self, id: SessionId) -> Result<TimelineView, Failure> {
        self.look(move |core| core.live(id)).await??;
        let shared = self.shared.clone();
        blocking(move || {
            let places = shared.tables.places_of(id).map_err(|error| store_failure(&error))?;
            let entries = shared.reader.entries(&places);
            let failed = |error| Failure::from_error(FailureKind::Failed, &error);
            Ok(answer::timeline(&entries.map_err(failed)?))
        })
        .await
    }

    pub(super) async fn beads(&self, asked: BeadsRequest) -> Result<BeadsView, Failure> {
        if let Some(id) = asked.session {
            self.session(id).await?; // one that is not there has no empty list
        }
        let shared = self.shared.clone();
        blocking(move || {
            let rows = match asked.session {
                Some(session) => shared.tables.beads.scan(&session, Order::Forward, usize::MAX),
                None => shared.tables.beads.scan(&(), Order::Forward, usize::MAX),
            };
            let rows = rows.map_err(|error| store_failure(&error))?;
            let mut beads: Vec<BeadView> = rows
                .into_iter()
                .filter(|(_, row)| asked.status.as_ref().is_none_or(|status| row.status.eq_ignore_ascii_case(status)))
                .filter(|(_, row)| asked.category.as_ref().is_none_or(|category| row.category == *category))
                .map(|((session, _), row)| BeadView {
                    session,
                    name: row.name,
                    category: row.category,
                    status: row.status,
                    started_at: Timestamp(row.started_at),
                    finished_at: row.finished_at.map(Timestamp),
                    attempt: row.attempt,
                    error: row.error.into(),
                })
                .collect();
            beads.sort_by_key(|bead| std::cmp::Reverse(bead.session));
            Ok(BeadsView { schema: "paraph.beads/1".to_owned(), beads })
        })
        .await
    }

    pub(super) async fn metrics(&self) -> Result<Metrics, Failure> {
        let shared = self.shared.clone();
        let head = self.look(|core| core.journal_head()).await?;
        blocking(move || crate::runtime::metrics::of(&shared.tables, head)).await
    }

    pub(super) async fn index(&self, asked: IndexRequest) -> Result<IndexView, Failure> {
        let shared = self.shared.clone();
        blocking(move || {
            let vcs = &shared.ports.vcs;
            let snapshot = vcs.snapshot(&asked.source, &asked.base).map_err(|error| vcs_failure(&error))?;
            let tree = vcs.tree(&snapshot.key, &snapshot.tree).map_err(|error| vcs_failure(&error))?;
            answer::index_tree(&shared.ports, tree.as_ref(), asked.focus.as_deref().unwrap_or(""), &Cancel::new())
        })
        .await
    }

    pub(super) async fn status(&self) -> Result<StatusView, Failure> {
        let (head, sessions) = self.look(|core| (core.journal_head(), core.last_session())).await?;
        let shared = self.shared.clone();
        let now = blocking(move || shared.tables.counted("now").map_err(|error| store_failure(&error))).await?;
        let of = |name: &str| now.get(name).copied().unwrap_or(0);
        Ok(StatusView {
            schema: "paraph.status/1".to_owned(),
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            sessions,
            need_me: of("needs-me"),
            running: of("running"),
            ci_failed: 0,
            clients: self.shared.listeners.load(Ordering::Relaxed),
            head: head.seq,
            head_digest: head.digest,
        })
    }
}

fn store_failure(error: &StoreError) -> Failure {
    Failure::from_error(FailureKind::Failed, error).hint(error.hint())
}

/// One page of the inbox, newest first.
fn rows(tables: &Tables, asked: &ListRequest) -> Result<SessionList, Failure> {
    let failed = |error: StoreError| store_failure(&error);
    let limit = asked.limit.map_or(usize::MAX, |limit| limit as usize);
    let totals: BTreeMap<String, u32> = tables
        .counted("state")
        .map_err(failed)?
        .into_iter()
        .map(|(state, count)| (state, u32::try_from(count).unwrap_or(u32::MAX)))
        .collect();
    let mut sessions = Vec::new();
    if matches!(asked.state.as_deref(), Some("open" | "needs-me" | "running")) {
        let open = tables.open_where(|_| true).map_err(failed)?;
        for id in open.into_iter().filter(|id| asked.before.is_none_or(|before| *id < before)) {
            if sessions.len() >= limit {
                break;
            }
            if let Some(row) = tables.sessions.get(&id).map_err(failed)?.filter(|row| meant(asked, row)) {
                sessions.push(shown(id, &row)?);
            }
        }
        return Ok(SessionList { schema: "paraph.list/1".to_owned(), sessions, totals });
    }
    let mut before = asked.before;
    while sessions.len() < limit {
        let to = before.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let chunk = tables.sessions.range(Bound::Unbounded, to, Order::Backward, CHUNK.min(limit.max(16)));
        let chunk = chunk.map_err(failed)?;
        let Some((last, _)) = chunk.last() else { break };
        before = Some(*last);
        for (id, row) in chunk.iter().filter(|(_, row)| meant(asked, row)).take(limit - sessions.len()) {
            sessions.push(shown(*id, row)?);
        }
    }
    Ok(SessionList { schema: "paraph.list/1".to_owned(), sessions, totals })
}

/// Whether a row belongs to what was asked for, told without reading its JSON.
fn meant(asked: &ListRequest, row: &Row) -> bool {
    let over = || State::named(&row.state).is_some_and(State::is_over);
    match asked.state.as_deref() {
        None | Some("all") => true,
        Some("needs-me") => row.needs_me,
        Some("running") => row.running,
        Some("open") => !over(),
        Some("done") => over(),
        Some(name) => name == row.state,
    }
}

fn shown(id: SessionId, row: &Row) -> Result<SessionRow, Failure> {
    serde_json::from_str(&row.json).map_err(|error| {
        Failure::new(FailureKind::Failed, format!("the row of session {id} does not read: {error}"))
            .hint("paraph recover")
    })
}
