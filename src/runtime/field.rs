//! Several candidates as the core has them: started together, and each told of the others when one is picked.

use crate::api::{Failure, SessionRow};
use crate::id::SessionId;
use crate::session::{Candidacy, Command, NewSession, RivalSeen};

use super::core::Core;
use super::order::Asked;
use super::stage::Staged;

impl Core {
    /// Starts the first of several candidates and all the others, in one batch and under numbers that follow each other.
    /// The request is answered with the first.
    pub(super) fn start_field(
        &self,
        staged: &mut Staged,
        mut first: NewSession,
        asked: &Asked,
    ) -> Result<SessionId, Failure> {
        let number = self.next_session(staged);
        first.candidate.iter_mut().for_each(|candidacy| candidacy.first = number);
        let rest: Vec<NewSession> = (1..).map_while(|place| first.contending(place)).collect();
        let id = self.start(staged, first, Some(asked))?;
        for other in rest {
            self.start_contender(staged, other)?;
        }
        Ok(id)
    }

    /// Whether its row says so: nobody folds a session at every start to learn that it stands for itself.
    fn may_be_candidate(&self, id: SessionId) -> bool {
        let row = self.tables().sessions.get(&id).ok().flatten();
        let row = row.and_then(|row| serde_json::from_str::<SessionRow>(&row.json).ok());
        row.is_some_and(|row| row.candidate_of.is_some())
    }

    /// What a crash cut off where several candidates were being recorded: the journal ends in some of them then, so the
    /// rest still has its numbers.
    pub(super) fn missing_candidates(&self) -> Result<Staged, Failure> {
        let mut staged = Staged::default();
        let last = SessionId(self.last_session());
        if !self.may_be_candidate(last) {
            return Ok(staged);
        }
        let last = self.session(last)?;
        let next = last.asked.candidate.as_ref().map_or(1, |candidacy| candidacy.place + 1);
        for other in (next..).map_while(|place| last.asked.contending(place)) {
            tracing::warn!(session = %other.id, "a candidate that a crash cut off is started");
            self.start_contender(&mut staged, other)?;
        }
        Ok(staged)
    }

    fn start_contender(&self, staged: &mut Staged, new: NewSession) -> Result<SessionId, Failure> {
        let uuid = crate::id::SessionUuid(self.ports.ids.uuid());
        self.start(staged, NewSession { uuid, ..new }, None)
    }

    /// Fills in what a pick has to know of the other candidates, as they are while it is decided.
    pub(super) fn tell_of_rivals(&self, staged: &Staged, id: SessionId, command: &mut Command) -> Result<(), Failure> {
        let Command::Pick(pick) = command else { return Ok(()) };
        let session = self.as_staged(staged, id)?;
        let Some(candidacy) = &session.asked.candidate else { return Ok(()) };
        pick.rivals.clear();
        let end = self.next_session(staged);
        for other in candidacy.sessions().filter(|other| *other != id && *other < end) {
            let rival = self.as_staged(staged, other)?;
            // where a crash cut the field and the rest could not be recorded, the number is another goal's
            if is_rival(candidacy, rival.asked.candidate.as_deref()) {
                pick.rivals.push(RivalSeen::of(&rival));
            }
        }
        Ok(())
    }
}

fn is_rival(one: &Candidacy, other: Option<&Candidacy>) -> bool {
    other.is_some_and(|other| other.first == one.first)
}
