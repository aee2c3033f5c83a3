//! The core, told: every phase against every input, folding step by step, and events as the journal keeps them.

#[path = "../../../tests/support/story.rs"]
mod story;

mod candidates;
mod events;
mod folding;
mod money;
mod offers;
mod parts;
mod stages;
mod steering;
mod table;

use super::*;

/// Compares with `snapshots/<name>.snap`.
#[track_caller]
fn snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}
