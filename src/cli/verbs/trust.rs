//! `paraph trust`

use std::path::PathBuf;

use crate::api::{Failure, FailureKind, TrustRequest};
use crate::cli::desk::Desk;
use crate::cli::ended::{DONE, Done, usage};
use crate::cli::output::{Role, Text};

/// Lets a repository's own commands run (confined), tells whether they may, or takes trust back
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The repository [default: the one you stand in]
    path: Option<PathBuf>,
    /// Take trust back
    #[arg(long, conflicts_with = "show")]
    revoke: bool,
    /// Only tell whether it is trusted, and which commands that lets run
    #[arg(long)]
    show: bool,
}

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    let path = match &args.path {
        Some(path) if path.as_os_str().is_empty() => return Err(usage("the repository's path is empty").into()),
        Some(path) => desk.world.workbench.repository_root(&desk.absolute(path))?,
        None => desk.repository_here()?,
    };
    let trust = if args.show { None } else { Some(!args.revoke) };
    let view = desk.ask(TrustRequest { path, trust }).await?;
    if desk.out.json() {
        let mut object = serde_json::to_value(&view).expect("plain data serialises");
        object["schema"] = "paraph.trust/1".into();
        desk.out.object(&object)?;
        return Ok(DONE);
    }
    let (word, role) = if view.trusted { ("trusted", Role::Good) } else { ("not trusted", Role::Warn) };
    desk.out.line(Text::new().plain(&view.path).plain("  ").role(role, word))?;
    for command in &view.commands {
        desk.out.line(Text::new().plain("  ").plain(command.display_line()))?;
    }
    if trust == Some(true) && !view.trusted {
        return Err(Failure::new(FailureKind::Failed, format!("{} is still not trusted", view.path)).into());
    }
    Ok(DONE)
}
