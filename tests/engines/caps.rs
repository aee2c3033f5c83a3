//! Agents are held to the caps of money too: what one takes is known only afterwards, so none starts where nothing is left.

use std::collections::BTreeMap;
use std::sync::Arc;

use paraph::api::{BudgetRequest, CallView, ContextRequest, RunRequest, SessionView};
use paraph::id::{SessionId, SessionRef};
use paraph::infrastructure::llm::{Nobody, Share};
use paraph::proposal::EngineKind;
use paraph::session::Budget;

use crate::agent::{again, start};
use crate::house::{Desk, House, version};
use crate::{asks, repository, stuck};

async fn calls(desk: &Desk, session: SessionId) -> Vec<CallView> {
    let session = SessionRef { session, version: None };
    desk.ask(ContextRequest { session }).await.map(|view| view.calls).unwrap_or_default()
}

/// It stands still, once it says `why`.
async fn stands(desk: &Desk, session: SessionId, why: &str) -> SessionView {
    let view = desk.wait_until(session, |view| view.reason.raw().contains(why)).await.expect("it is told");
    assert!(view.usage.budget_spent && view.state == "NeedsHuman", "{}: {:?}", view.state, view.reason);
    view
}

#[tokio::test(flavor = "multi_thread")]
async fn no_agent_starts_where_the_budget_of_its_session_is_used_up() {
    for (cost_micros, tokens, why) in [
        (Some(10_000), None, "the session took $0.0421 of $0.01"),
        (None, Some(1_000), "the session took 2100 of 1000 tokens"),
    ] {
        let house = House::with(|house| house.settings.budget = Budget { cost_micros, tokens });
        let repository = repository(&house);
        let desk = house.open();
        let id = start(&desk, &repository, "counts").await;
        let view = desk.until(id, "Scored").await;
        assert_eq!((view.usage.limit_usd.is_some(), view.usage.limit_tokens), (cost_micros.is_some(), tokens));
        desk.ask(again(id, "shorter")).await.unwrap();
        let view = stands(&desk, id, why).await;
        assert!(view.next.contains(&format!("paraph budget {id}")), "{}", view.next);
        assert_eq!(calls(&desk, id).await.len(), 1, "it did not start");
        let more = BudgetRequest { session: id, cost_micros: Some(9_000_000), tokens: Some(9_000_000) };
        desk.ask(more).await.unwrap();
        // it drafts the same again, and is paid for it
        let view = desk.wait_until(id, |view| view.state == "NeedsHuman" && !view.usage.budget_spent).await;
        let view = view.expect("it went on");
        assert_eq!(calls(&desk, id).await.len(), 2, "{:?}", view.reason);
        assert!(house.verify().is_sound());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_agent_starts_where_the_share_of_its_role_or_the_day_is_used_up() {
    let share = |share: Share| Nobody { shares: BTreeMap::from([("implementer".to_owned(), share)]), day_micros: None };
    let cents = Share { cost_micros: Some(40_000), tokens: None };
    let tokens = Share { cost_micros: None, tokens: Some(2_000) };
    let day = Nobody { day_micros: Some(40_000), ..Nobody::default() };
    for (nobody, why, next) in [
        (share(cents), "role implementer took $0.0421 of $0.04", "[roles.implementer]"),
        (share(tokens), "role implementer took 2100 of 2000 tokens", "[roles.implementer]"),
        (day, "$0.0421 of $0.04 is spent today", "paraph config set budget.day_cents"),
    ] {
        let is_day = nobody.day_micros.is_some();
        let house = House::with(|house| house.ports.models = Arc::new(nobody));
        let repository = repository(&house);
        let desk = house.open();
        let first = start(&desk, &repository, "counts").await;
        desk.until(first, "Scored").await;
        // the day is that of all sessions
        let id = if is_day { start(&desk, &repository, "counts").await } else { first };
        if !is_day {
            desk.ask(again(id, "shorter")).await.unwrap();
        }
        let view = stands(&desk, id, why).await;
        assert!(view.next.contains(next), "{}", view.next);
        assert_eq!(calls(&desk, id).await.len(), usize::from(!is_day), "it did not start");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_agent_was_paid_for_the_first_repository_is_not_thrown_away_at_the_second() {
    let house = House::with(|house| house.settings.budget = Budget { cost_micros: Some(40_000), tokens: None });
    let shop = repository(&house);
    let check = "[[check]]\nname = \"unit\"\nkind = \"test\"\ncommand = [\"true\"]\n";
    let files = [("a.py", crate::house::FILE), (".paraph.toml", check), ("tool/agent.py", crate::AGENT)];
    let bank = house.repository("bank", &files);
    let desk = house.open();
    let repositories = crate::house::run(&[&shop, &bank], None).repositories;
    let asked = RunRequest { repositories, ..asks(&shop, EngineKind::Agent, "python3 tool/agent.py counts") };
    let id = desk.ask(asked).await.unwrap().id;
    let view = desk.until(id, "Scored").await;
    assert_eq!(version(&view, 1).patch_sets.len(), 2, "a draft is one purchase: {:?}", view.reason);
    assert_eq!(calls(&desk, id).await.len(), 2, "each is paid for once");
    // and the next draft is another
    desk.ask(again(id, "shorter")).await.unwrap();
    stands(&desk, id, "the session took $0.0842 of $0.04").await;
    assert_eq!(calls(&desk, id).await.len(), 2, "it did not start");
    assert!(house.verify().is_sound());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_agent_claims_that_cannot_be_is_not_believed_and_its_call_is_settled() {
    let house = House::new();
    let repository = repository(&house);
    let desk = house.open();
    let id = start(&desk, &repository, "boasts").await;
    stuck(&desk, id).await;
    let view = desk.until(id, "Scored").await;
    assert_eq!((view.usage.output_tokens, view.usage.cost_usd.as_str()), (0, "0.0421"), "its dollars can be");
    assert!(view.usage.input_tokens <= 9_000, "{}", view.usage.input_tokens);
    let calls = calls(&desk, id).await;
    assert!(calls.len() == 1 && calls[0].estimated, "{calls:?}");
    assert_eq!(calls[0].latency_ms, Some(0), "it is settled");
    assert!(house.verify().is_sound());
}
