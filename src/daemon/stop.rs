//! Ending a daemon from outside: asks it, waits, and at last sends it a signal.

use std::time::Duration;

use tokio::net::UnixStream;

use crate::api::{Failure, FailureKind};

use super::client::Client;
use super::lock::{Holder, Lock};
use super::pauses::Pauses;
use super::place::Place;
use super::system;

/// How long a daemon that promised to leave may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a daemon may take to promise.
const ANSWER: Duration = Duration::from_secs(5);

/// How a daemon was ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stopped {
    /// There was none.
    NotRunning,
    /// It left; its process.
    Left(u32),
}

/// Ends the daemon of a home and waits until its lock is free. Works with a daemon of any version. What it owed goes
/// on at the next start.
///
/// # Errors
/// Where it does not end, or its socket belongs to somebody else.
pub async fn stop(place: &Place) -> Result<Stopped, Failure> {
    let pid = match serving(place).await? {
        Some(pid) => pid,
        // one that opens its store, or closes it, has no socket
        None => match Lock::signed(place) {
            Some((pid, Holder::Daemon)) if !Lock::is_free(place) => pid,
            _ => return Ok(Stopped::NotRunning),
        },
    };
    let asked =
        tokio::time::timeout(ANSWER, async { Client::connect(&place.address()?).await?.ask_to_leave(false).await });
    let promised = matches!(asked.await, Ok(Ok(())));
    if promised && freed(place, PATIENCE).await {
        return Ok(Stopped::Left(pid));
    }
    if Lock::is_free(place) {
        return Ok(Stopped::Left(pid));
    }
    // the process is the lock's holder, which only ends with it: the number was not given to another meanwhile
    let _gone_already = system::terminate(pid);
    if freed(place, PATIENCE).await {
        return Ok(Stopped::Left(pid));
    }
    let message = format!("the daemon of {} (process {pid}) does not end", place.home().display());
    Err(Failure::new(FailureKind::TimedOut, message).hint(format!("kill -9 {pid}")))
}

/// Ends the daemon of a home where it says that nobody else is there and that it owes nothing; whether it ended. One that
/// stays is left alone.
pub async fn stop_if_idle(place: &Place) -> bool {
    let Ok(address) = place.address() else { return false };
    let asked = tokio::time::timeout(ANSWER, async { Client::connect(&address).await?.ask_to_leave(true).await });
    matches!(asked.await, Ok(Ok(()))) && freed(place, PATIENCE).await
}

/// Waits until the lock is free.
pub(super) async fn freed(place: &Place, patience: Duration) -> bool {
    until(patience, || Lock::is_free(place)).await
}

/// Waits until that process has the lock no more: the next one may have taken it between two looks.
pub(super) async fn freed_by(place: &Place, pid: u32, patience: Duration) -> bool {
    let is_anothers = || Lock::signed(place).is_some_and(|(holder, _)| holder != pid);
    until(patience, || Lock::is_free(place) || is_anothers()).await
}

async fn until(patience: Duration, is_so: impl Fn() -> bool) -> bool {
    let mut pauses = Pauses::new(Duration::from_millis(2), Duration::from_millis(50));
    while !is_so() {
        if pauses.waited() > patience {
            return false;
        }
        pauses.pause().await;
    }
    true
}

/// The process behind the socket, as the system knows it.
async fn serving(place: &Place) -> Result<Option<u32>, Failure> {
    let Ok(stream) = UnixStream::connect(place.address()?).await else { return Ok(None) };
    let peer = stream.peer_cred().ok();
    Ok(peer.and_then(|peer| peer.pid()).and_then(|pid| u32::try_from(pid).ok()))
}
