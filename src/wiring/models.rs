//! The exchange that the configuration describes: providers, keys, rates, whom each role asks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::infrastructure::config::{KeyPart, Problem, ProviderPart, RolePart, Weight};
use crate::infrastructure::http::{HttpClient, HttpSettings, Secret};
use crate::infrastructure::llm::{
    Counter, Exchange, ExchangeParts, KeySource, Keys, ModelName, Nobody, PriceTable, Provider, ProviderSettings,
    RateLimit, RealSleeper, RetryPolicy, Route, Routes, ShapeMode, Share, Switchboard, Wire,
};
use crate::planning::Role;

use super::House;

/// Variables that programs which print keys need beside their PATH.
const KEY_PROGRAMS_SEE: [&str; 12] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
    "GNUPGHOME",
    "PASSWORD_STORE_DIR",
    "VAULT_ADDR",
    "VAULT_TOKEN",
    "SOPS_AGE_KEY_FILE",
];

/// What is wrong with a name or a word of `[providers]`, `[roles]` or `[forges]`.
pub(super) struct Wrong {
    pub(super) message: String,
    pub(super) hint: String,
}

impl House {
    /// The models that roles may ask, as far as the configuration names any.
    pub(super) fn switchboard(&self) -> Arc<dyn Switchboard> {
        match self.exchange() {
            Ok(Some(exchange)) => Arc::new(exchange),
            Ok(None) => Arc::new(Nobody),
            Err(wrong) => {
                tracing::error!(message = wrong.message, hint = wrong.hint, "no model can be asked");
                Arc::new(Nobody)
            }
        }
    }

    /// What is wrong with the tables of models: told by `config check`, and by every start.
    pub(super) fn model_problems(&self) -> Vec<Problem> {
        let config = self.config();
        let origin = config.get("model").map(|(_, origin)| origin.clone());
        let problem = |wrong: Wrong| {
            let origin = origin.clone()?;
            Some(Problem { weight: Weight::Error, origin, message: wrong.message, hint: wrong.hint })
        };
        self.exchange().err().and_then(problem).into_iter().collect()
    }

    fn exchange(&self) -> Result<Option<Exchange>, Wrong> {
        let Some(routes) = self.routes()? else { return Ok(None) };
        let http = HttpClient::new(self.http_settings())
            .map_err(|error| Wrong { message: error.to_string(), hint: "paraph config check".to_owned() })?;
        let keys = Arc::new(self.keys());
        let mut providers = BTreeMap::new();
        for model in routes.models() {
            if providers.contains_key(&model.provider) {
                continue;
            }
            let settings = self.provider(&model.provider)?;
            let rate = RateLimit::new(settings.requests_per_minute, settings.tokens_per_minute, self.clock.clone());
            let key = settings.key.clone();
            let provider = Provider::new(settings, http.clone(), keys.clone(), self.clock.clone());
            providers.insert(model.provider, Counter { model: Arc::new(provider), key, rate });
        }
        let day = self.config().settings().budget.day_cents;
        Ok(Some(Exchange::new(ExchangeParts {
            providers,
            routes: Some(routes),
            shares: self.config().models().roles.iter().map(|(role, part)| (role.clone(), share(part))).collect(),
            prices: PriceTable::shipped(),
            day_micros: Some(day * 10_000),
            patience: RetryPolicy::default(),
            sleeper: Arc::new(RealSleeper),
            keys,
        })))
    }

    /// Whom roles ask; none where neither a role nor the setting `model` names one.
    fn routes(&self) -> Result<Option<Routes>, Wrong> {
        let config = self.config();
        let one = config.settings().model.map(|name| model_named(&name)).transpose()?;
        let mut by_role = BTreeMap::new();
        for (role, part) in &config.models().roles {
            if role.parse::<Role>().is_err() {
                let known = Role::ALL.map(Role::name).join(", ");
                return Err(Wrong {
                    message: format!("there is no role `{role}`"),
                    hint: format!("the roles are {known}"),
                });
            }
            let mut models = part.models.iter().map(|name| model_named(name)).collect::<Result<Vec<_>, _>>()?;
            if models.is_empty() {
                models.extend(one.clone());
            }
            let Some(first) = models.first().cloned() else { continue };
            let usual = Route::to(first);
            by_role.insert(
                role.clone(),
                Route {
                    models,
                    max_output_tokens: part.max_output_tokens.unwrap_or(usual.max_output_tokens),
                    max_cost_micros: part.max_call_cents.map(|cents| cents * 10_000),
                    max_latency: part.max_latency_s.map(Duration::from_secs),
                },
            );
        }
        // a role's first model stands in for roles that name none: one model is enough to begin with
        let default = one.map(Route::to).or_else(|| by_role.values().next().cloned());
        Ok(default.map(|default| Routes { default, by_role }))
    }

    fn provider(&self, name: &str) -> Result<ProviderSettings, Wrong> {
        let part = self.config().models().providers.get(name).cloned().unwrap_or_default();
        let known = ProviderSettings::known(name);
        let wire = part.wire.as_deref().map(wire_named).transpose()?;
        let mut settings = match (known, &part.base_url) {
            (Some(known), _) => ProviderSettings { wire: wire.unwrap_or(known.wire), ..known },
            (None, Some(url)) => ProviderSettings::new(name, wire.unwrap_or(Wire::OpenAi), url.clone()),
            (None, None) => {
                let names: Vec<&str> = ProviderSettings::names().map(|(name, _)| name).collect();
                let message = format!("there is no provider `{name}`");
                let hint = format!("write [providers.{name}] with base_url, or use one of {}", names.join(", "));
                return Err(Wrong { message, hint });
            }
        };
        self.take(&mut settings, part)?;
        Ok(settings)
    }

    /// What the user's table says over what is known.
    fn take(&self, settings: &mut ProviderSettings, part: ProviderPart) -> Result<(), Wrong> {
        if let Some(url) = part.base_url {
            if !(url.starts_with("http://") || url.starts_with("https://")) {
                let message = format!("`{}` of provider `{}` is no address", "base_url", settings.name);
                return Err(Wrong { message, hint: "base_url = \"https://host/v1\"".to_owned() });
            }
            settings.base_url = url;
        } else if let Some(url) = self.address_variable(&settings.name) {
            settings.base_url = url;
        }
        if let Some(key) = part.key {
            settings.key = match key {
                KeyPart::Preset(text) => text.parse().map_err(|error: crate::id::ParseIdError| Wrong {
                    message: format!("`key` of provider `{}` does not say where a key is", settings.name),
                    hint: format!("write {}", error.wanted),
                })?,
                KeyPart::Program(words) => KeySource::Command(words),
            };
        }
        if let Some(word) = part.shape.as_deref() {
            settings.shape = match word {
                "schema" => ShapeMode::Schema,
                "object" => ShapeMode::Object,
                "words" => ShapeMode::Words,
                other => {
                    let message = format!("`{other}` is no shape of provider `{}`", settings.name);
                    return Err(Wrong { message, hint: "schema, object or words".to_owned() });
                }
            };
        }
        settings.headers.extend(part.headers.into_iter().map(|(name, value)| (name, Secret::new(value))));
        settings.stream = part.stream.unwrap_or(settings.stream);
        settings.temperature = part.temperature.unwrap_or(settings.temperature);
        settings.context = part.context.or(settings.context);
        settings.requests_per_minute = part.requests_per_minute.or(settings.requests_per_minute);
        settings.tokens_per_minute = part.tokens_per_minute.or(settings.tokens_per_minute);
        if let Some(seconds) = part.timeout_s {
            settings.limits.total = Duration::from_secs(seconds);
        }
        Ok(())
    }

    /// The variables by which other programs are told where these providers are.
    fn address_variable(&self, provider: &str) -> Option<String> {
        let variable = match provider {
            "openai" => "OPENAI_BASE_URL",
            "anthropic" => "ANTHROPIC_BASE_URL",
            "ollama" => "OLLAMA_HOST",
            _ => return None,
        };
        let value = self.variables().remove(variable).filter(|value| !value.trim().is_empty())?;
        let value = value.trim_end_matches('/').to_owned();
        match provider {
            "ollama" if !value.contains("://") => Some(format!("http://{value}")),
            "anthropic" if !value.ends_with("/v1") => Some(format!("{value}/v1")),
            _ => Some(value),
        }
    }

    pub(super) fn http_settings(&self) -> HttpSettings {
        let mut variables = self.variables();
        let mut first =
            |names: [&str; 2]| names.iter().find_map(|name| variables.remove(*name)).filter(|value| !value.is_empty());
        HttpSettings {
            ca_file: first(["PARAPH_CA_FILE", "SSL_CERT_FILE"]).map(Into::into),
            proxy: first(["HTTPS_PROXY", "https_proxy"]).map(Secret::new),
            no_proxy: first(["NO_PROXY", "no_proxy"]).unwrap_or_default(),
            ..HttpSettings::default()
        }
    }

    pub(super) fn keys(&self) -> Keys {
        let variables = self.variables();
        let ring = self.config().keys();
        let known = ring.present().filter_map(|(name, _)| Some((name.to_owned(), Secret::new(ring.reveal(name)?))));
        // a provider or a forge of one's own may name any variable
        let of_providers = self.config().models().providers.values().map(|part| &part.key);
        let of_forges = self.config().forges().values().map(|part| &part.key);
        let named = of_providers.chain(of_forges).filter_map(|key| match key {
            Some(KeyPart::Preset(text)) => text.strip_prefix("env:"),
            _ => None,
        });
        let named = named.filter_map(|name| Some((name.to_owned(), Secret::new(variables.get(name)?.clone()))));
        let seen = KEY_PROGRAMS_SEE.iter().filter_map(|name| Some(((*name).into(), variables.get(*name)?.into())));
        Keys::new(known.chain(named).collect(), seen.collect())
    }
}

fn model_named(name: &str) -> Result<ModelName, Wrong> {
    name.parse().or_else(|_| format!("openai/{name}").parse()).map_err(|_: crate::id::ParseIdError| Wrong {
        message: format!("`{name}` is no model"),
        hint: "write PROVIDER/MODEL, such as openai/gpt-4.1".to_owned(),
    })
}

fn wire_named(name: &str) -> Result<Wire, Wrong> {
    Wire::named(name).ok_or_else(|| Wrong {
        message: format!("there is no wire format `{name}`"),
        hint: format!("one of {}", Wire::ALL.map(|(name, _)| name).join(", ")),
    })
}

fn share(part: &RolePart) -> Share {
    Share { cost_micros: part.max_session_cents.map(|cents| cents * 10_000), tokens: part.max_session_tokens }
}
