//! `paraph theme`

use std::path::PathBuf;

use serde_json::json;

use crate::api::FailureKind;
use crate::cli::desk::Desk;
use crate::cli::ended::{DONE, Done};
use crate::cli::output::{Role, Text};
use crate::id::HostPath;

/// Looks at colour themes
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    part: Part,
}

#[derive(Debug, clap::Subcommand)]
enum Part {
    /// Finds roles without a style and colours that are hard to read; exit status 1 where there are some
    Lint {
        /// Theme files [default: the themes that ship]
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    let Part::Lint { files } = args.part;
    let files: Vec<HostPath> = files.iter().map(|file| HostPath::new(desk.absolute(file))).collect();
    let findings = desk.world.launch.theme_lint(&files)?;
    if desk.out.json() {
        desk.out.object(&json!({"schema": "paraph.theme-lint/1", "findings": findings}))?;
    } else {
        for finding in &findings {
            desk.out.line(Text::new().role(Role::Warn, "found: ").words(Role::Plain, finding.raw(), "       "))?;
        }
        if findings.is_empty() {
            desk.out.say("every role has a style that can be read");
        }
    }
    Ok(if findings.is_empty() { DONE } else { FailureKind::Failed.exit_code() })
}
