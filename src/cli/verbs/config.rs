//! `paraph config`

use serde_json::json;

use crate::api::FailureKind;
use crate::cli::desk::Desk;
use crate::cli::ended::{DONE, Done, Ended};
use crate::cli::output::{Role, Text};
use crate::cli::world::ConfigAsk;

/// Shows and changes settings, and where they come from
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    part: Part,
}

#[derive(Debug, clap::Subcommand)]
enum Part {
    /// Prints where your configuration is
    Path,
    /// Prints one setting, or all
    Get {
        /// The setting
        key: Option<String>,
    },
    /// Writes one setting into your configuration
    Set {
        /// The setting
        key: String,
        /// Its value
        value: String,
    },
    /// Reads every layer and tells what is wrong; exit status 1 where something is
    Check,
    /// Prints every setting and the layer that it comes from
    Origins,
}

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    let ask = match args.part {
        Part::Path => ConfigAsk::Path,
        Part::Get { key } => ConfigAsk::Get(key),
        Part::Set { key, value } => ConfigAsk::Set { key, value },
        Part::Check => ConfigAsk::Check,
        Part::Origins => ConfigAsk::Origins,
    };
    let report = desk.world.launch.config(&ask)?;
    if matches!(ask, ConfigAsk::Set { .. }) {
        renew_daemon(desk).await?;
    }
    let status = if report.findings.is_empty() { DONE } else { FailureKind::Failed.exit_code() };
    if desk.out.json() {
        let settings: Vec<_> = report
            .settings
            .iter()
            .map(|setting| json!({"key": setting.key, "value": setting.value, "origin": setting.origin}))
            .collect();
        let object = json!({
            "schema": "paraph.config/1", "path": report.path, "settings": settings, "findings": report.findings,
        });
        desk.out.object(&object)?;
        return Ok(status);
    }
    match ask {
        ConfigAsk::Path => desk.out.line(&report.path)?,
        ConfigAsk::Get(Some(_)) => {
            for setting in &report.settings {
                desk.out.line(setting.value.display_line())?;
            }
        }
        ConfigAsk::Check if report.findings.is_empty() => {
            desk.out.line(format!("{}: nothing is wrong", report.path))?
        }
        _ => {
            for setting in &report.settings {
                let line =
                    Text::new().role(Role::Strong, &setting.key).plain(" = ").plain(setting.value.display_line());
                desk.out.line(line.role(Role::Dim, format!("  # {}", setting.origin)))?;
            }
        }
    }
    for finding in &report.findings {
        desk.out.line(Text::new().role(Role::Bad, "found: ").plain(finding.display_line()))?;
    }
    Ok(status)
}

/// A daemon keeps the settings that it was started with. One that nobody uses ends, so that the next command starts one
/// with the new setting; one that works or is looked at is told of.
async fn renew_daemon(desk: &mut Desk) -> Result<(), Ended> {
    if super::status::of_running(desk).await?.is_none() {
        return Ok(());
    }
    if desk.world.launch.daemon_stop_if_idle().await {
        desk.out.say("the daemon was idle and has ended; the next command starts one with the new setting");
        return Ok(());
    }
    desk.out.say("the daemon that runs keeps the settings it was started with");
    desk.out.say(Text::new().role(Role::Mark, "hint: ").plain("restart with: paraph daemon stop"));
    Ok(())
}
