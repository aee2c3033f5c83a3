//! The REST interface of Gitea and of Forgejo, which Codeberg runs.

use serde_json::Value;

use super::reader::{Head, Tracker, bearer, count, named, text};
use super::{Comment, ForgeKind, IssueAddress};
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
        Some(Head {
            title: body["title"].as_str()?.into(),
            author: text(&body["user"]["login"]),
            created_at: text(&body["created_at"]),
            state: text(&body["state"]),
            labels: named(&body["labels"], "name"),
            body: text(&body["body"]),
            comments: count(&body["comments"]),
            is_pull_request: !body["pull_request"].is_null(),
        })
    }

    fn comment(&self, entry: &Value) -> Option<Comment> {
        Some(Comment {
            id: entry["id"].as_u64()?,
            author: text(&entry["user"]["login"]),
            at: text(&entry["created_at"]),
            note: "",
            text: text(&entry["body"]),
        })
    }
}
