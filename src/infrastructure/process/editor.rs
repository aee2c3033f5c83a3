//! The person's editor: a child that has the terminal to itself, and is waited for.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::Command;

use super::Status;

/// Runs the editor that `line` names (a program with its options, or words for a shell, as git takes them) on `path`,
/// with `environment`, and waits for its end.
///
/// # Errors
/// Where there is no shell to start it. One that is not there itself ends with exit status 127.
pub fn edit(line: &str, path: &Path, environment: &[(OsString, OsString)]) -> io::Result<Status> {
    use std::os::unix::process::ExitStatusExt as _;
    let status = Command::new("/bin/sh")
        .args(["-c", &format!("{line} \"$@\""), line])
        .arg(path)
        .env_clear()
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .status()?;
    Ok(status.code().map_or_else(|| Status::Signal(status.signal().unwrap_or_default()), Status::Exit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: Status, text: &str) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a goal; $(touch no).md");
        std::fs::write(&path, "before\n").expect("it is written");
        let environment = [("PATH".into(), "/usr/bin:/bin".into()), ("WORD".into(), "after".into())];
        assert_eq!(edit(line, &path, &environment).expect("a shell"), expected, "{line}");
        assert_eq!(std::fs::read_to_string(&path).expect("it is there"), text, "{line}");
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1, "a name is no command");
    }

    #[test]
    fn it_is_given_the_file_whatever_it_is_called() {
        check("sed -i s/before/$WORD/", Status::Exit(0), "after\n");
        check("sh -c 'echo \"two words\" > \"$1\"' --", Status::Exit(0), "two words\n");
        check("false", Status::Exit(1), "before\n");
        check("no-such-editor-anywhere", Status::Exit(127), "before\n");
    }
}
