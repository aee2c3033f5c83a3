//! `paraph next`

use serde_json::json;

use crate::api::ListRequest;
use crate::cli::desk::Desk;
use crate::cli::ended::{DONE, Done};
use crate::cli::output::{Role, Text};
use crate::cli::verbs::list::{repository_width, row_line};

/// Shows the session that has waited longest for you, and what to type
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) async fn execute(_: Args, desk: &mut Desk) -> Done {
    let request = ListRequest { state: Some("needs-me".to_owned()), ..ListRequest::default() };
    let list = desk.ask(request).await?;
    let next = list.sessions.iter().min_by_key(|row| (row.updated_at, row.id));
    if desk.out.json() {
        desk.out.object(&json!({"schema": "paraph.next/1", "session": next, "waiting": list.sessions.len()}))?;
        return Ok(DONE);
    }
    let Some(row) = next else {
        desk.out.say("nothing needs you");
        return Ok(DONE);
    };
    let (now, columns) = (desk.world.clock.now(), desk.out.columns());
    desk.out.line(row_line(row, now, columns, repository_width(row)))?;
    desk.out.line(Text::new().plain("  ").words(Role::Plain, row.reason.raw(), "  ").hanging(2))?;
    desk.out.line(Text::new().role(Role::Mark, format!("  → {}", row.next)).hanging(4))?;
    if list.sessions.len() > 1 {
        let more = list.sessions.len() - 1;
        desk.out.say(format!("{more} more {} you", if more == 1 { "needs" } else { "need" }));
    }
    Ok(DONE)
}
