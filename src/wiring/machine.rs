//! What `doctor` is told of this machine, this user and this home's daemon.

use std::fs::File;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use crate::daemon::Place;
use crate::infrastructure::config::Config;
use crate::infrastructure::confinement::Confinement;
use crate::runtime::{ConfinementFacts, DaemonFacts, Home, MachineFacts};

use super::House;

impl House {
    /// Looks at the machine anew each time it is asked: it takes some milliseconds.
    pub(super) fn machine(&self) -> impl Fn() -> MachineFacts + Send + Sync + use<> {
        let (home, environment, program) = (self.home.clone(), self.environment.clone(), self.program.clone());
        move || {
            let config = Config::load(&environment);
            MachineFacts {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                standing_in: std::env::current_dir().ok(),
                user_home: environment.get(std::ffi::OsStr::new("HOME")).map_or_else(|| "/".into(), PathBuf::from),
                confinement: ConfinementFacts::from(&Confinement::probe(program.clone())),
                config_path: config.path().map(ToOwned::to_owned),
                config_problems: config.problems().to_vec(),
                keys: config.keys().present().map(|(name, _)| name.to_owned()).collect(),
                daemon: daemon_of(&home),
                environment: environment.clone(),
            }
        }
    }
}

/// Who holds the home's lock and says to be its daemon, and whether somebody listens.
fn daemon_of(home: &Home) -> DaemonFacts {
    let place = Place::new(home.root(), None);
    let lock = File::open(home.run().join("lock"));
    let held = lock.is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(std::fs::TryLockError::WouldBlock)));
    let said = std::fs::read(place.facts()).ok();
    let said = said.and_then(|bytes| serde_json::from_slice::<crate::daemon::DaemonFacts>(&bytes).ok());
    match said {
        // a command that works in its own process holds the lock too, and leaves no word
        Some(said) if held => match UnixStream::connect(place.socket()) {
            Err(error) if error.kind() != std::io::ErrorKind::InvalidInput => {
                DaemonFacts::Silent { why: format!("process {} has the home and does not answer: {error}", said.pid) }
            }
            _ => DaemonFacts::Running { pid: said.pid, version: said.version },
        },
        _ => DaemonFacts::NotRunning,
    }
}
