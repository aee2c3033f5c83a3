//! The real binary, killed and made to fail wherever it can be: what was acknowledged stays, what is owed is done once.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stderr)]

#[path = "support/den.rs"]
mod den;

#[path = "crash/deciding.rs"]
mod deciding;
#[cfg(debug_assertions)]
#[path = "crash/errors.rs"]
mod errors;
#[path = "crash/in_process.rs"]
mod in_process;
#[path = "crash/killed.rs"]
mod killed;
#[cfg(debug_assertions)]
#[path = "crash/picking.rs"]
mod picking;
#[cfg(debug_assertions)]
#[path = "crash/points.rs"]
mod points;
#[path = "support/speaker.rs"]
mod speaker;
#[cfg(debug_assertions)]
#[path = "crash/staged.rs"]
mod staged;
#[path = "crash/steered.rs"]
mod steered;
#[path = "crash/wish.rs"]
mod wish;

/// Does `work` for every one of `items`, three at a time; fails with all that failed.
#[track_caller]
fn for_each<T: Sync + std::fmt::Debug>(items: &[T], work: impl Fn(&T) + Sync) {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let failed = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, std::sync::atomic::Ordering::SeqCst)) {
                    let worked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(item)));
                    if let Err(panic) = worked {
                        let said = panic.downcast_ref::<String>().cloned();
                        let said = said.or_else(|| panic.downcast_ref::<&str>().map(|said| (*said).to_owned()));
                        let said = said.unwrap_or_default();
                        failed.lock().unwrap().push(format!("{item:?}: {said}"));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{} of {} failed:\n{}", failed.len(), items.len(), failed.join("\n---\n"));
}
