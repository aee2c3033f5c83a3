//! The desk at which one piece of work asks models: reserved, asked, settled, kept.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};

use super::ear::Ear;
use super::metrics::day_of;
use super::order::Post;
use super::replay::Tape;
use super::spoken::Spoken;
use super::work::Worker;
use crate::api::{Failure, FailureKind};
use crate::cancel::Cancel;
use crate::id::{Digest, SessionId};
use crate::infrastructure::llm::{ChatError, ChatReply, ChatRequest, Finish, Lead, ModelName, NoRoute, Share, Usage};
use crate::planning::{AskError, Models, Question, Role};
use crate::session::{CallAsked, CallEnded, EffectKey, Outcome, Session, dollars};
use crate::text::Untrusted;

/// The way from one attempt at a piece of work to the core.
#[derive(Clone)]
pub(super) struct Line {
    pub(super) inbox: mpsc::Sender<Post>,
    pub(super) session: SessionId,
    pub(super) key: EffectKey,
    pub(super) attempt: u32,
    /// What people say to it meanwhile.
    pub(super) ear: Arc<Ear>,
    /// What models said to this attempt when it was recorded: nobody else answers, and nothing is bought.
    pub(super) tape: Option<Arc<Tape>>,
}

impl Line {
    /// Posts `outcome` and waits until it is durable; the call's number where one was reserved.
    pub(super) async fn record(&self, outcome: Outcome) -> Result<u32, Failure> {
        let (reply, answer) = oneshot::channel();
        let gone = || Failure::new(FailureKind::Unreachable, "the service ends");
        self.inbox.send(Post::Call { session: self.session, outcome, reply }).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

/// What models took today, over all sessions of this process.
#[derive(Debug, Default)]
pub(super) struct Today(Mutex<(String, u64)>);

impl Today {
    /// What `date` took before this process.
    pub(super) fn starting(date: String, micros: u64) -> Self {
        Self(Mutex::new((date, micros)))
    }

    /// Takes `micros` for `date`, unless the day would take more than `most`; then what it took already.
    fn take(&self, date: &str, micros: u64, most: Option<u64>) -> Result<(), u64> {
        let mut today = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if today.0 != date {
            *today = (date.to_owned(), 0);
        }
        let sum = today.1.saturating_add(micros);
        if most.is_some_and(|most| sum > most) {
            return Err(today.1);
        }
        today.1 = sum;
        Ok(())
    }

    /// A call that had taken `taken` cost `cost`.
    fn settle(&self, date: &str, taken: u64, cost: u64) {
        let mut today = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if today.0 == date {
            today.1 = today.1.saturating_sub(taken).saturating_add(cost);
        }
    }
}

/// Asks for one attempt at one piece of work.
pub(super) struct Desk {
    worker: Arc<Worker>,
    line: Line,
    /// What each role took of the session when this attempt started, and since: micros and tokens.
    taken: Mutex<BTreeMap<Role, (u64, u64)>>,
    /// The model that drafts, where the session has one of its own.
    model: Option<ModelName>,
}

impl Desk {
    /// A desk for `line`'s attempt.
    pub(super) fn new(worker: Arc<Worker>, session: &Session, line: Line) -> Self {
        let mut taken = BTreeMap::<Role, (u64, u64)>::new();
        for call in &session.calls {
            let sum = taken.entry(call.asked.role).or_default();
            sum.0 = sum.0.saturating_add(call.cost_micros().unwrap_or(0));
            sum.1 = sum.1.saturating_add(call.tokens());
        }
        let model = session.asked.model.as_deref().and_then(|name| name.parse().ok());
        Self { worker, line, taken: Mutex::new(taken), model }
    }

    /// Whom the role asks in this session.
    fn lead(&self, role: Role) -> Result<Lead, NoRoute> {
        let bank = &self.worker.ports.models;
        match &self.model {
            Some(model) if role == Role::Implementer => bank.lead_to(role.name(), model),
            _ => bank.lead(role.name()),
        }
    }

    /// Whether the role may take that much more of this session.
    fn within_share(&self, role: Role, share: Share, asked: &CallAsked) -> Result<(), AskError> {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let (micros, tokens) = taken.get(&role).copied().unwrap_or_default();
        let needs = asked.input_tokens.saturating_add(asked.output_tokens);
        let spent = |why: String| AskError::BudgetSpent {
            why,
            next: format!("raise the limit of role {role} (paraph config set), then paraph regenerate"),
        };
        if let Some(most) = share.tokens.filter(|most| tokens.saturating_add(needs) > *most) {
            return Err(spent(format!("role {role} took {tokens} of {most} tokens, and the call may take {needs}")));
        }
        if let (Some(most), Some(cost)) = (share.cost_micros, asked.cost_micros)
            && micros.saturating_add(cost) > most
        {
            let [taken, most, cost] = [micros, most, cost].map(dollars);
            return Err(spent(format!("role {role} took ${taken} of ${most}, and the call may cost ${cost}")));
        }
        Ok(())
    }

    fn took(&self, role: Role, micros: u64, tokens: u64) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = taken.entry(role).or_default();
        *sum = (sum.0.saturating_add(micros), sum.1.saturating_add(tokens));
    }

    /// The date in UTC, as the day's limit counts it.
    fn date(&self) -> String {
        day_of(self.worker.ports.clock.now())
    }

    /// Takes the call out of the day's limit, then out of the session's: nothing is bought before both hold.
    async fn reserve(&self, date: &str, asked: &CallAsked) -> Result<u32, AskError> {
        let most = self.worker.ports.models.max_day_micros();
        let needs = asked.cost_micros.unwrap_or(0);
        self.worker.today.take(date, needs, most).map_err(|taken| AskError::BudgetSpent {
            why: format!(
                "${} of ${} is spent today, and the call may cost ${}",
                dollars(taken),
                dollars(most.unwrap_or(0)),
                dollars(needs)
            ),
            next: "paraph config set budget.day_usd AMOUNT, then paraph regenerate".to_owned(),
        })?;
        self.line.record(Outcome::Asking(asked.clone())).await.map_err(|failure| {
            self.worker.today.settle(date, needs, 0);
            match failure.kind {
                FailureKind::Budget => AskError::BudgetSpent {
                    why: failure.message.trim_start_matches("the budget is spent: ").to_owned(),
                    next: format!("paraph budget {} --usd AMOUNT, or --tokens COUNT", self.line.session),
                },
                FailureKind::Conflict | FailureKind::Unreachable => AskError::Cancelled,
                _ => AskError::Failed { role: asked.role, tries: vec![failure.message] },
            }
        })
    }

    /// Asks one model: reserved before, settled after.
    async fn ask_one(
        &self,
        model: &ModelName,
        lead: &Lead,
        asked: CallAsked,
        request: &ChatRequest,
        cancel: &Cancel,
    ) -> Result<Result<ChatReply, ChatError>, AskError> {
        self.within_share(asked.role, lead.share, &asked)?;
        let date = self.date();
        let call = self.reserve(&date, &asked).await?;
        let bank = &self.worker.ports.models;
        let started = self.worker.ports.clock.monotonic();
        let mut tries = 0;
        let mut spoken = Spoken::open(&self.worker, &self.line, asked.role, &asked.model);
        let answer = {
            let mut seen = |piece: crate::infrastructure::llm::Streamed<'_>| spoken.hear(piece);
            let chat = bank.chat(model, request, &mut seen, &mut tries, cancel);
            tokio::time::timeout(lead.latency, chat)
                .await
                .unwrap_or_else(|_| Err(ChatError::TimedOut { provider: model.provider.clone(), limit: lead.latency }))
        };
        drop(spoken);
        let latency = self.worker.ports.clock.monotonic().saturating_sub(started);
        let ended = self.ended(call, model, &asked, &answer, tries.max(1), latency).await;
        let cost = ended.cost_micros.unwrap_or(0);
        self.worker.today.settle(&date, asked.cost_micros.unwrap_or(0), cost);
        self.took(asked.role, cost, ended.input_tokens.saturating_add(ended.output_tokens));
        if let Err(failure) = self.line.record(Outcome::Answered(ended)).await {
            // it stays reserved: what it may have cost counts whole
            tracing::error!(%failure, session = %self.line.session, call, "what a call took could not be recorded");
            return Err(AskError::Cancelled);
        }
        Ok(answer)
    }

    /// What is recorded of a call that ended.
    async fn ended(
        &self,
        call: u32,
        model: &ModelName,
        asked: &CallAsked,
        answer: &Result<ChatReply, ChatError>,
        tries: u32,
        latency: Duration,
    ) -> CallEnded {
        let bank = &self.worker.ports.models;
        let latency_ms = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
        match answer {
            Ok(reply) => {
                let kept = serde_json::to_vec(reply).expect("a reply is plain data");
                let blobs = self.worker.blobs().clone();
                let kept = tokio::task::spawn_blocking(move || blobs.put(&kept)).await;
                let usage = Usage {
                    input: reply.usage.input.or(Some(asked.input_tokens)),
                    output: reply.usage.output.or(Some((reply.text.len() as u64).div_ceil(3))),
                    ..reply.usage
                };
                CallEnded {
                    call,
                    input_tokens: usage.input.unwrap_or(0),
                    output_tokens: usage.output.unwrap_or(0),
                    cached_tokens: usage.cache_read.unwrap_or(0),
                    cost_micros: bank.cost_micros(model, &usage),
                    latency_ms,
                    tries,
                    reply: kept.ok().and_then(Result::ok),
                    request_id: Untrusted::new(reply.request_id.clone()),
                    ended: Untrusted::new(finish_name(&reply.finish)),
                }
            }
            // what was refused before a token was made costs nothing; what broke off may have been billed
            Err(error) => {
                let billed =
                    matches!(error, ChatError::Faulty { .. } | ChatError::TimedOut { .. } | ChatError::Cancelled);
                CallEnded {
                    call,
                    input_tokens: if billed { asked.input_tokens } else { 0 },
                    output_tokens: if billed { asked.output_tokens } else { 0 },
                    cached_tokens: 0,
                    cost_micros: if billed { asked.cost_micros } else { Some(0) },
                    latency_ms,
                    tries,
                    reply: None,
                    request_id: Untrusted::default(),
                    ended: Untrusted::new(error.to_string()),
                }
            }
        }
    }

    /// What was recorded, read back.
    async fn replayed(&self, tape: &Tape, role: Role, prompt: Digest) -> Result<ChatReply, AskError> {
        let missing = |why: String| AskError::Failed { role, tries: vec![why] };
        let digest = tape.answer(role, prompt)?;
        let blobs = self.worker.blobs().clone();
        let bytes = tokio::task::spawn_blocking(move || blobs.get(digest)).await;
        let bytes = bytes.map_err(|error| missing(error.to_string()))?.map_err(|error| missing(error.to_string()))?;
        serde_json::from_slice(&bytes)
            .map_err(|error| missing(format!("recorded reply {digest} does not read: {error}")))
    }
}

/// The word that the journal keeps.
fn finish_name(finish: &Finish) -> String {
    match finish {
        Finish::Stop => "stop".to_owned(),
        Finish::Length => "length".to_owned(),
        Finish::Tools => "tools".to_owned(),
        Finish::Filtered => "filtered".to_owned(),
        Finish::Other(word) => word.chars().take(40).collect(),
    }
}

#[async_trait]
impl Models for Desk {
    async fn ask(&self, question: &Question, cancel: &Cancel) -> Result<ChatReply, AskError> {
        let Question { role, request, redacted } = question;
        let role = *role;
        let text = serde_json::to_vec(request).expect("a request is plain data");
        let blobs = self.worker.blobs().clone();
        let prompt = tokio::task::spawn_blocking(move || blobs.put(&text)).await;
        let unkept = |why: String| AskError::Failed { role, tries: vec![format!("the prompt cannot be kept: {why}")] };
        let prompt = prompt.map_err(|error| unkept(error.to_string()))?.map_err(|error| unkept(error.to_string()))?;
        if let Some(tape) = &self.line.tape {
            if request.estimated_tokens() > tape.room(role) {
                return Err(AskError::TooLong { role });
            }
            return self.replayed(tape, role, prompt).await;
        }
        let bank = &self.worker.ports.models;
        let lead = self.lead(role).map_err(|NoRoute { why, next }| AskError::NoModel { role, why, next })?;
        let max_output_tokens = request.max_output_tokens.min(lead.route.max_output_tokens);
        let request = ChatRequest { max_output_tokens, ..request.clone() };
        let input_tokens = request.estimated_tokens();
        if input_tokens > lead.context_tokens {
            return Err(AskError::TooLong { role });
        }
        let (mut tries, mut too_long, mut at) = (Vec::new(), 0, Some(0));
        while let Some((place, model)) = at.and_then(|at| Some((at, lead.route.models.get(at)?))) {
            let cost_micros = bank.at_most_micros(model, input_tokens, max_output_tokens);
            if let (Some(most), Some(cost)) = (lead.route.max_cost_micros, cost_micros)
                && cost > most
            {
                tries.push(format!(
                    "{model}: one call may cost ${} and at most ${} is allowed",
                    dollars(cost),
                    dollars(most)
                ));
                at = Some(place + 1);
                continue;
            }
            let asked = CallAsked {
                key: self.line.key,
                attempt: self.line.attempt,
                role,
                model: model.to_string(),
                prompt,
                input_tokens,
                output_tokens: u64::from(max_output_tokens),
                cost_micros,
                prices: bank.price_source(model),
                room: lead.context_tokens,
                heard: self.line.ear.heard(),
                redacted: redacted.clone(),
            };
            match self.ask_one(model, &lead, asked, &request, cancel).await? {
                Ok(reply) => return Ok(reply),
                Err(ChatError::Cancelled) => return Err(AskError::Cancelled),
                Err(error) => {
                    too_long += usize::from(matches!(error, ChatError::TooLong { .. }));
                    tries.push(format!("{model}: {error}"));
                    at = lead.route.next_after(place, &error, |model| bank.room(model));
                }
            }
        }
        if !tries.is_empty() && too_long == tries.len() {
            return Err(AskError::TooLong { role });
        }
        Err(AskError::Failed { role, tries })
    }

    fn room(&self, role: Role) -> u64 {
        if let Some(tape) = &self.line.tape {
            return tape.room(role);
        }
        self.lead(role).map_or(0, |lead| lead.context_tokens)
    }
}
