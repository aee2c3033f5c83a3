//! A wish to stop, handed down to whoever works.

use tokio_util::sync::CancellationToken;

/// A token that its owner cancels and workers look at; clones share one fate, children are also cancelled by
/// their parent.
#[derive(Debug, Clone, Default)]
pub struct Cancel(CancellationToken);

impl Cancel {
    /// A token nobody has cancelled.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A token that this one cancels, and that can be cancelled alone.
    #[must_use]
    pub fn child(&self) -> Self {
        Self(self.0.child_token())
    }

    /// Asks everybody who holds this token, or a child of it, to stop.
    pub fn cancel(&self) {
        self.0.cancel();
    }

    /// Whether somebody asked.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits until somebody asks. Safe to drop and call again.
    pub async fn cancelled(&self) {
        self.0.cancelled().await;
    }
}
