//! `paraph go`, `paraph defer`, `paraph decline`: a person's three words to triage.

use crate::api::{TriageRequest, TriageWord};
use crate::cli::decision::Reason;
use crate::cli::desk::Desk;
use crate::cli::ended::Done;
use crate::cli::session_text::changed;
use crate::id::SessionId;

/// What the three verbs take.
#[derive(Debug, clap::Args)]
pub(super) struct Word {
    /// The session
    #[arg(value_name = "ID")]
    session: SessionId,
    #[command(flatten)]
    reason: Reason,
}

/// Says it.
pub(super) async fn say(word: TriageWord, args: Word, desk: &mut Desk) -> Done {
    let message = args.reason.take(desk)?.unwrap_or_default();
    let view = desk.ask(TriageRequest { session: args.session, word, message }).await?;
    changed(&view, desk)
}
