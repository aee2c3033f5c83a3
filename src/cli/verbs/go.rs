//! `paraph go`

use super::triage::{Word, say};
use crate::api::TriageWord;
use crate::cli::desk::Desk;
use crate::cli::ended::Done;

/// Says GO to a goal that waits for it, whatever triage recommends; or to the documents of playbook `agreed`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    word: Word,
}

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    say(TriageWord::Go, args.word, desk).await
}
