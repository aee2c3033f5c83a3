//! `paraph show`

use crate::api::ShowRequest;
use crate::cli::desk::Desk;
use crate::cli::ended::{DONE, Done};
use crate::cli::session_text;
use crate::id::SessionRef;

/// Shows a session, or one version of it: changes, checks, score, gates, decisions
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The session, or a version of it, such as 12 or 12@v3
    #[arg(value_name = "ID[@vN]")]
    session: SessionRef,
}

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    let view = desk.ask(ShowRequest { session: args.session }).await?;
    if desk.out.json() {
        desk.out.object(&serde_json::to_value(&view).expect("plain data serialises"))?;
    } else {
        desk.page()?;
        session_text::print(&view, desk)?;
    }
    Ok(DONE)
}
