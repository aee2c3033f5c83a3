//! `paraph drop`

use crate::api::DropRequest;
use crate::cli::desk::Desk;
use crate::cli::ended::Done;
use crate::cli::session_text::changed;
use crate::id::SessionId;

/// Takes a repository out of a session, so that the rest can ship
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The session
    #[arg(value_name = "ID")]
    session: SessionId,
    /// The repository's name in the session
    #[arg(long, value_name = "NAME")]
    repo: String,
}

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    let view = desk.ask(DropRequest { session: args.session, repo: args.repo }).await?;
    changed(&view, desk)
}
