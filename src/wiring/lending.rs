//! The way to a service that is lent what it needs to ask models: whoever connects lends, so that a daemon which came
//! after another has the keys too.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::api::{
    Call, ClientInfo, Connect, Failure, FailureKind, LendKeysRequest, NoticeStream, Reply, Request, Service, Start, ask,
};
use crate::daemon::Connector;
use crate::id::RequestId;
use crate::infrastructure::llm::ModelName;

use super::House;

/// The pauses before one who left is looked for again: they double, and add up to ten seconds.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LAST_PAUSE: Duration = Duration::from_millis(5_120);

/// A connector that lends.
pub struct Lending {
    house: Arc<House>,
    connector: Connector,
}

impl Lending {
    pub(super) fn new(house: Arc<House>, connector: Connector) -> Self {
        Self { house, connector }
    }
}

/// A service that is lent the keys of models which only a request names, with that request.
struct Lent {
    house: Arc<House>,
    service: Arc<dyn Service>,
}

impl Lent {
    async fn lend(&self, others: &[ModelName]) -> Result<(), Failure> {
        let keys = self.house.lendable(others);
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
        ask(self.service.as_ref(), request, &client, LendKeysRequest { keys }).await.map(drop)
    }
}

#[async_trait]
impl Service for Lent {
    async fn call(&self, call: Call) -> Result<Reply, Failure> {
        if let Request::Run(run) = &call.request {
            // a name that is none is refused by who is asked
            let named = run.candidates.iter().filter_map(|candidate| ModelName::said(candidate.model.as_deref()?).ok());
            let named: Vec<ModelName> = named.collect();
            if !named.is_empty() {
                self.lend(&named).await?;
            }
        }
        self.service.call(call).await
    }

    async fn notices(&self) -> Result<NoticeStream, Failure> {
        self.service.notices().await
    }
}

#[async_trait]
impl Connect for Lending {
    async fn connect(&self, start: Start) -> Result<Arc<dyn Service>, Failure> {
        let mut pause = FIRST_PAUSE;
        loop {
            let service = match self.connector.connect(start).await {
                // what a daemon that did not start wrote into its log is known here in one sentence
                Err(failure) if start == Start::IfNeeded && failure.kind == FailureKind::Unreachable => {
                    return Err(self.house.unusable().unwrap_or(failure));
                }
                found => found?,
            };
            let lent = Lent { house: self.house.clone(), service };
            // who only looks whether one runs asks for nothing
            if start == Start::Never {
                return Ok(Arc::new(lent));
            }
            self.house.warn_of_old_settings();
            match lent.lend(&[]).await {
                // another client had it leave in between: there is a next one
                Err(failure) if failure.kind == FailureKind::Unreachable && pause <= LAST_PAUSE => {
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                lending => return lending.map(|()| Arc::new(lent) as Arc<dyn Service>),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::{Mutex, PoisonError};

    use super::*;
    use crate::api::{CandidateRequest, LentView, RunRequest};

    /// Keeps the names of what it is lent, and refuses everything else.
    #[derive(Default)]
    struct Heard(Mutex<Vec<String>>);

    #[async_trait]
    impl Service for Heard {
        async fn call(&self, call: Call) -> Result<Reply, Failure> {
            let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Request::LendKeys(lent) = call.request {
                heard.extend(lent.keys.into_keys());
                return Ok(Reply::LendKeys(LentView { taken: 1 }));
            }
            heard.push("the request".to_owned());
            Err(Failure::new(FailureKind::Refused, "it is only heard"))
        }

        async fn notices(&self) -> Result<NoticeStream, Failure> {
            Err(Failure::new(FailureKind::Refused, "nothing is told"))
        }
    }

    async fn check(candidate: &str, expected: &[&str]) {
        let folder = tempfile::tempdir().expect("a folder");
        let variables = BTreeMap::from([
            ("HOME".into(), folder.path().into()),
            ("ANTHROPIC_API_KEY".into(), "a-key-of-a-test".into()),
            ("OPENAI_API_KEY".into(), "another-key".into()),
        ]);
        let house = Arc::new(House::new(variables, "/paraph".into()).expect("a house"));
        let heard = Arc::new(Heard::default());
        let lent = Lent { house: house.clone(), service: heard.clone() };
        let run = RunRequest {
            goal: "be exact".to_owned(),
            kind: None,
            repositories: Vec::new(),
            engine: None,
            rules: Vec::new(),
            paths: Vec::new(),
            playbook: None,
            patch: None,
            program: None,
            issue: None,
            candidates: vec![CandidateRequest::named(candidate).expect("a candidate")],
        };
        let id = RequestId(house.ids().uuid());
        let answer = ask(&lent, id, &ClientInfo::default(), run).await;
        assert_eq!(answer.map(drop).map_err(|failure| failure.kind), Err(FailureKind::Refused));
        assert_eq!(*heard.0.lock().expect("nobody panics with it"), expected, "{candidate}");
    }

    #[tokio::test]
    async fn the_key_of_a_model_that_only_a_candidate_names_comes_before_the_run() {
        check("llm:anthropic/claude-sonnet-4-5", &["ANTHROPIC_API_KEY", "the request"]).await;
        check("rules", &["the request"]).await;
        check("llm", &["the request"]).await;
    }
}
