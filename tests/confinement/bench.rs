//! One confinement level with folders to defend, and the attacker that runs inside.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use paraph::cancel::Cancel;
use paraph::infrastructure::confinement::{Confined, Confinement, ConfinementError, Level, Policy};
use paraph::infrastructure::process::{Command, Status};

/// The attack worked.
pub(crate) const OUT: i32 = 10;

/// The attack was refused.
pub(crate) const HELD: i32 = 11;

/// Set in the second run, as an ordinary user: where that user can reach the launcher.
pub(crate) const LAUNCHER: &str = "PARAPH_TEST_LAUNCHER";

pub(crate) fn launcher() -> PathBuf {
    std::env::var_os(LAUNCHER).map_or_else(|| env!("CARGO_BIN_EXE_paraph").into(), PathBuf::from)
}

/// Every level to be had here, the strongest first.
pub(crate) fn levels() -> Vec<Confinement> {
    let strongest = Confinement::probe(launcher());
    let mut levels = vec![strongest.clone()];
    if strongest.level() == Level::Full {
        let weaker = Confinement::probe_at_most(launcher(), Level::Landlock);
        levels.extend((weaker.level() == Level::Landlock).then_some(weaker));
    }
    levels.retain(|confinement| confinement.level() != Level::None);
    levels
}

pub(crate) struct Bench {
    pub(crate) confinement: Confinement,
    pub(crate) policy: Policy,
    pub(crate) folder: tempfile::TempDir,
}

impl Bench {
    pub(crate) fn new(confinement: Confinement) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["checkout", "scratch", "home/.ssh", "other"] {
            fs::create_dir_all(folder.path().join(name)).expect("folders");
        }
        fs::write(folder.path().join("home/.ssh/id_ed25519"), "a key").expect("a key");
        let mut policy = Policy::new(folder.path().join("checkout"), folder.path().join("scratch"));
        policy.read_only.push(std::env::current_exe().expect("this program has a path"));
        Self { confinement, policy, folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn level(&self) -> Level {
        self.confinement.level()
    }

    pub(crate) fn run(&self, command: Command) -> Result<Confined, ConfinementError> {
        let command = command.env("PATH", "/usr/bin:/bin").cwd(self.path("checkout"));
        self.confinement.run_blocking(&self.policy, &command, &Cancel::new(), &mut |_| {})
    }

    #[track_caller]
    pub(crate) fn shell(&self, script: &str) -> Confined {
        self.run(Command::new("sh").args(["-c", script]).merged()).expect("runs")
    }

    pub(crate) fn attack_command(&self, name: &str, target: &str) -> Command {
        let this = std::env::current_exe().expect("this program has a path");
        let command = Command::new(this).args(["--exact", "bench::attacker", "--nocapture", "--test-threads=1"]);
        command.merged().env("ATTACK", name).env("TARGET", target)
    }

    #[track_caller]
    pub(crate) fn attack(&self, name: &str, target: impl AsRef<Path>) -> (i32, String) {
        let target = target.as_ref().to_str().expect("test paths are text");
        let confined = self.run(self.attack_command(name, target)).expect("runs");
        let printed = confined.finished.stdout.text();
        match confined.finished.status {
            Status::Exit(code @ (OUT | HELD)) => (code, printed),
            other => panic!("{}: {name} {target} ended with {other}: {printed}", self.level()),
        }
    }

    #[track_caller]
    pub(crate) fn held(&self, name: &str, target: impl AsRef<Path>) {
        let (code, printed) = self.attack(name, &target);
        assert_eq!(code, HELD, "{}: {name} {:?} got out: {printed}", self.level(), target.as_ref());
    }

    #[track_caller]
    pub(crate) fn allowed(&self, name: &str, target: impl AsRef<Path>) -> String {
        let (code, printed) = self.attack(name, &target);
        assert_eq!(code, OUT, "{}: {name} {:?} was refused: {printed}", self.level(), target.as_ref());
        printed
    }
}

#[track_caller]
pub(crate) fn at_every_level(test: impl Fn(Bench)) {
    let levels = levels();
    assert!(!levels.is_empty() || cfg!(not(target_os = "linux")), "nothing to confine with on this machine");
    levels.into_iter().for_each(|confinement| test(Bench::new(confinement)));
}

/// Not a test of its own: what runs inside.
#[test]
fn attacker() {
    let Some(attack) = std::env::var_os("ATTACK") else { return };
    let target = std::env::var("TARGET").expect("an attack has a target");
    let result = attack_on(attack.to_str().expect("a word"), &target);
    println!("{result:?}");
    std::process::exit(if result.is_ok() { OUT } else { HELD });
}

fn attack_on(attack: &str, target: &str) -> std::io::Result<()> {
    match attack {
        "write" => fs::write(target, "owned"),
        "append" => fs::OpenOptions::new().append(true).open(target)?.write_all(b"owned"),
        "truncate" => fs::OpenOptions::new().write(true).open(target)?.set_len(0),
        "delete" => fs::remove_file(target),
        "rename" => fs::rename(target, "stolen"),
        "make-folder" => fs::create_dir(target),
        "write-through-link" => symlink(target, "link").and_then(|()| fs::write("link", "owned")),
        "hard-link" => fs::hard_link(target, "hard").and_then(|()| fs::write("hard", "owned")),
        "read" => fs::read(target).map(|bytes| println!("{}", String::from_utf8_lossy(&bytes))),
        "list" => {
            fs::read_dir(target).map(|entries| entries.flatten().for_each(|entry| println!("{:?}", entry.path())))
        }
        "unix" => UnixStream::connect(target)?.write_all(b"approve"),
        "datagram" => std::os::unix::net::UnixDatagram::unbound()?.send_to(b"approve", target).map(drop),
        "abstract" => {
            use std::os::linux::net::SocketAddrExt as _;
            let address = std::os::unix::net::SocketAddr::from_abstract_name(target)?;
            UnixStream::connect_addr(&address)?.write_all(b"approve")
        }
        "tcp" => TcpStream::connect(target)?.write_all(b"approve"),
        "udp" => UdpSocket::bind("0.0.0.0:0")?.send_to(b"query", target).map(drop),
        "loopback" => loopback(),
        "socketpair" => UnixStream::pair()?.0.write_all(b"x"),
        "kill" => rustix::process::kill_process(
            rustix::process::Pid::from_raw(target.parse().expect("a pid")).expect("not zero"),
            rustix::process::Signal::KILL,
        )
        .map_err(Into::into),
        #[expect(deprecated, reason = "the safe form; the attacker has no other thread that matters")]
        "namespace" => rustix::thread::unshare(rustix::thread::UnshareFlags::NEWUSER).map_err(Into::into),
        "mount" => {
            rustix::mount::mount("tmpfs", target, "tmpfs", rustix::mount::MountFlags::empty(), None).map_err(Into::into)
        }
        "memory" | "memory-and-wait" => {
            let blocks: Vec<Vec<u8>> = (0..target.parse().expect("megabytes")).map(|_| vec![1; 1 << 20]).collect();
            std::thread::sleep(Duration::from_secs(if attack == "memory" { 0 } else { 10 }));
            println!("{}", blocks.iter().map(|block| u64::from(block[4711])).sum::<u64>());
            Ok(())
        }
        kept if kept.starts_with("kept") => crate::kept::program(kept, target),
        other => panic!("no attack {other}"),
    }
}

fn loopback() -> std::io::Result<()> {
    let server = TcpListener::bind("127.0.0.1:0")?;
    let mut client = TcpStream::connect(server.local_addr()?)?;
    client.write_all(b"hello")?;
    drop(client);
    let mut heard = String::new();
    server.accept()?.0.read_to_string(&mut heard)?;
    assert_eq!(heard, "hello");
    Ok(())
}
