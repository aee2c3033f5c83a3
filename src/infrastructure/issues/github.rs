//! GitHub's REST interface, on github.com, for companies below ghe.com and on Enterprise Server.

use serde_json::Value;

use super::reader::{Head, Tracker, bearer, count, named, text};
use super::{Comment, ForgeKind, IssueAddress};
use crate::infrastructure::http::Secret;

/// The version of the interface that is asked for. // docs.github.com/rest/about-the-rest-api/api-versions
const VERSION: &str = "2022-11-28";

pub(super) struct GitHub;

/// Where the interface is: another host on GitHub's own, a folder on a company's.
fn api(address: &IssueAddress) -> String {
    match address.host.as_str() {
        "github.com" => "https://api.github.com".to_owned(),
        host if host.ends_with(".ghe.com") => format!("https://api.{host}"),
        _ => format!("{}/api/v3", address.origin),
    }
}

impl Tracker for GitHub {
    fn kind(&self) -> ForgeKind {
        ForgeKind::GitHub
    }

    fn issue(&self, address: &IssueAddress) -> String {
        let (_, owner, name) = address.owned();
        format!("{}/repos/{owner}/{name}/issues/{}", api(address), address.number)
    }

    fn comments(&self, address: &IssueAddress, page: u32) -> String {
        format!("{}/comments?per_page=100&page={page}", self.issue(address))
    }

    fn headers(&self, key: Option<&Secret>) -> Vec<(String, Secret)> {
        let mut headers = vec![
            ("accept".to_owned(), Secret::new("application/vnd.github+json")),
            ("x-github-api-version".to_owned(), Secret::new(VERSION)),
        ];
        headers.extend(key.map(|key| bearer("Bearer", key)));
        headers
    }

    fn head(&self, body: &Value) -> Option<Head> {
        head(body)
    }

    fn comment(&self, entry: &Value) -> Option<Comment> {
        comment(entry)
    }
}

/// An issue as GitHub tells of it, and whoever took over the shape.
pub(super) fn head(body: &Value) -> Option<Head> {
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

/// A comment, likewise.
pub(super) fn comment(entry: &Value) -> Option<Comment> {
    Some(Comment {
        id: entry["id"].as_u64()?,
        author: text(&entry["user"]["login"]),
        at: text(&entry["created_at"]),
        note: "",
        text: text(&entry["body"]),
    })
}
