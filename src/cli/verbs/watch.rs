//! `paraph watch`

use futures::StreamExt as _;
use serde_json::{Value, json};

use crate::api::{FailureKind, ListRequest, Notice, SessionRow};
use crate::cli::desk::Desk;
use crate::cli::ended::{DONE, Done, Ended};
use crate::cli::output::{Role, Text};
use crate::cli::session_text::check_line;
use crate::cli::verbs::list::row_line;
use crate::id::SessionId;

/// Tells what happens, as it happens; with --json one notice a line
///
/// Ends when the session is over, when the service leaves, or at ^C. It never asks twice: it only listens.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only this session
    session: Option<SessionId>,
}

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    let service = desk.service().await?;
    let mut notices = service.notices().await?;
    let request = match args.session {
        Some(id) => ListRequest { state: None, limit: Some(1), before: Some(SessionId(id.0.saturating_add(1))) },
        None => ListRequest { state: Some("open".to_owned()), limit: Some(50), before: None },
    };
    let list = desk.ask_on(service.as_ref(), request).await?;
    let rows: Vec<&SessionRow> =
        list.sessions.iter().rev().filter(|row| args.session.is_none_or(|id| id == row.id)).collect();
    if let (Some(id), true) = (args.session, rows.is_empty()) {
        // the service's own words for a session that is not there
        desk.ask_on(service.as_ref(), crate::api::TimelineRequest { session: id }).await?;
    }
    for row in rows {
        tell(&Notice::SessionChanged { row: Box::new(row.clone()) }, desk)?;
        if args.session.is_some() && is_over(row) {
            return Ok(DONE);
        }
    }
    desk.out.flush()?;
    loop {
        let notice = tokio::select! {
            notice = notices.next() => notice,
            _ = tokio::signal::ctrl_c() => return Ok(FailureKind::Interrupted.exit_code()),
        };
        let Some(notice) = notice else { return Ok(DONE) };
        if args.session.is_some_and(|id| of(&notice).is_some_and(|of| of != id)) {
            continue;
        }
        tell(&notice, desk)?;
        desk.out.flush()?;
        match &notice {
            Notice::SessionChanged { row } if args.session.is_some() && is_over(row) => return Ok(DONE),
            Notice::Leaving => return Ok(DONE),
            _ => {}
        }
    }
}

fn is_over(row: &SessionRow) -> bool {
    matches!(row.state.as_str(), "Done" | "Declined" | "Failed" | "Cancelled")
}

/// The session that a notice is about.
fn of(notice: &Notice) -> Option<SessionId> {
    match notice {
        Notice::SessionChanged { row } => Some(row.id),
        Notice::CheckStarted { session, .. }
        | Notice::LogGrew { session, .. }
        | Notice::CheckFinished { session, .. } => Some(*session),
        Notice::Missed | Notice::Leaving => None,
    }
}

fn tell(notice: &Notice, desk: &mut Desk) -> Result<(), Ended> {
    if desk.out.json() {
        let mut object = json!({"schema": "paraph.notice/1"});
        if let Ok(Value::Object(fields)) = serde_json::to_value(notice) {
            object.as_object_mut().expect("an object was just made").extend(fields);
        }
        return desk.out.object(&object);
    }
    match notice {
        Notice::SessionChanged { row } => {
            let (now, columns) = (desk.world.clock.now(), desk.out.columns());
            desk.out.line(row_line(row, now, columns))?;
            if row.needs_me && !row.next.is_empty() {
                let line = Text::new().plain("     ").words(Role::Plain, row.reason.raw(), "     ");
                desk.out.line(line.role(Role::Mark, format!("  → {}", row.next)))?;
            }
            Ok(())
        }
        Notice::CheckStarted { session, check, on_base, .. } => {
            let side = if *on_base { "base" } else { "proposal" };
            desk.out.line(Text::new().role(Role::Dim, format!("{:>4} running {check} on the {side}", session.0)))
        }
        Notice::CheckFinished { check, .. } => desk.out.line(check_line(check)),
        Notice::Missed => desk.out.line(Text::new().role(Role::Warn, "     some notices were missed")),
        Notice::Leaving => desk.out.line(Text::new().role(Role::Dim, "     the service leaves")),
        Notice::LogGrew { .. } => Ok(()),
    }
}
