//! Words by which a run says that it lacks something which no change could give it: then it is `environment`, not red.

use super::bounded;
use super::lines::Lines;

/// Phrases, in lower case, and what is missing where a line holds one.
const SIGNS: &[(&str, &str)] = &[
    ("no module named pytest", "pytest is not installed"),
    ("temporary failure in name resolution", "there is no network"),
    ("could not resolve host", "there is no network"),
    ("name or service not known", "there is no network"),
    ("network is unreachable", "there is no network"),
    ("getaddrinfo eai_again", "there is no network"),
    ("getaddrinfo enotfound", "there is no network"),
    ("unable to update registry", "a crate is not in the cache, and there is no network; `cargo fetch` gets it"),
    (
        "you may want to run without the `--offline`",
        "a crate is not in the cache, and there is no network; `cargo fetch` gets it",
    ),
    ("retry without the offline flag", "a crate is not in the cache, and there is no network; `cargo fetch` gets it"),
    (
        "module lookup disabled by goproxy=off",
        "a Go module is not in the cache, and there is no network; `go mod download` gets it",
    ),
    (
        "cannot access central",
        "a Maven artifact is not in the cache, and there is no network; `mvn dependency:go-offline` gets it",
    ),
    (
        "has not been downloaded from it before",
        "a Maven artifact is not in the cache, and there is no network; `mvn dependency:go-offline` gets it",
    ),
    (
        "no cached version of",
        "a Gradle artifact is not in the cache, and there is no network; a build with one gets it",
    ),
    (
        "no cached version available for offline mode",
        "a Gradle artifact is not in the cache, and there is no network; a build with one gets it",
    ),
    (
        "could not find or load main class org.gradle.wrapper",
        "the Gradle wrapper's own archive is not in the repository",
    ),
    ("java.net.unknownhostexception", "there is no network; a Gradle distribution or a package is not in the cache"),
    ("err_pnpm_no_offline_", "a package is not in the store of pnpm, and there is no network; `pnpm fetch` gets it"),
    ("no space left on device", "the disk is full"),
    ("couldn't create a temp dir", "a folder that the compiler writes to is gone, or full"),
    ("linker `cc` not found", "there is no C compiler"),
    ("no cmake_c_compiler could be found", "there is no C compiler"),
    ("no cmake_cxx_compiler could be found", "there is no C++ compiler"),
    ("java_home is not defined correctly", "JAVA_HOME is not set to a JDK"),
    ("no compiler is provided in this environment", "there is a JRE but no JDK"),
];

/// How many of the last lines are looked at: a missing thing ends a run.
const LAST_LINES: usize = 60;

/// What a run that failed lacked, where its last words say so, and it told of no test. `exit` is its exit status:
/// 127 and 126 are the shell's words for a command that is not there, or cannot be run.
#[must_use]
pub fn missing_from_environment(output: &[u8], exit: Option<i32>) -> Option<String> {
    let text = String::from_utf8_lossy(bounded(output));
    let lines = Lines::of(&text);
    let last: Vec<&str> = lines.iter().rev().take(LAST_LINES).collect();
    if matches!(exit, Some(126 | 127)) {
        let said = last.iter().find(|line| line.contains("not found") || line.contains("ermission denied"));
        return Some(said.map_or_else(|| "the command is not there".to_owned(), |line| short(line)));
    }
    if super::read_output(output).is_some() {
        return None;
    }
    let sign = |line: &&str| {
        let line = line.to_lowercase();
        SIGNS.iter().find(|(sign, _)| line.contains(sign)).map(|(_, what)| (*what).to_owned())
    };
    last.iter().find_map(sign)
}

fn short(line: &str) -> String {
    line.trim().chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(output: &str, exit: i32, expected: Option<&str>) {
        assert_eq!(missing_from_environment(output.as_bytes(), Some(exit)).as_deref(), expected);
    }

    #[test]
    fn what_is_missing_is_told_from_what_fails() {
        check("sh: 1: jest: not found\n", 127, Some("sh: 1: jest: not found"));
        check("", 127, Some("the command is not there"));
        check("/usr/bin/python3: No module named pytest\n", 1, Some("pytest is not installed"));
        let cargo = "error: no matching package named `x` found\nAs a reminder, you're using offline mode (--offline) which can sometimes cause surprising resolution failures, if this error is too confusing you may wish to retry without the offline flag.\n";
        check(cargo, 101, Some("a crate is not in the cache, and there is no network; `cargo fetch` gets it"));
        check("error[E0308]: mismatched types\nerror: could not compile `a`\n", 101, None);
        let gone = "error: couldn't create a temp dir: No such file or directory (os error 2) at path \"/x/target/rmeta\"\n\nerror: could not compile `libc` (build script) due to 1 previous error\n";
        check(gone, 101, Some("a folder that the compiler writes to is gone, or full"));
        let red =
            "FAILED tests/test_a.py::test_b - socket.gaierror: Name or service not known\n=== 1 failed in 0.1s ===\n";
        check(red, 1, None);
    }
}
