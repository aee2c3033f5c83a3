//! Who is the program itself, and who is a command that it started.
//!
//! The program is the process that was started, and each whose line of parents leads to it without one that became
//! something else. A process that lost its parent belongs to nobody. The filter refuses what would blur this: children
//! in a parent's name, and adopting orphans.

use std::collections::BTreeMap;
use std::fs;

use libc::pid_t;

/// The longest line of parents that is followed.
const MOST_GENERATIONS: usize = 64;
/// Past this many commands those that ended are forgotten.
const MANY: usize = 1024;

/// What the kernel tells of a process: with its number, it is never another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Facts {
    parent: pid_t,
    group: pid_t,
    started: u64,
}

pub(super) struct Lineage {
    program: pid_t,
    /// Those that became a command, and when they were started.
    commands: BTreeMap<pid_t, u64>,
}

impl Lineage {
    pub(super) fn new(program: pid_t) -> Self {
        Self { program, commands: BTreeMap::new() }
    }

    /// Whether `process` is the one that was started; its number is nobody else's before the supervisor reaped it.
    pub(super) fn is_first(&self, process: pid_t) -> bool {
        process == self.program
    }

    /// Whether `process` is the program itself.
    pub(super) fn is_program(&self, process: pid_t) -> bool {
        let Some(mut facts) = facts(process) else { return false };
        let mut at = process;
        for _ in 0..MOST_GENERATIONS {
            if at == self.program {
                return true;
            }
            if self.commands.get(&at) == Some(&facts.started) || facts.parent <= 1 {
                return false;
            }
            let Some(above) = self::facts(facts.parent) else { return false };
            // while it still has that parent, the parent lives: what was read under its number is its own
            if self::facts(at) != Some(facts) {
                return false;
            }
            (at, facts) = (facts.parent, above);
        }
        false
    }

    /// From now on `process` is a command, with all that it starts.
    pub(super) fn becomes_a_command(&mut self, process: pid_t) {
        if self.commands.len() > MANY {
            self.commands.retain(|process, started| facts(*process).is_some_and(|facts| facts.started == *started));
        }
        if let Some(facts) = facts(process).filter(|_| !self.is_first(process)) {
            self.commands.insert(process, facts.started);
        }
    }

    /// Whether a signal to `target`, as `kill` takes it, would reach the program itself.
    pub(super) fn is_reached(&self, target: pid_t, sender: pid_t) -> bool {
        if target > 0 {
            return self.is_program(process_of(target).unwrap_or(target));
        }
        let group = match target {
            -1 => return true,
            0 => facts(sender).map(|facts| facts.group),
            group => group.checked_neg(),
        };
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let mut processes = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<pid_t>().ok());
        processes.any(|process| facts(process).map(|facts| facts.group) == group && self.is_program(process))
    }
}

/// The process of a thread.
fn process_of(thread: pid_t) -> Option<pid_t> {
    let status = fs::read_to_string(format!("/proc/{thread}/status")).ok()?;
    super::super::limits::field(&status, "Tgid:")?.parse().ok()
}

fn facts(process: pid_t) -> Option<Facts> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok();
    facts_in(&stat?)
}

/// Fields of a `/proc/PID/stat`, from the end of the name on: that may hold anything.
fn facts_in(stat: &str) -> Option<Facts> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    Some(Facts {
        parent: fields.get(1)?.parse().ok()?,
        group: fields.get(2)?.parse().ok()?,
        started: fields.get(19)?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_looks_like_fields_changes_none() {
        let rest = "S 7 8 9 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 12345 99 1";
        let facts = facts_in(&format!("31 (x) R 1 2 3) {rest}")).expect("fields");
        assert_eq!(facts, Facts { parent: 7, group: 8, started: 12345 });
        assert_eq!(facts_in("31 (x"), None);
    }

    #[test]
    fn a_child_is_the_program_until_it_or_one_above_it_is_a_command() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("starts");
        let (own, started) = (std::process::id() as pid_t, child.id() as pid_t);
        let mut lineage = Lineage::new(own);
        assert!(lineage.is_program(own) && lineage.is_program(started) && !lineage.is_program(1));
        lineage.becomes_a_command(started);
        assert!(!lineage.is_program(started) && lineage.is_program(own));
        let mut stranger = Lineage::new(started);
        assert!(!stranger.is_program(own), "who is above is not below");
        stranger.becomes_a_command(started);
        assert!(stranger.is_program(started), "what was started is the program whatever it becomes");
        child.kill().and_then(|()| child.wait()).expect("ends");
    }
}
