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
use crate::runtime::tables::{BeadRow, Row, Tables};

/// Rows read at once while a page is filled.
const CHUNK: usize = 256;

/// The most units of work that are told of all sessions at once: those of some hundred sessions, in a megabyte of JSON.
const MOST_BEADS: usize = 2000;

impl Runtime {
    pub(super) async fn list(&self, mut asked: ListRequest) -> Result<SessionList, Failure> {
        let is_group = |state: &str| matches!(state, "needs-me" | "running" | "open" | "done" | "all");
        // `done` is all that is over, `Done` what was published
        if let Some(state) = asked.state.as_mut().filter(|state| !is_group(state))
            && let Some(known) = State::ALL.into_iter().find(|known| known.name().eq_ignore_ascii_case(state))
        {
            known.name().clone_into(state);
        }
        if let Some(state) = asked.state.as_deref()
            && !is_group(state)
            && State::named(state).is_none()
        {
            let names: Vec<&str> = State::ALL.iter().map(|state| state.name()).collect();
            return Err(Failure::new(FailureKind::Usage, format!("there is no state `{state}`"))
                .hint(format!("--state with needs-me, running, open, done, or one of {}", names.join(", "))));
        }
        let (ahead, held) = self.look(|core| (core.ahead_of_store(), core.held())).await?;
        let shared = self.shared.clone();
        blocking(move || {
            let tables = &shared.tables;
            let mut list = if ahead.is_empty() { rows(tables, &asked) } else { merged(tables, ahead, &asked) }?;
            list.sessions.iter_mut().for_each(|row| held.tell_in_row(row));
            Ok(list)
        })
        .await
    }

    pub(super) async fn timeline(&self, id: SessionId) -> Result<TimelineView, Failure> {
        self.settled().await?;
        self.session(id).await?; // one that is not there has no empty list
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
        self.settled().await?;
        if let Some(id) = asked.session {
            self.session(id).await?; // the same
        }
        let shared = self.shared.clone();
        blocking(move || {
            let mut beads = match asked.session {
                Some(session) => shared.tables.beads.scan(&session, Order::Forward, usize::MAX),
                None => newest_beads(&shared.tables, &asked),
            }
            .map_err(|error| store_failure(&error))?;
            beads.retain(|(_, row)| is_meant(&asked, row));
            beads.sort_by_key(|((session, index), _)| (std::cmp::Reverse(*session), *index));
            let view = |((session, _), row): ((SessionId, u32), BeadRow)| BeadView {
                session,
                name: row.name,
                category: row.category,
                status: row.status,
                started_at: Timestamp(row.started_at),
                finished_at: row.finished_at.map(Timestamp),
                attempt: row.attempt,
                error: row.error.into(),
            };
            let beads = beads.into_iter().map(view).collect();
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
        let seen = self.look(|core| (core.journal_head(), core.last_session(), core.ahead_of_store(), core.held()));
        let (head, sessions, ahead, held) = seen.await?;
        let shared = self.shared.clone();
        let now = blocking(move || {
            let mut now = shared.tables.counted("now").map_err(|error| store_failure(&error))?;
            for (id, row) in ahead {
                let was = shared.tables.sessions.get(&id).map_err(|error| store_failure(&error))?;
                for (name, is) in
                    [("needs-me", (|row| row.needs_me) as fn(&Row) -> bool), ("running", |row| row.running)]
                {
                    let count = now.entry(name.to_owned()).or_default();
                    *count = (*count + u64::from(is(&row))).saturating_sub(u64::from(was.as_ref().is_some_and(is)));
                }
            }
            Ok(now)
        })
        .await?;
        let of = |name: &str| now.get(name).copied().unwrap_or(0);
        let mut status = StatusView {
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
            held: None,
        };
        held.tell_in_status(&mut status);
        Ok(status)
    }
}

/// A session and the number of a unit of its work.
type BeadKey = (SessionId, u32);

/// The newest units of work that are meant, of all sessions: read from the end, a piece at a time.
fn newest_beads(tables: &Tables, asked: &BeadsRequest) -> Result<Vec<(BeadKey, BeadRow)>, StoreError> {
    let mut found = Vec::new();
    let mut before: Option<BeadKey> = None;
    while found.len() < MOST_BEADS {
        let to = before.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let chunk = tables.beads.range(Bound::Unbounded, to, Order::Backward, CHUNK)?;
        let Some((last, _)) = chunk.last() else { break };
        before = Some(*last);
        found.extend(chunk.into_iter().filter(|(_, row)| is_meant(asked, row)));
    }
    found.truncate(MOST_BEADS);
    Ok(found)
}

fn is_meant(asked: &BeadsRequest, row: &BeadRow) -> bool {
    asked.status.as_ref().is_none_or(|status| row.status.eq_ignore_ascii_case(status))
        && asked.category.as_ref().is_none_or(|category| row.category == *category)
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

/// The same page while the store is behind the journal: `ahead` is what it does not have. It reads every row.
fn merged(tables: &Tables, ahead: Vec<(SessionId, Row)>, asked: &ListRequest) -> Result<SessionList, Failure> {
    let stored = tables.sessions.scan(&(), Order::Forward, usize::MAX).map_err(|error| store_failure(&error))?;
    let rows: BTreeMap<SessionId, Row> = stored.into_iter().chain(ahead).collect();
    let mut totals: BTreeMap<String, u32> = BTreeMap::new();
    for row in rows.values() {
        *totals.entry(row.state.clone()).or_default() += 1;
    }
    let limit = asked.limit.map_or(usize::MAX, |limit| limit as usize);
    let page =
        rows.iter().rev().filter(|(id, row)| asked.before.is_none_or(|before| **id < before) && meant(asked, row));
    let sessions = page.take(limit).map(|(id, row)| shown(*id, row)).collect::<Result<_, _>>()?;
    Ok(SessionList { schema: "paraph.list/1".to_owned(), sessions, totals })
}

/// Whether a row belongs to what was asked for, told without reading its JSON.
fn meant(asked: &ListRequest, row: &Row) -> bool {
    let rejected = || row.state == State::Rejected.name() && !row.needs_me && !row.running;
    let over = || State::named(&row.state).is_some_and(State::is_over) || rejected();
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
