//! Answers about models: who is asked for what, and whether it answers.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::api::{
    BudgetRequest, Call, Failure, FailureKind, LendKeysRequest, LentView, ModelView, ModelsRequest, ModelsView,
    RoleView, SessionView,
};
use crate::cancel::Cancel;
use crate::infrastructure::http::Secret;
use crate::infrastructure::llm::{ChatError, ChatRequest, Message, ModelName, Streamed, ToolSpec};
use crate::planning::{MONITOR_OUTPUT, RUNBOOK_OUTPUT, Role, STAGE_OUTPUT};
use crate::proposal::LlmLimits;
use crate::scoring::REVIEW_OUTPUT;
use crate::session::{Budget, Command, dollars};

use super::Runtime;

/// Tokens of a model's answer to the question whether it is there: reasoning models need some before they speak.
const WORD: u32 = 512;

/// How long a model has for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// The most tokens of one answer of that role, by its contract.
fn most_output(role: Role) -> u32 {
    match role {
        Role::Triage | Role::Architect | Role::Planner => STAGE_OUTPUT,
        Role::Implementer => LlmLimits::default().max_output_tokens,
        Role::Tester | Role::Documenter => LlmLimits::PART.max_output_tokens,
        Role::Reviewer | Role::Critic => REVIEW_OUTPUT,
        Role::Deployer => RUNBOOK_OUTPUT,
        Role::Monitor => MONITOR_OUTPUT,
    }
}

impl Runtime {
    pub(super) async fn budget(&self, call: &Call, asked: BudgetRequest) -> Result<SessionView, Failure> {
        if asked.cost_micros.is_none() && asked.tokens.is_none() {
            let hint = format!("paraph budget {} --usd 2.50", asked.session);
            return Err(Failure::new(FailureKind::Usage, "no limit was named").hint(hint));
        }
        let budget = Budget { cost_micros: asked.cost_micros, tokens: asked.tokens };
        let command = Command::SetBudget { budget, by: self.person(&call.client) };
        self.command(call, asked.session, command).await
    }

    pub(super) fn lend_keys(&self, asked: LendKeysRequest) -> LentView {
        let models = &self.shared.ports.models;
        let taken = asked.keys.into_iter().filter(|(name, key)| models.lend(name, Secret::new(key.0.clone()))).count();
        LentView { taken: taken as u64 }
    }

    pub(super) async fn models(&self, asked: ModelsRequest) -> Result<ModelsView, Failure> {
        let bank = &self.shared.ports.models;
        let mut roles = Vec::new();
        let mut names: BTreeSet<ModelName> = BTreeSet::new();
        let author = bank.lead(Role::Implementer.name()).ok().and_then(|lead| lead.route.models.into_iter().next());
        for role in Role::ALL {
            let contract = most_output(role);
            let author = author.as_ref().filter(|_| role.reads_another());
            let lead = author.map_or_else(|| bank.lead(role.name()), |author| bank.lead_apart(role.name(), author));
            let (models, why, most) = match lead {
                Ok(lead) => {
                    let most = match role.answers_in_a_shape() {
                        true => lead.answer_in_a_shape(contract),
                        false => contract.min(lead.max_output_tokens),
                    };
                    (lead.route.models, String::new(), most)
                }
                Err(none) => (Vec::new(), format!("{}; {}", none.why, none.next), contract),
            };
            names.extend(models.iter().cloned());
            roles.push(RoleView {
                role: role.name().to_owned(),
                note: author.map(|author| told_apart(&models, author)).unwrap_or_default(),
                models: models.iter().map(ToString::to_string).collect(),
                why,
                given: role.given().to_owned(),
                answers: role.must_answer().to_owned(),
                max_output_tokens: Some(most),
            });
        }
        let mut models = Vec::new();
        for name in names.iter().filter(|name| asked.model.as_ref().is_none_or(|only| *only == name.to_string())) {
            let Checked { said, can_look, latency_ms } = match asked.check {
                true => self.ask_for_a_word(name).await,
                false => Checked::default(),
            };
            let price = bank.list_price(name);
            let usd = |micros: Option<u64>| micros.map_or_else(|| "unknown".to_owned(), dollars);
            models.push(ModelView {
                model: name.to_string(),
                context_tokens: bank.room(name),
                usd_per_million_in: usd(price.map(|(input, _)| input)),
                usd_per_million_out: usd(price.map(|(_, output)| output)),
                checked: said.map(Into::into),
                can_look,
                latency_ms,
            });
        }
        let sources: BTreeSet<String> = names.iter().map(|name| bank.price_source(name)).collect();
        let prices = sources.into_iter().filter(|from| !from.is_empty()).collect::<Vec<_>>().join("; ");
        Ok(ModelsView { schema: "paraph.models/1".to_owned(), roles, models, prices })
    }

    /// Asks one model whether it is there, and whether it calls the tool that it is offered. No session pays for it; the
    /// log has what it took.
    async fn ask_for_a_word(&self, name: &ModelName) -> Checked {
        let request = ChatRequest {
            system: Vec::new(),
            messages: vec![Message::user(
                "Call the tool `say` with the one word: ready. Where you have no such tool, answer with that word alone.",
            )],
            tools: vec![ToolSpec {
                name: "say".to_owned(),
                description: "Says one word.".to_owned(),
                parameters: serde_json::json!({
                    "type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"],
                }),
            }],
            calls_forbidden: false,
            shape: None,
            max_output_tokens: WORD,
            temperature_hundredths: None,
        };
        let (bank, clock) = (&self.shared.ports.models, &self.shared.ports.clock);
        let (started, mut tries) = (clock.monotonic(), 0);
        // what would be tried again has been asked all the same: a person waits for the word
        let (stop, mut first) = (Cancel::new(), None);
        let mut seen = |piece: Streamed<'_>| {
            if let Streamed::Waits { why, .. } = piece {
                first.get_or_insert_with(|| why.to_owned());
                stop.cancel();
            }
        };
        let chat = bank.chat(name, &request, &mut seen, &mut tries, &stop);
        let late = || ChatError::TimedOut { provider: name.provider.clone(), limit: PATIENCE };
        let answer = tokio::time::timeout(PATIENCE, chat).await.unwrap_or_else(|_| Err(late()));
        let took = clock.monotonic().saturating_sub(started);
        let said = match &answer {
            Ok(reply) => {
                tracing::info!(model = %name, usage = ?reply.usage, "a model was asked whether it is there");
                "answers".to_owned()
            }
            Err(error) => first.unwrap_or_else(|| error.to_string()),
        };
        let answer = answer.ok();
        Checked {
            said: Some(said),
            can_look: answer.as_ref().map(|reply| !reply.calls.is_empty()),
            latency_ms: answer.map(|_| u64::try_from(took.as_millis()).unwrap_or(u64::MAX)),
        }
    }
}

/// What came of asking a model for a word.
#[derive(Default)]
struct Checked {
    said: Option<String>,
    can_look: Option<bool>,
    latency_ms: Option<u64>,
}

/// Whether who reads a change is another than who wrote it.
fn told_apart(models: &[ModelName], author: &ModelName) -> String {
    match models.first() {
        Some(first) if first == author => format!("wrote what it reads: no other than {author} is configured for it"),
        Some(_) => format!("asked before {author}, which writes what it reads"),
        None => String::new(),
    }
}
