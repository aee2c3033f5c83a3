//! Calls that are tried again, through the exchange that sessions ask: how often, after which pauses, and when not.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use paraph::cancel::Cancel;
use paraph::clock::{Clock as _, FixedClock, Timestamp};
use paraph::infrastructure::llm::{
    ChatError, Counter, Exchange, ExchangeParts, KeySource, Keys, ModelName, PriceTable, RateLimit, RetryPolicy,
    Sleeper, Streamed, Switchboard as _, Wire,
};
use tokio::sync::Semaphore;

use crate::dialect::{ALL, Dialect};
use crate::server::{End, Play, Server};
use crate::support::{provider, request};

fn clock() -> Arc<FixedClock> {
    Arc::new(FixedClock::at("2026-11-28T12:00:00.000Z".parse::<Timestamp>().unwrap()))
}

/// Remembers pauses; time goes on by them at once, or where a permit is given.
struct Remembers {
    clock: Arc<FixedClock>,
    pauses: Mutex<Vec<u64>>,
    gate: Option<Semaphore>,
}

impl Remembers {
    fn new(gate: Option<Semaphore>) -> Arc<Self> {
        Arc::new(Self { clock: clock(), pauses: Mutex::default(), gate })
    }

    fn pauses(&self) -> Vec<u64> {
        self.pauses.lock().unwrap().clone()
    }
}

#[async_trait]
impl Sleeper for Remembers {
    async fn sleep(&self, pause: Duration) {
        self.pauses.lock().unwrap().push(pause.as_secs());
        match &self.gate {
            Some(gate) => gate.acquire().await.unwrap().forget(),
            None => self.clock.advance(pause),
        }
    }
}

/// The exchange of one provider at that server, on which chance has no part unless `patience` says so.
fn exchange(server: &Server, dialect: Dialect, patience: RetryPolicy, sleeper: &Arc<Remembers>) -> Exchange {
    let counter = Counter {
        model: Arc::new(provider(dialect.settings(&server.url()))),
        key: KeySource::None,
        beside: Vec::new(),
        rate: RateLimit::new(None, None, sleeper.clock.clone()),
        counts: false,
        context: None,
        patience: Duration::from_secs(900),
    };
    Exchange::new(ExchangeParts {
        providers: BTreeMap::from([("acme".to_owned(), counter)]),
        routes: None,
        shares: BTreeMap::new(),
        prices: PriceTable::shipped(),
        day_micros: None,
        patience,
        sleeper: sleeper.clone(),
        keys: Arc::new(Keys::new(BTreeMap::new(), Vec::new())),
        others: Vec::new(),
    })
}

fn model() -> ModelName {
    "acme/some-model".parse().unwrap()
}

/// What came of asking, `tried` tries having gone before.
struct Tried {
    outcome: Result<String, ChatError>,
    pauses: Vec<u64>,
    /// How often the server was asked.
    asked: usize,
    tries: u32,
    /// Whether the same may be asked once more after that.
    again: bool,
}

async fn tried_with(patience: RetryPolicy, plays: Vec<Play>, dialect: Dialect, tried: u32) -> Tried {
    let (server, sleeper) = (Server::start(plays).await, Remembers::new(None));
    let exchange = exchange(&server, dialect, patience, &sleeper);
    let (mut tries, cancel, model) = (tried, Cancel::new(), model());
    let outcome = exchange.chat(&model, &request(), &mut |_| (), &mut tries, &cancel).await;
    let (pauses, asked) = (sleeper.pauses(), server.seen().len());
    let again = match &outcome {
        Ok(_) => false,
        Err(error) => exchange.wait_to_ask_again(&model, error, tries, &mut |_| (), &cancel).await,
    };
    Tried { outcome: outcome.map(|reply| reply.text), pauses, asked, tries, again }
}

async fn tried(plays: Vec<Play>, dialect: Dialect) -> Tried {
    let patience = RetryPolicy { jitter_hundredths: 0, ..RetryPolicy::default() };
    tried_with(patience, plays, dialect, 0).await
}

fn fine(dialect: Dialect) -> Play {
    let pieces = vec![dialect.stream("fine").into_bytes()];
    Play::Pieces(dialect.kind(), pieces, Duration::ZERO, End::Orderly)
}

fn busy(dialect: Dialect, pause: Option<&str>) -> Play {
    let headers = pause.map(|pause| ("retry-after", pause.to_owned())).into_iter().collect();
    Play::Answer(429, headers, dialect.error(429, "slow down"))
}

fn failed(dialect: Dialect, status: u16) -> Play {
    Play::Answer(status, Vec::new(), dialect.error(status, "oh"))
}

#[tokio::test]
async fn a_busy_provider_is_asked_at_most_five_times_after_the_pauses_it_names() {
    for dialect in ALL {
        let found = tried(vec![busy(dialect, None)], dialect).await;
        assert!(matches!(found.outcome, Err(ChatError::Busy { status: 429, .. })), "{:?}", found.outcome);
        assert_eq!((found.pauses, found.asked, found.tries, found.again), (vec![10, 20, 40, 80], 5, 5, false));
        let found = tried(vec![busy(dialect, Some("3600"))], dialect).await;
        assert_eq!((found.outcome.is_err(), found.pauses, found.asked), (true, vec![], 1), "longer than is waited");
        let date = busy(dialect, Some("Sat, 28 Nov 2026 12:00:30 GMT"));
        let found = tried(vec![busy(dialect, Some("7")), date, fine(dialect)], dialect).await;
        assert_eq!((found.outcome, found.pauses, found.asked), (Ok("fine".to_owned()), vec![7, 30], 3));
        let found = tried(vec![busy(dialect, Some("300")), fine(dialect)], dialect).await;
        assert_eq!((found.outcome, found.pauses), (Ok("fine".to_owned()), vec![300]), "just within the cap");
    }
}

#[tokio::test]
async fn a_provider_that_fails_is_asked_again() {
    for dialect in ALL {
        let plays = vec![failed(dialect, 500), failed(dialect, 529), failed(dialect, 502), fine(dialect)];
        let found = tried(plays, dialect).await;
        assert_eq!((found.outcome, found.pauses, found.tries), (Ok("fine".to_owned()), vec![10, 20, 40], 4));
        let found = tried(vec![failed(dialect, 529)], dialect).await;
        assert_eq!((found.outcome.is_err(), found.pauses, found.asked), (true, vec![10, 20, 40, 80], 5));
        let found = tried(vec![failed(dialect, 400)], dialect).await;
        assert_eq!((found.outcome.is_err(), found.pauses, found.asked), (true, vec![], 1), "it would say the same");
    }
}

#[tokio::test]
async fn tries_that_went_before_count_and_chance_only_makes_a_pause_longer() {
    let dialect = Dialect(Wire::OpenAi);
    let found = tried_with(
        RetryPolicy { jitter_hundredths: 0, ..RetryPolicy::default() },
        vec![busy(dialect, None)],
        dialect,
        3,
    )
    .await;
    assert_eq!((found.pauses, found.asked, found.tries), (vec![80], 2, 5));
    let found = tried_with(RetryPolicy::default(), vec![busy(dialect, None)], dialect, 0).await;
    assert_eq!(found.asked, 5);
    for (pause, least) in found.pauses.iter().zip([10, 20, 40, 80]) {
        assert!((least..=least + least / 10).contains(pause), "{pause} s for {least} s");
    }
}

#[tokio::test]
async fn what_may_have_been_billed_is_not_repeated_before_whoever_pays_says_so() {
    for dialect in ALL {
        let begun = [dialect.opening(), dialect.words("half an ans")].concat().into_bytes();
        let cut = Play::Pieces(dialect.kind(), vec![begun], Duration::ZERO, End::Cut);
        // who read it whole and hung up without a word may bill it too
        for play in [cut, Play::Closed] {
            let found = tried(vec![play, fine(dialect)], dialect).await;
            assert!(matches!(&found.outcome, Err(error) if error.may_be_billed()), "{:?}", found.outcome);
            assert_eq!((found.pauses, found.asked, found.tries, found.again), (vec![], 1, 1, true));
        }
    }
}

#[tokio::test]
async fn a_pause_that_one_session_is_asked_for_holds_every_other_one() {
    let dialect = Dialect(Wire::OpenAi);
    let server = Server::start(vec![busy(dialect, Some("30")), fine(dialect)]).await;
    let sleeper = Remembers::new(Some(Semaphore::new(0)));
    let patience = RetryPolicy { jitter_hundredths: 0, ..RetryPolicy::default() };
    let exchange = Arc::new(exchange(&server, dialect, patience, &sleeper));
    let ask = || {
        let exchange = exchange.clone();
        tokio::spawn(async move {
            let mut seen = |_: Streamed<'_>| ();
            exchange.chat(&model(), &request(), &mut seen, &mut 0, &Cancel::new()).await.map(|reply| reply.text)
        })
    };
    let until = async |pauses: usize| {
        while sleeper.pauses().len() < pauses {
            tokio::task::yield_now().await;
        }
    };
    let first = ask();
    until(1).await;
    let second = ask();
    until(2).await;
    assert_eq!((sleeper.pauses(), server.seen().len()), (vec![30, 30], 1), "the second is not sent yet");
    sleeper.clock.advance(Duration::from_secs(30));
    sleeper.gate.as_ref().unwrap().add_permits(2);
    for asked in [first, second] {
        assert_eq!(asked.await.unwrap(), Ok("fine".to_owned()));
    }
    assert_eq!((sleeper.pauses().len(), server.seen().len()), (2, 3));
    assert_eq!(sleeper.clock.now(), "2026-11-28T12:00:30.000Z".parse().unwrap());
}
