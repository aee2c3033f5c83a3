//! Trying again: how often, after which pause, and when not at all.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use super::{ChatError, FoundFault};

/// Waits. A test's does not.
#[async_trait]
pub trait Sleeper: Send + Sync {
    /// Returns after `pause`.
    async fn sleep(&self, pause: Duration);
}

/// Waits in real time.
#[derive(Debug, Default, Clone, Copy)]
pub struct RealSleeper;

#[async_trait]
impl Sleeper for RealSleeper {
    async fn sleep(&self, pause: Duration) {
        tokio::time::sleep(pause).await;
    }
}

/// The pause before the one other try of what will most likely fail again.
const SHORT_PAUSE: Duration = Duration::from_secs(1);

/// When a call is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Tries of one call, the first one included.
    pub attempts: u32,
    /// Tries of a call that was answered with something unusable, or not in time: each of them may have been paid.
    pub attempts_after_faults: u32,
    /// The first pause; each later one is twice as long.
    pub first_pause: Duration,
    /// The longest pause that a provider may ask for: a longer one ends the tries.
    pub longest_pause: Duration,
    /// A pause is made longer by up to this many hundredths of itself, so that sessions do not come back together.
    pub jitter_hundredths: u32,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 5,
            attempts_after_faults: 2,
            first_pause: Duration::from_secs(10),
            longest_pause: Duration::from_secs(5 * 60),
            jitter_hundredths: 10,
        }
    }
}

/// What comes after a try that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Another one, after this pause.
    After(Duration),
    /// None with this model.
    GiveUp(GaveUp),
}

/// Why a call is not tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GaveUp {
    /// It would fail in the same way.
    Pointless,
    /// It was tried often enough.
    TriedOften(u32),
    /// The provider asks for a longer pause than is waited for.
    AsksTooLong {
        /// What it asks for.
        asked: Duration,
        /// What is waited for.
        longest: Duration,
    },
}

impl fmt::Display for GaveUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pointless => f.write_str("trying again would not help"),
            Self::TriedOften(attempts) => write!(f, "tried {attempts} times"),
            Self::AsksTooLong { asked, longest } => {
                write!(f, "it asks to wait {} s and at most {} s are waited", asked.as_secs(), longest.as_secs())
            }
        }
    }
}

impl RetryPolicy {
    /// What comes after the `attempt`-th try (from 1) failed with `error`. `chance` is 0 to 99, at random.
    #[must_use]
    pub fn after(&self, attempt: u32, error: &ChatError, chance: u32) -> Next {
        let most = match error {
            ChatError::Faulty { fault: FoundFault::TooLarge, .. } => 1,
            ChatError::Unreachable { lasts: true, .. } => self.attempts.min(2),
            ChatError::Faulty { .. } | ChatError::TimedOut { .. } => self.attempts.min(self.attempts_after_faults),
            error if error.may_pass() => self.attempts,
            _ => 1,
        };
        if most <= 1 {
            return Next::GiveUp(GaveUp::Pointless);
        }
        if attempt >= most {
            return Next::GiveUp(GaveUp::TriedOften(attempt));
        }
        let pause = self.first_pause.saturating_mul(1 << (attempt - 1).min(16)).min(self.longest_pause);
        let asked = match error {
            ChatError::Busy { retry_after, .. } => *retry_after,
            // once more, in case that the network was only just coming up
            ChatError::Unreachable { lasts: true, .. } => Some(SHORT_PAUSE),
            _ => None,
        };
        match asked {
            Some(asked) if asked > self.longest_pause => {
                Next::GiveUp(GaveUp::AsksTooLong { asked, longest: self.longest_pause })
            }
            // what it asks for is what it gets, and never less than nothing: a hurried provider asks for 0
            Some(asked) => Next::After(self.spread(asked.max(Duration::from_secs(1)), chance)),
            None => Next::After(self.spread(pause, chance)),
        }
    }

    fn spread(&self, pause: Duration, chance: u32) -> Duration {
        pause + pause * (self.jitter_hundredths * chance.min(99)) / 10_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn busy(retry_after: Option<u64>) -> ChatError {
        let retry_after = retry_after.map(Duration::from_secs);
        ChatError::Busy { provider: "p".to_owned(), status: 429, retry_after }
    }

    fn faulty(fault: FoundFault) -> ChatError {
        ChatError::Faulty { provider: "p".to_owned(), fault, why: String::new() }
    }

    /// How often a call is tried that always fails so, the pauses between in seconds, and why not once more.
    fn run(error: &ChatError) -> (u32, Vec<u64>, GaveUp) {
        let (mut attempt, mut pauses) = (1, Vec::new());
        loop {
            match RetryPolicy::default().after(attempt, error, 0) {
                Next::GiveUp(why) => return (attempt, pauses, why),
                Next::After(pause) => pauses.push(pause.as_secs()),
            }
            attempt += 1;
        }
    }

    #[test]
    fn five_tries_from_ten_seconds_and_what_a_provider_asks_for_within_the_cap() {
        assert_eq!(run(&busy(None)), (5, vec![10, 20, 40, 80], GaveUp::TriedOften(5)));
        assert_eq!(run(&busy(Some(7))).1, [7, 7, 7, 7]);
        assert_eq!(run(&busy(Some(0))).1, [1, 1, 1, 1]);
        let (attempts, pauses, why) = run(&busy(Some(3600)));
        assert_eq!((attempts, pauses), (1, vec![]));
        assert_eq!(why.to_string(), "it asks to wait 3600 s and at most 300 s are waited");
    }

    #[test]
    fn what_cannot_heal_is_not_tried_again_and_what_may_be_paid_only_once() {
        for (error, attempts) in [
            (faulty(FoundFault::CutOff), 2),
            (faulty(FoundFault::TooLarge), 1),
            (ChatError::TimedOut { provider: "p".to_owned(), limit: Duration::from_secs(1) }, 2),
            (ChatError::Unreachable { provider: "p".to_owned(), why: String::new(), lasts: false }, 5),
            (ChatError::Unreachable { provider: "p".to_owned(), why: String::new(), lasts: true }, 2),
            (ChatError::TooLong { model: "m".to_owned(), said: String::new() }, 1),
            (ChatError::NotSignedIn { provider: "p".to_owned(), said: String::new() }, 1),
            (ChatError::Cancelled, 1),
        ] {
            assert_eq!(run(&error).0, attempts, "{error}");
        }
    }

    #[test]
    fn chance_only_makes_a_pause_longer() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.after(1, &busy(None), 0), Next::After(Duration::from_secs(10)));
        assert_eq!(policy.after(1, &busy(None), 50), Next::After(Duration::from_millis(10_500)));
    }
}
