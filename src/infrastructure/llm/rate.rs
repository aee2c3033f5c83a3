//! Requests and tokens a minute: one pair of buckets a provider, shared by every session, first come first served.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::ChatError;
use super::retry::Sleeper;
use crate::cancel::Cancel;
use crate::clock::Clock;
use crate::text::counted;

/// Milliseconds in a minute: a bucket holds `per_minute` times that, so that each millisecond adds whole numbers.
const MINUTE: i64 = 60_000;

/// A bucket that holds what a minute allows and fills while time passes. It may go below empty when more was used than
/// was taken out before.
#[derive(Debug)]
struct Bucket {
    per_minute: i64,
    level: i64,
}

impl Bucket {
    fn full(per_minute: u32) -> Self {
        let per_minute = i64::from(per_minute.max(1));
        Self { per_minute, level: per_minute * MINUTE }
    }

    fn fill(&mut self, millis: i64) {
        let most = self.per_minute * MINUTE;
        self.level = self.level.saturating_add(self.per_minute.saturating_mul(millis)).min(most);
    }

    /// More than a bucket holds is never there: such a call waits for a full one.
    fn share(&self, wanted: u64) -> i64 {
        i64::try_from(wanted).unwrap_or(i64::MAX).min(self.per_minute) * MINUTE
    }

    fn wait(&self, wanted: u64) -> Duration {
        let missing = (self.share(wanted) - self.level).max(0);
        Duration::from_millis(u64::try_from(missing.div_euclid(self.per_minute)).unwrap_or(0))
            + Duration::from_millis(u64::from(missing % self.per_minute != 0))
    }
}

#[derive(Debug)]
struct State {
    requests: Option<Bucket>,
    tokens: Option<Bucket>,
    /// When the buckets were last filled.
    filled: Duration,
    /// Nobody is let through before.
    held_until: Duration,
}

impl State {
    /// What time brought since the last time.
    fn fill(&mut self, now: Duration) {
        // whole milliseconds only: the rest counts the next time
        let millis = now.saturating_sub(self.filled).as_millis();
        self.filled += Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX));
        let millis = i64::try_from(millis).unwrap_or(i64::MAX);
        [&mut self.requests, &mut self.tokens].into_iter().flatten().for_each(|bucket| bucket.fill(millis));
    }
}

/// The limits of one provider. Whoever asks is let through in the order of asking: a large call is not overtaken by
/// small ones for ever.
pub struct RateLimit {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    turn: Semaphore,
}

impl std::fmt::Debug for RateLimit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.state.fmt(f)
    }
}

impl std::fmt::Display for RateLimit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |bucket: &Option<Bucket>, what| bucket.as_ref().map(|bucket| counted(bucket.per_minute, what));
        let limits: Vec<String> =
            [of(&state.requests, "request"), of(&state.tokens, "token")].into_iter().flatten().collect();
        write!(f, "{} a minute", limits.join(" and "))
    }
}

impl RateLimit {
    /// At most so many a minute; `None` is no limit.
    #[must_use]
    pub fn new(requests_per_minute: Option<u32>, tokens_per_minute: Option<u32>, clock: Arc<dyn Clock>) -> Self {
        let state = State {
            requests: requests_per_minute.map(Bucket::full),
            tokens: tokens_per_minute.map(Bucket::full),
            filled: clock.monotonic(),
            held_until: Duration::ZERO,
        };
        Self { clock, state: Mutex::new(state), turn: Semaphore::new(1) }
    }

    /// Waits until a request of about `tokens` may be sent, and counts it.
    ///
    /// # Errors
    /// [`ChatError::Cancelled`]; nothing is counted then.
    pub async fn admit(&self, tokens: u64, sleeper: &dyn Sleeper, cancel: &Cancel) -> Result<(), ChatError> {
        let admitted = async {
            // a semaphore serves in the order of asking
            let _turn = self.turn.acquire().await.expect("it is never closed");
            loop {
                let wait = self.try_take(tokens);
                if wait.is_zero() {
                    return;
                }
                sleeper.sleep(wait).await;
            }
        };
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(ChatError::Cancelled),
            () = admitted => Ok(()),
        }
    }

    /// How long a request of about `tokens` would wait for the limits now, where it would. Those before it in turn are
    /// not counted.
    pub fn would_wait(&self, tokens: u64) -> Option<Duration> {
        let now = self.clock.monotonic();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.fill(now);
        let held = state.held_until.saturating_sub(now);
        let of = |bucket: &Option<Bucket>, amount| bucket.as_ref().map_or(Duration::ZERO, |bucket| bucket.wait(amount));
        let wait = of(&state.requests, 1).max(of(&state.tokens, tokens));
        // a pause that its provider asked for was told of as such
        (wait > held).then_some(wait)
    }

    /// Takes a request that a call can do without, where one more is left for the call itself and nobody waits.
    pub fn spare(&self) -> bool {
        let Ok(_turn) = self.turn.try_acquire() else { return false };
        let now = self.clock.monotonic();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.fill(now);
        if state.held_until > now {
            return false;
        }
        match &mut state.requests {
            Some(bucket) if bucket.level < 2 * MINUTE => false,
            Some(bucket) => {
                bucket.level -= MINUTE;
                true
            }
            None => true,
        }
    }

    /// Corrects what [`RateLimit::admit`] counted, once it is known what a call used.
    pub fn settle(&self, admitted: u64, used: u64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = &mut state.tokens {
            let back = bucket.share(admitted) - i64::try_from(used).unwrap_or(i64::MAX).saturating_mul(MINUTE);
            bucket.level =
                bucket.level.saturating_add(back).clamp(-bucket.per_minute * MINUTE, bucket.per_minute * MINUTE);
        }
    }

    /// Lets nobody through for `pause`: the provider said that it is busy, and it means every session.
    pub fn hold(&self, pause: Duration) {
        let until = self.clock.monotonic() + pause;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.held_until = state.held_until.max(until);
    }

    /// Takes a request of `tokens` out of the buckets, or says how long it has to wait.
    fn try_take(&self, tokens: u64) -> Duration {
        let now = self.clock.monotonic();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.fill(now);
        let State { requests, tokens: token_bucket, held_until, .. } = &mut *state;
        let mut wait = held_until.saturating_sub(now);
        let mut wanted = [(requests, 1), (token_bucket, tokens)];
        for (bucket, amount) in &mut wanted {
            if let Some(bucket) = bucket {
                wait = wait.max(bucket.wait(*amount));
            }
        }
        if wait.is_zero() {
            for (bucket, amount) in wanted {
                if let Some(bucket) = bucket {
                    bucket.level -= bucket.share(amount);
                }
            }
        }
        wait
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::*;
    use crate::clock::{FixedClock, Timestamp};

    /// Moves the clock on instead of waiting.
    struct Skips(Arc<FixedClock>);

    #[async_trait]
    impl Sleeper for Skips {
        async fn sleep(&self, pause: Duration) {
            self.0.advance(pause);
            tokio::task::yield_now().await;
        }
    }

    fn bench(requests: Option<u32>, tokens: Option<u32>) -> (RateLimit, Skips, Cancel) {
        let clock = Arc::new(FixedClock::at(Timestamp(0)));
        (RateLimit::new(requests, tokens, clock.clone()), Skips(clock), Cancel::new())
    }

    #[tokio::test]
    async fn a_minutes_worth_goes_at_once_and_then_evenly() {
        let (limit, sleeper, cancel) = bench(Some(3), None);
        let mut at = Vec::new();
        for _ in 0..6 {
            limit.admit(1_000_000, &sleeper, &cancel).await.expect("it waits");
            at.push(sleeper.0.monotonic().as_secs());
        }
        assert_eq!(at, [0, 0, 0, 20, 40, 60]);
    }

    #[tokio::test]
    async fn who_would_wait_for_a_limit_can_say_so() {
        let (limit, sleeper, cancel) = bench(Some(1), Some(60_000));
        assert_eq!((limit.would_wait(10), limit.to_string().as_str()), (None, "1 request and 60000 tokens a minute"));
        limit.admit(1, &sleeper, &cancel).await.expect("it fits");
        assert_eq!(limit.would_wait(10), Some(Duration::from_secs(60)));
        limit.hold(Duration::from_secs(90));
        assert_eq!(limit.would_wait(10), None, "its provider's pause is longer, and was told");
    }

    #[tokio::test]
    async fn tokens_are_counted_and_settled() {
        let (limit, sleeper, cancel) = bench(None, Some(60_000));
        limit.admit(50_000, &sleeper, &cancel).await.expect("it fits");
        limit.settle(50_000, 10_000);
        limit.admit(50_000, &sleeper, &cancel).await.expect("it fits, as less was used");
        assert_eq!(sleeper.0.monotonic(), Duration::ZERO);
        limit.settle(50_000, 80_000);
        limit.admit(1_000, &sleeper, &cancel).await.expect("it waits for the debt");
        assert_eq!(sleeper.0.monotonic(), Duration::from_secs(31));
        limit.admit(10_000_000, &sleeper, &cancel).await.expect("one larger than a minute's worth waits for that");
        assert_eq!(sleeper.0.monotonic(), Duration::from_secs(91));
    }

    #[tokio::test]
    async fn a_busy_provider_holds_everybody_and_a_wish_to_stop_ends_it() {
        let (limit, sleeper, cancel) = bench(None, None);
        limit.hold(Duration::from_secs(7));
        limit.hold(Duration::from_secs(3));
        limit.admit(1, &sleeper, &cancel).await.expect("it waits");
        assert_eq!(sleeper.0.monotonic(), Duration::from_secs(7));
        cancel.cancel();
        limit.hold(Duration::from_secs(7));
        assert_eq!(limit.admit(1, &sleeper, &cancel).await, Err(ChatError::Cancelled));
    }

    #[tokio::test]
    async fn what_can_be_done_without_takes_nothing_that_a_call_needs() {
        let (limit, sleeper, cancel) = bench(Some(3), None);
        assert_eq!([(); 3].map(|()| limit.spare()), [true, true, false], "the last one is a call's");
        limit.admit(1, &sleeper, &cancel).await.expect("it fits");
        assert_eq!(sleeper.0.monotonic(), Duration::ZERO);
        let (limit, ..) = bench(Some(1), None);
        assert!(!limit.spare(), "one a minute is for calls");
        let (limit, ..) = bench(None, Some(1));
        assert!(limit.spare());
        limit.hold(Duration::from_secs(7));
        assert!(!limit.spare(), "a busy provider is left alone");
    }

    #[tokio::test]
    async fn nobody_is_overtaken() {
        let (limit, sleeper, cancel) = bench(None, Some(600));
        let order = Mutex::new(Vec::new());
        limit.admit(600, &sleeper, &cancel).await.expect("it fits");
        let ask = async |name: &'static str, tokens: u64| {
            limit.admit(tokens, &sleeper, &cancel).await.expect("it waits");
            order.lock().expect("one thread").push(name);
        };
        tokio::join!(ask("large", 600), ask("small", 1), ask("tiny", 1));
        assert_eq!(*order.lock().expect("one thread"), ["large", "small", "tiny"]);
    }
}
