//! What stands beside the runtime in its process: its log, and a look at the machine.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::PoisonError;

use crate::api::{Failure, FailureKind};
use crate::daemon::Client;
use crate::infrastructure::confinement::Confinement;
use crate::infrastructure::logging::{LogError, LogFormat, LogGuard, LogOptions, start};
use crate::runtime::{ConfinementFacts, DaemonFacts, Home, MachineFacts};

use super::House;

impl House {
    pub(super) fn user_home(&self) -> PathBuf {
        self.environment.get(OsStr::new("HOME")).map_or_else(|| PathBuf::from("/"), PathBuf::from)
    }

    /// Begins to log to the folder of `home`, once for this process. Where the folder cannot be written the program goes
    /// on without logs and says so; [`House::close`] writes what waits.
    ///
    /// # Errors
    /// A [`Failure`] where `PARAPH_LOG` makes no sense: what was asked for would be missing when it is needed.
    pub(super) fn log(&self, home: &Home) -> Result<(), Failure> {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if log.is_some() || home.create().is_err() {
            return Ok(());
        }
        match self.logs_in(home) {
            Ok(guard) => *log = Some(guard),
            Err(error @ LogError::Filter { .. }) => {
                return Err(Failure::new(FailureKind::Usage, error.to_string()).hint(error.hint()));
            }
            // somebody else's subscriber hears it, where there is one
            Err(error) => tracing::warn!(%error, "nothing is logged to the home"),
        }
        Ok(())
    }

    fn logs_in(&self, home: &Home) -> Result<LogGuard, LogError> {
        let asked = self.config().settings().log;
        let filter = self.environment.get(OsStr::new("PARAPH_LOG")).map(|text| text.to_string_lossy().into_owned());
        start(LogOptions {
            folder: home.logs(),
            format: if asked.json { LogFormat::Json } else { LogFormat::Text },
            level: asked.level,
            filter,
            files: asked.files,
            bytes: asked.bytes,
            mask: self.mask(),
            clock: self.clock.clone(),
        })
    }

    /// Looks at the machine, for `doctor`.
    pub(super) fn machine(&self) -> MachineFacts {
        let config = self.config();
        MachineFacts {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            environment: self.environment.clone(),
            standing_in: std::env::current_dir().ok(),
            user_home: self.user_home(),
            private: self.private(&self.home),
            confinement: ConfinementFacts::from(&Confinement::probe(self.program.clone())),
            config_path: config.path().map(ToOwned::to_owned),
            config_problems: config.problems().to_vec(),
            keys: config.keys().present().map(|(name, _)| name.to_owned()).collect(),
            daemon: self.daemon_facts(),
        }
    }

    /// Asks the daemon of this home who it is. Blocks; on a thread of its own, so that no runtime is in the way.
    fn daemon_facts(&self) -> DaemonFacts {
        let (place, settings) = (self.place(), self.settings_digest());
        let asked = std::thread::spawn(move || {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
                return DaemonFacts::NotRunning;
            };
            runtime.block_on(async {
                let Ok(address) = place.address() else { return DaemonFacts::NotRunning };
                let Ok(client) = Client::connect(&address).await else { return DaemonFacts::NotRunning };
                let patience = std::time::Duration::from_millis(800);
                match tokio::time::timeout(patience, client.facts()).await {
                    Ok(Ok(facts)) => {
                        let is_stale = facts.has_other_settings(&settings);
                        DaemonFacts::Running { pid: facts.pid, version: facts.version, is_stale }
                    }
                    Ok(Err(failure)) => DaemonFacts::Silent { why: failure.message },
                    Err(_) => DaemonFacts::Silent { why: "it does not answer".to_owned() },
                }
            })
        });
        asked.join().unwrap_or(DaemonFacts::NotRunning)
    }
}
