//! Candidates: started side by side, compared, and one of them picked.

use crate::api::{
    Call, CandidateRequest, CompareRequest, ComparisonView, Failure, FailureKind, PickRequest, RunRequest, SessionView,
};
use crate::id::SessionId;
use crate::infrastructure::llm::ModelName;
use crate::proposal::EngineKind;
use crate::repository::Source;
use crate::session::{Candidacy, Command, Contender, LaneRequest, NewSession, PickCommand};

use super::begin::{guess_kind, usage, vcs_failure, with_labels};
use super::review::names_digest;
use super::{Runtime, Want, blocking, limits};
use crate::runtime::comparison;

/// The most candidates of a goal: as many as a person compares, and a screen shows.
const MOST: usize = 8;

impl Runtime {
    /// Starts several candidates: one snapshot, one playbook, one policy, each with its own engine and budget.
    pub(super) async fn run_field(&self, call: &Call, run: RunRequest) -> Result<SessionView, Failure> {
        let (field, playbook) = self.field(&run)?;
        // an address is cloned as a session's first work, which can be cancelled; here it would be within the request
        if let Some(url) = run.repositories.iter().find(|asked| matches!(asked.source, Source::Url(_))) {
            let message = format!("candidates start from a repository on this machine, not from {}", url.source);
            return Err(usage(message, "git clone URL, then paraph run GOAL --candidate … --repo PATH"));
        }
        self.begin_field(call, run, field, playbook).await
    }

    /// Those that would draft, each with its budget, and the playbook of all of them.
    pub(super) fn field(&self, run: &RunRequest) -> Result<(Vec<Contender>, crate::planning::Playbook), Failure> {
        let again = "paraph run GOAL --candidate rules --candidate llm:openai/gpt-4.1";
        if run.engine.is_some() || run.patch.is_some() || run.program.is_some() || !run.rules.is_empty() {
            return Err(usage("candidates name their own engines, rules, diffs and programs", again));
        }
        if !(2..=MOST).contains(&run.candidates.len()) {
            let message = format!("{} of 2 to {MOST} candidates", run.candidates.len());
            return Err(usage(message, again));
        }
        let mut field = Vec::new();
        let mut shape = None;
        for candidate in &run.candidates {
            let (contender, playbook) = self.contender(run, candidate)?;
            // a model is shown what the index ranks first; what one candidate needs all of them have
            if shape.is_none() || contender.engine == EngineKind::Llm {
                shape = Some(playbook);
            }
            field.push(contender);
        }
        let playbook = shape.expect("there are two at least");
        for contender in &mut field {
            (contender.repairs, contender.budget) = self.lead_of(contender.engine, &playbook);
        }
        Ok((field, playbook))
    }

    async fn begin_field(
        &self,
        call: &Call,
        run: RunRequest,
        field: Vec<Contender>,
        playbook: crate::planning::Playbook,
    ) -> Result<SessionView, Failure> {
        let lanes = self.with_snapshots(self.lanes(&run).await?).await?;
        for contender in &field {
            self.try_out(&lanes, contender.engine, &contender.rules, &run.paths).await?;
            self.try_patch(contender.patch).await?;
        }
        self.try_issue(run.issue.as_deref()).await?;
        let first = field[0].clone();
        let roles = self.roles(&playbook);
        let asked = NewSession {
            id: SessionId(0),
            uuid: crate::id::SessionUuid(self.shared.ports.ids.uuid()),
            kind: run.kind.unwrap_or_else(|| guess_kind(&with_labels(&run))),
            goal: run.goal.into(),
            adopted: None,
            issue: run.issue.map(|issue| *issue),
            // each is another one's: what all of them may take is held by the day's cap
            estimate: None,
            engine: first.engine,
            program: first.program,
            model: first.model,
            rules: first.rules,
            paths: run.paths,
            playbook,
            patch: first.patch,
            repairs: first.repairs,
            budget: first.budget,
            roles,
            lanes,
            environment: limits::environment(&call.client.environment),
            by: self.person(&call.client),
            // the core says which number it is
            candidate: Some(Box::new(Candidacy { first: SessionId(0), place: 0, field })),
        };
        let done = self.order(call, Want::StartField(Box::new(asked))).await?;
        self.view(done.session, None).await
    }

    /// What drafts, tried as a session of its own would be.
    fn contender(
        &self,
        run: &RunRequest,
        candidate: &CandidateRequest,
    ) -> Result<(Contender, crate::planning::Playbook), Failure> {
        let CandidateRequest { engine, model, rules, patch, program } = candidate.clone();
        let model = model.map(|name| model_of(engine, &name)).transpose()?;
        let mut alone =
            RunRequest { engine: Some(engine), rules, patch, program, candidates: Vec::new(), ..run.clone() };
        let (engine, playbook) = self.shape(&mut alone, model.as_ref())?;
        let RunRequest { rules, patch, program, .. } = alone;
        let model = model.map(|model| model.to_string());
        let (repairs, budget) = (0, crate::session::Budget::default());
        Ok((Contender { engine, program, model, rules, patch, repairs, budget }, playbook))
    }

    /// The lanes with the snapshots that all candidates start from: a branch that moves on between two of them must not
    /// make two goals of one.
    async fn with_snapshots(&self, lanes: Vec<LaneRequest>) -> Result<Vec<LaneRequest>, Failure> {
        let shared = self.shared.clone();
        blocking(move || {
            let taken = |lane: LaneRequest| {
                let snapshot = shared.ports.vcs.snapshot(&lane.source, &lane.base);
                let snapshot = snapshot.map_err(|error| vcs_failure(&error))?;
                Ok(LaneRequest { snapshot: Some(snapshot), ..lane })
            };
            lanes.into_iter().map(taken).collect()
        })
        .await
    }

    pub(super) async fn compare(&self, asked: CompareRequest) -> Result<ComparisonView, Failure> {
        let ids = match asked.sessions.as_slice() {
            [] => return Err(usage("no session was named", "paraph compare ID")),
            [one] => {
                let session = self.session(*one).await?;
                let Some(candidacy) = &session.asked.candidate else {
                    let message = format!("session {one} is no candidate: there is nothing to compare it with");
                    return Err(Failure::new(FailureKind::Refused, message)
                        .hint(format!("paraph compare {one} OTHER"))
                        .hint("paraph run GOAL --candidate ENGINE --candidate ENGINE"));
                };
                self.field_of(candidacy).await?
            }
            several => several.to_vec(),
        };
        let mut sessions: Vec<std::sync::Arc<crate::session::Session>> = Vec::new();
        for id in ids {
            if sessions.iter().all(|known| known.asked.id != id) {
                sessions.push(self.session(id).await?);
            }
        }
        Ok(comparison::of(&sessions))
    }

    /// The candidates that there are. Where a crash cut the field and the rest could not be recorded, a number is another
    /// goal's, or nobody's.
    async fn field_of(&self, candidacy: &Candidacy) -> Result<Vec<SessionId>, Failure> {
        let mut there = Vec::new();
        for id in candidacy.sessions() {
            match self.session(id).await {
                Ok(session) => {
                    let first = session.asked.candidate.as_ref().map(|other| other.first);
                    there.extend((first == Some(candidacy.first)).then_some(id));
                }
                Err(failure) if failure.kind == FailureKind::NotFound => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(there)
    }

    pub(super) async fn pick(&self, call: &Call, asked: PickRequest) -> Result<SessionView, Failure> {
        let id = asked.session.session;
        let Some(version) = asked.session.version else {
            return Err(usage("a pick names the version that was read", format!("paraph pick {id}@vN")));
        };
        names_digest("a pick", &asked.digest, || format!("paraph compare {id} --json"))?;
        let by = self.person(&call.client);
        // the core fills in what it knows of the others
        let command = PickCommand { version, digest: asked.digest, by, rivals: Vec::new() };
        self.command(call, id, Command::Pick(Box::new(command))).await
    }
}

fn model_of(engine: EngineKind, name: &str) -> Result<ModelName, Failure> {
    if engine != EngineKind::Llm {
        let message = format!("engine {} asks no model by name", engine.name());
        return Err(usage(message, "--candidate llm:PROVIDER/MODEL"));
    }
    ModelName::said(name).map_err(|_| {
        usage(format!("`{name}` is no model"), "--candidate llm:PROVIDER/MODEL, such as llm:openai/gpt-4.1")
    })
}
