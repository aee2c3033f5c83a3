//! Waiting for another process: pauses that grow, and what they add up to.

use std::time::Duration;

/// Pauses that double up to a bound.
#[derive(Debug)]
pub(super) struct Pauses {
    next: Duration,
    longest: Duration,
    waited: Duration,
}

impl Pauses {
    /// The first pause takes `first`, none more than `longest`.
    pub(super) fn new(first: Duration, longest: Duration) -> Self {
        Self { next: first, longest, waited: Duration::ZERO }
    }

    /// All pauses so far.
    pub(super) fn waited(&self) -> Duration {
        self.waited
    }

    /// Takes the next pause.
    pub(super) async fn pause(&mut self) {
        tokio::time::sleep(self.next).await;
        self.waited += self.next;
        self.next = (self.next * 2).min(self.longest);
    }
}
