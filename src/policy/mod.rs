//! Policy: a change in, violations out.

mod violation;

pub use violation::{Policy, PolicySettings, Severity, Violation};
