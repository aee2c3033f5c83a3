//! `paraph decline`

use super::triage::{Word, say};
use crate::api::TriageWord;
use crate::cli::desk::Desk;
use crate::cli::ended::Done;

/// Does not take a goal up, for good
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    word: Word,
}

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    say(TriageWord::Decline, args.word, desk).await
}
