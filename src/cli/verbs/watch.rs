//! `paraph watch`

use std::time::Duration;

use futures::StreamExt as _;
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

use crate::api::{FailureKind, ListRequest, Notice, NoticeStream, SessionRow};
use crate::cli::desk::Desk;
use crate::cli::ended::{DONE, Done, Ended};
use crate::cli::output::{Role, Text};
use crate::cli::pane::Pane;
use crate::cli::session_text::{check_line, is_over};
use crate::cli::verbs::list::{repository_width, row_line};
use crate::id::SessionId;

/// Tells what happens, as it happens; with --json one notice a line
///
/// On a terminal a pane with one line a session, elsewhere a line for each notice. Of one session it ends when that
/// is over (exit status 0) or waits for you (10); of all, when the service leaves. ^C ends it (130).
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only this session
    session: Option<SessionId>,
}

/// How often a pane looks at the time: its seconds count.
const TICK: Duration = Duration::from_secs(1);

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
    let draws = desk.out.is_terminal() && !desk.out.json() && desk.world.variable("TERM") != Some("dumb");
    let mut shown = Shown(draws.then(Pane::default));
    let now = rows.into_iter().map(|row| Notice::SessionChanged { row: Box::new(row.clone()) });
    let ended = follow(args.session, now.collect(), &mut notices, &mut shown, desk).await;
    if shown.0.is_some() {
        desk.out.leave_pane()?;
    }
    let (status, last) = ended?;
    if let (true, Some(row)) = (shown.0.is_some(), last.filter(|row| row.needs_me && !row.next.is_empty())) {
        desk.out.line(waits(&row))?; // a line of the pane has no room for it
    }
    Ok(status)
}

/// Tells what is and what comes, until it ends: the exit status, and the session that was waited for.
async fn follow(
    session: Option<SessionId>,
    now: Vec<Notice>,
    notices: &mut NoticeStream,
    shown: &mut Shown,
    desk: &mut Desk,
) -> Result<(u8, Option<SessionRow>), Ended> {
    // one for all rounds: what is pressed while a pane is drawn counts too
    let interrupted = tokio::signal::ctrl_c();
    tokio::pin!(interrupted);
    let mut resized = signal(SignalKind::window_change()).ok();
    for notice in &now {
        shown.tell(notice, desk)?;
    }
    if let Some(ended) = now.iter().find_map(|notice| settled(session, notice)) {
        shown.draw(desk)?;
        return Ok(ended);
    }
    loop {
        shown.draw(desk)?;
        let resize = async {
            match &mut resized {
                Some(signals) => signals.recv().await,
                None => std::future::pending().await,
            }
        };
        let notice = tokio::select! {
            notice = notices.next() => notice,
            _ = &mut interrupted => return Ok((FailureKind::Interrupted.exit_code(), None)),
            _ = resize, if shown.0.is_some() => continue,
            () = tokio::time::sleep(TICK), if shown.0.is_some() => continue,
        };
        let Some(notice) = notice else { return Ok((DONE, None)) };
        if session.is_some_and(|id| of(&notice).is_some_and(|of| of != id)) {
            continue;
        }
        shown.tell(&notice, desk)?;
        if let Some(ended) = settled(session, &notice) {
            shown.draw(desk)?;
            return Ok(ended);
        }
        if matches!(notice, Notice::Leaving) {
            return Ok((DONE, None));
        }
    }
}

/// How it ends with the one session that is watched, once nothing more happens there by itself.
fn settled(session: Option<SessionId>, notice: &Notice) -> Option<(u8, Option<SessionRow>)> {
    let Notice::SessionChanged { row } = notice else { return None };
    session?;
    if is_over(&row.state) {
        return Some((DONE, Some((**row).clone())));
    }
    row.stands_still().then(|| (FailureKind::NeedsHuman.exit_code(), Some((**row).clone())))
}

/// A pane on a terminal, else lines.
struct Shown(Option<Pane>);

impl Shown {
    fn tell(&mut self, notice: &Notice, desk: &mut Desk) -> Result<(), Ended> {
        match &mut self.0 {
            Some(pane) => pane.hear(notice),
            None => tell(notice, desk)?,
        }
        Ok(())
    }

    fn draw(&mut self, desk: &mut Desk) -> Result<(), Ended> {
        match &mut self.0 {
            Some(pane) => pane.draw(desk),
            None => desk.out.flush(),
        }
    }
}

/// Why a session stands still, and what to type.
fn waits(row: &SessionRow) -> Text {
    let line = Text::new().plain("     ").words(Role::Plain, row.reason.raw(), "     ");
    line.role(Role::Mark, format!("  → {}", row.next))
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
            desk.out.line(row_line(row, now, columns, repository_width(row)))?;
            if row.needs_me && !row.next.is_empty() {
                desk.out.line(waits(row))?;
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
