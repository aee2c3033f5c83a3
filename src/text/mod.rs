//! Text from outside, made safe before anybody prints it.
//!
//! Code, names, logs, model replies and forge texts are [`Untrusted`]: the type has no `Display`; only
//! [`Untrusted::display`] and its kin give something printable, a [`Safe`], with control, bidirectional and
//! invisible characters as visible marks. Logs keep their colours and nothing else ([`sanitize_log`]); keys are
//! found by [`SecretScanner`] and hidden by [`SecretMask`], of which [`LiveMask`] is the one that goes on learning.

mod ansi;
mod counted;
mod mask;
mod near;
mod safe;
mod secrets;
mod shell;
mod slip;
mod untrusted;
pub mod width;
mod words;

pub use ansi::{LogFilter, sanitize_log, strip_ansi};
pub use counted::{counted, sized};
pub use mask::{HIDDEN_KEY, LiveMask, Masked, Pieces, SecretMask, redaction_marks};
pub use near::near;
pub use safe::{DisplayOptions, Newlines, Safe, display_bytes};
pub use secrets::{Finding, RuleInfo, SecretScanner};
pub use shell::shell_word;
pub use slip::{line_of, nearest};
pub use untrusted::Untrusted;
pub use words::Words;
