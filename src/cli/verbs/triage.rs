//! `paraph go`, `paraph defer`, `paraph decline`: a person's three words to triage.

use crate::api::{Service, SessionView, TriageRequest, TriageWord};
use crate::cli::decision::Reason;
use crate::cli::desk::Desk;
use crate::cli::ended::{Done, Ended};
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
    let service = desk.service().await?;
    let view = said(service.as_ref(), word, args, desk).await?;
    changed(&view, desk)
}

/// Says it, and tells what the session is then.
pub(super) async fn said(
    service: &dyn Service,
    word: TriageWord,
    args: Word,
    desk: &mut Desk,
) -> Result<SessionView, Ended> {
    let message = args.reason.take(desk)?.unwrap_or_default();
    Ok(desk.ask_on(service, TriageRequest { session: args.session, word, message }).await?)
}
