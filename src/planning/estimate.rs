//! What a session's models may take, told before the first is asked and recorded with the session.

use serde::{Deserialize, Serialize};

use super::{Role, SEND_BACKS};

/// What all roles of a session may take. The least is what it takes where each first answer counts; the most is what
/// it takes where every answer is sent back as often as it may be, and never more than the limits that hold it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Estimate {
    /// By role, in the order in which they are asked.
    pub roles: Vec<RoleEstimate>,
    /// Tokens of prompt and answer at least.
    pub least_tokens: u64,
    /// The same at most.
    pub most_tokens: u64,
    /// Millionths of a dollar at least; missing where a price is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least_micros: Option<u64>,
    /// The same at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most_micros: Option<u64>,
    /// The limit that holds the most down: `session` or `day`; empty where none does.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub held_by: String,
}

/// What one role may take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleEstimate {
    /// The role.
    pub role: Role,
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
    /// Millionths of a dollar at least; missing where the price is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least_micros: Option<u64>,
    /// The same at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most_micros: Option<u64>,
    /// Where the price comes from; empty where it is not known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prices: String,
}

/// The most calls of a role whose answer has a schema, for each time that it is needed.
pub const CALLS_A_STAGE: u32 = 1 + SEND_BACKS as u32;

impl Estimate {
    /// The sum of `roles`, held down by what a session and a day may take.
    #[must_use]
    pub fn of(roles: Vec<RoleEstimate>, tokens: Option<u64>, session: Option<u64>, day: Option<u64>) -> Self {
        let sum = |pick: fn(&RoleEstimate) -> u64| roles.iter().map(pick).fold(0, u64::saturating_add);
        let known = |pick: fn(&RoleEstimate) -> Option<u64>| {
            roles.iter().map(pick).try_fold(0u64, |sum, part| Some(sum.saturating_add(part?)))
        };
        let (mut most_micros, mut most_tokens) = (known(|role| role.most_micros), sum(|role| role.most_tokens));
        let mut held_by = String::new();
        if let Some(limit) = tokens.filter(|limit| *limit < most_tokens) {
            (most_tokens, held_by) = (limit, "session".to_owned());
        }
        for (limit, name) in [(session, "session"), (day, "day")] {
            if let (Some(limit), Some(most)) = (limit, most_micros)
                && limit < most
            {
                (most_micros, held_by) = (Some(limit), name.to_owned());
            }
        }
        let least_tokens = sum(|role| role.least_tokens);
        Self { least_micros: known(|role| role.least_micros), roles, least_tokens, most_tokens, most_micros, held_by }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(tokens: (u64, u64), micros: Option<(u64, u64)>) -> RoleEstimate {
        RoleEstimate {
            role: Role::Implementer,
            model: "a/b".to_owned(),
            least_calls: 1,
            most_calls: 4,
            least_tokens: tokens.0,
            most_tokens: tokens.1,
            least_micros: micros.map(|micros| micros.0),
            most_micros: micros.map(|micros| micros.1),
            prices: String::new(),
        }
    }

    #[test]
    fn sums_are_held_down_and_what_is_unknown_stays_unknown() {
        let both = || vec![role((10, 100), Some((1, 50))), role((20, 200), Some((2, 60)))];
        let found = Estimate::of(both(), Some(1000), Some(1000), None);
        assert_eq!((found.least_tokens, found.most_tokens, found.held_by.as_str()), (30, 300, ""));
        assert_eq!((found.least_micros, found.most_micros), (Some(3), Some(110)));
        let found = Estimate::of(both(), None, Some(100), Some(90));
        assert_eq!((found.most_micros, found.held_by.as_str()), (Some(90), "day"));
        let found = Estimate::of(both(), Some(250), Some(100), Some(900));
        assert_eq!((found.most_tokens, found.most_micros, found.held_by.as_str()), (250, Some(100), "session"));
        let found = Estimate::of([both(), vec![role((1, 1), None)]].concat(), None, Some(5), None);
        assert_eq!((found.least_micros, found.most_micros, found.most_tokens), (None, None, 301));
    }
}
