//! Notices on their way to one client: at most a hundred a second of each session, then an end that can be seen.
//!
//! Nothing happens while nobody listens. A client that reads slowly falls behind in the service's own stream, which
//! tells it with [`Notice::Missed`]; nothing piles up here but the newest row of each session.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use futures::stream::{BoxStream, Stream, StreamExt as _};

use crate::api::{Failure, Notice, NoticeStream};
use crate::clock::Clock;
use crate::id::SessionId;

use super::attendance::Visit;
use super::routes::House;

/// The least time between two notices about one thing: 100 a second.
const WINDOW: Duration = Duration::from_millis(10);
/// The pause after which an idle stream proves that it lives.
const KEEP_ALIVE: Duration = Duration::from_secs(60);
/// Things remembered before the forgotten ones are swept out.
const REMEMBERED: usize = 256;

/// The answer to `GET /v1/notices`.
pub(super) async fn stream(
    house: &Arc<House>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>> + Send + use<>>, Failure> {
    let visitor = house.attendance.enter(Visit::Listen);
    let notices = house.hosted.notices().await?;
    let events = until(throttled(notices, WINDOW, house.clock.clone()), house.attendance.left()).map(move |notice| {
        let _listening = &visitor;
        Ok(Event::default().json_data(&notice).expect("plain data serialises"))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

/// The stream until `left` is done or it ends, with one [`Notice::Leaving`] last.
fn until(
    notices: impl Stream<Item = Notice> + Send + 'static,
    left: impl Future<Output = ()> + Send + 'static,
) -> BoxStream<'static, Notice> {
    let told = notices.take_while(|notice| std::future::ready(*notice != Notice::Leaving));
    told.take_until(left).chain(futures::stream::iter([Notice::Leaving])).boxed()
}

/// What notices replace each other: only the newest of them counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Thing {
    Session(SessionId),
    Log(SessionId, String),
}

impl Thing {
    fn of(notice: &Notice) -> Option<Self> {
        match notice {
            Notice::SessionChanged { row } => Some(Self::Session(row.id)),
            Notice::LogGrew { session, check, .. } => Some(Self::Log(*session, check.clone())),
            Notice::CheckStarted { .. } | Notice::CheckFinished { .. } | Notice::Missed | Notice::Leaving => None,
        }
    }
}

struct Told {
    /// When, on the monotonic clock.
    at: Duration,
    held: Option<Notice>,
}

struct Throttle {
    clock: Arc<dyn Clock>,
    source: NoticeStream,
    window: Duration,
    told: BTreeMap<Thing, Told>,
    ended: bool,
}

/// Lets a notice pass at once, and the newest of those that follow within the window when it ends.
fn throttled(source: NoticeStream, window: Duration, clock: Arc<dyn Clock>) -> impl Stream<Item = Notice> + Send {
    let throttle = Throttle { clock, source, window, told: BTreeMap::new(), ended: false };
    futures::stream::unfold(throttle, |mut throttle| async move {
        let notice = throttle.next().await?;
        Some((notice, throttle))
    })
}

impl Throttle {
    async fn next(&mut self) -> Option<Notice> {
        loop {
            let due = self.told.iter().filter(|(_, told)| told.held.is_some()).min_by_key(|(_, told)| told.at);
            let due = due.map(|(thing, told)| (thing.clone(), told.at + self.window));
            if let Some((thing, at)) = due.clone().filter(|(_, at)| self.ended || *at <= self.clock.monotonic()) {
                return self.release(&thing, at);
            }
            if self.ended {
                return None;
            }
            let wait = due.as_ref().map(|(_, at)| at.saturating_sub(self.clock.monotonic()));
            tokio::select! {
                notice = self.source.next() => match notice {
                    None => self.ended = true,
                    Some(notice) => if let Some(notice) = self.admit(notice) { return Some(notice) },
                },
                () = tokio::time::sleep(wait.unwrap_or_default()), if wait.is_some() => {}
            }
        }
    }

    /// The notice, unless it has to wait.
    fn admit(&mut self, notice: Notice) -> Option<Notice> {
        let Some(thing) = Thing::of(&notice) else { return Some(notice) };
        let now = self.clock.monotonic();
        if self.told.len() > REMEMBERED {
            let window = self.window;
            self.told.retain(|_, told| told.held.is_some() || told.at + window > now);
        }
        match self.told.get_mut(&thing) {
            Some(told) if told.held.is_some() || told.at + self.window > now => {
                told.held = Some(notice);
                None
            }
            _ => {
                self.told.insert(thing, Told { at: now, held: None });
                Some(notice)
            }
        }
    }

    fn release(&mut self, thing: &Thing, due: Duration) -> Option<Notice> {
        let told = self.told.get_mut(thing)?;
        told.at = due.max(self.clock.monotonic());
        told.held.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::id::HostPath;

    fn grew(session: u64, size: u64) -> Notice {
        Notice::LogGrew { session: SessionId(session), check: "test".to_owned(), log: HostPath::new("/l"), size }
    }

    async fn passed(sent: Vec<Notice>) -> Vec<Notice> {
        throttled(futures::stream::iter(sent).boxed(), WINDOW, Arc::new(SystemClock::default())).collect().await
    }

    #[tokio::test]
    async fn of_a_burst_the_first_and_the_newest_pass() {
        let sent = (0..1000).map(|size| grew(1, size)).collect();
        let passed = passed(sent).await;
        assert!(passed.len() < 100, "{} passed", passed.len());
        assert_eq!((passed.first(), passed.last()), (Some(&grew(1, 0)), Some(&grew(1, 999))));
    }

    #[tokio::test]
    async fn sessions_do_not_wait_for_each_other() {
        let sent: Vec<_> = (0..1000).map(|session| grew(session, 0)).chain([Notice::Missed, Notice::Missed]).collect();
        assert_eq!(passed(sent.clone()).await, sent);
    }

    #[tokio::test]
    async fn a_held_notice_comes_when_its_window_ends() {
        let sent = futures::stream::iter([grew(1, 1), grew(1, 2)]).chain(futures::stream::pending()).boxed();
        let mut stream = throttled(sent, WINDOW, Arc::new(SystemClock::default())).boxed();
        assert_eq!(stream.next().await, Some(grew(1, 1)));
        assert_eq!(stream.next().await, Some(grew(1, 2)));
    }

    #[tokio::test]
    async fn every_stream_ends_with_one_farewell() {
        let ended = until(futures::stream::iter([Notice::Missed, Notice::Leaving]), std::future::pending());
        assert_eq!(ended.collect::<Vec<_>>().await, [Notice::Missed, Notice::Leaving]);
        let told = until(futures::stream::pending(), std::future::ready(()));
        assert_eq!(told.collect::<Vec<_>>().await, [Notice::Leaving]);
    }
}
