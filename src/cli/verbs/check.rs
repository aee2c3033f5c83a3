//! `paraph check`

use crate::api::CheckRequest;
use crate::cli::desk::Desk;
use crate::cli::ended::Done;
use crate::cli::session_text::changed;
use crate::cli::verbs::run::waited;
use crate::id::SessionRef;

/// Runs the checks of the newest version again: after a tool was installed, or a test was red by chance
///
/// They see the PATH and the other variables that you have now; so do those of later versions. What they came to before
/// stays in the record, and gate G3 tells of it. Exit status with --wait: as of `paraph run`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The session, or the version that was read, such as 12@v3
    #[arg(value_name = "ID[@vN]")]
    session: SessionRef,
    /// The repository's name, where the version changes several
    #[arg(long, value_name = "NAME")]
    repo: Option<String>,
    /// Run them on the base again too, on a fresh checkout [default: its kept runs count while the tools are the same]
    #[arg(long)]
    base_too: bool,
    /// Wait until it can be decided on
    #[arg(long)]
    wait: bool,
}

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    let request = CheckRequest { session: args.session, repo: args.repo, base_too: args.base_too };
    let service = desk.service().await?;
    let notices = if args.wait { Some(service.notices().await?) } else { None };
    let view = desk.ask_on(service.as_ref(), request).await?;
    match notices {
        Some(notices) => waited(service.as_ref(), notices, view.id, desk).await,
        None => changed(&view, desk),
    }
}
