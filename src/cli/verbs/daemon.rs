//! `paraph daemon`

use serde_json::json;

use crate::api::{Failure, FailureKind, Start, StatusRequest, StatusView};
use crate::cli::desk::Desk;
use crate::cli::ended::{DONE, Done};
use crate::cli::output::Text;
use crate::cli::verbs::status::{as_json, of_running};

/// Runs, starts, stops or shows the daemon that holds the store
///
/// You need none of these: any verb that needs the daemon starts it, and it leaves when nobody needs it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    part: Part,
}

#[derive(Debug, clap::Subcommand)]
enum Part {
    /// Runs it in the foreground
    Run,
    /// Starts it, where none runs
    Start,
    /// Stops it; running work is owed and goes on at the next start
    Stop,
    /// Tells its process, version and sessions; exit status 9 where none runs
    Status,
}

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    match args.part {
        Part::Run => {
            desk.out.flush()?;
            Ok(desk.world.launch.daemon_run().await?)
        }
        Part::Start => {
            let service = desk.world.connect.connect(Start::IfNeeded).await?;
            let status = desk.ask_on(service.as_ref(), StatusRequest {}).await?;
            show(&status, desk)
        }
        Part::Stop => stop(desk).await,
        Part::Status => match of_running(desk).await? {
            Some(status) => show(&status, desk),
            None => {
                let failure = Failure::new(FailureKind::Unreachable, "no daemon runs");
                Err(failure.hint("paraph daemon start").into())
            }
        },
    }
}

fn show(status: &StatusView, desk: &mut Desk) -> Done {
    if desk.out.json() {
        desk.out.object(&as_json(status))?;
    } else {
        let line = format!("pid {} · version {} · {} sessions", status.pid, status.version, status.sessions);
        desk.out.line(format!("{line} · {} running · {} clients", status.running, status.clients))?;
    }
    Ok(DONE)
}

async fn stop(desk: &mut Desk) -> Done {
    let pid = desk.world.launch.daemon_stop().await?;
    if desk.out.json() {
        desk.out.object(&json!({"schema": "paraph.stopped/1", "pid": pid, "stopped": pid.is_some()}))?;
    } else {
        desk.out.line(match pid {
            Some(pid) => Text::from(format!("stopped {pid}")),
            None => Text::from("no daemon runs"),
        })?;
    }
    Ok(DONE)
}
