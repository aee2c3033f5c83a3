//! Models that say what a test tells them to: a switchboard that answers by model, from a list or by a function.
#![allow(dead_code, missing_docs, clippy::unwrap_used, unreachable_pub, reason = "each test binary uses its own part")]

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use paraph::cancel::Cancel;
use paraph::infrastructure::llm::{
    CallBlock, ChatError, ChatReply, ChatRequest, Finish, Lead, ModelName, NoRoute, PromptSize, Route, Share, Streamed,
    Switchboard, Usage,
};

/// What a model answers to a request.
type Answer = Box<dyn FnMut(&ChatRequest) -> Result<ChatReply, ChatError> + Send>;

/// Each role asks a model of its own, `scripted/ROLE`, unless it is told to ask another. A role that nothing was
/// scripted for has nobody to ask; a model whose list is at its end refuses.
#[derive(Default)]
pub struct Scripted {
    routes: BTreeMap<String, Vec<ModelName>>,
    lists: Mutex<BTreeMap<ModelName, VecDeque<Result<ChatReply, ChatError>>>>,
    functions: Mutex<BTreeMap<ModelName, Answer>>,
    asked: Mutex<Vec<(ModelName, ChatRequest)>>,
    /// The most of a day, in millionths of a dollar.
    pub day: Option<u64>,
    /// What each role may take of one session.
    pub share: Share,
    /// The most that one call may cost, in millionths of a dollar.
    pub call: Option<u64>,
    /// The longest that one call may take; half a minute where nothing is said.
    pub latency: Option<Duration>,
    /// Tokens of prompt that every model takes.
    pub context_tokens: Option<u64>,
    /// How models count a prompt; estimated where it is not there.
    pub counts: Option<fn(&ModelName, &ChatRequest) -> PromptSize>,
    /// How often a model is asked the same where its answer breaks off; once where it is 0.
    pub tries: u32,
    /// Where it is there, each call says that it waits, and does until a permit is added.
    pub waits: Option<Arc<tokio::sync::Semaphore>>,
}

/// The model that `role` asks where nothing else is said.
pub fn model(role: &str) -> ModelName {
    ModelName { provider: "scripted".to_owned(), model: role.to_owned() }
}

/// An answer of these words.
pub fn says(text: impl Into<String>) -> ChatReply {
    ChatReply {
        text: text.into(),
        calls: Vec::new(),
        finish: Finish::Stop,
        usage: Usage { input: Some(1_000), output: Some(100), ..Usage::default() },
        model: "scripted".to_owned(),
        request_id: "r-1".to_owned(),
        kept: None,
        without_tools: false,
        hides_key: false,
    }
}

/// A wish for a tool.
pub fn wants(tool: &str, arguments: &str) -> ChatReply {
    let call = CallBlock { id: "c1".to_owned(), name: tool.to_owned(), arguments: arguments.to_owned() };
    ChatReply { calls: vec![call], finish: Finish::Tools, ..says("") }
}

impl Scripted {
    pub fn new() -> Self {
        Self::default()
    }

    /// `role` answers these, one after the other.
    pub fn says(self, role: &str, texts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.replies(role, texts.into_iter().map(|text| Ok(says(text))))
    }

    /// The same with whole replies, or errors.
    pub fn replies(mut self, role: &str, replies: impl IntoIterator<Item = Result<ChatReply, ChatError>>) -> Self {
        let models = self.routes.entry(role.to_owned()).or_insert_with(|| vec![model(role)]);
        let first = models[0].clone();
        self.lists.get_mut().unwrap().entry(first).or_default().extend(replies);
        self
    }

    /// `role` answers by a function, once its list is at its end.
    pub fn answers(
        mut self,
        role: &str,
        answer: impl FnMut(&ChatRequest) -> Result<ChatReply, ChatError> + Send + 'static,
    ) -> Self {
        let models = self.routes.entry(role.to_owned()).or_insert_with(|| vec![model(role)]);
        let first = models[0].clone();
        self.functions.get_mut().unwrap().insert(first, Box::new(answer));
        self
    }

    /// `role` asks these models, in this order.
    pub fn routed(mut self, role: &str, models: &[ModelName]) -> Self {
        self.routes.insert(role.to_owned(), models.to_vec());
        self
    }

    pub fn shared(self) -> Arc<Self> {
        Arc::new(self)
    }

    /// What every model was asked, in order.
    pub fn asked(&self) -> Vec<(ModelName, ChatRequest)> {
        self.asked.lock().unwrap().clone()
    }

    /// What the model of `role` was asked, each as one text: instructions, then the conversation.
    pub fn asked_as(&self, role: &str) -> Vec<String> {
        let wanted = self.routes.get(role).map_or_else(|| model(role), |models| models[0].clone());
        let text = |request: &ChatRequest| {
            let turns = request.messages.iter().map(|message| serde_json::to_string(message).unwrap());
            request.system.iter().cloned().chain(turns).collect::<Vec<_>>().join("\n")
        };
        self.asked().iter().filter(|(model, _)| *model == wanted).map(|(_, request)| text(request)).collect()
    }
}

#[async_trait]
impl Switchboard for Scripted {
    fn lead(&self, role: &str) -> Result<Lead, NoRoute> {
        let models = self.routes.get(role).cloned().ok_or_else(|| NoRoute {
            why: "no model is configured".to_owned(),
            next: format!("paraph config set roles.{role} PROVIDER/MODEL"),
        })?;
        Ok(Lead {
            route: Route { models, max_output_tokens: None, max_cost_micros: self.call, max_latency: None },
            max_output_tokens: 16_000,
            widen: "context = TOKENS under [providers.scripted]".to_owned(),
            context_tokens: self.context_tokens.unwrap_or(100_000),
            share: self.share,
            latency: self.latency.unwrap_or(Duration::from_secs(30)),
        })
    }

    fn lead_to(&self, role: &str, model: &ModelName) -> Result<Lead, NoRoute> {
        let lead = self.lead(role)?;
        Ok(Lead { route: Route { models: vec![model.clone()], ..lead.route }, ..lead })
    }

    fn room(&self, _: &ModelName) -> Option<u64> {
        Some(self.context_tokens.unwrap_or(100_000) + 16_000)
    }

    fn at_most_micros(&self, _: &ModelName, input_tokens: u64, output_tokens: u32) -> Option<u64> {
        Some(input_tokens + u64::from(output_tokens))
    }

    /// A millionth of a dollar a token.
    fn cost_micros(&self, _: &ModelName, usage: &Usage) -> Option<u64> {
        Some(usage.input.unwrap_or(0) + usage.output.unwrap_or(0))
    }

    fn price_source(&self, _: &ModelName) -> String {
        "2026-11-20".to_owned()
    }

    fn max_day_micros(&self) -> Option<u64> {
        self.day
    }

    fn share(&self, _: &str) -> Share {
        self.share
    }

    fn counts(&self, _: &ModelName) -> bool {
        self.counts.is_some()
    }

    async fn size(&self, model: &ModelName, request: &ChatRequest, _: &Cancel) -> PromptSize {
        match self.counts {
            Some(counts) => counts(model, request),
            None => PromptSize::Estimated { tokens: request.estimated_tokens(), why: String::new() },
        }
    }

    async fn chat(
        &self,
        model: &ModelName,
        request: &ChatRequest,
        seen: &mut (dyn for<'p> FnMut(Streamed<'p>) + Send),
        tries: &mut u32,
        cancel: &Cancel,
    ) -> Result<ChatReply, ChatError> {
        *tries += 1;
        if cancel.is_cancelled() {
            return Err(ChatError::Cancelled);
        }
        self.asked.lock().unwrap().push((model.clone(), request.clone()));
        seen(Streamed::Sent);
        if let Some(gate) = &self.waits {
            seen(Streamed::Waits { pause: Duration::from_secs(12), next: 3, why: "500 from openai" });
            gate.acquire().await.unwrap().forget();
        }
        let listed = self.lists.lock().unwrap().get_mut(model).and_then(VecDeque::pop_front);
        let reply = match listed {
            Some(reply) => reply,
            None => match self.functions.lock().unwrap().get_mut(model) {
                Some(answer) => answer(request),
                None => Err(ChatError::Refused {
                    provider: model.provider.clone(),
                    status: 400,
                    said: format!("nothing more was scripted for {model}"),
                }),
            },
        }?;
        seen(Streamed::Text(&reply.text));
        Ok(reply)
    }

    async fn wait_to_ask_again(
        &self,
        _: &ModelName,
        _: &ChatError,
        tries: u32,
        _: &mut (dyn for<'p> FnMut(Streamed<'p>) + Send),
        _: &Cancel,
    ) -> bool {
        tries < self.tries
    }
}
