//! `paraph demo`

use crate::cli::desk::Desk;
use crate::cli::ended::{Done, usage};

/// Walks from a goal to the review screen on a throw-away repository; nothing is left behind
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) async fn execute(_: Args, desk: &mut Desk) -> Done {
    if desk.out.json() {
        return Err(usage("the demo has no JSON").hint("paraph run GOAL --wait --json").into());
    }
    desk.out.flush()?;
    Ok(desk.world.launch.demo().await?)
}
