//! What a `.paraph.toml` may say, and what is said about one that is wrong.

use super::{ConfigError, ConfigLimits, RepositoryConfig};
use crate::diff::{FileMode, FileSide};
use crate::repository::MemoryTree;
use crate::validation::{CheckKind, CommandLine};

const LIMITS: ConfigLimits<'static> = ConfigLimits { max_timeout_s: 600, rules: &["ci-file", "secret-added"] };

fn read(text: &str) -> RepositoryConfig {
    RepositoryConfig::parse(text, &LIMITS).expect("the file is right")
}

#[track_caller]
fn wrong(text: &str, line: u32, message: &str, hint: &str) {
    let Err(ConfigError::Wrong(problems)) = RepositoryConfig::parse(text, &LIMITS) else { panic!("{text} was read") };
    let found = problems.iter().any(|p| p.line == line && p.message.contains(message) && p.hint.contains(hint));
    assert!(found, "wanted line {line} `{message}` `{hint}`, found {problems:?}");
}

#[test]
fn a_whole_file() {
    let config = read(
        r#"
[[check]]
name = "unit tests"
kind = "test"
command = ["cargo", "test"]
timeout_s = 300
cwd = "./crates/a/"
reports = ["target/junit.xml"]
env = { RUST_LOG = "off" }

[[check]]
name = "build"
kind = "build"
command = "make && make docs"

[setup]
command = "npm ci"
timeout_s = 100

[policy]
frozen = ["migrations/**"]
raised = ["ci-file"]
max_files = 50
max_file_bytes = 0x1000
"#,
    );
    assert_eq!(config.checks[0].cwd, "crates/a");
    assert_eq!(
        (config.checks[0].timeout_s, config.checks[1].timeout_s),
        (300, 600),
        "900 s is over the user's maximum"
    );
    assert_eq!(config.checks[1].command, CommandLine::Shell("make && make docs".into()));
    assert_eq!(config.checks[0].env["RUST_LOG"], "off");
    assert_eq!((config.policy.max_files, config.policy.max_file_bytes), (Some(50), Some(4096)));
    let plan = config.plan().expect("it names checks");
    assert_eq!(plan.checks[0].kind, CheckKind::Build, "builds come first");
    assert!(plan.setup.is_some());
    assert_eq!(config.notices, [""; 0], "a default that is cut needs no word");
}

#[test]
fn limits_are_the_users() {
    let config = read("[[check]]\nname = \"a\"\nkind = \"test\"\ncommand = \"x\"\ntimeout_s = 9999\n");
    assert_eq!(config.checks[0].timeout_s, 600);
    assert_eq!(config.notices, ["`a` asks for 9999 s; your own maximum is 600 s"]);
    assert_eq!(read("").plan(), None);
    assert_eq!(read("[policy]\n").plan(), None);
}

#[test]
fn problems_name_line_and_way_out() {
    wrong("[[chekc]]\nname = \"a\"\n", 1, "unknown key `chekc`", "did you mean `check`?");
    let check = |line: &str| format!("[[check]]\nname = \"a\"\nkind = \"test\"\ncommand = \"x\"\n{line}\n");
    wrong(&check("timeout = 5"), 5, "unknown key `check.timeout`", "did you mean `timeout_s`?");
    wrong(&check("timeout_s = \"5\""), 5, "`timeout_s` is a string", "whole number");
    wrong(&check("timeout_s = -5"), 5, "`timeout_s` is a", "not negative");
    wrong(&check("timeout_s = 0"), 5, "`timeout_s` is 0", "120");
    wrong(&check("cwd = \"../x\""), 5, "leaves the repository", "relative");
    wrong(&check("cwd = \"/x\""), 5, "leaves the repository", "relative");
    wrong(&check("cwd = \".git/hooks\""), 5, "leaves the repository", "relative");
    wrong(&check("env = { \"A=B\" = \"x\" }"), 5, "`A=B` cannot be a variable", "letters");
    wrong(&check("env = { A = 1 }"), 5, "`env` is a table", "table of strings");
    wrong(&check("reports = \"x\""), 5, "`reports` is a string", "list of strings");
    wrong(
        "[[check]]\nname = \"a\"\nkind = \"tset\"\ncommand = \"x\"\n",
        3,
        "`tset` is no kind",
        "did you mean `test`?",
    );
    wrong("[[check]]\nkind = \"test\"\ncommand = \"x\"\n", 2, "a check has no `name`", "name = ");
    wrong("[[check]]\nname = \"a\"\nkind = \"test\"\n", 2, "a check has no `command`", "command = ");
    wrong("[[check]]\nname = \"a\"\nkind = \"test\"\ncommand = []\n", 4, "`command` is empty", "cargo");
    wrong("[[check]]\nname = \"a\"\nkind = \"test\"\ncommand = 5\n", 4, "`command` is a integer", "list of strings");
    wrong(&format!("{0}{0}", check("")), 7, "two checks are named `a`", "own name");
    wrong("[check]\nname = \"a\"\n", 1, "`check` is a table", "[[check]]");
    wrong("[policy]\nraised = [\"ci-fiel\"]\n", 2, "there is no rule `ci-fiel`", "did you mean `ci-file`?");
    wrong("[policy]\nfrozen = [\"a[\"]\n", 2, "`a[` is no glob", "");
    wrong("[policy]\nlowered = []\n", 2, "unknown key `policy.lowered`", "");
    wrong("a = \n", 1, "", "");
    wrong("[setup]\ntimeout_s = 5\n", 2, "a setup has no `command`", "");
}

#[test]
fn only_a_plain_file_is_read() {
    let tree = |side: FileSide| MemoryTree::new([(".paraph.toml", side)]);
    let of = |side: FileSide| RepositoryConfig::of(&tree(side), &LIMITS);
    assert!(of(FileSide::regular(*b"[policy]\n")).expect("it is right").is_some());
    assert!(of(FileSide::regular(*b"\xff")).is_err());
    assert!(of(FileSide { mode: FileMode::Symlink, content: (*b"x").into() }).is_err());
    assert!(of(FileSide::regular(vec![b'#'; 300 << 10])).is_err());
    assert!(RepositoryConfig::of(&MemoryTree::new([("a", FileSide::regular(*b""))]), &LIMITS).expect("none").is_none());
}
