//! `paraph status`

use serde_json::json;

use crate::api::{FailureKind, Start, StatusRequest, StatusView};
use crate::cli::desk::Desk;
use crate::cli::ended::{DONE, Done, Ended};
use crate::cli::output::{Role, Text};
use crate::text::counted;

/// Tells in a line how many sessions need you; starts no daemon
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// As short as a tmux status bar wants it; nothing where there is nothing to say
    #[arg(long)]
    tmux: bool,
}

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    let Some(status) = of_running(desk).await? else {
        if desk.out.json() {
            desk.out.object(&json!({"schema": "paraph.status/1", "daemon": false}))?;
        } else if !args.tmux {
            desk.out.line("no daemon runs")?;
        }
        return Ok(DONE);
    };
    if desk.out.json() {
        desk.out.object(&as_json(&status))?;
        return Ok(DONE);
    }
    let brief = brief(&status);
    match (args.tmux, brief.is_empty()) {
        (true, true) => {}
        (false, true) => desk.out.line("nothing needs you, nothing runs")?,
        _ => desk.out.line(Text::new().role(Role::Strong, brief))?,
    }
    if !args.tmux {
        if let Some(held) = &status.held {
            desk.out.line(Text::new().role(Role::Warn, held))?;
        }
        desk.out.line(Text::new().role(
            Role::Dim,
            format!("{} · daemon {} · {}", counted(status.sessions, "session"), status.pid, status.version),
        ))?;
    }
    Ok(DONE)
}

/// The status of the daemon that runs, if one does.
pub(crate) async fn of_running(desk: &Desk) -> Result<Option<StatusView>, Ended> {
    let service = match desk.world.connect.connect(Start::Never).await {
        Ok(service) => service,
        Err(failure) if failure.kind == FailureKind::Unreachable => return Ok(None),
        Err(failure) => return Err(failure.into()),
    };
    match desk.ask_on(service.as_ref(), StatusRequest {}).await {
        Ok(status) => Ok(Some(status)),
        // it left between the two
        Err(failure) if failure.kind == FailureKind::Unreachable => Ok(None),
        Err(failure) => Err(failure.into()),
    }
}

/// The status as JSON, with the word that a daemon runs.
pub(crate) fn as_json(status: &StatusView) -> serde_json::Value {
    let mut object = serde_json::to_value(status).expect("plain data serialises");
    object["daemon"] = true.into();
    object
}

/// `2 need you · 3 running · 1 CI failed`, without the parts that are zero.
fn brief(status: &StatusView) -> String {
    let need = if status.need_me == 1 { "needs you" } else { "need you" };
    let parts = [(status.need_me, need), (status.running, "running"), (status.ci_failed, "CI failed")];
    let words = parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
    words.collect::<Vec<_>>().join(" · ")
}
