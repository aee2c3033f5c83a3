//! `paraph adopt`

use std::path::Path;

use crate::api::{AdoptRequest, FailureKind, WorkSpec};
use crate::cli::desk::Desk;
use crate::cli::ended::{DONE, Done, Ended, usage};
use crate::cli::progress::{self, Waited};
use crate::cli::verbs::run::{ended, started};
use crate::id::HostPath;

/// Reviews work already done: a branch, a range, the working copy, another worktree
///
/// Nothing of it is touched. The first time it becomes v1 of a session; adopting it again makes v2, and what changed
/// since your last look is shown by `paraph diff ID --against last`.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["work", "dirty"]))]
pub(crate) struct Args {
    /// A branch, tag or commit, a range A..B, or the path of another worktree
    #[arg(value_name = "BRANCH|A..B|WORKTREE")]
    work: Option<String>,
    /// What is not committed in the working copy
    #[arg(long)]
    dirty: bool,
    /// The repository [default: the one you stand in]
    #[arg(long, value_name = "PATH")]
    repo: Option<String>,
    /// What the work is for [default: its commit messages]
    #[arg(short, long = "message", value_name = "GOAL")]
    message: Option<String>,
    /// Wait until it can be decided on
    #[arg(long)]
    wait: bool,
}

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    let source = desk.source(args.repo.as_deref())?;
    let work = match args.work {
        _ if args.dirty => WorkSpec::Dirty,
        Some(named) => work(&named, desk)?,
        None => return Err(usage("nothing was named").hint("paraph adopt BRANCH").into()),
    };
    let service = desk.service().await?;
    let notices = if args.wait { Some(service.notices().await?) } else { None };
    let view = desk.ask_on(service.as_ref(), AdoptRequest { source, work, goal: args.message }).await?;
    let Some(notices) = notices else {
        started(&view, desk)?;
        return Ok(DONE);
    };
    match progress::wait(service.as_ref(), notices, view.id, desk).await? {
        Waited::Interrupted => {
            desk.out.say(format!("session {} goes on: paraph watch {}", view.id, view.id));
            Ok(FailureKind::Interrupted.exit_code())
        }
        Waited::Settled(view) => ended(&view, desk),
    }
}

/// What the words name: a range has dots, a worktree is a folder whose path says so; anything else is a revision.
fn work(named: &str, desk: &Desk) -> Result<WorkSpec, Ended> {
    if named.trim().is_empty() || named.starts_with('-') {
        return Err(usage(format!("`{named}` names no work")).hint("paraph adopt BRANCH").into());
    }
    let path = desk.absolute(Path::new(named));
    let says_path = named.starts_with(['/', '.', '~']) || named.ends_with('/');
    if says_path && path.is_dir() {
        return Ok(WorkSpec::Worktree(HostPath::new(path)));
    }
    if named.contains("..") && !says_path {
        return Ok(WorkSpec::Range(named.to_owned()));
    }
    // a folder that is the top of a worktree (it holds .git) may be named without a slash
    if path.join(".git").exists() {
        return Ok(WorkSpec::Worktree(HostPath::new(path)));
    }
    Ok(WorkSpec::Branch(named.to_owned()))
}
