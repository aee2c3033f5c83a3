//! GitLab's REST interface.

use serde_json::Value;

use super::reader::{Head, Tracker, bearer, count, named, text};
use super::{Comment, ForgeKind, IssueAddress};
use crate::infrastructure::http::Secret;

pub(super) struct GitLab;

impl Tracker for GitLab {
    fn kind(&self) -> ForgeKind {
        ForgeKind::GitLab
    }

    fn issue(&self, address: &IssueAddress) -> String {
        // a project is named by its whole path, its slashes escaped; a work item is an issue by the same number
        let project = address.folders.join("%2F");
        format!("{}/api/v4/projects/{project}/issues/{}", address.origin, address.number)
    }

    fn comments(&self, address: &IssueAddress, page: u32) -> String {
        format!("{}/notes?sort=asc&order_by=created_at&per_page=100&page={page}", self.issue(address))
    }

    fn headers(&self, key: Option<&Secret>) -> Vec<(String, Secret)> {
        // personal tokens and those of an application are both taken in this form
        key.map(|key| bearer("Bearer", key)).into_iter().collect()
    }

    fn head(&self, body: &Value) -> Option<Head> {
        Some(Head {
            title: body["title"].as_str()?.into(),
            author: text(&body["author"]["username"]),
            created_at: text(&body["created_at"]),
            state: match body["state"].as_str() {
                Some("opened") => "open".into(),
                _ => text(&body["state"]),
            },
            labels: named(&body["labels"], "name"),
            body: text(&body["description"]),
            comments: count(&body["user_notes_count"]),
            is_pull_request: false,
        })
    }

    fn comment(&self, entry: &Value) -> Option<Comment> {
        if entry["system"] == Value::Bool(true) {
            return None; // "changed the description": nobody said it
        }
        Some(Comment {
            id: entry["id"].as_u64()?,
            author: text(&entry["author"]["username"]),
            at: text(&entry["created_at"]),
            note: if entry["internal"] == Value::Bool(true) { "internal" } else { "" },
            text: text(&entry["body"]),
        })
    }
}
