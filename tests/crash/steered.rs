//! The daemon is killed right after it acknowledged a person's words to an agent.

use crate::den::{Den, FILE, GOAL, eventually};

const AGENT: &str = include_str!("../engines/agent.py");

#[test]
fn words_that_were_acknowledged_survive_a_daemon_that_is_killed() {
    let den = Den::new();
    let repository = den.repository("shop", &[("a.py", FILE), ("tool/agent.py", AGENT)]);
    let repo = repository.path.to_str().unwrap();
    let agent = "python3 tool/agent.py steered";
    let started = den.run(&["run", GOAL, "--repo", repo, "--agent", agent, "--json"]).ended(0);
    let id = started.json()["id"].to_string();
    eventually("its thoughts", || {
        let logs = den.run(&["log", &id, "--check", "draft", "--json"]);
        let live = logs.done().then(|| logs.json()["logs"][0]["live"].as_str().map(str::to_owned)).flatten()?;
        std::fs::read_to_string(live).ok()?.contains("thinking").then_some(())
    });
    den.run(&["steer", &id, "-m", "use a list"]).ended(0);
    assert!(den.kill_daemon());
    eventually("the version of the next attempt", || {
        let view = den.run(&["show", &id, "--json"]).json();
        (view["state"] == "Scored").then_some(())
    });
    assert!(den.run(&["diff", &id]).out.contains("use a list"), "the next attempt was told");
    let entries = den.entries(&id);
    let named = |name: &str| entries.iter().filter(|entry| entry["event"] == name).count();
    assert_eq!((named("steered"), named("thread-opened")), (1, 0));
    den.is_sound();
}
