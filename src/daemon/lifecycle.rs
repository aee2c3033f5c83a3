//! The life of a daemon: takes the lock, opens the service, serves, and leaves when nobody needs it.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::BoxFuture;
use tokio::net::UnixListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::api::{Failure, FailureKind, Service};
use crate::clock::Clock;
use crate::id::{HostPath, Ids};

use super::attendance::Attendance;
use super::client::Client;
use super::facts::{DaemonFacts, PROTOCOL};
use super::lock::{Holder, Lock};
use super::pauses::Pauses;
use super::place::Place;
use super::routes::House;
use super::{server, system};

/// How long a daemon stays after its last client, where nothing is owed.
pub const IDLE: Duration = Duration::from_secs(15 * 60);
/// How often a daemon looks whether it is still needed and its home still there.
const LOOK: Duration = Duration::from_secs(60);
/// How long a daemon that cannot have the lock yet waits for the one before it to leave or to answer.
const TURN: Duration = Duration::from_secs(60);
/// How long a process that ends may take between its files.
const PARTING: Duration = Duration::from_millis(20);

/// A service in process, and what its host must know of it.
#[async_trait]
pub trait Hosted: Service {
    /// Whether something runs or is owed now: then the daemon stays.
    ///
    /// # Errors
    /// A [`Failure`] where the core has ended: then the daemon leaves.
    async fn owes(&self) -> Result<bool, Failure>;

    /// Resolves when the core has ended by itself: it can record no more, or its store must be built again.
    async fn ended(&self) {
        std::future::pending().await
    }

    /// Makes everything durable and ends. A second call does nothing.
    async fn stop(&self);
}

/// Opens the service over a home whose lock is held; called once.
pub type Open = Arc<dyn Fn() -> BoxFuture<'static, Result<Arc<dyn Hosted>, Failure>> + Send + Sync>;

/// What a daemon is made of.
pub struct Setup {
    /// Where it is met.
    pub place: Place,
    /// Its version.
    pub version: String,
    /// Whether it leaves the terminal that it was started from.
    pub detach: bool,
    /// How long it stays after the last client: [`IDLE`].
    pub idle: Duration,
    /// What its client says that its settings are: [`super::STARTED_WITH`]; empty for one that a person runs.
    pub settings: String,
    /// For its start time.
    pub clock: Arc<dyn Clock>,
    /// For requests that bring no id.
    pub ids: Arc<dyn Ids>,
    /// Opens the service.
    pub open: Open,
}

/// Why a daemon ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Left {
    /// It was asked to, by a client or a signal.
    Asked,
    /// Nobody was there any more, and nothing was owed.
    Idle,
    /// Its home was removed or replaced.
    HomeGone,
    /// Its core ended: the next daemon opens and verifies everything again.
    CoreEnded,
    /// Another daemon serves this home: the process named.
    AnotherServes(u32),
}

/// Runs the daemon of a home until it leaves, in a process that ends then: it keeps the lock to its very end, because
/// files of the store may stay open so long. Where another daemon serves already, that is an answer, not a failure.
///
/// # Errors
/// Where the home is in use by something else, the service does not open, or the socket cannot be made.
pub async fn run(setup: Setup) -> Result<Left, Failure> {
    let (left, lock) = host(setup).await?;
    std::mem::forget(lock);
    Ok(left)
}

/// The same in a process that goes on: the home is free when this returns.
///
/// # Errors
/// As [`run`].
pub async fn run_within(setup: Setup) -> Result<Left, Failure> {
    host(setup).await.map(|(left, _freed)| left)
}

async fn host(setup: Setup) -> Result<(Left, Option<Lock>), Failure> {
    if setup.detach {
        system::leave_terminal();
    }
    let signals = Signals::new().map_err(|error| failed("watch for signals", &error))?;
    let lock = match turn(&setup.place).await? {
        Turn::Ours(lock) => lock,
        Turn::AnotherServes(pid) => return Ok((Left::AnotherServes(pid), None)),
    };
    // one that comes to its turn so late that its client was served by another, which has left since, is not wanted
    if setup.detach && system::who_waited_left() {
        return Ok((Left::Idle, Some(lock)));
    }
    let hosted = (setup.open)().await?;
    let left = serve(&setup, &lock, hosted.clone(), signals).await;
    hosted.stop().await;
    Ok((left?, Some(lock)))
}

async fn serve(setup: &Setup, lock: &Lock, hosted: Arc<dyn Hosted>, signals: Signals) -> Result<Left, Failure> {
    let facts = DaemonFacts {
        version: setup.version.clone(),
        protocol: PROTOCOL,
        pid: std::process::id(),
        home: HostPath::new(setup.place.home()),
        started: setup.clock.now(),
        settings: setup.settings.clone(),
    };
    let attendance = Arc::new(Attendance::new(setup.clock.clone()));
    let house = Arc::new(House { hosted, ids: setup.ids.clone(), clock: setup.clock.clone(), facts, attendance });
    let listener = Listening::new(&setup.place, &house.facts)?;
    if setup.detach {
        system::tell_who_waits();
    }
    let serving = server::serve(&listener.listener, house.clone());
    tokio::pin!(serving);
    let why = tokio::select! {
        () = &mut serving => return Ok(Left::Asked),
        why = reason(setup, lock, &house, signals) => why,
    };
    // new clients shall not find this one any more; those that are here are told
    drop(listener.sign);
    house.attendance.leave();
    serving.await;
    Ok(why)
}

/// Waits for a reason to leave.
async fn reason(setup: &Setup, lock: &Lock, house: &House, mut signals: Signals) -> Left {
    // often enough for short settings, and hardly ever otherwise
    let look = LOOK.min(setup.idle / 4).max(Duration::from_millis(10));
    loop {
        tokio::select! {
            () = house.attendance.left() => return Left::Asked,
            () = signals.any() => return Left::Asked,
            () = house.hosted.ended() => return Left::CoreEnded,
            () = tokio::time::sleep(look) => {}
        }
        if !lock.stands() {
            return Left::HomeGone;
        }
        let quiet = house.attendance.quiet_for().is_some_and(|quiet| quiet >= setup.idle);
        if quiet && !house.hosted.owes().await.unwrap_or(false) {
            return Left::Idle;
        }
    }
}

enum Turn {
    Ours(Lock),
    AnotherServes(u32),
}

/// Waits for the lock, or for the one that holds it to answer.
async fn turn(place: &Place) -> Result<Turn, Failure> {
    let mut pauses = Pauses::new(Duration::from_millis(5), Duration::from_millis(200));
    loop {
        if let Some(lock) = Lock::try_take(place, Holder::Daemon)? {
            if pauses.waited() > Duration::ZERO {
                // a process that ends gives the lock back a moment before the files of its store
                tokio::time::sleep(PARTING).await;
            }
            return Ok(Turn::Ours(lock));
        }
        if let Ok(client) = Client::connect(&place.address()?).await
            && let Ok(facts) = client.facts().await
        {
            return Ok(Turn::AnotherServes(facts.pid));
        }
        let patience = match Lock::signed(place) {
            Some((_, Holder::Other)) => Duration::from_secs(1),
            _ => TURN,
        };
        if pauses.waited() > patience {
            return Err(Lock::held(place));
        }
        pauses.pause().await;
    }
}

struct Listening {
    listener: UnixListener,
    sign: Sign,
}

/// The files that say where a daemon is; removed with the value, unless they are another's by then.
struct Sign {
    place: Place,
    socket: (u64, u64),
}

impl Listening {
    /// Binds the socket, in place of a stale one, and says who serves. The lock must be held.
    fn new(place: &Place, facts: &DaemonFacts) -> Result<Self, Failure> {
        let (socket, address) = (place.socket(), place.address()?);
        match fs::remove_file(&socket) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed(&format!("remove the stale socket {}", socket.display()), &error));
            }
            _ => {}
        }
        let listener = UnixListener::bind(&address)
            .map_err(|error| failed(&format!("listen at {}", address.display()), &error))?;
        let signed = fs::set_permissions(&socket, fs::Permissions::from_mode(0o600))
            .and_then(|()| write_private(&place.facts(), facts))
            .and_then(|()| identity(&socket));
        let socket = signed.map_err(|error| failed(&format!("make {} private", socket.display()), &error))?;
        Ok(Self { listener, sign: Sign { place: place.clone(), socket } })
    }
}

impl Drop for Sign {
    fn drop(&mut self) {
        if identity(&self.place.socket()).is_ok_and(|found| found == self.socket) {
            // what is left lying is stale, and the next daemon's to remove
            let _ = fs::remove_file(self.place.socket());
            let _ = fs::remove_file(self.place.facts());
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let found = fs::symlink_metadata(path)?;
    Ok((found.dev(), found.ino()))
}

fn write_private(path: &Path, facts: &DaemonFacts) -> io::Result<()> {
    let fresh = path.with_extension("new");
    let _ = fs::remove_file(&fresh);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
    writeln!(file, "{}", serde_json::to_string(facts).expect("plain data serialises"))?;
    fs::rename(&fresh, path)
}

/// The signals that end a daemon cleanly.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn any(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}

fn failed(what: &str, error: &io::Error) -> Failure {
    Failure::new(FailureKind::Failed, format!("cannot {what}: {error}")).hint("paraph doctor")
}
