//! Which model a role asks, and which one after that. Pure: it sends nothing and knows no key.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{ChatError, FoundFault, ModelName};

/// The models of a role and what one call to them may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The first one is asked; each later one where those before it failed.
    pub models: Vec<ModelName>,
    /// The most tokens of an answer; none: as many as leave most of a model's context to the prompt.
    pub max_output_tokens: Option<u32>,
    /// The most that one call may cost, in millionths of a dollar.
    pub max_cost_micros: Option<u64>,
    /// The longest that one call may take, its tries together; none: as long as its providers may, and no less than usual.
    pub max_latency: Option<Duration>,
}

impl Route {
    /// One model for everything, with answers as long as fits it.
    #[must_use]
    pub fn to(model: ModelName) -> Self {
        Self { models: vec![model], max_output_tokens: None, max_cost_micros: None, max_latency: None }
    }

    /// Puts models that are not `author` before it; among themselves they stay as they are.
    pub fn prefer_others(&mut self, author: &ModelName) {
        self.models.sort_by_key(|model| model == author);
    }

    /// The place of the model to ask after the one at `tried` failed with `error`, its tries used up. `room` knows how
    /// many tokens of prompt a model takes, where anybody knows.
    #[must_use]
    pub fn next_after(
        &self,
        tried: usize,
        error: &ChatError,
        room: impl Fn(&ModelName) -> Option<u64>,
    ) -> Option<usize> {
        let failed = self.models.get(tried)?;
        let elsewhere = |model: &ModelName| model.provider != failed.provider;
        let mut later = self.models.iter().enumerate().skip(tried + 1);
        let next = match onward(error) {
            Onward::Nobody => None,
            Onward::Anybody => later.next(),
            Onward::AnotherProvider => later.find(|(_, model)| elsewhere(model)),
            Onward::ALarger => later.find(|(_, model)| match (room(model), room(failed)) {
                (Some(there), Some(here)) => there > here,
                // not known to be larger: worth a try with another model, which costs nothing when it is refused
                _ => *model != failed,
            }),
        };
        next.map(|(place, _)| place)
    }
}

/// Who may have an answer where one model had none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Onward {
    Anybody,
    AnotherProvider,
    ALarger,
    Nobody,
}

fn onward(error: &ChatError) -> Onward {
    match error {
        ChatError::Cancelled => Onward::Nobody,
        ChatError::TooLong { .. } => Onward::ALarger,
        // the same host and the same key would say the same
        ChatError::Unreachable { .. } | ChatError::NotSignedIn { .. } => Onward::AnotherProvider,
        ChatError::Refused { status, .. } => match status {
            200 | 404 => Onward::Anybody, // held back, or no such model
            _ => Onward::AnotherProvider,
        },
        ChatError::Faulty { fault: FoundFault::TooLarge, .. } => Onward::Anybody,
        ChatError::Busy { .. } | ChatError::Failed { .. } | ChatError::Faulty { .. } | ChatError::TimedOut { .. } => {
            Onward::Anybody
        }
    }
}

/// Routes by role, and one for every role that has none of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routes {
    /// For roles without their own.
    pub default: Route,
    /// By the role's name.
    pub by_role: BTreeMap<String, Route>,
    /// Roles whose models somebody chose for them.
    pub named: BTreeSet<String>,
}

impl Routes {
    /// One model for every role.
    #[must_use]
    pub fn one_model(model: ModelName) -> Self {
        Self { default: Route::to(model), by_role: BTreeMap::new(), named: BTreeSet::new() }
    }

    /// The route of a role.
    #[must_use]
    pub fn of(&self, role: &str) -> &Route {
        self.by_role.get(role).unwrap_or(&self.default)
    }

    /// The route of a role that reads what `author` wrote: models of its own that are another go first; where nobody chose
    /// any for it, what other roles ask goes before what wrote it, the dearest first by what `dear` says.
    #[must_use]
    pub fn apart_from(&self, role: &str, author: &ModelName, dear: impl Fn(&ModelName) -> Option<u64>) -> Route {
        let mut route = self.of(role).clone();
        if !self.named.contains(role) && route.models.iter().all(|model| model == author) {
            let mut others: Vec<ModelName> = self.models().into_iter().filter(|model| model != author).collect();
            others.sort_by_key(|model| std::cmp::Reverse(dear(model)));
            others.append(&mut route.models);
            route.models = others;
        }
        route.prefer_others(author);
        route
    }

    /// Every model that some role may ask, once.
    #[must_use]
    pub fn models(&self) -> Vec<ModelName> {
        let routes = std::iter::once(&self.default).chain(self.by_role.values());
        let all: std::collections::BTreeSet<_> = routes.flat_map(|route| &route.models).cloned().collect();
        all.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ModelName {
        text.parse().expect("a name")
    }

    fn route() -> Route {
        Route { models: ["a/small", "a/large", "b/small", "b/large"].map(name).to_vec(), ..Route::to(name("a/small")) }
    }

    #[track_caller]
    fn check(error: ChatError, order: &[usize]) {
        let room = |model: &ModelName| Some(if model.model == "large" { 1_000_000 } else { 100_000 });
        let (mut at, mut seen) = (0, vec![0]);
        while let Some(next) = route().next_after(at, &error, room) {
            seen.push(next);
            at = next;
        }
        assert_eq!(seen, order, "{error:?}");
    }

    #[test]
    fn an_error_decides_who_is_asked_next() {
        let provider = || "a".to_owned();
        let refused = |status| ChatError::Refused { provider: provider(), status, said: String::new() };
        check(ChatError::Busy { provider: provider(), status: 429, retry_after: None }, &[0, 1, 2, 3]);
        check(ChatError::Failed { provider: provider(), status: 500 }, &[0, 1, 2, 3]);
        check(ChatError::Faulty { provider: provider(), fault: FoundFault::CutOff, why: String::new() }, &[0, 1, 2, 3]);
        check(ChatError::TimedOut { provider: provider(), limit: Duration::ZERO }, &[0, 1, 2, 3]);
        check(ChatError::Unreachable { provider: provider(), why: String::new(), lasts: false }, &[0, 2]);
        check(ChatError::NotSignedIn { provider: provider(), said: String::new() }, &[0, 2]);
        check(ChatError::TooLong { model: "small".to_owned(), said: String::new() }, &[0, 1]);
        check(refused(404), &[0, 1, 2, 3]);
        check(refused(402), &[0, 2]);
        check(ChatError::Cancelled, &[0]);
    }

    #[test]
    fn where_room_is_unknown_another_model_is_worth_a_try() {
        let error = ChatError::TooLong { model: "small".to_owned(), said: String::new() };
        assert_eq!(route().next_after(0, &error, |_| None), Some(1));
        assert_eq!(route().next_after(3, &error, |_| None), None);
        assert_eq!(route().next_after(9, &error, |_| None), None);
    }

    #[test]
    fn a_role_without_a_route_has_the_default() {
        let mut routes = Routes::one_model(name("a/x"));
        routes.by_role.insert("reviewer".to_owned(), Route::to(name("b/y")));
        assert_eq!(routes.of("reviewer").models, [name("b/y")]);
        assert_eq!(routes.of("implementer").models, [name("a/x")]);
        assert_eq!(routes.models(), [name("a/x"), name("b/y")]);
    }
}
