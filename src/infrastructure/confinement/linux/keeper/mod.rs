//! The keeper: files that the program may open, and no command that it starts.
//!
//! To the kernel a program and what it starts are one user with one set of rights, so nothing that is written on a file
//! can tell them apart. The supervisor can: what is in the files is taken out of the file system before the program
//! starts ([`contents`]), and every call that opens, renames or executes a file waits for the supervisor's word. It
//! hands a descriptor to a process that is the program itself ([`lineage`], [`programs`]) and to nobody else, and what
//! such a process has in memory is closed to others ([`images`]).
//!
//! Three things make this hold though a caller may change its memory while it is looked at. What is granted is a
//! descriptor, never leave to go on with a path. Who is believed to be the program is decided by what the kernel says
//! of it, and by executions of processes that were believed until then. And where anything is in doubt the call goes on as
//! if nobody had asked: it finds a stand-in, and who executed something is a command from then on.
//!
//! Not held: what the program itself writes to other places, prints or loads into itself; what it can be made to say by
//! whoever talks to it; and that a command removes a stand-in, with which the file is gone.
//!
//! Each open costs some 15 µs, each start of a process some 0.5 ms more (two cores of 2026, Linux 6.18).
mod caller;
mod contents;
mod images;
mod lineage;
mod programs;

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use libc::{c_int, pid_t};
use rustix::process::Pid;

use super::super::protocol::Order;
use super::sys::{self, Answer, Asked};
use super::{Failed, Step};
use caller::{Caller, last_part, path_at};
use contents::Contents;
use images::Images;
use lineage::Lineage;
use programs::{Execution, Programs, cannot_be_executed, found_along};

/// Calls that are answered before the supervisor looks at anything else.
const AT_ONCE: usize = 64;

/// What lies ready before the program starts.
pub(super) struct Prepared {
    contents: Contents,
    images: Images,
    programs: Programs,
}

/// Answers for one program.
pub(super) struct Keeper {
    contents: Contents,
    images: Images,
    programs: Programs,
    lineage: Lineage,
    listener: Option<OwnedFd>,
    /// Whether the program runs; until then its process is the launcher's.
    started: bool,
}

/// Whether the kernel lets such a program's memory be closed: with this setting whatever runs may be looked into.
pub(super) fn memory_can_be_closed() -> bool {
    std::fs::read_to_string("/proc/sys/fs/suid_dumpable").is_ok_and(|text| text.trim() != "1")
}

impl Prepared {
    /// Takes the files that `order` wants kept out of the view, which is entered already.
    pub(super) fn new(order: &Order) -> Step<Option<Self>> {
        let Some((files, own)) = &order.kept else { return Ok(None) };
        let contents =
            Contents::take(files, Path::new(&order.scratch).join("home")).map_err(Failed::at("keeping files"))?;
        let mut images = Images::new().map_err(Failed::at("making a place for closed programs"))?;
        let mut programs = Programs::new(order, own);
        if let Some(first) = first_execution(order) {
            let closed = images.close(&first.program, |file| programs.is_steady(file));
            closed.map_err(Failed::at(format!("closing the memory of {}", first.program.display())))?;
            programs.became(&first);
        }
        Ok(Some(Self { contents, images, programs }))
    }

    pub(super) fn watch(self, program: Pid) -> Keeper {
        let Self { contents, images, programs } = self;
        let lineage = Lineage::new(program.as_raw_nonzero().get());
        Keeper { contents, images, programs, lineage, listener: None, started: false }
    }
}

/// What the launcher will execute: it cannot be asked then.
fn first_execution(order: &Order) -> Option<Execution> {
    let name = order.program.as_ref()?;
    let path = order.env.iter().find(|(name, _)| name == "PATH").map(|(_, path)| path.as_os_str());
    let folder = PathBuf::from(&order.cwd);
    let program = found_along(path, &folder, name)?;
    let arguments = [name.clone()].into_iter().chain(order.args.iter().cloned()).collect();
    Some(Execution { program, arguments, variables: Vec::new(), folder: Some(folder) })
}

impl Keeper {
    /// Calls come from `listener`.
    pub(super) fn listen(&mut self, listener: OwnedFd) {
        sys::answer_at_once(&listener);
        self.listener = Some(listener);
    }

    pub(super) fn listener(&self) -> Option<BorrowedFd<'_>> {
        self.listener.as_ref().map(|listener| listener.as_fd())
    }

    /// The launcher's process became the program.
    pub(super) fn started(&mut self) {
        self.started = true;
    }

    /// Answers who waits, at most some; none may.
    pub(super) fn answer(&mut self) {
        let Some(listener) = self.listener.take() else { return };
        // until the program runs, each answer may be the one with which it does
        for _ in 0..if self.started { AT_ONCE } else { 1 } {
            let [somebody_waits] = sys::poll([Some(listener.as_fd())], 0);
            if !somebody_waits {
                break;
            }
            let Ok(asked) = sys::next_asked(&listener) else { break };
            let answer = self.decide(&asked, &listener).unwrap_or(Answer::GoOn);
            sys::answer(&listener, asked.id, &answer);
        }
        self.listener = Some(listener);
    }

    /// `None` where something could not be read: the call goes on, and nothing was granted.
    fn decide(&mut self, asked: &Asked, listener: &OwnedFd) -> Option<Answer> {
        if !self.started && self.lineage.is_first(asked.thread) {
            return None;
        }
        let [first, second, third, fourth, fifth, _] = asked.arguments;
        let here = u64::from(libc::AT_FDCWD.cast_unsigned());
        let open = |keeper: &mut Self, folder, path, flags| keeper.open(asked, listener, (folder, path), flags);
        match asked.call {
            #[cfg(target_arch = "x86_64")]
            libc::SYS_open => open(self, here, first, Flags::Are(second)),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_creat => open(self, here, first, Flags::Are(CREATES)),
            libc::SYS_openat => open(self, first, second, Flags::Are(third)),
            libc::SYS_openat2 => open(self, first, second, Flags::At(third)),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_rename => self.rename(asked, listener, [(here, first), (here, second)], 0),
            libc::SYS_renameat => self.rename(asked, listener, [(first, second), (third, fourth)], 0),
            libc::SYS_renameat2 => self.rename(asked, listener, [(first, second), (third, fourth)], fifth),
            libc::SYS_execve => self.execute(asked, listener, (here, first), (second, third)),
            libc::SYS_execveat => self.execute(asked, listener, (first, second), (third, fourth)),
            libc::SYS_pidfd_send_signal => self.signal(asked, None),
            libc::SYS_tgkill | libc::SYS_rt_tgsigqueueinfo => self.signal(asked, Some(number(second))),
            _ => self.signal(asked, Some(number(first))), // kill and its kin
        }
    }

    fn open(&mut self, asked: &Asked, listener: &OwnedFd, (folder, path): (u64, u64), flags: Flags) -> Option<Answer> {
        let path = path_at(asked.thread, path)?;
        let name = last_part(&path);
        let (may_be_kept, may_be_covered) = (self.contents.may_be_called(name), self.images.may_be_called(name));
        if !may_be_kept && !may_be_covered {
            return None;
        }
        let caller = Caller::of(asked.thread)?;
        let whole = caller.whole(number(folder), &path)?;
        let flags = match flags {
            Flags::Are(flags) => number(flags),
            Flags::At(address) => number(caller.numbers::<1>(address)?[0]),
        };
        if may_be_covered && flags & (libc::O_ACCMODE | libc::O_PATH | libc::O_DIRECTORY | libc::O_CREAT) == 0 {
            let whole = if is_own_image(&whole, &caller) { caller.image()? } else { whole.clone() };
            if let Some(original) = self.images.original(&whole) {
                return Some(Answer::Gives(original)); // which anybody may read
            }
        }
        if !may_be_kept {
            return None;
        }
        let is_program = self.is_program_and_closed(&caller) && sys::still_asks(listener, asked.id);
        Some(if is_program { self.contents.open(&whole, flags) } else { self.contents.for_a_command(&whole) })
    }

    fn rename(
        &mut self,
        asked: &Asked,
        listener: &OwnedFd,
        [(old_folder, old), (new_folder, new)]: [(u64, u64); 2],
        flags: u64,
    ) -> Option<Answer> {
        let (old, new) = (path_at(asked.thread, old)?, path_at(asked.thread, new)?);
        if ![&old, &new].iter().any(|path| self.contents.may_be_called(last_part(path))) {
            return None;
        }
        let caller = Caller::of(asked.thread)?;
        let (old, new) = (caller.whole(number(old_folder), &old)?, caller.whole(number(new_folder), &new)?);
        let is_program = self.is_program_and_closed(&caller) && sys::still_asks(listener, asked.id);
        is_program.then(|| self.contents.rename(&old, &new, flags & u64::from(u32::MAX)))
    }

    fn execute(
        &mut self,
        asked: &Asked,
        listener: &OwnedFd,
        (folder, path): (u64, u64),
        (arguments, variables): (u64, u64),
    ) -> Option<Answer> {
        let caller = Caller::of(asked.thread)?;
        if !self.lineage.is_program(caller.process) {
            return None;
        }
        let program = caller.path(number(folder), path);
        let program =
            program.map(|path| if is_own_image(&path, &caller) { caller.image().unwrap_or(path) } else { path });
        // a search along PATH: it did not become a command by what is not there
        if let Some(errno) = program.as_deref().and_then(cannot_be_executed) {
            return Some(Answer::Fails(errno));
        }
        let stays = program.and_then(|program| {
            let (arguments, variables) = (caller.texts(arguments)?, caller.texts(variables)?);
            let folder = caller.whole(libc::AT_FDCWD, Path::new("."));
            Some(Execution { program, arguments, variables, folder })
        });
        let stays = stays.filter(|_| sys::still_asks(listener, asked.id)).is_some_and(|execution| {
            let is_first = self.lineage.is_first(caller.process);
            if is_first {
                self.programs.became(&execution);
            }
            let programs = &self.programs;
            (is_first || programs.is_own(&execution))
                && self.images.close(&execution.program, |file| programs.is_steady(file)).is_ok()
        });
        if !stays {
            self.lineage.becomes_a_command(caller.process);
        }
        None
    }

    /// A signal that makes a program open itself; `target` is `None` where a descriptor names it.
    fn signal(&self, asked: &Asked, target: Option<pid_t>) -> Option<Answer> {
        let caller = Caller::of(asked.thread)?;
        let opens = !self.lineage.is_program(caller.process)
            && target.is_none_or(|target| self.lineage.is_reached(target, caller.process));
        opens.then_some(Answer::Fails(libc::EPERM))
    }

    /// Whether the caller is the program itself, and nobody else can look into it.
    fn is_program_and_closed(&self, caller: &Caller) -> bool {
        self.lineage.is_program(caller.process) && caller.image().is_some_and(|image| self.images.is_closed(&image))
    }
}

/// Flags of an open: an argument, or where they lie.
#[derive(Clone, Copy)]
enum Flags {
    Are(u64),
    At(u64),
}

#[cfg(target_arch = "x86_64")]
const CREATES: u64 = (libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC) as u64;

/// An argument that the kernel takes for an `int`.
fn number(argument: u64) -> c_int {
    argument as u32 as c_int
}

/// Whether a path means what its reader executes.
fn is_own_image(path: &Path, caller: &Caller) -> bool {
    let own = format!("/proc/{}/exe", caller.process);
    ["/proc/self/exe", "/proc/thread-self/exe", &own].iter().any(|link| path == Path::new(link))
}
