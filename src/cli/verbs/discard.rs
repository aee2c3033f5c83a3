//! `paraph discard`

use crate::api::DiscardRequest;
use crate::cli::desk::Desk;
use crate::cli::ended::{DONE, Done};
use crate::cli::output::{Role, Text};
use crate::id::SessionId;
use crate::text::{counted, sized};

/// Removes the disposable checkouts of a session; patches and history stay, the next check makes them anew
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The session
    #[arg(value_name = "ID")]
    session: SessionId,
}

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    let view = desk.ask(DiscardRequest { session: args.session }).await?;
    if desk.out.json() {
        desk.out.object(&serde_json::to_value(&view).expect("plain data serialises"))?;
        return Ok(DONE);
    }
    let line = match view.checkouts {
        0 => "no checkout was kept".to_owned(),
        checkouts => format!("{} removed, {}", counted(checkouts as usize, "checkout"), sized(view.bytes)),
    };
    desk.out.line(Text::new().role(Role::Strong, format!("{:>4} ", view.session.0)).plain(line))?;
    if view.in_use > 0 {
        desk.out.say(format!("{} in use by a running check stayed", counted(view.in_use as usize, "checkout")));
    }
    Ok(DONE)
}
