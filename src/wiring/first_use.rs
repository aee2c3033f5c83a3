//! Adapters that are made beside the start, or when they are first needed: a daemon answers before its rules are
//! compiled and its confinement was tried.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;

use crate::cancel::Cancel;
use crate::proposal::{Brief, Draft, EngineError, ProposalEngine};
use crate::validation::{Progress, ValidationJob, ValidationResult, Validator, ValidatorError};

/// An adapter that is made once, on a thread that may block.
pub(super) struct FirstUse<T> {
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    make: Box<dyn Fn() -> T + Send + Sync>,
    made: OnceLock<T>,
}

impl<T: Send + Sync + 'static> FirstUse<T> {
    pub(super) fn new(make: impl Fn() -> T + Send + Sync + 'static) -> Self {
        Self { shared: Arc::new(Shared { make: Box::new(make), made: OnceLock::new() }) }
    }

    /// Makes it now, beside everything else.
    pub(super) fn begin(&self) {
        let shared = self.shared.clone();
        // whoever needs it waits for it; nobody waits for this
        drop(tokio::task::spawn_blocking(move || {
            shared.made.get_or_init(&shared.make);
        }));
    }

    async fn get(&self) -> &T {
        if self.shared.made.get().is_none() {
            let shared = self.shared.clone();
            let made = tokio::task::spawn_blocking(move || {
                shared.made.get_or_init(&shared.make);
            });
            if let Err(error) = made.await {
                tracing::warn!(%error, "an adapter was not made; tried again where it is needed");
            }
        }
        self.shared.made.get_or_init(&self.shared.make)
    }
}

#[async_trait]
impl<T: Validator + 'static> Validator for FirstUse<T> {
    async fn validate(
        &self,
        job: &ValidationJob,
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<ValidationResult, ValidatorError> {
        self.get().await.validate(job, progress, cancel).await
    }
}

#[async_trait]
impl<T: ProposalEngine + 'static> ProposalEngine for FirstUse<T> {
    async fn draft(&self, brief: &Brief, cancel: &Cancel) -> Result<Draft, EngineError> {
        self.get().await.draft(brief, cancel).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn it_is_made_once_and_not_before() {
        let made = Arc::new(AtomicU32::new(0));
        let count = made.clone();
        let number = FirstUse::new(move || count.fetch_add(1, Ordering::SeqCst) + 7);
        assert_eq!(made.load(Ordering::SeqCst), 0);
        number.begin();
        let (one, other) = tokio::join!(number.get(), number.get());
        assert_eq!((*one, *other, made.load(Ordering::SeqCst)), (7, 7, 1));
    }
}
