//! The person's pager: a child that has the terminal, is fed through a pipe, and is waited for.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

/// Characters that only a shell understands.
const FOR_A_SHELL: &str = "|&;<>()$`\\\"'*?[]#~%{}=";

/// A pager that shows what is written into it. Dropped, it is told that this was all, and waited for.
#[derive(Debug)]
pub struct Pager {
    child: Child,
    input: Option<ChildStdin>,
}

/// Starts the pager that `line` names (a program and its options, or words for a shell) with `environment`; `None`
/// where its program is not there, so that nothing is written where nobody reads.
#[must_use]
pub fn pager(line: &str, environment: &[(OsString, OsString)]) -> Option<Pager> {
    let mut words = line.split_whitespace();
    let program = find(words.next()?, environment)?;
    let mut command = if line.contains(|c| FOR_A_SHELL.contains(c)) {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", line]);
        shell
    } else {
        let mut command = Command::new(program);
        command.args(words);
        command
    };
    command.env_clear().envs(environment.iter().map(|(name, value)| (name, value)));
    // what git sets: quit where it fits one screen, pass colours on, leave the text on the screen
    for (name, value) in [("LESS", "FRX"), ("LV", "-c")] {
        if !environment.iter().any(|(known, _)| known == name) {
            command.env(name, value);
        }
    }
    let mut child = command.stdin(Stdio::piped()).spawn().ok()?;
    let input = child.stdin.take();
    Some(Pager { child, input })
}

/// The file that a program's name means, where there is one that can be run.
fn find(program: &str, environment: &[(OsString, OsString)]) -> Option<PathBuf> {
    let runs =
        |path: &Path| path.metadata().is_ok_and(|facts| facts.is_file() && facts.permissions().mode() & 0o111 != 0);
    if program.contains('/') {
        return Some(PathBuf::from(program)).filter(|path| runs(path));
    }
    let path = environment.iter().find(|(name, _)| name == OsStr::new("PATH"))?;
    std::env::split_paths(&path.1)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(program))
        .find(|path| runs(path))
}

impl Write for Pager {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.input {
            Some(input) => input.write(bytes),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.input.as_mut().map_or(Ok(()), Write::flush)
    }
}

impl Drop for Pager {
    fn drop(&mut self) {
        drop(self.input.take());
        // one that cannot be waited for is gone already
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment() -> Vec<(OsString, OsString)> {
        vec![("PATH".into(), "/usr/bin:/bin".into())]
    }

    /// What the pager wrote into `$OUT`.
    #[track_caller]
    fn check(line: &str, written: &str, expected: Option<&str>) {
        let folder = tempfile::tempdir().expect("a folder");
        let out = folder.path().join("out");
        let mut environment = environment();
        environment.push(("OUT".into(), out.clone().into()));
        let pager = pager(line, &environment);
        assert_eq!(pager.is_some(), expected.is_some(), "{line}");
        let Some(mut pager) = pager else { return };
        let _ = pager.write_all(written.as_bytes());
        drop(pager);
        assert_eq!(std::fs::read_to_string(out).ok().as_deref(), expected, "{line}: it was waited for");
    }

    #[test]
    fn a_pager_gets_everything_and_a_missing_one_is_none() {
        check("cat > $OUT", "a\nb\n", Some("a\nb\n"));
        check("sh -c 'cat > \"$OUT\"; printf %s \"$LESS\" >> \"$OUT\"'", "a\n", Some("a\nFRX"));
        check("head -c 1 > $OUT", &"x".repeat(1 << 20), Some("x"));
        check("no-such-pager-anywhere -R", "a", None);
        check("no-such-pager-anywhere | cat > $OUT", "a", None);
        check("/etc/passwd", "a", None);
        check("", "a", None);
    }
}
