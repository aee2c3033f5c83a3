//! The index of a snapshot. Swapped: the strategy, files in place of symbols.

use std::sync::Arc;

use paraph::api::{ArtifactsRequest, ContextRequest, IndexRequest};
use paraph::id::SessionRef;
use paraph::indexing::{BasicFileIndex, IndexSettings};
use paraph::repository::Base;

use crate::house::House;

/// How many definitions the playbook `indexed` finds with the house's strategy.
async fn definitions(house: &House) -> u64 {
    let repository = house.small_repository("shop");
    let desk = house.open();
    let id = desk.run_by(&[&repository], Some("indexed")).await;
    desk.until(id, "Scored").await;
    let events = desk.timeline(id).await;
    let at = |name: &str| events.iter().position(|event| event == name).unwrap_or_else(|| panic!("no {name}"));
    assert!(at("snapshot-loaded") < at("indexed") && at("indexed") < at("proposed"), "{events:?}");
    let artifacts = desk.ask(ArtifactsRequest { session: id }).await.unwrap().artifacts;
    assert!(artifacts.iter().any(|artifact| artifact.name == "index"), "the summary is kept");
    let given = desk.ask(ContextRequest { session: SessionRef { session: id, version: None } }).await.unwrap();
    let (inputs, items) = (&given.lanes[0].2.inputs, &given.lanes[0].2.items);
    assert!(inputs.iter().any(|input| input.starts_with("index ")), "the engine was given it: {inputs:?}");
    assert!(items.iter().any(|item| item.why == "ranks 1 for the goal"), "{items:?}");
    let asked = IndexRequest { source: repository.source(), base: Base::Head, focus: None };
    let view = desk.ask(asked).await.unwrap();
    assert_eq!(view.files, 2);
    view.definitions
}

#[tokio::test(flavor = "multi_thread")]
async fn any_strategy_indexes() {
    assert_eq!(definitions(&House::new()).await, 1, "symbols: the function");
    let files = Arc::new(BasicFileIndex::new(IndexSettings::default()));
    assert_eq!(definitions(&House::with(|house| house.ports.index = files)).await, 0, "files know no symbols");
}
