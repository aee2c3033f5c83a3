//! `cargo bench --bench model`: a million random steps over the core, every promise checked after each; under a minute.

#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

#[path = "../support/model.rs"]
mod model;
#[path = "../support/story.rs"]
mod story;

use std::time::Instant;

fn main() {
    let (histories, steps) = model::size((1000, 1000));
    let started = Instant::now();
    let seen = model::run(1, histories, steps);
    let took = started.elapsed();
    let events: u64 = seen.values().sum();
    println!("{histories} histories of {steps} steps: {events} events in {:.1} s", took.as_secs_f64());
    for (name, count) in &seen {
        println!("  {count:>9}  {name}");
    }
    for name in model::MUST_BE_SEEN {
        assert!(seen.contains_key(name), "`{name}` was never recorded");
    }
    assert!(took.as_secs() < 60 || histories * steps > 1_000_000, "a million steps take under a minute");
}
