//! `paraph go`

use super::run::waited;
use super::triage::{Word, said, say};
use crate::api::TriageWord;
use crate::cli::desk::Desk;
use crate::cli::ended::Done;

/// Says GO to a goal that waits for it, whatever triage recommends; or to the documents of playbook `agreed`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    word: Word,
    /// Wait until it stands still again; the exit status says how
    #[arg(long)]
    wait: bool,
}

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    if !args.wait {
        return say(TriageWord::Go, args.word, desk).await;
    }
    let service = desk.service().await?;
    let notices = service.notices().await?;
    let view = said(service.as_ref(), TriageWord::Go, args.word, desk).await?;
    waited(service.as_ref(), notices, view.id, desk).await
}
