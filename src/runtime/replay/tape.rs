//! What models said to one attempt, played to the same attempt once more.

use std::sync::{Mutex, PoisonError};

use crate::id::Digest;
use crate::planning::{AskError, Counted, Role};
use crate::session::{CallRecord, EffectKey, PromptCount};

/// What an older Paraph did not record is taken to be more than any prompt needs.
const ROOM: u64 = 1_000_000;

/// How a record says that a prompt was too large for its model.
const TOO_LONG: &str = "the prompt is too large for";

/// One recorded call.
struct Call {
    role: Role,
    prompt: Digest,
    model: String,
    heard: u32,
    reply: Option<Digest>,
    ended: String,
    /// Where it was counted, was too large and was not sent.
    counted: Option<Counted>,
}

/// Whether a recorded prompt is the replayed one, where their digests are not the same.
type IsSame = Box<dyn Fn(Digest, Digest) -> bool + Send + Sync>;

/// The calls of one attempt, in their order. Each is played once, to the role and the prompt that it was recorded for.
pub(in crate::runtime) struct Tape {
    calls: Vec<Call>,
    rooms: Vec<(Role, u64)>,
    is_same: IsSame,
    played: Mutex<Played>,
}

struct Played {
    calls: Vec<bool>,
    miss: Option<Miss>,
    had_keys_hidden: bool,
}

/// The first question that the record does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Miss {
    /// Another prompt was recorded: at the role's `nth` call of the attempt, 1-based.
    Other { role: Role, nth: usize, recorded: Digest, replayed: Digest },
    /// The role was asked less often.
    More { role: Role, replayed: Digest },
    /// Nobody was asked as that role.
    Unasked { role: Role },
    /// It was asked, and nobody answered.
    Unanswered,
}

impl Tape {
    /// What was recorded of that attempt, among all calls of its session.
    pub(super) fn of(calls: &[CallRecord], key: EffectKey, attempt: u32, is_same: IsSame) -> Self {
        let is_mine = |call: &&CallRecord| call.asked.key == key && call.asked.attempt == attempt;
        let (mine, others): (Vec<&CallRecord>, Vec<&CallRecord>) = calls.iter().partition(is_mine);
        // its own first: models may have been configured anew between two attempts
        let rooms = mine.iter().chain(&others).filter(|call| call.asked.room > 0);
        let rooms = rooms.map(|call| (call.asked.role, call.asked.room)).collect();
        let calls: Vec<Call> = mine
            .into_iter()
            .map(|call| Call {
                role: call.asked.role,
                prompt: call.asked.prompt,
                model: call.asked.model.clone(),
                heard: call.asked.heard,
                reply: call.ended.as_ref().and_then(|ended| ended.reply),
                counted: (call.asked.count == PromptCount::Exact && call.asked.output_tokens == 0)
                    .then_some(Counted { tokens: call.asked.input_tokens, room: call.asked.fits }),
                ended: call.ended.as_ref().map_or("it was cut off", |ended| ended.ended.raw()).to_owned(),
            })
            .collect();
        let played = Mutex::new(Played { calls: vec![false; calls.len()], miss: None, had_keys_hidden: false });
        Self { calls, rooms, is_same, played }
    }

    /// How many tokens of prompt the role's models took.
    pub(in crate::runtime) fn room(&self, role: Role) -> u64 {
        self.rooms.iter().find(|(of, _)| *of == role).map_or(ROOM, |(_, room)| *room)
    }

    /// Whether that prompt was recorded for the role, sent or counted, and was not played yet.
    pub(in crate::runtime) fn holds(&self, role: Role, prompt: Digest) -> bool {
        let played = self.played.lock().unwrap_or_else(PoisonError::into_inner);
        self.next_to(&played.calls, role, prompt).is_some()
    }

    /// How many words of people the next call held; those of the last one, after it.
    pub(in crate::runtime) fn heard(&self) -> usize {
        let played = self.played.lock().unwrap_or_else(PoisonError::into_inner);
        let next = self.next(&played.calls, |_| true).or(self.calls.len().checked_sub(1));
        next.map_or(0, |at| self.calls[at].heard as usize)
    }

    /// The reply to that prompt: of the first model that answered, as it was.
    pub(in crate::runtime) fn answer(&self, role: Role, prompt: Digest) -> Result<Digest, AskError> {
        let mut played = self.played.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut tries, mut too_long, mut counted) = (Vec::new(), 0, None);
        while let Some(at) = self.next_to(&played.calls, role, prompt) {
            played.calls[at] = true;
            let call = &self.calls[at];
            played.had_keys_hidden |= call.prompt != prompt;
            match call.reply {
                Some(reply) => return Ok(reply),
                None => {
                    counted = Counted::roomier(counted, call.counted);
                    too_long += usize::from(call.ended.starts_with(TOO_LONG));
                    tries.push(format!("{}: {}", call.model, call.ended));
                }
            }
        }
        if !tries.is_empty() && too_long == tries.len() {
            return Err(too_long_again(role, &tries, counted));
        }
        let miss = self.miss(&played.calls, role, prompt, !tries.is_empty());
        played.miss.get_or_insert(miss);
        Err(match miss {
            Miss::Unasked { .. } => {
                let (why, next) = ("the record has no call of this role".to_owned(), "paraph audit show".to_owned());
                AskError::NoModel { role, why, next }
            }
            Miss::Other { .. } | Miss::More { .. } | Miss::Unanswered => {
                tries.push(format!("the record has no reply to this prompt ({})", prompt.short()));
                AskError::Failed { role, tries, next: "paraph audit show".to_owned() }
            }
        })
    }

    fn miss(&self, played: &[bool], role: Role, prompt: Digest, tried: bool) -> Miss {
        let of_role = self.calls.iter().filter(|call| call.role == role).count();
        match self.next(played, |call| call.role == role) {
            _ if tried => Miss::Unanswered,
            _ if of_role == 0 => Miss::Unasked { role },
            None => Miss::More { role, replayed: prompt },
            Some(at) => {
                let before = self.calls[..at].iter().filter(|call| call.role == role).count();
                Miss::Other { role, nth: before + 1, recorded: self.calls[at].prompt, replayed: prompt }
            }
        }
    }

    /// The next call to the role with that prompt; where none has its very bytes, with one that is the same.
    fn next_to(&self, played: &[bool], role: Role, prompt: Digest) -> Option<usize> {
        let exact = self.next(played, |call| call.role == role && call.prompt == prompt);
        exact.or_else(|| self.next(played, |call| call.role == role && (self.is_same)(call.prompt, prompt)))
    }

    fn next(&self, played: &[bool], is: impl Fn(&Call) -> bool) -> Option<usize> {
        self.calls.iter().zip(played).position(|(call, played)| !played && is(call))
    }

    /// The first question that the record did not answer, if there was one.
    pub(super) fn missed(&self) -> Option<Miss> {
        self.played.lock().unwrap_or_else(PoisonError::into_inner).miss
    }

    /// Whether a prompt was answered that is the recorded one but for keys that are hidden in one of them.
    pub(super) fn had_keys_hidden(&self) -> bool {
        self.played.lock().unwrap_or_else(PoisonError::into_inner).had_keys_hidden
    }

    /// How many calls were played, and how many were not.
    pub(super) fn counts(&self) -> (usize, usize) {
        let played = self.played.lock().unwrap_or_else(PoisonError::into_inner);
        let count = played.calls.iter().filter(|played| **played).count();
        (count, self.calls.len() - count)
    }
}

/// A prompt that was too large then is so now.
fn too_long_again(role: Role, tries: &[String], counted: Option<Counted>) -> AskError {
    AskError::TooLong { role, why: tries.join("; "), next: "paraph audit show".to_owned(), counted }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::id::Version;
    use crate::session::{CallAsked, CallEnded, PromptCount, TokensBy};

    const ROLE: Role = Role::Implementer;

    fn digest(name: &str) -> Digest {
        Digest::of(name.as_bytes())
    }

    fn exactly() -> IsSame {
        Box::new(|_, _| false)
    }

    fn call(role: Role, prompt: &str, reply: Option<&str>) -> CallRecord {
        let asked = CallAsked {
            key: EffectKey::draft(Version(1)),
            attempt: 2,
            role,
            model: "p/m".to_owned(),
            prompt: digest(prompt),
            input_tokens: 1,
            count: PromptCount::Estimated,
            uncounted: "".into(),
            fits: 0,
            output_tokens: 1,
            cost_micros: None,
            prices: String::new(),
            room: 7,
            heard: 0,
            redacted: Vec::new(),
        };
        let ended = CallEnded {
            call: 1,
            input_tokens: 1,
            output_tokens: 1,
            tokens_by: TokensBy::Provider,
            cached_tokens: 0,
            cost_micros: None,
            latency_ms: 1,
            tries: 1,
            reply: reply.map(digest),
            request_id: "".into(),
            ended: "stop".into(),
            waited_ms: 0,
        };
        CallRecord { at: Timestamp(0), asked, ended: Some(ended) }
    }

    /// Asks `prompts` in their order; what is answered, else the first miss.
    #[track_caller]
    fn check(calls: &[CallRecord], prompts: &[(Role, &str)], expected: Result<&[&str], Miss>) {
        let tape = Tape::of(calls, EffectKey::draft(Version(1)), 2, exactly());
        let answers: Result<Vec<Digest>, AskError> =
            prompts.iter().map(|(role, prompt)| tape.answer(*role, digest(prompt))).collect();
        match expected {
            Ok(replies) => {
                assert_eq!(answers, Ok(replies.iter().map(|reply| digest(reply)).collect()));
                assert_eq!(tape.missed(), None);
            }
            Err(miss) => {
                assert!(answers.is_err());
                assert_eq!(tape.missed(), Some(miss));
            }
        }
    }

    #[test]
    fn each_reply_is_given_once_to_its_role_and_prompt() {
        let twice = [call(ROLE, "a", Some("1")), call(ROLE, "a", Some("2")), call(Role::Critic, "a", Some("3"))];
        check(&twice, &[(ROLE, "a"), (Role::Critic, "a"), (ROLE, "a")], Ok(&["1", "3", "2"]));
        check(&twice, &[(ROLE, "a"); 3], Err(Miss::More { role: ROLE, replayed: digest("a") }));
        let unasked = Miss::Unasked { role: Role::Planner };
        check(&twice, &[(Role::Planner, "a")], Err(unasked));
    }

    #[test]
    fn another_prompt_is_told_with_both_digests_and_its_place() {
        let calls = [call(ROLE, "a", Some("1")), call(ROLE, "b", Some("2"))];
        let other = Miss::Other { role: ROLE, nth: 2, recorded: digest("b"), replayed: digest("c") };
        check(&calls, &[(ROLE, "a"), (ROLE, "c")], Err(other));
    }

    #[test]
    fn a_prompt_that_is_the_same_but_for_a_hidden_key_is_answered_after_all_that_are_exact() {
        let calls = [call(ROLE, "hidden", Some("1")), call(ROLE, "bare", Some("2"))];
        let of_one = |then: Digest, now: Digest| then == digest("hidden") && now == digest("bare");
        let tape = Tape::of(&calls, EffectKey::draft(Version(1)), 2, Box::new(of_one));
        assert!(tape.holds(ROLE, digest("bare")) && !tape.holds(ROLE, digest("other")));
        let answers = [(); 2].map(|()| tape.answer(ROLE, digest("bare")));
        assert_eq!((answers, tape.missed()), ([Ok(digest("2")), Ok(digest("1"))], None));
        assert!(tape.had_keys_hidden());
    }

    #[test]
    fn a_model_that_failed_is_followed_by_the_one_that_answered_then() {
        check(&[call(ROLE, "a", None), call(ROLE, "a", Some("2"))], &[(ROLE, "a")], Ok(&["2"]));
        check(&[call(ROLE, "a", None)], &[(ROLE, "a")], Err(Miss::Unanswered));
    }

    #[test]
    fn a_prompt_that_was_too_large_is_so_again_and_the_next_is_answered() {
        let mut large = call(ROLE, "a", None);
        let error = crate::infrastructure::llm::ChatError::TooLong { model: "m".to_owned(), said: String::new() };
        large.ended.as_mut().expect("it ended").ended = error.to_string().into();
        let tape = Tape::of(&[large, call(ROLE, "b", Some("1"))], EffectKey::draft(Version(1)), 2, exactly());
        assert!(matches!(tape.answer(ROLE, digest("a")), Err(AskError::TooLong { role: ROLE, .. })));
        assert_eq!((tape.answer(ROLE, digest("b")), tape.missed()), (Ok(digest("1")), None));
    }

    #[test]
    fn calls_of_another_attempt_are_no_part_of_it() {
        let tape = Tape::of(&[call(ROLE, "a", Some("1"))], EffectKey::draft(Version(1)), 1, exactly());
        assert!(tape.answer(ROLE, digest("a")).is_err());
        assert_eq!(
            (tape.room(ROLE), tape.room(Role::Critic)),
            (7, ROOM),
            "what is not known of the attempt is taken from others"
        );
    }

    #[test]
    fn the_room_is_that_of_the_attempt_itself() {
        let mut earlier = call(ROLE, "a", None);
        (earlier.asked.attempt, earlier.asked.room) = (1, 5);
        let calls = [earlier, call(ROLE, "b", Some("1"))];
        let room = |attempt| Tape::of(&calls, EffectKey::draft(Version(1)), attempt, exactly()).room(ROLE);
        assert_eq!((room(1), room(2), room(3)), (5, 7, 5));
    }
}
