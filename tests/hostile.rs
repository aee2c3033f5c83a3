//! Hostile patches by the thousand, made from seeds: nothing panics, nothing is written outside, and what is taken is
//! what git would have made of it.
//!
//! 400 seeds in every run; `PARAPH_HOSTILE=10000 cargo test --test hostile` runs as many as it says, `=6735..6736` those.

#[path = "support/git.rs"]
mod git;

#[path = "fuzz/targets.rs"]
mod targets;

#[path = "hostile/choices.rs"]
mod choices;
#[path = "hostile/fuzz.rs"]
mod fuzz;
#[path = "hostile/lab.rs"]
mod lab;
#[path = "hostile/mirror.rs"]
mod mirror;
#[path = "hostile/mutations.rs"]
mod mutations;
#[path = "hostile/parts.rs"]
mod parts;
#[path = "hostile/reading.rs"]
mod reading;
#[path = "hostile/recipes.rs"]
mod recipes;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use lab::Lab;

/// The seeds of an ordinary run: every recipe some twenty times, in seconds.
const FEW: u64 = 400;
/// Problems that are told; more would tell nobody more.
const TOLD: usize = 12;

fn wanted() -> std::ops::Range<u64> {
    let Ok(said) = std::env::var("PARAPH_HOSTILE") else { return 0..FEW };
    let number = |text: &str| text.parse().expect("PARAPH_HOSTILE is a number of seeds, or `from..to`");
    match said.split_once("..") {
        Some((from, to)) => number(from)..number(to),
        None => 0..number(&said),
    }
}

#[derive(Default)]
struct Tally {
    outcomes: BTreeMap<&'static str, usize>,
    recipes: BTreeMap<&'static str, BTreeMap<&'static str, usize>>,
    problems: Vec<String>,
}

#[test]
fn hostile_patches_do_no_harm() {
    let seeds = wanted();
    let next = AtomicU64::new(seeds.start);
    let tally = Mutex::new(Tally::default());
    let work = || {
        let lab = Lab::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                break lab.is_as_it_was();
            }
            let patch = recipes::patch(seed, lab.base(), lab.outside());
            let result = lab.try_patch(&patch.bytes);
            let mut tally = tally.lock().expect("no thread panics with it");
            let outcome = result.unwrap_or_else(|problem| {
                let text: String = String::from_utf8_lossy(&patch.bytes).chars().take(1500).collect();
                tally.problems.push(format!("seed {seed} ({}): {problem}\n{}", patch.recipe, text.escape_debug()));
                "problem"
            });
            *tally.outcomes.entry(outcome).or_default() += 1;
            *tally.recipes.entry(patch.recipe).or_default().entry(outcome).or_default() += 1;
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, |cores| cores.get().min(4)) {
            scope.spawn(work);
        }
    });
    let tally = tally.into_inner().expect("no thread panicked");
    // told where somebody asked for a number of them
    let told = format!("{} patches: {:#?}\n{:#?}\n", seeds.end - seeds.start, tally.outcomes, tally.recipes);
    if std::env::var_os("PARAPH_HOSTILE").is_some() {
        std::io::stdout().write_all(told.as_bytes()).expect("somebody reads it");
    }
    let told = tally.problems.iter().take(TOLD).map(String::as_str).collect::<Vec<_>>().join("\n\n");
    assert!(tally.problems.is_empty(), "{} problems\n\n{told}", tally.problems.len());
    let count = seeds.end - seeds.start;
    if count < FEW {
        return;
    }
    let at_least = |outcome: &str, percent: u64| {
        let found = tally.outcomes.get(outcome).copied().unwrap_or_default() as u64;
        assert!(found * 100 >= percent * count, "the generator makes too few that are {outcome}: {:?}", tally.outcomes);
    };
    let stricter = tally.outcomes.get("stricter than git").copied().unwrap_or_default() as u64;
    assert!(stricter * 100 <= 9 * count, "too much is refused that git takes: {:?}", tally.outcomes);
    at_least("same", 8);
    at_least("blocked", 10);
    at_least("both refuse", 15);
}
