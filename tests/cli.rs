//! The command line against a scripted service: grammar, exit statuses, JSON, prompts, hostile text.

#[path = "cli/bench.rs"]
mod bench;
#[path = "cli/candidates.rs"]
mod candidates;
#[path = "cli/contract.rs"]
mod contract;
#[path = "cli/decisions.rs"]
mod decisions;
#[path = "cli/help.rs"]
mod help;
#[path = "cli/hostile.rs"]
mod hostile;
#[path = "cli/paging.rs"]
mod paging;
#[path = "cli/sample.rs"]
mod sample;
#[path = "cli/waiting.rs"]
mod waiting;
#[path = "cli/words.rs"]
mod words;
