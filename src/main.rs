//! Paraph's binary: parse, wire, run, exit code.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::sync::Arc;

use paraph::cli::{Streams, Terminal, World};
use paraph::daemon::Steadfast;
use paraph::infrastructure::confinement::{LAUNCHER_ARGUMENT, launcher_main};
use paraph::wiring::{House, Rooms};

#[allow(clippy::print_stderr, reason = "before the streams of the command line are there")]
fn main() -> ExitCode {
    // the launcher must come first: it needs a process without threads
    if std::env::args_os().nth(1).is_some_and(|first| first == LAUNCHER_ARGUMENT) {
        launcher_main();
    }
    let environment: BTreeMap<OsString, OsString> = std::env::vars_os().collect();
    let program = std::env::current_exe().unwrap_or_else(|_| "paraph".into());
    let house = match House::new(environment, program) {
        Ok(house) => Arc::new(house),
        Err(failure) => {
            eprintln!("error: {failure}");
            for hint in &failure.hints {
                eprintln!("hint: {hint}");
            }
            return ExitCode::from(failure.kind.exit_code());
        }
    };
    let mut threads = match only_asks(std::env::args_os().skip(1)) {
        true => tokio::runtime::Builder::new_current_thread(),
        false => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = match threads.enable_all().worker_threads(2).build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start threads: {error}");
            return ExitCode::FAILURE;
        }
    };
    let world = World {
        connect: Arc::new(Steadfast::new(Arc::new(house.connector()))),
        workbench: Arc::new(house.workbench()),
        launch: Arc::new(Rooms::of(house.clone())),
        ids: house.ids(),
        clock: house.clock(),
        blobs: house.blobs(),
        streams: Streams::standard(),
        terminal: terminal(),
        cwd: std::env::current_dir().unwrap_or_else(|_| "/".into()),
        environment: house.variables(),
        home: house.home().root().to_owned(),
    };
    let code = runtime.block_on(async {
        let code = paraph::cli::run(std::env::args_os(), world).await;
        house.close().await;
        code
    });
    runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    ExitCode::from(code)
}

/// Whether the command line names a verb that asks a daemon one thing and prints the answer: threads would cost it a tenth
/// of its time. Every other one may hold the whole service.
fn only_asks(mut arguments: impl Iterator<Item = OsString>) -> bool {
    const ASKING: &[&str] = &["beads", "list", "metrics", "next", "show", "status"];
    let asks = arguments.next().is_some_and(|verb| ASKING.iter().any(|asking| verb == *asking));
    asks && arguments.all(|argument| argument != "--in-process")
}

fn terminal() -> Terminal {
    let columns = rustix::termios::tcgetwinsize(std::io::stdout()).map_or(0, |size| usize::from(size.ws_col));
    Terminal {
        input: std::io::stdin().is_terminal(),
        output: std::io::stdout().is_terminal(),
        error: std::io::stderr().is_terminal(),
        columns: if columns == 0 { 80 } else { columns },
    }
}
