//! `paraph doctor`

use crate::api::{FailureKind, Health};
use crate::cli::desk::Desk;
use crate::cli::ended::{DONE, Done};
use crate::cli::output::{Role, Text};

/// Looks at everything that Paraph needs, and says what to type where something is amiss
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) async fn execute(_: Args, desk: &mut Desk) -> Done {
    let report = desk.world.workbench.doctor();
    if desk.out.json() {
        desk.out.object(&serde_json::to_value(&report).expect("plain data serialises"))?;
    } else {
        for line in &report.lines {
            let (word, role) = match line.health {
                Health::Ok => ("ok", Role::Good),
                Health::Warn => ("warn", Role::Warn),
                Health::Fail => ("fail", Role::Bad),
            };
            let text = Text::new().cell(role, word, 5).cell(Role::Strong, &line.name, 16).plain(" ");
            desk.out.line(text.plain(line.found.display_line()))?;
            if !line.hint.is_empty() {
                desk.out.line(
                    Text::new().plain("                      ").role(Role::Mark, format!("hint: {}", line.hint)),
                )?;
            }
        }
    }
    let failed = report.lines.iter().any(|line| line.health == Health::Fail);
    Ok(if failed { FailureKind::Failed.exit_code() } else { DONE })
}
