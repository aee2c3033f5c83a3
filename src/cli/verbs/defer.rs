//! `paraph defer`

use super::triage::{Word, say};
use crate::api::TriageWord;
use crate::cli::desk::Desk;
use crate::cli::ended::Done;

/// Puts a goal off; `paraph go` takes it up again
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    word: Word,
}

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    say(TriageWord::Defer, args.word, desk).await
}
