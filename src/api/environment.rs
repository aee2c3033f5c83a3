//! Which variables of a person's environment the checks may see: toolchains and locale, never keys or tokens. A client
//! sends no others, and the service drops what it is sent beyond them.

pub use crate::infrastructure::confinement::toolchains::{
    PASSED_ON as ALLOWED_VARIABLES, PASSED_ON_PREFIX as ALLOWED_VARIABLE_PREFIX, is_passed_on as is_allowed_variable,
};
