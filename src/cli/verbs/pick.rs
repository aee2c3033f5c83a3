//! `paraph pick`

use crate::api::{CompareRequest, Failure, FailureKind, PickRequest};
use crate::cli::decision::checked_digest;
use crate::cli::desk::Desk;
use crate::cli::ended::{Done, usage};
use crate::cli::session_text::changed;
use crate::cli::verbs::compare;
use crate::id::SessionRef;

/// Picks one candidate over the others: they end, and stay to be read
///
/// It approves nothing: that is a decision of its own. On a terminal the comparison is shown and a second key picks;
/// elsewhere --digest names what was seen. A pick is write-once: of two at once one wins and the other ends with exit
/// status 5.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The version that was read, such as 12@v1
    #[arg(value_name = "ID@vN")]
    session: SessionRef,
    /// 12 or more hex digits of the digest of what was seen; compulsory without a terminal
    #[arg(long, value_name = "HEX")]
    digest: Option<String>,
}

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    let session = args.session;
    let digest = match args.digest {
        Some(digest) => Some(checked_digest(digest)?),
        None if desk.is_interactive() => None,
        None => {
            let failure = usage("without a terminal a pick names what was seen: --digest is missing");
            let failure = failure.hint(format!("paraph compare {} --json", session.session));
            return Err(failure.hint(format!("paraph pick {session} --digest HEX")).into());
        }
    };
    if session.version.is_none() {
        let hint = format!("paraph compare {}, then paraph pick {0}@vN", session.session);
        return Err(usage("a pick names the version that was read").hint(hint).into());
    }
    let service = desk.service().await?;
    let digest = match digest {
        Some(digest) => digest,
        None => {
            let view = desk.ask_on(service.as_ref(), CompareRequest { sessions: vec![session.session] }).await?;
            compare::show(&view, desk)?;
            let one = view.candidates.iter().find(|one| one.session == session.session);
            let one = one.filter(|one| one.version == session.version);
            let Some(set) = one.and_then(|one| one.patch_sets.first()) else {
                let message = format!("{session} is not the newest version of a candidate");
                let hint = format!("paraph compare {}", session.session);
                return Err(Failure::new(FailureKind::NotFound, message).hint(hint).into());
            };
            let question =
                format!("y: pick {session} ({}) over the others, anything else: leave it:", set.digest.short());
            if !desk.prompt(question)?.is_some_and(|typed| typed == "y" || typed == "Y") {
                desk.out.say("nothing was picked");
                return Ok(FailureKind::Interrupted.exit_code());
            }
            set.digest.to_string()
        }
    };
    let view = desk.ask_on(service.as_ref(), PickRequest { session, digest }).await?;
    changed(&view, desk)
}
