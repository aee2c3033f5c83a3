//! What stands beside the runtime in its process: its log, the readable records, and a look at the machine.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::Arc;

use futures::StreamExt as _;

use crate::api::{ClientInfo, Notice, Service, ShowRequest, TimelineRequest, ask};
use crate::daemon::Client;
use crate::id::{RequestId, SessionId, SessionRef};
use crate::infrastructure::confinement::Confinement;
use crate::infrastructure::logging::{LogFormat, LogGuard, LogOptions, start};
use crate::runtime::{ConfinementFacts, DaemonFacts, Home, MachineFacts, Runtime, records};
use crate::session::State;
use crate::text::SecretMask;

use super::House;

impl House {
    pub(super) fn user_home(&self) -> PathBuf {
        self.environment.get(OsStr::new("HOME")).map_or_else(|| PathBuf::from("/"), PathBuf::from)
    }

    /// Begins to log to the home's folder; without logs the program goes on.
    pub(super) fn log(&self) -> Option<LogGuard> {
        let asked = self.config().settings().log;
        let filter = self.environment.get(OsStr::new("PARAPH_LOG")).and_then(|text| text.to_str());
        self.home.create().ok()?;
        start(LogOptions {
            folder: self.home.logs(),
            format: if asked.json { LogFormat::Json } else { LogFormat::Text },
            level: asked.level,
            filter: filter.map(str::to_owned),
            files: asked.files,
            bytes: asked.bytes,
            mask: Arc::new(SecretMask::new(self.config().keys().to_mask())),
            clock: self.clock.clone(),
        })
        .ok()
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
        let place = self.place();
        let asked = std::thread::spawn(move || {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
                return DaemonFacts::NotRunning;
            };
            runtime.block_on(async {
                let Ok(address) = place.address() else { return DaemonFacts::NotRunning };
                let Ok(client) = Client::connect(&address).await else { return DaemonFacts::NotRunning };
                let patience = std::time::Duration::from_millis(800);
                match tokio::time::timeout(patience, client.facts()).await {
                    Ok(Ok(facts)) => DaemonFacts::Running { pid: facts.pid, version: facts.version },
                    Ok(Err(failure)) => DaemonFacts::Silent { why: failure.message },
                    Err(_) => DaemonFacts::Silent { why: "it does not answer".to_owned() },
                }
            })
        });
        asked.join().unwrap_or(DaemonFacts::NotRunning)
    }

    /// Writes the readable record of every session that comes to an end, for as long as the runtime lives.
    pub(super) fn keep_records(&self, runtime: Runtime, home: Home) {
        let ids = self.ids.clone();
        tokio::spawn(async move {
            let mut notices = runtime.unseen_notices();
            while let Some(notice) = notices.next().await {
                let Notice::SessionChanged { row } = notice else { continue };
                if !State::named(&row.state).is_some_and(records::is_due) {
                    continue;
                }
                let request = || RequestId(ids.uuid());
                if let Err(failure) = keep(&runtime, &home, row.id, request).await {
                    tracing::warn!(%failure, session = %row.id, "its record was not written");
                }
            }
        });
    }
}

async fn keep(
    runtime: &dyn Service,
    home: &Home,
    id: SessionId,
    request: impl Fn() -> RequestId,
) -> Result<(), crate::api::Failure> {
    let client = ClientInfo { name: "record".to_owned(), ..ClientInfo::default() };
    let whole = ShowRequest { session: SessionRef { session: id, version: None } };
    let session = ask(runtime, request(), &client, whole).await?;
    let timeline = ask(runtime, request(), &client, TimelineRequest { session: id }).await?;
    let home = home.clone();
    let written = tokio::task::spawn_blocking(move || records::write(&home, &session, &timeline.entries)).await;
    match written {
        Ok(Ok(_)) | Err(_) => Ok(()),
        Ok(Err(error)) => Err(crate::api::Failure::from_error(crate::api::FailureKind::Failed, &error)),
    }
}
