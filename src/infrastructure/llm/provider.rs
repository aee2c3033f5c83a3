//! One provider asked once: the key, the limits, the exchange, and what its answer is worth.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::anthropic::Anthropic;
use super::counting::{self, CountAsk, CountBy, Counted, Resting};
use super::format::{Format, Framing};
use super::gathered::{Gathered, Seen, Wrong};
use super::gemini::Gemini;
use super::keys::{KeyError, Keys};
use super::learned::{Learned, is_of_tools};
use super::ollama::Ollama;
use super::openai::OpenAi;
use super::responses::Responses;
use super::retry_after::{asked_pause, delay_in_words};
use super::settings::{ProviderSettings, Wire};
use super::sse::{Event, Events, Lines, TooLong};
use super::wrong::{Refusal, delay_in_body, is_html, refused, words_of_body};
use super::{ChatError, ChatModel, ChatReply, ChatRequest, FoundFault, Streamed, Usage, json};
use crate::cancel::Cancel;
use crate::clock::Clock;
use crate::infrastructure::http::{Ask, HttpClient, HttpError, HttpLimits, Incoming, Method, Secret};
use crate::text::Untrusted;

/// How much of a provider's words an error keeps.
const MOST_WORDS: usize = 300;

/// How much of an error's body is looked at, and how long it is waited for.
const ERROR_BODY: (usize, Duration) = (64 << 10, Duration::from_secs(10));

/// How long what follows the end of an answer (its usage) is waited for.
const AFTER_THE_END: Duration = Duration::from_secs(5);

/// A provider, asked through HTTP in its own format.
pub struct Provider {
    settings: ProviderSettings,
    http: HttpClient,
    keys: Arc<Keys>,
    clock: Arc<dyn Clock>,
    learned: Learned,
    resting: Resting,
}

impl Provider {
    /// A provider; nothing is sent and no key is looked for yet.
    #[must_use]
    pub fn new(settings: ProviderSettings, http: HttpClient, keys: Arc<Keys>, clock: Arc<dyn Clock>) -> Self {
        settings.headers.iter().for_each(|(_, value)| keys.hide(value));
        Self { settings, http, keys, clock, learned: Learned::default(), resting: Resting::default() }
    }

    /// What is known of it.
    #[must_use]
    pub fn settings(&self) -> &ProviderSettings {
        &self.settings
    }

    /// The models that it says it has, in its own order: costs nothing, and shows that the key is taken.
    ///
    /// # Errors
    /// [`ChatError`].
    pub async fn models(&self, cancel: &Cancel) -> Result<Vec<String>, ChatError> {
        let format = format(self.settings.wire);
        let (path, list, field) = format.catalogue();
        let mut headers = format.headers(self.key(cancel).await?.as_ref());
        headers.push(("accept".to_owned(), Secret::new("application/json")));
        headers.extend(self.own_headers(cancel).await?);
        let ask = Ask { method: Method::Get, url: self.url(path), headers, body: Vec::new() };
        let sent = self.http.send(&ask, self.settings.limits, cancel).await;
        let mut incoming = sent.map_err(|error| self.not_reached(error))?;
        if !(200..300).contains(&incoming.status) {
            return Err(self.refusal("", incoming, cancel).await);
        }
        let body = incoming.whole().await.map_err(|error| self.not_reached(error))?;
        let unreadable = |why: String| self.failed("", Wrong::unreadable(why).into());
        let body = json::parse(&body).map_err(|why| unreadable(format!("no JSON: {why}")))?;
        if !body.pointer(list).is_some_and(serde_json::Value::is_array) {
            return Err(unreadable("it is JSON without a list of models".to_owned()));
        }
        let names = json::items(&body, list).iter().filter_map(|model| model.get(field)?.as_str());
        Ok(names.map(|name| name.strip_prefix("models/").unwrap_or(name).to_owned()).collect())
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.settings.base_url.trim_end_matches('/'))
    }

    async fn key(&self, cancel: &Cancel) -> Result<Option<Secret>, ChatError> {
        let found = tokio::select! {
            () = cancel.cancelled() => return Err(ChatError::Cancelled),
            found = self.keys.find(&self.settings.key) => found,
        };
        found.map_err(|error| self.not_signed_in(&error))
    }

    fn not_signed_in(&self, error: &KeyError) -> ChatError {
        ChatError::NotSignedIn { provider: self.settings.name.clone(), said: self.words(&error.to_string()) }
    }

    /// The headers that its settings give it, those with keys among them.
    async fn own_headers(&self, cancel: &Cancel) -> Result<Vec<(String, Secret)>, ChatError> {
        let mut headers = self.settings.headers.clone();
        for (name, keyed) in &self.settings.key_headers {
            let value = tokio::select! {
                () = cancel.cancelled() => return Err(ChatError::Cancelled),
                value = keyed.find(&self.keys) => value,
            };
            headers.push((name.clone(), value.map_err(|error| self.not_signed_in(&error))?));
        }
        Ok(headers)
    }

    /// One request of a count, answered.
    async fn counted(
        &self,
        model: &str,
        asked: CountAsk,
        key: Option<&Secret>,
        cancel: &Cancel,
    ) -> Result<Counted, ChatError> {
        let mut headers = format(self.settings.wire).headers(key);
        let json = || Secret::new("application/json");
        headers.extend([("content-type".to_owned(), json()), ("accept".to_owned(), json())]);
        headers.extend(self.own_headers(cancel).await?);
        let base = self.settings.base_url.trim_end_matches('/');
        let base = if asked.beside { base.strip_suffix("/v1").unwrap_or(base) } else { base };
        let url = format!("{base}{}", asked.path);
        let ask = Ask { method: Method::Post, url, headers, body: asked.body.to_string().into_bytes() };
        let sent = self.http.send(&ask, self.settings.limits, cancel).await;
        let mut incoming = sent.map_err(|error| self.not_reached(error))?;
        if !(200..300).contains(&incoming.status) {
            return Err(self.refusal(model, incoming, cancel).await);
        }
        let body = incoming.whole().await.map_err(|error| self.not_reached(error))?;
        let unreadable = |why: String| self.failed(model, Wrong::unreadable(why).into());
        let body = json::parse(&body).map_err(|why| unreadable(format!("no JSON: {why}")))?;
        counting::read(self.settings.count, &body).map_err(|why| unreadable(why.to_owned()))
    }

    /// The question, as it is right for `model` by `settings`.
    async fn ask(
        &self,
        settings: &ProviderSettings,
        model: &str,
        request: &ChatRequest,
        cancel: &Cancel,
    ) -> Result<Ask, ChatError> {
        let (key, format) = (self.key(cancel).await?, format(settings.wire));
        let stream = settings.stream;
        let mut headers = format.headers(key.as_ref());
        headers.push(("content-type".to_owned(), Secret::new("application/json")));
        let accepted = match (stream, format.framing()) {
            (true, Framing::Events) => "text/event-stream, application/json",
            (true, Framing::Lines) => "application/x-ndjson, application/json",
            (false, _) => "application/json",
        };
        headers.push(("accept".to_owned(), Secret::new(accepted)));
        headers.extend(self.own_headers(cancel).await?);
        let url = self.url(&format.path(model, stream));
        let body = format.body(settings, model, &settings.asked(model, request)).to_string().into_bytes();
        Ok(Ask { method: Method::Post, url, headers, body })
    }

    /// What a status other than success says.
    async fn refusal(&self, model: &str, mut incoming: Incoming, cancel: &Cancel) -> ChatError {
        let asked = asked_pause(|name| incoming.header(name).map(str::to_owned), self.clock.now());
        let (most, wait) = ERROR_BODY;
        let body = incoming.beginning(most, wait).await;
        if cancel.is_cancelled() {
            return ChatError::Cancelled;
        }
        if incoming.status == 401 {
            self.keys.forget(&self.settings.key); // a key that was renewed is looked for again
            self.settings.key_headers.iter().for_each(|(_, keyed)| self.keys.forget(&keyed.source));
        }
        let said = words_of_body(&body);
        if incoming.status == 500 && is_of_tools(&said) {
            // llama.cpp's status for it: it would say the same the next time
            let (provider, said) = (self.settings.name.clone(), self.words(&said));
            return ChatError::Refused { provider, status: 500, said };
        }
        refused(Refusal {
            provider: &self.settings.name,
            model,
            status: incoming.status,
            said: self.words(&said),
            retry_after: asked.or_else(|| delay_in_body(&body)).or_else(|| delay_in_words(&said)),
        })
    }

    /// Reads an answer that comes in pieces.
    async fn stream(
        &self,
        format: &'static dyn Format,
        incoming: &mut Incoming,
        into: &mut Gathered,
        seen: Seen<'_>,
    ) -> Result<(), ReadError> {
        let mut reader = Reader::new(format, self.settings.limits.line);
        let mut is_hurried = false;
        while !into.is_done() {
            match incoming.piece().await {
                Ok(Some(piece)) => reader.take(piece.as_ref(), into, seen)?,
                Ok(None) => return reader.rest(into, seen),
                Err(HttpError::Cancelled) => return Err(HttpError::Cancelled.into()),
                Err(_) if into.is_finished() => return Ok(()), // the answer is whole; only its usage may be missing
                Err(error) => return Err(error.into()),
            }
            if into.is_finished() && !std::mem::replace(&mut is_hurried, true) {
                incoming.hurry(AFTER_THE_END);
            }
        }
        // the stream's own end is as good as here: read, it leaves the connection for the next call
        let _at_its_end = tokio::time::timeout(Duration::from_millis(5), incoming.piece()).await;
        Ok(())
    }

    async fn read(
        &self,
        format: &'static dyn Format,
        incoming: &mut Incoming,
        into: &mut Gathered,
        seen: Seen<'_>,
    ) -> Result<(), ReadError> {
        let kind = incoming.media_type();
        let streamed = match format.framing() {
            Framing::Events => "text/event-stream",
            Framing::Lines => "application/x-ndjson",
        };
        if kind == streamed || (kind.is_empty() && self.settings.stream) {
            self.stream(format, incoming, into, seen).await?;
            if format.has_last_event() && !into.is_done() {
                into.reopen();
            }
            return Ok(());
        }
        if !(kind.is_empty() || kind == "application/json" || kind.ends_with("+json")) {
            let page = incoming.beginning(64, Duration::from_secs(1)).await;
            let what = if kind == "text/html" || is_html(&page) { "a web page".to_owned() } else { kind };
            return Err(Wrong::unreadable(format!("it is {what}, not JSON")).into());
        }
        // a server that cannot stream answers whole, asked or not
        let body = incoming.whole().await?;
        if body.trim_ascii().is_empty() {
            return Err(Wrong::Faulty(FoundFault::Empty, "there is nothing in it".to_owned()).into());
        }
        let body = json::parse(&body).map_err(|why| Wrong::unreadable(format!("no JSON: {why}")))?;
        Ok(format.whole(&body, into, seen)?)
    }

    /// A provider's words, fit for an error: its keys masked, shortened, on one line that a terminal can show.
    fn words(&self, said: &str) -> String {
        // masked before it is cut, so that no half of a key is left
        let masked = self.keys.mask(said);
        Untrusted::new(masked).display_within(MOST_WORDS).to_string()
    }

    fn failed(&self, model: &str, error: ReadError) -> ChatError {
        let provider = self.settings.name.clone();
        let faulty = |fault, why: &str| ChatError::Faulty { provider: provider.clone(), fault, why: self.words(why) };
        match error {
            ReadError::Wrong(Wrong::Faulty(fault, why)) => faulty(fault, &why),
            ReadError::Wrong(Wrong::Held(why)) => ChatError::Refused { provider, status: 200, said: self.words(&why) },
            ReadError::Wrong(Wrong::Reported { status, said }) => {
                let said = self.words(&said);
                let refusal = |status| Refusal {
                    provider: &self.settings.name,
                    model,
                    status,
                    said: said.clone(),
                    retry_after: None,
                };
                match (status, refused(refusal(status.unwrap_or(400)))) {
                    (None, too_long @ ChatError::TooLong { .. }) => too_long,
                    (None, _) => faulty(FoundFault::CutOff, &format!("it broke off with an error: {said}")),
                    (Some(_), error) => error,
                }
            }
            ReadError::Line(TooLong) => {
                let most = self.settings.limits.line;
                faulty(FoundFault::TooLarge, &format!("a line of it has more than {most} bytes"))
            }
            ReadError::Http(HttpError::Broken { why }) => {
                faulty(FoundFault::CutOff, &format!("the connection broke: {why}"))
            }
            ReadError::Http(error) => self.not_reached(error),
        }
    }

    /// Whether it is a server on this machine.
    fn is_local(&self) -> bool {
        let host = self.settings.base_url.split("://").nth(1).unwrap_or_default();
        ["localhost", "127.", "[::1]"].iter().any(|start| host.starts_with(start))
    }

    fn not_reached(&self, error: HttpError) -> ChatError {
        let provider = self.settings.name.clone();
        match error {
            HttpError::Cancelled => ChatError::Cancelled,
            HttpError::TimedOut { limit } => ChatError::TimedOut { provider, limit },
            HttpError::Unreachable { why, lasts } => {
                let hint = if lasts && self.is_local() && why.starts_with("connection refused") {
                    "; is the server started?"
                } else {
                    ""
                };
                ChatError::Unreachable { provider, why: self.words(&format!("{why}{hint}")), lasts }
            }
            HttpError::BadUrl => {
                let why = "its base URL is no http or https URL".to_owned();
                ChatError::Unreachable { provider, why, lasts: true }
            }
            HttpError::Elsewhere { status, .. } => {
                ChatError::Refused { provider, status, said: self.words(&error.to_string()) }
            }
            HttpError::Circling { .. } => ChatError::Refused { provider, status: 308, said: error.to_string() },
            HttpError::BadHeader { .. } => ChatError::NotSignedIn { provider, said: self.words(&error.to_string()) },
            HttpError::TooLarge { .. } => {
                ChatError::Faulty { provider, fault: FoundFault::TooLarge, why: error.to_string() }
            }
            HttpError::Packed { .. } | HttpError::NoJson { .. } => {
                ChatError::Faulty { provider, fault: FoundFault::Unreadable, why: self.words(&error.to_string()) }
            }
            // what was sent whole may be billed, whether or not an answer was begun
            HttpError::Broken { .. } | HttpError::Unanswered { .. } => {
                ChatError::Faulty { provider, fault: FoundFault::CutOff, why: self.words(&error.to_string()) }
            }
        }
    }

    /// Refuses what a server would cut at its front without a word.
    fn check_room(&self, model: &str, request: &ChatRequest) -> Result<(), ChatError> {
        if self.settings.count != CountBy::Nobody {
            return Ok(()); // who counts cuts nothing, and an estimate knows less than the count before
        }
        let Some(context) = self.settings.context.map(u64::from) else { return Ok(()) };
        let needed = request.estimated_tokens() + u64::from(request.max_output_tokens);
        if needed <= context {
            return Ok(());
        }
        let said = format!("about {needed} tokens with the answer, and its context is set to {context}");
        Err(ChatError::TooLong { model: model.to_owned(), said })
    }

    /// What a whole answer may take before its first byte is what it may take at all.
    fn limits(&self) -> HttpLimits {
        let limits = self.settings.limits;
        if self.settings.stream { limits } else { HttpLimits { first: limits.total, ..limits } }
    }

    /// Hides keys that a provider repeats in its answer: replies are kept.
    fn masked(&self, model: &str, mut reply: ChatReply) -> ChatReply {
        let mut hides_key = false;
        let mut hide = |text: &mut String| {
            if let std::borrow::Cow::Owned(masked) = self.keys.mask_known(text) {
                (*text, hides_key) = (masked, true);
            }
        };
        hide(&mut reply.text);
        hide(&mut reply.model);
        hide(&mut reply.request_id);
        reply.calls.iter_mut().for_each(|call| {
            hide(&mut call.arguments);
            hide(&mut call.name);
        });
        reply.hides_key = hides_key;
        // what would not come back as it came is of no use
        let is_bare = |value: &serde_json::Value| {
            matches!(self.keys.mask_known(&value.to_string()), std::borrow::Cow::Borrowed(_))
        };
        let kept = reply.kept.take().filter(is_bare);
        reply.kept = kept.map(|value| serde_json::json!({ "of": self.settings.kept_of(model), "value": value }));
        reply
    }
}

#[async_trait]
impl ChatModel for Provider {
    async fn chat(
        &self,
        model: &str,
        request: &ChatRequest,
        seen: &mut (dyn for<'p> FnMut(Streamed<'p>) + Send),
        cancel: &Cancel,
    ) -> Result<ChatReply, ChatError> {
        self.check_room(model, request)?;
        let mut is_renewed = false;
        let (settings, mut incoming) = loop {
            let settings = self.learned.apply(model, &self.settings);
            let ask = self.ask(&settings, model, request, cancel).await?;
            let sent = self.http.send(&ask, self.limits(), cancel).await;
            let incoming = sent.map_err(|error| self.not_reached(error))?;
            if (200..300).contains(&incoming.status) {
                break (settings, incoming);
            }
            match self.refusal(model, incoming, cancel).await {
                // it takes no such parameter: each is learned once, so this ends
                ChatError::Refused { status: status @ (400 | 404 | 405 | 422 | 500), said, .. }
                    if self.learned.has_more(&settings, model, &self.settings)
                        || self.learned.learn(&settings, model, (status, &said), request) => {}
                // that cost nothing: where the key comes from there may be another by now, and it is tried at once
                error @ ChatError::NotSignedIn { .. } if !std::mem::replace(&mut is_renewed, true) => {
                    let again = self.ask(&settings, model, request, cancel).await;
                    if !again.is_ok_and(|again| again.headers != ask.headers) {
                        return Err(error);
                    }
                }
                error => return Err(error),
            }
        };
        let names = ["x-request-id", "request-id", "x-goog-request-id", "cf-ray"];
        let request_id = names.iter().find_map(|name| incoming.header(name)).unwrap_or_default();
        let request_id: String = request_id.chars().take(200).collect();
        let format = format(settings.wire);
        let mut into = Gathered::new(format.shape_tool(&settings, request), request_id);
        let read = self.read(format, &mut incoming, &mut into, seen).await;
        let (took, was_read) = (into.usage, read.is_ok());
        let mut reply = read.and_then(|()| Ok(into.reply()?)).map_err(|error| {
            // it came to its end, and is billed as it says
            if was_read && took != Usage::default() {
                seen(Streamed::Took(took));
            }
            self.failed(model, error)
        })?;
        if request.calls_forbidden && !reply.calls.is_empty() {
            self.learned.learn_of_a_call(model);
        }
        reply.without_tools = !settings.tools && !request.tools.is_empty();
        Ok(self.masked(model, reply))
    }

    async fn count(&self, model: &str, request: &ChatRequest, cancel: &Cancel) -> Result<Option<u64>, ChatError> {
        let settings = self.learned.apply(model, &self.settings);
        let request = &*settings.asked(model, request);
        let body = || format(settings.wire).body(&settings, model, request);
        if settings.count == CountBy::Nobody {
            return Ok(None);
        }
        if let Some(why) = self.resting.at(model, self.clock.monotonic()) {
            return Err(why);
        }
        // a program that prints a key may ask a person: that is not the counter's time
        let key = self.key(cancel).await?;
        let count = async {
            let mut next = counting::ask(&settings, model, request, body());
            while let Some(ask) = next.take() {
                match self.counted(model, ask, key.as_ref(), cancel).await? {
                    Counted::Tokens(tokens) => {
                        let unlikely = counting::unlikely(tokens, request.bytes());
                        let unlikely = unlikely.map(|why| self.failed(model, Wrong::unreadable(why).into()));
                        return unlikely.map_or(Ok(Some(tokens)), Err);
                    }
                    Counted::Next(ask) => next = Some(ask),
                }
            }
            Ok(None)
        };
        let limit = counting::PATIENCE;
        let late = || ChatError::TimedOut { provider: self.settings.name.clone(), limit };
        let counted = tokio::time::timeout(limit, count).await.unwrap_or_else(|_| Err(late()));
        if let Err(why) = &counted {
            self.resting.begin(model, self.clock.monotonic(), why);
        }
        counted
    }
}

fn format(wire: Wire) -> &'static dyn Format {
    match wire {
        Wire::OpenAi => &OpenAi,
        Wire::Responses => &Responses,
        Wire::Anthropic => &Anthropic,
        Wire::Gemini => &Gemini,
        Wire::Ollama => &Ollama,
    }
}

/// Why reading ended.
enum ReadError {
    Http(HttpError),
    Line(TooLong),
    Wrong(Wrong),
}

impl From<HttpError> for ReadError {
    fn from(error: HttpError) -> Self {
        Self::Http(error)
    }
}

impl From<TooLong> for ReadError {
    fn from(error: TooLong) -> Self {
        Self::Line(error)
    }
}

impl From<Wrong> for ReadError {
    fn from(error: Wrong) -> Self {
        Self::Wrong(error)
    }
}

/// Cuts a stream and hands its pieces to the format.
struct Reader {
    format: &'static dyn Format,
    cut: Cut,
}

enum Cut {
    Events(Events),
    Lines(Lines),
}

impl Reader {
    fn new(format: &'static dyn Format, most: usize) -> Self {
        let cut = match format.framing() {
            Framing::Events => Cut::Events(Events::new(most)),
            Framing::Lines => Cut::Lines(Lines::new(most)),
        };
        Self { format, cut }
    }

    fn take(&mut self, bytes: &[u8], into: &mut Gathered, seen: Seen<'_>) -> Result<(), ReadError> {
        let format = self.format;
        match &mut self.cut {
            Cut::Events(events) => events.take(bytes, |event: Event| one(format, &event.name, &event.data, into, seen)),
            Cut::Lines(lines) => lines.take(bytes, |line| one(format, "", line, into, seen)),
        }
    }

    /// What was begun when an orderly end came: servers leave out the last line's end. A broken piece is no piece.
    fn rest(self, into: &mut Gathered, seen: Seen<'_>) -> Result<(), ReadError> {
        let rest = match self.cut {
            Cut::Events(events) => events.rest(),
            Cut::Lines(mut lines) => Some(Event { name: String::new(), data: lines.rest() }),
        };
        let Some(event) = rest else { return Ok(()) };
        match one(self.format, &event.name, &event.data, into, seen) {
            Err(ReadError::Wrong(Wrong::Faulty(FoundFault::Unreadable, _))) => Ok(()),
            other => other,
        }
    }
}

fn one(
    format: &'static dyn Format,
    kind: &str,
    data: &[u8],
    into: &mut Gathered,
    seen: Seen<'_>,
) -> Result<(), ReadError> {
    let data = data.trim_ascii();
    if into.is_done() || data.is_empty() {
        return Ok(());
    }
    if data == b"[DONE]" {
        into.done();
        return Ok(());
    }
    let event = json::parse(data).map_err(|why| Wrong::unreadable(format!("an event of it is no JSON: {why}")))?;
    Ok(format.event(kind, &event, into, seen)?)
}
