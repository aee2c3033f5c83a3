//! A goal that is longer than a command line: from a file, from standard input, from the person's editor.

use std::path::Path;

use super::desk::Desk;
use super::ended::{Ended, usage};
use crate::api::{Failure, RunRequest};
use crate::id::HostPath;

/// The longest goal in bytes: what the service takes.
const LONGEST: usize = 64 * 1024;

/// Bytes that are read: blanks and carriage returns that do not count may stand between.
const MOST_READ: u64 = 4 * LONGEST as u64;

/// What stands between a goal and what is told about it, as git has it. A line that begins with `#` is Markdown.
const SCISSORS: &str = "# ------------------------ >8 ------------------------";

/// A goal from the editor, and the file that it stays in until its session is there.
pub(crate) struct Written {
    pub(crate) goal: String,
    file: HostPath,
}

impl Written {
    /// The session has it.
    pub(crate) fn forget(self) {
        // a file that is gone already is what is wanted
        let _ = std::fs::remove_file(self.file.as_path());
    }

    /// No session has it: where it is.
    pub(crate) fn keep(self, desk: &mut Desk) {
        desk.out.say(format!("what you wrote is kept: paraph run -F {}", self.file));
    }
}

/// The goal that a file holds, or standard input for `-`.
pub(crate) fn from_file(file: &Path, desk: &mut Desk) -> Result<String, Ended> {
    let bytes = desk.read_input_within(file, MOST_READ)?;
    if bytes.len() as u64 >= MOST_READ {
        return Err(too_long().into());
    }
    let goal = cleaned(&bytes)?;
    if goal.is_empty() {
        return Err(usage("the goal is empty").hint("paraph run \"what shall change\"").into());
    }
    Ok(goal)
}

/// Lets a person write the goal of `request`, beginning with the one it has; `None` where they wrote nothing.
pub(crate) fn by_hand(request: &RunRequest, desk: &mut Desk) -> Result<Option<Written>, Ended> {
    if !desk.is_interactive() {
        return Err(usage("an editor needs a terminal").hint("paraph run -F FILE, or paraph run GOAL").into());
    }
    desk.out.flush()?;
    let edited = desk.world.launch.edit_text(&template(request))?;
    let bytes = edited.bytes;
    let end = find_line(&bytes, SCISSORS).unwrap_or(bytes.len());
    let written = Written { goal: String::new(), file: edited.path };
    match cleaned(&bytes[..end]) {
        Ok(goal) if goal.is_empty() => {
            written.forget();
            Ok(None)
        }
        Ok(goal) => Ok(Some(Written { goal, ..written })),
        Err(failure) => {
            written.keep(desk);
            Err(failure.into())
        }
    }
}

/// What the editor begins with.
fn template(request: &RunRequest) -> String {
    let mut text = format!("{}\n\n{SCISSORS}\n", request.goal);
    text.push_str("# Above this line: what shall change, and why. Below it nothing counts.\n");
    text.push_str("# An empty goal starts nothing.\n#\n");
    for repository in &request.repositories {
        text.push_str(&format!("# in     {}\n", one_line(&repository.source.to_string())));
    }
    if let Some(issue) = &request.issue {
        text.push_str(&format!("# issue  {} goes along with it, whole\n", one_line(issue.url.raw())));
    }
    text
}

fn one_line(text: &str) -> String {
    crate::text::Untrusted::from(text).display_line().to_string()
}

/// Where the line that is `wanted` begins.
fn find_line(bytes: &[u8], wanted: &str) -> Option<usize> {
    let mut at = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if line.trim_ascii_end() == wanted.as_bytes() {
            return Some(at);
        }
        at += line.len();
    }
    None
}

fn too_long() -> Failure {
    let message = format!("the goal has more than {LONGEST} bytes");
    usage(message).hint("say it in fewer words, and put long texts into a file of the repository")
}

/// The goal that bytes hold: UTF-8, its lines ended as everywhere, without blanks around it.
fn cleaned(bytes: &[u8]) -> Result<String, Failure> {
    if bytes.contains(&0) {
        // UTF-16 looks so too
        return Err(usage("the goal holds a NUL byte: it is no text in UTF-8").hint("iconv -t UTF-8"));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|_| usage("the goal is not UTF-8").hint("iconv -t UTF-8, or paraph run GOAL"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n").replace('\r', "\n");
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let goal = lines.join("\n").trim_matches('\n').trim_end().to_owned();
    if goal.len() > LONGEST {
        return Err(too_long());
    }
    Ok(if goal.trim().is_empty() { String::new() } else { goal })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], expected: Result<&str, &str>) {
        match (cleaned(bytes), expected) {
            (Ok(goal), Ok(expected)) => assert_eq!(goal, expected),
            (Err(failure), Err(words)) => assert!(failure.message.contains(words), "{failure:?}"),
            (found, _) => panic!("{found:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn a_goal_is_text_whatever_wrote_it() {
        check(b"fix it", Ok("fix it"));
        check("\u{feff}fix it\r\n\r\nbecause \r\nit breaks\r".as_bytes(), Ok("fix it\n\nbecause\nit breaks"));
        check("\n\n  # größer\n\n- a\n\n\n".as_bytes(), Ok("  # größer\n\n- a"));
        check(b" \n\t\r\n", Ok(""));
        check(b"f\0i\0x\0", Err("NUL"));
        check(b"\xff\xfe", Err("not UTF-8"));
        check("é".repeat(LONGEST / 2).as_bytes(), Ok("é".repeat(LONGEST / 2).as_str()));
        check("é".repeat(LONGEST / 2 + 1).as_bytes(), Err("more than 65536 bytes"));
    }

    #[test]
    fn only_a_whole_line_cuts() {
        let line = |before: &str, after: &str| format!("a\n{before}{SCISSORS}{after}\nb\n");
        assert_eq!(find_line(line("", "").as_bytes(), SCISSORS), Some(2));
        assert_eq!(find_line(line("", " \r").as_bytes(), SCISSORS), Some(2));
        assert_eq!(find_line(line("> ", "").as_bytes(), SCISSORS), None);
        assert_eq!(find_line(line("", "x").as_bytes(), SCISSORS), None);
    }
}
