//! `paraph beads`

use clap::builder::PossibleValuesParser;

use crate::api::{BeadsRequest, bead_categories};
use crate::cli::desk::Desk;
use crate::cli::ended::{DONE, Done};
use crate::cli::output::{Role, Text};
use crate::cli::session_text::took;
use crate::id::SessionId;

/// Lists units of work: what ran, when, how long, and why it failed
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Of this session
    #[arg(long, value_name = "ID")]
    run: Option<SessionId>,
    /// In this status: PENDING, RUNNING, COMPLETED, FAILED, SKIPPED
    #[arg(long, ignore_case = true, value_parser = ["PENDING", "RUNNING", "COMPLETED", "FAILED", "SKIPPED"])]
    status: Option<String>,
    /// Of this category: snapshot, index, triage, plan, proposal, tests, documentation, branch, validation, review, runbook, score, publish, pick, monitor
    #[arg(long, value_parser = PossibleValuesParser::new(bead_categories()))]
    #[arg(hide_possible_values = true)]
    category: Option<String>,
}

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    let status = args.status.map(|status| status.to_ascii_uppercase());
    let view = desk.ask(BeadsRequest { session: args.run, status, category: args.category }).await?;
    if desk.out.json() {
        desk.out.object(&serde_json::to_value(&view).expect("plain data serialises"))?;
        return Ok(DONE);
    }
    for bead in &view.beads {
        let role = match bead.status.as_str() {
            "COMPLETED" => Role::Good,
            "FAILED" => Role::Bad,
            "RUNNING" => Role::Mark,
            _ => Role::Dim,
        };
        let time = bead.finished_at.map_or_else(String::new, |end| {
            took(u64::try_from(end.since(bead.started_at).as_millis()).unwrap_or(u64::MAX))
        });
        let line = Text::new()
            .plain(format!("{:>4} ", bead.session.0))
            .cell(role, &bead.status, 10)
            .cell(Role::Dim, &bead.category, 11)
            .cell(Role::Plain, &bead.name, 24)
            .plain(format!("{time:>8}"));
        let line = if bead.attempt > 1 { line.plain(format!("  attempt {}", bead.attempt)) } else { line };
        desk.out.line(line.plain("  ").words(Role::Bad, bead.error.raw(), "       "))?;
    }
    Ok(DONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_category_is_in_the_help() {
        let command = <Args as clap::Args>::augment_args(clap::Command::new("beads"));
        let category = command.get_arguments().find(|argument| argument.get_id() == "category").expect("an option");
        let help = category.get_help().expect("it says what it is for").to_string();
        assert!(help.ends_with(&bead_categories().join(", ")), "{help}");
    }
}
