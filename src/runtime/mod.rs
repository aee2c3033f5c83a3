//! The runtime: one thread that decides and records, workers that do what is owed.
//!
//! Everything that moves a session enters by the inbox. The core thread decides, appends to the journal, and only
//! when that is durable does it answer, tell the clients and hand out work. It is the one owner of journal, store and
//! live sessions.

mod adoption;
mod answer;
mod bare;
mod between;
mod billed;
mod carried;
mod coming;
mod comparison;
mod core;
mod desk;
mod dispatch;
mod documents;
mod ear;
mod field;
mod folds;
mod follow;
mod held;
mod house;
mod metrics;
mod order;
mod overridden;
mod ports;
mod purse;
mod recent;
pub mod records;
mod replay;
mod service;
mod spoken;
mod stage;
mod start;
mod tables;
mod texts;
mod trust;
mod views;
mod work;
mod workbench;

pub use house::HouseEvent;
pub use ports::{Engines, Operator, Ports, Settings};
pub use replay::replay;
pub use service::Runtime;
pub use start::{Home, StartError, Started, rebuild};
pub use workbench::{ConfinementFacts, DaemonFacts, LocalWorkbench, MachineFacts, WorkbenchParts};

#[cfg(test)]
mod tests;
