//! Reviewing: threads, marks, decisions, and asking for the next version.

use std::sync::Arc;

use crate::api::{
    AgainstRequest, Call, CheckRequest, CommentRequest, DecideRequest, DropRequest, Failure, FailureKind, MarkRequest,
    OverrideRequest, RegenerateRequest, ResolveRequest, SessionView, Side, ThreadKind, ThreadView, TickRequest,
    TriageRequest, TriageWord, Verdict,
};
use crate::id::{LaneId, SessionId, SessionRef, ThreadId, Version};
use crate::proposal::EngineKind;
use crate::session::{CheckAgainCommand, Command, DecideCommand, DriftSeen, EffectKind, Limits, Session, ThreadPlace};
use crate::text::Untrusted;
use crate::validation::Sides;

use super::{Runtime, Want, answer, begin, blocking, limits, place, views};

impl Runtime {
    pub(super) async fn comment(&self, call: &Call, asked: CommentRequest) -> Result<ThreadView, Failure> {
        if asked.text.trim().is_empty() {
            return Err(Failure::new(FailureKind::Usage, "the comment is empty").hint("-m TEXT"));
        }
        let by = self.person(&call.client);
        let id = asked.session.session;
        let text = Untrusted::new(asked.text.clone());
        let command = match asked.thread {
            Some(thread) => Command::Answer { thread, by, text },
            None => {
                let session = self.session(id).await?;
                let place = place_in(&session, &asked)?;
                let place = self.place_meant(session.clone(), place, asked.against, &by.login).await?;
                Command::OpenThread { place, by, text }
            }
        };
        let done = self.order(call, Want::Command(id, Box::new(command))).await?;
        thread_of(&done.session, done.thread)
    }

    /// The place that is meant; refused where it is not there.
    pub(super) async fn place_meant(
        &self,
        session: Arc<Session>,
        place: ThreadPlace,
        against: AgainstRequest,
        login: &str,
    ) -> Result<ThreadPlace, Failure> {
        let (shared, login) = (self.shared.clone(), login.to_owned());
        blocking(move || place::settle(&shared.ports, &session, place, against, &login)).await
    }

    pub(super) async fn resolve(&self, call: &Call, asked: ResolveRequest) -> Result<ThreadView, Failure> {
        let by = self.person(&call.client);
        let command = Command::Resolve { thread: asked.thread, resolved: asked.resolved, by };
        let done = self.order(call, Want::Command(asked.session, Box::new(command))).await?;
        thread_of(&done.session, Some(asked.thread))
    }

    pub(super) async fn drop_lane(&self, call: &Call, asked: DropRequest) -> Result<SessionView, Failure> {
        let session = self.session(asked.session).await?;
        let lane = named(&session, &asked.repo)?;
        let command = Command::Drop { lane, by: self.person(&call.client) };
        self.command(call, asked.session, command).await
    }

    /// The newest version that changes the repository of that name: a later one may leave it alone.
    async fn newest_of(&self, id: SessionId, repo: &str) -> Result<(Version, LaneId), Failure> {
        let session = self.session(id).await?;
        let lane = named(&session, repo)?;
        match session.current(lane) {
            Some((version, _)) => Ok((version, lane)),
            None => Err(Failure::new(FailureKind::NotFound, format!("no version of session {id} changes {repo} yet"))
                .hint(super::super::order::next_step(&session))),
        }
    }

    pub(super) async fn check_version(&self, call: &Call, asked: CheckRequest) -> Result<SessionView, Failure> {
        let (version, lane) = match (asked.session.version, asked.repo.as_deref()) {
            (None, Some(repo)) => self.newest_of(asked.session.session, repo).await?,
            (_, repo) => self.place(asked.session, repo).await?,
        };
        let sides = if asked.base_too { Sides::Both } else { Sides::Proposal };
        let (environment, by) = (limits::environment(&call.client.environment), self.person(&call.client));
        let command = CheckAgainCommand { lane, version, sides, environment, by };
        self.command(call, asked.session.session, Command::CheckAgain(Box::new(command))).await
    }

    pub(super) async fn mark(&self, call: &Call, asked: MarkRequest) -> Result<SessionView, Failure> {
        let id = asked.session.session;
        let (version, lane) = self.place(asked.session, asked.repo.as_deref()).await?;
        let by = self.person(&call.client);
        let command = Command::Mark { lane, version, hunks: asked.hunks, reviewed: asked.reviewed, by };
        self.command(call, id, command).await
    }

    pub(super) async fn place(&self, of: SessionRef, repo: Option<&str>) -> Result<(Version, LaneId), Failure> {
        let session = self.session(of.session).await?;
        let version = answer::version_of(&session, of)?;
        Ok((version, answer::lane_of(&session, version, repo)?))
    }

    pub(super) async fn decide(&self, call: &Call, asked: DecideRequest) -> Result<SessionView, Failure> {
        let id = asked.session.session;
        if asked.session.version.is_none() {
            return Err(Failure::new(FailureKind::Usage, "a decision names the version that was read")
                .hint(format!("paraph {} {id}@vN", asked.verdict.name())));
        }
        names_digest("a decision", &asked.digest, || format!("paraph show {} --json", asked.session))?;
        let announced = self.announce();
        let session = self.session(id).await?;
        let version = answer::version_of(&session, asked.session)?;
        let lane = answer::lane_of(&session, version, asked.repo.as_deref())?;
        let shared = self.shared.clone();
        // a thread of its own takes longer than the look that the panel before it left at hand
        let settled = asked.verdict != Verdict::Approve
            || answer::stands_still(shared.ports.vcs.as_ref(), &session, lane, version);
        let drift = match settled {
            true => DriftSeen::NONE,
            false => blocking(move || Ok(answer::drift(shared.ports.vcs.as_ref(), &session, lane, version))).await?,
        };
        let (by, message, verdict) = (self.person(&call.client), asked.message.into(), asked.verdict);
        let command = DecideCommand { lane, version, digest: asked.digest, verdict, by, message, drift };
        self.shown(call, id, Command::Decide(command), announced).await
    }

    pub(super) async fn triage(&self, call: &Call, asked: TriageRequest) -> Result<SessionView, Failure> {
        let (by, message) = (self.person(&call.client), asked.message.into());
        let command = match asked.word {
            TriageWord::Go => Command::Triage { by, message },
            TriageWord::Defer => Command::Defer { by, message },
            TriageWord::Decline => Command::Decline { by, message },
        };
        self.command(call, asked.session, command).await
    }

    pub(super) async fn tick(&self, call: &Call, asked: TickRequest) -> Result<SessionView, Failure> {
        let session = self.session(asked.session.session).await?;
        let version = answer::version_of(&session, asked.session)?;
        let (by, message, ticked) = (self.person(&call.client), asked.message.into(), asked.ticked);
        let command = Command::Tick { criterion: asked.criterion, version, ticked, by, message };
        self.command(call, asked.session.session, command).await
    }

    pub(super) async fn override_warning(&self, call: &Call, asked: OverrideRequest) -> Result<SessionView, Failure> {
        let (version, lane) = self.place(asked.session, asked.repo.as_deref()).await?;
        let by = self.person(&call.client);
        let (rule, path, message) = (asked.rule, asked.path, asked.message.into());
        let command = Command::Override { lane, version, rule, path, by, message };
        self.command(call, asked.session.session, command).await
    }

    pub(super) async fn regenerate(
        &self,
        call: &Call,
        asked: RegenerateRequest,
        why: &str,
    ) -> Result<SessionView, Failure> {
        let by = self.person(&call.client);
        let message = Untrusted::new(asked.message);
        let session = self.session(asked.session).await?;
        // a ready diff is for the engine that takes one
        let chosen = asked.engine.or(asked.patch.is_some().then_some(EngineKind::Patch));
        let engine = chosen.unwrap_or(session.asked.engine);
        if engine == EngineKind::Rules {
            self.try_rules(&session, &asked.rules).await?;
        }
        self.try_patch(asked.patch).await?;
        let has_one = session.asked.program.is_some() && engine == session.asked.engine;
        begin::program_fits(engine, asked.program.as_ref(), !has_one)?;
        let (repairs, budget) = self.lead_of(engine, &session.asked.playbook);
        let limits = Limits { repairs, budget };
        // asking triage again is no word to it, and where it recommends something the word is said as such
        let stuck = session.stop.as_ref().and_then(|stop| stop.key).map(|key| key.kind);
        let has_triage = session.asked.playbook.has(crate::planning::Stage::Triage);
        let was_asked = stuck == Some(EffectKind::Triage) || session.triage.is_some();
        let waits_for_go = has_triage && !session.triaged && !was_asked;
        let only_go = chosen.is_none() && asked.rules.is_empty() && asked.program.is_none();
        let command = if waits_for_go && only_go {
            Command::Triage { by, message }
        } else {
            let (engine, rules, patch, made_for) = (chosen, asked.rules, asked.patch, why.to_owned());
            Command::Regenerate { by, engine, rules, patch, message, made_for, program: asked.program, limits }
        };
        self.command(call, asked.session, command).await
    }
}

/// Refuses fewer digits of a digest than tell two changes apart.
pub(super) fn names_digest(what: &str, digits: &str, hint: impl Fn() -> String) -> Result<(), Failure> {
    if digits.len() >= 12 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(());
    }
    let message = format!("{what} names 12 or more hex digits of the digest");
    Err(Failure::new(FailureKind::Usage, message).hint(hint()))
}

/// The lane of that name.
fn named(session: &Session, repo: &str) -> Result<LaneId, Failure> {
    let lane = session.lanes.iter().find(|lane| lane.name() == repo).map(|lane| lane.id);
    lane.ok_or_else(|| {
        let message = format!("session {} has no repository `{repo}`", session.asked.id);
        Failure::new(FailureKind::NotFound, message).hint(format!("paraph show {}", session.asked.id))
    })
}

/// A thread as clients see it.
pub(super) fn thread_of(session: &Session, thread: Option<ThreadId>) -> Result<ThreadView, Failure> {
    let found = thread.and_then(|thread| session.thread(thread));
    found.map(|thread| views::thread_view(session, thread)).ok_or_else(|| {
        Failure::new(FailureKind::NotFound, format!("there is no thread {}", thread.map_or(0, |thread| thread.0)))
            .hint(format!("paraph comments {}", session.asked.id))
    })
}

/// Where a comment hangs. A document is about the whole session, and is there before any version.
pub(super) fn place_in(session: &Session, asked: &CommentRequest) -> Result<ThreadPlace, Failure> {
    let (version, lane) = match &asked.artifact {
        Some(_) => (session.versions.last().map_or(Version::FIRST, |newest| newest.number), LaneId(0)),
        None => {
            let version = answer::version_of(session, asked.session)?;
            (version, answer::lane_of(session, version, asked.repo.as_deref())?)
        }
    };
    Ok(place_of(asked, version, lane))
}

fn place_of(asked: &CommentRequest, version: Version, lane: LaneId) -> ThreadPlace {
    ThreadPlace {
        version,
        lane,
        path: asked.path.clone(),
        line: asked.line.unwrap_or(0),
        from_line: asked.from_line.unwrap_or(0),
        side: if asked.side == Side::Old { "old" } else { "new" }.to_owned(),
        kind: thread_kind(asked.kind).to_owned(),
        artifact: asked.artifact.clone(),
    }
}

fn thread_kind(kind: ThreadKind) -> &'static str {
    match kind {
        ThreadKind::Issue => "issue",
        ThreadKind::Question => "question",
        ThreadKind::Nit => "nit",
        ThreadKind::Must => "must",
    }
}
