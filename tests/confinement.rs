//! What each confinement level promises, tried by real processes that want out.
//!
//! The attacker is this test program itself, started again inside with its name in `ATTACK`. Every test runs at each
//! level this machine has; the whole set runs once more as uid 65534 when it runs as root.

#![allow(clippy::print_stdout)] // what an attacker found, for the one who reads the failure

#[path = "confinement/bench.rs"]
mod bench;
#[path = "confinement/kept.rs"]
mod kept;
#[path = "confinement/limits.rs"]
mod limits;

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};

use bench::{Bench, LAUNCHER, at_every_level, launcher};
use paraph::cancel::Cancel;
use paraph::infrastructure::confinement::{Confinement, ConfinementError, Level, Mechanism, Policy};
use paraph::infrastructure::process::{Command, Status};

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
        if bench.level() == Level::Full {
            // an empty file, not a refusal: tools give up on settings that they may not read
            bench.allowed("read", tools.join("token"));
        }
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
fn a_tool_beside_a_private_home_runs_and_the_homes_socket_is_out_of_reach() {
    at_every_level(|mut bench| {
        // the second home is one of Paraph's own that also holds this run's checkout
        let homes = [bench.path("opt/tool/home"), bench.path("opt/far")];
        fs::create_dir_all(bench.path("opt/tool/bin")).expect("folders");
        symlink(bench.path("opt/far"), bench.path("opt/tool/link")).expect("a link");
        fs::write(bench.path("opt/tool/bin/tool"), "a program").expect("a file");
        let listeners = homes.each_ref().map(|home| {
            fs::create_dir_all(home.join("run")).expect("folders");
            fs::write(home.join("secret"), "a secret").expect("a file");
            let daemon = UnixListener::bind(home.join("run/paraph.sock")).expect("binds");
            daemon.set_nonblocking(true).expect("a flag");
            daemon
        });
        for name in ["checkout", "scratch"] {
            fs::create_dir_all(homes[1].join(name)).expect("folders");
        }
        let policy = Policy::new(homes[1].join("checkout"), homes[1].join("scratch"));
        bench.policy = Policy { read_only: bench.policy.read_only.clone(), ..policy };
        bench.policy.writable.push(bench.path("checkout")); // where the attacker starts
        // whoever shows the folder all the same shows nothing of the homes
        bench.policy.read_only.push(bench.path("opt"));
        let path = [("PATH".into(), bench.path("opt/tool/bin").into())];
        let private = [bench.path("opt/tool/home"), bench.path("opt/tool/link")];
        let lent = paraph::infrastructure::confinement::toolchains::find(&path.into(), &bench.path("home"), &private);
        let places: Vec<&Path> = lent.paths.iter().map(|lent| lent.path.as_path()).collect();
        assert_eq!(places, [bench.path("opt/tool/bin")]);
        let _variables = lent.lend_to(&bench.confinement, &mut bench.policy);
        assert!(bench.allowed("read", bench.path("opt/tool/bin/tool")).contains("a program"));
        for home in homes.iter().chain([&bench.path("opt/tool/link")]) {
            bench.held("unix", home.join("run/paraph.sock"));
            bench.held("list", home.join("run/paraph.sock"));
            assert!(!bench.attack("read", home.join("secret")).1.contains("a secret"));
            if bench.level() == Level::Full {
                let seen = bench.attack("list", home.join("run")).1;
                assert!(!seen.contains("paraph.sock"), "{seen}");
            } else {
                bench.held("list", home.join("run"));
            }
        }
        bench.allowed("write", homes[1].join("checkout/file"));
        assert!(listeners.iter().all(|daemon| daemon.accept().is_err()), "somebody came in");
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
    let lent = paraph::infrastructure::confinement::toolchains::find(&variables, &home, &[]);
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
