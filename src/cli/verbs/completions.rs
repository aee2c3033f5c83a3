//! `paraph completions`

use serde_json::json;

use crate::cli::command::grammar;
use crate::cli::desk::Desk;
use crate::cli::ended::{DONE, Done};

/// Prints the completions for a shell: bash, zsh, fish, elvish, powershell
#[derive(Debug, clap::Args)]
#[command(after_help = "bash: paraph completions bash > ~/.local/share/bash-completion/completions/paraph\n\
                        zsh:  paraph completions zsh > \"${fpath[1]}/_paraph\"\n\
                        fish: paraph completions fish > ~/.config/fish/completions/paraph.fish")]
pub(crate) struct Args {
    /// The shell
    shell: clap_complete::Shell,
}

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut grammar(), "paraph", &mut script);
    let script = String::from_utf8(script).expect("our own words are UTF-8");
    if desk.out.json() {
        let object = json!({"schema": "paraph.completions/1", "shell": args.shell.to_string(), "script": script});
        desk.out.object(&object)?;
    } else {
        desk.out.own(&script)?;
    }
    Ok(DONE)
}
