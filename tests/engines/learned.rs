//! A key that Paraph is given after the engine was made is in no agent's prompt.

use std::sync::Arc;

use paraph::proposal::{AgentEngine, EngineKind};
use paraph::text::LiveMask;

use crate::agent::spec;
use crate::house::House;
use crate::{asks, files, repository};

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_learned_later_is_in_no_prompt() {
    let (mut house, mask) = (House::new(), LiveMask::default());
    let own = spec("mine", "again", |_| ());
    house.ports.engines.agent = Arc::new(AgentEngine::new(house.workshop.clone(), [own]).with_mask(mask.clone()));
    let repository = repository(&house);
    let desk = house.open();
    mask.learn("team-llm-4711-blue");
    let mut asked = asks(&repository, EngineKind::Agent, "mine");
    asked.goal.push_str(", as team-llm-4711-blue says");
    let id = desk.ask(asked).await.unwrap().id;
    desk.wait_until(id, |view| !view.versions.is_empty()).await.expect("a version");
    let told = files(&desk, &house, id).await["prompt.txt"].clone().unwrap();
    assert!(told.contains("as [masked] says") && !told.contains("4711"), "{told}");
}
