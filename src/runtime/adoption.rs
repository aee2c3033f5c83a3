//! Adopted work when its next version is looked for.

use crate::id::LaneId;
use crate::repository::{Base, Earlier, Snapshot, Vcs, VcsError};
use crate::session::Session;

/// What a lane of adopted work is now: compared with what its versions are compared with.
///
/// # Errors
/// As [`Vcs::next_snapshot`].
pub(super) fn next_snapshot(vcs: &dyn Vcs, session: &Session, lane: LaneId) -> Result<Snapshot, VcsError> {
    let index = usize::from(lane.0);
    let no_lane = || VcsError::NotARepository(format!("lane {index} of session {}", session.asked.id));
    let known = session.lane(lane).ok_or_else(no_lane)?;
    let first = known.snapshot.as_ref().or_else(|| session.asked.lanes.get(index)?.snapshot.as_ref());
    match (first, &known.base) {
        (Some(first), Base::Of(work)) => {
            let newest = session.current(lane).and_then(|(version, _)| session.base_of(lane, version));
            vcs.next_snapshot(&known.source, work, Earlier { first, newest: newest.unwrap_or(first) })
        }
        (None, _) | (_, Base::Head | Base::Rev(_) | Base::Dirty) => vcs.snapshot(&known.source, &known.base),
    }
}
