//! `paraph __complete`: what a shell offers behind a verb. Quick, quiet, and it starts nothing.

use std::time::Duration;

use serde_json::json;

use crate::api::{ListRequest, SessionRow, Start};
use crate::cli::desk::Desk;
use crate::cli::ended::{DONE, Done};
use crate::cli::output::Text;

/// The longest that a daemon may keep a person's Tab key waiting.
const PATIENCE: Duration = Duration::from_millis(500);
/// Sessions that are offered, newest first: more are no help.
const MOST: u32 = 50;

/// Prints what a shell completes
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What: sessions
    #[arg(value_parser = ["sessions"])]
    what: String,
    /// With a tab and what each is about
    #[arg(long)]
    described: bool,
}

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    let rows: Vec<(u64, String)> = match tokio::time::timeout(PATIENCE, of_daemon(desk)).await {
        Ok(Some(rows)) => rows.into_iter().map(|row| (row.id.0, about(&row))).collect(),
        _ => of_records(desk),
    };
    if desk.out.json() {
        let numbers: Vec<u64> = rows.iter().map(|(id, _)| *id).collect();
        desk.out.object(&json!({"schema": "paraph.complete/1", args.what: numbers}))?;
        return Ok(DONE);
    }
    for (id, about) in rows {
        let line = if args.described { format!("{id}\t{about}") } else { id.to_string() };
        desk.out.own(&format!("{line}\n"))?;
    }
    Ok(DONE)
}

async fn of_daemon(desk: &Desk) -> Option<Vec<SessionRow>> {
    let service = desk.world.connect.connect(Start::Never).await.ok()?;
    let request = ListRequest { state: None, limit: Some(MOST), before: None };
    Some(desk.ask_on(service.as_ref(), request).await.ok()?.sessions)
}

/// State and goal in one printable line, short enough for a list of choices.
fn about(row: &SessionRow) -> String {
    let goal = row.goal.raw().split_whitespace().collect::<Vec<_>>().join(" ");
    let words = Text::new().plain(&row.state).plain(" ").plain(crate::text::Untrusted::new(goal).display_within(50));
    words.as_plain().trim_end().to_owned()
}

/// The numbers of the readable records, where no daemon runs.
fn of_records(desk: &Desk) -> Vec<(u64, String)> {
    let Ok(entries) = std::fs::read_dir(desk.world.home.join("records")) else { return Vec::new() };
    let number = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.ok()?.file_name().to_str()?.strip_suffix(".json")?.parse::<u64>().ok()
    };
    let mut numbers: Vec<u64> = entries.filter_map(number).collect();
    numbers.sort_unstable_by_key(|number| std::cmp::Reverse(*number));
    numbers.truncate(MOST as usize);
    numbers.into_iter().map(|number| (number, "session".to_owned())).collect()
}
