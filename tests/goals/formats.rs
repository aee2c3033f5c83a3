//! The three formats, page by page, as each forge's documentation has them.

use paraph::infrastructure::issues::{ForgeKind, Issue};
use serde_json::{Value, json};

use crate::forge::{Answer, Forge, TOKEN, json_of, limits, read, reader};

fn github_comment(id: u64) -> Value {
    json!({"id": id, "user": {"login": "bo"}, "created_at": "2026-11-21T10:00:00Z", "body": format!("words {id}")})
}

fn said(issue: &Issue) -> Vec<&str> {
    issue.comments.iter().map(|comment| comment.text.raw()).collect()
}

#[tokio::test]
async fn github_of_a_company_is_read_page_by_page() {
    let forge = Forge::start();
    let issue = json!({
        "title": "It breaks", "user": {"login": "ana"}, "created_at": "2026-11-20T09:30:00Z", "state": "open",
        "labels": [{"name": "bug"}, {"name": "good first issue"}], "body": "On startup.\r\nAlways.", "comments": 3,
    });
    let api = "/api/v3/repos/acme/shop.rs/issues/12";
    let page = |n: u32| format!("{api}/comments?per_page=100&page={n}");
    let next = format!("<{}{}>; rel=\"next\", <https://evil.example/9>; rel=\"last\"", forge.url(), page(2));
    let forge = forge
        .says(api, [json_of(200, &issue)])
        .says(&page(1), [json_of(200, &json!([github_comment(1), github_comment(2)])).with("link", next)])
        .says(&page(2), [json_of(200, &json!([github_comment(3)])).with("link", "<x>; rel=\"prev\"")]);
    let (reader, _) = reader(&[(&forge.host(), ForgeKind::GitHub)], limits());
    let url = format!("{}/acme/shop.rs/issues/12#issuecomment-3", forge.url());
    let issue = read(&reader, &url, None).await.unwrap();
    assert_eq!(issue.url, format!("{}/acme/shop.rs/issues/12", forge.url()));
    assert_eq!((issue.forge, issue.title.raw(), issue.state.raw()), (ForgeKind::GitHub, "It breaks", "open"));
    assert_eq!(issue.labels.iter().map(|label| label.raw()).collect::<Vec<_>>(), ["bug", "good first issue"]);
    assert_eq!((said(&issue), issue.left_out), (vec!["words 1", "words 2", "words 3"], 0));
    assert_eq!(forge.paths(), [api.to_owned(), page(1), page(2)]);
    assert!(forge.seen().iter().all(|seen| seen.token.as_deref() == Some(&format!("Bearer {TOKEN}"))));
}

#[tokio::test]
async fn gitlab_has_groups_in_groups_and_notes_that_nobody_said() {
    let note = |id: u64, more: Value| {
        let mut note = json!({"id": id, "author": {"username": "bo"}, "created_at": "t", "body": format!("note {id}"), "system": false});
        note.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        note
    };
    let issue = json!({
        "title": "Es bricht", "author": {"username": "ana"}, "created_at": "t", "state": "opened",
        "labels": ["bug", "größe::M"], "description": null, "user_notes_count": 2,
    });
    let api = "/api/v4/projects/acme%2Fteam%2Fdeep%2Fshop/issues/7";
    let notes = format!("{api}/notes?sort=asc&order_by=created_at&per_page=100&page=1");
    let listed = json!([note(1, json!({"system": true})), note(2, json!({})), note(3, json!({"internal": true}))]);
    for tail in ["-/issues/7", "-/work_items/7"] {
        let forge = Forge::start().says(api, [json_of(200, &issue)]).says(&notes, [json_of(200, &listed)]);
        let (reader, _) = reader(&[], limits());
        // the path alone says that it is one, and no token is for its host
        let issue = read(&reader, &format!("{}/acme/team/deep/shop/{tail}", forge.url()), None).await.unwrap();
        assert_eq!((issue.forge, issue.state.raw(), issue.body.raw()), (ForgeKind::GitLab, "open", ""));
        assert_eq!(said(&issue), ["note 2", "note 3"]);
        assert!(issue.markdown().contains("## Comment 2 by bo, t, internal\n\n> note 3\n"), "{}", issue.markdown());
        assert!(forge.seen().iter().all(|seen| seen.token.is_none()), "{:?}", forge.seen());
    }
}

#[tokio::test]
async fn gitea_below_a_folder_that_gives_all_comments_whatever_page_is_asked_for() {
    let all: Vec<Value> = (1..=70).map(github_comment).collect();
    let issue = json!({"title": "It breaks", "user": {"login": "ana"}, "created_at": "t", "state": "closed", "labels": [], "body": "b", "comments": 70, "pull_request": null});
    let api = "/git/api/v1/repos/acme/shop/issues/3";
    let page = |n: u32| format!("{api}/comments?limit=50&page={n}");
    let forge = Forge::start()
        .says("/git/api/v1/version", [json_of(200, &json!({"version": "7.0.0+gitea-1.22.0"}))])
        .says(api, [json_of(200, &issue)])
        .says(&page(1), [json_of(200, &Value::from(all.clone()))])
        .says(&page(2), [json_of(200, &Value::from(all))]);
    let (reader, _) = reader(&[], limits());
    let issue = read(&reader, &format!("{}/git/acme/shop/issues/3", forge.url()), None).await.unwrap();
    assert_eq!((issue.forge, issue.comments.len(), issue.left_out), (ForgeKind::Gitea, 70, 0));
    assert_eq!(forge.paths(), ["/git/api/v1/version".to_owned(), api.to_owned(), page(1), page(2)]);
}

async fn found_out(path: &str, answer: Answer, issue: (&str, Value)) -> (Result<ForgeKind, String>, Forge) {
    let forge = Forge::start().says(path, [answer]).says(issue.0, [json_of(200, &issue.1)]);
    let (reader, _) = reader(&[("another.host", ForgeKind::GitHub)], limits());
    let found = read(&reader, &format!("{}/a/b/issues/1", forge.url()), None).await;
    (found.map(|issue| issue.forge).map_err(|error| error.to_string()), forge)
}

#[tokio::test]
async fn a_host_that_nobody_named_is_asked_what_it_is_without_a_token() {
    let issue = json!({"title": "t", "comments": 0, "user_notes_count": 0});
    let github = ("/api/v3/repos/a/b/issues/1", issue.clone());
    let meta = json!({"verifiable_password_authentication": true, "installed_version": "3.14.2"});
    let private = json!({"message": "Must authenticate to access this API.", "documentation_url": "https://docs"});
    let gitlab = ("/api/v4/projects/a%2Fb/issues/1", issue.clone());
    let refused = json!({"message": "401 Unauthorized"});
    for (path, answer, at, expected) in [
        (
            "/api/v1/version",
            json_of(200, &json!({"version": "1.23.1"})),
            ("/api/v1/repos/a/b/issues/1", issue),
            ForgeKind::Gitea,
        ),
        ("/api/v3/meta", json_of(200, &meta), github.clone(), ForgeKind::GitHub),
        ("/api/v3/meta", json_of(401, &private), github, ForgeKind::GitHub),
        ("/api/v4/version", json_of(401, &refused), gitlab, ForgeKind::GitLab),
    ] {
        let (found, forge) = found_out(path, answer, at).await;
        assert_eq!(found, Ok(expected), "{path}");
        assert!(forge.seen().iter().all(|seen| seen.token.is_none()), "{:?}", forge.seen());
    }
    let page =
        Answer { status: 200, headers: vec![("content-type", "text/html".to_owned())], body: b"<html>".to_vec() };
    let (found, forge) = found_out("/api/v1/version", page, ("/nowhere", json!({}))).await;
    assert!(found.unwrap_err().contains("is no forge that is known"));
    assert_eq!(forge.paths().len(), 3, "{:?}", forge.paths());
}
