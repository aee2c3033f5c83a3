//! `paraph publish`

use crate::api::{FailureKind, PublishRequest};
use crate::cli::desk::Desk;
use crate::cli::ended::{DONE, Done};
use crate::cli::progress::{self, Waited};
use crate::cli::session_text::changed;
use crate::id::SessionId;

/// Publishes what was approved: with the forge `local` a branch in your repository, never checked out
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The session
    #[arg(value_name = "ID")]
    session: SessionId,
    /// Wait until it is published
    #[arg(long)]
    wait: bool,
}

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    let service = desk.service().await?;
    let notices = if args.wait { Some(service.notices().await?) } else { None };
    let view = desk.ask_on(service.as_ref(), PublishRequest { session: args.session }).await?;
    let Some(notices) = notices else { return changed(&view, desk) };
    match progress::wait(service.as_ref(), notices, args.session, desk).await? {
        Waited::Interrupted => Ok(FailureKind::Interrupted.exit_code()),
        Waited::Settled(view) => {
            changed(&view, desk)?;
            // failed checks were accepted with the approval: only what became of publishing counts
            Ok(match view.state.as_str() {
                "Done" => DONE,
                "NeedsHuman" => FailureKind::NeedsHuman.exit_code(),
                _ => FailureKind::Failed.exit_code(),
            })
        }
    }
}
