//! What each confinement level promises, tried by real processes that want out.
//!
//! The attacker is this test program itself, started again inside with its name in `ATTACK`. Every test runs at each
//! level this machine has; the whole set runs once more as uid 65534 when it runs as root.

#![allow(clippy::print_stdout)] // what an attacker found, for the one who reads the failure

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use paraph::cancel::Cancel;
use paraph::infrastructure::confinement::{
    Confined, Confinement, ConfinementError, Exceeded, Level, Mechanism, Policy,
};
use paraph::infrastructure::process::{Command, Status, Stopped};

/// The attack worked.
const OUT: i32 = 10;
/// The attack was refused.
const HELD: i32 = 11;

/// Set in the second run, as an ordinary user: where that user can reach the launcher.
const LAUNCHER: &str = "PARAPH_TEST_LAUNCHER";

fn launcher() -> PathBuf {
    std::env::var_os(LAUNCHER).map_or_else(|| env!("CARGO_BIN_EXE_paraph").into(), PathBuf::from)
}

/// Every level to be had here, the strongest first.
fn levels() -> Vec<Confinement> {
    let strongest = Confinement::probe(launcher());
    let mut levels = vec![strongest.clone()];
    if strongest.level() == Level::Full {
        let weaker = Confinement::probe_at_most(launcher(), Level::Landlock);
        levels.extend((weaker.level() == Level::Landlock).then_some(weaker));
    }
    levels.retain(|confinement| confinement.level() != Level::None);
    levels
}

struct Bench {
    confinement: Confinement,
    policy: Policy,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new(confinement: Confinement) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["checkout", "scratch", "home/.ssh", "other"] {
            fs::create_dir_all(folder.path().join(name)).expect("folders");
        }
        fs::write(folder.path().join("home/.ssh/id_ed25519"), "a key").expect("a key");
        let mut policy = Policy::new(folder.path().join("checkout"), folder.path().join("scratch"));
        policy.read_only.push(std::env::current_exe().expect("this program has a path"));
        Self { confinement, policy, folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn level(&self) -> Level {
        self.confinement.level()
    }

    fn run(&self, command: Command) -> Result<Confined, ConfinementError> {
        let command = command.env("PATH", "/usr/bin:/bin").cwd(self.path("checkout"));
        self.confinement.run_blocking(&self.policy, &command, &Cancel::new(), &mut |_| {})
    }

    #[track_caller]
    fn shell(&self, script: &str) -> Confined {
        self.run(Command::new("sh").args(["-c", script]).merged()).expect("runs")
    }

    fn attack_command(&self, name: &str, target: &str) -> Command {
        let this = std::env::current_exe().expect("this program has a path");
        let command = Command::new(this).args(["--exact", "attacker", "--nocapture", "--test-threads=1"]);
        command.merged().env("ATTACK", name).env("TARGET", target)
    }

    #[track_caller]
    fn attack(&self, name: &str, target: impl AsRef<Path>) -> (i32, String) {
        let target = target.as_ref().to_str().expect("test paths are text");
        let confined = self.run(self.attack_command(name, target)).expect("runs");
        let printed = confined.finished.stdout.text();
        match confined.finished.status {
            Status::Exit(code @ (OUT | HELD)) => (code, printed),
            other => panic!("{}: {name} {target} ended with {other}: {printed}", self.level()),
        }
    }

    #[track_caller]
    fn held(&self, name: &str, target: impl AsRef<Path>) {
        let (code, printed) = self.attack(name, &target);
        assert_eq!(code, HELD, "{}: {name} {:?} got out: {printed}", self.level(), target.as_ref());
    }

    #[track_caller]
    fn allowed(&self, name: &str, target: impl AsRef<Path>) -> String {
        let (code, printed) = self.attack(name, &target);
        assert_eq!(code, OUT, "{}: {name} {:?} was refused: {printed}", self.level(), target.as_ref());
        printed
    }
}

#[track_caller]
fn at_every_level(test: impl Fn(Bench)) {
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

#[test]
fn the_checkout_and_the_scratch_folder_can_be_written_and_nothing_else() {
    at_every_level(|bench| {
        bench.allowed("write", "inside");
        bench.allowed("write", bench.path("scratch/file"));
        assert_eq!(fs::read_to_string(bench.path("checkout/inside")).expect("written for real"), "owned");
        let victim = bench.path("other/file");
        fs::write(&victim, "untouched").expect("a file");
        for attack in ["write", "append", "truncate", "delete", "rename", "write-through-link", "hard-link"] {
            bench.held(attack, &victim);
            let _left_over = fs::remove_file(bench.path("checkout/link"));
        }
        bench.held("append", "../other/file");
        bench.held("append", bench.path("home/.ssh/id_ed25519"));
        bench.held("append", std::env::current_exe().expect("a path"));
        for system in
            ["/etc/passwd", "/etc/crontab", "/usr/bin/env", "/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger"]
        {
            bench.held("append", system);
        }
        for folder in ["/var/spool/cron", "/usr/made", "/etc/made", "/made", "/proc/made"] {
            bench.held("make-folder", folder);
        }
        assert_eq!(fs::read_to_string(victim).expect("still there"), "untouched");
    });
}

#[test]
fn a_new_file_outside_is_nowhere_to_be_found() {
    at_every_level(|bench| {
        // at FULL the private /tmp takes it, and it is gone afterwards
        let target = bench.path("other/new");
        bench.attack("write", &target);
        assert!(!target.exists());
        let shared = format!("/tmp/paraph-escape-{}", std::process::id());
        bench.attack("write", &shared);
        assert!(!Path::new(&shared).exists());
    });
}

#[test]
fn homes_keys_and_hidden_places_cannot_be_read() {
    at_every_level(|mut bench| {
        bench.held("read", bench.path("home/.ssh/id_ed25519"));
        bench.held("list", bench.path("home"));
        bench.held("list", "/root");
        bench.held("list", "/home");
        bench.held("read", "/etc/shadow");
        let tools = bench.path("tools");
        fs::create_dir_all(tools.join("secrets")).expect("folders");
        fs::write(tools.join("compiler"), "compiles").expect("a file");
        fs::write(tools.join("token"), "secret").expect("a file");
        fs::write(tools.join("secrets/key"), "secret").expect("a file");
        bench.policy.read_only.push(tools.clone());
        bench.policy.hidden = vec![tools.join("token"), tools.join("secrets")];
        assert!(bench.allowed("read", tools.join("compiler")).contains("compiles"));
        assert!(!bench.attack("read", tools.join("token")).1.contains("secret"));
        bench.held("read", tools.join("secrets/key"));
        bench.held("append", tools.join("compiler"));
    });
}

#[test]
fn the_environment_is_what_was_given() {
    at_every_level(|bench| {
        let confined = bench.run(Command::new("env").env("GIVEN", "yes")).expect("runs");
        let mut names: Vec<String> = confined
            .finished
            .stdout
            .text()
            .lines()
            .filter_map(|line| Some(line.split_once('=')?.0.to_owned()))
            .collect();
        names.sort();
        assert_eq!(names, ["GIVEN", "HOME", "PATH", "TEMP", "TMP", "TMPDIR"]);
        assert_eq!(bench.shell("cat /proc/$PPID/environ 2>/dev/null | wc -c").finished.stdout.text().trim(), "0");
    });
}

#[test]
fn sockets_outside_cannot_be_reached() {
    at_every_level(|bench| {
        let socket = bench.path("other/daemon.sock");
        let daemon = UnixListener::bind(&socket).expect("binds");
        daemon.set_nonblocking(true).expect("a flag");
        bench.held("unix", &socket);
        let datagrams = std::os::unix::net::UnixDatagram::bind(bench.path("other/log.sock")).expect("binds");
        datagrams.set_nonblocking(true).expect("a flag");
        bench.held("datagram", bench.path("other/log.sock"));
        use std::os::linux::net::SocketAddrExt as _;
        let name = format!("paraph-test-{}-{}", std::process::id(), bench.level());
        let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).expect("a name");
        let hidden = UnixListener::bind_addr(&address).expect("binds");
        hidden.set_nonblocking(true).expect("a flag");
        bench.held("abstract", &name);
        assert!(daemon.accept().is_err() && hidden.accept().is_err(), "somebody came in");
        assert!(datagrams.recv(&mut [0; 8]).is_err(), "something came in");
        bench.allowed("socketpair", "");
    });
}

#[test]
fn the_network_is_closed_and_the_hosts_loopback_too() {
    at_every_level(|bench| {
        let server = TcpListener::bind("127.0.0.1:0").expect("binds");
        let datagrams = UdpSocket::bind("127.0.0.1:0").expect("binds");
        server.set_nonblocking(true).expect("a flag");
        datagrams.set_nonblocking(true).expect("a flag");
        bench.held("tcp", server.local_addr().expect("an address").to_string());
        // at FULL the datagram goes to a loopback of its own, where nobody listens
        bench.attack("udp", datagrams.local_addr().expect("an address").to_string());
        assert!(server.accept().is_err() && datagrams.recv(&mut [0; 8]).is_err(), "something came through");
        bench.held("tcp", "192.0.2.1:80");
        bench.held("udp", "192.0.2.1:53");
        if bench.level() == Level::Full {
            bench.allowed("loopback", "");
        } else {
            bench.held("loopback", "");
        }
    });
}

#[test]
fn other_processes_are_out_of_reach() {
    at_every_level(|bench| {
        let mut bystander = std::process::Command::new("sleep").arg("60").spawn().expect("starts");
        let pid = bystander.id();
        bench.held("read", format!("/proc/{pid}/environ"));
        bench.held("append", format!("/proc/{pid}/mem"));
        if bench.level() == Level::Full || bench.confinement.applied().landlock.starts_with("abi 7") {
            bench.held("kill", pid.to_string());
        }
        if bench.level() == Level::Full {
            let listed = bench.shell("cat /proc/[0-9]*/cmdline | tr '\\0' ' '").finished.stdout.text();
            assert!(!listed.contains("sleep 60"), "{listed}");
            // the supervisor is there and cannot be looked into or stopped
            bench.held("read", "/proc/1/environ");
            bench.held("append", "/proc/1/mem");
            bench.held("append", "/proc/1/fd/0");
            assert!(bench.shell("kill -9 1; sleep 0.1; echo still").finished.stdout.text().contains("still"));
        }
        assert!(bystander.try_wait().expect("can be asked").is_none(), "the bystander was killed");
        bystander.kill().and_then(|()| bystander.wait()).expect("ends");
    });
}

#[test]
fn the_terminal_and_more_power_are_out_of_reach() {
    at_every_level(|bench| {
        bench.held("append", "/dev/tty");
        bench.held("namespace", "");
        bench.held("mount", bench.path("checkout"));
        let status =
            bench.shell("grep -E 'CapEff|CapPrm|CapBnd|NoNewPrivs|Seccomp:' /proc/self/status").finished.stdout.text();
        for line in status.lines().filter(|line| line.starts_with("CapEff") || line.starts_with("CapPrm")) {
            assert!(line.ends_with("0000000000000000"), "{line}");
        }
        assert!(status.contains("NoNewPrivs:\t1") && status.contains("Seccomp:\t2"), "{status}");
        assert_eq!(
            bench.shell("ls /proc/self/fd | wc -l").finished.stdout.text().trim(),
            "4",
            "0, 1, 2 and the listing's own"
        );
    });
}

#[test]
fn a_tmux_server_cannot_be_driven() {
    at_every_level(|bench| {
        let socket = bench.path("other/tmux");
        let tmux = |args: &[&str]| std::process::Command::new("tmux").arg("-S").arg(&socket).args(args).output();
        let Ok(started) = tmux(&["-f", "/dev/null", "new-session", "-d", "sleep 60"]) else { return };
        if !started.status.success() {
            return; // no tmux to defend here
        }
        let inside = bench
            .run(Command::new("tmux").args(["-S", socket.to_str().expect("text"), "send-keys", "y"]))
            .expect("runs");
        tmux(&["kill-server"]).expect("ends");
        assert!(!inside.finished.status.success(), "keys were sent from inside");
    });
}

#[test]
fn ends_are_told_as_they_were() {
    at_every_level(|bench| {
        for (script, status) in [
            ("exit 0", Status::Exit(0)),
            ("exit 125", Status::Exit(125)),
            ("exit 255", Status::Exit(255)),
            ("kill -11 $$", Status::Signal(11)),
            ("kill -9 $$", Status::Signal(9)),
            ("kill -15 $$", Status::Signal(15)),
        ] {
            let confined = bench.shell(script);
            assert_eq!((confined.finished.status, confined.finished.stopped), (status, None), "{script}");
            assert_eq!(confined.applied.level, bench.level());
        }
        let echoed = bench.run(Command::new("cat").stdin(vec![b'x'; 3_000_000]).output_limit(4_000_000)).expect("runs");
        assert_eq!(echoed.finished.stdout.total(), 3_000_000);
        assert_eq!(bench.shell("cat | wc -c").finished.stdout.text().trim(), "0", "no input is an empty one");
    });
}

#[test]
fn what_cannot_start_is_not_a_failure_of_the_program() {
    at_every_level(|bench| {
        let missing = bench.run(Command::new("no-such-program")).expect_err("is not there");
        let ConfinementError::CouldNotStart { what, source } = missing else { panic!("{missing}") };
        assert_eq!((what.as_str(), source.kind()), ("no-such-program", std::io::ErrorKind::NotFound));
        fs::write(bench.path("checkout/plain"), "no program").expect("a file");
        let plain = bench.run(Command::new(bench.path("checkout/plain"))).expect_err("not executable");
        assert!(matches!(plain, ConfinementError::CouldNotStart { .. }), "{plain}");
        let nowhere = Command::new("true").env("PATH", "/usr/bin:/bin").cwd(bench.path("other"));
        let ended = bench.confinement.run_blocking(&bench.policy, &nowhere, &Cancel::new(), &mut |_| {});
        if bench.level() == Level::Full {
            assert!(matches!(ended, Err(ConfinementError::CouldNotStart { .. })), "{ended:?}");
        }
    });
}

#[test]
fn time_that_is_up_leaves_no_process_behind() {
    at_every_level(|bench| {
        let script = "trap '' TERM; setsid sh -c 'trap \"\" TERM; (sleep 2; touch late) & sleep 60' & sleep 60";
        let command = Command::new("sh")
            .args(["-c", script])
            .timeout(Duration::from_millis(300))
            .grace(Duration::from_millis(200));
        let confined = bench.run(command).expect("runs");
        assert_eq!(confined.finished.stopped, Some(Stopped::TimedOut));
        assert_eq!(confined.finished.status, Status::Signal(9));
        assert!(confined.finished.duration < Duration::from_secs(2), "{:?}", confined.finished.duration);
        std::thread::sleep(Duration::from_millis(2300).saturating_sub(confined.finished.duration));
        assert!(!bench.path("checkout/late").exists(), "{}: something lived on", bench.level());
    });
}

#[test]
fn a_daemon_that_forked_twice_ends_with_the_program() {
    at_every_level(|bench| {
        let confined = bench.shell("(setsid sh -c '(sleep 1; touch late) >/dev/null 2>&1 &' &) ; sleep 0.2; echo done");
        assert_eq!((confined.finished.status, confined.finished.stdout.text().as_str()), (Status::Exit(0), "done\n"));
        std::thread::sleep(Duration::from_millis(1200));
        assert!(!bench.path("checkout/late").exists(), "{}: the daemon lived on", bench.level());
    });
}

#[test]
fn a_caller_that_is_killed_takes_its_commands_along() {
    at_every_level(|bench| {
        let this = std::env::current_exe().expect("a path");
        let mut caller = std::process::Command::new(this)
            .args(["--exact", "doomed_caller", "--nocapture"])
            .env("CHECKOUT", bench.path("checkout"))
            .env("LEVEL", bench.level().to_string())
            .spawn()
            .expect("starts");
        let begun = Instant::now();
        while !bench.path("checkout/begun").exists() {
            assert!(begun.elapsed() < Duration::from_secs(20), "never began");
            std::thread::sleep(Duration::from_millis(10));
        }
        caller.kill().and_then(|()| caller.wait()).expect("is killed");
        std::thread::sleep(Duration::from_millis(2500));
        assert!(!bench.path("checkout/late").exists(), "{}: the command lived on", bench.level());
    });
}

/// Not a test of its own: the caller that is killed.
#[test]
fn doomed_caller() {
    let (Some(checkout), Ok(level)) = (std::env::var_os("CHECKOUT"), std::env::var("LEVEL")) else { return };
    let wanted = levels().into_iter().find(|confinement| confinement.level().to_string() == level);
    let mut bench = Bench::new(wanted.expect("the level of the test that started this"));
    bench.policy.writable = vec![checkout.clone().into()];
    let script = "trap '' TERM; touch begun; setsid sh -c 'trap \"\" TERM; sleep 2; touch late'";
    let command = Command::new("sh").args(["-c", script]).env("PATH", "/usr/bin:/bin").cwd(checkout);
    let command = command.grace(Duration::from_millis(100));
    let ended = bench.confinement.run_blocking(&bench.policy, &command, &Cancel::new(), &mut |_| {});
    panic!("should have been killed: {ended:?}");
}

#[test]
fn cancel_asks_before_it_kills() {
    at_every_level(|bench| {
        let cancel = Cancel::new();
        let from_outside = cancel.clone();
        let script = "trap 'echo bye; exit 7' TERM; echo up; while :; do sleep 0.05; done";
        let command =
            Command::new("sh").args(["-c", script]).env("PATH", "/usr/bin:/bin").grace(Duration::from_secs(20));
        let confined = bench.confinement.run_blocking(&bench.policy, &command, &cancel, &mut |_| from_outside.cancel());
        let finished = confined.expect("runs").finished;
        assert_eq!((finished.status, finished.stopped), (Status::Exit(7), Some(Stopped::Cancelled)));
        assert_eq!(finished.stdout.text(), "up\nbye\n");
    });
}

#[test]
fn a_fork_bomb_is_bounded() {
    at_every_level(|mut bench| {
        bench.policy.limits.processes = 60;
        let script = "n=0; while [ $n -lt 2000 ]; do sleep 20 & n=$((n+1)); done; echo all started";
        let command =
            Command::new("sh").args(["-c", script]).merged().timeout(Duration::from_secs(8)).grace(Duration::ZERO);
        let confined = bench.run(command).expect("runs");
        let printed = confined.finished.stdout.text();
        assert!(!printed.contains("all started"), "{}: {printed}", bench.level());
        let bounded = confined.exceeded == Some(Exceeded::Processes) || !confined.finished.status.success();
        assert!(bounded, "{:?} {:?}", confined.exceeded, confined.finished.status);
    });
}

#[test]
fn memory_is_bounded_in_one_process_and_in_many() {
    at_every_level(|mut bench| {
        bench.policy.limits.memory_bytes = 200 << 20;
        let one = bench.run(bench.attack_command("memory", "400")).expect("runs");
        assert!(!matches!(one.finished.status, Status::Exit(OUT)), "{}: 400 MB in 200", bench.level());
        assert!(one.largest_process_bytes < 300 << 20);
        let this = std::env::current_exe().expect("a path");
        let script = "for i in 1 2 3; do \"$PROGRAM\" --exact attacker --nocapture & done; wait";
        let many = Command::new("sh").args(["-c", script]).env("PROGRAM", this).timeout(Duration::from_secs(20));
        let many = bench.run(many.env("ATTACK", "memory-and-wait").env("TARGET", "120")).expect("runs");
        assert_eq!(many.exceeded, Some(Exceeded::Memory), "{}: {:?}", bench.level(), many.finished);
    });
}

#[test]
fn a_gigabyte_of_output_is_kept_to_the_limit() {
    at_every_level(|bench| {
        let confined =
            bench.run(Command::new("head").args(["-c", "1000000000", "/dev/zero"]).output_limit(10_000)).expect("runs");
        assert_eq!(confined.finished.stdout.total(), 1_000_000_000);
        assert_eq!(confined.finished.stdout.dropped(), 1_000_000_000 - 10_000);
    });
}

#[test]
fn a_file_too_large_is_refused() {
    at_every_level(|mut bench| {
        bench.policy.limits.file_size = 1 << 20;
        assert!(!bench.shell("head -c 3000000 /dev/zero > big").finished.status.success());
        assert!(fs::metadata(bench.path("checkout/big")).expect("begun").len() <= 1 << 20);
    });
}

#[test]
fn a_lent_folder_takes_writes_and_the_original_stays() {
    at_every_level(|mut bench| {
        let modules = bench.path("other/node_modules");
        fs::create_dir_all(modules.join("a")).expect("folders");
        fs::write(modules.join("a/index.js"), "original").expect("a file");
        let at = bench.path("checkout/node_modules");
        let mechanism = bench.confinement.lend(&mut bench.policy, &modules, &at).expect("lends");
        assert_eq!(mechanism == Mechanism::Overlay, bench.confinement.overlays_work());
        let confined = bench.shell("cat node_modules/a/index.js && echo changed > node_modules/a/index.js && cat node_modules/a/index.js && rm -r node_modules/a");
        assert_eq!(
            (confined.finished.status, confined.finished.stdout.text().as_str()),
            (Status::Exit(0), "originalchanged\n")
        );
        assert_eq!(fs::read_to_string(modules.join("a/index.js")).expect("there"), "original");
        assert_eq!(confined.applied.overlays, usize::from(mechanism == Mechanism::Overlay));
        fs::remove_dir_all(&bench.policy.scratch).expect("nothing in it is closed to its owner");
    });
}

#[test]
fn a_link_where_a_folder_should_be_lent_leads_nowhere() {
    at_every_level(|mut bench| {
        if !bench.confinement.overlays_work() {
            return;
        }
        let home = bench.path("home");
        symlink("/etc", bench.path("checkout/node_modules")).expect("a link");
        let at = bench.path("checkout/node_modules");
        bench.confinement.lend(&mut bench.policy, &home, &at).expect("lends");
        let refused = bench.run(Command::new("true")).expect_err("no way through a link");
        assert!(matches!(refused, ConfinementError::NotConfined { .. }), "{refused}");
    });
}

#[test]
fn a_read_only_part_of_the_checkout_stays_or_the_run_is_refused() {
    at_every_level(|mut bench| {
        let git = bench.path("checkout/.git");
        fs::write(&git, "gitdir: elsewhere").expect("a file");
        bench.policy.read_only.push(git.clone());
        match bench.run(Command::new("sh").args(["-c", "echo owned > .git"])) {
            Ok(confined) => assert!(!confined.finished.status.success()),
            Err(refused) => assert!(matches!(refused, ConfinementError::Inexpressible { .. }), "{refused}"),
        }
        assert_eq!(fs::read_to_string(git).expect("there"), "gitdir: elsewhere");
    });
}

#[test]
fn without_a_level_nothing_runs() {
    let nowhere = Confinement::probe("/nonexistent/paraph");
    assert_eq!(nowhere.level(), Level::None);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let policy = Policy::new(folder.path(), folder.path());
    let command = Command::new("touch").arg(folder.path().join("ran")).env("PATH", "/usr/bin:/bin");
    let refused = nowhere.run_blocking(&policy, &command, &Cancel::new(), &mut |_| {}).expect_err("is refused");
    assert!(matches!(refused, ConfinementError::Refused { .. }), "{refused}");
    assert!(!folder.path().join("ran").exists());
}

#[test]
fn where_user_namespaces_are_refused_the_level_says_so() {
    // a user namespace that allows none below it is what most containers look like
    let this = std::env::current_exe().expect("a path");
    let script = "echo 0 > /proc/sys/user/max_user_namespaces && exec \"$0\" --exact refused_namespaces --nocapture";
    let inside =
        std::process::Command::new("unshare").args(["-Ur", "sh", "-c", script]).arg(this).env("REFUSED", "1").output();
    let Ok(inside) = inside else { return }; // no program to make one with
    let printed = String::from_utf8_lossy(&inside.stdout);
    assert!(
        inside.status.success() && printed.contains("LANDLOCK"),
        "{printed} {}",
        String::from_utf8_lossy(&inside.stderr)
    );
}

/// Not a test of its own: what runs where namespaces are refused.
#[test]
fn refused_namespaces() {
    if std::env::var_os("REFUSED").is_none() {
        return;
    }
    let confinement = Confinement::probe(launcher());
    println!("{} because {:?}", confinement.level(), confinement.missing());
    assert_eq!(confinement.missing()[0].level, Level::Full);
    let bench = Bench::new(confinement);
    assert_eq!(bench.shell("exit 3").finished.status, Status::Exit(3));
    bench.held("append", "/etc/passwd");
    bench.held("udp", "127.0.0.1:9");
}

#[test]
fn toolchains_that_run_outside_run_inside() {
    let kept =
        ["PATH", "CARGO_HOME", "RUSTUP_HOME", "JAVA_HOME", "GOROOT", "PYENV_ROOT", "NVM_DIR", "RUSTUP_TOOLCHAIN"];
    let variables: std::collections::BTreeMap<_, _> =
        kept.iter().filter_map(|name| Some(((*name).into(), std::env::var_os(name)?))).collect();
    let home = std::env::var_os("HOME").map_or_else(|| PathBuf::from("/nonexistent"), PathBuf::from);
    let lent = paraph::infrastructure::confinement::toolchains::find(&variables, &home);
    at_every_level(|mut bench| {
        let env = lent.lend_to(&bench.confinement, &mut bench.policy);
        let tools = [
            "cargo --version",
            "rustc -vV",
            "go env GOROOT",
            "node --version",
            "npm --version",
            "python3 -c pass",
            "java -version",
        ];
        for tool in tools {
            let command = Command::new("sh").args(["-c", tool]).envs(&env).cwd(bench.path("checkout")).merged();
            let outside = command.clone().env("HOME", &home).run_blocking(&Cancel::new(), &mut |_| {}).expect("runs");
            if !outside.status.success() {
                continue; // not installed here
            }
            let inside =
                bench.confinement.run_blocking(&bench.policy, &command, &Cancel::new(), &mut |_| {}).expect("runs");
            assert!(inside.finished.status.success(), "{}: {tool}: {}", bench.level(), inside.finished.stdout.text());
        }
    });
}

#[test]
fn confining_costs_little() {
    at_every_level(|bench| {
        let times = |run: &dyn Fn()| {
            let mut times: Vec<Duration> = (0..30)
                .map(|_| {
                    let begun = Instant::now();
                    run();
                    begun.elapsed()
                })
                .collect();
            times.sort();
            times[times.len() / 2]
        };
        let confined = times(&|| drop(bench.run(Command::new("true")).expect("runs")));
        let plain = Command::new("true").env("PATH", "/usr/bin:/bin");
        let plain = times(&|| drop(plain.run_blocking(&Cancel::new(), &mut |_| {}).expect("runs")));
        println!("{}: median {confined:?}, unconfined {plain:?}", bench.level());
        // ten times the target of 10 ms: the machine is shared and this is a debug build
        assert!(confined < plain + Duration::from_millis(100), "{confined:?} against {plain:?}");
    });
}

#[test]
fn the_whole_set_holds_for_an_ordinary_user() {
    if std::env::var_os(LAUNCHER).is_some() || !rustix::process::geteuid().is_root() {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("chmod");
    let (program, paraph, tmp) = (folder.path().join("tests"), folder.path().join("paraph"), folder.path().join("tmp"));
    fs::copy(std::env::current_exe().expect("a path"), &program).expect("copies");
    fs::copy(env!("CARGO_BIN_EXE_paraph"), &paraph).expect("copies");
    fs::create_dir(&tmp).expect("a folder");
    fs::set_permissions(&tmp, fs::Permissions::from_mode(0o1777)).expect("chmod");
    let output = std::process::Command::new(&program)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("TMPDIR", &tmp)
        .env(LAUNCHER, &paraph)
        .arg("--test-threads=2")
        .current_dir(&tmp)
        .uid(65534)
        .gid(65534)
        .output()
        .expect("starts");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}\n{}", String::from_utf8_lossy(&output.stderr));
    println!("{printed}");
}
