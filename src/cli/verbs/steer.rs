//! `paraph steer`

use crate::api::SteerRequest;
use crate::cli::desk::Desk;
use crate::cli::ended::Done;
use crate::cli::session_text::changed;
use crate::id::SessionId;

/// Says something to the agent or model that drafts, while it does
///
/// An agent's turn is stopped for it and goes on with your words; a model is told with its next call. They are recorded,
/// and what comes too late for the version that is made becomes a thread on it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The session
    #[arg(value_name = "ID")]
    session: SessionId,
    /// What to say
    #[arg(long, short, value_name = "TEXT")]
    message: String,
}

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    let view = desk.ask(SteerRequest { session: args.session, text: args.message }).await?;
    changed(&view, desk)
}
