//! `paraph models`

use super::budget::price;
use crate::api::{FailureKind, ModelView, ModelsRequest, RoleView};
use crate::cli::desk::Desk;
use crate::cli::ended::{DONE, Done, Ended};
use crate::cli::output::{Role, Text};

/// Shows which models are asked for what, and what they cost
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Ask each model for one word by a tool, and tell how it answered and whether it can look
    #[arg(long)]
    check: bool,
}

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    let service = desk.service().await?;
    let mut view = desk.ask_on(service.as_ref(), ModelsRequest { check: false, model: None }).await?;
    if desk.out.json() {
        if args.check {
            view = desk.ask_on(service.as_ref(), ModelsRequest { check: true, model: None }).await?;
        }
        desk.out.object(&serde_json::to_value(&view).expect("plain data serialises"))?;
        return Ok(status(&args, &view.models));
    }
    for role in &view.roles {
        let line = Text::new().cell(Role::Strong, &role.role, 13);
        desk.out.line(match role.models.as_slice() {
            [] => line.role(Role::Dim, &role.why),
            models => line.plain(models.join(", then ")),
        })?;
        if !role.note.is_empty() {
            desk.out.line(Text::new().cell(Role::Plain, "", 13).role(Role::Dim, &role.note))?;
        }
        desk.out.line(contract(role))?;
    }
    let mut told = Vec::new();
    for model in view.models {
        // one after the other, each told as it answers
        let model = match args.check {
            true => {
                desk.out.flush()?;
                desk.out.progress(Some(Text::from(format!("asking {} …", model.model))));
                let only = ModelsRequest { check: true, model: Some(model.model.clone()) };
                let asked = desk.ask_on(service.as_ref(), only).await?;
                desk.out.progress(None);
                asked.models.into_iter().next().unwrap_or(model)
            }
            false => model,
        };
        line(&model, desk)?;
        told.push(model);
    }
    if told.is_empty() {
        desk.out.say("a daemon that works keeps the settings that it was started with; after a change of them:");
        desk.out.say(
            Text::new().role(Role::Mark, "hint: ").plain("paraph daemon stop; what it owes goes on with the next"),
        );
    }
    if !view.prices.is_empty() {
        desk.out.say(Text::new().role(Role::Dim, format!("prices of {}", view.prices)));
    }
    Ok(status(&args, &told))
}

/// What a role is given, what it must answer and how long that may be; why nothing asks it, where nothing does.
fn contract(role: &RoleView) -> Text {
    let words = match role.max_output_tokens {
        Some(tokens) => format!("is given {}; answers {}; at most {tokens} tokens", role.given, role.answers),
        None => format!("is given {}", role.given),
    };
    Text::new().cell(Role::Plain, "", 13).words(Role::Dim, &words, &" ".repeat(13)).hanging(13)
}

/// What a script is told: whether all that were asked answered.
fn status(args: &Args, models: &[ModelView]) -> u8 {
    let failed = |model: &ModelView| model.checked.as_ref().is_some_and(|said| said.raw() != "answers");
    let is_bad = args.check && (models.is_empty() || models.iter().any(failed));
    if is_bad { FailureKind::Failed.exit_code() } else { DONE }
}

fn line(model: &ModelView, desk: &mut Desk) -> Result<(), Ended> {
    let room =
        model.context_tokens.map_or_else(|| "room unknown".to_owned(), |tokens| format!("{tokens} tokens of context"));
    let price = match (price(&model.usd_per_million_in), price(&model.usd_per_million_out)) {
        (input, output) if input == output && !input.starts_with('$') => input,
        (input, output) => format!("{input} in, {output} out a million"),
    };
    let mut line = Text::new().role(Role::Strong, &model.model).plain(format!("  {room}, {price}"));
    if let Some(said) = &model.checked {
        let took = model.latency_ms.map_or_else(String::new, |ms| format!(" after {ms} ms"));
        let role = if said.raw() == "answers" { Role::Good } else { Role::Bad };
        line = line.plain("  ").role(role, said.display_line().to_string()).plain(took);
        line = match model.can_look {
            Some(true) => line.plain(", can look"),
            Some(false) => line.plain(", ").role(Role::Dim, "cannot look"),
            None => line,
        };
    }
    desk.out.line(line)
}
