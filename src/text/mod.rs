//! Text from outside, made safe before anybody prints it.
//!
//! Code, names, logs, model replies and forge texts are [`Untrusted`]: the type has no `Display`; only
//! [`Untrusted::display`] gives something printable, with control, bidirectional and invisible characters as
//! visible marks.

mod untrusted;

pub use untrusted::Untrusted;
