//! The daemon is killed at random moments, again and again, while somebody works.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use crate::den::Den;
use crate::for_each;
use crate::wish::Wish;

/// Kills in all. // R1: 60 in CI
const KILLS: u32 = 60;
/// Kills that one session has to stand.
const IN_A_SESSION: u32 = 3;

/// The next number of a sequence that a seed names. // Knuth's MMIX constants
fn next(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *seed >> 33
}

fn survives(seed: u64) -> u32 {
    let den = Den::new();
    let repository = den.small_repository("repo");
    let over = AtomicBool::new(false);
    let killed = AtomicU32::new(0);
    let mut wish = Wish::new(&den, &repository);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut seed = seed;
            while killed.load(Ordering::SeqCst) < IN_A_SESSION && !over.load(Ordering::SeqCst) {
                // the moment is what is random here, not what is waited for
                std::thread::sleep(Duration::from_millis(next(&mut seed) % 350));
                killed.fetch_add(u32::from(den.kill_daemon()), Ordering::SeqCst);
            }
        });
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| wish.comes_true()));
        over.store(true, Ordering::SeqCst);
        if let Err(panic) = done {
            std::panic::resume_unwind(panic);
        }
    });
    wish.was_done_once(1);
    killed.into_inner()
}

#[test]
fn sixty_kills_at_random_moments_lose_and_repeat_nothing() {
    let kills = AtomicU32::new(0);
    let seeds: Vec<u64> =
        (0..u64::from(KILLS / IN_A_SESSION)).map(|n| 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(n + 1)).collect();
    for_each(&seeds, |seed| {
        kills.fetch_add(survives(*seed), Ordering::SeqCst);
    });
    assert!(kills.load(Ordering::SeqCst) > KILLS / 2, "only {} kills came in time", kills.load(Ordering::SeqCst));
}
