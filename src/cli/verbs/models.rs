//! `paraph models`

use super::budget::price;
use crate::api::{FailureKind, ModelsRequest};
use crate::cli::desk::Desk;
use crate::cli::ended::{DONE, Done};
use crate::cli::output::{Role, Text};

/// Shows which models are asked for what, and what they cost
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Ask each model for one word, and tell how it answered
    #[arg(long)]
    check: bool,
}

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    let service = desk.service().await?;
    desk.lend_keys(service.as_ref()).await?;
    let view = desk.ask_on(service.as_ref(), ModelsRequest { check: args.check }).await?;
    let failed = view.models.iter().filter(|model| model.checked.as_ref().is_some_and(|said| said.raw() != "answers"));
    let none = view.models.is_empty();
    let status = if args.check && (none || failed.count() > 0) { FailureKind::Failed.exit_code() } else { DONE };
    if desk.out.json() {
        desk.out.object(&serde_json::to_value(&view).expect("plain data serialises"))?;
        return Ok(status);
    }
    for role in &view.roles {
        let line = Text::new().cell(Role::Strong, &role.role, 13);
        desk.out.line(match role.models.as_slice() {
            [] => line.role(Role::Dim, &role.why),
            models => line.plain(models.join(", then ")),
        })?;
    }
    for model in &view.models {
        let room = model
            .context_tokens
            .map_or_else(|| "room unknown".to_owned(), |tokens| format!("{tokens} tokens of prompt"));
        let price = match (price(&model.usd_per_million_in), price(&model.usd_per_million_out)) {
            (input, output) if input == output && !input.starts_with('$') => input,
            (input, output) => format!("{input} in, {output} out a million"),
        };
        let mut line = Text::new().role(Role::Strong, &model.model).plain(format!("  {room}, {price}"));
        if let Some(said) = &model.checked {
            let took = model.latency_ms.map_or_else(String::new, |ms| format!(" after {ms} ms"));
            let role = if said.raw() == "answers" { Role::Good } else { Role::Bad };
            line = line.plain("  ").role(role, said.display_line().to_string()).plain(took);
        }
        desk.out.line(line)?;
    }
    if !view.prices.is_empty() {
        desk.out.say(Text::new().role(Role::Dim, format!("prices of {}", view.prices)));
    }
    Ok(status)
}
