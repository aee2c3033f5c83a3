//! Waiting for a session: notices become lines on standard error, its end an exit status.

use futures::StreamExt as _;

use super::desk::Desk;
use super::ended::{DONE, Ended};
use super::output::{Role, Text};
use super::session_text::{check_line, state_role};
use crate::api::{
    CheckStatus, FailureKind, ListRequest, Notice, NoticeStream, Service, SessionRow, SessionView, Severity,
    ShowRequest, VersionView,
};
use crate::id::{SessionId, SessionRef};

/// How a wait ended.
pub(crate) enum Waited {
    /// The session stands still or is over.
    Settled(Box<SessionView>),
    /// Somebody pressed ^C; the session goes on.
    Interrupted,
}

/// Waits until a session stands still. `notices` must have been opened before the session was started.
pub(crate) async fn wait(
    service: &dyn Service,
    mut notices: NoticeStream,
    session: SessionId,
    desk: &mut Desk,
) -> Result<Waited, Ended> {
    let mut told = String::new();
    let mut row = row_of(service, session, desk).await?;
    loop {
        if let Some(row) = row.take() {
            if row.state != told {
                let line = Text::new().role(Role::Strong, format!("{session} "));
                desk.out.say(line.role(state_role(&row.state), &row.state));
                told.clone_from(&row.state);
            }
            if is_settled(&row) {
                let session = SessionRef { session, version: None };
                let view = desk.ask_on(service, ShowRequest { session }).await?;
                return Ok(Waited::Settled(Box::new(view)));
            }
        }
        let notice = tokio::select! {
            notice = notices.next() => notice,
            _ = tokio::signal::ctrl_c() => return Ok(Waited::Interrupted),
        };
        match notice {
            Some(Notice::SessionChanged { row: changed }) if changed.id == session => row = Some(*changed),
            Some(Notice::CheckStarted { session: of, check, on_base, .. }) if of == session => {
                let side = if on_base { "base" } else { "proposal" };
                desk.out.say(Text::new().role(Role::Dim, format!("  running     {check} on the {side}")));
            }
            Some(Notice::CheckFinished { session: of, check, .. }) if of == session => {
                desk.out.say(check_line(&check));
            }
            Some(Notice::Missed) => row = row_of(service, session, desk).await?,
            Some(Notice::Leaving) | None => {
                // a service that left is started again by asking it, and goes on with what is owed
                let again = desk.service().await?;
                notices = again.notices().await?;
                row = row_of(again.as_ref(), session, desk).await?;
            }
            Some(_) => {}
        }
    }
}

fn is_settled(row: &SessionRow) -> bool {
    let over = matches!(row.state.as_str(), "Done" | "Declined" | "Failed" | "Cancelled");
    over || (row.needs_me && !row.running)
}

async fn row_of(service: &dyn Service, session: SessionId, desk: &Desk) -> Result<Option<SessionRow>, Ended> {
    let request = ListRequest { state: None, limit: Some(1), before: Some(SessionId(session.0 + 1)) };
    let list = desk.ask_on(service, request).await?;
    Ok(list.sessions.into_iter().find(|row| row.id == session))
}

/// Whether gate G3, "breaks nothing", does not hold in one lane. A gate that nobody could judge has not failed.
fn breaks_something(version: &VersionView) -> bool {
    version.gates.iter().any(|gate| gate.id.to_string() == "G3" && gate.passed == Some(false))
}

/// The exit status of a session that stands still: the first of design §6 that fits.
pub(crate) fn exit_code(view: &SessionView) -> u8 {
    let newest = view.versions.last();
    let any = |status: CheckStatus| newest.is_some_and(|it| it.checks.iter().any(|check| check.status == status));
    let blocked = newest.is_some_and(|it| {
        it.violations.iter().any(|violation| violation.severity == Severity::Block && !violation.overridden)
    });
    let state = view.state.as_str();
    let unverified = state != "BlockedPolicy" && newest.is_some_and(|it| it.unverified.is_some());
    let kind = if state == "Cancelled" {
        FailureKind::Interrupted
    } else if any(CheckStatus::TimedOut) {
        FailureKind::TimedOut
    } else if state == "Failed" {
        FailureKind::Failed
    } else if matches!(state, "NeedsHuman" | "Deferred" | "Declined") || unverified {
        FailureKind::NeedsHuman
    } else if state == "BlockedPolicy" || blocked {
        FailureKind::Refused
    } else if any(CheckStatus::Broken) || newest.is_some_and(breaks_something) {
        FailureKind::ValidationFailed
    } else {
        return DONE;
    };
    kind.exit_code()
}
