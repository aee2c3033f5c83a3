//! Files that a program may open and no command that it starts.
//!
//! The program is this test program again; what it is to do there is [`program`].

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use paraph::infrastructure::confinement::{ConfinementError, Kept, Level};
use paraph::infrastructure::process::Command as Confinable;

use crate::bench::{Bench, HELD, LAUNCHER, OUT, at_every_level};

/// What must not be found, backwards: its reader has it in memory.
const BACKWARDS: &str = "0b6d48f5-yranac-nigol";

fn secret() -> String {
    BACKWARDS.chars().rev().collect()
}

/// A bench whose program has a login in its home; none where files cannot be kept.
fn with_a_login(mut bench: Bench) -> Option<(Bench, PathBuf)> {
    if !bench.confinement.keeps() {
        assert!(bench.level() < Level::Full, "a kernel of these days can");
        return None;
    }
    let login = bench.policy.home().join("tool/login");
    fs::create_dir_all(login.parent().expect("a folder")).expect("folders");
    fs::write(&login, secret()).expect("a file");
    bench.policy.kept = Some(Kept { files: vec![login.clone()], own: Vec::new() });
    Some((bench, login))
}

#[test]
fn a_login_is_its_programs_and_no_commands() {
    at_every_level(|bench| {
        let Some((bench, login)) = with_a_login(bench) else { return };
        let said = bench.allowed("kept", &login);
        assert!(!said.contains(&secret()), "{said}");
        for part in ["own: reads", "own: writes", "own: replaces", "own: its helper reads", "commands: done"] {
            assert!(said.contains(part), "{part} is not in {said}");
        }
    });
}

#[test]
fn a_path_that_changes_while_it_is_looked_at_gives_nothing() {
    at_every_level(|bench| {
        let Some((bench, login)) = with_a_login(bench) else { return };
        if !Path::new("/usr/bin/python3").exists() {
            return; // nothing here to race with
        }
        let raced = bench.allowed("kept-race", &login);
        assert!(raced.contains("opened 0 times with the login, of 20000") && !raced.contains(&secret()), "{raced}");
    });
}

#[test]
fn nothing_is_kept_where_nobody_could_tell() {
    at_every_level(|mut bench| {
        let file = bench.policy.home().join("login");
        bench.policy.kept = Some(Kept { files: vec![file], own: Vec::new() });
        let ran = bench.run(Confinable::new("true"));
        match bench.confinement.keeps() {
            true => assert!(ran.expect("runs").applied.keeps),
            false => assert!(matches!(ran, Err(ConfinementError::Inexpressible { .. })), "{ran:?}"),
        }
    });
}

#[test]
fn what_is_built_and_run_beside_a_login_works_as_ever() {
    at_every_level(|bench| {
        let Some((bench, _)) = with_a_login(bench) else { return };
        let script = "set -e\n\
            if command -v cc; then printf 'int main(void) { return 7; }' > a.c; cc a.c -o a; ./a || test $? = 7; fi\n\
            if command -v git; then git init -q x; git -C x status; fi\n\
            cat /lib*/ld-linux*.so* > /dev/null\n\
            cat /proc/self/exe > copy; mv copy moved; rm moved; for i in 1 2 3; do sh -c 'exec true'; done\n\
            missing-program || test $? = 127\n";
        let ran = bench.shell(script);
        assert!(ran.finished.status.success(), "{}: {}", ran.finished.status, ran.finished.stdout.text());
    });
}

#[test]
fn an_interpreter_is_believed_for_a_script_of_its_programs_own() {
    if std::env::var_os(LAUNCHER).is_some() {
        return; // the folder below is not an ordinary user's
    }
    let tools = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder that is not in /tmp");
    let at = |name: &str| tools.path().join(name).to_str().expect("text").to_owned();
    for (name, text) in
        [("agent.py", AGENT_PY), ("helper.py", HELPER_PY), ("agent.js", AGENT_JS), ("helper.js", HELPER_JS)]
    {
        fs::write(at(name), text).expect("a file");
    }
    at_every_level(|bench| {
        let Some((mut bench, login)) = with_a_login(bench) else { return };
        bench.policy.read_only.push(tools.path().to_owned());
        for (program, agent) in [("/usr/bin/python3", "agent.py"), ("/usr/bin/node", "agent.js")] {
            if !Path::new(program).exists() {
                continue;
            }
            fs::write(&login, secret()).expect("a file"); // it is gone with each run
            fs::write(&login, secret()).expect("a file"); // it is gone with each run
            let command = Confinable::new(program).arg(at(agent)).arg(&login).arg(BACKWARDS);
            let ran = bench.run(command.merged()).expect("runs");
            let said = ran.finished.stdout.text();
            let found: Vec<&str> = said.lines().collect();
            assert_eq!(
                found,
                [
                    "itself: read",
                    "helper: read",
                    "code: refused",
                    "told: refused",
                    "shell: refused",
                    "elsewhere: refused"
                ],
                "{program}"
            );
        }
    });
}

#[test]
fn a_static_program_is_closed_too_and_can_read_itself() {
    if std::env::var_os(LAUNCHER).is_some() {
        return; // the folder below is not an ordinary user's
    }
    let tools = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder that is not in /tmp");
    let (source, program) = (tools.path().join("agent.c"), tools.path().join("agent"));
    fs::write(&source, AGENT_C).expect("a file");
    let built = Command::new("cc").arg("-static").arg(&source).arg("-o").arg(&program).output();
    if !built.is_ok_and(|built| built.status.success()) {
        return; // no compiler here that makes one
    }
    at_every_level(|bench| {
        let Some((mut bench, login)) = with_a_login(bench) else { return };
        bench.policy.read_only.push(tools.path().to_owned());
        let command = Confinable::new(&program).arg(&login).env("OWN", &program);
        let said = bench.run(command.merged()).expect("runs").finished.stdout.text();
        let length = secret().len();
        assert!(said.contains(&format!("{length} bytes")) && said.matches("ELF").count() == 2, "{said}");
        assert!(said.contains("ermission denied") && !said.contains("looked in"), "{said}");
    });
}

const AGENT_C: &str = r#"
#include <stdio.h>
#include <stdlib.h>
int main(int count, char **words) {
    char text[99];
    FILE *file = fopen(words[1], "r");
    printf("%d bytes\n", file ? (int)fread(text, 1, 99, file) : -1);
    FILE *self = fopen("/proc/self/exe", "r");
    if (self && fread(text, 1, 4, self) == 4) printf("%.3s\n", text + 1);
    fflush(stdout);
    return system("dd if=/proc/$PPID/mem bs=1 count=0 && echo looked in; head -c 4 \"$OWN\"");
}
"#;

const HELPER_PY: &str = r#"
import sys
try:
    print("read" if sys.argv[2][::-1] in open(sys.argv[1]).read() else "nothing")
except OSError:
    print("refused")
"#;

const AGENT_PY: &str = r#"
import os, shutil, subprocess, sys
helper, rest = os.path.join(os.path.dirname(sys.argv[0]), "helper.py"), sys.argv[1:]
code = open(helper).read()
shutil.copy(helper, "helper.py")
def ask(name, *words, **more):
    env = dict(os.environ, **more)
    print(name + ":", subprocess.run(words, env=env, capture_output=True, text=True).stdout.strip(), flush=True)
print("itself: read" if rest[1][::-1] in open(rest[0]).read() else "itself: nothing", flush=True)
ask("helper", "/usr/bin/python3", "-s", helper, *rest)
ask("code", "/usr/bin/python3", "-s", "-c", code, *rest)
ask("told", "/usr/bin/python3", "-s", helper, *rest, PYTHONPATH="/tmp")
ask("shell", "/bin/sh", "-c", 'exec /usr/bin/python3 -s "$@"', "sh", helper, *rest)
ask("elsewhere", "/usr/bin/python3", "-s", "helper.py", *rest)
"#;

const HELPER_JS: &str = r#"
const [login, word] = process.argv.slice(-2);
try {
    const text = require("fs").readFileSync(login, "utf8");
    console.log(text.includes([...word].reverse().join("")) ? "read" : "nothing");
} catch (error) {
    console.log("refused");
}
"#;

const AGENT_JS: &str = r#"
const { spawnSync } = require("child_process"), fs = require("fs"), path = require("path");
const [script, login, word] = process.argv.slice(1);
const helper = path.join(path.dirname(script), "helper.js");
fs.copyFileSync(helper, "helper.js");
const ask = (name, words, more) => {
    const env = { ...process.env, ...more };
    console.log(name + ":", spawnSync(words[0], words.slice(1), { env, encoding: "utf8" }).stdout.trim());
};
const text = fs.readFileSync(login, "utf8");
console.log(text.includes([...word].reverse().join("")) ? "itself: read" : "itself: nothing");
ask("helper", [process.execPath, "--no-warnings", helper, login, word]);
ask("code", [process.execPath, "-e", fs.readFileSync(helper, "utf8"), login, word]);
ask("told", [process.execPath, helper, login, word], { NODE_OPTIONS: "--no-deprecation" });
ask("shell", ["/bin/sh", "-c", 'exec "$@"', "sh", process.execPath, helper, login, word]);
ask("elsewhere", [process.execPath, "helper.js", login, word]);
"#;

/// What the program does, which has a login at `target`.
pub(crate) fn program(attack: &str, target: &str) -> io::Result<()> {
    let login = Path::new(target);
    if attack == "kept-race" {
        return race(target);
    }
    expect("own: reads", fs::read_to_string(login)? == secret())?;
    let mut file = fs::OpenOptions::new().append(true).open(login)?;
    file.write_all(b" and more")?;
    expect("own: writes", fs::read_to_string(login)? == format!("{} and more", secret()))?;
    let next = login.with_file_name("login.tmp.1");
    let mut passing = fs::OpenOptions::new().read(true).write(true).create_new(true).open(&next)?;
    passing.write_all(format!("{} again", secret()).as_bytes())?;
    refused("a file that will replace it", &sh(&["cat \"$0\"", next.to_str().unwrap_or_default()])?)?;
    fs::rename(&next, login)?;
    expect("own: replaces", fs::read_to_string(login)? == format!("{} again", secret()) && !next.exists())?;
    let helper = |change: &dyn Fn(&mut Command) -> io::Result<()>| {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--exact", "bench::attacker", "--nocapture"]).env("ATTACK", "read").env("TARGET", target);
        change(&mut command)?;
        command.output()
    };
    let heard = helper(&|_| Ok(()))?;
    // in a folder that everybody inside can write to nothing is anybody's own
    let is_own = !std::env::current_exe()?.starts_with("/tmp");
    expect("own: its helper reads", String::from_utf8_lossy(&heard.stdout).contains(&secret()) == is_own)?;
    // with the login in memory, and open
    let mut held = fs::File::open(login)?;
    let mut memory = String::new();
    held.read_to_string(&mut memory)?;
    let told = helper(&|command| {
        command.env("LD_PRELOAD", "/nonexistent.so");
        Ok(())
    })?;
    refused("a helper that is told what to load", &text(&told))?;
    expect("it ran", matches!(told.status.code(), Some(OUT | HELD)))?;
    commands(login)?;
    println!("commands: done, {} bytes in memory", memory.len());
    Ok(())
}

/// Everything that a command may try.
fn commands(login: &Path) -> io::Result<()> {
    let (path, own) = (login.to_str().unwrap_or_default(), std::env::current_exe()?);
    let own = own.to_str().unwrap_or_default();
    let tries = [
        "cat \"$0\"",
        "head -c 99 < \"$0\"",
        "cd \"$(dirname \"$0\")\" && cat ./login ../tool/login \"$PWD\"/../tool/./login",
        "ln \"$0\" hard && cat hard",
        "ln -s \"$0\" soft && cat soft",
        "chmod 777 \"$0\" && cat \"$0\"; ls -l \"$0\"",
        "cp \"$0\" copy; cat copy",
        "mv \"$0\" moved && cat moved; mv moved \"$0\"",
        "exec 3<> \"$0\"; cat <&3",
        "cat /proc/$PPID/fd/* /proc/$PPID/task/*/fd/*",
        "for p in /proc/[0-9]*; do cat $p/root\"$0\" $p/fd/* $p/environ; done",
        "tail -c +1 /proc/$PPID/mem | head -c 1; dd if=/proc/$PPID/mem bs=1 count=1; cat /proc/1/mem",
        "for m in $(cut -d' ' -f1 /proc/$PPID/maps); do dd if=/proc/$PPID/mem bs=4096 count=1 skip=$((0x${m%-*} / 4096)); done",
        "grep -rs login-canary \"$HOME\" \"$HOME/..\" . /tmp /dev/shm /sys",
        "ATTACK=read TARGET=\"$0\" \"$1\" --exact bench::attacker --nocapture",
        "cp \"$1\" theirs && ATTACK=read TARGET=\"$0\" ./theirs --exact bench::attacker --nocapture",
        "umount /sys; ls -la /sys; cat /sys/*",
    ];
    for script in tries {
        refused(script, &sh(&[script, path, own])?)?;
    }
    // the memory itself: nothing of it can be read, not just nothing of the login
    let looks = "dd if=/proc/$PPID/mem bs=1 count=1; for f in fd/0 cwd root exe; do readlink /proc/$PPID/$f || echo closed; done";
    let looks = sh(&[looks])?;
    expect(&looks, looks.contains("ermission denied") && looks.matches("closed").count() == 4)?;
    // a program that was started from a shell that is gone has no parents to speak for it
    let orphan = "( while kill -0 $$ 2> /dev/null; do sleep 0.01; done; \
        ATTACK=read TARGET=\"$0\" \"$1\" --exact bench::attacker --nocapture > orphan 2>&1; echo ended >> orphan ) > /dev/null 2>&1 &";
    sh(&[orphan, path, own])?;
    let mut said = String::new();
    for _ in 0..3000 {
        said = fs::read_to_string("orphan").unwrap_or_default();
        if said.ends_with("ended\n") {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    expect(&said, said.ends_with("ended\n"))?;
    refused("an orphan", &said)?;
    // signals at which some programs open themselves; each would end this one
    let pid = std::process::id();
    for signal in ["USR1", "QUIT"] {
        let said = sh(&[&format!("kill -{signal} {pid}; kill -{signal} 0; kill -{signal} -1; echo still")])?;
        expect(&said, said.matches("ermitted").count() == 3 && said.contains("still"))?;
    }
    // another file in its place is not what the program opens
    let said = sh(&["echo theirs > ~/theirs && mv ~/theirs \"$0\" && echo moved", path])?;
    expect(&said, said.contains("moved"))?;
    expect("the program still has its login", fs::read_to_string(login)?.contains(&secret()))
}

/// Runs a shell with the script and its arguments; what it prints.
fn sh(arguments: &[&str]) -> io::Result<String> {
    let output = Command::new("sh").arg("-c").args(arguments).stdin(Stdio::null()).output()?;
    Ok(text(&output))
}

fn text(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn expect(what: &str, holds: bool) -> io::Result<()> {
    if holds {
        println!("{what}");
        return Ok(());
    }
    Err(io::Error::other(format!("it does not hold: {what}")))
}

fn refused(what: &str, said: &str) -> io::Result<()> {
    let found = said.contains(&secret());
    if found { Err(io::Error::other(format!("the login was read by: {what}"))) } else { Ok(()) }
}

/// A command whose threads change the path that it opens.
fn race(target: &str) -> io::Result<()> {
    let output = Command::new("/usr/bin/python3").args(["-c", RACE, target, BACKWARDS]).output()?;
    println!("{}", text(&output));
    expect("it ran", output.status.success())
}

const RACE: &str = r#"
import ctypes, os, sys, threading
libc = ctypes.CDLL(None, use_errno=True)
kept, other = sys.argv[1].encode(), b"/etc/passwd"
path = ctypes.create_string_buffer(4096)
done = False
def change():
    while not done:
        ctypes.memmove(path, kept + b"\0", len(kept) + 1)
        ctypes.memmove(path, other + b"\0", len(other) + 1)
threading.Thread(target=change, daemon=True).start()
found = 0
for _ in range(20000):
    file = libc.open(path, os.O_RDONLY)
    if file >= 0:
        found += sys.argv[2][::-1].encode() in os.read(file, 4096)
        os.close(file)
done = True
print(f"opened {found} times with the login, of 20000")
"#;
