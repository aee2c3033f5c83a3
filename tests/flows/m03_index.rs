//! The index of a snapshot. Swapped: the strategy, files in place of symbols.

use std::sync::Arc;

use paraph::api::{
    ArtifactsRequest, BlameRequest, BlobStore, ContextRequest, DefinitionsRequest, FailureKind, IndexRequest, Side,
    SourceRequest,
};
use paraph::id::{RepoPath, SessionRef};
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

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_looks_around_a_change_on_either_side() {
    let house = House::new();
    let repository = house.small_repository("shop");
    repository.write("b.py", "from a import empty\n\n\ndef full(x):\n    return not empty(x)\n");
    repository.commit("second: the other way round\n\nwith a body");
    let desk = house.open();
    let id = desk.run(&[&repository]).await;
    desk.until(id, "Scored").await;
    let session = SessionRef { session: id, version: None };
    let names = || ["empty", "full", "nobody"].map(str::to_owned).to_vec();
    for side in [Side::Old, Side::New] {
        let asked = DefinitionsRequest { session, repo: None, side, names: names() };
        let found = desk.ask(asked).await.unwrap();
        let places: Vec<String> = found
            .definitions
            .iter()
            .map(|it| format!("{} {} {}:{}", it.kind, it.name.raw(), it.path, it.line))
            .collect();
        assert_eq!(
            (places.as_slice(), found.more),
            (&["function empty a.py:1", "function full b.py:4"].map(str::to_owned)[..], 0)
        );
    }
    let blobs = BlobStore::of_home(house.home.journal().parent().unwrap());
    let text = async |side, path: &str| {
        let asked = SourceRequest { session, repo: None, side, path: RepoPath::from(path) };
        let view = desk.ask(asked).await?;
        let bytes = blobs.read(&view.content.digest).expect("it is kept");
        assert_eq!(bytes.len() as u64, view.content.size);
        Ok::<_, paraph::api::Failure>(String::from_utf8(bytes).unwrap())
    };
    assert!(text(Side::Old, "a.py").await.unwrap().contains("x == None"));
    assert!(text(Side::New, "a.py").await.unwrap().contains("x is None"));
    assert!(text(Side::New, "b.py").await.unwrap().contains("def full"), "what the change does not touch, too");
    assert_eq!(text(Side::New, "../secret").await.unwrap_err().kind, FailureKind::NotFound);
    let blame =
        async |path: &str, line| desk.ask(BlameRequest { session, repo: None, path: RepoPath::from(path), line }).await;
    let first = blame("a.py", 2).await.unwrap();
    let second = blame("b.py", 4).await.unwrap();
    assert_eq!((first.subject.raw(), second.subject.raw()), ("first", "second: the other way round"));
    assert_eq!((second.author.raw(), second.line, second.path), ("Ana", 4, RepoPath::from("b.py")));
    assert_ne!(first.commit, second.commit);
    assert_eq!(blame("a.py", 2).await.unwrap(), first, "it is remembered");
    assert!(blame("a.py", 99).await.is_err() && blame("gone.py", 1).await.is_err());
    assert!(blame("--contents=/etc/passwd", 1).await.is_err(), "a path is never an option");
}
