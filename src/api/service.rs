//! Who answers: the service, the way to it, and the workbench that needs none.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};

use super::{
    Ask, CheckPatchRequest, CheckedPatch, DoctorReport, Failure, FailureKind, Notice, RecoverView, ReplayView, Reply,
    Request, RuleView, TimelineEntry, VerifyView,
};
use crate::id::{Digest, HostPath, RequestId, Seq, SessionId, SessionRef};

/// What a client says about itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientInfo {
    /// `cli`, `tui`, or another program's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Whether a terminal was attached.
    pub terminal: bool,
    /// Allow-listed variables for the checks: PATH, VIRTUAL_ENV, JAVA_HOME, locale …
    pub environment: BTreeMap<String, String>,
    /// Whether it is root who asks at another user's service. The system says so, never the client.
    #[serde(skip)]
    pub is_root: bool,
}

/// One request as it reaches a service.
#[derive(Debug, Clone)]
pub struct Call {
    /// Made by the client; the same id again gets the first reply.
    pub id: RequestId,
    /// Who asks.
    pub client: ClientInfo,
    /// What.
    pub request: Request,
}

/// Notices as they come; ends when the service does.
pub type NoticeStream = BoxStream<'static, Notice>;

/// Answers requests and tells what happens.
#[async_trait]
pub trait Service: Send + Sync {
    /// Carries out one request. What it changed is durable when this returns.
    ///
    /// # Errors
    /// A [`Failure`]; then nothing was changed.
    async fn call(&self, call: Call) -> Result<Reply, Failure>;

    /// Notices from now on.
    ///
    /// # Errors
    /// A [`Failure`] where the service cannot be reached.
    async fn notices(&self) -> Result<NoticeStream, Failure>;
}

/// Asks and unpacks the answer.
///
/// # Errors
/// The service's [`Failure`].
pub async fn ask<A: Ask + Send>(
    service: &dyn Service,
    id: RequestId,
    client: &ClientInfo,
    request: A,
) -> Result<A::Answer, Failure> {
    let call = Call { id, client: client.clone(), request: request.into_request() };
    let reply = service.call(call).await?;
    A::answer(reply).ok_or_else(|| Failure::new(FailureKind::Failed, "the service answered another question"))
}

/// Whether a missing daemon is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// Start one and wait for it.
    IfNeeded,
    /// Only a running one will do.
    Never,
    /// Run core and client in this process.
    InProcess,
}

/// The way to a service.
#[async_trait]
pub trait Connect: Send + Sync {
    /// Connects.
    ///
    /// # Errors
    /// [`FailureKind::Unreachable`] where there is no daemon and none may be, or can be, started.
    async fn connect(&self, start: Start) -> Result<Arc<dyn Service>, Failure>;
}

/// What works without a daemon: it reads repositories, the journal and the machine. Every method blocks.
pub trait Workbench: Send + Sync {
    /// Parses, polices and applies patches in memory.
    ///
    /// # Errors
    /// A [`Failure`] where the repository cannot be read; a patch that does not apply is an answer.
    fn check_patch(&self, request: &CheckPatchRequest) -> Result<CheckedPatch, Failure>;

    /// Looks at everything Paraph needs.
    fn doctor(&self) -> DoctorReport;

    /// Entries of the journal, oldest first: of one session, or all.
    ///
    /// # Errors
    /// A [`Failure`] where the journal cannot be read.
    fn audit_show(&self, session: Option<SessionId>, limit: Option<u64>) -> Result<Vec<TimelineEntry>, Failure>;

    /// Checks the whole record, and the given anchors.
    ///
    /// # Errors
    /// A [`Failure`] where the journal cannot be read at all.
    fn audit_verify(&self, anchors: &[(Seq, Digest)]) -> Result<VerifyView, Failure>;

    /// Writes every entry to `out`, one a line.
    ///
    /// # Errors
    /// A [`Failure`] where journal or `out` fail.
    fn audit_export(&self, out: &mut dyn std::io::Write) -> Result<u64, Failure>;

    /// Rebuilds the store from journal and blobs.
    ///
    /// # Errors
    /// A [`Failure`] where a daemon runs, or the journal is damaged.
    fn recover(&self) -> Result<RecoverView, Failure>;

    /// Makes anew what Paraph made of a session, up to a version where one is named, with models that say what they
    /// said then. Nothing is written that stays.
    ///
    /// # Errors
    /// A [`Failure`] where it cannot be replayed; that something differs is an answer.
    fn replay(&self, session: SessionRef) -> Result<ReplayView, Failure>;

    /// The rules that ship with Paraph, by language and name.
    fn rules(&self) -> Vec<RuleView>;

    /// The top of the repository around `path`.
    ///
    /// # Errors
    /// A [`Failure`] where there is none.
    fn repository_root(&self, path: &std::path::Path) -> Result<HostPath, Failure>;
}
