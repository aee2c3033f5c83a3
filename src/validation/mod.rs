//! Validation: the checks of a version, run on base and proposal, and what they found.
//!
//! [`discover`] finds checks in the base, [`RepositoryConfig`] reads the ones that a repository names itself,
//! [`read_run`] turns outputs and reports into [`TestOutcomes`], [`compare`] says what a change broke and fixed.

mod check;
mod compare;
mod config;
mod discover;
mod local;
mod reports;
mod result;

pub use check::{Check, CheckKind, CheckPlan, CommandLine, Setup};
pub use compare::{Run, RunEnd, Verdict, compare};
pub use config::{ConfigError, ConfigLimits, ConfigProblem, RepositoryConfig, RepositoryPolicy};
pub use discover::{BUILD_TIMEOUT_S, Surroundings, TEST_TIMEOUT_S, discover, lockfiles};
pub use local::{LocalLimits, LocalPorts, LocalValidator};
pub use reports::{TestOutcomes, missing_from_environment, read_output, read_report, read_run};
pub use result::{
    BaselineStatus, CheckResult, CheckStatus, Progress, Reclaimed, RunAgain, RunSide, Sides, TestTally, ValidationJob,
    ValidationResult, Validator, ValidatorError,
};
