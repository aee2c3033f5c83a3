//! Who is there: calls under way, clients that listen, when the last one left, and whether the daemon leaves.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use crate::clock::Clock;

/// The daemon's register of visitors.
pub(super) struct Attendance {
    clock: Arc<dyn Clock>,
    calls: AtomicU64,
    listeners: AtomicU64,
    last_seen: std::sync::Mutex<Duration>,
    emptied: Notify,
    leaving: watch::Sender<bool>,
}

/// What a visitor does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Visit {
    /// Asks for something: keeps the daemon.
    Call,
    /// Asks how the daemon is: a status line that polls does not keep it.
    Glance,
    /// Listens to notices: keeps the daemon while it does.
    Listen,
}

impl Attendance {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let now = clock.monotonic();
        Self {
            clock,
            calls: AtomicU64::new(0),
            listeners: AtomicU64::new(0),
            last_seen: std::sync::Mutex::new(now),
            emptied: Notify::new(),
            leaving: watch::Sender::new(false),
        }
    }

    /// Registers a visitor until the value is dropped.
    pub(super) fn enter(self: &Arc<Self>, visit: Visit) -> Visitor {
        self.count(visit).fetch_add(1, Ordering::SeqCst);
        Visitor { of: self.clone(), visit }
    }

    fn count(&self, visit: Visit) -> &AtomicU64 {
        match visit {
            Visit::Call | Visit::Glance => &self.calls,
            Visit::Listen => &self.listeners,
        }
    }

    /// Clients that listen.
    pub(super) fn listeners(&self) -> u64 {
        self.listeners.load(Ordering::SeqCst)
    }

    /// Calls under way.
    pub(super) fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    /// For how long nobody was there; `None` while somebody is.
    pub(super) fn quiet_for(&self) -> Option<Duration> {
        let nobody = self.calls() == 0 && self.listeners() == 0;
        let last_seen = *self.last_seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        nobody.then(|| self.clock.monotonic().saturating_sub(last_seen))
    }

    /// Tells everybody that the daemon leaves.
    pub(super) fn leave(&self) {
        self.leaving.send_replace(true);
    }

    pub(super) fn is_leaving(&self) -> bool {
        *self.leaving.borrow()
    }

    /// Waits until the daemon leaves.
    pub(super) fn left(self: &Arc<Self>) -> impl Future<Output = ()> + Send + 'static {
        let mut leaving = self.leaving.subscribe();
        async move {
            // the sender lives as long as the register; if it is gone, so is the daemon
            let _ = leaving.wait_for(|leaving| *leaving).await;
        }
    }

    /// Waits until no call is under way.
    pub(super) async fn calls_ended(&self) {
        loop {
            let emptied = self.emptied.notified();
            if self.calls() == 0 {
                return;
            }
            emptied.await;
        }
    }
}

/// One visitor, while it is there.
pub(super) struct Visitor {
    of: Arc<Attendance>,
    visit: Visit,
}

impl Drop for Visitor {
    fn drop(&mut self) {
        if self.visit != Visit::Glance {
            let now = self.of.clock.monotonic();
            *self.of.last_seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = now;
        }
        self.of.count(self.visit).fetch_sub(1, Ordering::SeqCst);
        self.of.emptied.notify_waiters();
    }
}
