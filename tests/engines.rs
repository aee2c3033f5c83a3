//! Engines that run a program: whole sessions, from the request to the score, with real processes in real confinement.
//!
//! The agent is a small one of our own (`tests/engines/agent.py`) that does what its argument says, good and bad. Runs
//! once more as an ordinary user where it runs as root.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "engines/agent.rs"]
mod agent;
#[path = "engines/bounds.rs"]
mod bounds;
#[path = "engines/caps.rs"]
mod caps;
#[path = "engines/command.rs"]
mod command;
#[path = "support/house.rs"]
mod house;
#[path = "engines/learned.rs"]
mod learned;
#[path = "engines/mends.rs"]
mod mends;
#[path = "engines/proxy.rs"]
mod proxy;
#[path = "engines/spent.rs"]
mod spent;
#[path = "support/vcs.rs"]
mod vcs;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::sync::Arc;

use house::{Desk, House, Repository};
use paraph::api::{AgainstRequest, ArtifactsRequest, PatchSetRequest, RunRequest, SessionView};
use paraph::id::{SessionId, SessionRef};
use paraph::infrastructure::confinement::{Confinement, Level, Limits};
use paraph::proposal::{AgentEngine, AgentSpec, CommandEngine, EngineKind, ProgramChoice, Workshop, WorkshopPorts};

/// Whether programs can be shown their worktree in the place of the working copy, and have a network of their own.
pub(crate) fn is_full() -> bool {
    Confinement::probe(house::launcher()).level() == Level::Full
}

/// A request for a program over one repository.
pub(crate) fn asks(repository: &Repository, engine: EngineKind, name: &str) -> RunRequest {
    RunRequest {
        goal: "compare with None by identity".to_owned(),
        engine: Some(engine),
        program: Some(ProgramChoice { name: name.to_owned(), hosts: Vec::new() }),
        ..house::run(&[repository], None)
    }
}

/// The files of the newest version: what they became, `None` where they were deleted.
pub(crate) async fn files(desk: &Desk, house: &House, session: SessionId) -> BTreeMap<String, Option<String>> {
    let asked =
        PatchSetRequest { session: SessionRef { session, version: None }, repo: None, against: AgainstRequest::Base };
    let sets = desk.ask(asked).await.unwrap();
    let mut found = BTreeMap::new();
    for file in &sets[0].files {
        let blob = file.new.as_ref().map(|side| house.ports.blobs.get(side.digest).unwrap());
        found.insert(file.path.to_string(), blob.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()));
    }
    found
}

/// A document of the session, such as `log@v1`.
pub(crate) async fn document(desk: &Desk, house: &House, session: SessionId, name: &str) -> String {
    let view = desk.ask(ArtifactsRequest { session }).await.unwrap();
    let artifact = view.artifacts.iter().find(|artifact| artifact.name == name);
    let artifact = artifact.unwrap_or_else(|| panic!("no {name} in {:?}", view.artifacts));
    String::from_utf8_lossy(&house.ports.blobs.get(artifact.blob).unwrap()).into_owned()
}

/// The session as it stands when it needs a person.
pub(crate) async fn stuck(desk: &Desk, session: SessionId) -> SessionView {
    desk.wait_until(session, |view| matches!(view.state.as_str(), "NeedsHuman" | "Scored" | "BlockedPolicy"))
        .await
        .unwrap()
}

/// Nothing of a workshop is left, and the working copy is as it was.
#[track_caller]
pub(crate) fn nothing_is_left(house: &House, repository: &Repository) {
    let left: Vec<_> = fs::read_dir(house.home.workshops()).into_iter().flatten().flatten().map(|e| e.path()).collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(repository.git(&["status", "--porcelain"]), "", "the working copy is touched");
    assert_eq!(repository.git(&["branch", "--list"]).trim(), "* main");
}

/// A house whose programs run at this level, where it can be had.
pub(crate) fn house_at(level: Level, agents: impl IntoIterator<Item = AgentSpec>) -> Option<House> {
    let confinement = Confinement::probe_at_most(house::launcher(), level);
    if confinement.level() != level {
        return None;
    }
    let house = House::with(|house| {
        house.workshop = Workshop::new(WorkshopPorts {
            vcs: house.ports.vcs.clone(),
            confinement,
            blobs: house.ports.blobs.clone(),
            folder: house.home.workshops(),
            private: vec![house.home.root().to_owned()],
            limits: Limits::default(),
        });
        house.ports.engines.command = Arc::new(CommandEngine::new(house.workshop.clone(), []));
        house.ports.engines.agent = Arc::new(AgentEngine::new(house.workshop.clone(), agents));
    });
    Some(house)
}

/// Without namespaces there is no view of one's own and no door; what can be had still drafts, and what cannot is said.
#[tokio::test(flavor = "multi_thread")]
async fn both_draft_without_namespaces() {
    let Some(house) = house_at(Level::Landlock, []) else { return };
    let repository = repository(&house);
    repository.write("node_modules/tool/x", "lent\n");
    repository.write(".gitignore", "node_modules\n");
    repository.git(&["add", ".gitignore"]);
    repository.git(&["commit", "-q", "-m", "ignored"]);
    let desk = house.open();
    let script = "cat node_modules/tool/x >> a.py";
    let id = desk.ask(asks(&repository, EngineKind::Command, script)).await.unwrap().id;
    let view = stuck(&desk, id).await;
    let made = files(&desk, &house, id).await;
    assert_eq!(made.keys().collect::<Vec<_>>(), ["a.py"], "{}", view.reason.raw());
    assert!(made["a.py"].as_ref().unwrap().ends_with("lent\n"), "{made:?}");
    let log = document(&desk, &house, id, "log@v1").await;
    assert!(log.contains("LANDLOCK"), "{log}");
    let id = desk.ask(asks(&repository, EngineKind::Agent, "python3 tool/agent.py edit")).await.unwrap().id;
    let view = stuck(&desk, id).await;
    assert_eq!(view.versions.len(), 1, "{}", view.reason.raw());
    let mut asked = asks(&repository, EngineKind::Agent, "python3 tool/agent.py edit");
    asked.program = asked.program.map(|program| ProgramChoice { hosts: vec!["example.org".to_owned()], ..program });
    let id = desk.ask(asked).await.unwrap().id;
    let view = stuck(&desk, id).await;
    assert!(
        view.reason.raw().contains("a network cannot be had at confinement level LANDLOCK"),
        "{}",
        view.reason.raw()
    );
    assert_eq!(fs::read_to_string(repository.path.join("node_modules/tool/x")).unwrap(), "lent\n");
    nothing_is_left(&house, &repository);
}

pub(crate) const AGENT: &str = include_str!("engines/agent.py");
const HUNT: &str = include_str!("engines/hunt.py");

/// A repository with a file to change, a check, and the agent's script.
pub(crate) fn repository(house: &House) -> Repository {
    let check = "[[check]]\nname = \"unit\"\nkind = \"test\"\ncommand = [\"true\"]\n";
    house.repository(
        "shop",
        &[
            ("a.py", house::FILE),
            (".paraph.toml", check),
            ("tool/agent.py", AGENT),
            ("tool/hunt.py", HUNT),
            (".gitignore", "*.log\nout/\n"),
        ],
    )
}

#[test]
fn the_whole_set_holds_for_an_ordinary_user() {
    if std::env::var_os("PARAPH_TEST_LAUNCHER").is_some() || !rustix::process::geteuid().is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::copy(std::env::current_exe().unwrap(), at("tests")).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_paraph"), at("paraph")).unwrap();
    fs::create_dir(at("tmp")).unwrap();
    fs::set_permissions(at("tmp"), fs::Permissions::from_mode(0o1777)).unwrap();
    let mut command = std::process::Command::new(at("tests"));
    let command = command.env_clear().env("PATH", "/usr/bin:/bin").env("TMPDIR", at("tmp")).env("HOME", at("tmp"));
    let command = command.env("PARAPH_TEST_LAUNCHER", at("paraph")).arg("--test-threads=2").current_dir(at("tmp"));
    let output = command.uid(65534).gid(65534).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}\n{}", String::from_utf8_lossy(&output.stderr));
}

/// Whether anything of ours still runs with `words` in its command line.
pub(crate) fn is_running(words: &str) -> bool {
    let of = |entry: fs::DirEntry| fs::read(entry.path().join("cmdline")).unwrap_or_default();
    let lines = fs::read_dir(Path::new("/proc")).unwrap().flatten().map(of);
    lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " ")).any(|line| line.contains(words))
}
