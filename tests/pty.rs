//! The screens in a real terminal: entered, left as it was found, quiet while nothing happens.
//!
//! The child is this very test binary, run again with [`CHILD`] set: it shows the screens on the pty's other end; or,
//! in `binary`, the real program with its daemon.
#![cfg(unix)]

#[path = "pty/binary.rs"]
mod binary;
#[path = "pty/service.rs"]
mod service;
#[path = "support/speaker.rs"]
mod speaker;

use std::io::{Read as _, Write as _};
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

const CHILD: &str = "PARAPH_TEST_SCREEN";

/// Not a test of its own: the program in the terminal.
#[test]
fn screen() {
    let Ok(mode) = std::env::var(CHILD) else { return };
    let folder = PathBuf::from(std::env::var_os("PARAPH_TEST_FOLDER").expect("the parent says where"));
    let clock = Arc::new(service::BreakingClock {
        breaks_after: (mode == "break").then_some(2),
        reads: std::sync::atomic::AtomicU32::new(0),
    });
    let blobs = paraph::api::BlobStore::of_home(&folder);
    let ids = Arc::new(paraph::id::RandomIds);
    let options = paraph::tui::TuiOptions::from_environment(|name| std::env::var(name).ok(), blobs, clock, ids);
    let service = Arc::new(service::OneSession { asked: folder.join("asked") });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let left = runtime.block_on(paraph::tui::run(service, options));
    left.expect("the screens end well");
}

/// A child on a pty, everything it wrote, and the screen that makes.
struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    master: Option<Box<dyn MasterPty + Send>>,
    keys: Option<Box<dyn std::io::Write + Send>>,
    heard: Arc<Mutex<Vec<u8>>>,
    closed: Arc<AtomicBool>,
    folder: tempfile::TempDir,
}

/// Generous: the machine may be busy; a test waits for what it wants, not for this long.
const PATIENCE: Duration = Duration::from_secs(20);

impl Terminal {
    fn open(mode: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = CommandBuilder::new(std::env::current_exe().expect("this binary"));
        command.args(["--exact", "screen", "--nocapture", "--test-threads=1"]);
        command.env_clear();
        command.env(CHILD, mode);
        command.env("PARAPH_TEST_FOLDER", folder.path());
        Self::with(command, folder)
    }

    /// A child of `command`, which has the environment that it needs but for what tells of the terminal.
    fn with(mut command: CommandBuilder, folder: tempfile::TempDir) -> Self {
        let size = PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a pty");
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        let child = pair.slave.spawn_command(command).expect("the child starts");
        drop(pair.slave);
        let heard = Arc::new(Mutex::new(Vec::new()));
        let closed = Arc::new(AtomicBool::new(false));
        let (mut reader, into, over) =
            (pair.master.try_clone_reader().expect("a reader"), heard.clone(), closed.clone());
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(n @ 1..) = reader.read(&mut bytes) {
                into.lock().expect("nobody panics with it").extend_from_slice(&bytes[..n]);
                if over.load(Ordering::SeqCst) {
                    return;
                }
            }
        });
        let keys = pair.master.take_writer().expect("a writer");
        Self { child, master: Some(pair.master), keys: Some(keys), heard, closed, folder }
    }

    /// A child that shows its inbox.
    fn ready(mode: &str) -> Self {
        let terminal = Self::open(mode);
        terminal.wait_for("say why it cannot fail");
        terminal
    }

    fn heard(&self) -> Vec<u8> {
        self.heard.lock().expect("nobody panics with it").clone()
    }

    fn screen(&self) -> String {
        let size = |n| NonZeroU16::new(n).expect("not zero");
        let mut parser = vt100::Parser::new(size(24), size(80), 0);
        parser.process(&self.heard());
        parser.screen().contents()
    }

    #[track_caller]
    fn wait_until(&self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        let started = Instant::now();
        while !done(self) {
            assert!(started.elapsed() < PATIENCE, "{what} did not come:\n{}", self.screen());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[track_caller]
    fn wait_for(&self, text: &str) {
        self.wait_until(text, |terminal| terminal.screen().contains(text));
    }

    fn press(&mut self, keys: &str) {
        let writer = self.keys.as_mut().expect("still open");
        writer.write_all(keys.as_bytes()).expect("the child reads");
        writer.flush().expect("the child reads");
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let id = i32::try_from(self.child.process_id().expect("it runs")).expect("a pid");
        let id = rustix::process::Pid::from_raw(id).expect("a pid");
        rustix::process::kill_process(id, signal).expect("it runs");
    }

    #[track_caller]
    fn wait_end(&mut self, within: Duration) -> u32 {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                return status.exit_code();
            }
            assert!(started.elapsed() < within, "still there after {within:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The terminal goes: `key` makes one more frame, with which the reader lets go of its end; then nobody holds it.
    fn lose(&mut self, key: &str) {
        self.closed.store(true, Ordering::SeqCst);
        let before = self.heard().len();
        self.press(key);
        self.wait_until("one more frame", |terminal| terminal.heard().len() > before);
        self.keys = None;
        self.master = None;
    }

    fn asked(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.path().join("asked")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Everything that was switched on is off again, in what was written.
    #[track_caller]
    fn check_restored(&self) {
        self.wait_until("the end of the alternate screen", |terminal| {
            find_last(&terminal.heard(), b"\x1b[?1049l").is_some()
        });
        let heard = self.heard();
        for (on, off) in [
            (b"\x1b[?1049h".as_slice(), b"\x1b[?1049l".as_slice()),
            (b"\x1b[?2004h", b"\x1b[?2004l"),
            (b"\x1b[?1004h", b"\x1b[?1004l"),
            (b"\x1b[?1000h", b"\x1b[?1000l"),
            (b"\x1b[?25l", b"\x1b[?25h"),
            (b"\x1b[>1u", b"\x1b[<u"),
        ] {
            let (on_at, off_at) = (find_last(&heard, on), find_last(&heard, off));
            assert!(off_at > on_at, "{} is still on", String::from_utf8_lossy(on).escape_debug());
        }
    }
}

fn find_last(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).rposition(|window| window == wanted)
}

fn count(bytes: &[u8], wanted: &[u8]) -> usize {
    bytes.windows(wanted.len()).filter(|window| *window == wanted).count()
}

#[test]
fn quitting_gives_the_terminal_back() {
    let mut terminal = Terminal::ready("plain");
    terminal.press("Q");
    assert_eq!(terminal.wait_end(PATIENCE), 0);
    terminal.check_restored();
}

#[test]
fn signals_give_the_terminal_back() {
    use rustix::process::Signal;
    for signal in [Signal::TERM, Signal::HUP, Signal::INT] {
        let mut terminal = Terminal::ready("plain");
        terminal.signal(signal);
        assert_eq!(terminal.wait_end(PATIENCE), 0, "{signal:?}");
        terminal.check_restored();
    }
}

#[test]
fn a_panic_gives_the_terminal_back_and_is_read() {
    let mut terminal = Terminal::ready("break");
    terminal.press("jkjk");
    assert_ne!(terminal.wait_end(PATIENCE), 0);
    terminal.check_restored();
    let heard = terminal.heard();
    let (left, said) = (find_last(&heard, b"\x1b[?1049l"), find_last(&heard, b"the clock broke"));
    assert!(
        said > left.filter(|_| said.is_some()).and(find_first(&heard, b"\x1b[?1049l")),
        "said on the ordinary screen"
    );
}

fn find_first(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[test]
fn a_lost_terminal_ends_the_program() {
    let mut terminal = Terminal::ready("plain");
    terminal.lose("?");
    // one second is the promise; the rest is for a busy machine
    terminal.wait_end(Duration::from_secs(5));
}

#[test]
fn every_frame_stands_between_its_marks() {
    let mut terminal = Terminal::ready("plain");
    terminal.press("?");
    terminal.wait_for("Keys");
    terminal.press("\x1b");
    terminal.wait_until("the help to close", |terminal| !terminal.screen().contains("search:"));
    let heard = terminal.heard();
    let (begun, ended) = (count(&heard, b"\x1b[?2026h"), count(&heard, b"\x1b[?2026l"));
    assert!(begun >= 3 && begun == ended, "{begun} begun, {ended} ended");
}

#[cfg(target_os = "linux")]
#[test]
fn nothing_happens_while_nothing_happens() {
    let terminal = Terminal::ready("plain");
    let id = terminal.child.process_id().expect("it runs");
    let ticks = || -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{id}/stat")).expect("it runs");
        let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split(' ').collect();
        fields[12].parse::<u64>().expect("utime") + fields[13].parse::<u64>().expect("stime")
    };
    // wait until it settled: no byte for a while
    let mut size = 0;
    terminal.wait_until("quiet", |terminal| {
        let before = std::mem::replace(&mut size, terminal.heard().len());
        std::thread::sleep(Duration::from_millis(300));
        before == size
    });
    let (before, cpu) = (terminal.heard().len(), ticks());
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(terminal.heard().len(), before, "not one byte");
    assert!(ticks() - cpu <= 1, "no work: {} ticks", ticks() - cpu);
}

#[test]
fn two_keys_decide_and_keys_typed_ahead_do_not() {
    let mut terminal = Terminal::ready("plain");
    terminal.press("Xy");
    terminal.wait_for("reject it");
    // the terminal says that the panel was shown; what was typed before it decided nothing
    terminal.wait_until("the question", |terminal| count(&terminal.heard(), b"\x1b[5n") > 0);
    terminal.answer_until_armed();
    assert!(!terminal.asked().contains(&"decide".to_owned()), "typed ahead");
    terminal.press("y");
    terminal.wait_for("rejected: session 12");
    assert_eq!(terminal.asked().iter().filter(|route| *route == "decide").count(), 1);
}

impl Terminal {
    /// Whether the open panel says that its second key counts.
    fn is_armed(&self) -> bool {
        self.screen().lines().any(|line| line.contains("reject it") && !line.contains('…'))
    }

    /// Answers every status query, as a terminal does, until the panel counts.
    #[track_caller]
    fn answer_until_armed(&mut self) {
        let mut answered = 0;
        let started = Instant::now();
        while !self.is_armed() {
            assert!(started.elapsed() < PATIENCE, "never counted:\n{}", self.screen());
            let asked = count(&self.heard(), b"\x1b[5n");
            self.press(&"\x1b[0n".repeat(asked - answered));
            answered = asked;
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn where_nothing_is_answered_typed_ahead_keys_do_not_count_and_later_ones_do() {
    let mut terminal = Terminal::ready("plain");
    terminal.press("Xyyyyyyyyyy");
    terminal.wait_until("the panel to count", Terminal::is_armed);
    assert!(!terminal.asked().contains(&"decide".to_owned()), "typed ahead");
    terminal.press("y");
    terminal.wait_for("rejected: session 12");
}

#[test]
fn an_escape_with_a_key_right_behind_it_decides_nothing() {
    let mut terminal = Terminal::ready("plain");
    terminal.press("X");
    terminal.wait_for("reject it");
    terminal.answer_until_armed();
    terminal.press("\x1by");
    terminal.wait_until("the panel to close", |terminal| !terminal.screen().contains("reject it"));
    assert!(!terminal.asked().contains(&"decide".to_owned()));
}

#[test]
fn the_ground_is_asked_for_and_its_answer_dresses_the_screens() {
    let mut terminal = Terminal::ready("plain");
    let heard = terminal.heard();
    assert_eq!(count(&heard, b"\x1b]11;?\x1b\\"), 1);
    assert_eq!(count(&heard, b"\x1b[38;5;"), 0, "the terminal's own sixteen colours");
    terminal.press("\x1b]11;rgb:ffff/ffff/ffff\x1b\\\x1b[?62;22c");
    terminal.wait_until("colours for a light ground", |terminal| count(&terminal.heard(), b"38;5;") > 0);
    assert!(terminal.screen().contains("say why it cannot fail"));
}

#[test]
fn a_new_size_is_drawn() {
    let terminal = Terminal::ready("plain");
    let before = terminal.heard().len();
    let size = PtySize { rows: 10, cols: 40, pixel_width: 0, pixel_height: 0 };
    terminal.master.as_ref().expect("open").resize(size).expect("a new size");
    terminal.wait_until("a new frame", |terminal| terminal.heard().len() > before + 100);
}
