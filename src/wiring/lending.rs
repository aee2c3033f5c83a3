//! The way to a service that is lent what it needs to ask models: whoever connects lends, so that a daemon which came
//! after another has the keys too.

use std::sync::Arc;

use async_trait::async_trait;

use crate::api::{ClientInfo, Connect, Failure, LendKeysRequest, Service, Start, ask};
use crate::daemon::Connector;
use crate::id::RequestId;

use super::House;

/// A connector that lends.
pub struct Lending {
    house: Arc<House>,
    connector: Connector,
}

impl Lending {
    pub(super) fn new(house: Arc<House>, connector: Connector) -> Self {
        Self { house, connector }
    }

    async fn lend(&self, service: &dyn Service) -> Result<(), Failure> {
        let keys = self.house.lendable();
        if keys.is_empty() {
            return Ok(());
        }
        let client = ClientInfo {
            name: "paraph".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            terminal: false,
            environment: std::collections::BTreeMap::new(),
            is_root: false,
        };
        let request = RequestId(self.house.ids().uuid());
        ask(service, request, &client, LendKeysRequest { keys }).await.map(drop)
    }
}

#[async_trait]
impl Connect for Lending {
    async fn connect(&self, start: Start) -> Result<Arc<dyn Service>, Failure> {
        let service = self.connector.connect(start).await?;
        // who only looks whether one runs asks for nothing
        if start != Start::Never {
            self.lend(service.as_ref()).await?;
        }
        Ok(service)
    }
}
