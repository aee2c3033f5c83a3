//! `paraph merge`

use crate::cli::desk::Desk;
use crate::cli::ended::{Done, comes_later};
use crate::id::SessionId;

/// Merges a pull request by its number; comes with forges that have pull requests
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The session
    #[arg(value_name = "ID")]
    session: SessionId,
    /// The pull request's number, typed by a person
    #[arg(long, value_name = "NUMBER")]
    pr: u64,
}

pub(crate) async fn execute(args: Args, _: &mut Desk) -> Done {
    Err(comes_later(
        &format!("merging pull request {} of session {}", args.pr, args.session),
        "a forge that has pull requests",
        format!("paraph publish {}, then git merge the branch that it names", args.session),
    ))
}
