//! `paraph pause`

use crate::api::PauseRequest;
use crate::cli::desk::Desk;
use crate::cli::ended::Done;
use crate::cli::session_text::changed;
use crate::id::SessionId;

/// Holds all work of a session: what runs is stopped, nothing starts until `paraph resume`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The session
    #[arg(value_name = "ID")]
    session: SessionId,
}

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    let view = desk.ask(PauseRequest { session: args.session }).await?;
    changed(&view, desk)
}
