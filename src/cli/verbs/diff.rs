//! `paraph diff`

use std::str::FromStr;

use serde_json::{Value, json};

use crate::api::{AgainstRequest, PatchSetRequest, PatchSetView};
use crate::cli::desk::Desk;
use crate::cli::ended::{DONE, Done, Ended, comes_later};
use crate::cli::output::Role;
use crate::cli::output::Text;
use crate::cli::patch_text;
use crate::cli::session_text::part_line;
use crate::diff::FileStat;
use crate::id::{ParseIdError, SessionRef};

/// Shows a version's changes as a git diff
///
/// Piped or kept in a file the bytes are exact, so that `git apply` reads them; on a terminal every character that
/// could move the cursor or hide is shown as a mark.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The session, or a version of it, such as 12 or 12@v3
    #[arg(value_name = "ID[@vN]")]
    session: SessionRef,
    /// Compare with the base, another version (v2), or what you reviewed last (last)
    #[arg(long, value_name = "base|vM|last", default_value = "base")]
    against: Against,
    /// Only this repository
    #[arg(long, value_name = "NAME")]
    repo: Option<String>,
    /// Only what this task made
    #[arg(long, value_name = "T")]
    task: Option<String>,
    /// Only how much each file changed
    #[arg(long)]
    stat: bool,
    /// Unchanged lines around a change
    #[arg(short = 'U', long = "unified", value_name = "N", default_value_t = 3)]
    context: u32,
}

/// What a version is compared with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Against(pub(crate) AgainstRequest);

impl FromStr for Against {
    type Err = ParseIdError;
    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let wanted = "`base`, `last`, or a version such as v2";
        Ok(Self(match text {
            "base" => AgainstRequest::Base,
            "last" => AgainstRequest::LastReview,
            version => {
                AgainstRequest::Version(version.parse().map_err(|_| ParseIdError { given: text.to_owned(), wanted })?)
            }
        }))
    }
}

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    if args.task.is_some() {
        return Err(comes_later("`--task`", "plans of several tasks", format!("paraph diff {}", args.session)));
    }
    let request = PatchSetRequest { session: args.session, repo: args.repo, against: args.against.0 };
    let sets = desk.ask(request).await?;
    if desk.out.json() {
        return as_json(&sets, args.stat, args.context, desk);
    }
    desk.page()?;
    for set in &sets {
        if sets.len() > 1 {
            desk.out.say(Text::new().role(Role::Strong, &set.repo));
        }
        // beside the diff, so that `git apply` reads what is piped
        for part in &set.parts {
            desk.out.say(part_line(part));
        }
        for path in &set.not_carried {
            desk.out.say(format!(
                "{path}: what {} changed does not fit the new base; all that {} does to the base is shown",
                set.against, set.version
            ));
        }
        if args.stat {
            stat(set, desk)?;
            continue;
        }
        let changes = patch_text::changes(set, &desk.world.blobs)?;
        let patch = crate::diff::unified::write(&changes, &patch_text::options(set, args.context));
        if desk.out.is_terminal() || desk.out.coloured() {
            patch_text::print(&patch, desk)?;
        } else {
            desk.out.document(&patch)?;
        }
    }
    if sets.iter().all(|set| set.files.is_empty()) {
        desk.out.say("no changes");
    }
    Ok(DONE)
}

fn stat(set: &PatchSetView, desk: &mut Desk) -> Result<(), Ended> {
    let stats: Vec<FileStat> = set
        .files
        .iter()
        .map(|file| FileStat {
            path: file.path.clone(),
            status: file.status,
            lines: (!file.binary).then_some((file.added, file.deleted)),
        })
        .collect();
    desk.out.own(&crate::diff::stat_text(&stats, desk.out.columns()))
}

/// `patch_sets[]` as the service names them, each with its diff as `patch` (null where it is no UTF-8).
fn as_json(sets: &[PatchSetView], only_stat: bool, context: u32, desk: &mut Desk) -> Done {
    let mut objects = Vec::new();
    for set in sets {
        let mut object = serde_json::to_value(set).expect("plain data serialises");
        if !only_stat {
            let changes = patch_text::changes(set, &desk.world.blobs)?;
            let patch = crate::diff::unified::write(&changes, &patch_text::options(set, context));
            object["patch"] = String::from_utf8(patch).map_or(Value::Null, Value::String);
        }
        objects.push(object);
    }
    desk.out.object(&json!({"schema": "paraph.diff/1", "patch_sets": objects}))?;
    Ok(DONE)
}
