//! Eight processes decide on the same version at once.

use crate::den::{Den, GOAL, Said};

fn told_who_and_when(said: &Said) {
    said.is_a_good_refusal();
    assert!(said.err.contains("approve") || said.err.contains("reject") || said.err.contains("request"), "{said:#?}");
    assert!(said.err.contains('@'), "by whom: {said:#?}");
    let when = said.err.split_whitespace().any(|word| word.starts_with("20") && word.contains("-"));
    assert!(when, "when: {said:#?}");
}

#[test]
fn of_eight_that_decide_at_once_one_wins_and_the_others_are_told_who_and_when() {
    let den = Den::new();
    let repository = den.small_repository("repo");
    for round in 1..=6 {
        let seen = den.run(&["run", GOAL, "--repo", repository.arg(), "--wait", "--json"]);
        seen.has_not_panicked();
        let digest = seen.json()["versions"][0]["patch_sets"][0]["digest"].as_str().unwrap().to_owned();
        let id = format!("{round}@v1");
        let said: Vec<Said> = std::thread::scope(|scope| {
            let decide = |n: usize| {
                let verb = ["approve", "reject", "request-changes"][(n + round) % 3];
                den.run(&[verb, &id, "--digest", &digest, "-m", "my word"])
            };
            let all: Vec<_> = (0..8).map(|n| scope.spawn(move || decide(n))).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert_eq!(said.iter().filter(|one| one.done()).count(), 1, "{said:#?}");
        for loser in said.iter().filter(|one| !one.done()) {
            told_who_and_when(&loser.clone().ended(5));
        }
        let entries = den.entries(&round.to_string());
        let words = ["approved", "rejected", "changes-requested"];
        let decisions = entries.iter().filter(|entry| words.iter().any(|word| entry["event"] == *word)).count();
        assert_eq!(decisions, 1, "{entries:#?}");
        // whoever comes later, and with another version's digest, hears of a conflict too
        let late = den.run(&["reject", &id, "--digest", "0123456789abcdef", "-m", "late"]).ended(5);
        late.is_a_good_refusal();
    }
    den.is_sound();
}
