//! The grammar of the command line, and what carries out each verb.

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use super::desk::Desk;
use super::ended::{DONE, Done, Ended, usage};
use super::output::{ColourChoice, Colours, LazyMask, Output, Role, Text};
use super::verbs;
use super::world::World;

/// An AI, a rule or a colleague drafts the change. You paraph it.
#[derive(Debug, Parser)]
#[command(
    name = "paraph",
    bin_name = "paraph",
    version,
    disable_help_subcommand = true,
    subcommand_help_heading = "Verbs",
    subcommand_value_name = "VERB",
    after_help = "Without a verb: the screen, over the repository you stand in. Try it: paraph demo\n\
                  More: paraph help architecture | agents | api | lifecycle | models | operations | exit-codes | rules"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Everywhere")]
struct Global {
    /// Print one JSON object with a `schema` field (a stream prints one a line); failures too
    #[arg(long, global = true)]
    json: bool,
    /// When to use colours: auto, always, never; NO_COLOR, CLICOLOR_FORCE and TERM=dumb are understood
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    #[arg(hide_default_value = true, hide_possible_values = true)]
    color: ColourChoice,
    /// Run core and command in one process, without a daemon
    #[arg(long, global = true)]
    in_process: bool,
}

macro_rules! verbs {
    ($($(#[$attribute:meta])* $variant:ident => $module:ident,)*) => {
        #[derive(Debug, Subcommand)]
        enum Verb {
            $($(#[$attribute])* $variant(verbs::$module::Args),)*
        }

        impl Verb {
            /// The arguments of the verb with this name, where that is one word.
            fn arguments(name: &str) -> Option<clap::Command> {
                $(if stringify!($variant).to_ascii_lowercase() == name {
                    return Some(<verbs::$module::Args as clap::Args>::augment_args(clap::Command::new(name.to_owned())));
                })*
                None
            }

            async fn carry_out(self, desk: &mut Desk) -> Done {
                match self {
                    $(Self::$variant(args) => verbs::$module::execute(args, desk).await,)*
                }
            }
        }
    };
}

verbs! {
    Run => run,
    Adopt => adopt,
    CheckPatch => check_patch,
    List => list,
    Show => show,
    Next => next,
    Watch => watch,
    Diff => diff,
    Log => log,
    Artifacts => artifacts,
    Context => context,
    Beads => beads,
    Comment => comment,
    Comments => comments,
    Resolve => resolve,
    Go => go,
    Defer => defer,
    Decline => decline,
    Tick => tick,
    Compare => compare,
    Pick => pick,
    Approve => approve,
    Reject => reject,
    RequestChanges => request_changes,
    Override => override_warning,
    Regenerate => regenerate,
    Check => check,
    Drop => drop_lane,
    Steer => steer,
    Pause => pause,
    Resume => resume,
    Discard => discard,
    Cancel => cancel,
    Budget => budget,
    Publish => publish,
    Monitor => monitor,
    Merge => merge,
    Index => index,
    Audit => audit,
    Replay => replay,
    Recover => recover,
    Metrics => metrics,
    Models => models,
    Status => status,
    Daemon => daemon,
    Doctor => doctor,
    Init => init,
    Trust => trust,
    Demo => demo,
    Config => config,
    Theme => theme,
    Completions => completions,
    Man => man,
    Help => help,
    #[command(name = "__complete", hide = true)] Complete => complete,
}

/// The grammar, for help, completions and manuals.
pub(crate) fn grammar() -> clap::Command {
    Cli::command()
}

/// Parses with the grammar of the one verb that is named first: building all of them would take longer than a short
/// command does. Whatever this cannot parse, help too, is the whole grammar's.
fn parsed_alone(args: &[OsString]) -> Option<Cli> {
    let verb = Verb::arguments(args.get(1)?.to_str()?)?;
    let grammar = <Global as clap::Args>::augment_args(clap::Command::new("paraph")).subcommand(verb);
    let mut matches = grammar.disable_help_subcommand(true).try_get_matches_from(args).ok()?;
    Cli::from_arg_matches_mut(&mut matches).ok()
}

fn parsed_whole(args: &[OsString], width: usize) -> Result<Cli, clap::Error> {
    let mut matches = grammar().term_width(width).try_get_matches_from(args)?;
    Cli::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut grammar().term_width(width)))
}

/// Carries out one command line (program name first) and gives its exit status.
pub async fn run(args: impl Iterator<Item = OsString>, mut world: World) -> u8 {
    let args: Vec<OsString> = args.collect();
    let width = world.terminal.columns.clamp(40, 100);
    let parsed = parsed_alone(&args).map_or_else(|| parsed_whole(&args, width), Ok);
    let (json, choice) = match &parsed {
        Ok(cli) => (cli.global.json, cli.global.color),
        Err(_) => (args.iter().any(|arg| arg == "--json"), ColourChoice::Auto),
    };
    let colours = Colours::of(choice, |name| world.variable(name), &world.terminal);
    let output = std::mem::replace(&mut world.streams.output, Box::new(std::io::sink()));
    let error = std::mem::replace(&mut world.streams.error, Box::new(std::io::sink()));
    let launch = world.launch.clone();
    let mask = LazyMask::new(Box::new(move || launch.secret_mask()));
    let mut out = Output::new(output, error, world.terminal, colours, json, mask);
    out.let_update(world.variable("TERM") != Some("dumb"));
    match parsed {
        Err(error) => {
            let done = unparsed(&error, &args, &mut out);
            ending(done, &mut out)
        }
        Ok(cli) => {
            let mut desk = Desk { world, out, in_process: cli.global.in_process };
            let done = match cli.verb {
                Some(verb) => verb.carry_out(&mut desk).await,
                None => screen(&mut desk).await,
            };
            let status = ending(done, &mut desk.out);
            warn(&mut desk);
            status
        }
    }
}

/// Says what a person has to know besides what the verb said.
fn warn(desk: &mut Desk) {
    if let Some(warning) = desk.world.launch.warning() {
        let words = Text::new().role(Role::Warn, "warning: ").words(Role::Plain, &warning, "         ");
        desk.out.say(words);
    }
}

async fn screen(desk: &mut Desk) -> Done {
    if desk.out.json() {
        return Err(usage("the screen has no JSON").hint("paraph list --json").into());
    }
    if !(desk.world.terminal.input && desk.world.terminal.output) {
        return Err(usage("the screen needs a terminal").hint("paraph list").hint("paraph help").into());
    }
    let repo = desk.repository_here().ok();
    desk.out.flush()?;
    Ok(desk.world.launch.tui(desk.start(), repo).await?)
}

/// Help and version are data; anything else is wrong usage.
fn unparsed(error: &clap::Error, args: &[OsString], out: &mut Output) -> Done {
    if matches!(error.kind(), ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand) {
        return Err(Ended::Failed(unfinished(args)));
    }
    let rendered = error.render();
    if !error.use_stderr() {
        let text = if out.coloured() { rendered.ansi().to_string() } else { rendered.to_string() };
        out.own(&text)?;
        return Ok(DONE);
    }
    Err(Ended::Failed(usage_failure(&rendered.to_string(), help_of(args))))
}

/// That the verb needs one of its own words behind it, and which there are.
fn unfinished(args: &[OsString]) -> crate::api::Failure {
    let grammar = grammar();
    let (verb, named) = named_by(args, &grammar);
    let words: Vec<&str> = verb.get_subcommands().map(clap::Command::get_name).collect();
    usage(format!("`paraph{named}` needs one of: {}", words.join(", "))).hint(format!("paraph help{named}"))
}

/// clap's words as a failure: its first line is the message, its tips and where to read on are hints.
fn usage_failure(rendered: &str, help: String) -> crate::api::Failure {
    let mut lines = rendered.lines().map(str::trim).filter(|line| !line.is_empty());
    let message = lines.next().unwrap_or("wrong usage");
    let mut failure = usage(message.strip_prefix("error: ").unwrap_or(message));
    for line in lines {
        match line.strip_prefix("tip: ") {
            Some(tip) => failure = failure.hint(tip),
            None if line.starts_with("Usage:") || line.starts_with("For more") => {}
            None => failure.causes.push(line.to_owned()),
        }
    }
    failure.hint(help)
}

/// What explains the verb that the arguments name, so far as they name one.
fn help_of(args: &[OsString]) -> String {
    format!("paraph help{}", named_by(args, &grammar()).1)
}

/// The verb that the arguments name, so far as they name one, and its words, each behind a space.
fn named_by<'grammar>(args: &[OsString], grammar: &'grammar clap::Command) -> (&'grammar clap::Command, String) {
    let (mut command, mut words) = (grammar, String::new());
    for word in args.iter().skip(1) {
        if let Some(verb) = command.find_subcommand(word).filter(|verb| !verb.is_hide_set()) {
            words += &format!(" {}", verb.get_name());
            command = verb;
        }
    }
    (command, words)
}

/// Tells how it ended, and gives the exit status.
fn ending(done: Done, out: &mut Output) -> u8 {
    let done = done.and_then(|status| out.flush().map(|()| status));
    out.progress(None);
    if !out.json() {
        out.close(); // what a pager shows comes before what went wrong
    }
    match done {
        Ok(status) => status,
        Err(Ended::NobodyReads) => DONE,
        Err(Ended::Failed(failure)) => {
            out.failure(&failure);
            let _ = out.flush();
            failure.kind.exit_code()
        }
    }
}
