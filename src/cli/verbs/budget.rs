//! `paraph budget`

use serde_json::json;

use crate::api::{BudgetRequest, ShowRequest};
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
            let took = format!("session {} took {input} tokens in, {output} out, {cost}", view.id);
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

/// Dollars as people write them, in millionths; nothing is rounded.
pub(crate) fn micros(text: &str) -> Result<u64, Ended> {
    let wrong = || usage(format!("`{text}` is no amount of dollars")).hint("--usd 2.50");
    let (whole, part) = text.trim_start_matches('$').split_once('.').unwrap_or((text.trim_start_matches('$'), ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 9 || part.len() > 6 || !digits(whole) || !digits(part) {
        return Err(wrong().into());
    }
    let whole: u64 = whole.parse().map_err(|_| wrong())?;
    let part: u64 = format!("{part:0<6}").parse().map_err(|_| wrong())?;
    Ok(whole * 1_000_000 + part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_exactly() {
        for (text, expected) in [("2", 2_000_000), ("2.5", 2_500_000), ("$0.000001", 1), ("12.30", 12_300_000)] {
            assert_eq!(micros(text).ok(), Some(expected), "{text}");
        }
        for wrong in ["", ".5", "-1", "1e3", "1.0000001", "two", "9999999999"] {
            assert!(micros(wrong).is_err(), "{wrong}");
        }
    }
}
