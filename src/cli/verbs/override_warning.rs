//! `paraph override`

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use crate::api::{Failure, FailureKind, OverrideRequest};
use crate::cli::decision::Reason;
use crate::cli::desk::Desk;
use crate::cli::ended::{Done, usage};
use crate::cli::session_text::changed;
use crate::id::{RepoPath, SessionRef};

/// Accepts a WARN, with a reason that is recorded and published
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The version that was read, such as 12@v3
    #[arg(value_name = "ID@vN")]
    session: SessionRef,
    /// The rule's id, as `paraph show` names it
    #[arg(value_name = "RULE|GATE")]
    rule: String,
    /// Only the violation in this file
    #[arg(long, value_name = "F")]
    file: Option<OsString>,
    /// The repository's name, where the version changes several
    #[arg(long, value_name = "NAME")]
    repo: Option<String>,
    #[command(flatten)]
    reason: Reason,
}

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    if matches!(args.rule.as_str(), "G0" | "G1" | "G2" | "G3" | "G4" | "G5") {
        let message =
            format!("the gate {} is not overridden by itself: approving with a reason is its override", args.rule);
        return Err(Failure::new(FailureKind::Refused, message)
            .hint(format!("paraph approve {} -m TEXT", args.session))
            .into());
    }
    let message = args.reason.take(desk)?.unwrap_or_default();
    if message.trim().is_empty() {
        return Err(usage("an override needs a reason").hint("-m TEXT").into());
    }
    let path = args.file.map(|file| RepoPath::from_bytes(file.into_vec()));
    let request = OverrideRequest { session: args.session, repo: args.repo, rule: args.rule, path, message };
    let view = desk.ask(request).await?;
    changed(&view, desk)
}
