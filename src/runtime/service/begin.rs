//! Starting sessions: from a goal, or from work already done.

use std::sync::Arc;

use crate::api::{AdoptRequest, Call, Failure, FailureKind, RegenerateRequest, RunRequest, SessionView};
use crate::id::{LaneId, SessionId, SessionUuid};
use crate::infrastructure::hosts::AllowedHosts;
use crate::infrastructure::llm::{ModelName, NoRoute};
use crate::planning::{Kind, Playbook, Role, Stage};
use crate::proposal::{EngineKind, ProgramChoice};
use crate::repository::{Base, RepositoryFacts, Snapshot, Source, UNCOMMITTED, VcsError, WorkSpec};
use crate::session::{Budget, LaneRequest, NewSession, Session};
use crate::text::Untrusted;

use super::{Runtime, Want, blocking, limits, views};
use crate::runtime::tables::short_of_work;

/// The playbook of sessions that ask models, where none is named.
pub(super) const INDEXED: &str = "indexed";

impl Runtime {
    pub(super) async fn facts(&self, source: &Source) -> Result<RepositoryFacts, Failure> {
        let (shared, source) = (self.shared.clone(), source.clone());
        blocking(move || shared.ports.vcs.facts(&source).map_err(|error| vcs_failure(&error))).await
    }

    /// The source with its path brought to the top of the repository, so that one repository has one name.
    pub(super) async fn settle(&self, source: &Source, base: &Base) -> Result<Source, Failure> {
        if matches!(base, Base::Head | Base::Rev(_))
            && let Source::Url(url) = source
        {
            // cloned as the session's first work: acknowledged first, and cancelled like any other
            return Ok(Source::Url(url.clone()));
        }
        let facts = self.facts(source).await?;
        if facts.head.is_none() && matches!(base, Base::Head | Base::Dirty) {
            return Err(vcs_failure(&VcsError::Unborn(source.to_string())));
        }
        Ok(match source {
            Source::Path(_) => Source::Path(facts.root),
            Source::Url(url) => Source::Url(url.clone()),
        })
    }

    /// Engine and playbook of a new session.
    pub(super) fn shape(
        &self,
        run: &mut RunRequest,
        model: Option<&ModelName>,
    ) -> Result<(EngineKind, Playbook), Failure> {
        if run.goal.trim().is_empty() {
            return Err(usage("the goal is empty", "paraph run \"what shall change\""));
        }
        if run.repositories.is_empty() {
            return Err(usage("no repository was named", "paraph run GOAL --repo PATH"));
        }
        let settings = &self.shared.settings;
        let engine = run.engine.unwrap_or(if run.patch.is_some() { EngineKind::Patch } else { settings.engine });
        if engine == EngineKind::Patch && run.patch.is_none() {
            return Err(usage("engine patch needs a diff", "paraph run GOAL --patch FILE"));
        }
        if engine == EngineKind::Adopt {
            return Err(usage("engine adopt reviews work that is there", "paraph adopt BRANCH"));
        }
        if run.program.is_none() && engine == settings.engine && engine.runs_a_program() {
            run.program = settings.program.clone().map(|name| ProgramChoice { name, hosts: Vec::new() });
        }
        program_fits(engine, run.program.as_ref(), true)?;
        let (bank, role) = (&self.shared.ports.models, Role::Implementer.name());
        if engine == EngineKind::Llm
            && let Err(NoRoute { why, next }) = model.map_or_else(|| bank.lead(role), |model| bank.lead_to(role, model))
        {
            return Err(Failure::new(FailureKind::SignIn, format!("no model can be asked: {why}")).hint(next));
        }
        // a model is shown what the index ranks first
        let usual = if engine == EngineKind::Llm { INDEXED } else { &settings.playbook };
        let name = run.playbook.as_deref().unwrap_or(usual);
        let playbook = Playbook::named(name).ok_or_else(|| {
            let names: Vec<String> = Playbook::shipped().into_iter().map(|playbook| playbook.name).collect();
            usage(format!("there is no playbook `{name}`"), format!("--playbook with one of {}", names.join(", ")))
        })?;
        Ok((engine, playbook))
    }

    /// Roles whose stages ask a model where one is there, and wait for a person where none is.
    pub(super) fn roles(&self, playbook: &Playbook) -> Vec<Role> {
        let asks = playbook.has(Stage::Triage) && self.shared.ports.models.lead(Role::Triage.name()).is_ok();
        asks.then_some(Role::Triage).into_iter().collect()
    }

    /// How often a red check goes back to the engine, and what models may take.
    pub(super) fn lead_of(&self, engine: EngineKind, playbook: &Playbook) -> (u32, Budget) {
        let settings = &self.shared.settings;
        let asks_models = engine == EngineKind::Llm || Stage::ASKING.iter().any(|stage| playbook.has(*stage));
        let repairs = if engine == EngineKind::Llm { settings.repairs } else { 0 };
        (repairs, if asks_models { settings.budget } else { Budget::default() })
    }

    /// The repositories, each named once.
    pub(super) async fn lanes(&self, run: &RunRequest) -> Result<Vec<LaneRequest>, Failure> {
        let mut lanes = Vec::new();
        for repository in &run.repositories {
            let source = self.settle(&repository.source, &repository.base).await?;
            if lanes.iter().any(|lane: &LaneRequest| lane.source == source) {
                return Err(usage(format!("{source} was named twice"), "name each repository once"));
            }
            lanes.push(LaneRequest { source, base: repository.base.clone(), snapshot: None });
        }
        Ok(lanes)
    }

    pub(super) async fn run(&self, call: &Call, mut run: RunRequest) -> Result<SessionView, Failure> {
        if !run.candidates.is_empty() {
            return self.run_field(call, run).await;
        }
        let (engine, playbook) = self.shape(&mut run, None)?;
        let lanes = self.lanes(&run).await?;
        self.try_out(&lanes, engine, &run.rules, &run.paths).await?;
        self.try_patch(run.patch).await?;
        self.try_issue(run.issue.as_deref()).await?;
        let roles = self.roles(&playbook);
        let estimate = self.estimated(&run, engine, None, &playbook).await;
        let (repairs, budget) = self.lead_of(engine, &playbook);
        let asked = NewSession {
            id: SessionId(0),
            uuid: SessionUuid(self.shared.ports.ids.uuid()),
            kind: run.kind.unwrap_or_else(|| guess_kind(&with_labels(&run))),
            goal: run.goal.into(),
            adopted: None,
            issue: run.issue.map(|issue| *issue),
            estimate,
            engine,
            program: run.program,
            rules: run.rules,
            paths: run.paths,
            playbook,
            patch: run.patch,
            repairs,
            budget,
            model: None,
            candidate: None,
            roles,
            lanes,
            environment: limits::environment(&call.client.environment),
            by: self.person(&call.client),
        };
        let done = self.order(call, Want::Start(Box::new(asked))).await?;
        self.view(done.session, None).await
    }

    pub(super) async fn adopt(&self, call: &Call, adopt: AdoptRequest) -> Result<SessionView, Failure> {
        let mut also = Vec::new();
        let work = match adopt.work {
            // one worktree has one name, however it was spelled, and is met from every worktree of its repository
            WorkSpec::Worktree(path) => {
                let facts = self.facts(&Source::Path(path)).await?;
                also.extend([Source::Path(facts.main), Source::Path(facts.root.clone())]);
                WorkSpec::Worktree(facts.root)
            }
            work => work,
        };
        let source = self.settle(&adopt.source, &Base::Of(work.clone())).await?;
        let work = self.pinned(work, &source).await?;
        let base = Base::Of(work.clone());
        also.retain(|other| *other != source);
        also.push(source.clone());
        let open = self.open_adoption(&work, also).await?;
        if let Some(session) = open {
            if adopt.goal.is_none() && self.has_same_work(session, &source, &base).await? {
                return self.view(self.session(session).await?, None).await;
            }
            let again = RegenerateRequest {
                session,
                engine: None,
                rules: Vec::new(),
                patch: None,
                program: None,
                message: adopt.goal.unwrap_or_default(),
            };
            return self.regenerate(call, again, "adopted again").await;
        }
        let subject = self.look_at(&source, &base, &work).await?;
        let goal = adopt.goal.filter(|goal| !goal.trim().is_empty()).unwrap_or(subject);
        let asked = NewSession {
            id: SessionId(0),
            uuid: SessionUuid(self.shared.ports.ids.uuid()),
            kind: guess_kind(&goal),
            goal: goal.into(),
            adopted: Some(work),
            issue: None,
            estimate: None,
            engine: EngineKind::Adopt,
            program: None,
            rules: Vec::new(),
            paths: Vec::new(),
            playbook: Playbook::named("quick").expect("it ships"),
            patch: None,
            repairs: 0,
            budget: Budget::default(),
            model: None,
            candidate: None,
            roles: Vec::new(),
            lanes: vec![LaneRequest { source, base, snapshot: None }],
            environment: limits::environment(&call.client.environment),
            by: self.person(&call.client),
        };
        let done = self.order(call, Want::Start(Box::new(asked))).await?;
        self.view(done.session, None).await
    }

    /// A range from a commit that is told by its distance, such as `HEAD~2..HEAD`, begins somewhere else after the next
    /// commit: it is kept by where it begins now, so that adopting it again is the same work and what came since.
    async fn pinned(&self, work: WorkSpec, source: &Source) -> Result<WorkSpec, Failure> {
        let WorkSpec::Range(range) = &work else { return Ok(work) };
        let Some(to) = end_of_relative(range).map(str::to_owned) else { return Ok(work) };
        let (shared, source, base) = (self.shared.clone(), source.clone(), Base::Of(work.clone()));
        blocking(move || {
            let now = shared.ports.vcs.snapshot(&source, &base).map_err(|error| vcs_failure(&error))?;
            let to = if to.is_empty() { "HEAD" } else { to.as_str() };
            Ok(WorkSpec::Range(format!("{}..{to}", now.commit)))
        })
        .await
    }

    /// Whether the newest version of `session` was made of what is there now.
    async fn has_same_work(&self, session: SessionId, source: &Source, base: &Base) -> Result<bool, Failure> {
        let session = self.session(session).await?;
        let (shared, source, base) = (self.shared.clone(), source.clone(), base.clone());
        blocking(move || {
            let now = shared.ports.vcs.snapshot(&source, &base).map_err(|error| vcs_failure(&error))?;
            let newest = session.versions.last().filter(|version| version.engine == EngineKind::Adopt);
            let taken = newest.and_then(|version| session.base_of(LaneId(0), version.number));
            Ok(taken.is_some_and(|taken| (&taken.commit, &taken.adopted) == (&now.commit, &now.adopted)))
        })
        .await
    }

    /// The goal of adopted work: the subject of its newest commit, else its name. Early, so that work that cannot be
    /// adopted, or is none, is refused before a session starts.
    async fn look_at(&self, source: &Source, base: &Base, work: &WorkSpec) -> Result<String, Failure> {
        let (shared, source, base, work) = (self.shared.clone(), source.clone(), base.clone(), work.clone());
        blocking(move || {
            let snapshot = shared.ports.vcs.snapshot(&source, &base).map_err(|error| vcs_failure(&error))?;
            let read = |commit| shared.ports.vcs.commit_facts(&snapshot.key, commit).ok();
            let adopted = snapshot.adopted.as_ref().and_then(read);
            if adopted.as_ref().is_some_and(|(tree, _)| *tree == snapshot.tree) {
                return Err(no_work(&work, &snapshot));
            }
            let message = adopted
                .filter(|_| !matches!(work, WorkSpec::Dirty))
                .and_then(|(_, message)| message.lines().next().map(str::to_owned))
                .filter(|subject| !subject.trim().is_empty() && subject != UNCOMMITTED);
            Ok(message.unwrap_or_else(|| format!("review {}", views::name_of(&work))))
        })
        .await
    }

    /// The newest open session that reviews this work from one of `sources`, if there is one.
    async fn open_adoption(&self, work: &WorkSpec, sources: Vec<Source>) -> Result<Option<SessionId>, Failure> {
        let shorts: Vec<u64> = sources.iter().map(|source| short_of_work(work, source)).collect();
        let wanted = work.clone();
        let same = move |session: &Session| {
            session.asked.adopted.as_ref() == Some(&wanted)
                && session.lanes.first().is_some_and(|lane| sources.contains(&lane.source))
                && !session.state().is_over()
        };
        let same = Arc::new(same);
        let meant = same.clone();
        let live = self
            .look(move |core| {
                let live = core.live_sessions();
                live.iter().filter(|session| meant(session)).map(|session| session.asked.id).max()
            })
            .await?;
        let shared = self.shared.clone();
        let candidates = blocking(move || {
            let found = shared.tables.open_where(|row| shorts.contains(&row.adopted));
            found.map_err(|error| Failure::from_error(FailureKind::Failed, &error).hint(error.hint()))
        });
        for id in candidates.await?.into_iter().filter(|id| live.is_none_or(|live| *id > live)) {
            if same(&*self.session(id).await?) {
                return Ok(Some(id));
            }
        }
        Ok(live)
    }
}

/// Where a range ends that begins at a distance from something.
fn end_of_relative(range: &str) -> Option<&str> {
    let (from, to) = range.split_once("..").filter(|(_, to)| !to.starts_with('.'))?;
    (from.is_empty() || from == "HEAD" || from.contains(['~', '^', '@'])).then_some(to)
}

/// Refuses a program for an engine that runs none, an engine without its program, and hosts that are none.
pub(super) fn program_fits(engine: EngineKind, program: Option<&ProgramChoice>, needed: bool) -> Result<(), Failure> {
    let Some(program) = program else {
        if needed && engine.runs_a_program() {
            let flag = if engine == EngineKind::Agent { "--agent NAME" } else { "--command NAME" };
            let message = format!("engine {} needs to know which program", engine.name());
            return Err(usage(message, format!("paraph run GOAL {flag} (paraph help agents lists them)")));
        }
        return Ok(());
    };
    if !engine.runs_a_program() {
        let message = format!("engine {} runs no program", engine.name());
        return Err(usage(message, "--command NAME with --engine command, --agent NAME with --engine agent"));
    }
    if program.name.trim().is_empty() {
        return Err(usage("the program has no name", "paraph help agents"));
    }
    if engine == EngineKind::Command && !program.hosts.is_empty() {
        return Err(usage("a command has no network, so it can reach no host", "leave --allow-host away"));
    }
    match program.hosts.iter().find(|host| AllowedHosts::new([host.as_str()]).is_err()) {
        Some(host) => {
            Err(usage(format!("`{host}` is no host"), "--allow-host api.example.org, or api.example.org:8443"))
        }
        None => Ok(()),
    }
}

/// The work is the same as what it would be compared with.
fn no_work(work: &WorkSpec, snapshot: &Snapshot) -> Failure {
    let base =
        snapshot.branch.as_ref().map_or_else(|| snapshot.commit.short().to_owned(), |branch| format!("`{branch}`"));
    let failure = Failure::new(
        FailureKind::Refused,
        format!("there is nothing to adopt: {} is the same as its base, {base}", views::name_of(work)),
    );
    let failure = failure.hint(format!("commit or edit something, then paraph adopt {}", work.argument()));
    match work {
        WorkSpec::Branch(name) => failure.hint(format!("paraph adopt OTHER..{name}, to compare it with another")),
        _ => failure,
    }
}

pub(super) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Usage, message).hint(hint)
}

/// The goal's words, and before them the labels of its issue: whoever set those looked at it.
pub(super) fn with_labels(run: &RunRequest) -> String {
    let labels = run.issue.iter().flat_map(|issue| issue.labels.iter().map(Untrusted::raw));
    labels.chain([run.goal.as_str()]).collect::<Vec<_>>().join(" ")
}

/// The kind that a goal's words suggest.
pub(super) fn guess_kind(goal: &str) -> Kind {
    let words: Vec<String> = goal.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase).collect();
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    if has(&["fix", "fixes", "bug", "bugs", "crash", "broken", "wrong", "error"]) {
        Kind::Bugfix
    } else if has(&["doc", "docs", "documentation", "readme", "typo", "typos"]) {
        Kind::Docs
    } else if has(&["bump", "upgrade", "dependency", "dependencies", "deps"]) {
        Kind::Deps
    } else if has(&["add", "implement", "support", "feature", "enhancement", "new"]) {
        Kind::Feature
    } else {
        Kind::Refactor
    }
}

/// A version control error as clients see it.
pub(crate) fn vcs_failure(error: &VcsError) -> Failure {
    let (kind, fallback) = match error {
        VcsError::NotARepository(_) => (FailureKind::NotFound, "git init, or --repo PATH"),
        VcsError::NotAWorktree { .. } => (FailureKind::NotFound, "git worktree list"),
        VcsError::OtherOwner(_) => (FailureKind::Refused, "paraph doctor"),
        VcsError::NoSuchRevision { .. } => (FailureKind::NotFound, "git branch --all"),
        VcsError::BaseGone { .. } => (FailureKind::NeedsHuman, "paraph run again from a commit that is there"),
        VcsError::Cancelled => (FailureKind::Interrupted, ""),
        VcsError::Unsupported { .. } => (FailureKind::Failed, "use a SHA-1 repository with loose or packed refs"),
        _ => (FailureKind::Failed, "paraph doctor"),
    };
    let hint = error.hint().unwrap_or_else(|| fallback.to_owned());
    let failure = Failure::from_error(kind, error);
    if hint.is_empty() { failure } else { failure.hint(hint) }
}
