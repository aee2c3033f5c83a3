//! Where a draft is applied. Swapped: the source of names, which counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use paraph::api::Verdict;
use paraph::id::Ids;

use crate::house::{House, version};
use crate::m04_proposal::Scripted;

/// 1, 2, 3 … as UUIDs.
#[derive(Default)]
struct Counted(AtomicU64);

impl Ids for Counted {
    fn uuid(&self) -> uuid::Uuid {
        uuid::Uuid::from_u128(u128::from(self.0.fetch_add(1, Ordering::SeqCst) + 1))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_becomes_a_branch_of_paraphs_own() {
    let house = House::with(|house| house.ports.ids = Arc::new(Counted::default()));
    let repository = house.small_repository("shop");
    let before = repository.fingerprint();
    let desk = house.open();
    let id = desk.run(&[&repository]).await;
    let view = desk.until(id, "Scored").await;
    assert_eq!(view.uuid.to_string(), "00000000-0000-0000-0000-000000000002", "the store's name was the first");
    let set = &version(&view, 1).patch_sets[0];
    assert_eq!(set.reference.as_deref(), Some("refs/heads/paraph/1/v1"));
    let private: Vec<_> = std::fs::read_dir(house.home.repos()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(private.len(), 1, "one private repository: {private:?}");
    let commit = set.commit.clone().unwrap();
    let git = |args: &[&str]| {
        let folder = private[0].to_string_lossy().into_owned();
        repository.git(&[&["--git-dir", folder.as_str()], args].concat())
    };
    assert_eq!(git(&["rev-parse", "refs/heads/paraph/1/v1"]), commit.to_string());
    assert_eq!(git(&["diff", "--name-only", &format!("{commit}^"), commit.as_str()]), "a.py");
    assert_eq!(repository.fingerprint(), before);
    desk.decide(id, Verdict::Reject, "no").await.unwrap();
    desk.runtime.stop().await;
    assert_eq!(repository.fingerprint(), before, "the user's repository is as it was, every byte of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_leads_out_is_blocked_before_anything_is_written() {
    let house = House::with(|house| house.ports.engines.rules = Scripted::drafts(&[".git/hooks/post-checkout"]));
    let repository = house.small_repository("shop");
    let before = repository.fingerprint();
    let desk = house.open();
    let id = desk.run(&[&repository]).await;
    let view = desk.until(id, "BlockedPolicy").await;
    let v1 = version(&view, 1);
    assert_eq!(v1.patch_sets[0].commit, None, "nothing was applied");
    assert!(v1.violations.iter().any(|violation| violation.rule == "path-git-directory"), "{:?}", v1.violations);
    let refused = desk.decide(id, Verdict::Approve, "please").await.unwrap_err();
    assert!(refused.message.contains("not offered"), "{}", refused.message);
    assert_eq!(repository.fingerprint(), before);
}
