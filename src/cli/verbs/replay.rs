//! `paraph replay`

use crate::api::{DifferenceView, FailureKind, ReplayView, Replayed, ReplayedVersion};
use crate::cli::desk::Desk;
use crate::cli::ended::{DONE, Done, Ended};
use crate::cli::output::{Role, Text};
use crate::id::SessionRef;
use crate::text::counted;

/// Makes a session anew from its record, and tells what differs; needs no daemon, no model and no key
///
/// Models say what they said then, checks found what they found, people said what they said: what Paraph makes of it
/// is compared, and nothing is kept. Exit status: 0 when everything is the same, 1 when something differs, 3 when a
/// recorded body or a base is gone, 6 when it still works, when a body was changed, or when a program or an agent made
/// a version, of which the record has only what it left. A key that is hidden in one of two prompts makes no
/// difference.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The session, up to a version where one is named
    #[arg(value_name = "ID[@vN]")]
    session: SessionRef,
}

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    let view = desk.world.workbench.replay(args.session)?;
    if desk.out.json() {
        desk.out.object(&serde_json::to_value(&view).expect("plain data serialises"))?;
    } else {
        print(&view, desk)?;
    }
    Ok(match (view.same, view.complete) {
        (false, _) => FailureKind::Failed.exit_code(),
        (true, false) => FailureKind::Refused.exit_code(),
        (true, true) => DONE,
    })
}

fn print(view: &ReplayView, desk: &mut Desk) -> Result<(), Ended> {
    for stage in &view.stages {
        desk.out.line(headed(&stage.stage, stage.standing))?;
        differences(&stage.differences, desk)?;
    }
    for version in &view.versions {
        told(version, desk)?;
    }
    differences(&view.differences, desk)?;
    if view.calls > 0 {
        let usage = &view.usage;
        let calls = counted(view.calls, "call");
        let tokens = usage.input_tokens.saturating_add(usage.output_tokens);
        let cost = match usage.cost_usd.as_str() {
            "unknown" => String::new(),
            usd => format!(" and ${usd}"),
        };
        desk.out.say(format!(
            "{calls} answered from the record, of {}{cost} then; nothing was bought",
            counted(tokens, "token")
        ));
    }
    if view.same && !view.complete {
        desk.out.say("nothing differs in what could be made anew");
    }
    Ok(())
}

fn told(version: &ReplayedVersion, desk: &mut Desk) -> Result<(), Ended> {
    let head = headed(&version.number.to_string(), version.standing).plain("  ");
    desk.out.line(head.cell(Role::Dim, &version.made_by, 24))?;
    for set in &version.patch_sets {
        let repo = Text::new().plain("  ").cell(Role::Plain, &set.repo, 20).plain(" ");
        let (recorded, replayed) = (set.recorded.short(), set.replayed.map(|digest| digest.short()));
        let line = match replayed {
            Some(replayed) if replayed == recorded => repo.role(Role::Mark, recorded),
            Some(replayed) => {
                repo.role(Role::Mark, recorded).plain(" recorded, ").role(Role::Bad, replayed).plain(" now")
            }
            None => repo.role(Role::Mark, recorded).plain(" recorded"),
        };
        desk.out.line(line)?;
    }
    if !version.why.is_empty() {
        desk.out.line(Text::new().role(Role::Dim, "  ").words(Role::Dim, &version.why, "  "))?;
    }
    differences(&version.differences, desk)
}

fn headed(name: &str, standing: Replayed) -> Text {
    let role = match standing {
        Replayed::Same => Role::Good,
        Replayed::Differs | Replayed::NotReached => Role::Bad,
        Replayed::ByAPerson | Replayed::Unrecorded => Role::Dim,
    };
    Text::new().cell(Role::Strong, name, 14).plain(" ").role(role, standing.word())
}

fn differences(found: &[DifferenceView], desk: &mut Desk) -> Result<(), Ended> {
    for difference in found {
        let repo = difference.repo.as_ref().map_or_else(String::new, |repo| format!(" of {repo}"));
        let head = format!("{}{repo} differs", difference.what);
        desk.out.line(Text::new().plain("  ").words(Role::Bad, &head, "    "))?;
        if !difference.at.raw().is_empty() {
            desk.out.line(Text::new().role(Role::Dim, "    at ").words(Role::Plain, difference.at.raw(), "      "))?;
        }
        desk.out.line(Text::new().role(Role::Dim, "    recorded ").words(
            Role::Plain,
            difference.recorded.raw(),
            "      ",
        ))?;
        desk.out.line(Text::new().role(Role::Dim, "    now      ").words(
            Role::Plain,
            difference.replayed.raw(),
            "      ",
        ))?;
    }
    Ok(())
}
