//! `paraph index`

use std::ffi::OsString;

use crate::api::{Base, IndexRequest};
use crate::cli::desk::Desk;
use crate::cli::ended::{DONE, Done};
use crate::cli::output::{Role, Text};
use crate::text::counted;

/// Indexes a repository, or finds the index that is there: languages, files and symbols by rank
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The repository [default: the one you stand in]
    #[arg(long, value_name = "PATH")]
    repo: Option<OsString>,
    /// What to index [default: HEAD]
    #[arg(long, value_name = "REV", conflicts_with = "dirty")]
    base: Option<String>,
    /// HEAD with what is not committed on top
    #[arg(long)]
    dirty: bool,
    /// Words that ranks lean to, such as a goal
    #[arg(long, value_name = "WORDS")]
    focus: Option<String>,
}

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    let source = desk.source(args.repo.as_deref())?;
    let base = match (args.base, args.dirty) {
        (Some(revision), _) => Base::Rev(revision),
        (None, true) => Base::Dirty,
        (None, false) => Base::Head,
    };
    let view = desk.ask(IndexRequest { source, base, focus: args.focus }).await?;
    let object = serde_json::to_value(&view).expect("plain data serialises");
    if desk.out.json() {
        desk.out.object(&object)?;
        return Ok(DONE);
    }
    desk.out.line(Text::new().role(Role::Strong, &view.strategy).plain(format!("  tree {}", view.tree)))?;
    let counts = [
        counted(view.files, "file"),
        counted(view.lines, "line"),
        counted(view.definitions, "definition"),
        counted(view.references, "reference"),
        counted(view.edges, "edge"),
    ];
    let counts = format!("  {}", counts.join(" · "));
    desk.out.line(counts)?;
    for (at, language) in view.languages.iter().enumerate() {
        let name = object["languages"][at]["language"].as_str().unwrap_or("?").to_owned();
        let line = Text::new().plain("  ").cell(Role::Mark, name, 14);
        desk.out.line(line.plain(format!("{:>7} files {:>9} lines", language.files, language.lines)))?;
    }
    for file in &view.top_files {
        desk.out.line(Text::new().role(Role::Dim, format!("  {:>5} ", file.rank)).plain(&file.path))?;
    }
    for symbol in &view.top_symbols {
        let line = Text::new().role(Role::Dim, format!("  {:>5} ", symbol.used_by)).plain(symbol.name.display_line());
        desk.out.line(line.role(Role::Dim, format!("  {}:{}", symbol.path, symbol.line)))?;
    }
    Ok(DONE)
}
