//! Scores. Swapped: the scorer, all or nothing in place of six dimensions.

use std::sync::Arc;

use paraph::scoring::SimplePassFail;
use paraph::validation::CheckStatus;

use crate::house::{House, Told, version};

/// Scorer, overall tenths and how many dimensions a session got.
async fn scored(house: House) -> (String, u16, usize) {
    let repository = house.small_repository("shop");
    let desk = house.open();
    desk.trust(&repository).await;
    let id = desk.run(&[&repository]).await;
    let view = desk.until(id, "Scored").await;
    let score = version(&view, 1).score.clone().expect("a score");
    (score.scorer.clone(), score.overall.get(), score.dimensions.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn any_scorer_scores() {
    let (name, overall, dimensions) = scored(House::new()).await;
    assert_eq!((name.split('/').next(), dimensions), (Some("six-dimensions"), 6));
    assert!(overall >= 70, "{overall}");
    let simple = |house: &mut House| house.ports.scorer = Arc::new(SimplePassFail);
    assert_eq!(scored(House::with(simple)).await.1, 100);
    let broken = House::with(|house| {
        simple(house);
        house.ports.validator = Arc::new(Told::all(CheckStatus::Broken));
    });
    assert_eq!(scored(broken).await.1, 10);
}
