//! `paraph check-patch`

use std::ffi::OsString;
use std::path::PathBuf;

use crate::api::{Base, CheckExtent, CheckPatchRequest, CheckedPatch, FailureKind, Severity};
use crate::cli::desk::Desk;
use crate::cli::ended::{DONE, Done, Ended, usage};
use crate::cli::output::{Role, Text};
use crate::cli::session_text::violation_line;
use crate::id::HostPath;

/// Parses, polices and applies patches in memory; changes no file and no ref
///
/// Exit status: 0 when they apply and nothing blocks, 1 when they do not apply, 6 when a policy blocks.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The patches, applied one after the other (- for standard input)
    #[arg(value_name = "FILE|-", required = true)]
    patches: Vec<PathBuf>,
    /// The repository [default: the one you stand in]
    #[arg(long, value_name = "PATH")]
    repo: Option<OsString>,
    /// What they apply to [default: HEAD]
    #[arg(long, value_name = "REV")]
    base: Option<String>,
    /// Store the resulting tree among git's objects
    #[arg(long)]
    write_tree: bool,
    /// Tell only whether and where they apply; the policies do not judge what they change
    #[arg(long, conflicts_with = "write_tree")]
    apply_only: bool,
}

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    if args.patches.iter().filter(|file| file.as_os_str() == "-").count() > 1 {
        return Err(usage("standard input can be read once").hint("paraph check-patch -").into());
    }
    let source = desk.source(args.repo.as_deref())?;
    let mut patches = Vec::with_capacity(args.patches.len());
    for file in &args.patches {
        patches.push((HostPath::new(file).to_string(), desk.read_input(file)?));
    }
    let base = args.base.map_or(Base::Head, Base::Rev);
    let extent = match (args.apply_only, args.write_tree) {
        (true, _) => CheckExtent::Place,
        (false, false) => CheckExtent::Judge,
        (false, true) => CheckExtent::Store,
    };
    let request = CheckPatchRequest { source, base, patches, extent };
    let checked = desk.world.workbench.check_patch(&request)?;
    if desk.out.json() {
        desk.out.object(&serde_json::to_value(&checked).expect("plain data serialises"))?;
    } else {
        print(&checked, desk)?;
    }
    let blocked = checked.violations.iter().any(|violation| violation.severity == Severity::Block);
    Ok(match (blocked, checked.applies) {
        (true, _) => FailureKind::Refused.exit_code(),
        (false, false) => FailureKind::Failed.exit_code(),
        (false, true) => DONE,
    })
}

fn print(checked: &CheckedPatch, desk: &mut Desk) -> Result<(), Ended> {
    let verdict = if checked.applies {
        Text::new().role(Role::Good, "applies")
    } else {
        Text::new().role(Role::Bad, "does not apply")
    };
    let tree = checked.tree.as_ref().map_or_else(String::new, |tree| format!("  tree {tree}"));
    desk.out.line(verdict.plain(tree))?;
    for file in &checked.files {
        desk.out.line(
            Text::new()
                .plain(format!("  {}", file.path))
                .role(Role::Dim, format!("  +{} -{}", file.added, file.deleted)),
        )?;
    }
    for refusal in &checked.refusals {
        desk.out.line(Text::new().role(Role::Bad, "  refused: ").words(Role::Plain, refusal.raw(), "    "))?;
    }
    for note in &checked.notes {
        desk.out.line(Text::new().role(Role::Dim, "  note: ").words(Role::Plain, note.raw(), "    "))?;
    }
    for violation in &checked.violations {
        desk.out.line(violation_line(violation))?;
    }
    Ok(())
}
