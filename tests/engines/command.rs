//! The engine `command`.

use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::sync::Arc;
use std::time::Duration;

use paraph::api::{FailureKind, RegenerateRequest};
use paraph::id::SessionId;
use paraph::proposal::{CommandEngine, CommandSpec, Edits, EngineKind, ProgramChoice, Run, command_presets};

use crate::house::{House, version};
use crate::{asks, document, files, is_running, nothing_is_left, repository, stuck};

const CODEMOD: &str = "python3 -c \"import pathlib; p = pathlib.Path('a.py'); \
                       p.write_text(p.read_text().replace('== None', 'is None'))\"";

fn again(session: SessionId, message: &str) -> RegenerateRequest {
    RegenerateRequest {
        session,
        engine: None,
        rules: Vec::new(),
        patch: None,
        program: None,
        message: message.to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_codemod_becomes_a_scored_version() {
    let house = House::new();
    let repository = repository(&house);
    let desk = house.open();
    desk.trust(&repository).await;
    let id = desk.ask(asks(&repository, EngineKind::Command, CODEMOD)).await.unwrap().id;
    let view = desk.until(id, "Scored").await;
    let made = files(&desk, &house, id).await;
    assert_eq!(made.len(), 1, "{made:?}");
    assert!(made["a.py"].as_ref().unwrap().contains("x is None"), "{made:?}");
    assert_eq!(version(&view, 1).made_by, "command");
    let log = document(&desk, &house, id, "log@v1").await;
    assert!(log.contains("pathlib") && log.contains("exit status 0"), "{log}");
    nothing_is_left(&house, &repository);
    // the same program again changes nothing more: no version is made of it
    desk.ask(again(id, "again")).await.unwrap();
    let view = stuck(&desk, id).await;
    assert!(view.reason.raw().contains("the same change again"), "{}", view.reason.raw());
}

/// Everything that a program may do to a worktree, read back as git would have it.
#[tokio::test(flavor = "multi_thread")]
async fn the_change_is_what_git_would_have() {
    let house = House::new();
    let repository = repository(&house);
    repository.write("gone.txt", "gone\n");
    repository.write("run.sh", "#!/bin/sh\n");
    repository.write("deep/er/file.txt", "x\n");
    repository.write("becomes-folder", "x\n");
    repository.write(".gitattributes", "*.txt text\n*.bin filter=lfs\n");
    repository.write("big.bin", "pointer\n");
    repository.commit("more");
    let script = "rm gone.txt; chmod +x run.sh; ln -s a.py link; mkdir -p new/deep out; printf 'n\\r\\nm\\r\\n' > new/deep/n.txt; \
        echo o > out/o; echo l > x.log; echo l > new/y.log; git init -q sub 2>/dev/null; mkdir -p sub/.git; echo c > sub/.git/config; \
        echo s > sub/s; mkfifo pipe; rm -r deep; ln -s /etc deep; rm becomes-folder; mkdir becomes-folder; echo i > becomes-folder/i; \
        echo real > big.bin; echo '!x.log' >> .gitignore; mkdir empty; touch a.py; chmod 000 new; \
        mkdir -p cache/in; printf '*\n' > cache/.gitignore; echo c > cache/in/c";
    let desk = house.open();
    let id = desk.ask(asks(&repository, EngineKind::Command, script)).await.unwrap().id;
    let view = stuck(&desk, id).await;
    let made = files(&desk, &house, id).await;
    let expected: BTreeMap<&str, Option<&str>> = BTreeMap::from([
        (".gitignore", Some("*.log\nout/\n!x.log\n")),
        ("becomes-folder", None),
        ("becomes-folder/i", Some("i\n")),
        ("deep", Some("/etc")),
        ("deep/er/file.txt", None),
        ("gone.txt", None),
        ("link", Some("a.py")),
        ("new/deep/n.txt", Some("n\nm\n")),
        ("run.sh", Some("#!/bin/sh\n")),
        ("sub/s", Some("s\n")),
    ]);
    let made_: BTreeMap<&str, Option<&str>> = made.iter().map(|(path, new)| (path.as_str(), new.as_deref())).collect();
    assert_eq!(made_, expected, "{} {}", view.state, view.reason.raw());
    let explanation = document(&desk, &house, id, "explanation@v1").await;
    assert!(explanation.contains("`pipe`") && explanation.contains("`big.bin`"), "{explanation}");
    nothing_is_left(&house, &repository);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_draft_says_why() {
    let house = House::new();
    let repository = repository(&house);
    let desk = house.open();
    let check = |command: &'static str, reason: &'static str, next: &'static str| {
        let (desk, repository) = (desk.clone(), &repository);
        async move {
            let id = desk.ask(asks(repository, EngineKind::Command, command)).await.unwrap().id;
            let view = stuck(&desk, id).await;
            assert!(view.reason.raw().contains(reason), "{command}: {}", view.reason.raw());
            assert!(view.next.contains(next), "{command}: {}", view.next);
            assert!(view.versions.is_empty());
        }
    };
    check("true", "changed nothing", "--command").await;
    check("no-such-program-4711", "did not run", "install it").await;
    check("no-such-program-4711 --fix .", "exit status 127", "install it").await;
    check("rufff", "did not run", "--command ruff").await;
    check("echo half > a.py; echo sorry; exit 3", "sorry", "regenerate").await;
    check("kill -9 $$", "signal 9", "regenerate").await;
    check(
        "head -c 100000000 /dev/zero > x.dat; for i in 1 2 3 4 5 6; do cp x.dat y$i.dat; done",
        "too much",
        ".gitignore",
    )
    .await;
    nothing_is_left(&house, &repository);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_is_the_repositorys_own_where_it_has_one() {
    let mut house = House::new();
    let bin = house.path().join("bin");
    let tool = |at: &std::path::Path, word: &str| {
        std::fs::create_dir_all(at).unwrap();
        let tool = at.join("prettier");
        std::fs::write(&tool, format!("#!/bin/sh\nprintf '%s' \"$*\" > {word}.txt\n")).unwrap();
        std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    tool(&bin, "from-path");
    house.settings.path = format!("{}:/usr/bin:/bin", bin.display());
    let repository = repository(&house);
    repository.write(".gitignore", "node_modules\n");
    repository.commit("ignores packages");
    let desk = house.open();
    for word in ["from-path", "own"] {
        let id = desk.ask(asks(&repository, EngineKind::Command, "prettier")).await.unwrap().id;
        desk.until(id, "Scored").await;
        let made = files(&desk, &house, id).await;
        assert_eq!(made.get(&format!("{word}.txt")), Some(&Some("--write .".to_owned())), "{made:?}");
        tool(&std::path::Path::new(repository.arg()).join("node_modules/.bin"), "own");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_are_asked_for_where_one_is_needed() {
    let house = House::new();
    let repository = repository(&house);
    let desk = house.open();
    let mut asked = asks(&repository, EngineKind::Command, "true");
    asked.program = None;
    assert_eq!(desk.ask(asked.clone()).await.unwrap_err().kind, FailureKind::Usage);
    asked.program = Some(ProgramChoice { name: "ruff".to_owned(), hosts: vec!["example.org".to_owned()] });
    assert_eq!(desk.ask(asked.clone()).await.unwrap_err().kind, FailureKind::Usage, "a command has no network");
    asked.engine = Some(EngineKind::Agent);
    asked.program = Some(ProgramChoice { name: "x".to_owned(), hosts: vec!["*.example.org".to_owned()] });
    assert_eq!(desk.ask(asked.clone()).await.unwrap_err().kind, FailureKind::Usage, "no pattern is a host");
    asked.engine = Some(EngineKind::Rules);
    assert_eq!(desk.ask(asked).await.unwrap_err().kind, FailureKind::Usage, "rules run no program");
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_of_ones_own_print_edits_and_leave_findings() {
    let mut house = House::new();
    let own = |name: &str, script: &str, edits, timeout| CommandSpec {
        name: name.to_owned(),
        run: Run::Shell(script.to_owned()),
        edits,
        timeout: Duration::from_secs(timeout),
        env: BTreeMap::from([("MINE".to_owned(), "yes".to_owned())]),
        reads: Vec::new(),
        ok_codes: vec![0, 1],
        hint: "x".to_owned(),
    };
    let diff = "printf -- '--- a/a.py\\n+++ b/a.py\\n@@ -1,3 +1,3 @@\\n def empty(x):\\n-    if x == None:\\n+    if x is None:\\n         return True\\n'";
    let commands = [
        own("printer", &format!("echo noise >&2; echo ignored > a.py; {diff}"), Edits::Stdout, 60),
        own("findings", "echo '# fixed' >> a.py; echo 'E1 remains'; exit 1", Edits::Worktree, 60),
        own(
            "tells",
            "printf '%s|%s|%s|' \"$PARAPH_GOAL\" \"$PARAPH_FEEDBACK\" \"$MINE\" > told; cat >> told",
            Edits::Worktree,
            60,
        ),
        own("slow", "sleep 971", Edits::Worktree, 1),
        own(
            "blocks",
            "printf 'a.py\\n<<<<<<< SEARCH\\n        return True\\n=======\\n        return bool(1)\\n>>>>>>> REPLACE\\n'",
            Edits::Stdout,
            60,
        ),
        own(
            "goes-on",
            "if grep -q second a.py; then n=third; elif grep -q first a.py; then n=second; else n=first; fi; \
            cp a.py old; echo \"# $n\" >> a.py; diff -u --label a/a.py --label b/a.py old a.py; true",
            Edits::Stdout,
            60,
        ),
        own(
            "whole-names",
            "sed 's/== None/is None/' a.py > new; diff -u --label \"$PWD/a.py\" --label \"$PWD/a.py\" a.py new; true",
            Edits::Stdout,
            60,
        ),
        own("silent", "true", Edits::Stdout, 60),
        own("prose", "echo I changed it for you", Edits::Stdout, 60),
    ];
    house.ports.engines.command = Arc::new(CommandEngine::new(house.workshop.clone(), commands));
    let repository = repository(&house);
    let desk = house.open();
    let run = |name: &'static str| desk.ask(asks(&repository, EngineKind::Command, name));
    let id = run("printer").await.unwrap().id;
    stuck(&desk, id).await;
    let made = files(&desk, &house, id).await;
    assert!(made["a.py"].as_ref().unwrap().contains("x is None"), "{made:?}");
    let id = run("blocks").await.unwrap().id;
    stuck(&desk, id).await;
    assert!(files(&desk, &house, id).await["a.py"].as_ref().unwrap().contains("return bool(1)"));
    // asked again with words it sees its version before, and its edits are of that
    let id = run("goes-on").await.unwrap().id;
    stuck(&desk, id).await;
    desk.ask(again(id, "more")).await.unwrap();
    desk.wait_until(id, |view| view.versions.len() == 2 || view.state == "NeedsHuman").await.unwrap();
    let made = files(&desk, &house, id).await;
    assert_eq!(made.keys().collect::<Vec<_>>(), ["a.py"]);
    assert!(made["a.py"].as_ref().unwrap().ends_with("# first\n# second\n"), "{made:?}");
    let id = run("findings").await.unwrap().id;
    stuck(&desk, id).await;
    assert!(files(&desk, &house, id).await["a.py"].as_ref().unwrap().ends_with("# fixed\n"));
    let id = run("tells").await.unwrap().id;
    stuck(&desk, id).await;
    let told = files(&desk, &house, id).await["told"].clone().unwrap();
    assert_eq!(told, "compare with None by identity||yes|compare with None by identity\n");
    desk.ask(again(id, "shorter")).await.unwrap();
    desk.wait_until(id, |view| view.versions.len() == 2).await.unwrap();
    let told = files(&desk, &house, id).await["told"].clone().unwrap();
    assert!(told.contains("|shorter\n|yes|compare with None by identity\n\nshorter\n"), "{told}");
    let id = run("slow").await.unwrap().id;
    assert!(stuck(&desk, id).await.reason.raw().contains("stopped after 1 s"));
    assert!(!is_running("sleep 971"));
    let id = run("whole-names").await.unwrap().id;
    stuck(&desk, id).await;
    assert!(files(&desk, &house, id).await["a.py"].as_ref().unwrap().contains("x is None"));
    let id = run("silent").await.unwrap().id;
    let view = stuck(&desk, id).await;
    assert_eq!(view.state, "NeedsHuman", "{}", view.reason.raw());
    let id = run("prose").await.unwrap().id;
    let view = desk.wait_until(id, |view| view.state == "BlockedPolicy" || view.state == "NeedsHuman").await.unwrap();
    assert!(view.reason.raw().contains("does not apply"), "{}", view.reason.raw());
    nothing_is_left(&house, &repository);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_printed_diff_of_an_older_base_is_merged_three_way_or_refused() {
    let mut house = House::new();
    let prints = |name: &str| CommandSpec {
        name: name.to_owned(),
        run: Run::Shell(format!("cat {name}.diff")),
        edits: Edits::Stdout,
        timeout: Duration::from_secs(60),
        env: BTreeMap::new(),
        reads: Vec::new(),
        ok_codes: vec![0],
        hint: "x".to_owned(),
    };
    let commands = ["beside", "same"].map(prints);
    house.ports.engines.command = Arc::new(CommandEngine::new(house.workshop.clone(), commands));
    let repository = repository(&house);
    let file = |change: fn(&str) -> String| {
        let lines: String = (0..4).map(|line| format!("line {line}\n")).collect();
        change(&format!("first = 1\n{lines}middle = 2\n{lines}last = 3\n"))
    };
    repository.write("m.py", file(str::to_owned));
    repository.commit("the base of the diffs");
    let mut diffs = Vec::new();
    for change in
        [|text: &str| text.replace("middle = 2", "middle = 22"), |text: &str| text.replace("last = 3", "last = 33")]
    {
        repository.write("m.py", file(change));
        diffs.push(repository.git(&["diff", "-U8"]) + "\n");
    }
    repository.write("beside.diff", &diffs[0]);
    repository.write("same.diff", &diffs[1]);
    repository.write("m.py", file(|text| text.replace("first = 1", "first = 11").replace("last = 3", "last = 34")));
    repository.commit("it goes on");
    let desk = house.open();
    let id = desk.ask(asks(&repository, EngineKind::Command, "beside")).await.unwrap().id;
    let view = stuck(&desk, id).await;
    let made = files(&desk, &house, id).await;
    let text = made["m.py"].as_ref().unwrap_or_else(|| panic!("{}", view.reason.raw()));
    let expected = file(|text| {
        text.replace("first = 1", "first = 11").replace("middle = 2", "middle = 22").replace("last = 3", "last = 34")
    });
    assert_eq!(*text, expected, "both sides' changes, and no mark of a conflict");
    let told = document(&desk, &house, id, "explanation@v1").await;
    assert!(told.contains("made on another base") && told.contains("merged three-way"), "{told}");
    let id = desk.ask(asks(&repository, EngineKind::Command, "same")).await.unwrap().id;
    let view = desk.wait_until(id, |view| view.state == "BlockedPolicy" || view.state == "NeedsHuman").await.unwrap();
    assert!(view.versions.is_empty() && view.reason.raw().contains("does not apply"), "{}", view.reason.raw());
    nothing_is_left(&house, &repository);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_cannot_reach_out_of_its_worktree() {
    let house = House::new();
    let repository = repository(&house);
    let outside = house.path().join("outside.txt");
    std::fs::write(&outside, "untouched").unwrap();
    std::fs::set_permissions(&outside, std::fs::Permissions::from_mode(0o666)).unwrap();
    symlink(&outside, repository.path.join("link")).unwrap();
    repository.commit("a link out");
    std::fs::write(house.path().join("user/.netrc"), "a key").unwrap();
    let desk = house.open();
    let script = format!(
        "echo owned > link 2>/dev/null; echo owned > '{0}' 2>/dev/null; cat '{1}' '{2}' 2>/dev/null > seen; \
         ls '{3}' > home 2>/dev/null; (exec 3<>/dev/tcp/127.0.0.1/22) 2>/dev/null && echo net > net; env > variables; true",
        outside.display(),
        house.path().join("user/.netrc").display(),
        house.home.journal().join("00000000000000000001.jsonl").display(),
        house.home.run().display(),
    );
    let id = desk.ask(asks(&repository, EngineKind::Command, &script)).await.unwrap().id;
    stuck(&desk, id).await;
    let made = files(&desk, &house, id).await;
    assert_eq!(std::fs::read_to_string(&outside).unwrap(), "untouched");
    assert_eq!(made["seen"].as_deref(), Some(""), "a secret or the journal was read");
    assert_eq!(made["home"].as_deref(), Some(""), "the daemon's folder was seen");
    assert!(!made.contains_key("net"));
    let variables = made["variables"].as_ref().unwrap();
    assert!(!variables.contains("TOKEN") && !variables.contains("API_KEY"), "{variables}");
    nothing_is_left(&house, &repository);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_program_is_gone_at_once() {
    let house = House::new();
    let repository = repository(&house);
    let desk = house.open();
    let id = desk
        .ask(asks(&repository, EngineKind::Command, "trap '' TERM; echo half > a.py; sleep 972; sleep 972"))
        .await
        .unwrap()
        .id;
    while !is_running("sleep 972") {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let logs = desk
        .ask(paraph::api::LogRequest { session: paraph::id::SessionRef { session: id, version: None }, check: None });
    assert!(logs.await.unwrap()[0].live.is_some(), "what it says can be followed before there is a version");
    desk.ask(paraph::api::CancelRequest { session: id }).await.unwrap();
    let asked = std::time::Instant::now();
    while is_running("sleep 972") {
        assert!(asked.elapsed() < Duration::from_secs(2), "it runs on");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(desk.show(id).await.versions.is_empty());
    while std::fs::read_dir(house.home.workshops()).unwrap().next().is_some() {
        assert!(asked.elapsed() < Duration::from_secs(5), "its workshop stays");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    nothing_is_left(&house, &repository);
}

#[test]
fn presets_have_names_of_their_own() {
    let names: std::collections::BTreeSet<String> = command_presets().into_iter().map(|spec| spec.name).collect();
    assert_eq!(names.len(), command_presets().len());
    assert!(names.contains("ruff") && names.contains("clippy-fix") && names.contains("gofmt"));
}
