//! Validation: the checks of a version, run on base and proposal, and what they found.

mod check;
mod result;

pub use check::{Check, CheckKind, CheckPlan, CommandLine, Setup};
pub use result::{
    BaselineStatus, CheckResult, CheckStatus, Progress, TestTally, ValidationJob, ValidationResult, Validator,
    ValidatorError,
};
