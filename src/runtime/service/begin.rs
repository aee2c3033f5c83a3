//! Starting sessions from a goal.

use crate::api::{Call, Failure, FailureKind, RunRequest, SessionView};
use crate::id::{SessionId, SessionUuid};
use crate::infrastructure::hosts::AllowedHosts;
use crate::infrastructure::llm::{ModelName, NoRoute};
use crate::planning::{Kind, Playbook, Role, Stage};
use crate::proposal::{EngineKind, ProgramChoice};
use crate::repository::{Base, RepositoryFacts, Source, VcsError};
use crate::session::{Budget, LaneRequest, NewSession};
use crate::text::Untrusted;

use super::{Runtime, Want, blocking, limits};

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
            let names = Playbook::names().join(", ");
            usage(format!("there is no playbook `{name}`"), format!("--playbook with one of {names}"))
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
        // an agent asks models of its own
        let asks_models = matches!(engine, EngineKind::Llm | EngineKind::Agent)
            || Stage::ASKING.iter().any(|stage| playbook.has(*stage));
        let repairs = if engine.mends() { settings.repairs } else { 0 };
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
        VcsError::Unrelated { .. } | VcsError::CheckedOutElse { .. } => (FailureKind::Refused, "git branch --all"),
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
