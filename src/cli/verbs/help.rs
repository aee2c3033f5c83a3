//! `paraph help`

use serde_json::json;

use crate::api::{Failure, RuleView};
use crate::cli::command::grammar;
use crate::cli::desk::Desk;
use crate::cli::ended::{DONE, Done, EXIT_CODES, usage};
use crate::text::width;

/// Explains a topic (architecture, agents, api, lifecycle, models, operations, exit-codes, rules) or a verb
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The topic, or the verb
    #[arg(value_name = "TOPIC")]
    topic: Vec<String>,
}

/// The topics that are no verbs.
pub(crate) const TOPICS: &[(&str, &str)] = &[
    ("agents", include_str!("../help/agents.md")),
    ("api", include_str!("../help/api.md")),
    ("architecture", include_str!("../help/architecture.md")),
    ("exit-codes", include_str!("../help/exit-codes.md")),
    ("lifecycle", include_str!("../help/lifecycle.md")),
    ("models", include_str!("../help/models.md")),
    ("operations", include_str!("../help/operations.md")),
    ("rules", include_str!("../help/rules.md")),
];

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    let name = args.topic.join(" ");
    if name == "api" && desk.out.json() {
        desk.out.object(&crate::api::openapi())?;
        return Ok(DONE);
    }
    let topic = TOPICS.iter().find(|(topic, _)| *topic == name);
    let text = match topic {
        Some((topic, text)) => with_tables(topic, text, desk),
        None => of_verb(&args.topic, desk)?,
    };
    if desk.out.json() {
        let mut object = json!({"schema": "paraph.help/1", "topic": name, "text": text});
        if name == "rules" {
            object["rules"] = json!(desk.world.workbench.rules());
        }
        desk.out.object(&object)?;
    } else {
        desk.out.own(&text)?;
    }
    Ok(DONE)
}

/// A topic's text, with what is known only now: the exit statuses, and where the socket is.
fn with_tables(topic: &str, text: &str, desk: &Desk) -> String {
    let mut text = text.to_owned();
    if topic == "exit-codes" {
        let rows = EXIT_CODES.iter().map(|(code, meaning)| format!("    {code:>3}  {meaning}\n"));
        text = text.replace("{table}\n", &rows.collect::<String>());
    }
    if topic == "rules" {
        text = text.replace("{rules}\n", &listed(&desk.world.workbench.rules()));
    }
    let socket = crate::id::HostPath::new(desk.world.home.join("run/paraph.sock")).to_string();
    text.replace("{socket}", crate::text::Untrusted::new(socket).display_line().as_str())
}

/// The rules under the names of their languages, each with its tags and its sentence.
fn listed(rules: &[RuleView]) -> String {
    let mut text = String::new();
    let mut heading = None;
    for rule in rules {
        if heading != Some(&rule.languages) {
            let gap = if heading.is_some() { "\n" } else { "" };
            text += &format!("{gap}{}\n", rule.languages.join(", "));
            heading = Some(&rule.languages);
        }
        text += &format!("  {}  [{}]\n", rule.id, rule.tags.join(", "));
        for line in width::wrap(&rule.message, 80) {
            text += &format!("      {}\n", line.trim_end());
        }
    }
    text
}

/// The help of a verb, or of the whole, at the terminal's width.
fn of_verb(path: &[String], desk: &Desk) -> Result<String, Failure> {
    let mut command = grammar().term_width(desk.world.terminal.columns.clamp(40, 100));
    command.build();
    let mut at = &mut command;
    for (depth, name) in path.iter().enumerate() {
        at = at.find_subcommand_mut(name).ok_or_else(|| unknown(&path[..=depth]))?;
    }
    let help = if path.is_empty() { at.render_help() } else { at.render_long_help() };
    Ok(if desk.out.coloured() { help.ansi().to_string() } else { help.to_string() })
}

fn unknown(path: &[String]) -> Failure {
    let name = path.join(" ");
    let topics: Vec<&str> = TOPICS.iter().map(|(topic, _)| *topic).collect();
    usage(format!("there is no topic and no verb `{name}`"))
        .hint(format!("paraph help {}", topics.join(" | ")))
        .hint("paraph help")
}
