//! `paraph completions`

use serde_json::json;

use crate::cli::command::grammar;
use crate::cli::desk::Desk;
use crate::cli::ended::{DONE, Done};

/// Prints the completions for a shell: bash, zsh, fish, elvish, powershell
///
/// In bash, zsh and fish the numbers of your sessions are completed too.
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
    let script = with_sessions(args.shell, script);
    if desk.out.json() {
        let object = json!({"schema": "paraph.completions/1", "shell": args.shell.to_string(), "script": script});
        desk.out.object(&object)?;
    } else {
        desk.out.own(&script)?;
    }
    Ok(DONE)
}

/// The verbs whose first argument is a session.
fn about_sessions() -> Vec<String> {
    let grammar = grammar();
    let takes_one = |verb: &&clap::Command| {
        let mut arguments = verb.get_positionals();
        arguments.next().is_some_and(|argument| argument.get_id() == "session")
    };
    grammar.get_subcommands().filter(takes_one).map(|verb| verb.get_name().to_owned()).collect()
}

/// A static script, and what asks for the numbers of sessions when Tab is pressed.
fn with_sessions(shell: clap_complete::Shell, script: String) -> String {
    let verbs = about_sessions();
    match shell {
        clap_complete::Shell::Bash => script + &BASH.replace("{verbs}", &verbs.join("|")),
        clap_complete::Shell::Fish => {
            let line = |verb: &String| FISH.replace("{verb}", verb);
            script + &verbs.iter().map(line).collect::<String>()
        }
        clap_complete::Shell::Zsh => {
            let argument = |line: &str| {
                line.trim_start().starts_with("':session --") || line.trim_start().starts_with("'::session --")
            };
            let lines = script.lines().map(|line| match argument(line) {
                true => line.replace(":_default'", ":_paraph_sessions'") + "\n",
                false => line.to_owned() + "\n",
            });
            let script: String = lines.collect();
            // before the end of the script, which already calls what it completes with
            match script.split_once("\n\n") {
                Some((head, rest)) => format!("{head}\n\n{ZSH}\n{rest}"),
                None => script,
            }
        }
        _ => script,
    }
}

const BASH: &str = r#"
# the numbers of sessions behind the verbs that take one
_paraph_with_sessions() {
    local word verb="" cur="${COMP_WORDS[COMP_CWORD]}"
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case "$word" in
            -*) ;;
            *) verb="$verb $word" ;;
        esac
    done
    case "${verb# }" in
        {verbs})
            if [[ "$cur" != -* && "${COMP_WORDS[COMP_CWORD-1]}" != -* ]]; then
                COMPREPLY=($(compgen -W "$(paraph __complete sessions 2>/dev/null)" -- "$cur"))
                [[ ${#COMPREPLY[@]} -gt 0 ]] && return 0
            fi
            ;;
    esac
    _paraph "$@"
}
complete -F _paraph_with_sessions -o nosort -o bashdefault -o default paraph 2>/dev/null ||
    complete -F _paraph_with_sessions -o bashdefault -o default paraph
"#;

const FISH: &str = r#"complete -c paraph -n "__fish_paraph_using_subcommand {verb}" -f -a "(paraph __complete sessions --described 2>/dev/null)"
"#;

const ZSH: &str = r#"_paraph_sessions() {
    local -a found
    found=(${(f)"$(paraph __complete sessions --described 2>/dev/null)"})
    found=("${(@)found//:/ }")
    found=("${(@)found/$'\t'/:}")
    _describe -V 'session' found
}
"#;
