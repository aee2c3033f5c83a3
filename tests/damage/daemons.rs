//! A daemon whose journal cannot be written any more: nothing acknowledged is lost, and the next command goes on.

use std::process::{Command, Output, Stdio};

struct House {
    folder: tempfile::TempDir,
}

impl House {
    fn new() -> Self {
        let house = Self { folder: tempfile::tempdir().unwrap() };
        for name in ["home", "repo"] {
            std::fs::create_dir(house.at(name)).unwrap();
        }
        let made = Command::new("git").args(["init", "-q"]).current_dir(house.at("repo")).status();
        assert!(made.unwrap().success());
        house
    }

    fn at(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn in_it(&self, command: &mut Command) -> Output {
        command.env_clear().env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin").env("HOME", self.folder.path());
        command.env("PARAPH_HOME", self.at("home")).env("P", env!("CARGO_BIN_EXE_paraph"));
        command.env("REPO", self.at("repo")).env("OUT", self.folder.path()).current_dir(self.folder.path());
        command.stdin(Stdio::null()).output().unwrap()
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.at(name)).unwrap_or_default().trim().to_owned()
    }
}

/// Root of a namespace of its own, on a disk of a few megabytes: trust is given and taken back until the journal has no
/// room for it, then there is room again.
const FULL: &str = r#"
set -u
mount -t tmpfs -o size=12m none "$PARAPH_HOME" || { echo "may not mount" >&2; exit 77; }
"$P" trust "$REPO" >"$OUT/first" 2>&1 || exit 70
head -c 20000000 /dev/zero > "$PARAPH_HOME/ballast" 2>/dev/null
done=1
for n in $(seq 200); do
  "$P" trust "$REPO" --revoke >/dev/null 2>"$OUT/refused" || break; done=$((done + 1))
  "$P" trust "$REPO" >/dev/null 2>"$OUT/refused" || break; done=$((done + 1))
done
"$P" audit verify >"$OUT/full" 2>&1; echo $? > "$OUT/full.status"
rm "$PARAPH_HOME/ballast"
for word in "" --revoke ""; do "$P" trust "$REPO" $word >"$OUT/room" 2>&1 && done=$((done + 1)); done
echo $done > "$OUT/acknowledged"
"$P" daemon stop >/dev/null
"$P" audit verify --json >"$OUT/verified" 2>&1
"$P" trust "$REPO" --show >"$OUT/after" 2>&1
"$P" daemon stop >/dev/null
cat "$PARAPH_HOME"/logs/daemon.log > "$OUT/log"
exit 0
"#;

#[test]
fn a_journal_without_room_refuses_and_goes_on_when_there_is_some() {
    let house = House::new();
    let as_user: &[&str] = if rustix::process::geteuid().is_root() { &[] } else { &["--user", "--map-root-user"] };
    let ran = house.in_it(Command::new("unshare").args(as_user).args(["--mount", "sh", "-c", FULL]));
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    if said.contains("may not mount") || said.contains("unshare") {
        eprintln!("skipped: no mounting here ({said}); the fault points stand in for the disk");
        return;
    }
    assert!(ran.status.success(), "{said} {}", house.read("first"));
    let refused = house.read("refused");
    assert!(refused.contains("error: ") && refused.contains("hint: "), "it never was full, or was not told: {refused}");
    assert_eq!(house.read("full.status"), "0", "{}", house.read("full"));
    let verified: serde_json::Value = serde_json::from_str(&house.read("verified")).unwrap();
    let acknowledged: u64 = house.read("acknowledged").parse().unwrap();
    assert_eq!(verified["ok"], true, "{verified}");
    assert!(verified["entries"].as_u64().unwrap() >= acknowledged, "{acknowledged} were acknowledged: {verified}");
    assert!(house.read("after").ends_with(" trusted"), "{} {}", house.read("room"), house.read("after"));
    assert!(!house.read("after").contains("not trusted"), "{}", house.read("after"));
    assert!(!house.read("log").contains("panicked"), "{}", house.read("log"));
}

/// What the disk holds after a sync that failed nobody knows: that daemon ends, whoever asked is told, and the next one
/// verifies what it finds before it goes on.
#[cfg(debug_assertions)]
#[test]
fn a_journal_that_cannot_be_trusted_ends_its_daemon_and_the_next_one_verifies() {
    let house = House::new();
    let paraph = |arguments: &[&str], fault: Option<&str>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_paraph"));
        command.args(arguments).arg(house.at("repo")).env_clear();
        let environment = [("HOME", house.at("")), ("PARAPH_HOME", house.at("home")), ("PATH", "/usr/bin:/bin".into())];
        command.envs(environment).envs(fault.map(|fault| ("PARAPH_FAULT", fault))).stdin(Stdio::null());
        let output = command.output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    };
    let pid = || {
        let facts = std::fs::read(house.at("home/run/daemon.json")).ok()?;
        serde_json::from_slice::<serde_json::Value>(&facts).ok()?["pid"].as_i64()
    };
    let (done, said) = paraph(&["trust"], Some("journal.before-sync:2:eio"));
    assert!(done, "{said}");
    let first = pid().expect("a daemon serves");
    let (done, said) = paraph(&["trust", "--revoke"], None);
    assert!(!done && said.contains("hint: "), "{said}");
    let (done, said) = paraph(&["trust", "--show"], None);
    assert!(done && !said.contains("not trusted"), "what was refused does not count: {said}");
    assert_ne!(pid(), Some(first), "another daemon serves");
    let (done, said) = paraph(&["trust", "--revoke"], None);
    assert!(done, "{said}");
    let stopped = house.in_it(Command::new(env!("CARGO_BIN_EXE_paraph")).args(["daemon", "stop"]));
    let verified = house.in_it(Command::new(env!("CARGO_BIN_EXE_paraph")).args(["audit", "verify", "--json"]));
    let verified: serde_json::Value = serde_json::from_slice(&verified.stdout).unwrap();
    assert!(stopped.status.success() && verified["ok"] == true, "{verified}");
    assert_eq!(verified["entries"], 2, "one trusted, one took it back: {verified}");
}
