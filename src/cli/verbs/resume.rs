//! `paraph resume`

use crate::api::ResumeRequest;
use crate::cli::desk::Desk;
use crate::cli::ended::Done;
use crate::cli::session_text::changed;
use crate::id::SessionId;

/// Lets a paused session go on
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The session
    #[arg(value_name = "ID")]
    session: SessionId,
}

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    let view = desk.ask(ResumeRequest { session: args.session }).await?;
    changed(&view, desk)
}
