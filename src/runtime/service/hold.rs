//! Words to whoever drafts; giving back the room that a session's checks took.

use std::collections::BTreeMap;

use crate::api::{Call, DiscardRequest, DiscardView, Failure, FailureKind, SessionView, SteerRequest};
use crate::id::ObjectId;
use crate::repository::RepoKey;
use crate::session::Command;
use crate::text::counted;
use crate::validation::Reclaimed;

use super::{Runtime, blocking};

impl Runtime {
    /// Says something to whoever drafts.
    pub(super) async fn steer(&self, call: &Call, asked: SteerRequest) -> Result<SessionView, Failure> {
        if asked.text.trim().is_empty() {
            let failure = Failure::new(FailureKind::Usage, "nothing was said");
            return Err(failure.hint(format!("paraph steer {} -m TEXT", asked.session)));
        }
        let command = Command::Steer { by: self.person(&call.client), text: asked.text.into() };
        self.command(call, asked.session, command).await
    }

    /// Checkouts are a cache of git's objects and of what runs left: no entry tells of them, and taking them away
    /// twice is as once.
    pub(super) async fn discard(&self, asked: DiscardRequest) -> Result<DiscardView, Failure> {
        let id = asked.session;
        let session = self.session(id).await?;
        let mut bases: BTreeMap<RepoKey, Vec<ObjectId>> = BTreeMap::new();
        let rebased = session.versions.iter().flat_map(|version| version.patch_sets.values());
        let rebased = rebased.filter_map(|set| set.drafted.rebased.as_ref());
        for snapshot in session.lanes.iter().filter_map(|lane| lane.snapshot.as_ref()).chain(rebased) {
            bases.entry(snapshot.key.clone()).or_default().push(snapshot.tree.clone());
        }
        let shared = self.shared.clone();
        let mut all = Reclaimed::default();
        for (key, trees) in bases {
            let shared = shared.clone();
            let reclaim = move || {
                let reclaimed = shared.ports.validator.discard(&key, &trees);
                reclaimed.map_err(|error| Failure::from_error(FailureKind::Failed, &error).hint("paraph doctor"))
            };
            let one = blocking(reclaim).await?;
            all.checkouts += one.checkouts;
            all.bytes += one.bytes;
            all.in_use += one.in_use;
        }
        if all.in_use > 0 && all.checkouts == 0 {
            let message = format!("a running check uses {} of session {id}", counted(all.in_use as usize, "checkout"));
            return Err(Failure::new(FailureKind::Refused, message).hint(format!("paraph pause {id}, then again")));
        }
        let Reclaimed { checkouts, bytes, in_use } = all;
        Ok(DiscardView { schema: "paraph.discard/1".to_owned(), session: id, checkouts, bytes, in_use })
    }
}
