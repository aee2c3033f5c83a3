//! When the second key of a panel counts: only after the person can have seen the panel's frame.
//!
//! A terminal that answers tells it best: the answer to a status query comes after everything written before was
//! taken in, and behind every key that was typed until then. Time alone tells little: over a slow connection a frame
//! may need seconds, and what was typed ahead comes in after any short wait. So there is no "so many milliseconds
//! after the frame" rule. Two kinds of terminal need more than the answer:
//!
//! - one that answers nothing. Then the frame must have left this machine, and after that nothing may have been typed
//!   for [`QUIET`]: keys typed ahead come one behind the other, so each of them puts the moment off and none counts.
//! - a multiplexer (tmux, screen) answers in place of the terminal that the person looks at, which may be far away.
//!   Its answer is necessary but not enough: the quiet is asked for as well.

use std::time::Duration;

use tokio::time::Instant;

/// How long nobody may have typed where no answer can be relied upon. // 700 ms: a slow link's round trip, and longer
/// than the pause between two keys of one thought
const QUIET: Duration = Duration::from_millis(700);
/// A terminal that said nothing for so long after the first question is taken for one that never does; an answer
/// that comes later says otherwise. // 2 s: a satellite's round trip twice
const DEAF_AFTER: Duration = Duration::from_secs(2);
/// An answer that takes longer than this was lost on its way, with the terminal that owed it, say.
const LOST_AFTER: Duration = Duration::from_secs(10);

/// What is known of the terminal's answers, and of the panel that waits to be seen.
#[derive(Debug)]
pub(crate) struct Arming {
    started: Instant,
    /// Whether a multiplexer answers in the terminal's place.
    relayed: bool,
    answers: bool,
    /// Status queries without an answer: the frame that waits was seen with the last of them.
    owed: u32,
    waiting: Option<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    flushed: Instant,
    answered: bool,
    quiet_since: Instant,
}

impl Arming {
    /// The first question was asked at `started`.
    pub(crate) fn new(started: Instant, relayed: bool) -> Self {
        Self { started, relayed, answers: false, owed: 0, waiting: None }
    }

    /// The panel's frame was written, and a status query behind it.
    pub(crate) fn asked(&mut self, flushed: Instant) {
        self.owed += 1;
        self.waiting = Some(Waiting { flushed, answered: false, quiet_since: flushed });
    }

    /// No panel waits any more, or its frame is another one now.
    pub(crate) fn forget(&mut self) {
        self.waiting = None;
    }

    pub(crate) fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// The terminal answered something.
    pub(crate) fn heard(&mut self) {
        self.answers = true;
    }

    /// The terminal answered a status query.
    pub(crate) fn status_came(&mut self) {
        self.answers = true;
        self.owed = self.owed.saturating_sub(1);
        if let Some(waiting) = self.waiting.as_mut().filter(|_| self.owed == 0) {
            waiting.answered = true;
        }
    }

    /// Something was typed.
    pub(crate) fn typed(&mut self, now: Instant) {
        if let Some(waiting) = &mut self.waiting {
            waiting.quiet_since = now;
        }
    }

    /// Whether the panel can have been seen by now.
    pub(crate) fn is_seen(&self, now: Instant) -> bool {
        self.waiting.as_ref().is_some_and(|waiting| {
            let answered = waiting.answered || self.is_deaf(waiting, now);
            let quiet = now >= waiting.quiet_since + QUIET;
            answered && (quiet || !(self.relayed || self.is_deaf(waiting, now)))
        })
    }

    /// Whether no answer can be waited for.
    fn is_deaf(&self, waiting: &Waiting, now: Instant) -> bool {
        let never = !self.answers && now >= self.started + DEAF_AFTER;
        let lost = now >= waiting.flushed + LOST_AFTER;
        !waiting.answered && (never || lost)
    }

    /// When [`Arming::is_seen`] may have changed without anything being heard.
    pub(crate) fn look_again(&self, now: Instant) -> Option<Instant> {
        let waiting = self.waiting.as_ref()?;
        let quiet = waiting.quiet_since + QUIET;
        let deaf = if self.answers { waiting.flushed + LOST_AFTER } else { self.started + DEAF_AFTER };
        let next = if waiting.answered || self.is_deaf(waiting, now) { quiet } else { deaf.max(waiting.flushed) };
        Some(next.max(now))
    }

    /// Forgets answers that are owed by a terminal which is another one now.
    pub(crate) fn settle(&mut self, now: Instant) {
        if self.waiting.as_ref().is_some_and(|waiting| now >= waiting.flushed + LOST_AFTER) {
            self.owed = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    enum Step {
        Frame,
        Status,
        Heard,
        Key,
    }
    use Step::{Frame, Heard, Key, Status};

    /// Plays steps at milliseconds after the start; gives when the panel counts as seen, by looking when told to.
    fn seen(relayed: bool, steps: &[(u64, Step)]) -> Option<u64> {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut arming = Arming::new(start, relayed);
        let mut next = 0;
        for (when, step) in steps {
            while let Some(look) = arming.look_again(at(next)).filter(|look| *look < at(*when)) {
                if arming.is_seen(look) {
                    return Some(ms(start, look));
                }
                next = ms(start, look) + 1;
            }
            next = *when;
            match step {
                Frame => arming.asked(at(*when)),
                Status => arming.status_came(),
                Heard => arming.heard(),
                Key => arming.typed(at(*when)),
            }
            if arming.is_seen(at(*when)) {
                return Some(*when);
            }
        }
        while let Some(look) = arming.look_again(at(next)).filter(|_| next < 60_000) {
            if arming.is_seen(look) {
                return Some(ms(start, look));
            }
            next = ms(start, look) + 1;
        }
        None
    }

    fn ms(start: Instant, at: Instant) -> u64 {
        u64::try_from((at - start).as_millis()).expect("small")
    }

    #[track_caller]
    fn check(steps: &[(u64, Step)], expected: u64) {
        assert_eq!(seen(false, steps), Some(expected));
    }

    #[track_caller]
    fn check_relayed(steps: &[(u64, Step)], expected: u64) {
        assert_eq!(seen(true, steps), Some(expected));
    }

    #[test]
    fn an_answer_arms_however_late_it_is() {
        check(&[(0, Heard), (100, Frame), (101, Status)], 101);
        check(&[(0, Heard), (100, Frame), (4000, Key), (4100, Status)], 4100);
        check(&[(50, Frame), (1900, Status)], 1900);
    }

    #[test]
    fn of_two_frames_the_last_ones_answer_counts() {
        check(&[(0, Heard), (10, Frame), (20, Frame), (30, Status), (40, Status)], 40);
    }

    #[test]
    fn without_answers_quiet_arms_and_keys_put_it_off() {
        check(&[(5000, Frame)], 5700);
        check(&[(5000, Frame), (5100, Key), (5650, Key)], 6350);
        // in the first two seconds an answer may still come
        check(&[(100, Frame)], 2000);
        check(&[(1900, Frame)], 2600);
    }

    #[test]
    fn an_answer_that_is_lost_is_not_waited_for_for_ever() {
        check(&[(0, Heard), (100, Frame)], 10_100);
        check(&[(0, Heard), (100, Frame), (10_000, Key)], 10_700);
    }

    #[test]
    fn a_multiplexers_answer_needs_quiet_as_well() {
        check_relayed(&[(0, Heard), (100, Frame), (101, Status)], 800);
        check_relayed(&[(0, Heard), (100, Frame), (101, Status), (600, Key)], 1300);
        check_relayed(&[(0, Heard), (100, Frame), (3000, Status)], 3000);
    }
}
