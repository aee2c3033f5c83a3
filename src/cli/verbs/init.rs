//! `paraph init`

use serde_json::json;

use crate::cli::desk::Desk;
use crate::cli::ended::{DONE, Done};

/// Writes your configuration, or a repository's .paraph.toml; what is there is never overwritten
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Write .paraph.toml with this repository's checks; it counts once it is committed
    #[arg(long)]
    repo_file: bool,
}

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    let repo = if args.repo_file { Some(desk.repository_here()?) } else { None };
    let report = desk.world.launch.init(repo.as_ref())?;
    if desk.out.json() {
        desk.out.object(&json!({"schema": "paraph.init/1", "path": report.path, "created": report.created}))?;
        return Ok(DONE);
    }
    let word = if report.created { "written" } else { "is there already; left as it is" };
    desk.out.line(format!("{} {word}", report.path))?;
    if args.repo_file {
        desk.out.say("it counts once it is committed: checks are read from the base of a session");
    }
    Ok(DONE)
}
