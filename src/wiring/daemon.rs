//! The daemon's adapters: this process's runtime as its service, and processes that outlive this one.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use futures::FutureExt as _;
use futures::future::BoxFuture;

use crate::api::Failure;
use crate::daemon::{Connector, ConnectorParts, Hosted, Launch, LaunchPlan, Launched, Open, Place, Setup};
use crate::infrastructure::process::{Detached, detached};
use crate::repository::GIT_VARIABLES;
use crate::runtime::Runtime;

use super::{House, Lending};

/// The variable that tells a daemon that it was started by a client.
const DETACHED: &str = "PARAPH_DETACHED";

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
    fn ended(&mut self) -> io::Result<Option<String>> {
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
            clock: self.clock.clone(),
            ids: self.ids.clone(),
            open: self.opener(),
        }
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
