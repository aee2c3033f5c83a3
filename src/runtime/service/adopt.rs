//! Starting sessions from work already done, and going on with them.

use crate::api::{AdoptRequest, AdoptedAgain, Call, Failure, FailureKind, RegenerateRequest, SessionView};
use crate::id::{LaneId, SessionId, SessionUuid, Version};
use crate::planning::Playbook;
use crate::proposal::EngineKind;
use crate::repository::{Base, Snapshot, Source, UNCOMMITTED, VcsError, WorkSpec};
use crate::session::{Budget, LaneRequest, NewSession, Session};

use super::begin::{guess_kind, vcs_failure};
use super::{Runtime, Want, blocking, limits, views};
use crate::runtime::adoption::next_snapshot;
use crate::runtime::tables::short_of_work;

/// How notices begin of files that were not taken from the working copy.
const NOT_TAKEN: &str = "taken as in HEAD";

impl Runtime {
    pub(super) async fn adopt(&self, call: &Call, adopt: AdoptRequest) -> Result<SessionView, Failure> {
        let mut also = Vec::new();
        let typed = match adopt.work {
            // one worktree has one name, however it was spelled, and is met from every worktree of its repository
            WorkSpec::Worktree(path) => {
                let facts = self.facts(&Source::Path(path)).await?;
                also.extend([Source::Path(facts.main), Source::Path(facts.root.clone())]);
                WorkSpec::Worktree(facts.root)
            }
            work => work,
        };
        let source = self.settle(&adopt.source, &Base::Of(typed.clone())).await?;
        let (work, words) = self.words(typed, &source).await?;
        also.retain(|other| *other != source);
        also.push(source.clone());
        if let Some((session, now)) = self.open_adoption(words, also).await? {
            return self.adopt_again(call, session, &work, &now, adopt.goal).await;
        }
        let base = Base::Of(work.clone());
        let (subject, snapshot) = self.look_at(&source, &base, &work).await?;
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
            lanes: vec![LaneRequest { source, base, snapshot: Some(snapshot) }],
            environment: limits::environment(&call.client.environment),
            by: self.person(&call.client),
        };
        let done = self.order(call, Want::Start(Box::new(asked))).await?;
        self.view(done.session, None).await
    }

    /// The next version of an open session, where `now` is something else than its newest took.
    async fn adopt_again(
        &self,
        call: &Call,
        session: SessionId,
        work: &WorkSpec,
        now: &Snapshot,
        goal: Option<String>,
    ) -> Result<SessionView, Failure> {
        self.holds_work(work, now).await?;
        let known = self.session(session).await?;
        if goal.is_none()
            && let Some(since) = same_as(&known, now)
        {
            let view = self.view(known, None).await?;
            return Ok(SessionView { adopted_again: Some(AdoptedAgain::NothingNewSince(since)), ..view });
        }
        let next = known.versions.last().map_or(Version::FIRST, |newest| newest.number.next());
        let again = RegenerateRequest {
            session,
            engine: None,
            rules: Vec::new(),
            patch: None,
            program: None,
            message: goal.unwrap_or_default(),
        };
        let view = self.regenerate(call, again, "adopted again").await?;
        Ok(SessionView { adopted_again: Some(AdoptedAgain::Becomes(next)), ..view })
    }

    /// The work in words that mean the same later, and all the words under which a session of it may be kept: before
    /// branches were named, HEAD was kept as it was typed, and a beginning that is told from it as its commit.
    async fn words(&self, typed: WorkSpec, source: &Source) -> Result<(WorkSpec, Vec<WorkSpec>), Failure> {
        let (shared, source) = (self.shared.clone(), source.clone());
        blocking(move || {
            let vcs = &shared.ports.vcs;
            let failed = |error: VcsError| vcs_failure(&error);
            let named = vcs.named(&source, &typed).map_err(failed)?;
            let mut words = vec![named.clone(), typed.clone()];
            if let WorkSpec::Range(range) = &typed
                && let Some((from, to)) = relative(range)
            {
                let or_head = |rev: &str| if rev.is_empty() { "HEAD".to_owned() } else { rev.to_owned() };
                let began = vcs.snapshot(&source, &Base::Rev(or_head(from))).map_err(failed)?.commit;
                words.push(WorkSpec::Range(format!("{began}..{}", or_head(to))));
            }
            words.dedup();
            Ok((named, words))
        })
        .await
    }

    /// The goal of adopted work (the subject of its newest commit, else its name) and its snapshot. Early, so that work
    /// that cannot be adopted, or is none, is refused before a session starts.
    async fn look_at(&self, source: &Source, base: &Base, work: &WorkSpec) -> Result<(String, Snapshot), Failure> {
        let (shared, wanted, base) = (self.shared.clone(), source.clone(), base.clone());
        let look = move || shared.ports.vcs.snapshot(&wanted, &base).map_err(|error| vcs_failure(&error));
        let snapshot = blocking(look).await?;
        let message = self.holds_work(work, &snapshot).await?;
        let subject = message
            .filter(|_| !matches!(work, WorkSpec::Dirty))
            .and_then(|message| message.lines().next().map(str::to_owned))
            .filter(|subject| !subject.trim().is_empty() && subject != UNCOMMITTED);
        Ok((subject.unwrap_or_else(|| format!("review {}", views::name_of(work))), snapshot))
    }

    /// The message of the work's newest commit; refuses work that is the same as its base.
    async fn holds_work(&self, work: &WorkSpec, snapshot: &Snapshot) -> Result<Option<String>, Failure> {
        let (shared, work, snapshot) = (self.shared.clone(), work.clone(), snapshot.clone());
        blocking(move || {
            let read = |commit| shared.ports.vcs.commit_facts(&snapshot.key, commit).ok();
            match snapshot.adopted.as_ref().and_then(read) {
                Some((tree, _)) if tree == snapshot.tree => Err(no_work(&work, &snapshot)),
                found => Ok(found.map(|(_, message)| message)),
            }
        })
        .await
    }

    /// The newest open session that reviews work of these words from one of `sources`, and what its work is now. One
    /// whose work is that of another branch is another's.
    async fn open_adoption(
        &self,
        words: Vec<WorkSpec>,
        sources: Vec<Source>,
    ) -> Result<Option<(SessionId, Snapshot)>, Failure> {
        let pairs = words.iter().flat_map(|work| sources.iter().map(move |source| short_of_work(work, source)));
        let shorts: Vec<u64> = pairs.collect();
        let same = move |session: &Session| {
            session.asked.adopted.as_ref().is_some_and(|work| words.contains(work))
                && session.lanes.first().is_some_and(|lane| sources.contains(&lane.source))
                && !session.state().is_over()
        };
        let same = std::sync::Arc::new(same);
        let meant = same.clone();
        let mut candidates: Vec<SessionId> = self
            .look(move |core| {
                let live = core.live_sessions();
                live.iter().filter(|session| meant(session)).map(|session| session.asked.id).collect()
            })
            .await?;
        let shared = self.shared.clone();
        let stored = blocking(move || {
            let found = shared.tables.open_where(|row| shorts.contains(&row.adopted));
            found.map_err(|error| Failure::from_error(FailureKind::Failed, &error).hint(error.hint()))
        });
        candidates.extend(stored.await?);
        candidates.sort_unstable();
        candidates.dedup();
        for id in candidates.into_iter().rev() {
            let session = self.session(id).await?;
            if !same(&session) {
                continue;
            }
            let shared = self.shared.clone();
            match blocking(move || Ok(next_snapshot(shared.ports.vcs.as_ref(), &session, LaneId(0)))).await? {
                Ok(now) => return Ok(Some((id, now))),
                Err(VcsError::CheckedOutElse { .. }) => {}
                Err(error) => return Err(vcs_failure(&error)),
            }
        }
        Ok(None)
    }
}

/// The newest version, where it was made (or is being made) of what is there now.
fn same_as(session: &Session, now: &Snapshot) -> Option<Version> {
    let (version, taken) = match session.versions.last() {
        Some(newest) if newest.engine == EngineKind::Adopt => {
            (newest.number, session.base_of(LaneId(0), newest.number)?)
        }
        None if session.stop.is_none() => (Version::FIRST, session.asked.lanes.first()?.snapshot.as_ref()?),
        Some(_) | None => return None,
    };
    ((&taken.commit, &taken.adopted) == (&now.commit, &now.adopted)).then_some(version)
}

/// Both ends of a range that begins at a distance from something.
fn relative(range: &str) -> Option<(&str, &str)> {
    let (from, to) = range.split_once("..").filter(|(_, to)| !to.starts_with('.'))?;
    (from.is_empty() || from == "HEAD" || from.contains(['~', '^', '@'])).then_some((from, to))
}

/// The work is the same as what it would be compared with.
fn no_work(work: &WorkSpec, snapshot: &Snapshot) -> Failure {
    let base =
        snapshot.branch.as_ref().map_or_else(|| snapshot.commit.short().to_owned(), |branch| format!("`{branch}`"));
    let not_taken = snapshot.notices.iter().find(|notice| notice.starts_with(NOT_TAKEN));
    let but = not_taken.map_or_else(String::new, |notice| format!(" ({notice})"));
    let failure = Failure::new(
        FailureKind::Refused,
        format!("there is nothing to adopt: {} is the same as its base, {base}{but}", views::name_of(work)),
    );
    let failure = failure.hint(format!("commit or edit something, then paraph adopt {}", work.argument()));
    match work {
        WorkSpec::Branch(name) => failure.hint(format!("paraph adopt OTHER..{name}, to compare it with another")),
        _ => failure,
    }
}
