//! `paraph trust`

use std::ffi::OsString;

use crate::api::{Failure, FailureKind, Source, TrustRequest};
use crate::cli::desk::Desk;
use crate::cli::ended::{DONE, Done};
use crate::cli::output::{Role, Text};
use crate::id::HostPath;

/// Lets a repository's own commands run (confined), tells whether they may, or takes trust back
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The repository: a path or a URL [default: the one you stand in]
    #[arg(value_name = "PATH|URL")]
    repository: Option<OsString>,
    /// Take trust back
    #[arg(long, conflicts_with = "show")]
    revoke: bool,
    /// Only tell whether it is trusted, and which commands that lets run
    #[arg(long)]
    show: bool,
    /// Let the setup step that sessions wait with use the network, once for each state of the lockfiles; checks never do
    #[arg(long, conflicts_with_all = ["revoke", "show"])]
    setup_network: bool,
}

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    let path = match desk.source(args.repository.as_deref())? {
        Source::Path(path) => path,
        Source::Url(url) => HostPath::new(url),
    };
    let trust = if args.show || args.setup_network { None } else { Some(!args.revoke) };
    let setup_network = if trust.is_none() { Some(args.setup_network) } else { None };
    let view = desk.ask(TrustRequest { path, trust, setup_network }).await?;
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
    for notice in &view.notices {
        desk.out.line(Text::new().role(Role::Warn, "  note: ").plain(notice.display_line()).hanging(8))?;
    }
    if trust == Some(true) && view.commands.is_empty() && view.notices.is_empty() {
        desk.out.say("no check was found or configured: paraph init --repo-file writes a `.paraph.toml`");
    }
    let may = if args.setup_network { "may use the network: " } else { "waits for the network: " };
    for waiting in &view.setup_waits {
        desk.out.line(Text::new().plain("  ").role(Role::Warn, may).plain(waiting.display_line()))?;
    }
    if !args.setup_network && !view.setup_waits.is_empty() {
        desk.out
            .say(Text::new().role(Role::Mark, "hint: ").plain(format!("paraph trust {} --setup-network", view.path)));
    }
    if trust == Some(true) && !view.trusted {
        return Err(Failure::new(FailureKind::Failed, format!("{} is still not trusted", view.path))
            .hint("paraph doctor")
            .into());
    }
    Ok(DONE)
}
