//! `paraph budget`

use serde_json::json;

use crate::api::{BudgetRequest, ShowRequest, micros_of};
use crate::cli::desk::Desk;
use crate::cli::ended::{DONE, Done, Ended, usage};
use crate::cli::output::Text;
use crate::cli::session_text::changed;
use crate::id::{SessionId, SessionRef};

/// Shows what a session took of its budget for models, or sets it; what stood still for it goes on
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The session
    #[arg(value_name = "ID")]
    session: SessionId,
    /// The most that its models may cost, in US dollars
    #[arg(long, value_name = "AMOUNT")]
    usd: Option<String>,
    /// The most tokens that they may take, prompts and answers together
    #[arg(long, value_name = "COUNT")]
    tokens: Option<u64>,
}

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    let cost_micros = args.usd.as_deref().map(micros).transpose()?;
    if cost_micros.is_none() && args.tokens.is_none() {
        let view = desk.ask(ShowRequest { session: SessionRef { session: args.session, version: None } }).await?;
        if desk.out.json() {
            let usage = serde_json::to_value(&view.usage).expect("plain data serialises");
            desk.out.object(&json!({"schema": "paraph.budget/1", "session": view.id, "usage": usage}))?;
        } else {
            let usage = &view.usage;
            let (input, output, cost) = (usage.input_tokens, usage.output_tokens, price(&usage.cost_usd));
            let usd = usage.limit_usd.as_ref().map(|most| format!("${most}"));
            let tokens = usage.limit_tokens.map(|most| format!("{most} tokens"));
            let most: Vec<String> = usd.into_iter().chain(tokens).collect();
            let most = if most.is_empty() { String::new() } else { format!("; it may take {}", most.join(" and ")) };
            let running = usage.reserved_usd.as_deref().map_or_else(String::new, |usd| {
                format!("; calls that run may take {} tokens more, {}", usage.reserved_tokens, price(usd))
            });
            let took = format!("session {} took {input} tokens in, {output} out, {cost}{running}{most}", view.id);
            desk.out.line(Text::new().plain(took))?;
        }
        return Ok(DONE);
    }
    let service = desk.service().await?;
    let request = BudgetRequest { session: args.session, cost_micros, tokens: args.tokens };
    let view = desk.ask_on(service.as_ref(), request).await?;
    changed(&view, desk)
}

/// An amount of dollars for people; a price that is not known says so.
pub(crate) fn price(usd: &str) -> String {
    match usd.split_once('+') {
        Some((known, _)) => format!("${known} and calls whose price is unknown"),
        None if usd.starts_with(|first: char| first.is_ascii_digit()) => format!("${usd}"),
        None => "price unknown".to_owned(),
    }
}

/// Dollars as people write them, in millionths.
pub(crate) fn micros(text: &str) -> Result<u64, Ended> {
    micros_of(text).ok_or_else(|| usage(format!("`{text}` is no amount of dollars")).hint("--usd 2.50").into())
}
