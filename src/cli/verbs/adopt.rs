//! `paraph adopt`

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use crate::api::{AdoptRequest, AdoptedAgain, WorkSpec};
use crate::cli::desk::Desk;
use crate::cli::ended::{Done, Ended, usage};
use crate::cli::verbs::run::{started, waited};
use crate::id::HostPath;

/// Reviews work already done: a branch, a range, the working copy, another worktree
///
/// Nothing of it is touched. The first time it becomes v1 of a session; adopting it again makes v2, and what changed
/// since your last look is shown by `paraph diff ID --against last`.
///
/// A..B is what B has that A has not, as for `git log`: what A got meanwhile is no part of it. HEAD is the branch that
/// is checked out now, and uncommitted work is that branch's: on another branch the same words begin another session.
/// Each next version is compared with what the first was compared with.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["work", "dirty"]))]
pub(crate) struct Args {
    /// A branch, tag or commit, a range A..B, or the path of another worktree
    #[arg(value_name = "BRANCH|A..B|WORKTREE")]
    work: Option<OsString>,
    /// What is not committed in the working copy
    #[arg(long)]
    dirty: bool,
    /// The repository [default: the one you stand in]
    #[arg(long, value_name = "PATH")]
    repo: Option<OsString>,
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
    match view.adopted_again {
        Some(AdoptedAgain::NothingNewSince(version)) => {
            desk.out.say(format!("nothing new since {version} of session {}", view.id));
        }
        Some(AdoptedAgain::Becomes(version)) => desk.out.say(format!("{version} of session {}", view.id)),
        None => {}
    }
    match notices {
        Some(notices) => waited(service.as_ref(), notices, view.id, desk).await,
        None => started(&view, desk),
    }
}

/// What the words name: a range has dots, a worktree is a folder whose path says so; anything else is a revision.
fn work(named: &OsStr, desk: &Desk) -> Result<WorkSpec, Ended> {
    let path = desk.absolute(Path::new(named));
    let bytes = named.as_bytes();
    if bytes.trim_ascii().is_empty() || bytes.starts_with(b"-") {
        let shown = HostPath::new(named);
        return Err(usage(format!("`{shown}` names no work")).hint("paraph adopt BRANCH").into());
    }
    let says_path = matches!(bytes[0], b'/' | b'.' | b'~') || bytes.ends_with(b"/");
    // a folder that is the top of a worktree (it holds .git) may be named without a slash
    let is_worktree = if says_path { path.is_dir() } else { path.join(".git").exists() };
    let text = named.to_str();
    match text {
        Some(text) if !says_path && text.contains("..") => Ok(WorkSpec::Range(text.to_owned())),
        _ if is_worktree => Ok(WorkSpec::Worktree(HostPath::new(path))),
        Some(text) => Ok(WorkSpec::Branch(text.to_owned())),
        None => {
            let shown = HostPath::new(named);
            Err(usage(format!("`{shown}` is no folder, and no branch that can be named"))
                .hint("git branch --all")
                .into())
        }
    }
}
