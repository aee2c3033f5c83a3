//! `paraph regenerate`

use std::path::PathBuf;

use crate::api::RegenerateRequest;
use crate::cli::decision::Reason;
use crate::cli::desk::Desk;
use crate::cli::ended::Done;
use crate::cli::session_text::changed;
use crate::cli::verbs::run::{engine, store_patch};
use crate::id::SessionId;

/// Asks for the next version; a draft that changes nothing makes none
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The session
    #[arg(value_name = "ID")]
    session: SessionId,
    /// Another engine: rules, patch
    #[arg(long, value_name = "E")]
    engine: Option<String>,
    /// Other rules
    #[arg(long, value_name = "R,...", value_delimiter = ',')]
    rules: Vec<String>,
    /// Another ready diff (- for standard input)
    #[arg(long, value_name = "FILE|-")]
    patch: Option<PathBuf>,
    #[command(flatten)]
    reason: Reason,
}

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    let engine = args.engine.as_deref().map(engine).transpose()?;
    let message = args.reason.take(desk)?.unwrap_or_default();
    let patch = match args.patch {
        Some(file) => Some(store_patch(&file, desk)?),
        None => None,
    };
    let request = RegenerateRequest { session: args.session, engine, rules: args.rules, patch, message };
    let view = desk.ask(request).await?;
    changed(&view, desk)
}
