//! What models may take, asked before a session is: nothing is started by it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::request::RunRequest;
use crate::text::counted;

/// What the models of a session would take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EstimateRequest {
    /// The session as it would be asked for.
    pub run: RunRequest,
}

/// What the models of a session may take. Amounts are dollars as decimal strings; `unknown` where a price is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EstimateView {
    /// `paraph.estimate/1`
    pub schema: String,
    /// Where each first answer counts.
    pub least_usd: String,
    /// Where every answer is sent back as often as it may be, within the limits: less than the least where a limit does
    /// not reach for that.
    pub most_usd: String,
    /// Tokens of prompt and answer at least.
    pub least_tokens: u64,
    /// The same at most.
    pub most_tokens: u64,
    /// The limit that holds the most down: `session` or `day`; empty where none does.
    pub held_by: String,
    /// By role, in the order in which they are asked; empty where no model is.
    pub roles: Vec<RoleEstimateView>,
}

/// What one role may take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RoleEstimateView {
    /// The role.
    pub role: String,
    /// The model that it asks first.
    pub model: String,
    /// Calls at least.
    pub least_calls: u32,
    /// Calls at most.
    pub most_calls: u32,
    /// Tokens of prompt and answer at least.
    pub least_tokens: u64,
    /// The same at most.
    pub most_tokens: u64,
    /// Dollars at least.
    pub least_usd: String,
    /// Dollars at most.
    pub most_usd: String,
    /// Where the price comes from; empty where it is not known.
    pub prices: String,
}

impl EstimateView {
    /// In one line, for people.
    #[must_use]
    pub fn words(&self) -> String {
        if self.roles.is_empty() {
            return "no model is asked: it costs nothing".to_owned();
        }
        if let Some(over) = self.over() {
            return over;
        }
        let held = match self.held_by.as_str() {
            "" => String::new(),
            limit => format!(" (the {limit}'s limit)"),
        };
        let tokens = format!("{} to {} tokens", self.least_tokens, self.most_tokens);
        if self.least_usd == "unknown" || self.most_usd == "unknown" {
            let mut unknown: Vec<&str> =
                self.roles.iter().filter(|role| role.most_usd == "unknown").map(|role| role.model.as_str()).collect();
            unknown.dedup();
            let of = if unknown.len() == 1 { unknown[0].to_owned() } else { counted(unknown.len(), "model") };
            return format!("models may take {tokens}{held}; the price of {of} is unknown");
        }
        format!("models may cost about ${} to at most ${}{held}: {tokens}", self.least_usd, self.most_usd)
    }

    /// That a limit allows less than is needed, and which setting it is: there is no range then.
    fn over(&self) -> Option<String> {
        if self.least_tokens > self.most_tokens {
            let (least, most) = (self.least_tokens, self.most_tokens);
            return Some(format!("models need {least} tokens at least, and budget.session_tokens allows {most}"));
        }
        let dollars = |amount: &str| amount.parse::<f64>().ok();
        let is_over = dollars(&self.least_usd)? > dollars(&self.most_usd)?;
        let key = if self.held_by == "day" { "budget.day_cents" } else { "budget.session_cents" };
        is_over.then(|| format!("models cost ${} at least, and {key} allows ${}", self.least_usd, self.most_usd))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(least: &str, most: &str) -> RoleEstimateView {
        RoleEstimateView {
            role: "implementer".to_owned(),
            model: "acme/m".to_owned(),
            least_calls: 1,
            most_calls: 4,
            least_tokens: 10,
            most_tokens: 900,
            least_usd: least.to_owned(),
            most_usd: most.to_owned(),
            prices: String::new(),
        }
    }

    #[track_caller]
    fn check(least: &str, most: &str, held_by: &str, expected: &str) {
        let view = EstimateView {
            least_usd: least.to_owned(),
            most_usd: most.to_owned(),
            least_tokens: 10,
            most_tokens: 900,
            held_by: held_by.to_owned(),
            roles: vec![role(least, most)],
            ..EstimateView::default()
        };
        assert_eq!(view.words(), expected);
    }

    #[test]
    fn a_limit_that_does_not_reach_is_told_as_one() {
        let over = "models cost $0.0421 at least, and budget.session_cents allows $0.01";
        check("0.0421", "0.01", "session", over);
        check("10.50", "9.00", "day", "models cost $10.50 at least, and budget.day_cents allows $9.00");
        let role = RoleEstimateView { most_tokens: 9000, ..role("0.01", "0.02") };
        let (least_usd, most_usd) = (role.least_usd.clone(), role.most_usd.clone());
        let view =
            EstimateView { least_tokens: 4200, most_tokens: 3000, least_usd, most_usd, ..EstimateView::default() };
        let view = EstimateView { roles: vec![role], ..view };
        assert_eq!(view.words(), "models need 4200 tokens at least, and budget.session_tokens allows 3000");
    }

    #[test]
    fn what_is_not_known_is_not_guessed() {
        check(
            "0.01",
            "1.00",
            "session",
            "models may cost about $0.01 to at most $1.00 (the session's limit): 10 to 900 tokens",
        );
        check("0.01", "0.20", "", "models may cost about $0.01 to at most $0.20: 10 to 900 tokens");
        check(
            "unknown",
            "unknown",
            "session",
            "models may take 10 to 900 tokens (the session's limit); the price of acme/m is unknown",
        );
        assert_eq!(EstimateView::default().words(), "no model is asked: it costs nothing");
    }
}
