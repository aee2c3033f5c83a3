//! What an agent's models took, told by it or not, at its end and before one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use paraph::api::{BudgetRequest, CallView, CancelRequest, ContextRequest, MetricsRequest, PauseRequest, SessionView};
use paraph::clock::{Clock, FixedClock, Timestamp};
use paraph::id::{SessionId, SessionRef};

use crate::agent::{again, says, start};
use crate::house::{Desk, House};
use crate::{nothing_is_left, repository, stuck};

/// A house whose clock stands until a test moves it.
fn house() -> (House, Arc<FixedClock>) {
    let clock = Arc::new(FixedClock::at(Timestamp(1_795_167_000_000)));
    let swapped: Arc<dyn Clock> = clock.clone();
    (House::with(|house| house.ports.clock = swapped), clock)
}

/// The session's calls, once the last of them ended.
async fn calls(desk: &Desk, session: SessionId) -> Vec<CallView> {
    let began = Instant::now();
    loop {
        let session = SessionRef { session, version: None };
        let calls = desk.ask(ContextRequest { session }).await.map(|view| view.calls).unwrap_or_default();
        if calls.last().is_some_and(|call| call.latency_ms.is_some()) {
            return calls;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "no call ended: {calls:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What the call shows: tokens of prompt and answer, whether they are no more than told so far, dollars, how it ended.
fn shown(call: &CallView) -> (u64, u64, bool, &str, &str) {
    (call.input_tokens, call.output_tokens, call.estimated, &call.cost_usd, call.ended.raw())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_agent_took_before_it_was_stopped_or_failed_is_recorded_as_far_as_it_told() {
    let cut = "it was cancelled; counted as far as it had told";
    for (mode, how, expected) in [
        ("spends", "pause", (9_000, 0, true, "0.0421", cut)),
        ("spends", "cancel", (9_000, 0, true, "0.0421", cut)),
        // asked to end its turn it says what the turn took
        ("owns-up", "cancel", (1_000, 300, false, "0.0421", "it was cancelled")),
        ("spends-and-dies", "", (9_000, 0, true, "0.0421", "it went away; counted as far as it had told")),
        // one that never told anything
        ("hang", "cancel", (0, 0, true, "unknown", cut)),
    ] {
        let (house, clock) = house();
        let repository = repository(&house);
        let desk = house.open();
        let id = start(&desk, &repository, mode).await;
        if !how.is_empty() {
            says(&desk, id, "thinking").await;
            let open = desk.ask(ContextRequest { session: SessionRef { session: id, version: None } }).await.unwrap();
            assert_eq!((open.calls.len(), open.calls[0].latency_ms), (1, None), "it is recorded before it is paid");
            clock.advance(Duration::from_secs(90));
        }
        match how {
            "pause" => drop(desk.ask(PauseRequest { session: id }).await.unwrap()),
            "cancel" => drop(desk.ask(CancelRequest { session: id }).await.unwrap()),
            _ => drop(stuck(&desk, id).await),
        }
        let calls = calls(&desk, id).await;
        assert_eq!(calls.len(), 1, "{mode} {how}: {calls:?}");
        assert_eq!(shown(&calls[0]), expected, "{mode} {how}");
        let latency = if how.is_empty() { 0 } else { 90_000 };
        assert_eq!(calls[0].latency_ms, Some(latency), "{mode} {how}");
        let view: SessionView = desk.show(id).await;
        assert_eq!((view.usage.input_tokens, view.usage.cost_usd.as_str()), (expected.0, expected.3), "{mode} {how}");
        let metrics = desk.ask(MetricsRequest {}).await.unwrap();
        assert_eq!((metrics.input_tokens, metrics.cost_usd.as_str()), (expected.0, expected.3), "{mode} {how}");
        let settled = house.journal().into_iter().filter(|line| line.contains("\"call-settled\"")).count();
        assert_eq!(settled, 1, "{mode} {how}");
        assert!(house.verify().is_sound());
        // its folder goes after its bill is paid
        let began = Instant::now();
        while std::fs::read_dir(house.home.workshops()).unwrap().next().is_some() {
            assert!(began.elapsed() < Duration::from_secs(30), "{mode} {how}: its workshop stays");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        nothing_is_left(&house, &repository);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stopped_agent_took_counts_against_the_budget() {
    let (house, _clock) = house();
    let repository = repository(&house);
    let desk = house.open();
    let id = start(&desk, &repository, "spends-and-dies").await;
    stuck(&desk, id).await;
    let budget = BudgetRequest { session: id, cost_micros: Some(40_000), tokens: None };
    desk.ask(budget).await.unwrap();
    desk.ask(again(id, "once more")).await.unwrap();
    let view = desk.wait_until(id, |view| view.reason.raw().contains("budget")).await.unwrap();
    assert!(view.next.contains(&format!("paraph budget {id}")), "{}", view.next);
    assert_eq!(calls(&desk, id).await.len(), 1, "it was not asked again");
}
