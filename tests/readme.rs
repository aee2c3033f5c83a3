//! The README is run: every command of its `sh` blocks, in order, in a home and a repository of the test's own.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/den.rs"]
mod den;
#[path = "support/screen.rs"]
mod screen;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use den::{Den, FILE, Repository, Said, eventually};
use screen::Screen;

const README: &str = include_str!("../README.md");

/// Commands of the toolchain: they would install, uninstall or build; that they are the documented ones is all there
/// is to see.
const OF_CARGO: &[&str] = &["cargo test", "cargo install --path .", "cargo uninstall paraph", "cargo doc --open"];

/// The lines of every `sh` block, comments cut off, in order.
fn commands() -> Vec<&'static str> {
    let blocks = README.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let lines = blocks.flat_map(str::lines);
    lines.map(|line| line.split(" #").next().unwrap().trim()).filter(|line| !line.is_empty()).collect()
}

/// What stands between backticks in the running text.
fn inline() -> Vec<&'static str> {
    let outside = README.split("```").step_by(2);
    outside.flat_map(|text| text.split('`').skip(1).step_by(2)).filter(|code| !code.contains('\n')).collect()
}

/// A user who has `paraph` on the PATH, and a repository in which every command of the README has something to do.
struct Reader {
    den: Den,
    repository: Repository,
    bin: PathBuf,
    digest: Option<String>,
}

impl Reader {
    fn new() -> Self {
        let mut den = Den::new();
        den.home = den.path().join("user/.local/state/paraph");
        let modern = "import logging\n\nlogger = logging.getLogger(__name__)\n\n\ndef tell(x):\n    logger.warn(x)\n";
        let old: String = (1..=14).map(|n| format!("pub const N{n}: u8 = {n};\n")).collect();
        let test = "import a, unittest\n\n\nclass Test(unittest.TestCase):\n    def test_empty(self):\n        self.assertTrue(a.empty(None))\n";
        let check = "[[check]]\nname = \"unit\"\nkind = \"test\"\ncommand = [\"sh\", \"check.sh\"]\n";
        let files = [
            ("a.py", FILE),
            ("tell.py", modern),
            ("test_a.py", test),
            ("src/lib.rs", &old),
            ("check.sh", "grep -q None a.py\n"),
            (".paraph.toml", check),
        ];
        let repository = den.repository("yours", &files);
        repository.git(&["checkout", "-q", "-b", "my-branch"]);
        repository.write("src/lib.rs", old.replace("u8 = 12", "u8 = 200 + 55").as_bytes());
        repository.commit("count further");
        repository.git(&["checkout", "-q", "main"]);
        let bin = den.path().join("bin");
        std::fs::create_dir(&bin).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_paraph"), bin.join("paraph")).unwrap();
        Self { den, repository, bin, digest: None }
    }

    fn environment(&self) -> Vec<(OsString, OsString)> {
        let mut environment = self.den.environment();
        environment.retain(|(name, _)| name != "PARAPH_HOME" && name != "PATH");
        let path = std::env::var("PATH").unwrap();
        environment.push(("PATH".into(), format!("{}:{path}", self.bin.display()).into()));
        environment.push(("TMPDIR".into(), self.den.path().into()));
        environment.push(("TERM".into(), "xterm-256color".into()));
        environment
    }

    /// The line as this reader types it: with a path and a digest of their own, and the binary that is built.
    fn typed(&self, line: &str) -> String {
        let line = line.replace("cargo run --release -- ", "paraph ").replace("path/to/yours", self.repository.arg());
        match (&self.digest, line.split_once("--digest ")) {
            (Some(digest), Some((before, after))) => {
                let rest = after.split_once(' ').map_or("", |(_, rest)| rest);
                format!("{before}--digest {} {rest}", &digest[..12])
            }
            _ => line,
        }
    }

    fn says(&mut self, line: &str) -> Said {
        let mut shell = Command::new("sh");
        shell.env_clear().envs(self.environment()).current_dir(&self.repository.path);
        let said = self.den.say(shell, &["-c", line], b"");
        if let Ok(object) = serde_json::from_str::<serde_json::Value>(&said.out) {
            let digest = object["versions"][0]["patch_sets"][0]["digest"].as_str().map(str::to_owned);
            self.digest = digest.or(self.digest.take());
        }
        said
    }

    /// A command that opens the screen: it shows what it has to, and goes at `Q`.
    #[track_caller]
    fn sees(&self, line: &str, wanted: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let program = self.bin.join(words[0]);
        let program = [&[program.to_str().unwrap()], &words[1..]].concat();
        let mut screen = Screen::open(&program, &self.environment(), &self.repository.path);
        screen.shows(wanted);
        screen.press("Q");
        assert_eq!(screen.ended(), 0, "{line}: {}", screen.text());
    }
}

#[test]
fn every_command_of_the_readme_works_in_its_order() {
    let mut reader = Reader::new();
    let mut ran = 0;
    for line in commands() {
        let typed = reader.typed(line);
        match typed.as_str() {
            "paraph demo" => reader.sees(&typed, "compare with None"),
            "paraph" => reader.sees(&typed, "compare with None"),
            cargo if cargo.starts_with("cargo ") => assert!(OF_CARGO.contains(&cargo), "not documented: {cargo}"),
            _ => {
                let said = reader.says(&typed);
                said.has_not_panicked();
                assert_eq!(said.status, 0, "{line}: {said:#?}");
                ran += 1;
            }
        }
        // what a verb without --wait began is looked at by the next one
        if typed.starts_with("paraph run") || typed.starts_with("paraph adopt") {
            eventually("the end of what was begun", || {
                let next = reader.says("paraph list --json").json();
                next["sessions"].as_array()?.iter().all(|row| row["running"] == false).then_some(())
            });
        }
        if typed.starts_with("paraph publish") {
            eventually("the branch", || {
                reader.repository.branches().iter().any(|name| name.starts_with("paraph/3-")).then_some(())
            });
        }
    }
    assert!(ran >= 11, "only {ran} commands were found");
    assert!(!reader.den.home.exists(), "nothing is left behind");
    assert_eq!(reader.repository.git(&["status", "--porcelain"]), "");
}

#[test]
fn the_two_commands_that_set_everything_up_are_there() {
    let commands = commands();
    for wanted in ["cargo run --release -- demo", "cargo test"] {
        assert!(commands.contains(&wanted), "{wanted}");
    }
    let with_repo = |line: &&str| line.starts_with("paraph run ") && line.contains("--repo path/to/yours");
    assert!(commands.iter().any(with_repo));
}

#[test]
fn what_the_text_names_is_there() {
    let mut reader = Reader::new();
    for code in inline() {
        let plain = code.starts_with("paraph ") && !code.contains("TOPIC") && !code.contains('/');
        if plain && (code.starts_with("paraph help ") || code == "paraph config path") {
            let said = reader.says(code);
            assert_eq!(said.status, 0, "{said:#?}");
        } else if plain {
            let verb = code.split_whitespace().nth(1).unwrap();
            let said = reader.says(&format!("paraph {verb} --help"));
            assert_eq!(said.status, 0, "{said:#?}");
        }
    }
    for folder in ["journal", "blobs", "records", "repos", "store", "cache"] {
        assert!(README.contains(&format!("`{folder}/`")), "{folder}");
    }
    reader.says("paraph list");
    for folder in ["journal", "blobs", "records", "repos", "store", "cache"] {
        // the cache is opened beside the start
        eventually(folder, || reader.den.home.join(folder).is_dir().then_some(()));
    }
}

#[test]
fn the_table_of_keys_is_the_keymap() {
    let (begin, end) = ("<!-- keys -->\n", "<!-- end of keys -->");
    let (before, rest) = README.split_once(begin).expect("the mark before the keys");
    let (found, after) = rest.split_once(end).expect("the mark behind the keys");
    let keys = paraph::tui::Keymap::load(None).expect("the keymap that ships").markdown();
    let keys = format!("{}\n\n", keys.trim_end());
    if std::env::var_os("PARAPH_UPDATE_README").is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
        std::fs::write(path, format!("{before}{begin}{keys}{end}{after}")).unwrap();
        return;
    }
    assert_eq!(found, keys, "stale: PARAPH_UPDATE_README=1 cargo test --test readme the_table");
}
