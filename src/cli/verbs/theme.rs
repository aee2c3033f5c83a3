//! `paraph theme`

use serde_json::json;

use crate::api::FailureKind;
use crate::cli::desk::Desk;
use crate::cli::ended::{DONE, Done};
use crate::cli::output::{Role, Text};

/// Looks at colour themes
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    part: Part,
}

#[derive(Debug, clap::Subcommand)]
enum Part {
    /// Finds colours that are hard to read or to tell apart
    Lint,
}

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    let Part::Lint = args.part;
    let findings = desk.world.launch.theme_lint()?;
    if desk.out.json() {
        desk.out.object(&json!({"schema": "paraph.theme-lint/1", "findings": findings}))?;
    } else {
        for finding in &findings {
            desk.out.line(Text::new().role(Role::Warn, "found: ").plain(finding.display_line()))?;
        }
    }
    Ok(if findings.is_empty() { DONE } else { FailureKind::Failed.exit_code() })
}
