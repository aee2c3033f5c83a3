//! The machine: git, the repository one stands in, confinement, toolchains, the terminal.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Resource, getrlimit};

use super::{ConfinementFacts, MachineFacts, fail, ok, warn};
use crate::api::DoctorLine;
use crate::cancel::Cancel;
use crate::id::HostPath;
use crate::infrastructure::confinement::{Level, toolchains};
use crate::infrastructure::process::{Git, GitError};
use crate::repository::{Source, VcsError};
use crate::runtime::workbench::WorkbenchParts;

/// 2.30: the oldest that distributions with support still ship.
const OLDEST_GIT: (u32, u32) = (2, 30);

/// The whole of `doctor` has two seconds.
const GIT_PATIENCE: Duration = Duration::from_millis(900);

/// Open files that a daemon with a few checks needs.
const FEWEST_FILES: u64 = 1024;

pub(super) fn git(facts: &MachineFacts) -> Option<DoctorLine> {
    let path = facts.variable("PATH").map(OsString::from).unwrap_or_default();
    let said = Git::new(path).with_timeout(GIT_PATIENCE).run(Path::new("/"), &["--version"], &Cancel::new());
    Some(match said {
        Ok(bytes) => git_version(String::from_utf8_lossy(&bytes).trim()),
        Err(error @ GitError::NotInstalled { .. }) => fail("git", error.to_string(), "install git, and see PATH"),
        Err(error) => fail("git", error.to_string(), "git --version"),
    })
}

fn git_version(said: &str) -> DoctorLine {
    let version = said.strip_prefix("git version ").unwrap_or(said);
    let mut numbers = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if found >= OLDEST_GIT {
        return ok("git", format!("version {version}"));
    }
    let (major, minor) = OLDEST_GIT;
    warn("git", format!("version {version}"), format!("install git {major}.{minor} or newer"))
}

pub(super) fn repository(parts: &WorkbenchParts, facts: &MachineFacts) -> DoctorLine {
    let name = "repository";
    let Some(folder) = &facts.standing_in else {
        return warn(name, "the folder one stands in is gone", "cd");
    };
    match parts.vcs.facts(&Source::Path(HostPath::new(folder.clone()))) {
        Ok(found) => {
            let branch = found.branch.map_or_else(|| "detached".to_owned(), |branch| format!("branch {branch}"));
            let kind = match (found.bare, found.shallow) {
                (true, _) => ", bare",
                (_, true) => ", shallow",
                _ => "",
            };
            match found.head {
                Some(head) => ok(name, format!("{} at {} ({branch}{kind})", found.root, head.short())),
                None => {
                    let hint = VcsError::Unborn(String::new()).hint().unwrap_or_default();
                    warn(name, format!("{} has no commit yet", found.root), hint)
                }
            }
        }
        Err(error @ VcsError::NotARepository(_)) => {
            warn(name, error.to_string(), "cd to a repository, or name one with --repo PATH")
        }
        Err(error) => fail(name, error.to_string(), error.hint().unwrap_or_else(|| "git status".to_owned())),
    }
}

pub(super) fn confinement(facts: &ConfinementFacts) -> Vec<DoctorLine> {
    let missing: Vec<String> = facts.missing.iter().map(|(level, why)| format!("{level}: {why}")).collect();
    let missing = if missing.is_empty() { String::new() } else { format!("; not to be had: {}", missing.join("; ")) };
    let gaps = if facts.gaps.is_empty() { String::new() } else { format!("; not held: {}", facts.gaps.join("; ")) };
    let found = format!("{} by {}{missing}{gaps}", facts.level, facts.backend);
    let level = match facts.level {
        Level::Full => ok("confinement", found),
        Level::Landlock | Level::Seatbelt => warn("confinement", found, namespaces_hint().unwrap_or_default()),
        Level::None => {
            let hint = namespaces_hint().unwrap_or_else(|| "a kernel with Landlock (5.13 or newer)".to_owned());
            fail("confinement", format!("{found}; checks are refused"), hint)
        }
    };
    let mut lines = vec![level];
    if cfg!(target_os = "linux") {
        let enforced = facts.landlock.starts_with("abi");
        lines.push(match enforced {
            true => ok("landlock", facts.landlock.as_str()),
            false => {
                warn("landlock", facts.landlock.as_str(), "a kernel of 5.13 or newer, started with lsm=landlock,…")
            }
        });
        lines.push(match namespaces_hint() {
            None => ok("user namespaces", "allowed"),
            Some(hint) => warn("user namespaces", "switched off by the system", hint),
        });
        if !facts.overlays {
            let found = "dependency folders are copied for checks instead of shown copy-on-write";
            lines.push(warn("overlays", found, "a kernel of 5.11 or newer with user namespaces"));
        }
    }
    lines
}

/// What to type where the system switched user namespaces off.
fn namespaces_hint() -> Option<String> {
    let says = |file: &str| std::fs::read_to_string(Path::new("/proc/sys").join(file)).ok();
    let off = |file: &str, value: &str| says(file).is_some_and(|text| text.trim() == value);
    let hint = |setting: &str| Some(format!("sudo sysctl -w {setting}"));
    if off("user/max_user_namespaces", "0") {
        return hint("user.max_user_namespaces=15000");
    }
    let root = rustix::process::geteuid().is_root();
    if !root && off("kernel/unprivileged_userns_clone", "0") {
        return hint("kernel.unprivileged_userns_clone=1");
    }
    if !root && off("kernel/apparmor_restrict_unprivileged_userns", "1") {
        return hint("kernel.apparmor_restrict_unprivileged_userns=0");
    }
    None
}

pub(super) fn toolchains(facts: &MachineFacts) -> DoctorLine {
    let passed = |name: &&str| facts.variable(name).map(|value| (OsString::from(*name), value.to_owned()));
    let variables: BTreeMap<OsString, OsString> = toolchains::PASSED_ON.iter().filter_map(passed).collect();
    let lent = toolchains::find(&variables, &facts.user_home, &facts.private);
    let tools = ["cargo", "python3", "node", "go", "java", "cc", "cmake", "make", "ruby", "dotnet", "php"];
    let found: Vec<&str> = tools.into_iter().filter(|tool| facts.on_path(tool).is_some()).collect();
    let mut places: Vec<String> =
        lent.paths.iter().map(|lent| format!("{} ({})", HostPath::new(lent.path.clone()), lent.why)).collect();
    places.sort();
    let lent_places = if places.is_empty() {
        "nothing of the home is lent".to_owned()
    } else {
        format!("lent to checks: {}", places.join(", "))
    };
    let lent = [vec![lent_places], lent.notices].concat().join("; ");
    match found.is_empty() {
        false => ok("toolchains", format!("{}; {lent}", found.join(", "))),
        true => warn("toolchains", format!("none of {} on PATH; {lent}", tools.join(", ")), "see PATH"),
    }
}

pub(super) fn terminal(facts: &MachineFacts) -> DoctorLine {
    let text = |name: &str| facts.variable(name).map(|value| value.to_string_lossy().into_owned());
    let term = text("TERM").unwrap_or_default();
    let deep = text("COLORTERM").is_some_and(|depth| matches!(depth.as_str(), "truecolor" | "24bit"));
    let colours = match (deep, term.contains("256")) {
        (true, _) => "24-bit colours",
        (_, true) => "256 colours",
        _ => "16 colours",
    };
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(text).unwrap_or_default().to_ascii_lowercase();
    let utf8 = locale.contains("utf-8") || locale.contains("utf8");
    let program = text("TERM_PROGRAM").map_or_else(String::new, |program| format!(", {program}"));
    let found = format!(
        "{}{program}, {colours}, {}",
        if term.is_empty() { "TERM is not set" } else { &term },
        if utf8 { "UTF-8" } else { "no UTF-8 locale" }
    );
    if term.is_empty() || term == "dumb" {
        return warn("terminal", found, "the screen needs a terminal; every verb works without one: paraph help");
    }
    if !utf8 {
        return warn("terminal", found, "export LANG=C.UTF-8, or paraph config set ui.ascii true");
    }
    ok("terminal", found)
}

pub(super) fn tmux(facts: &MachineFacts) -> DoctorLine {
    match (facts.variable("TMUX").is_some(), facts.on_path("tmux")) {
        (true, _) => ok("tmux", "inside; paraph status --tmux is made for its status line"),
        (false, Some(_)) => ok("tmux", "installed, not inside"),
        (false, None) => ok("tmux", "not installed; nothing needs it"),
    }
}

pub(super) fn open_files() -> DoctorLine {
    match getrlimit(Resource::Nofile).current {
        Some(limit) if limit < FEWEST_FILES => {
            warn("open files", format!("at most {limit} at once"), format!("ulimit -n {FEWEST_FILES}"))
        }
        Some(limit) => ok("open files", format!("at most {limit} at once")),
        None => ok("open files", "no limit"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Health;

    #[track_caller]
    fn check(said: &str, health: Health) {
        assert_eq!(git_version(said).health, health, "{said}");
    }

    #[test]
    fn old_gits_are_warned_of() {
        check("git version 2.39.5", Health::Ok);
        check("git version 2.50.1 (Apple Git-155)", Health::Ok);
        check("git version 2.17.1", Health::Warn);
        check("git version 3.0.0", Health::Ok);
        check("who knows", Health::Warn);
    }

    #[test]
    fn what_holds_a_place_of_paraphs_own_is_not_said_to_be_lent() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (tool, home) = (folder.path().join("tool"), folder.path().join("tool/paraph"));
        for made in [&tool.join("bin"), &home] {
            std::fs::create_dir_all(made).expect("folders");
        }
        let mut facts = super::super::super::doctor_tests::facts();
        facts.environment = BTreeMap::from([("JAVA_HOME".into(), tool.clone().into_os_string())]);
        facts.private = vec![home];
        let found = toolchains(&facts).found.raw().to_owned();
        assert!(found.contains(&format!("{} (java)", tool.join("bin").display())), "{found}");
        assert!(!found.contains(&format!("{} (java)", tool.display())), "{found}");
        assert!(found.contains("holds a folder of Paraph's own"), "{found}");
    }
}
