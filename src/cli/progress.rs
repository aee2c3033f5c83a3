//! Waiting for a session: notices become lines on standard error, its end an exit status.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;

use super::desk::Desk;
use super::ended::{DONE, Ended};
use super::output::{Role, Text};
use super::session_text::{age, check_line, is_over, state_role};
use crate::api::{
    CheckStatus, CheckView, FailureKind, ListRequest, Notice, NoticeStream, Service, SessionRow, SessionView, Severity,
    ShowRequest, VersionView,
};
use crate::clock::Timestamp;
use crate::id::{SessionId, SessionRef};

/// How a wait ended.
pub(crate) enum Waited {
    /// The session stands still or is over.
    Settled(Box<SessionView>),
    /// Somebody pressed ^C; the session goes on.
    Interrupted,
}

/// How often the line that tells what goes on is written again: its seconds count.
const TICK: Duration = Duration::from_secs(1);

/// Waits until a session stands still. `notices` must have been opened before the session was started.
pub(crate) async fn wait(
    service: &dyn Service,
    notices: NoticeStream,
    session: SessionId,
    desk: &mut Desk,
) -> Result<Waited, Ended> {
    wait_until(service, notices, session, &is_settled, desk).await
}

/// The same until `settled` is true of its row.
pub(crate) async fn wait_until(
    service: &dyn Service,
    notices: NoticeStream,
    session: SessionId,
    settled: &(dyn Fn(&SessionRow) -> bool + Send + Sync),
    desk: &mut Desk,
) -> Result<Waited, Ended> {
    let mut waiting = Waiting::new(session, desk.world.clock.now());
    let ended = listen(service, notices, &mut waiting, settled, desk).await;
    desk.out.progress(None);
    ended
}

async fn listen(
    service: &dyn Service,
    mut notices: NoticeStream,
    waiting: &mut Waiting,
    settled: &(dyn Fn(&SessionRow) -> bool + Send + Sync),
    desk: &mut Desk,
) -> Result<Waited, Ended> {
    let session = waiting.session;
    // a service that left is reached anew; until then the one that was given answers
    let mut reached: Option<Arc<dyn Service>> = None;
    let mut row = row_of(service, session, desk).await?;
    // one for all rounds: what is pressed while something is told counts too
    let interrupted = tokio::signal::ctrl_c();
    tokio::pin!(interrupted);
    loop {
        if let Some(told) = row.take() {
            waiting.changed(&told, desk);
            if settled(&told) {
                let session_ref = SessionRef { session, version: None };
                let service = reached.as_deref().unwrap_or(service);
                let view = desk.ask_on(service, ShowRequest { session: session_ref }).await?;
                // a notice may tell of a state that was left meanwhile: what follows it is still to come
                if view.state == told.state || view.updated_at <= told.updated_at {
                    return Ok(Waited::Settled(Box::new(view)));
                }
            }
        }
        let notice = tokio::select! {
            notice = notices.next() => notice,
            _ = &mut interrupted => return Ok(Waited::Interrupted),
            () = tokio::time::sleep(TICK) => {
                waiting.tick(reached.as_deref().unwrap_or(service), desk).await;
                continue;
            }
        };
        match notice {
            Some(Notice::SessionChanged { row: changed }) if changed.id == session => row = Some(*changed),
            Some(Notice::CheckStarted { session: of, check, on_base, .. }) if of == session => {
                waiting.started(check, on_base, desk);
            }
            Some(Notice::CheckFinished { session: of, check, .. }) if of == session => waiting.finished(&check, desk),
            Some(Notice::Missed) => row = row_of(reached.as_deref().unwrap_or(service), session, desk).await?,
            Some(Notice::Leaving) | None => {
                // a service that left is started again by asking it, and goes on with what is owed
                let again = desk.service().await?;
                notices = again.notices().await?;
                row = row_of(again.as_ref(), session, desk).await?;
                reached = Some(again);
            }
            Some(_) => {}
        }
    }
}

/// What is known of a session that is waited for, told as it changes: on a terminal in one line that is written over,
/// elsewhere a line for each change.
struct Waiting {
    session: SessionId,
    since: Timestamp,
    state: String,
    /// How new the row is that the state was told of.
    told: Timestamp,
    has_index: bool,
    /// The checks that run, and on which side.
    running: BTreeMap<String, &'static str>,
    /// Why its work does not go on, while it does not.
    held: Option<String>,
}

impl Waiting {
    fn new(session: SessionId, since: Timestamp) -> Self {
        let (state, running) = (String::new(), BTreeMap::new());
        Self { session, since, state, told: Timestamp(i64::MIN), has_index: false, running, held: None }
    }

    fn changed(&mut self, row: &SessionRow, desk: &mut Desk) {
        // the row that was asked for may be newer than the notices that still come
        if row.state == self.state || row.updated_at < self.told {
            return;
        }
        self.told = row.updated_at;
        self.state.clone_from(&row.state);
        self.has_index |= row.state == "Indexed";
        self.held = None;
        if desk.out.updates() {
            self.show(desk);
        } else {
            let line = Text::new().role(Role::Strong, format!("{} ", self.session));
            desk.out.say(line.role(state_role(&row.state), &row.state));
        }
    }

    fn started(&mut self, check: String, on_base: bool, desk: &mut Desk) {
        let side = if on_base { "base" } else { "proposal" };
        self.held = None;
        if !desk.out.updates() {
            desk.out.say(Text::new().role(Role::Dim, format!("  running     {}", run_name(&check, side))));
        }
        self.running.insert(check, side);
        self.show(desk);
    }

    fn finished(&mut self, check: &CheckView, desk: &mut Desk) {
        self.running.remove(&check.name);
        if !desk.out.updates() {
            desk.out.say(check_line(check));
        }
        self.show(desk);
    }

    /// Time passed: it is looked up whether the session is held up, in line or by a full disk.
    async fn tick(&mut self, service: &dyn Service, desk: &mut Desk) {
        // what cannot be told is not worth ending the wait
        let row = row_of(service, self.session, desk).await.unwrap_or(None);
        let held = row.filter(|row| row.running && !row.needs_me && !row.reason.raw().is_empty());
        let held = held.map(|row| row.reason.display_line().to_string());
        let what = |held: &Option<String>| held.as_deref().map(without_countdown).map(str::to_owned);
        let news = held.is_some() && what(&held) != what(&self.held);
        self.held = held;
        if news && !desk.out.updates() {
            desk.out.say(Text::new().role(Role::Dim, format!("  {}", self.doing())));
        }
        self.show(desk);
    }

    fn show(&self, desk: &mut Desk) {
        let elapsed = age(desk.world.clock.now().since(self.since));
        desk.out.progress(Some(Text::from(format!("{} {} · {elapsed}", self.session, self.doing()))));
    }

    /// What goes on, in words.
    fn doing(&self) -> String {
        if let Some(held) = &self.held {
            return held.clone();
        }
        let stage = match self.state.as_str() {
            "Created" => "taking the snapshot",
            "SnapshotLoaded" if self.has_index => "drafting",
            "SnapshotLoaded" => "reading the base, drafting",
            "Indexed" | "Triaged" | "Planned" => "drafting",
            "Proposed" => "applying it to its branch",
            "BranchApplied" => "checking",
            "Validated" => "scoring",
            "Publishing" => "publishing",
            "Done" => "asking the monitor",
            other => other,
        };
        let checks: Vec<String> = self.running.iter().map(|(check, side)| run_name(check, side)).collect();
        if checks.is_empty() { stage.to_owned() } else { format!("{stage} · {}", checks.join(", ")) }
    }
}

/// What a session is held up by, without the seconds that count down: `waiting 9 s before try 2: …`.
fn without_countdown(held: &str) -> &str {
    let counts = |rest: &&str| rest.starts_with(|first: char| first.is_ascii_digit());
    let rest = held.strip_prefix("waiting ").filter(counts).and_then(|rest| rest.split_once(" s before "));
    rest.map_or(held, |(_, what)| what)
}

fn is_settled(row: &SessionRow) -> bool {
    is_over(&row.state) || row.stands_still()
}

async fn row_of(service: &dyn Service, session: SessionId, desk: &Desk) -> Result<Option<SessionRow>, Ended> {
    let request = ListRequest { state: None, limit: Some(1), before: Some(SessionId(session.0.saturating_add(1))) };
    let list = desk.ask_on(service, request).await?;
    Ok(list.sessions.into_iter().find(|row| row.id == session))
}

/// What runs; an engine drafts on neither side.
fn run_name(check: &str, side: &str) -> String {
    if check == "draft" { "the engine's draft".to_owned() } else { format!("{check} on the {side}") }
}

/// Whether gate G3, "breaks nothing", does not hold in one lane. A gate that nobody could judge has not failed.
fn breaks_something(version: &VersionView) -> bool {
    version.gates.iter().any(|gate| gate.id.to_string() == "G3" && gate.passed == Some(false))
}

/// Whether there were checks and they leave open whether it works: none could show anything, or what ran on the base lacks
/// something now. A script must not take that for a yes.
fn leaves_open(version: &VersionView) -> bool {
    let open = version.gates.iter().any(|gate| gate.id.to_string() == "G3" && gate.passed.is_none());
    open && !version.checks.is_empty()
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
    } else if view.usage.budget_spent {
        FailureKind::Budget
    } else if state == "Failed" {
        FailureKind::Failed
    // where it stands still before there is a version, it is documents that a person has to agree to
    } else if matches!(state, "NeedsHuman" | "Deferred" | "Declined" | "Planned") || unverified {
        FailureKind::NeedsHuman
    } else if state == "BlockedPolicy" || blocked {
        FailureKind::Refused
    } else if any(CheckStatus::Broken) || newest.is_some_and(breaks_something) {
        FailureKind::ValidationFailed
    } else if newest.is_some_and(leaves_open) {
        FailureKind::NeedsHuman
    } else {
        return DONE;
    };
    kind.exit_code()
}

#[cfg(test)]
mod tests {
    use super::without_countdown;

    #[test]
    fn a_wait_is_news_once() {
        let waits = |seconds: u32, next: u32| format!("waiting {seconds} s before try {next}: 500 from openai");
        assert_eq!(without_countdown(&waits(9, 2)), without_countdown(&waits(8, 2)));
        assert_ne!(without_countdown(&waits(9, 2)), without_countdown(&waits(9, 3)));
        assert_ne!(without_countdown("queued behind 2 checks"), without_countdown("queued behind 1 check"));
    }
}
