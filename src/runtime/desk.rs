//! The desk at which one piece of work asks models: reserved, asked, settled, kept.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};

use super::bare::without_keys;
use super::billed::{Heard, told, took};
use super::ear::Ear;
use super::metrics::day_of;
use super::order::Post;
use super::purse::{Needs, Purse};
use super::replay::Tape;
use super::spoken::Spoken;
use super::work::Worker;
use crate::api::{Failure, FailureKind};
use crate::cancel::Cancel;
use crate::id::{Digest, SessionId};
use crate::infrastructure::llm::{
    ChatError, ChatReply, ChatRequest, Finish, Lead, Message, ModelName, NoRoute, PromptSize, Share, Speaker, Streamed,
};
use crate::planning::{AskError, Bill, Counted, Elsewhere, Models, Question, Role, Took};
use crate::session::{Budget, CallAsked, CallEnded, EffectKey, Outcome, PromptCount, Session, TokensBy, dollars};
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
    /// Cancelled where nobody would go on from what it had left when it was stopped.
    pub(super) unwanted: Cancel,
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

/// Asks for one attempt at one piece of work.
pub(super) struct Desk {
    worker: Arc<Worker>,
    line: Line,
    purse: Purse,
    /// What attempts bought that a crash, or the budget, cut off.
    bought: Mutex<Vec<Bought>>,
    /// The model that drafts, where the session has one of its own.
    model: Option<ModelName>,
    /// The model that wrote the version that this work is about.
    author: Option<ModelName>,
    /// Whether an agent asked models of its own in this attempt.
    elsewhere: AtomicBool,
}

impl Desk {
    /// A desk for `line`'s attempt.
    pub(super) fn new(worker: Arc<Worker>, session: &Session, line: Line) -> Self {
        let model = session.asked.model.as_deref().and_then(|name| name.parse().ok());
        let author = line.key.version.and_then(|version| session.author(version)?.parse().ok());
        let bought = session.bought_before(line.key, line.attempt);
        let bought = bought.map(|(call, asked, reply)| Bought { call, asked: asked.clone(), reply }).collect();
        let (purse, bought, elsewhere) = (Purse::of(session), Mutex::new(bought), AtomicBool::new(false));
        Self { worker, line, purse, bought, model, author, elsewhere }
    }

    /// Tokens that a prompt of the role may have: what its models take, and what the budget left beside an answer when
    /// this attempt started. Where that is next to nothing the prompt is not cut to it: the call is refused, and a
    /// person raises the budget.
    fn room_on(&self, lead: &Lead) -> u64 {
        let left = self.purse.tokens_at_first().map(|left| left.saturating_sub(u64::from(lead.max_output_tokens)));
        match left {
            Some(left) if left >= LEAST_PROMPT => lead.context_tokens.min(left),
            _ => lead.context_tokens,
        }
    }

    /// Tokens of prompt that there was room for when the first answer was bought that this attempt may still use: with
    /// another room the prompt would be another, and be paid for again.
    fn room_before(&self, role: Role) -> Option<u64> {
        let bought = self.bought.lock().unwrap_or_else(PoisonError::into_inner);
        let first = bought.iter().find(|one| one.asked.role == role)?;
        Some(first.asked.room).filter(|room| *room > 0)
    }

    /// The answer to the same question that a model which may still be asked gave before a crash, or before the budget
    /// was met, recorded as this attempt's: nothing is sent, and nothing is bought.
    async fn answered_before(&self, lead: &Lead, role: Role, prompt: Digest) -> Result<Option<ChatReply>, AskError> {
        let may_be_asked = |name: &str| lead.route.models.iter().any(|model| model.to_string() == name);
        let is_same =
            |one: &Bought| one.asked.role == role && one.asked.prompt == prompt && may_be_asked(&one.asked.model);
        let found = {
            let mut bought = self.bought.lock().unwrap_or_else(PoisonError::into_inner);
            let same = bought.iter().position(is_same);
            same.map(|at| bought.remove(at))
        };
        let Some(Bought { call, asked, reply }) = found else { return Ok(None) };
        // what was not kept whole is bought again
        let Ok(read) = self.kept(reply).await else { return Ok(None) };
        let asked = CallAsked { attempt: self.line.attempt, ..asked };
        self.tell_unsent(asked, format!("kept from call {call}"), Some(reply)).await?;
        Ok(Some(read))
    }

    /// Records a question that is not sent, and for which nothing is bought: the prompt was counted and is too large, or
    /// its answer is there.
    async fn tell_unsent(&self, asked: CallAsked, ended: String, reply: Option<Digest>) -> Result<(), AskError> {
        let asked = CallAsked { output_tokens: 0, cost_micros: Some(0), ..asked };
        let unsent = Outcome::Asking(asked, Budget::default());
        let call = self.line.record(unsent).await.map_err(|_| AskError::Cancelled)?;
        let ended = CallEnded {
            call,
            input_tokens: 0,
            output_tokens: 0,
            tokens_by: TokensBy::Provider,
            cached_tokens: 0,
            cost_micros: Some(0),
            latency_ms: 0,
            tries: 0,
            reply,
            request_id: Untrusted::default(),
            ended: Untrusted::new(ended),
            waited_ms: 0,
        };
        self.line.record(Outcome::Answered(ended)).await.map(drop).map_err(|_| AskError::Cancelled)
    }

    /// Whom the role asks in this session.
    fn lead(&self, role: Role) -> Result<Lead, NoRoute> {
        let bank = &self.worker.ports.models;
        match &self.model {
            Some(model) if role == Role::Implementer => bank.lead_to(role.name(), model),
            _ => match self.author.as_ref().filter(|_| role.reads_another()) {
                Some(author) => bank.lead_apart(role.name(), author),
                None => bank.lead(role.name()),
            },
        }
    }

    /// Whether a prompt fits in all that holds it whatever its tokens come to: a count would change nothing then, and
    /// the first word of the answer need not wait for one.
    fn fits_anyway(&self, model: &ModelName, lead: &Lead, request: &ChatRequest, role: Role, room: u64) -> bool {
        let bank = &self.worker.ports.models;
        let (prompt, answer) = (request.most_tokens(), request.max_output_tokens);
        let own = bank.room(model).map_or(room, |all| all.saturating_sub(u64::from(answer)));
        let cost_micros = bank.at_most_micros(model, prompt, answer);
        let needs = Needs { tokens: prompt.saturating_add(u64::from(answer)), cost_micros: cost_micros.unwrap_or(0) };
        prompt <= room.min(own)
            && lead.route.max_cost_micros.is_none_or(|most| needs.cost_micros <= most)
            && self.purse.holds(role, lead.share, needs)
            && self.worker.today.holds(&self.date(), needs.cost_micros, bank.max_day_micros())
    }

    /// The date in UTC, as the day's limit counts it.
    fn date(&self) -> String {
        day_of(self.worker.ports.clock.now())
    }

    /// Whether anything is left of what the session, the role and the day may take, for an agent that asks its models
    /// itself and says only afterwards what that took. A draft is one purchase: where one repository of it was begun the
    /// others are, or what was paid for the first would be thrown away, and paid again after each raise.
    pub(super) fn has_some(&self, role: Role) -> Result<(), AskError> {
        if self.elsewhere.load(Ordering::Relaxed) {
            return Ok(());
        }
        let bank = &self.worker.ports.models;
        self.purse.has_some(self.line.session, role, bank.share(role.name()))?;
        let (spent, most) = (self.worker.today.spent(&self.date()), bank.max_day_micros());
        most.is_none_or(|most| spent < most).then_some(()).ok_or_else(|| day_spent(spent, most, ""))
    }

    /// Whether anybody is configured to be asked as `role`.
    pub(super) fn has_model(&self, role: Role) -> bool {
        self.lead(role).is_ok()
    }

    /// Takes the call out of the day's limit, then out of the session's and the role's: nothing is bought before all hold.
    async fn reserve(&self, date: &str, share: Share, asked: &CallAsked) -> Result<u32, AskError> {
        let most = self.worker.ports.models.max_day_micros();
        let needs = asked.cost_micros.unwrap_or(0);
        let may_cost = || format!(", and the next call may cost ${}", dollars(needs));
        self.worker.today.take(date, needs, most).map_err(|taken| day_spent(taken, most, &may_cost()))?;
        let share = Budget { cost_micros: share.cost_micros, tokens: share.tokens };
        self.line.record(Outcome::Asking(asked.clone(), share)).await.map_err(|failure| {
            self.worker.today.settle(date, needs, 0);
            match failure.kind {
                FailureKind::Budget => AskError::BudgetSpent {
                    why: failure.message.trim_start_matches("the budget is spent: ").to_owned(),
                    next: failure.hints.first().cloned().unwrap_or_default(),
                },
                FailureKind::Conflict | FailureKind::Unreachable => AskError::Cancelled,
                _ => AskError::Failed {
                    role: asked.role,
                    tries: vec![failure.message],
                    next: failure.hints.first().cloned().unwrap_or_default(),
                },
            }
        })
    }

    /// Asks one model, once more where an answer broke off: each time is a call of its own, reserved before and settled
    /// after, so that what may be billed is never more than what was reserved.
    async fn ask_one(
        &self,
        model: &ModelName,
        lead: &Lead,
        asked: CallAsked,
        request: &ChatRequest,
        cancel: &Cancel,
    ) -> Result<Result<ChatReply, ChatError>, AskError> {
        let (bank, clock) = (&self.worker.ports.models, &self.worker.ports.clock);
        let mut sent = Sent {
            spoken: Spoken::open(&self.worker, &self.line, asked.role, &asked.model),
            until: clock.monotonic() + lead.latency,
            tries: 0,
        };
        let mut last = None;
        loop {
            let (answer, billed) = match (self.ask_once(model, lead, &asked, request, &mut sent, cancel).await, last) {
                // the next of the route may cost less
                (Err(AskError::BudgetSpent { .. }), Some(error)) if lead.route.models.last() != Some(model) => {
                    return Ok(Err(error));
                }
                (asked, _) => asked?,
            };
            let error = match answer {
                Err(error) if billed && !cancel.is_cancelled() => error,
                answer => return Ok(answer),
            };
            let spoken = &mut sent.spoken;
            let mut seen = |piece: Streamed<'_>| spoken.hear(piece);
            let waits = bank.wait_to_ask_again(model, &error, sent.tries, &mut seen, cancel);
            match tokio::time::timeout(sent.until.saturating_sub(clock.monotonic()), waits).await {
                Ok(true) => last = Some(error),
                Ok(false) if cancel.is_cancelled() => return Ok(Err(ChatError::Cancelled)),
                Ok(false) | Err(_) => return Ok(Err(error)),
            }
        }
    }

    /// One call: reserved before, settled after. Whether it may be billed though no answer came.
    async fn ask_once(
        &self,
        model: &ModelName,
        lead: &Lead,
        asked: &CallAsked,
        request: &ChatRequest,
        sent: &mut Sent,
        cancel: &Cancel,
    ) -> Result<(Result<ChatReply, ChatError>, bool), AskError> {
        let date = self.date();
        let call = self.reserve(&date, lead.share, asked).await?;
        let (bank, clock) = (&self.worker.ports.models, &self.worker.ports.clock);
        let started = clock.monotonic();
        let before = sent.tries;
        let mut heard = Heard::default();
        let answer = {
            let spoken = &mut sent.spoken;
            let mut seen = |piece: Streamed<'_>| {
                heard.hear(&piece, clock.monotonic());
                spoken.hear(piece);
            };
            let chat = bank.chat(model, request, &mut seen, &mut sent.tries, cancel);
            tokio::time::timeout(sent.until.saturating_sub(started), chat)
                .await
                .unwrap_or_else(|_| Err(ChatError::TimedOut { provider: model.provider.clone(), limit: lead.latency }))
        };
        let ended = clock.monotonic();
        let (waited, latency) = heard.times(started, ended, answer.is_ok());
        let is_billed = answer.as_ref().is_err_and(|error| heard.bytes > 0 || error.may_be_billed());
        let may_be_billed = if is_billed { heard.may_be_billed(asked, ended) } else { (0, 0) };
        let exchange = Exchanged { tries: (sent.tries - before).max(1), waited, latency, heard, may_be_billed };
        let (ended, unkept) = self.ended(call, model, asked, &answer, exchange).await;
        let cost = ended.cost_micros.unwrap_or(0);
        self.worker.today.settle(&date, asked.cost_micros.unwrap_or(0), cost);
        self.purse.take(asked.role, cost, ended.input_tokens.saturating_add(ended.output_tokens));
        if let Err(failure) = self.line.record(Outcome::Answered(ended)).await {
            // it stays reserved: what it may have cost counts whole
            tracing::error!(%failure, session = %self.line.session, call, "what a call took could not be recorded");
            return Err(AskError::Cancelled);
        }
        // what the record does not hold is not used: nobody could say later what a version was made of
        if let Some(why) = unkept {
            let (role, tries) = (asked.role, vec![format!("what {model} answered cannot be kept: {why}")]);
            return Err(AskError::Failed { role, tries, next: "paraph doctor".to_owned() });
        }
        Ok((answer, is_billed))
    }

    /// What is recorded of a call that ended, and why its answer could not be kept, where it could not.
    async fn ended(
        &self,
        call: u32,
        model: &ModelName,
        asked: &CallAsked,
        answer: &Result<ChatReply, ChatError>,
        exchange: Exchanged,
    ) -> (CallEnded, Option<String>) {
        let Exchanged { tries, waited, latency, heard, may_be_billed: (input_tokens, output_tokens) } = exchange;
        let bank = &self.worker.ports.models;
        let [waited_ms, latency_ms] = [waited, latency].map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        match answer {
            Ok(reply) => {
                let kept = serde_json::to_vec(reply).expect("a reply is plain data");
                let blobs = self.worker.blobs().clone();
                let kept = tokio::task::spawn_blocking(move || blobs.put(&kept)).await;
                let kept = kept.map_err(|error| error.to_string()).and_then(|kept| kept.map_err(|it| it.to_string()));
                let (usage, tokens_by) = took(asked, reply, &heard);
                let finish = finish_name(&reply.finish);
                let (digest, unkept) = match kept {
                    Ok(digest) => (Some(digest), None),
                    Err(why) => (None, Some(why)),
                };
                let ended = CallEnded {
                    call,
                    input_tokens: usage.input.unwrap_or(0),
                    output_tokens: usage.output.unwrap_or(0),
                    tokens_by,
                    cached_tokens: usage.cache_read.unwrap_or(0),
                    cost_micros: bank.cost_micros(model, &usage),
                    latency_ms,
                    tries,
                    reply: digest,
                    request_id: Untrusted::new(reply.request_id.clone()),
                    ended: Untrusted::new(match &unkept {
                        Some(why) => format!("{finish}; it cannot be kept: {why}"),
                        None => finish,
                    }),
                    waited_ms,
                };
                (ended, unkept)
            }
            // what was refused before a token was made costs nothing; what broke off may have been billed
            Err(error) => {
                let most = u32::try_from(output_tokens).unwrap_or(u32::MAX);
                let cost = || bank.at_most_micros(model, input_tokens, most);
                let ended = CallEnded {
                    call,
                    input_tokens,
                    output_tokens,
                    tokens_by: if input_tokens > 0 { TokensBy::Estimate } else { TokensBy::Provider },
                    cached_tokens: 0,
                    cost_micros: if input_tokens == 0 { Some(0) } else { cost() },
                    latency_ms,
                    tries,
                    reply: None,
                    request_id: Untrusted::default(),
                    ended: Untrusted::new(error.to_string()),
                    waited_ms,
                };
                (ended, None)
            }
        }
    }

    /// Keeps a text as a blob; why it cannot be, where it cannot.
    async fn put(&self, text: Vec<u8>) -> Result<Digest, String> {
        let blobs = self.worker.blobs().clone();
        let kept = tokio::task::spawn_blocking(move || blobs.put(&text)).await;
        kept.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
    }

    /// Looks for the keys of who may draft, before a prompt is written: what is hidden is the same each time it is.
    pub(super) async fn find_keys_of(&self, role: Role, cancel: &Cancel) {
        if let (Ok(lead), None) = (self.lead(role), &self.line.tape) {
            self.find_keys(&lead.route.models, cancel).await;
        }
    }

    async fn find_keys(&self, route: &[ModelName], cancel: &Cancel) {
        for model in route {
            self.worker.ports.models.find_keys(model, cancel).await;
        }
    }

    /// Keeps what is asked, without the keys that are known once those of all who may be asked were looked for: no
    /// provider is told another's, and the prompt is one and the same for all of them.
    async fn kept_bare(
        &self,
        question: &Question,
        route: &[ModelName],
        cancel: &Cancel,
    ) -> Result<(Question, Digest), AskError> {
        // what was recorded is asked of nobody
        if self.line.tape.is_none() {
            self.find_keys(route, cancel).await;
        }
        let bare = without_keys(question, &self.worker.ports.mask.now()).unwrap_or_else(|| question.clone());
        let text = serde_json::to_vec(&bare.request).expect("a request is plain data");
        match self.put(text).await {
            Ok(prompt) => Ok((bare, prompt)),
            Err(why) => Err(AskError::Failed {
                role: question.role,
                tries: vec![format!("the prompt cannot be kept: {why}")],
                next: "paraph doctor".to_owned(),
            }),
        }
    }

    /// What was recorded, read back.
    async fn replayed(&self, tape: &Tape, role: Role, prompt: Digest) -> Result<ChatReply, AskError> {
        let next = "paraph run the goal again, without a recording".to_owned();
        let missing = |why: String| AskError::Failed { role, tries: vec![why], next: next.clone() };
        self.kept(tape.answer(role, prompt)?).await.map_err(missing)
    }

    /// A reply that was recorded.
    async fn kept(&self, reply: Digest) -> Result<ChatReply, String> {
        let blobs = self.worker.blobs().clone();
        let bytes = tokio::task::spawn_blocking(move || blobs.get(reply)).await;
        let bytes = bytes.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        serde_json::from_slice(&bytes).map_err(|error| format!("recorded reply {reply} does not read: {error}"))
    }
}

/// The least that a prompt is cut to for the budget's sake. // 6,000: the instructions, a task and a file or two
const LEAST_PROMPT: u64 = 6_000;

/// Why a prompt was not counted that could have been.
const FITS_ANYWAY: &str = "its bytes are fewer than the tokens there is room and budget for";

/// An answer that an earlier attempt had.
struct Bought {
    call: u32,
    asked: CallAsked,
    reply: Digest,
}

/// What is sent, as long as one model is asked the same.
struct Sent {
    spoken: Spoken,
    /// When it has taken long enough, by the monotonic clock.
    until: Duration,
    /// How often it was sent.
    tries: u32,
}

/// How an exchange went.
struct Exchanged {
    tries: u32,
    /// Before the try that ended it was sent.
    waited: Duration,
    /// Of that try.
    latency: Duration,
    /// What came of it.
    heard: Heard,
    /// Tokens of prompt and answer, where there was no whole one.
    may_be_billed: (u64, u64),
}

/// That the day's limit is met.
fn day_spent(spent: u64, most: Option<u64>, may_cost: &str) -> AskError {
    AskError::BudgetSpent {
        why: format!("${} of ${} is spent today{may_cost}", dollars(spent), dollars(most.unwrap_or(0))),
        next: "paraph config set budget.day_cents CENTS, then paraph regenerate".to_owned(),
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
        let role = question.role;
        let lead = self.lead(role);
        let route = lead.as_ref().map_or(&[][..], |lead| lead.route.models.as_slice());
        let (Question { request, redacted, .. }, prompt) = self.kept_bare(question, route, cancel).await?;
        if let Some(tape) = &self.line.tape {
            if !tape.holds(role, prompt) && request.estimated_tokens() > tape.room(role) {
                let why = "it is larger than what was recorded had room for".to_owned();
                return Err(AskError::TooLong {
                    role,
                    why,
                    next: "paraph run the goal again".to_owned(),
                    counted: None,
                });
            }
            return self.replayed(tape, role, prompt).await;
        }
        let bank = &self.worker.ports.models;
        let lead = lead.map_err(|NoRoute { why, next }| AskError::NoModel { role, why, next })?;
        if let Some(reply) = self.answered_before(&lead, role, prompt).await? {
            return Ok(reply);
        }
        let max_output_tokens = match request.shape {
            Some(_) => lead.answer_in_a_shape(request.max_output_tokens),
            None => request.max_output_tokens.min(lead.max_output_tokens),
        };
        let request = ChatRequest { max_output_tokens, ..request };
        let room = self.room_on(&lead);
        let (mut tries, mut too_long, mut at, mut counted) = (Vec::new(), 0, Some(0), None);
        let mut next = format!("raise max_call_cents under [roles.{role}]");
        while let Some((place, model)) = at.and_then(|at| Some((at, lead.route.models.get(at)?))) {
            let size = match bank.counts(model) && self.fits_anyway(model, &lead, &request, role, room) {
                true => PromptSize::Estimated { tokens: request.estimated_tokens(), why: FITS_ANYWAY.to_owned() },
                false => bank.size(model, &request, cancel).await,
            };
            if cancel.is_cancelled() {
                return Err(AskError::Cancelled);
            }
            let input_tokens = size.tokens();
            // a count is held to this model's own room; an estimate may be too large, and a fallback roomier
            let own = || bank.room(model).map(|all| all.saturating_sub(u64::from(max_output_tokens)));
            let (count, fits, uncounted) = match size {
                PromptSize::Exact(_) => (PromptCount::Exact, own().map_or(room, |own| own.min(room)), String::new()),
                PromptSize::Estimated { why, .. } => (PromptCount::Estimated, room, why),
            };
            let cost_micros = bank.at_most_micros(model, input_tokens, max_output_tokens);
            let asked = CallAsked {
                key: self.line.key,
                attempt: self.line.attempt,
                role,
                model: model.to_string(),
                prompt,
                input_tokens,
                count,
                uncounted: Untrusted::new(uncounted),
                fits: if count == PromptCount::Exact && input_tokens > fits { fits } else { 0 },
                output_tokens: u64::from(max_output_tokens),
                cost_micros,
                prices: bank.price_source(model),
                room,
                heard: self.line.ear.heard(),
                redacted: redacted.clone(),
            };
            if input_tokens > fits {
                let error = ChatError::TooLong { model: model.model.clone(), said: String::new() };
                too_long += 1;
                at = match count {
                    PromptCount::Exact => {
                        let why = format!("{input_tokens} tokens counted, and there is room for {fits}");
                        self.tell_unsent(asked, format!("{error}: {why}"), None).await?;
                        tries.push(format!("{model}: {why}"));
                        counted = Counted::roomier(counted, Some(Counted { tokens: input_tokens, room: fits }));
                        lead.route.next_after(place, &error, |model| bank.room(model))
                    }
                    PromptCount::Estimated => {
                        tries.push(format!("{model}: about {input_tokens} tokens, and there is room for {fits}"));
                        Some(place + 1) // it may count, and its count may fit
                    }
                };
                continue;
            }
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
            match self.ask_one(model, &lead, asked, &request, cancel).await? {
                Ok(reply) => return Ok(reply),
                Err(ChatError::Cancelled) => return Err(AskError::Cancelled),
                Err(error) => {
                    too_long += usize::from(matches!(error, ChatError::TooLong { .. }));
                    tries.push(format!("{model}: {error}"));
                    next = bank.advice(model, &error);
                    at = lead.route.next_after(place, &error, |model| bank.room(model));
                }
            }
        }
        if !tries.is_empty() && too_long == tries.len() {
            return Err(AskError::TooLong { role, why: tries.join("; "), next: lead.widen.clone(), counted });
        }
        Err(AskError::Failed { role, tries, next })
    }

    async fn asks_elsewhere(&self, elsewhere: &Elsewhere) -> Result<Option<Bill>, AskError> {
        if self.line.tape.is_some() {
            return Ok(None); // nothing is bought
        }
        // others may have used up the day since it started
        self.has_some(Role::Implementer)?;
        let Elsewhere { model, parts, redacted } = elsewhere;
        let request = ChatRequest {
            system: Vec::new(),
            messages: vec![Message { speaker: Speaker::User, parts: parts.clone() }],
            tools: Vec::new(),
            calls_forbidden: false,
            shape: None,
            max_output_tokens: 0,
            temperature_hundredths: None,
        };
        let Ok(prompt) = self.put(serde_json::to_vec(&request).expect("plain data")).await else {
            // without a record of it no cap would know of it
            return Err(AskError::Failed {
                role: Role::Implementer,
                tries: vec![format!("what {model} is asked cannot be kept")],
                next: "paraph doctor".to_owned(),
            });
        };
        let asked = CallAsked {
            key: self.line.key,
            attempt: self.line.attempt,
            role: Role::Implementer,
            model: model.clone(),
            prompt,
            input_tokens: 0,
            count: PromptCount::Estimated,
            uncounted: Untrusted::default(),
            fits: 0,
            output_tokens: 0,
            cost_micros: None,
            prices: "the agent".to_owned(),
            room: 0,
            heard: 0,
            redacted: redacted.clone(),
        };
        let since = self.worker.ports.clock.monotonic();
        let unlimited = Outcome::Asking(asked, Budget::default());
        let call = self.line.record(unlimited).await.map_err(|_| AskError::Cancelled)?;
        self.elsewhere.store(true, Ordering::Relaxed);
        Ok(Some(Bill { call, model: model.clone(), since }))
    }

    async fn took_elsewhere(&self, bill: Bill, took: &Took) {
        let latency = self.worker.ports.clock.monotonic().saturating_sub(bill.since);
        let (Bill { call, model, .. }, Took { said, usage, is_whole, ended }) = (bill, took);
        let reply = ChatReply {
            text: said.clone(),
            calls: Vec::new(),
            finish: Finish::Other(ended.clone()),
            usage: *usage,
            model,
            request_id: String::new(),
            kept: None,
            without_tools: false,
            hides_key: false,
        };
        let reply = self.put(serde_json::to_vec(&reply).expect("plain data")).await.ok();
        let (input_tokens, output_tokens) = (usage.input.unwrap_or(0), usage.output.unwrap_or(0));
        let settled = CallEnded {
            call,
            input_tokens,
            output_tokens,
            tokens_by: if *is_whole { told(usage) } else { TokensBy::Estimate },
            cached_tokens: usage.cache_read.unwrap_or(0),
            cost_micros: usage.cost_micros,
            latency_ms: u64::try_from(latency.as_millis()).unwrap_or(u64::MAX),
            tries: 1,
            reply,
            request_id: Untrusted::default(),
            ended: Untrusted::new(ended.clone()),
            waited_ms: 0,
        };
        let cost = usage.cost_micros.unwrap_or(0);
        self.worker.today.settle(&self.date(), 0, cost);
        self.purse.take(Role::Implementer, cost, input_tokens.saturating_add(output_tokens));
        if let Err(failure) = self.line.record(Outcome::Answered(settled)).await {
            tracing::warn!(%failure, session = %self.line.session, call, "what an agent took could not be recorded");
        }
    }

    fn room(&self, role: Role) -> u64 {
        if let Some(tape) = &self.line.tape {
            return tape.room(role);
        }
        if let Some(room) = self.room_before(role) {
            return room;
        }
        self.lead(role).map_or(0, |lead| self.room_on(&lead))
    }
}
