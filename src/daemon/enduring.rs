//! A service that outlives its daemon: where the one that answered went, the way is gone again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt as _;
use tokio::sync::OnceCell;

use crate::api::{Call, Connect, Failure, FailureKind, Notice, NoticeStream, Reply, Service, Start};

use super::pauses::Pauses;

/// The pauses before a daemon that went is looked for again.
const SOON: Duration = Duration::from_millis(5);
const LATER: Duration = Duration::from_millis(200);
/// How long one after the other may go before it answers. // several clients that find other settings each ask for room,
/// and on a busy machine the one that leaves takes seconds to close its store
const LEAVING: Duration = Duration::from_secs(10);

type Reached = Arc<OnceCell<Arc<dyn Service>>>;

/// The service at the end of a way, found when it is first needed and again whenever it went.
///
/// For programs that stay, such as the screens: they are there before the daemon is, and after it was killed. A call
/// whose daemon went is sent again to the next one; its id keeps it from counting twice. One that is just leaving may be
/// met once or twice more before the next is there.
///
/// A daemon that left because it was asked to is not started again by mere listening: somebody wanted it stopped. It
/// is by the next call, because then a person wants something of it.
pub struct Enduring {
    way: Arc<dyn Connect>,
    start: Start,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// Those who need a service at the same time wait for one connection.
    reached: Reached,
    /// Whether the last one said goodbye.
    said_goodbye: bool,
}

impl Enduring {
    /// A service at the end of `way`. Nothing is reached before it is needed.
    #[must_use]
    pub fn new(way: Arc<dyn Connect>, start: Start) -> Self {
        Self { way, start, state: Arc::default() }
    }

    async fn reach(&self, start: Start) -> Result<(Reached, Arc<dyn Service>), Failure> {
        let cell = state(&self.state).reached.clone();
        let service = cell.get_or_try_init(|| self.way.connect(start)).await?.clone();
        Ok((cell, service))
    }
}

/// A way whose services outlive their daemon, for programs that do one thing: what cannot be reached is said at once.
pub struct Steadfast(Arc<dyn Connect>);

impl Steadfast {
    /// The same way; its services go on with the next daemon where one may be started.
    #[must_use]
    pub fn new(way: Arc<dyn Connect>) -> Self {
        Self(way)
    }
}

#[async_trait]
impl Connect for Steadfast {
    async fn connect(&self, start: Start) -> Result<Arc<dyn Service>, Failure> {
        if start != Start::IfNeeded {
            return self.0.connect(start).await;
        }
        let service = Enduring::new(self.0.clone(), start);
        service.reach(start).await?;
        Ok(Arc::new(service))
    }
}

fn state(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Forgets the service behind `gone`, unless another one took its place already.
fn forget(shared: &Mutex<State>, gone: &Reached) {
    let mut state = state(shared);
    if Arc::ptr_eq(&state.reached, gone) {
        state.reached = Reached::default();
    }
}

fn is_gone(failure: &Failure) -> bool {
    failure.kind == FailureKind::Unreachable
}

#[async_trait]
impl Service for Enduring {
    async fn call(&self, call: Call) -> Result<Reply, Failure> {
        let mut pauses = Pauses::new(SOON, LATER);
        loop {
            let (cell, service) = self.reach(self.start).await?;
            match service.call(call.clone()).await {
                Err(failure) if is_gone(&failure) => {
                    forget(&self.state, &cell);
                    if pauses.waited() >= LEAVING {
                        return Err(failure);
                    }
                    pauses.pause().await;
                }
                answered => return answered,
            }
        }
    }

    async fn notices(&self) -> Result<NoticeStream, Failure> {
        let start = match self.start {
            Start::IfNeeded if state(&self.state).said_goodbye => Start::Never,
            start => start,
        };
        let (cell, service) = self.reach(start).await?;
        let stream = service.notices().await.inspect_err(|failure| {
            if is_gone(failure) {
                forget(&self.state, &cell);
            }
        })?;
        state(&self.state).said_goodbye = false;
        let (shared, ended) = (self.state.clone(), self.state.clone());
        let told = stream.inspect(move |notice| {
            state(&shared).said_goodbye |= *notice == Notice::Leaving;
        });
        // the stream ends when the daemon does, however it does
        let end = futures::stream::once(async move { forget(&ended, &cell) });
        Ok(told.map(Some).chain(end.map(|()| None)).filter_map(std::future::ready).boxed())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

    use super::*;
    use crate::api::{ClientInfo, ListRequest, Request};
    use crate::id::{Ids as _, RandomIds, RequestId};

    /// A way to services of which each answers so many calls.
    #[derive(Default)]
    struct Way {
        connected: AtomicU32,
        starts: Mutex<Vec<Start>>,
        says_goodbye: AtomicBool,
    }

    struct Mortal {
        lives: AtomicBool,
        says_goodbye: bool,
    }

    #[async_trait]
    impl Connect for Way {
        async fn connect(&self, start: Start) -> Result<Arc<dyn Service>, Failure> {
            self.connected.fetch_add(1, Ordering::SeqCst);
            self.starts.lock().expect("nobody panics with it").push(start);
            let says_goodbye = self.says_goodbye.load(Ordering::SeqCst);
            Ok(Arc::new(Mortal { lives: AtomicBool::new(true), says_goodbye }))
        }
    }

    #[async_trait]
    impl Service for Mortal {
        async fn call(&self, _call: Call) -> Result<Reply, Failure> {
            let kind = if self.lives.swap(false, Ordering::SeqCst) {
                FailureKind::NotFound // a word of its own: it answered
            } else {
                FailureKind::Unreachable
            };
            Err(Failure::new(kind, "one answer is all"))
        }

        async fn notices(&self) -> Result<NoticeStream, Failure> {
            let last = self.says_goodbye.then_some(Notice::Leaving);
            Ok(futures::stream::iter([Some(Notice::Missed), last].into_iter().flatten()).boxed())
        }
    }

    async fn called(service: &Enduring) -> FailureKind {
        let request = Request::List(ListRequest::default());
        let call = Call { id: RequestId(RandomIds.uuid()), client: ClientInfo::default(), request };
        service.call(call).await.expect_err("the fake never succeeds").kind
    }

    #[tokio::test]
    async fn a_call_reaches_the_next_service_where_the_first_went() {
        let way = Arc::new(Way::default());
        let service = Enduring::new(way.clone(), Start::IfNeeded);
        assert_eq!(way.connected.load(Ordering::SeqCst), 0, "nothing is reached before it is needed");
        for connections in 1..4 {
            assert_eq!(called(&service).await, FailureKind::NotFound);
            assert_eq!(way.connected.load(Ordering::SeqCst), connections);
        }
    }

    #[tokio::test]
    async fn a_call_that_nobody_answers_ends() {
        struct Nobody;
        #[async_trait]
        impl Connect for Nobody {
            async fn connect(&self, _start: Start) -> Result<Arc<dyn Service>, Failure> {
                Ok(Arc::new(Mortal { lives: AtomicBool::new(false), says_goodbye: false }))
            }
        }
        assert_eq!(called(&Enduring::new(Arc::new(Nobody), Start::IfNeeded)).await, FailureKind::Unreachable);
    }

    #[tokio::test]
    async fn listening_starts_none_after_a_goodbye_and_a_call_does() {
        for (says_goodbye, listening) in [(false, Start::IfNeeded), (true, Start::Never)] {
            let way = Arc::new(Way::default());
            way.says_goodbye.store(says_goodbye, Ordering::SeqCst);
            let service = Enduring::new(way.clone(), Start::IfNeeded);
            let heard: Vec<_> = service.notices().await.expect("a stream").collect().await;
            assert_eq!(heard.len(), if says_goodbye { 2 } else { 1 });
            let _stream = service.notices().await.expect("a stream");
            assert_eq!(*way.starts.lock().expect("nobody panics with it"), [Start::IfNeeded, listening]);
        }
        let way = Arc::new(Way::default());
        way.says_goodbye.store(true, Ordering::SeqCst);
        let service = Enduring::new(way.clone(), Start::IfNeeded);
        let _heard: Vec<_> = service.notices().await.expect("a stream").collect().await;
        called(&service).await;
        assert_eq!(*way.starts.lock().expect("nobody panics with it"), [Start::IfNeeded; 2]);
    }
}
