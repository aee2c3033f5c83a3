//! `paraph list`

use crate::api::{ListRequest, SessionRow};
use crate::cli::desk::Desk;
use crate::cli::ended::{DONE, Done};
use crate::cli::output::{Role, Text};
use crate::cli::session_text::{age, gate_strip, state_role};
use crate::clock::Timestamp;
use crate::id::SessionId;
use crate::text::{Untrusted, counted, width};

/// Lists sessions, newest first
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only sessions in this state: needs-me, running, open, done, or a state such as Scored
    #[arg(long)]
    state: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    /// Only sessions with a smaller number: the next page
    #[arg(long, value_name = "ID")]
    before: Option<SessionId>,
}

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    let request = ListRequest { state: args.state, limit: Some(args.limit), before: args.before };
    let list = desk.ask(request).await?;
    if desk.out.json() {
        desk.out.object(&serde_json::to_value(&list).expect("plain data serialises"))?;
        return Ok(DONE);
    }
    let now = desk.world.clock.now();
    let repository = list.sessions.iter().map(repository_width).max().unwrap_or(0);
    for row in &list.sessions {
        // what reads a pipe has room for the whole goal
        let columns = if desk.out.is_terminal() { desk.out.columns() } else { WHOLE };
        desk.out.line(row_line(row, now, columns, repository))?;
    }
    let total: u32 = list.totals.values().sum();
    match (list.sessions.len(), total) {
        (0, 0) => desk.out.say("no sessions yet: paraph run GOAL, or paraph demo"),
        (0, _) => desk.out.say(format!("none of {}", counted(total, "session"))),
        (shown, _) if (shown as u64) < u64::from(total) => {
            desk.out.say(format!("{shown} of {}", counted(total, "session")))
        }
        _ => {}
    }
    Ok(DONE)
}

/// More columns than any goal has.
const WHOLE: usize = 100_000;

/// Columns that the names of repositories may take at most.
const REPOSITORY: usize = 16;

/// Columns that the names of a session's repositories take.
pub(crate) fn repository_width(row: &SessionRow) -> usize {
    let names = Untrusted::new(row.repos.join(","));
    width::columns(names.display_line().as_str()).min(REPOSITORY)
}

/// The state, or that a person holds it.
pub(crate) fn state_shown(row: &SessionRow) -> &str {
    if row.paused && !row.needs_me { "paused" } else { &row.state }
}

/// One session on one line: number, state, version, gates, score, size, age, repository (in so many columns), goal,
/// and why it stands still.
pub(crate) fn row_line(row: &SessionRow, now: Timestamp, columns: usize, repository: usize) -> Text {
    let version = row.version.map_or_else(|| "-".to_owned(), |version| version.to_string());
    let score = row.score.map_or_else(|| "-".to_owned(), |score| score.to_string());
    let size = if row.files > 0 { format!("+{} -{}", row.added, row.deleted) } else { String::new() };
    let names = Untrusted::new(row.repos.join(","));
    // 16: of the goal there is something to read, on a terminal of 80 columns too
    let repository = repository.min(columns.saturating_sub(56 + 16)).max(4);
    let line = Text::new()
        .role(Role::Strong, format!("{:>4} ", row.id.0))
        .cell(state_role(&row.state), state_shown(row), 17)
        .cell(Role::Plain, version, 4)
        .plain(format!("{} ", gate_strip(&row.gates)))
        .plain(format!("{score:>4} "))
        .cell(Role::Dim, size, 12)
        .role(Role::Dim, format!("{:>4} ", age(now.since(row.updated_at))))
        .cell(Role::Plain, width::truncate_end(names.display_line().as_str(), repository), repository)
        .plain(" ");
    // what stands before the goal takes 56 columns and the repository's; a narrow terminal breaks the line rather than
    // lose the goal
    let room = columns.saturating_sub(56 + repository).max(16);
    // of a goal of several lines the row has the words, as they would stand on one
    let goal = Untrusted::new(row.goal.raw().split_whitespace().collect::<Vec<_>>().join(" "));
    let line = line.plain(goal.display_within(room));
    // work that goes on has no reason to tell, work that is held up has
    if row.running && !row.reason.raw().is_empty() && (!row.needs_me || row.next.is_empty()) {
        return line.role(Role::Warn, format!("  ({})", row.reason.display_line()));
    }
    if row.needs_me && (140..WHOLE).contains(&columns) && !row.next.is_empty() {
        return line.role(Role::Mark, format!("  → {}", row.next));
    }
    line
}
