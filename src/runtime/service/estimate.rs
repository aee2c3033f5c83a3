//! What the models of a session may take, before it starts. It reads sizes and routes, asks nobody and buys nothing.
//!
//! The least of a prompt is counted from what is surely sent: the goal, its issue, and of the repository as much as is
//! shown at first. The most is what the session takes by itself, asking the first model of each route: every call that
//! the contracts allow, each with the longest prompt that is sent at all, within the limits of call, role, session and
//! day. What a person asks for beyond that, and models that stand in for one that failed, come on top; those limits hold
//! whatever happens.

use crate::api::{EstimateRequest, EstimateView, Failure, RunRequest};
use crate::infrastructure::llm::{Lead, ModelName};
use crate::planning::{CALLS_A_STAGE, Estimate, Playbook, RUNBOOK_OUTPUT, Role, RoleEstimate, STAGE_OUTPUT, Stage};
use crate::proposal::{EngineKind, LlmLimits};
use crate::repository::{Base, Source};
use crate::runtime::ports::Ports;
use crate::scoring::REVIEW_OUTPUT;

use super::{Runtime, blocking, views};

/// Files whose size is looked at; of more, these stand for all.
const MOST_SIZES: usize = 1_000;

/// Bytes a token, as prompts are counted.
const BYTES_A_TOKEN: u64 = 3;

/// Tokens of standing instructions, and of an answer that is short.
const INSTRUCTIONS: u64 = 700;
const SHORT_ANSWER: u64 = 150;

/// Tokens of a map of the repository, and of a small change as reviewers see it.
const MAP: u64 = 8_000;
const SMALL_CHANGE: u64 = 500;

/// One role's work in a session.
struct Work {
    role: Role,
    least_calls: u32,
    most_calls: u32,
    /// Tokens of the prompt at least.
    prompt: u64,
    /// The most tokens of one answer.
    output: u32,
    /// Another model than the role's own.
    model: Option<ModelName>,
}

impl Runtime {
    pub(super) async fn estimate(&self, asked: EstimateRequest) -> Result<EstimateView, Failure> {
        let mut run = asked.run;
        if !run.candidates.is_empty() {
            return self.estimate_of_field(&run).await;
        }
        let (engine, playbook) = self.shape(&mut run, None)?;
        let estimate = self.estimated(&run, engine, None, &playbook).await;
        Ok(views::estimate_of(&estimate.unwrap_or_default()))
    }

    /// What several candidates may take together: each is a session with a budget of its own, and one day holds them all.
    async fn estimate_of_field(&self, run: &RunRequest) -> Result<EstimateView, Failure> {
        let (field, playbook) = self.field(run)?;
        let mut roles = Vec::new();
        for one in &field {
            let model = one.model.as_deref().and_then(|name| ModelName::said(name).ok());
            let estimate = self.estimated(run, one.engine, model, &playbook).await;
            roles.extend(estimate.into_iter().flat_map(|estimate| estimate.roles));
        }
        let (budget, day) = (self.shared.settings.budget, self.shared.ports.models.max_day_micros());
        let times = |limit: u64| limit.saturating_mul(field.len() as u64);
        let estimate = Estimate::of(roles, budget.tokens.map(times), budget.cost_micros.map(times), day);
        Ok(views::estimate_of(&estimate))
    }

    /// The estimate of a session with this shape; none where no model is asked.
    pub(super) async fn estimated(
        &self,
        run: &RunRequest,
        engine: EngineKind,
        model: Option<ModelName>,
        playbook: &Playbook,
    ) -> Option<Estimate> {
        let asks = engine == EngineKind::Llm || Stage::ASKING.iter().any(|stage| playbook.has(*stage));
        if !asks {
            return None;
        }
        let (shared, run, playbook) = (self.shared.clone(), run.clone(), playbook.clone());
        let found = blocking(move || {
            let (ports, settings) = (&shared.ports, &shared.settings);
            let repairs = if engine.mends() { settings.repairs } else { 0 };
            let mut work = work(ports, &run, engine, &playbook, repairs);
            for draft in work.iter_mut().filter(|work| work.role == Role::Implementer) {
                draft.model.clone_from(&model);
            }
            let roles: Vec<RoleEstimate> = work.into_iter().filter_map(|work| of_role(ports, work)).collect();
            let budget = settings.budget;
            let day = ports.models.max_day_micros();
            Ok((!roles.is_empty()).then(|| Estimate::of(roles, budget.tokens, budget.cost_micros, day)))
        });
        found.await.ok().flatten()
    }
}

/// The roles that a session of this shape asks, in their order.
fn work(ports: &Ports, run: &RunRequest, engine: EngineKind, playbook: &Playbook, repairs: u32) -> Vec<Work> {
    let lanes = u32::try_from(run.repositories.len()).unwrap_or(u32::MAX);
    let versions = lanes.saturating_mul(1 + repairs);
    let bytes: u64 =
        run.repositories.iter().map(|asked| size(ports, &asked.source, &asked.base)).fold(0, u64::saturating_add);
    let repository = bytes / BYTES_A_TOKEN;
    let issue = run.issue.as_ref().and_then(|issue| ports.blobs.get(issue.text).ok()).map_or(0, |text| text.len());
    let asked = INSTRUCTIONS + (run.goal.len() + issue) as u64 / BYTES_A_TOKEN;
    let stage = |role| Work {
        role,
        least_calls: 1,
        most_calls: CALLS_A_STAGE,
        prompt: asked + MAP.min(repository),
        output: STAGE_OUTPUT,
        model: None,
    };
    let mut work = Vec::new();
    if playbook.has(Stage::Triage) {
        work.push(stage(Role::Triage));
    }
    if playbook.has(Stage::Artifacts) {
        work.extend([stage(Role::Architect), stage(Role::Planner)]);
    }
    if engine == EngineKind::Llm {
        let limits = LlmLimits::default();
        let calls = 1 + limits.looks + limits.send_backs;
        work.push(Work {
            role: Role::Implementer,
            least_calls: lanes,
            most_calls: versions.saturating_mul(calls),
            prompt: asked + repository.min(LlmLimits::FIRST_FILES),
            output: limits.max_output_tokens,
            model: None,
        });
    }
    // asked after a draft, but not after a repair
    let limits = LlmLimits::PART;
    let part = |role| Work {
        role,
        least_calls: lanes,
        most_calls: lanes.saturating_mul(1 + limits.looks + limits.send_backs),
        prompt: asked + SMALL_CHANGE,
        output: limits.max_output_tokens,
        model: None,
    };
    let added = [(Stage::Tests, Role::Tester), (Stage::Documentation, Role::Documenter)];
    work.extend(added.into_iter().filter(|(stage, _)| playbook.has(*stage)).map(|(_, role)| part(role)));
    // asked about each version
    let reader = |role, output| Work {
        role,
        least_calls: lanes,
        most_calls: versions.saturating_mul(CALLS_A_STAGE),
        prompt: asked + SMALL_CHANGE,
        output,
        model: None,
    };
    if playbook.has(Stage::Review) {
        work.extend([reader(Role::Reviewer, REVIEW_OUTPUT), reader(Role::Critic, REVIEW_OUTPUT)]);
    }
    if playbook.has(Stage::Runbook) {
        // a runbook that no answer was is asked for once more, alone
        let deployer = reader(Role::Deployer, RUNBOOK_OUTPUT);
        work.push(Work { most_calls: versions.saturating_mul(CALLS_A_STAGE + 1), ..deployer });
    }
    work
}

/// What one role may take; none where it has nobody to ask: its stage waits for a person then.
fn of_role(ports: &Ports, work: Work) -> Option<RoleEstimate> {
    let bank = &ports.models;
    let role = work.role.name();
    let author = || bank.lead(Role::Implementer.name()).ok()?.route.models.into_iter().next();
    let lead: Lead = match (&work.model, author().filter(|_| work.role.reads_another())) {
        (Some(model), _) => bank.lead_to(role, model),
        (None, Some(author)) => bank.lead_apart(role, &author),
        (None, None) => bank.lead(role),
    }
    .ok()?;
    let first = lead.route.models.first()?;
    let output = match work.role.answers_in_a_shape() {
        true => lead.answer_in_a_shape(work.output),
        false => work.output.min(lead.max_output_tokens),
    };
    let prompt = work.prompt.min(lead.context_tokens);
    let (least_calls, most_calls) = (u64::from(work.least_calls), u64::from(work.most_calls));
    let short = u32::try_from(SHORT_ANSWER).unwrap_or(u32::MAX).min(output);
    // a role may go on to its next model: the dearest counts, and one whose price is not known makes it unknown
    let dearest = lead
        .route
        .models
        .iter()
        .try_fold(0, |most, model| Some(bank.at_most_micros(model, lead.context_tokens, output)?.max(most)));
    let dearest = dearest.map(|cost: u64| cost.min(lead.route.max_cost_micros.unwrap_or(u64::MAX)));
    let share = lead.share;
    let most_tokens = most_calls.saturating_mul(lead.context_tokens.saturating_add(u64::from(output)));
    let most_micros = dearest.map(|cost| most_calls.saturating_mul(cost).min(share.cost_micros.unwrap_or(u64::MAX)));
    Some(RoleEstimate {
        role: work.role,
        model: first.to_string(),
        least_calls: work.least_calls,
        most_calls: work.most_calls,
        least_tokens: least_calls.saturating_mul(prompt + u64::from(short)),
        most_tokens: most_tokens.min(share.tokens.unwrap_or(u64::MAX)),
        least_micros: bank.at_most_micros(first, prompt, short).map(|cost| least_calls.saturating_mul(cost)),
        most_micros,
        prices: bank.price_source(first),
    })
}

/// Bytes of a repository's files; many where nobody knows yet, so that the estimate is none too small.
fn size(ports: &Ports, source: &Source, base: &Base) -> u64 {
    let base = match base {
        Base::Dirty => &Base::Head, // what is not committed is no base before the session makes one
        base => base,
    };
    let Source::Path(_) = source else { return u64::MAX }; // cloned as the session's first work
    let sized = || -> Option<u64> {
        let snapshot = ports.vcs.snapshot(source, base).ok()?;
        let tree = ports.vcs.tree(&snapshot.key, &snapshot.tree).ok()?;
        let entries = tree.entries().ok()?;
        let step = entries.len().div_ceil(MOST_SIZES).max(1);
        let sampled = entries.iter().step_by(step);
        let bytes: u64 = sampled.map(|entry| tree.size(entry).unwrap_or(0)).fold(0, u64::saturating_add);
        Some(bytes.saturating_mul(step as u64))
    };
    sized().unwrap_or(u64::MAX)
}
