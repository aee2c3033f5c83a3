//! The table of requests: it makes the enums, the routes and the OpenAPI document, so they agree.

use schemars::{JsonSchema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::candidates_view::ComparisonView;
use super::estimate::{EstimateRequest, EstimateView};
use super::hold::{DiscardRequest, DiscardView, PauseRequest, ResumeRequest, SteerRequest};
use super::house_view::{BeadsView, IndexView, Metrics, StatusView, StoppedView, TrustView};
use super::models::{BudgetRequest, LendKeysRequest, LentView, ModelsRequest, ModelsView};
use super::reading::{BlameRequest, BlameView, DefinitionsRequest, DefinitionsView, SourceRequest, SourceView};
use super::request::{
    AdoptRequest, ArtifactsRequest, BeadsRequest, CancelRequest, CheckRequest, CommentRequest, CompareRequest,
    ContextRequest, DecideRequest, DeriveRequest, DraftRequest, DropDraftRequest, DropRequest, IndexRequest,
    ListRequest, LogRequest, MarkRequest, MetricsRequest, OverrideRequest, PanelRequest, PatchSetRequest, PickRequest,
    PublishRequest, RegenerateRequest, ResolveRequest, RewriteRequest, RunRequest, SendDraftsRequest, ShowRequest,
    StatusRequest, StopRequest, ThreadsRequest, TickRequest, TimelineRequest, TriageRequest, TrustRequest,
};
use super::review_view::{DraftView, PanelView, ThreadView, ThreadsView, TimelineView};
use super::ships::MonitorRequest;
use super::view::{ArtifactsView, ContextView, LogView, PatchSetView, SessionList, SessionView};

/// A request that knows its answer.
pub trait Ask: Sized {
    /// What a reply to it holds.
    type Answer;
    /// The request as one of all.
    fn into_request(self) -> Request;
    /// The answer in a reply to this request; `None` where the reply is to another.
    fn answer(reply: Reply) -> Option<Self::Answer>;
}

/// One row of the table: `POST /v1/<name>` with the request as its JSON body.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// The last part of the path.
    pub name: &'static str,
    /// One line on what it does.
    pub about: &'static str,
    /// Whether it changes something: then the request id counts.
    pub changes: bool,
}

macro_rules! contract {
    ($($about:literal $name:literal $variant:ident($request:ty) -> $answer:ty, changes: $changes:literal;)*) => {
        /// What a client asks.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Request {
            $(#[doc = $about] $variant($request),)*
        }

        /// What a client is answered.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Reply {
            $(#[doc = $about] $variant($answer),)*
        }

        $(impl Ask for $request {
            type Answer = $answer;
            fn into_request(self) -> Request {
                Request::$variant(self)
            }
            fn answer(reply: Reply) -> Option<$answer> {
                match reply {
                    Reply::$variant(answer) => Some(answer),
                    _ => None,
                }
            }
        })*

        impl Request {
            /// Every route, in the order of the document.
            pub const ROUTES: &'static [Route] =
                &[$(Route { name: $name, about: $about, changes: $changes },)*];

            /// The route that carries it.
            #[must_use]
            pub fn route(&self) -> &'static str {
                match self { $(Self::$variant(_) => $name,)* }
            }

            /// Whether it changes something.
            #[must_use]
            pub fn changes(&self) -> bool {
                match self { $(Self::$variant(_) => $changes,)* }
            }

            /// Its JSON body.
            #[must_use]
            pub fn body(&self) -> Value {
                match self {
                    $(Self::$variant(request) => serde_json::to_value(request).expect("plain data serialises"),)*
                }
            }

            /// The request that `route` and its JSON body mean; `None` where there is no such route.
            ///
            /// # Errors
            /// What is wrong with the body.
            pub fn parse(route: &str, body: &[u8]) -> Option<Result<Self, serde_json::Error>> {
                match route {
                    $($name => Some(serde_json::from_slice(body).map(Self::$variant)),)*
                    _ => None,
                }
            }
        }

        impl Reply {
            /// Its JSON body.
            #[must_use]
            pub fn body(&self) -> Value {
                match self {
                    $(Self::$variant(answer) => serde_json::to_value(answer).expect("plain data serialises"),)*
                }
            }

            /// The same as text, for whoever sends it.
            #[must_use]
            pub fn to_json(&self) -> Vec<u8> {
                match self {
                    $(Self::$variant(answer) => serde_json::to_vec(answer).expect("plain data serialises"),)*
                }
            }

            /// The reply that `route` answers with this JSON body; `None` where there is no such route.
            ///
            /// # Errors
            /// What is wrong with the body.
            pub fn parse(route: &str, body: &[u8]) -> Option<Result<Self, serde_json::Error>> {
                match route {
                    $($name => Some(serde_json::from_slice(body).map(Self::$variant)),)*
                    _ => None,
                }
            }
        }

        fn paths(generator: &mut SchemaGenerator) -> serde_json::Map<String, Value> {
            let mut paths = serde_json::Map::new();
            $(paths.insert(
                format!("/v1/{}", $name),
                path_item($about, $changes, schema_of::<$request>(generator), schema_of::<$answer>(generator)),
            );)*
            paths
        }
    };
}

contract! {
    "Starts a session; answered as soon as it is recorded." "run" Run(RunRequest) -> SessionView, changes: true;
    "What the models of a session would take; starts nothing." "estimate" Estimate(EstimateRequest) -> EstimateView, changes: false;
    "Reviews work already done; again: the next version." "adopt" Adopt(AdoptRequest) -> SessionView, changes: true;
    "Lists sessions, newest first." "list" List(ListRequest) -> SessionList, changes: false;
    "Shows one session." "show" Show(ShowRequest) -> SessionView, changes: false;
    "Names the changed files of a version, each side a blob." "patch-set" PatchSet(PatchSetRequest) -> Vec<PatchSetView>, changes: false;
    "Tells what happened in a session." "timeline" Timeline(TimelineRequest) -> TimelineView, changes: false;
    "Lists the threads of a version." "threads" Threads(ThreadsRequest) -> ThreadsView, changes: false;
    "Opens a thread or answers in one." "comment" Comment(CommentRequest) -> ThreadView, changes: true;
    "Keeps a comment that is not sent yet." "draft" Draft(DraftRequest) -> DraftView, changes: true;
    "Deletes a draft." "drop-draft" DropDraft(DropDraftRequest) -> ThreadsView, changes: true;
    "Sends all drafts." "send-drafts" SendDrafts(SendDraftsRequest) -> ThreadsView, changes: true;
    "Resolves or reopens a thread." "resolve" Resolve(ResolveRequest) -> ThreadView, changes: true;
    "Marks hunks as reviewed." "mark" Mark(MarkRequest) -> SessionView, changes: true;
    "Shows what the decision panel shows." "panel" Panel(PanelRequest) -> PanelView, changes: false;
    "Approves, rejects or requests changes; write-once." "decide" Decide(DecideRequest) -> SessionView, changes: true;
    "Compares candidates, or any sessions, side by side." "compare" Compare(CompareRequest) -> ComparisonView, changes: false;
    "Picks one candidate over the others; write-once." "pick" Pick(PickRequest) -> SessionView, changes: true;
    "Says GO, DEFER or no to a goal." "triage" Triage(TriageRequest) -> SessionView, changes: true;
    "Says that a version meets a criterion." "tick" Tick(TickRequest) -> SessionView, changes: true;
    "Has the documents that were commented on written again." "rewrite" Rewrite(RewriteRequest) -> SessionView, changes: true;
    "Accepts a WARN with a reason." "override" Override(OverrideRequest) -> SessionView, changes: true;
    "Asks for the next version." "regenerate" Regenerate(RegenerateRequest) -> SessionView, changes: true;
    "Makes the next version without an engine: what is left out, or a person's own edit." "derive" Derive(DeriveRequest) -> SessionView, changes: true;
    "Runs the checks of a version again." "check" Check(CheckRequest) -> SessionView, changes: true;
    "Takes a repository out of a session." "drop" Drop(DropRequest) -> SessionView, changes: true;
    "Ends a session and everything it runs." "cancel" Cancel(CancelRequest) -> SessionView, changes: true;
    "Holds all work of a session." "pause" Pause(PauseRequest) -> SessionView, changes: true;
    "Lets a paused session go on." "resume" Resume(ResumeRequest) -> SessionView, changes: true;
    "Says something to whoever drafts, while they do." "steer" Steer(SteerRequest) -> SessionView, changes: true;
    "Removes a session's disposable checkouts; patches and history stay." "discard" Discard(DiscardRequest) -> DiscardView, changes: true;
    "Sets what a session may spend on models." "budget" Budget(BudgetRequest) -> SessionView, changes: true;
    "Tells which models are asked for what, and whether they answer." "models" Models(ModelsRequest) -> ModelsView, changes: false;
    "Lends keys of the client's environment; they stay in memory." "lend-keys" LendKeys(LendKeysRequest) -> LentView, changes: false;
    "Publishes what was approved." "publish" Publish(PublishRequest) -> SessionView, changes: true;
    "Asks a model how what was published fares; moves nothing." "monitor" Monitor(MonitorRequest) -> SessionView, changes: true;
    "Tells where names are defined, in the base or in a version." "definitions" Definitions(DefinitionsRequest) -> DefinitionsView, changes: false;
    "Names a whole file of the base or of a version as a blob." "source" Source(SourceRequest) -> SourceView, changes: false;
    "Tells who wrote a line of the base." "blame" Blame(BlameRequest) -> BlameView, changes: false;
    "Names the output of checks." "log" Log(LogRequest) -> Vec<LogView>, changes: false;
    "Lists the documents of a session." "artifacts" Artifacts(ArtifactsRequest) -> ArtifactsView, changes: false;
    "Shows exactly what an engine was given." "context" Context(ContextRequest) -> ContextView, changes: false;
    "Lists units of work." "beads" Beads(BeadsRequest) -> BeadsView, changes: false;
    "Figures over all sessions." "metrics" Metrics(MetricsRequest) -> Metrics, changes: false;
    "Indexes a repository." "index" Index(IndexRequest) -> IndexView, changes: false;
    "Trusts a repository's own commands, asks, or revokes." "trust" Trust(TrustRequest) -> TrustView, changes: true;
    "Tells how the service is." "status" Status(StatusRequest) -> StatusView, changes: false;
    "Ends the service; owed work goes on at the next start." "stop" Stop(StopRequest) -> StoppedView, changes: true;
}

fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    generator.subschema_for::<T>().to_value()
}

fn path_item(about: &str, changes: bool, request: Value, answer: Value) -> Value {
    let mut parameters = vec![];
    if changes {
        parameters.push(json!({
            "name": "paraph-request-id", "in": "header", "required": false, "schema": {"type": "string", "format": "uuid"},
            "description": "made by the client; the same id again gets the first reply and changes nothing",
        }));
    }
    json!({"post": {
        "summary": about,
        "parameters": parameters,
        "requestBody": {"required": true, "content": {"application/json": {"schema": request}}},
        "responses": {
            "200": {"description": "done", "content": {"application/json": {"schema": answer}}},
            "default": {"description": "not done", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Failure"}}}},
        },
    }})
}

/// The OpenAPI 3.1 document of the service, made from the types.
#[must_use]
pub fn openapi() -> Value {
    let mut generator = schemars::generate::SchemaSettings::openapi3()
        .with(|settings| settings.definitions_path = "/components/schemas".into())
        .into_generator();
    let mut paths = paths(&mut generator);
    schema_of::<super::Failure>(&mut generator);
    schema_of::<super::Notice>(&mut generator);
    paths.insert(
        "/v1/notices".to_owned(),
        json!({"get": {
            "summary": "Server-sent events: one Notice as JSON in each `data:` field.",
            "responses": {"200": {"description": "a stream", "content": {"text/event-stream": {
                "schema": {"$ref": "#/components/schemas/Notice"}}}}},
        }}),
    );
    json!({
        "openapi": "3.1.0",
        "info": {"title": "Paraph", "version": env!("CARGO_PKG_VERSION"), "license": {"name": "MIT"}},
        "servers": [{"url": "http://paraph", "description": "over the Unix socket <home>/run/paraph.sock"}],
        "paths": paths,
        "components": {"schemas": generator.take_definitions(true)},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_cross_as_they_are() {
        let request = Request::List(ListRequest { state: Some("open".into()), limit: Some(3), before: None });
        let body = request.body().to_string();
        assert_eq!(Request::parse("list", body.as_bytes()).expect("a route").expect("a body"), request);
        assert!(Request::parse("no-such-route", b"{}").is_none());
        assert!(Request::parse("show", b"{}").expect("a route").is_err(), "a session is needed");
    }

    #[test]
    fn the_document_has_every_route_and_resolves_every_reference() {
        let document = openapi();
        for route in Request::ROUTES {
            assert!(document["paths"][format!("/v1/{}", route.name)]["post"].is_object(), "{}", route.name);
        }
        let text = document.to_string();
        for reference in text.split("\"$ref\":\"").skip(1) {
            let name = reference.split('"').next().expect("a closing quote");
            let pointer = name.trim_start_matches('#');
            assert!(document.pointer(pointer).is_some(), "{name} is defined");
        }
    }
}
