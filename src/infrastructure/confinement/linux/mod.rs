//! The launcher on Linux: one thread, no runtime, its order on standard input.
//!
//! FULL is three processes: the launcher outside, the first process of the new PID namespace, which supervises, and
//! the program. When the first process ends the kernel ends everything in its namespace. LANDLOCK is two: the
//! launcher supervises and, as the reaper of orphans, finds whatever left the group.
mod keeper;
mod landlock;
mod limits;
mod seccomp;
mod supervise;
#[expect(unsafe_code, reason = "fork and system calls that no safe wrapper has; the launcher has one thread")]
mod sys;
mod view;

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::exit;

use rustix::process::{DumpableBehavior, Signal};

use super::policy::{Applied, Level, Network};
use super::protocol::{Order, Told, receive, send_with};

/// A step of confining, and what the system said.
struct Failed {
    step: String,
    why: String,
}

impl Failed {
    fn at(step: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let step = step.into();
        move |error| Self { step, why: error.to_string() }
    }
}

type Step<T> = Result<T, Failed>;

/// The end of a launcher whose caller is told the rest through the socket.
const LAUNCHER_FAILED: i32 = 125;

/// What `main` does when the first argument is [`super::LAUNCHER_ARGUMENT`]: never returns, never starts a thread.
pub fn launcher_main() -> ! {
    if sys::close_the_rest().is_err() {
        exit(LAUNCHER_FAILED)
    }
    // when memory runs out on the machine, this goes before the daemon and the user's editor
    let _refused = std::fs::write("/proc/self/oom_score_adj", "1000");
    let Ok(control) = io::stdin().as_fd().try_clone_to_owned() else { exit(LAUNCHER_FAILED) };
    let control = UnixStream::from(control);
    let Ok((order, stdin)) = Order::read(&control) else { exit(LAUNCHER_FAILED) };
    match launch(&order, &stdin, &control) {
        Ok(()) => exit(0),
        Err(Failed { step, why }) => {
            Told::NotConfined { step, why }.write(&control);
            exit(LAUNCHER_FAILED)
        }
    }
}

fn launch(order: &Order, stdin: &[u8], control: &UnixStream) -> Step<()> {
    rustix::process::setsid().map_err(|error| Failed::at("leaving the terminal")(error.into()))?;
    let input = match order.talks {
        true => receive(control, 1).and_then(|(_, input)| input.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())),
        false => sys::input(stdin),
    };
    let input = input.map_err(Failed::at("passing the input on"))?;
    if order.level == Level::Landlock {
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
            .map_err(|error| Failed::at("becoming the reaper")(error.into()))?;
        return confined(order, input, control, 0);
    }
    sys::enter_user_namespace().map_err(Failed::at("making a user namespace"))?;
    sys::enter_namespaces(!order.network.is_own()).map_err(Failed::at("making namespaces"))?;
    let Some(first) = sys::fork().map_err(Failed::at("starting the first process"))? else {
        return first_process(order, input, control);
    };
    drop(input);
    sys::wait_for(first);
    Ok(())
}

/// The first process of the PID namespace, before there is a second.
fn first_process(order: &Order, input: OwnedFd, control: &UnixStream) -> Step<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|error| Failed::at("tying the first process to the launcher")(error.into()))?;
    limits::bound_pids(order.limits.processes);
    if order.network.is_own() {
        sys::raise_loopback().map_err(Failed::at("raising the loopback"))?;
    }
    if order.network == Network::Doors {
        order.doors.iter().try_for_each(|port| open_door(*port, control)).map_err(Failed::at("opening a door"))?;
    }
    let overlays = view::enter(order)?;
    confined(order, input, control, overlays)
}

/// Listens at a door, and gives the socket away: it keeps this network, whoever accepts connections on it.
fn open_door(port: u16, control: &UnixStream) -> io::Result<()> {
    let door = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, port))?;
    let mut line = Vec::new();
    Told::Door.write(&mut line);
    send_with(control, &line, door.as_fd())
}

/// Starts the program and supervises it; a probe ends where the program would start.
fn confined(order: &Order, input: OwnedFd, control: &UnixStream, overlays: usize) -> Step<()> {
    // the program must not read its supervisor; earlier, the user namespace's own files would be closed to us too
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(|error| Failed::at("closing the supervisor's memory")(error.into()))?;
    let kept = keeper::Prepared::new(order)?;
    let (report, reported) = UnixStream::pair().map_err(Failed::at("making a pipe"))?;
    let Some(program) = sys::fork().map_err(Failed::at("starting a process"))? else {
        drop(report);
        become_the_program(order, input, &reported, overlays);
    };
    drop((reported, input));
    supervise::supervise(program, &report, control, order, kept.map(|kept| kept.watch(program)));
    Ok(())
}

fn become_the_program(order: &Order, input: OwnedFd, reported: &UnixStream, overlays: usize) -> ! {
    let told = match confine_self(order, input, overlays) {
        Err(Failed { step, why }) => Told::NotConfined { step, why },
        Ok((applied, asking)) => {
            let told = Told::Confined(applied);
            match asking {
                None => told.write(reported),
                Some(asking) => {
                    let mut line = Vec::new();
                    told.write(&mut line);
                    // whoever would answer is then gone, and this process with it
                    let _nobody_listens = send_with(reported, &line, asking.as_fd());
                }
            }
            let Some(program) = &order.program else { exit(0) };
            exec(order, program)
        }
    };
    told.write(reported);
    exit(LAUNCHER_FAILED)
}

/// What was applied, and from where the supervisor is asked about files.
fn confine_self(order: &Order, input: OwnedFd, overlays: usize) -> Step<(Applied, Option<OwnedFd>)> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|error| Failed::at("tying the program to its supervisor")(error.into()))?;
    sys::own_group().map_err(Failed::at("making a process group"))?;
    sys::set_stdin(input).map_err(Failed::at("passing the input on"))?;
    limits::apply(&order.limits, order.level).map_err(Failed::at("setting limits"))?;
    sys::drop_capabilities().map_err(Failed::at("dropping capabilities"))?;
    rustix::thread::set_no_new_privs(true).map_err(|error| Failed::at("giving up new privileges")(error.into()))?;
    let landlock = landlock::restrict(order)?;
    sys::close_the_rest_on_exec().map_err(Failed::at("closing inherited files"))?;
    seccomp::apply(order.level, order.network)
        .map_err(|why| Failed { step: "filtering system calls".to_owned(), why })?;
    let asking = ask(order)?;
    let backend = match (order.level, landlock.enforced) {
        (Level::Full, true) => "namespaces+landlock+seccomp",
        (Level::Full, false) => "namespaces+seccomp",
        _ => "landlock+seccomp",
    };
    let (backend, keeps) = (backend.to_owned(), asking.is_some());
    Ok((Applied { level: order.level, backend, landlock: landlock.words, overlays, keeps }, asking))
}

/// Has the supervisor asked where files are kept; a probe tries whether it could be.
fn ask(order: &Order) -> Step<Option<OwnedFd>> {
    let is_probe = order.program.is_none();
    if order.level != Level::Full || !(is_probe || order.kept.is_some()) {
        return Ok(None);
    }
    let failed = |why: String| Failed { step: "having files kept".to_owned(), why };
    // from then on this process cannot open a file before somebody answers, and of a probe nobody does
    let can_be_closed = keeper::memory_can_be_closed();
    let asking = seccomp::ask_about_files();
    if is_probe {
        return Ok(asking.ok().filter(|asking| can_be_closed && sys::can_give(asking)));
    }
    asking.map(Some).map_err(failed)
}

/// Returns only when the program could not be started.
fn exec(order: &Order, program: &OsString) -> Told {
    let not_started = |what: &Path, error: &io::Error| Told::NotStarted {
        what: what.to_string_lossy().into_owned(),
        errno: error.raw_os_error().unwrap_or(0),
    };
    let cwd = PathBuf::from(&order.cwd);
    if let Err(error) = std::env::set_current_dir(&cwd) {
        return not_started(&cwd, &error);
    }
    let mut command = std::process::Command::new(program);
    sys::default_signals();
    command.args(&order.args).env_clear().envs(order.env.iter().map(|(name, value)| (name, value)));
    let error = command.exec();
    not_started(Path::new(program), &error)
}
