//! `paraph cancel`

use crate::api::CancelRequest;
use crate::cli::desk::Desk;
use crate::cli::ended::Done;
use crate::cli::session_text::changed;
use crate::id::SessionId;

/// Ends a session and everything that it runs
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The session
    #[arg(value_name = "ID")]
    session: SessionId,
}

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    let view = desk.ask(CancelRequest { session: args.session }).await?;
    changed(&view, desk)
}
