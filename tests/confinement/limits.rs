//! How confined commands end, and what holds them to their limits.

use std::fs;
use std::time::{Duration, Instant};

use paraph::cancel::Cancel;
use paraph::infrastructure::confinement::{ConfinementError, Exceeded, Level};
use paraph::infrastructure::process::{Command, Status, Stopped};

use super::bench::{Bench, OUT, at_every_level, levels};

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
        let script = "trap '' TERM; setsid sh -c 'trap \"\" TERM; (sleep 4; touch late) & sleep 60' & sleep 60";
        let command = Command::new("sh")
            .args(["-c", script])
            .timeout(Duration::from_millis(300))
            .grace(Duration::from_millis(200));
        let confined = bench.run(command).expect("runs");
        assert_eq!(confined.finished.stopped, Some(Stopped::TimedOut));
        assert_eq!(confined.finished.status, Status::Signal(9));
        assert!(confined.finished.duration < Duration::from_secs(4), "{:?}", confined.finished.duration);
        std::thread::sleep(Duration::from_millis(4300).saturating_sub(confined.finished.duration));
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
            .args(["--exact", "limits::doomed_caller", "--nocapture"])
            .env("CHECKOUT", bench.path("checkout"))
            .env("LEVEL", bench.level().to_string())
            .env("TMPDIR", bench.path("other"))
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
        let script = "for i in 1 2 3; do \"$PROGRAM\" --exact bench::attacker --nocapture & done; wait";
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
fn a_disk_is_not_filled() {
    at_every_level(|mut bench| {
        bench.policy.limits.disk_bytes = 50 << 20;
        let script = "i=0; while :; do head -c 20000000 /dev/zero > big$i; i=$((i+1)); sleep 0.05; done";
        let confined =
            bench.run(Command::new("sh").args(["-c", script]).timeout(Duration::from_secs(20))).expect("runs");
        assert_eq!((confined.exceeded, confined.finished.status), (Some(Exceeded::Disk), Status::Signal(9)));
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
        // fifteen times the target of 10 ms: the machine is shared and this is a debug build
        assert!(confined < plain + Duration::from_millis(150), "{confined:?} against {plain:?}");
    });
}
