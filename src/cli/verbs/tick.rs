//! `paraph tick`

use crate::api::TickRequest;
use crate::cli::decision::Reason;
use crate::cli::desk::Desk;
use crate::cli::ended::Done;
use crate::cli::session_text::changed;
use crate::id::SessionRef;

/// Says that a version meets a criterion that only a person can see; it counts for that version
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The version that was read, such as 12@v3; the newest where none is named
    #[arg(value_name = "ID@vN")]
    session: SessionRef,
    /// The criterion, as `paraph show` names it
    #[arg(value_name = "CRITERION")]
    criterion: String,
    /// Take it back
    #[arg(long)]
    undo: bool,
    #[command(flatten)]
    reason: Reason,
}

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    let message = args.reason.take(desk)?.unwrap_or_default();
    let request = TickRequest { session: args.session, criterion: args.criterion, ticked: !args.undo, message };
    let view = desk.ask(request).await?;
    changed(&view, desk)
}
