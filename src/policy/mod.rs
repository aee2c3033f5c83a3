//! Policy: a change in, violations out.
//!
//! [`RULES`] is the list of everything that can be found, as data: id, severity at first, and why it is a rule.
//! [`PathPolicy`] judges paths alone and stands before anything is placed; [`BuiltInPolicy`] judges a whole change.
//! Settings only raise: no repository and no patch can make a rule milder.

mod built_in;
mod paths;
mod rules;
mod violation;

pub use built_in::{BuiltInPolicy, with_recorded};
pub use paths::{PathPolicy, Touch};
pub use rules::{RULES, Rule, RuleClass, rule};
pub use violation::{Policy, PolicySettings, Severity, Violation};
