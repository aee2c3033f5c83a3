//! `paraph resolve`

use crate::api::ResolveRequest;
use crate::cli::desk::Desk;
use crate::cli::ended::Done;
use crate::cli::verbs::comment::print;
use crate::id::{SessionId, ThreadId};

/// Resolves a thread, or opens it again
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The session
    #[arg(value_name = "ID")]
    session: SessionId,
    /// The thread's number
    thread: u32,
    /// Open it again
    #[arg(long)]
    reopen: bool,
}

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    let request = ResolveRequest { session: args.session, thread: ThreadId(args.thread), resolved: !args.reopen };
    let thread = desk.ask(request).await?;
    print(&thread, desk)
}
