//! The core under random histories: replay is the live state, nothing owed is forgotten, nothing is published without
//! an approval of exactly that digest.
//!
//! `PARAPH_MODEL=1000x1000 cargo test --release --test model` takes a million steps; `cargo bench --bench model` too.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/model.rs"]
mod model;
#[path = "support/story.rs"]
mod story;

use proptest::prelude::*;

#[test]
fn random_histories_keep_every_promise() {
    let (histories, steps) = model::size((100, 200));
    let seen = model::run(1, histories, steps);
    for name in model::MUST_BE_SEEN {
        assert!(seen.contains_key(name), "no history of {histories}x{steps} ever recorded `{name}`: {seen:?}");
    }
}

/// What a short history is made of: numbers that choose, so that proptest can shrink them.
fn run_choices(choices: &[(u64, u8)]) {
    let mut history = model::History::new(choices.first().map_or(0, |(seed, _)| *seed));
    for (seed, repeat) in choices {
        history.reseed(*seed);
        for _ in 0..*repeat {
            history.step();
        }
        history.finish();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn short_histories_keep_every_promise(choices in prop::collection::vec((0_u64..1_000_000, 0_u8..12), 1..12)) {
        run_choices(&choices);
    }
}
