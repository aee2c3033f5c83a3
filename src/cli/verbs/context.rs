//! `paraph context`

use crate::api::ContextRequest;
use crate::cli::desk::Desk;
use crate::cli::ended::{DONE, Done};
use crate::cli::output::{Role, Text};
use crate::id::SessionRef;

/// Prints exactly what the engine was given, and the hash that names it
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The session, or a version of it, such as 12 or 12@v3
    #[arg(value_name = "ID[@vN]")]
    session: SessionRef,
}

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    let view = desk.ask(ContextRequest { session: args.session }).await?;
    if desk.out.json() {
        desk.out.object(&serde_json::to_value(&view).expect("plain data serialises"))?;
        return Ok(DONE);
    }
    for (repo, digest, context) in &view.lanes {
        let head = Text::new().role(Role::Strong, format!("{repo} {}  ", view.version)).role(Role::Mark, digest);
        desk.out.line(head)?;
        desk.out.line(format!("  engine {}  tree {}", context.engine, context.tree))?;
        desk.out.line(Text::new().plain("  goal ").plain(context.goal.display_line()))?;
        for input in &context.inputs {
            desk.out.line(Text::new().plain("  input ").plain(input))?;
        }
        for item in &context.items {
            let line = Text::new().plain(format!("  {}  {}", item.id.short(), item.path));
            desk.out.line(line.role(Role::Dim, format!("  {}", item.why)))?;
        }
    }
    Ok(DONE)
}
