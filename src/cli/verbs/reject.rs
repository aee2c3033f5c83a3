//! `paraph reject`

use crate::api::Verdict;
use crate::cli::decision::{DecisionArgs, decide};
use crate::cli::desk::Desk;
use crate::cli::ended::Done;

/// Rejects a version: it may not ship
///
/// On a terminal the decision panel is shown and a second key decides; elsewhere --digest names what was seen. A
/// decision is write-once: of two at once one wins and the other ends with exit status 5.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    decision: DecisionArgs,
}

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    decide(Verdict::Reject, args.decision, desk).await
}
