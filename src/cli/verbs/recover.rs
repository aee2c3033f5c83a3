//! `paraph recover`

use crate::cli::desk::Desk;
use crate::cli::ended::{DONE, Done};
use crate::cli::output::{Role, Text};

/// Rebuilds the store from the journal and the blobs; the old store is set aside, never deleted
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) async fn execute(_: Args, desk: &mut Desk) -> Done {
    let view = desk.world.workbench.recover()?;
    if desk.out.json() {
        desk.out.object(&serde_json::to_value(&view).expect("plain data serialises"))?;
        return Ok(DONE);
    }
    desk.out.line(format!("rebuilt {} sessions from {} entries", view.sessions, view.entries))?;
    if let Some(path) = &view.set_aside {
        desk.out.line(Text::new().plain("  the old store is kept at ").role(Role::Mark, path))?;
    }
    for notice in &view.notices {
        desk.out.line(Text::new().role(Role::Warn, "  note: ").plain(notice.display_line()))?;
    }
    Ok(DONE)
}
