//! `paraph man`

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::api::{Failure, FailureKind};
use crate::cli::command::grammar;
use crate::cli::desk::Desk;
use crate::cli::ended::{DONE, Done};
use crate::id::HostPath;

/// Writes the manual pages, one a verb
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Into this folder; it is made where it is missing
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    let folder = desk.absolute(&args.out);
    let pages = pages();
    write(&folder, &pages).map_err(|error| {
        let message = format!("cannot write manual pages into `{}`: {error}", HostPath::new(&folder));
        Failure::new(FailureKind::Failed, message).hint("--out with a folder that you can write")
    })?;
    let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
    if desk.out.json() {
        let object = json!({"schema": "paraph.man/1", "folder": HostPath::new(&folder), "pages": names});
        desk.out.object(&object)?;
    } else {
        desk.out.line(format!("{} pages in {}", names.len(), HostPath::new(&folder)))?;
        desk.out.say(format!("man -l {}", HostPath::new(folder.join("paraph.1"))));
    }
    Ok(DONE)
}

fn write(folder: &Path, pages: &[(String, Vec<u8>)]) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    pages.iter().try_for_each(|(name, page)| std::fs::write(folder.join(name), page))
}

/// Every page with its file's name: `paraph.1`, `paraph-run.1`, `paraph-audit-verify.1`.
pub(crate) fn pages() -> Vec<(String, Vec<u8>)> {
    let mut grammar = grammar();
    grammar.build();
    let mut pages = Vec::new();
    add(grammar, "paraph".to_owned(), &mut pages);
    pages
}

fn add(verb: clap::Command, name: String, pages: &mut Vec<(String, Vec<u8>)>) {
    for part in verb.get_subcommands().filter(|part| part.get_name() != "help" && !part.is_hide_set()) {
        add(part.clone(), format!("{name}-{}", part.get_name()), pages);
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(verb.name(name.clone())).render(&mut page).expect("writing to memory works");
    pages.push((format!("{name}.1"), page));
}
