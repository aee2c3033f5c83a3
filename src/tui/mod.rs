//! The terminal screens.
//!
//! `Msg → update(&mut Model, Msg) → tasks` is pure and synchronous, `view(&Model)` only draws, and the shell is the
//! one place that waits: for keys, for the service, for workers.

mod actions;
mod arming;
mod asks;
#[cfg(test)]
mod bench;
#[cfg(test)]
mod bench_figures;
#[cfg(test)]
mod bench_world;
mod budget_keys;
mod comparison_keys;
mod diff_keys;
mod diff_view;
mod draft_keys;
mod hold_keys;
mod input;
mod inputs;
mod keymap;
mod keys;
mod log_text;
mod look_around;
mod model;
mod own_version;
mod rewrite_keys;
mod screens;
mod search;
mod shell;
mod terminal;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_around;
#[cfg(test)]
mod tests_budget;
#[cfg(test)]
mod tests_by_hand;
#[cfg(test)]
mod tests_carried;
#[cfg(test)]
mod tests_comparison;
#[cfg(test)]
mod tests_edges;
#[cfg(test)]
mod tests_reading;
#[cfg(test)]
mod tests_runs;
#[cfg(test)]
mod tests_search;
#[cfg(test)]
mod tests_shipping;
#[cfg(test)]
mod tests_since;
#[cfg(test)]
mod tests_ticks;
mod texts;
mod theme;
mod theme_lint;
mod tick_keys;
mod trust_keys;
mod update;
mod view;
mod widgets;
mod window_keys;
mod words;
mod work;

pub use actions::{Action, Context};
pub use keymap::{Keymap, KeymapError};
pub use shell::{ReadIssue, TuiError, TuiOptions, run};
pub use theme::{ColorDepth, Role, Theme, ThemeError};
pub use theme_lint::{lint as lint_theme, lint_shipped as lint_shipped_themes};
