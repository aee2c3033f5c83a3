//! The exchange that the configuration describes: providers, keys, rates, whom each role asks.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::api::LentKey;
use crate::infrastructure::config::{KeyPart, Problem, ProviderPart, RolePart, Weight, is_for_key_programs};
use crate::infrastructure::http::{HttpClient, HttpLimits, HttpSettings, Secret};
use crate::infrastructure::llm::{
    CountBy, Counter, Exchange, ExchangeParts, KeySource, Keyed, Keys, ModelName, Nobody, PriceRow, PriceTable,
    Provider, ProviderSettings, RateLimit, RealSleeper, RetryPolicy, Route, Routes, ShapeMode, Share, Switchboard,
    Wire,
};
use crate::planning::Role;

use super::House;

/// Variables that every program has which prints keys; those of its vault come beside them.
const PROGRAMS_SEE: [&str; 8] =
    ["PATH", "HOME", "USER", "LOGNAME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "TMPDIR"];

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
            Ok(None) => Arc::new(self.nobody()),
            Err(wrong) => {
                tracing::error!(message = wrong.message, hint = wrong.hint, "no model can be asked");
                Arc::new(self.nobody())
            }
        }
    }

    /// Nobody to ask, within the limits that hold for agents too.
    fn nobody(&self) -> Nobody {
        Nobody { day_micros: Some(self.day_micros()), shares: self.shares() }
    }

    fn day_micros(&self) -> u64 {
        self.config().settings().budget.day_cents * 10_000
    }

    fn shares(&self) -> BTreeMap<String, Share> {
        self.config().models().roles.iter().map(|(role, part)| (role.clone(), share(part))).collect()
    }

    /// What is wrong with the tables of models: told by `config check`, and by every start.
    pub(super) fn model_problems(&self) -> Vec<Problem> {
        let config = self.config();
        let origin = config.get("model").map(|(_, origin)| origin.clone());
        let problem = |wrong: Wrong| {
            let origin = origin.clone()?;
            let topic = "paraph help models";
            let hint = if wrong.hint == topic { wrong.hint } else { format!("{}; {topic}", wrong.hint) };
            Some(Problem { weight: Weight::Error, origin, message: wrong.message, hint })
        };
        self.exchange().err().and_then(problem).into_iter().collect()
    }

    fn exchange(&self) -> Result<Option<Exchange>, Wrong> {
        let prices = self.prices()?;
        let (routes, others) = (self.routes()?, self.agent_key_sources());
        if routes.is_none() && others.is_empty() {
            return Ok(None);
        }
        let http = HttpClient::new(self.http_settings())
            .map_err(|error| Wrong { message: error.to_string(), hint: "paraph config check".to_owned() })?;
        let keys = self.shared_keys();
        let mut providers = BTreeMap::new();
        let asked: BTreeSet<String> = routes.iter().flat_map(Routes::models).map(|model| model.provider).collect();
        // a candidate may name a model of any other provider too
        let own = self.config().models().providers.keys().cloned();
        let known = ProviderSettings::names().map(|(name, _)| name.to_owned());
        for name in asked.iter().cloned().chain(own).chain(known).collect::<BTreeSet<String>>() {
            let settings = match self.provider(&name) {
                Ok(settings) => settings,
                Err(wrong) if asked.contains(&name) => return Err(wrong),
                Err(_) => continue, // nobody needs it
            };
            let rate = RateLimit::new(settings.requests_per_minute, settings.tokens_per_minute, self.clock.clone());
            let (key, context, patience) = (settings.key.clone(), settings.context, settings.limits.total);
            let beside = settings.key_headers.iter().map(|(_, keyed)| keyed.source.clone()).collect();
            let counts = settings.count != CountBy::Nobody;
            let provider = Provider::new(settings, http.clone(), keys.clone(), self.clock.clone());
            providers.insert(name, Counter { model: Arc::new(provider), key, beside, rate, counts, context, patience });
        }
        Ok(Some(Exchange::new(ExchangeParts {
            providers,
            routes,
            shares: self.shares(),
            prices,
            day_micros: Some(self.day_micros()),
            patience: RetryPolicy::default(),
            sleeper: Arc::new(RealSleeper),
            keys,
            others,
        })))
    }

    /// What models cost: the user's own prices before those of the shipped table.
    fn prices(&self) -> Result<PriceTable, Wrong> {
        let own = self.config().models().prices.iter();
        let own = own.map(|(name, row)| PriceRow { name: name.clone(), ..row.clone() }).collect();
        let own = PriceTable::own(own).map_err(|error| Wrong {
            message: error.to_string(),
            hint: "[prices.\"openai/gpt-4.1\"] with input and output, in dollars for a million tokens".to_owned(),
        })?;
        Ok(PriceTable::shipped().overridden_by(own))
    }

    /// Whom roles ask; none where neither a role nor the setting `model` names one.
    fn routes(&self) -> Result<Option<Routes>, Wrong> {
        let config = self.config();
        let one = config.settings().model.map(|name| model_named(&name)).transpose()?;
        let (mut by_role, mut named) = (BTreeMap::new(), BTreeSet::new());
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
            } else {
                named.insert(role.clone());
            }
            if models.is_empty() {
                continue;
            }
            let of_role = |seconds| seconds_of(&format!("`max_latency_s` of role `{role}`"), seconds);
            let max_latency = part.max_latency_s.map(of_role).transpose()?;
            by_role.insert(
                role.clone(),
                Route {
                    models,
                    max_output_tokens: part.max_output_tokens,
                    max_cost_micros: part.max_call_cents.map(|cents| cents * 10_000),
                    max_latency,
                },
            );
        }
        // a role's first model stands in for roles that name none: one model is enough to begin with
        let default = one.map(Route::to).or_else(|| by_role.values().next().cloned());
        Ok(default.map(|default| Routes { default, by_role, named }))
    }

    fn provider(&self, name: &str) -> Result<ProviderSettings, Wrong> {
        let part = self.config().models().providers.get(name).cloned().unwrap_or_default();
        let known = ProviderSettings::known(name);
        let wire = part.wire.as_deref().map(wire_named).transpose()?;
        let mut settings = match (known, &part.base_url) {
            (Some(known), _) => match wire {
                // a counter is its format's
                Some(wire) if wire != known.wire => {
                    let count = ProviderSettings::new(name, wire, "").count;
                    ProviderSettings { wire, count, ..known }
                }
                _ => known,
            },
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
        if settings.shape == ShapeMode::Schema {
            settings.shape = ProviderSettings::usual_shape(settings.wire, &settings.base_url);
        }
        if let Some(key) = part.key {
            settings.key = key_source(&format!("`key` of provider `{}`", settings.name), key)?;
        }
        if let Some(word) = part.shape.as_deref() {
            settings.shape = match word {
                "schema" => ShapeMode::Schema,
                "tool" => ShapeMode::Tool,
                "object" => ShapeMode::Object,
                "words" => ShapeMode::Words,
                other => {
                    let message = format!("`{other}` is no shape of provider `{}`", settings.name);
                    return Err(Wrong { message, hint: "schema, tool, object or words".to_owned() });
                }
            };
        }
        if let Some(word) = part.count.as_deref() {
            settings.count = CountBy::named(word).ok_or_else(|| Wrong {
                message: format!("`{word}` is no counter of provider `{}`", settings.name),
                hint: format!("one of {}", CountBy::ALL.map(|(name, _)| name).join(", ")),
            })?;
        }
        for (name, value) in part.headers {
            match keyed(&format!("header `{name}` of provider `{}`", settings.name), &value)? {
                Some(keyed) => settings.key_headers.push((name, keyed)),
                None => settings.headers.push((name, Secret::new(value))),
            }
        }
        settings.stream = part.stream.unwrap_or(settings.stream);
        settings.tools = part.tools.unwrap_or(settings.tools);
        settings.temperature = part.temperature.unwrap_or(settings.temperature);
        settings.context = part.context.or(settings.context);
        settings.requests_per_minute = part.requests_per_minute.or(settings.requests_per_minute);
        settings.tokens_per_minute = part.tokens_per_minute.or(settings.tokens_per_minute);
        if let Some(seconds) = part.timeout_s {
            // who is slow is slow to the first byte too: a long prompt is read before a word comes
            let limit = seconds_of(&format!("`timeout_s` of provider `{}`", settings.name), seconds)?;
            settings.limits = HttpLimits { first: limit, idle: limit, total: limit, ..settings.limits };
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
            |names: &[&str]| names.iter().find_map(|name| variables.remove(*name).filter(|value| !value.is_empty()));
        // what is for all programs may speak what is not spoken here; what is for HTTPS is never gone past
        let of_all = |proxy: &String| !proxy.trim_start().to_ascii_lowercase().starts_with("socks");
        HttpSettings {
            ca_file: first(&["PARAPH_CA_FILE", "SSL_CERT_FILE"]).map(Into::into),
            proxy: first(&["HTTPS_PROXY", "https_proxy"])
                .or_else(|| first(&["ALL_PROXY", "all_proxy"]).filter(of_all))
                .map(Secret::new),
            no_proxy: first(&["NO_PROXY", "no_proxy"]).unwrap_or_default(),
            ..HttpSettings::default()
        }
    }

    /// The keys that models and agents are asked with: what is lent for one is there for the other.
    pub(super) fn shared_keys(&self) -> Arc<Keys> {
        self.keys.get_or_init(|| Arc::new(self.keys())).clone()
    }

    pub(super) fn keys(&self) -> Keys {
        let variables = self.variables();
        let ring = self.config().keys();
        let known: BTreeMap<String, Secret> =
            ring.present().filter_map(|(name, _)| Some((name.to_owned(), Secret::new(ring.reveal(name)?)))).collect();
        let is_seen = |name: &str| PROGRAMS_SEE.contains(&name) || is_for_key_programs(name);
        let of_programs = known.iter().filter(|(name, _)| is_for_key_programs(name));
        let of_programs = of_programs.map(|(name, value)| (name.clone(), value.reveal().to_owned()));
        let seen = variables.into_iter().filter(|(name, _)| is_seen(name)).chain(of_programs);
        let seen = seen.map(|(name, value)| (name.into(), value.into())).collect();
        let folder = self.config().path().and_then(Path::parent).map(Path::to_owned);
        Keys::new(known, seen).in_folder(folder).hidden_by(self.mask())
    }

    /// What the daemon needs of this environment to ask the models that are configured, those of every provider that the
    /// user described, and those of `others`: their keys, and what programs are told that print keys. It has none of its
    /// own.
    pub(super) fn lendable(&self, others: &[ModelName]) -> BTreeMap<String, LentKey> {
        let routes = self.routes().ok().flatten();
        let routed = routes.iter().flat_map(Routes::models).map(|model| model.provider);
        let own = self.config().models().providers.keys().cloned();
        let providers: BTreeSet<String> =
            routed.chain(own).chain(others.iter().map(|model| model.provider.clone())).collect();
        let sources = providers.iter().filter_map(|name| self.provider(name).ok()).flat_map(|settings| {
            let beside = settings.key_headers.into_iter().map(|(_, keyed)| keyed.source);
            std::iter::once(settings.key).chain(beside)
        });
        let sources: Vec<KeySource> = sources.chain(self.agent_key_sources()).collect();
        let is_wanted = |name: &str| {
            sources.iter().any(|source| match source {
                KeySource::Variable(variable) => variable == name,
                KeySource::Command(_) => is_for_key_programs(name),
                KeySource::None => false,
            })
        };
        let ring = self.config().keys();
        let key = |name: &str| Some((name.to_owned(), LentKey(ring.reveal(name)?.to_owned())));
        ring.present().filter(|(name, _)| is_wanted(name)).filter_map(|(name, _)| key(name)).collect()
    }
}

/// So many seconds, as programs' limits are told.
fn seconds_of(what: &str, seconds: u64) -> Result<Duration, Wrong> {
    let (message, hint) = (format!("{what} is {seconds}"), "write a whole number from 1 to 86400".to_owned());
    (1..=86_400).contains(&seconds).then(|| Duration::from_secs(seconds)).ok_or(Wrong { message, hint })
}

/// The key that `value`, which is what is told of `what`, names.
pub(super) fn keyed(what: &str, value: &str) -> Result<Option<Keyed>, Wrong> {
    let Some((before, key)) = KeyPart::named_in(value) else { return Ok(None) };
    Ok(Some(Keyed { before: before.to_owned(), source: key_source(what, key)? }))
}

/// Where the key comes from that `what` names.
pub(super) fn key_source(what: &str, key: KeyPart) -> Result<KeySource, Wrong> {
    match key {
        KeyPart::Preset(text) => text.parse().map_err(|error: crate::id::ParseIdError| Wrong {
            message: format!("{what} does not say where a key is"),
            hint: format!("write {}", error.wanted),
        }),
        KeyPart::Program(words) => Ok(KeySource::Command(words)),
    }
}

fn model_named(name: &str) -> Result<ModelName, Wrong> {
    ModelName::said(name).map_err(|_| Wrong {
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const HELP: &str = include_str!("../cli/help/models.md");

    /// A house whose configuration is this, with these variables.
    fn house(folder: &tempfile::TempDir, config: &str, variables: &[(&str, &str)]) -> House {
        let file = folder.path().join("config.toml");
        std::fs::write(&file, config).expect("a file");
        let mut environment = BTreeMap::from([
            ("HOME".into(), folder.path().into()),
            ("PARAPH_HOME".into(), folder.path().join("home").into()),
            ("PARAPH_CONFIG".into(), file.into()),
        ]);
        environment.extend(variables.iter().map(|(name, value)| ((*name).into(), (*value).into())));
        House::new(environment, "/paraph".into()).expect("a house")
    }

    #[track_caller]
    fn check_lent(config: &str, variables: &[(&str, &str)], lent: &[&str]) {
        let folder = tempfile::tempdir().expect("a folder");
        let house = house(&folder, config, variables);
        assert_eq!(house.config().problems(), []);
        assert_eq!(house.lendable(&[]).keys().map(String::as_str).collect::<Vec<_>>(), lent);
    }

    #[test]
    fn what_is_lent_follows_from_the_configuration() {
        let all = [
            ("WORK_KEY", "a"),
            ("DEEPSEEK_API_KEY", "b"),
            ("OPENAI_API_KEY", "c"),
            ("VAULT_ADDR", "d"),
            ("VAULT_TOKEN", "e"),
            ("GITHUB_TOKEN", "f"),
        ];
        let work = "model = 'work/x'\n[providers.work]\nbase_url = 'http://x'\nkey = ";
        check_lent(&format!("{work}'env:WORK_KEY'"), &all, &["WORK_KEY"]);
        check_lent(&format!("{work}'vault:secret/x#key'"), &all, &["VAULT_ADDR", "VAULT_TOKEN"]);
        check_lent(&format!("{work}['sh', '-c', 'echo x']"), &all, &["VAULT_ADDR", "VAULT_TOKEN"]);
        check_lent("model = 'deepseek/chat'", &all, &["DEEPSEEK_API_KEY"]);
        check_lent(
            "[roles.reviewer]\nmodels = ['openai/gpt-5', 'deepseek/chat']",
            &all,
            &["DEEPSEEK_API_KEY", "OPENAI_API_KEY"],
        );
        check_lent("", &all, &[]);
        let gateway = "model = 'work/x'\n[providers.work]\nbase_url = 'http://x'\n";
        let headers = "headers = { authorization = 'Bearer env:WORK_KEY', x-team = 'shop' }";
        check_lent(&format!("{gateway}{headers}"), &all, &["WORK_KEY"]);
        check_lent("[engines.agent.x]\nrun = 'x'\nenv = { A_KEY = 'env:WORK_KEY' }", &all, &["WORK_KEY"]);
        let agent = "[engines.agent.codex]\nkey = 'env:OPENAI_API_KEY'\n";
        check_lent(agent, &all, &["OPENAI_API_KEY"]);
        check_lent(&format!("{agent}[providers.work]\nbase_url = 'http://x'"), &all, &["OPENAI_API_KEY"]);
    }

    #[test]
    fn the_proxy_is_the_one_for_https_before_the_one_for_all() {
        let folder = tempfile::tempdir().expect("a folder");
        let proxy = |variables: &[(&str, &str)]| {
            let settings = house(&folder, "", variables).http_settings();
            (settings.proxy.map(|url| url.reveal().to_owned()), settings.no_proxy)
        };
        let all = ("ALL_PROXY", "http://me:hunter22@all.test:1");
        assert_eq!(proxy(&[]), (None, String::new()));
        assert_eq!(proxy(&[all, ("HTTPS_PROXY", "")]).0.as_deref(), Some(all.1));
        // it may speak what is not spoken here; HTTPS_PROXY is taken at its word, and refused where it does
        assert_eq!(proxy(&[("ALL_PROXY", "socks5://all.test:1")]).0, None);
        assert_eq!(proxy(&[("HTTPS_PROXY", "socks5://one.test:1")]).0.as_deref(), Some("socks5://one.test:1"));
        let one = [all, ("https_proxy", "http://one.test:2"), ("no_proxy", "direct.test")];
        assert_eq!(proxy(&one), (Some("http://one.test:2".to_owned()), "direct.test".to_owned()));
    }

    #[test]
    fn every_known_provider_has_its_key_read() {
        use crate::infrastructure::config::KEY_VARIABLES;
        for (name, variable) in ProviderSettings::names() {
            assert!(variable.is_none_or(|variable| KEY_VARIABLES.contains(&variable)), "{name}");
            let told = variable.map_or(name.to_owned(), |variable| format!("{name:<12} {variable}"));
            assert!(HELP.contains(told.trim()), "{told} is not in the help");
        }
    }

    #[test]
    fn a_vaults_token_is_hidden_and_its_address_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = "model = 'work/x'\n[providers.work]\nbase_url = 'http://x'\nkey = 'vault:secret/x#key'";
        let house = house(&folder, config, &[("VAULT_ADDR", "http://vault.test"), ("VAULT_TOKEN", "hvs-hunter22")]);
        assert_eq!(house.config().keys().to_mask(), ["hvs-hunter22"]);
        let said = format!("{:?} {:?}", house.config(), house.keys());
        assert!(!said.contains("hunter22"), "{said}");
    }

    #[tokio::test]
    async fn a_key_that_is_lent_or_printed_is_hidden_by_all_who_hide() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = "model = 'work/x'\n[providers.work]\nbase_url = 'http://x'\nkey = 'env:WORK_LLM_KEY'\n\
                      [providers.gate]\nbase_url = 'http://y'\nkey = ['sh', '-c', 'echo printed-4712-green']";
        let path = std::env::var("PATH").expect("a PATH");
        let house = house(&folder, config, &[("OPENAI_API_KEY", "sk-hunter22"), ("PATH", &path)]);
        let (before, exchange) = (house.mask(), house.switchboard());
        let text = "sk-hunter22 team-llm-4711-blue printed-4712-green";
        assert_eq!(before.now().mask(text), "[masked] team-llm-4711-blue printed-4712-green");
        assert!(exchange.lend("WORK_LLM_KEY", Secret::new("team-llm-4711-blue")));
        exchange.find_keys(&"gate/x".parse().expect("a model"), &crate::cancel::Cancel::new()).await;
        assert_eq!(before.now().mask(text), "[masked] [masked] [masked]");
    }

    /// What of the help between two headings stands as a configuration.
    fn example(from: &str, to: &str) -> String {
        let part = HELP.split(from).nth(1).and_then(|rest| rest.split(to).next()).expect("the headings are there");
        part.lines().filter_map(|line| line.strip_prefix("    ")).map(|line| format!("{line}\n")).collect()
    }

    #[test]
    fn the_examples_of_the_help_work() {
        let tables = format!("{}{}", example("Providers of your own", "\nKeys\n"), example("\nRoles\n", "\nBudgets\n"));
        let folder = tempfile::tempdir().expect("a folder");
        let house_of_tables = house(&folder, &tables, &[]);
        assert_eq!(house_of_tables.config().problems(), [], "{tables}");
        assert!(house_of_tables.exchange().map_err(|wrong| wrong.message).expect("usable").is_some());
        assert_eq!(house_of_tables.config().models().providers.len(), 4);
        let keys = example("\nKeys\n", "\nRoles\n");
        let keys: Vec<&str> = keys.lines().filter(|line| line.starts_with("key = ")).collect();
        assert!(keys.len() >= 9, "{keys:?}");
        for key in keys {
            let config = format!("model = 'x/y'\n[providers.x]\nbase_url = 'http://x'\n{key}\n");
            let house = house(&folder, &config, &[]);
            assert_eq!(house.config().problems(), [], "{key}");
            assert!(house.exchange().is_ok(), "{key}");
        }
        let prices = example("\nPrices\n", "\nWhen it does");
        let config = format!("model = 'work/qwen3-coder'\n[providers.work]\nbase_url = 'http://x'\n{prices}");
        let house = house(&folder, &config, &[]);
        let exchange = house.exchange().map_err(|wrong| wrong.message).expect("usable").expect("a model");
        let model = "work/qwen3-coder".parse().expect("a model");
        assert_eq!(exchange.list_price(&model), Some((400_000, 1_600_000)));
        assert_eq!(Switchboard::room(&exchange, &model), Some(262_144));
    }

    #[test]
    fn a_change_is_read_by_another_model_than_its_authors_where_there_is_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let check = |config: &str, reviewer: &[&str]| {
            let keys = [("OPENAI_API_KEY", "a"), ("ANTHROPIC_API_KEY", "b")];
            let house = house(&folder, config, &keys);
            let exchange = house.exchange().map_err(|wrong| wrong.message).expect("usable").expect("a model");
            let author = "openai/gpt-5".parse().expect("a model");
            let lead = exchange.lead_apart("reviewer", &author).expect("somebody");
            let models: Vec<String> = lead.route.models.iter().map(ToString::to_string).collect();
            assert_eq!(models, reviewer, "{config}");
        };
        check("model = 'openai/gpt-5'", &["openai/gpt-5"]);
        let author = "[roles.implementer]\nmodels = ['openai/gpt-5']\n";
        check(author, &["openai/gpt-5"]);
        // nobody chose one: what another role asks, the dearest first, and the author's after them
        let triage = "[roles.triage]\nmodels = ['openai/gpt-5-mini']\n";
        let planner = "[roles.planner]\nmodels = ['anthropic/claude-sonnet-4-5']\n";
        check(&format!("{author}{triage}"), &["openai/gpt-5-mini", "openai/gpt-5"]);
        check(
            &format!("model = 'openai/gpt-5'\n{triage}{planner}"),
            &["anthropic/claude-sonnet-4-5", "openai/gpt-5-mini", "openai/gpt-5"],
        );
        check(&format!("model = 'openai/gpt-5-mini'\n{author}"), &["openai/gpt-5-mini"]);
        let no_key = "[roles.triage]\nmodels = ['deepseek/deepseek-chat']\n";
        check(&format!("{author}{no_key}"), &["openai/gpt-5"]);
        // limits of its own choose nobody
        let limits = "[roles.reviewer]\nmax_session_cents = 5\n";
        check(&format!("model = 'openai/gpt-5'\n{triage}{limits}"), &["openai/gpt-5-mini", "openai/gpt-5"]);
        // somebody chose: the first of them that is another
        let chosen = "[roles.reviewer]\nmodels = ['openai/gpt-5', 'openai/gpt-5-mini']\n";
        check(&format!("{author}{planner}{chosen}"), &["openai/gpt-5-mini", "openai/gpt-5"]);
        let same = "[roles.reviewer]\nmodels = ['openai/gpt-5']\n";
        check(&format!("{author}{planner}{same}"), &["openai/gpt-5"]);
    }

    #[test]
    fn a_list_price_is_the_prompts_own_and_not_the_caches() {
        let folder = tempfile::tempdir().expect("a folder");
        let house = house(&folder, "model = 'anthropic/claude-sonnet-4-5'", &[]);
        let exchange = house.exchange().map_err(|wrong| wrong.message).expect("usable").expect("a model");
        let model = "anthropic/claude-sonnet-4-5".parse().expect("a model");
        assert_eq!(exchange.list_price(&model), Some((3_000_000, 15_000_000)));
    }

    #[test]
    fn an_answer_is_held_to_a_shape_as_whoever_is_there_can() {
        let folder = tempfile::tempdir().expect("a folder");
        let shape = |name: &str, config: &str, variables: &[(&str, &str)]| {
            let house = house(&folder, config, variables);
            house.provider(name).map_err(|wrong| wrong.message).expect("usable").shape
        };
        assert_eq!(shape("anthropic", "", &[]), ShapeMode::Schema);
        let elsewhere = [("ANTHROPIC_BASE_URL", "http://gateway")];
        assert_eq!(
            shape("anthropic", "", &elsewhere),
            ShapeMode::Tool,
            "a gateway may leave out what it does not know"
        );
        let claude = "[providers.claude]\nwire = 'anthropic'\nbase_url = 'http://gateway/v1'\n";
        assert_eq!(shape("claude", claude, &[]), ShapeMode::Tool);
        assert_eq!(shape("claude", &format!("{claude}shape = 'schema'\n"), &[]), ShapeMode::Schema);
        assert_eq!(shape("openai", "", &[]), ShapeMode::Schema);
        assert_eq!(shape("deepseek", "", &[]), ShapeMode::Object);
    }

    #[test]
    fn who_may_take_long_may_take_long_to_the_first_byte_and_its_role_waits_for_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let checked = |timeout: &str, role: &str| {
            let config = format!("model = 'x/y'\n[providers.x]\nbase_url = 'http://x'\n{timeout}\n{role}");
            let house = house(&folder, &config, &[]);
            let limits = house.provider("x").map_err(|wrong| wrong.message)?.limits;
            let exchange = house.exchange().map_err(|wrong| wrong.message)?.expect("a model");
            let latency = exchange.lead("implementer").expect("a route").latency;
            Ok::<_, String>([limits.first, limits.idle, limits.total, latency].map(|limit| limit.as_secs()))
        };
        assert_eq!(checked("", ""), Ok([120, 120, 900, 900]));
        assert_eq!(checked("timeout_s = 1800", ""), Ok([1800, 1800, 1800, 1800]));
        assert_eq!(checked("timeout_s = 60", ""), Ok([60, 60, 60, 900]), "tries together");
        let role = "[roles.implementer]\nmax_latency_s = 300";
        assert_eq!(checked("timeout_s = 1800", role), Ok([1800, 1800, 1800, 300]), "a role's own word counts");
        assert_eq!(checked("timeout_s = 0", ""), Err("`timeout_s` of provider `x` is 0".to_owned()));
        let forever = format!("[roles.implementer]\nmax_latency_s = {}", i64::MAX);
        assert!(checked("", &forever).is_err_and(|why| why.starts_with("`max_latency_s` of role `implementer` is 9")));
    }

    #[test]
    fn the_context_that_is_set_counts_on_every_wire_and_leaves_room_for_an_answer() {
        let folder = tempfile::tempdir().expect("a folder");
        for wire in ["openai", "responses", "anthropic", "gemini", "ollama"] {
            let lead = |context: &str, role: &str| {
                let config =
                    format!("model = 'x/y'\n[providers.x]\nwire = '{wire}'\nbase_url = 'http://x'\n{context}\n{role}");
                let house = house(&folder, &config, &[]);
                let exchange = house.exchange().map_err(|wrong| wrong.message).expect("usable").expect("a model");
                exchange.lead("implementer").expect("a model")
            };
            let wide = lead("context = 200000", "");
            assert_eq!((wide.context_tokens, wide.max_output_tokens), (200_000 - 16_384, 16_384), "{wire}");
            let small = lead("context = 8192", "");
            assert_eq!((small.context_tokens, small.max_output_tokens), (6_144, 2_048), "{wire}");
            let usual = lead("", "");
            assert_eq!((usual.context_tokens, usual.max_output_tokens), (24_576, 8_192), "{wire}");
            assert!(usual.widen.contains("[providers.x]"), "{}", usual.widen);
            let greedy = lead("context = 32768", "[roles.implementer]\nmax_output_tokens = 30000");
            assert_eq!((greedy.context_tokens, greedy.max_output_tokens), (16_384, 16_384), "{wire}");
        }
    }
}
