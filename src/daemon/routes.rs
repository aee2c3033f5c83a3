//! What the daemon answers: every route of the contract, and a failure with a hint for everything else.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Query, Request as HttpRequest, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use serde_json::{Map, Value};

use crate::api::{Call, ClientInfo, Failure, FailureKind, Reply, Request, Route, StoppedView, openapi};
use crate::clock::Clock;
use crate::id::{Ids, RequestId};

use super::attendance::{Attendance, Visit};
use super::facts::DaemonFacts;
use super::lifecycle::Hosted;
use super::{notices, system};

/// The largest body of a request, in bytes: larger things are blobs.
pub const BODY_LIMIT: usize = 1 << 20;
/// How long a body may take.
const BODY_PATIENCE: Duration = Duration::from_secs(30);

/// Names a request; see the module.
pub(super) const REQUEST_ID: &str = "paraph-request-id";
/// Says who asks.
pub(super) const CLIENT: &str = "paraph-client";
/// On `stop`: only where nobody else is there and nothing is owed.
pub(super) const IF_IDLE: &str = "paraph-if-idle";

/// What every handler sees.
pub(super) struct House {
    pub(super) hosted: Arc<dyn Hosted>,
    pub(super) ids: Arc<dyn Ids>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) facts: DaemonFacts,
    pub(super) attendance: Arc<Attendance>,
}

/// Who is at the other end of a connection, as the system says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer {
    pub(super) uid: u32,
}

/// The routes, for one connection.
pub(super) fn router(house: Arc<House>, peer: Peer) -> Router {
    Router::new()
        .route("/v1/notices", get(listen))
        .route("/v1/openapi.json", get(async || json(StatusCode::OK, &openapi())))
        .route("/v1/version", get(version))
        .method_not_allowed_fallback(async |method: Method, uri: Uri| wrong_method(&method, uri.path(), "GET"))
        .fallback(carry_out)
        .layer(Extension(peer))
        .with_state(house)
}

async fn version(State(house): State<Arc<House>>) -> Response {
    json(StatusCode::OK, &house.facts)
}

async fn listen(State(house): State<Arc<House>>) -> Response {
    match notices::stream(&house).await {
        Ok(stream) => stream.into_response(),
        Err(failure) => refusal(&failure),
    }
}

async fn carry_out(
    State(house): State<Arc<House>>,
    Extension(peer): Extension<Peer>,
    request: HttpRequest,
) -> Response {
    let (parts, body) = request.into_parts();
    let Some(route) = route_of(parts.uri.path()) else {
        let failure = Failure::new(FailureKind::NotFound, format!("there is no {}", shown(parts.uri.path())));
        return refusal(&failure.hint("GET /v1/openapi.json lists the routes"));
    };
    let parsed = match parts.method {
        Method::POST => match read(&parts.headers, body).await {
            Ok(body) => parse(route, if body.is_empty() { b"{}" } else { &body }),
            Err(refused) => return *refused,
        },
        Method::GET if !route.changes => from_query(route, &parts.uri),
        _ => return wrong_method(&parts.method, parts.uri.path(), if route.changes { "POST" } else { "POST, GET" }),
    };
    let call = match parsed.and_then(|request| call(&house, peer, &parts.headers, request)) {
        Ok(call) => call,
        Err(failure) => return refusal(&failure),
    };
    if house.attendance.is_leaving() {
        return refusal(&gone());
    }
    let only_if_idle = parts.headers.contains_key(IF_IDLE);
    match answer(house, call, only_if_idle).await {
        Ok(reply) => with_body(StatusCode::OK, reply.to_json()),
        Err(failure) => refusal(&failure),
    }
}

/// Carries the call out in a task of its own: a client that goes away takes nothing with it.
async fn answer(house: Arc<House>, call: Call, only_if_idle: bool) -> Result<Reply, Failure> {
    let visit = if matches!(call.request, Request::Status(_)) { Visit::Glance } else { Visit::Call };
    let visitor = house.attendance.enter(visit);
    let carried_out = tokio::spawn(async move {
        let _there = visitor;
        if matches!(call.request, Request::Stop(_)) {
            return leave(&house, only_if_idle).await;
        }
        let reply = house.hosted.call(call).await;
        if reply.as_ref().is_err_and(|failure| failure.kind == FailureKind::Unreachable) {
            // the core has ended under us: the next client shall find a daemon that works
            house.attendance.leave();
        }
        reply
    });
    carried_out.await.unwrap_or_else(|error| {
        Err(Failure::new(FailureKind::Failed, format!("an internal error ended the request ({error})"))
            .hint("paraph doctor"))
    })
}

/// Lets the daemon leave: the reply comes first, then calls under way end, then the core.
async fn leave(house: &House, only_if_idle: bool) -> Result<Reply, Failure> {
    if only_if_idle {
        let busy = house.attendance.listeners() > 0 || house.attendance.calls() > 1 || house.hosted.owes().await?;
        if busy {
            let message = format!("the daemon (process {}) is at work", house.facts.pid);
            return Err(Failure::new(FailureKind::Refused, message).hint("paraph daemon stop"));
        }
    }
    house.attendance.leave();
    Ok(Reply::Stop(StoppedView { pid: house.facts.pid }))
}

fn call(house: &House, peer: Peer, headers: &HeaderMap, request: Request) -> Result<Call, Failure> {
    let usage = |name: &str, wanted: &str| {
        Failure::new(FailureKind::Usage, format!("the header {name} is not {wanted}")).hint("leave it out")
    };
    let id = match headers.get(REQUEST_ID) {
        None => RequestId(house.ids.uuid()),
        Some(id) => {
            let id = id.to_str().ok().and_then(|id| id.parse().ok());
            id.ok_or_else(|| usage(REQUEST_ID, "a UUID"))?
        }
    };
    let client: ClientInfo = match headers.get(CLIENT) {
        None => ClientInfo { name: "http".to_owned(), ..ClientInfo::default() },
        Some(client) => serde_json::from_slice(client.as_bytes())
            .map_err(|error| usage(CLIENT, &format!("a client as JSON ({error})")))?,
    };
    let client = ClientInfo { is_root: system::is_foreign_root(peer.uid), ..client };
    Ok(Call { id, client, request })
}

fn route_of(path: &str) -> Option<&'static Route> {
    let name = path.strip_prefix("/v1/")?;
    Request::ROUTES.iter().find(|route| route.name == name)
}

fn parse(route: &Route, body: &[u8]) -> Result<Request, Failure> {
    let parsed = Request::parse(route.name, body).expect("the route is in the table");
    parsed.map_err(|error| {
        Failure::new(FailureKind::Usage, format!("this is not a request for {}: {error}", route.name))
            .hint(format!("GET /v1/openapi.json shows what /v1/{} takes", route.name))
    })
}

/// The request that a query means. A query has no types, so a number is tried as one and as text.
fn from_query(route: &Route, uri: &Uri) -> Result<Request, Failure> {
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri).map_err(|error| {
        Failure::new(FailureKind::Usage, format!("the query does not read: {error}"))
            .hint(format!("POST /v1/{} with the request as JSON", route.name))
    })?;
    let typed = |text: &String| serde_json::from_str(text).ok().filter(|value: &Value| !value.is_string());
    let ambiguous: Vec<usize> = (0..pairs.len()).filter(|at| typed(&pairs[*at].1).is_some()).take(6).collect();
    let mut first_error = None;
    for choice in 0..1_u32 << ambiguous.len() {
        let body: Map<String, Value> = pairs
            .iter()
            .enumerate()
            .map(|(at, (name, text))| {
                let as_text = ambiguous.iter().position(|other| *other == at).is_none_or(|bit| choice >> bit & 1 == 1);
                let value = if as_text { None } else { typed(text) };
                (name.clone(), value.unwrap_or_else(|| Value::String(text.clone())))
            })
            .collect();
        match parse(route, Value::Object(body).to_string().as_bytes()) {
            Ok(request) => return Ok(request),
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    Err(first_error.expect("there is at least one choice"))
}

async fn read(headers: &HeaderMap, body: Body) -> Result<Bytes, Box<Response>> {
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let too_large = || {
        let failure = Failure::new(FailureKind::Usage, format!("the body has more than {BODY_LIMIT} bytes"))
            .hint("store large content as a blob and name its digest");
        Box::new(json(StatusCode::PAYLOAD_TOO_LARGE, &failure))
    };
    if declared.is_some_and(|length| length > BODY_LIMIT as u64) {
        return Err(too_large());
    }
    match tokio::time::timeout(BODY_PATIENCE, axum::body::to_bytes(body, BODY_LIMIT)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) if is_too_long(&error) => Err(too_large()),
        Ok(Err(error)) => {
            let failure = Failure::new(FailureKind::Usage, format!("the body could not be read: {error}"));
            Err(Box::new(json(StatusCode::BAD_REQUEST, &failure.hint("send the whole body"))))
        }
        Err(_) => {
            let failure = Failure::new(FailureKind::TimedOut, "the body did not come in time").hint("send it again");
            Err(Box::new(json(StatusCode::REQUEST_TIMEOUT, &failure)))
        }
    }
}

fn is_too_long(error: &axum::Error) -> bool {
    std::error::Error::source(error).is_some_and(|cause| cause.is::<http_body_util::LengthLimitError>())
}

fn wrong_method(method: &Method, path: &str, allowed: &'static str) -> Response {
    let failure =
        Failure::new(FailureKind::Usage, format!("{method} is not for {}", shown(path))).hint(format!("use {allowed}"));
    let mut response = json(StatusCode::METHOD_NOT_ALLOWED, &failure);
    response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static(allowed));
    response
}

/// The failure of a request that came too late.
fn gone() -> Failure {
    Failure::new(FailureKind::Unreachable, "the daemon is leaving").hint("the same command again")
}

/// A path from outside, bounded. A URI holds no control characters.
fn shown(path: &str) -> String {
    path.chars().take(200).collect()
}

pub(super) fn refusal(failure: &Failure) -> Response {
    let status = StatusCode::from_u16(failure.kind.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    json(status, failure)
}

fn json(status: StatusCode, body: &impl serde::Serialize) -> Response {
    with_body(status, serde_json::to_vec(body).expect("plain data serialises"))
}

fn with_body(status: StatusCode, body: Vec<u8>) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(uri: &str, expected: Result<Value, &str>) {
        let uri: Uri = uri.parse().expect("a URI");
        let route = route_of(uri.path()).expect("a route");
        match (from_query(route, &uri), expected) {
            (Ok(request), Ok(body)) => assert_eq!(request, parse(route, body.to_string().as_bytes()).expect("a body")),
            (Err(failure), Err(part)) => assert!(failure.message.contains(part), "{failure}"),
            (found, expected) => panic!("{uri}: {found:?}, not {expected:?}"),
        }
    }

    #[test]
    fn queries_mean_requests() {
        use serde_json::json;
        check("/v1/status", Ok(json!({})));
        check("/v1/list?state=open&limit=3", Ok(json!({"state": "open", "limit": 3})));
        check("/v1/list?state=12&limit=3&before=7", Ok(json!({"state": "12", "limit": 3, "before": 7})));
        check("/v1/show?session=12@v1", Ok(json!({"session": "12@v1"})));
        check("/v1/show?session=12", Ok(json!({"session": "12"})));
        check("/v1/show?session=12%40v1", Ok(json!({"session": "12@v1"})));
        check("/v1/timeline?session=12", Ok(json!({"session": 12})));
        check("/v1/show", Err("session"));
        check("/v1/show?session=x", Err("session"));
        check("/v1/list?limit=1&limit=2", Ok(json!({"limit": 2})));
        check("/v1/list?limit=%ff%fe", Err("not a request for list"));
    }
}
