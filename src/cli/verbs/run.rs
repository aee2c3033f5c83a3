//! `paraph run`

use std::ffi::OsString;
use std::path::PathBuf;

use crate::api::{
    Base, CandidateRequest, EngineKind, EstimateRequest, FailureKind, IssueSource, Kind, NoticeStream, ProgramChoice,
    RepositoryRequest, RunRequest, Service, SessionView, Source, TrustRequest, playbooks,
};
use crate::cli::desk::Desk;
use crate::cli::ended::{DONE, Done, Ended, usage};
use crate::cli::goal;
use crate::cli::output::{Role, Text};
use crate::cli::progress::{self, Waited};
use crate::cli::session_text::{self, changed};
use crate::cli::verbs::budget::price;
use crate::cli::verbs::compare;
use crate::id::{HostPath, ParseIdError, SessionId};
use crate::text::counted;

/// Starts a session: a goal, or a ready diff, becomes a validated, scored patch for you to decide on
///
/// Nothing outside Paraph's data directory is written before you approve and publish. Exit status with --wait: the
/// first that fits of 130, 124, 8, 1, 10 (a person is needed, Unverified too), 6 (policy), 7 (the patch broke
/// something), 0.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What shall change, in words [default: the issue's title; on a terminal what you write in $VISUAL or $EDITOR]
    goal: Option<String>,
    /// The goal, from a file (- for standard input)
    #[arg(short = 'F', long, value_name = "FILE|-", conflicts_with = "goal")]
    goal_file: Option<PathBuf>,
    /// Write the goal in $VISUAL or $EDITOR, beginning with what is given
    #[arg(short, long)]
    edit: bool,
    /// A repository, by path or URL; several make several lanes [default: the one you stand in]
    #[arg(long, value_name = "PATH|URL")]
    repo: Vec<OsString>,
    /// The kind of work: bugfix, refactor, feature, docs, deps [default: guessed from the goal]
    #[arg(long)]
    kind: Option<Kind>,
    /// A forge's issue as the goal, with what was said to it: GitHub, GitLab, Gitea, Forgejo
    #[arg(long, value_name = "URL")]
    issue: Option<String>,
    /// What the issue's host is, where that is not known: github, gitlab, gitea
    #[arg(long, value_name = "KIND", requires = "issue", value_parser = ["github", "gitlab", "gitea", "forgejo"])]
    forge: Option<String>,
    // every playbook that there is, and what each has is in the help topic
    #[arg(long, value_name = "NAME", help = shapes())]
    playbook: Option<String>,
    /// What makes the proposal: rules, patch, llm, command, agent
    #[arg(long, value_name = "NAME")]
    engine: Option<String>,
    #[command(flatten)]
    program: Program,
    /// Only these rules (paraph help rules lists them)
    #[arg(long, value_name = "ID,...", value_delimiter = ',')]
    rules: Vec<String>,
    /// Only paths that match this glob, or lie below the folder of that name; may be given again
    #[arg(long = "path", value_name = "GLOB")]
    paths: Vec<String>,
    /// Start from this revision [default: HEAD]
    #[arg(long, value_name = "REV")]
    base: Option<String>,
    /// Start from HEAD with what is not committed on top
    #[arg(long, conflicts_with = "base")]
    dirty: bool,
    /// A ready diff to review (- for standard input)
    #[arg(long, value_name = "FILE|-")]
    patch: Option<PathBuf>,
    /// Only tell what its models may cost; nothing is started and nobody is asked
    #[arg(long, conflicts_with = "wait")]
    estimate: bool,
    /// One of several that draft for the goal side by side; given again for each: rules[:ID,...],
    /// llm[:PROVIDER/MODEL], agent:NAME, command:NAME, patch:FILE. Then: paraph compare, paraph pick
    #[arg(long = "candidate", value_name = "ENGINE[:WHAT]", conflicts_with_all = ["engine", "rules", "patch", "command", "agent"])]
    candidates: Vec<String>,
    /// Wait until it can be decided on
    #[arg(long)]
    wait: bool,
}

/// What a playbook is for, and which there are.
fn shapes() -> String {
    format!("The session's shape: {} (paraph help lifecycle)", playbooks().join(", "))
}

/// Which program drafts, where one does.
#[derive(Debug, clap::Args)]
pub(crate) struct Program {
    /// The program that drafts: a preset such as ruff, one of your configuration, or a command line in quotes
    #[arg(long, value_name = "NAME|'PROGRAM ARGS'", conflicts_with_all = ["agent", "patch", "rules"])]
    command: Option<String>,
    /// The agent that drafts: claude, codex, gemini, opencode, one of your configuration, or a command line in quotes
    #[arg(long, value_name = "NAME", conflicts_with_all = ["patch", "rules"])]
    agent: Option<String>,
    /// A host that the agent may reach, as HOST or HOST:PORT; may be given again, and is recorded
    #[arg(long = "allow-host", value_name = "HOST", requires = "agent")]
    allow_hosts: Vec<String>,
}

impl Program {
    /// The engine that is meant, and its program. A program without an engine's name means its engine.
    pub(crate) fn take(self, engine: Option<EngineKind>) -> (Option<EngineKind>, Option<ProgramChoice>) {
        let (kind, name) = match (self.command, self.agent) {
            (Some(command), _) => (EngineKind::Command, command),
            (None, Some(agent)) => (EngineKind::Agent, agent),
            (None, None) => return (engine, None),
        };
        (engine.or(Some(kind)), Some(ProgramChoice { name, hosts: self.allow_hosts }))
    }
}

/// The engine of that name.
pub(crate) fn engine(name: &str) -> Result<EngineKind, Ended> {
    name.parse().map_err(|error: ParseIdError| usage(error.to_string()).hint("--engine rules").into())
}

pub(crate) async fn execute(args: Args, desk: &mut Desk) -> Done {
    let (wait, edit, only_estimate) = (args.wait, args.edit, args.estimate);
    let issue = args.issue.clone().map(|url| (url, args.forge.clone()));
    let mut request = request(args, desk)?;
    if let Some((url, forge)) = issue {
        from_issue(&mut request, &url, forge.as_deref(), desk).await?;
    }
    if only_estimate {
        return estimate(request, desk).await;
    }
    if !edit && !request.goal.is_empty() {
        return begin(request, wait, desk).await;
    }
    let Some(written) = goal::by_hand(&request, desk)? else {
        desk.out.say("nothing was written, so no session was started");
        return Ok(FailureKind::Interrupted.exit_code());
    };
    request.goal.clone_from(&written.goal);
    let begun = begin(request, wait, desk).await;
    match &begun {
        Ok(_) => written.forget(),
        Err(_) => written.keep(desk),
    }
    begun
}

/// Tells what the models of it may take, by role.
async fn estimate(mut request: RunRequest, desk: &mut Desk) -> Done {
    if request.goal.is_empty() {
        request.goal = "a goal".to_owned(); // one of a few words: it is not written yet
    }
    let service = desk.service().await?;
    let view = desk.ask_on(service.as_ref(), EstimateRequest { run: request }).await?;
    if desk.out.json() {
        desk.out.object(&serde_json::to_value(&view).expect("plain data serialises"))?;
        return Ok(DONE);
    }
    desk.out.line(view.words())?;
    for role in &view.roles {
        let calls = format!("{} to {}", role.least_calls, counted(role.most_calls, "call"));
        let cost = match (price(&role.least_usd), price(&role.most_usd)) {
            (least, most) if least == most => least,
            (least, most) => format!("{least} to {most}"),
        };
        let of = if role.prices.is_empty() { String::new() } else { format!(" by prices of {}", role.prices) };
        let line = Text::new().plain("  ").cell(Role::Strong, &role.role, 13).plain(&role.model);
        desk.out.line(line.role(Role::Dim, format!("  {calls}, {cost}{of}")))?;
    }
    Ok(DONE)
}

/// Starts it, and waits where that is wanted.
async fn begin(request: RunRequest, wait: bool, desk: &mut Desk) -> Done {
    let service = desk.service().await?;
    ask_for_trust(service.as_ref(), &request, desk).await?;
    // opened first, so that nothing of the session is missed
    let notices = if wait { Some(service.notices().await?) } else { None };
    let view = desk.ask_on(service.as_ref(), request).await?;
    if let Some(estimate) = &view.estimate {
        desk.out.say(estimate.words());
    }
    match notices {
        Some(_) if !view.candidates.is_empty() => compare::waited(service.as_ref(), &view, desk).await,
        Some(notices) => waited(service.as_ref(), notices, view.id, desk).await,
        None => started(&view, desk),
    }
}

/// Waits until a session stands still; it goes on where somebody pressed ^C.
pub(crate) async fn waited(service: &dyn Service, notices: NoticeStream, session: SessionId, desk: &mut Desk) -> Done {
    match progress::wait(service, notices, session, desk).await? {
        Waited::Interrupted => {
            desk.out.say(format!("session {session} goes on: paraph watch {session}"));
            Ok(FailureKind::Interrupted.exit_code())
        }
        Waited::Settled(view) => ended(&view, desk),
    }
}

fn request(args: Args, desk: &mut Desk) -> Result<RunRequest, Ended> {
    let base = match (args.base, args.dirty) {
        (Some(revision), _) => Base::Rev(revision),
        (None, true) => Base::Dirty,
        (None, false) => Base::Head,
    };
    let has_goal = args.goal.is_some() || args.goal_file.is_some() || args.patch.is_some() || args.issue.is_some();
    if !has_goal && !desk.is_interactive() {
        return Err(usage("no GOAL was given")
            .hint("paraph run \"what shall change\"")
            .hint("paraph run -F FILE")
            .into());
    }
    let sources = match args.repo.as_slice() {
        [] => vec![desk.source(None)?],
        named => named.iter().map(|repo| desk.source(Some(repo))).collect::<Result<_, _>>()?,
    };
    let engine = args.engine.as_deref().map(engine).transpose()?;
    let hosts = args.program.allow_hosts.clone();
    let (engine, program) = args.program.take(engine);
    if [&args.goal_file, &args.patch].iter().all(|file| file.as_ref().is_some_and(|file| file.as_os_str() == "-")) {
        return Err(usage("standard input holds one thing").hint("paraph run -F FILE --patch -").into());
    }
    let from_file = match &args.goal_file {
        Some(file) => Some(goal::from_file(file, desk)?),
        None => None,
    };
    let goal = match (from_file.as_ref().or(args.goal.as_ref()), &args.patch) {
        (Some(goal), _) if goal.trim().is_empty() => {
            return Err(usage("the goal is empty").hint("paraph run \"what shall change\"").into());
        }
        (Some(goal), _) => goal.clone(),
        (None, _) if args.issue.is_some() => String::new(), // its title, once it was read
        (None, Some(file)) if file.as_os_str() != "-" => format!("review the patch {}", HostPath::new(file)),
        (None, Some(_)) => "review a patch".to_owned(),
        (None, None) => String::new(), // the editor's, once the rest is known to be right
    };
    // read before anything is asked: a file that is not there starts nothing
    let patch = match args.patch {
        Some(file) => Some(store_patch(&file, desk)?),
        None => None,
    };
    let mut candidates = Vec::new();
    for named in &args.candidates {
        let mut candidate = candidate(named, desk)?;
        if let (EngineKind::Agent, Some(agent)) = (candidate.engine, &mut candidate.program) {
            agent.hosts.clone_from(&hosts);
        }
        candidates.push(candidate);
    }
    Ok(RunRequest {
        goal,
        kind: args.kind,
        repositories: sources.into_iter().map(|source| RepositoryRequest { source, base: base.clone() }).collect(),
        engine,
        rules: args.rules,
        paths: args.paths,
        playbook: args.playbook,
        patch,
        program,
        candidates,
        issue: None,
    })
}

/// Reads the issue and hands its text in: the title is the goal where nobody wrote another.
async fn from_issue(request: &mut RunRequest, url: &str, forge: Option<&str>, desk: &mut Desk) -> Result<(), Ended> {
    let read = desk.world.launch.read_issue(url, forge).await?;
    let digest = desk.world.blobs.write(read.text.as_bytes())?;
    let issue = read.source;
    let told = Text::new().plain("issue  ").role(Role::Strong, issue.title.display_line());
    let left_out = if issue.left_out > 0 { format!(", {} more left out", issue.left_out) } else { String::new() };
    desk.out.say(told.plain(format!("  {}{left_out}", counted(issue.comments, "comment"))));
    if request.goal.is_empty() {
        request.goal = issue.title.raw().to_owned();
    }
    request.issue = Some(Box::new(IssueSource { text: digest, ..issue }));
    Ok(())
}

/// What `ENGINE[:WHAT]` means.
fn candidate(named: &str, desk: &mut Desk) -> Result<CandidateRequest, Ended> {
    let mut candidate = CandidateRequest::named(named).map_err(|error: ParseIdError| {
        Ended::from(usage(error.to_string()).hint("--candidate rules --candidate llm:openai/gpt-4.1"))
    })?;
    let file = named.split_once(':').map(|(_, file)| file).filter(|file| !file.is_empty());
    if let (EngineKind::Patch, Some(file)) = (candidate.engine, file) {
        candidate.patch = Some(store_patch(std::path::Path::new(file), desk)?);
    }
    Ok(candidate)
}

/// Stores a diff as a blob, so that the request can name it.
pub(crate) fn store_patch(file: &std::path::Path, desk: &mut Desk) -> Result<crate::id::Digest, Ended> {
    let bytes = desk.read_input(file)?;
    if bytes.trim_ascii().is_empty() {
        return Err(usage("the patch is empty").hint("git diff | paraph run --patch - GOAL").into());
    }
    Ok(desk.world.blobs.write(&bytes)?)
}

/// On a terminal, once: shows the commands that trust would let run, and asks.
async fn ask_for_trust(service: &dyn Service, request: &RunRequest, desk: &mut Desk) -> Result<(), Ended> {
    if !desk.is_interactive() {
        return Ok(());
    }
    for repository in &request.repositories {
        let Source::Path(path) = &repository.source else { continue };
        let ask = TrustRequest { path: path.clone(), trust: None, setup_network: None };
        let trust = desk.ask_on(service, ask).await?;
        if trust.trusted || trust.commands.is_empty() {
            continue;
        }
        if trust.refused {
            desk.out.say(format!("{} is not trusted, so no check runs: paraph trust {0}", trust.path));
            continue;
        }
        desk.out.say(
            Text::new().role(Role::Strong, &trust.path).plain(" was not trusted yet. Its checks would run, confined:"),
        );
        for command in &trust.commands {
            desk.out.say(Text::new().plain("  ").plain(command.display_line()));
        }
        let answer = desk.prompt("y: trust it, n: no, and never ask again, anything else: go on without checks:")?;
        let word = match answer.as_deref().map(str::trim) {
            Some("y" | "Y" | "yes") => true,
            Some("n" | "N" | "no") => false,
            _ => continue,
        };
        desk.ask_on(service, TrustRequest { path: trust.path, trust: Some(word), setup_network: None }).await?;
    }
    Ok(())
}

/// The session was recorded.
pub(crate) fn started(view: &SessionView, desk: &mut Desk) -> Done {
    changed(view, desk)?;
    if desk.out.json() {
        return Ok(DONE);
    }
    if let (Some(first), Some(last)) = (view.candidates.first(), view.candidates.last()) {
        let of = counted(view.candidates.len(), "candidate");
        desk.out.say(format!("{of}, sessions {first} to {last}: paraph compare {first}"));
    }
    for lane in view.lanes.iter().filter(|lane| lane.left_out > 0) {
        let (files, are) = (counted(lane.left_out, "changed file"), if lane.left_out == 1 { "is" } else { "are" });
        desk.out.say(format!("{}: {files} {are} left out; --dirty takes them", lane.repo));
    }
    Ok(DONE)
}

/// The session stands still: shows it and gives the exit status that fits.
pub(crate) fn ended(view: &SessionView, desk: &mut Desk) -> Done {
    if desk.out.json() {
        desk.out.object(&serde_json::to_value(view).expect("plain data serialises"))?;
    } else {
        session_text::print(view, desk)?;
    }
    let status = progress::exit_code(view);
    let unverified = view.versions.last().and_then(|version| version.unverified.as_ref());
    if let (Some(why), true) = (unverified, status == FailureKind::NeedsHuman.exit_code()) {
        let next = match why.raw() {
            why if why.contains("--setup-network") => "paraph trust --setup-network",
            why if why.contains("trust") => "paraph trust",
            why if why.contains("no check") => "paraph init --repo-file",
            _ => "paraph doctor",
        };
        desk.out.say(Text::new().role(Role::Mark, "hint: ").plain(next));
    }
    Ok(status)
}
