//! The REST interface of Gitea and of Forgejo, which Codeberg runs. Issues and comments have GitHub's shape.

use serde_json::Value;

use super::reader::{Head, Tracker, bearer};
use super::{Comment, ForgeKind, IssueAddress, github};
use crate::infrastructure::http::Secret;

pub(super) struct Gitea;

impl Tracker for Gitea {
    fn kind(&self) -> ForgeKind {
        ForgeKind::Gitea
    }

    fn issue(&self, address: &IssueAddress) -> String {
        let (below, owner, name) = address.owned();
        format!("{}{below}/api/v1/repos/{owner}/{name}/issues/{}", address.origin, address.number)
    }

    fn comments(&self, address: &IssueAddress, page: u32) -> String {
        // most servers give all of them whatever page is asked for; what comes twice counts once
        format!("{}/comments?limit=50&page={page}", self.issue(address))
    }

    fn headers(&self, key: Option<&Secret>) -> Vec<(String, Secret)> {
        key.map(|key| bearer("token", key)).into_iter().collect()
    }

    fn head(&self, body: &Value) -> Option<Head> {
        github::head(body)
    }

    fn comment(&self, entry: &Value) -> Option<Comment> {
        github::comment(entry)
    }
}
