//! Who is about to post: the core lets them share a sync where one is due anyway, and waits for nobody else.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many requests are read and will be posted in a moment. Clones share the count.
#[derive(Debug, Clone, Default)]
pub(super) struct Coming(Arc<AtomicUsize>);

/// One of them, until it is posted or came to nothing.
#[derive(Debug)]
pub(super) struct OnTheWay(Coming);

impl Coming {
    /// One more.
    pub(super) fn one(&self) -> OnTheWay {
        self.0.fetch_add(1, Ordering::Relaxed);
        OnTheWay(self.clone())
    }

    /// Whether anybody is.
    pub(super) fn anybody(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}

impl Drop for OnTheWay {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}
