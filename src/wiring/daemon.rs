//! The daemon's adapters: this process's runtime as its service, and processes that outlive this one.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::Arc;

use async_trait::async_trait;
use futures::FutureExt as _;
use futures::future::BoxFuture;

use crate::api::Failure;
use crate::daemon::{
    Connector, ConnectorParts, Hosted, Launch, LaunchPlan, Launched, Open, Place, STARTED_WITH, Setup,
};
use crate::id::Digest;
use crate::infrastructure::process::{Detached, detached};
use crate::repository::GIT_VARIABLES;
use crate::runtime::Runtime;

use super::{House, Lending};

/// The variable that tells a daemon that it was started by a client.
const DETACHED: &str = "PARAPH_DETACHED";

/// Variables of other programs that a daemon reads once.
const READ_ONCE: [&str; 12] = [
    "ALL_PROXY",
    "ANTHROPIC_BASE_URL",
    "AUTO_MERGE_THRESHOLD",
    "HTTPS_PROXY",
    "NO_PROXY",
    "OLLAMA_HOST",
    "OPENAI_BASE_URL",
    "OPENAI_MODEL",
    "SSL_CERT_FILE",
    "all_proxy",
    "https_proxy",
    "no_proxy",
];

/// Variables of our own that say nothing of how a daemon works, or are its own.
const NOT_OF_A_DAEMON: [&str; 7] = [
    "PARAPH_HOME",
    "PARAPH_CONFIG",
    "PARAPH_LOG",
    "PARAPH_FAULT",
    "PARAPH_DETACHED",
    STARTED_WITH,
    "PARAPH_DAEMON_IDLE_SECONDS",
];

#[async_trait]
impl Hosted for Runtime {
    async fn owes(&self) -> Result<bool, Failure> {
        Self::owes(self).await
    }

    async fn ended(&self) {
        Self::ended(self).await;
    }

    async fn stop(&self) {
        Self::stop(self).await;
    }
}

/// Starts processes with the system's own means.
struct Processes;

impl Launch for Processes {
    fn launch(&self, plan: LaunchPlan) -> io::Result<Box<dyn Launched>> {
        let LaunchPlan { program, arguments, environment, directory, log } = plan;
        let process = detached(&program, &arguments, environment, &directory, &log)?;
        let input = process.input()?;
        input.set_nonblocking(true)?;
        let input = tokio::net::UnixStream::from_std(input)?;
        Ok(Box::new(Started { process, input }))
    }
}

struct Started {
    process: Detached,
    input: tokio::net::UnixStream,
}

impl Launched for Started {
    fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.process.ended()
    }

    fn settled(&mut self) -> BoxFuture<'_, ()> {
        async {
            // it never writes: readable means that it shut its end down, or is gone
            let _ = self.input.readable().await;
        }
        .boxed()
    }
}

impl House {
    /// The way to this home's service.
    #[must_use]
    pub fn connector(self: &Arc<Self>) -> Lending {
        let connector = Connector::new(ConnectorParts {
            place: self.place(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            settings: self.settings_digest(),
            program: self.program.clone(),
            environment: self.environment.clone().into_iter().collect(),
            passed_on: GIT_VARIABLES,
            launch: Arc::new(Processes),
            open: self.opener(),
        });
        Lending::new(self.clone(), connector)
    }

    /// What a daemon of this home is made of.
    pub(super) fn daemon(self: &Arc<Self>) -> Setup {
        let variables = self.variables();
        let minutes = self.config().settings().daemon_idle_minutes;
        Setup {
            place: self.place(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            detach: variables.contains_key(DETACHED),
            idle: std::time::Duration::from_secs(60 * minutes),
            settings: variables.get(STARTED_WITH).cloned().unwrap_or_default(),
            clock: self.clock.clone(),
            ids: self.ids.clone(),
            open: self.opener(),
        }
    }

    /// Names what a daemon of this environment reads at its start and not again: the configuration file and the variables
    /// that stand for settings, addresses and ways out.
    pub(super) fn settings_digest(&self) -> String {
        let file = self.config().path().and_then(|path| std::fs::read(path).ok()).unwrap_or_default();
        let mut all = Digest::of(&file).to_string();
        for (name, value) in self.variables() {
            let is_setting = name.starts_with("PARAPH_") && !NOT_OF_A_DAEMON.contains(&name.as_str());
            if (is_setting || READ_ONCE.contains(&name.as_str())) && !value.is_empty() {
                all.push_str(&format!("\n{name}={}", Digest::of(value.as_bytes())));
            }
        }
        Digest::of(all.as_bytes()).to_string()
    }

    pub(super) fn place(&self) -> Place {
        let runtime_dir = self.variables().get("XDG_RUNTIME_DIR").map(PathBuf::from);
        Place::new(self.home.root(), runtime_dir)
    }

    fn opener(self: &Arc<Self>) -> Open {
        let house = self.clone();
        Arc::new(move || {
            let house = house.clone();
            async move {
                let (runtime, notices) = house.open()?;
                for notice in notices {
                    tracing::warn!(notice, "on opening");
                }
                Ok(Arc::new(runtime) as Arc<dyn Hosted>)
            }
            .boxed()
        })
    }
}
