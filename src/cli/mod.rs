//! The command line: one file a verb, each an `Args` struct that carries its help and one function.
//!
//! [`run`] parses, carries out one verb and gives its exit status (design §6). Nothing here knows a concrete
//! adapter: a [`World`] holds the way to the service, the workbench, the streams and the other rooms of the house.
//! Only [`output`](self) writes to a stream.

mod command;
mod decision;
mod desk;
mod ended;
mod environment;
mod goal;
mod hang;
mod output;
mod pane;
mod patch_text;
mod progress;
mod session_text;
mod verbs;
mod world;

pub use command::run;
pub use environment::for_checks;
pub use world::{ConfigAsk, ConfigReport, Edited, InitReport, IssueRead, Launch, Setting, Streams, Terminal, World};
