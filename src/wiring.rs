//! The composition root: the only file that names concrete adapters.

mod daemon;
mod demo;
mod editor;
mod issues;
mod later;
mod launch;
mod lending;
mod models;
mod operator;
mod programs;
mod settings;
mod watch;

pub use launch::Rooms;
pub use lending::Lending;

use later::Later;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::api::{BlobStore, Failure, FailureKind, Workbench};
use crate::clock::{Clock, SystemClock};
use crate::id::{Ids, RandomIds};
use crate::indexing::{IndexStrategy, NoTagCache, StoredTagCache, SymbolIndex};
use crate::infrastructure::blobs::Blobs;
use crate::infrastructure::config::Config;
use crate::infrastructure::confinement::Confinement;
use crate::infrastructure::fault::Faults;
use crate::infrastructure::http::Upstream;
use crate::infrastructure::llm::Keys;
use crate::infrastructure::logging::LogGuard;
use crate::infrastructure::store::Cache;
use crate::policy::BuiltInPolicy;
use crate::proposal::{AdoptEngine, AgentEngine, CommandEngine, LlmEngine, LlmLimits, PatchEngine, RuleEngine};
use crate::publishing::LocalForge;
use crate::repository::{GIT_VARIABLES, GitVcs, Vcs};
use crate::runtime::{Engines, Home, LocalWorkbench, Operator, Ports, Runtime, StartError, Started, WorkbenchParts};
use crate::scoring::SixDimensions;
use crate::syntax::Syntax;
use crate::text::LiveMask;
use crate::validation::{LocalLimits, LocalPorts, LocalValidator};

/// The index cache is thrown away beyond this. // 512 MiB: the tags of some hundred large repositories
const CACHE_LIMIT: u64 = 512 << 20;

/// The process as it was started, read once by `main` and handed down.
pub struct House {
    home: Home,
    environment: BTreeMap<OsString, OsString>,
    program: PathBuf,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    faults: Faults,
    opened: Mutex<Vec<Runtime>>,
    /// What writes the log, once there is one.
    log: Mutex<Option<LogGuard>>,
    config: OnceLock<Config>,
    /// What a person has to know once a verb is done.
    warning: OnceLock<String>,
    /// What models and agents are asked with.
    keys: OnceLock<Arc<Keys>>,
    /// What hides those, and all others that were given.
    mask: OnceLock<LiveMask>,
}

impl House {
    /// A house at Paraph's home of this environment. `program` is this binary: the confinement's launcher.
    ///
    /// # Errors
    /// A [`Failure`] where no home can be told, or a fault point is misspelt.
    pub fn new(environment: BTreeMap<OsString, OsString>, program: PathBuf) -> Result<Self, Failure> {
        let variable = |name: &str| environment.get(&OsString::from(name)).filter(|value| !value.is_empty());
        if let Some(named) = variable("PARAPH_HOME").map(Path::new).filter(|home| home.is_relative()) {
            // it would be another home in every folder, and the record of one session lie in several
            let whole = std::path::absolute(named).unwrap_or_else(|_| named.to_owned());
            let named = crate::id::HostPath::new(named);
            let message = format!("PARAPH_HOME is `{named}`, and must be an absolute path");
            let hint = format!("PARAPH_HOME='{}' paraph …", crate::id::HostPath::new(whole));
            return Err(Failure::new(FailureKind::Usage, message).hint(hint));
        }
        let home = variable("PARAPH_HOME")
            .map(PathBuf::from)
            .or_else(|| variable("XDG_STATE_HOME").map(|state| Path::new(state).join("paraph")))
            .or_else(|| variable("HOME").map(|home| Path::new(home).join(".local/state/paraph")))
            .ok_or_else(|| {
                Failure::new(FailureKind::Failed, "there is no HOME, so Paraph has no place of its own")
                    .hint("PARAPH_HOME=/some/folder paraph …")
            })?;
        let home = std::path::absolute(&home).unwrap_or(home);
        let wish = variable("PARAPH_FAULT").and_then(|text| text.to_str());
        let faults = Faults::parse(wish).map_err(|error| Failure::new(FailureKind::Usage, error.to_string()))?;
        Ok(Self {
            home: Home::at(home),
            environment,
            program,
            clock: Arc::new(SystemClock::default()),
            ids: Arc::new(RandomIds),
            faults,
            opened: Mutex::new(Vec::new()),
            log: Mutex::new(None),
            config: OnceLock::new(),
            warning: OnceLock::new(),
            keys: OnceLock::new(),
            mask: OnceLock::new(),
        })
    }

    /// Ends every runtime that was opened in this process: anchored, synced, nothing half done.
    pub async fn close(&self) {
        let opened = std::mem::take(&mut *self.opened.lock().unwrap_or_else(PoisonError::into_inner));
        for runtime in opened {
            runtime.stop().await;
        }
        drop(self.log.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Where everything of Paraph lies.
    #[must_use]
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// The clock that everybody shares.
    #[must_use]
    pub fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }

    /// The source of fresh names that everybody shares.
    #[must_use]
    pub fn ids(&self) -> Arc<dyn Ids> {
        self.ids.clone()
    }

    /// Where clients read bodies.
    #[must_use]
    pub fn blobs(&self) -> BlobStore {
        BlobStore::of_home(self.home.root())
    }

    /// Variables that are valid text.
    #[must_use]
    pub fn variables(&self) -> BTreeMap<String, String> {
        let text = |value: &OsString| value.to_str().map(str::to_owned);
        self.environment.iter().filter_map(|(name, value)| Some((text(name)?, text(value)?))).collect()
    }

    /// What works without a daemon.
    #[must_use]
    pub fn workbench(self: &Arc<Self>) -> impl Workbench + use<> {
        let house = self.clone();
        Later::new(move || {
            let (settings, asked, replaying) = (house.settings(), house.clone(), house.clone());
            LocalWorkbench::new(WorkbenchParts {
                machine: Arc::new(move || asked.machine()),
                adapters: Arc::new(move || (replaying.reading_ports(), replaying.settings())),
                home: house.home.clone(),
                vcs: Arc::new(house.vcs(&house.home)),
                policy: Arc::new(BuiltInPolicy::holding(house.mask())),
                policy_settings: settings.policy,
                max_check: settings.max_check,
                clock: house.clock.clone(),
                ids: house.ids.clone(),
            })
        })
    }

    /// Opens the home and starts core and workers in this process. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// A [`Failure`] with what to type where the home cannot be opened.
    pub fn open(&self) -> Result<(Runtime, Vec<String>), Failure> {
        self.open_at(&self.home)
    }

    fn open_at(&self, home: &Home) -> Result<(Runtime, Vec<String>), Failure> {
        if let Some(failure) = self.unusable() {
            return Err(failure);
        }
        self.log(home)?;
        let failed = |error: StartError| {
            let hint = error.hint();
            Failure::from_error(FailureKind::Failed, &error).hint(hint)
        };
        let started = Started::open(home, self.clock.as_ref(), self.ids.as_ref(), &self.faults).map_err(failed)?;
        let notices = started.notices.clone();
        let vcs = Arc::new(self.vcs(home));
        let operator = self.operator(vcs.as_ref());
        let ports = self.ports(home, vcs);
        let runtime = Runtime::start(started, ports, self.settings(), operator).map_err(failed)?;
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).push(runtime.clone());
        runtime.keep_records(home.clone());
        Ok((runtime, notices))
    }

    fn vcs(&self, home: &Home) -> GitVcs {
        let seen = self.environment.iter().filter(|(name, _)| GIT_VARIABLES.iter().any(|known| *name == known));
        GitVcs::new(home.repos(), seen.map(|(name, value)| (name.clone(), value.clone())))
    }

    /// What no check may see or reach: the homes with their sockets, the ways to them, and the configuration.
    fn private(&self, home: &Home) -> Vec<PathBuf> {
        let mut places = vec![self.home.root().to_owned(), home.root().to_owned()];
        if let Some(config) = self.config().path() {
            // the usual folder is ours alone; a file that PARAPH_CONFIG names may lie among others
            match config.parent().filter(|folder| folder.ends_with("paraph")) {
                Some(folder) => places.push(folder.to_owned()),
                None => places.extend([config.to_owned(), config.with_file_name(".env")]),
            }
        }
        let address = self.place().address().ok();
        places.extend(address.iter().filter_map(|address| address.parent()).map(Path::to_owned));
        places.retain(|place| place.is_absolute());
        places
    }

    fn operator(&self, vcs: &dyn Vcs) -> Operator {
        let user = vcs.user();
        Operator {
            login: operator::login_at_host(&self.variables()),
            name: user.as_ref().map(|user| user.name.clone()).unwrap_or_default(),
            email: user.map(|user| user.email).unwrap_or_default(),
        }
    }

    fn validator(&self, home: &Home, vcs: Arc<GitVcs>, blobs: Blobs, cache: Later<Cache>) -> Later<LocalValidator> {
        let (program, worktrees, private) = (self.program.clone(), home.worktrees(), self.private(home));
        let (clock, command) = (self.clock.clone(), self.check_limits());
        Later::new(move || {
            let validator = LocalValidator::new(LocalPorts {
                vcs: vcs.clone(),
                confinement: Confinement::probe(program.clone()),
                blobs: blobs.clone(),
                cache: cache.get().clone(),
                worktrees: worktrees.clone(),
                private: private.clone(),
                clock: clock.clone(),
                limits: LocalLimits { command, ..LocalLimits::default() },
            });
            validator.reclaim();
            validator
        })
    }

    /// What hides the user's keys and whatever looks like one: one for this process, so that a key which is lent or found
    /// later is hidden by all who hide.
    fn mask(&self) -> LiveMask {
        self.mask.get_or_init(|| LiveMask::new(self.config().keys().to_mask())).clone()
    }

    fn ports(&self, home: &Home, vcs: Arc<GitVcs>) -> Ports {
        let blobs = Blobs::new(&home.blobs(), self.faults.clone());
        let folder = home.cache();
        let cache = Later::new(move || Cache::open(&folder, CACHE_LIMIT));
        let validator = self.validator(home, vcs.clone(), blobs.clone(), cache.clone());
        let (tags, settings) = (cache.clone(), self.index_settings());
        let index = Later::new(move || {
            let tags = Arc::new(StoredTagCache::new(tags.get().clone()));
            SymbolIndex::new(Arc::new(Syntax::new()), tags, settings.clone())
        });
        let rules = Later::new(RuleEngine::default);
        let (first, second, third) = (rules.clone(), validator.clone(), index.clone());
        later::prepare(vec![
            Box::new(move || {
                first.get();
            }),
            Box::new(move || {
                cache.get();
            }),
            Box::new(move || {
                second.get();
            }),
            Box::new(move || {
                third.get();
            }),
        ]);
        self.ports_of(home, vcs, blobs, (rules, validator, Arc::new(index)))
    }

    /// The same for who only reads the home, beside a daemon that has its stores open: nothing is made ahead.
    fn reading_ports(&self) -> Ports {
        let (home, vcs) = (&self.home, Arc::new(self.vcs(&self.home)));
        let blobs = Blobs::new(&home.blobs(), self.faults.clone());
        let folder = home.cache();
        let cache = Later::new(move || Cache::open(&folder, CACHE_LIMIT));
        let validator = self.validator(home, vcs.clone(), blobs.clone(), cache);
        let settings = self.index_settings();
        let index =
            Later::new(move || SymbolIndex::new(Arc::new(Syntax::new()), Arc::new(NoTagCache), settings.clone()));
        self.ports_of(home, vcs, blobs, (Later::new(RuleEngine::default), validator, Arc::new(index)))
    }

    fn ports_of(
        &self,
        home: &Home,
        vcs: Arc<GitVcs>,
        blobs: Blobs,
        (rules, validator, index): (Later<RuleEngine>, Later<LocalValidator>, Arc<dyn IndexStrategy>),
    ) -> Ports {
        let workshop = self.workshop(home, vcs.clone(), blobs.clone());
        let (commands, agents, room) = (self.own_commands(), self.own_agents(), workshop.clone());
        let command = Later::new(move || CommandEngine::new(workshop.get().clone(), commands.clone()));
        let (keys, mask, upstream) = (self.agent_keys(), self.mask(), Upstream::of(&self.http_settings()));
        let agent = Later::new(move || {
            let engine = AgentEngine::new(room.get().clone(), agents.clone()).with_mask(mask.clone());
            let engine = engine.with_upstream(upstream.clone());
            match &keys {
                Some(keys) => engine.with_keys(keys.clone()),
                None => engine,
            }
        });
        Ports {
            clock: self.clock.clone(),
            ids: self.ids.clone(),
            index,
            engines: Engines {
                rules: Arc::new(rules),
                patch: Arc::new(PatchEngine),
                adopt: Arc::new(AdoptEngine::new(vcs.clone())),
                llm: Arc::new(LlmEngine::new(self.mask(), LlmLimits::default())),
                command: Arc::new(command),
                agent: Arc::new(agent),
            },
            models: self.switchboard(),
            mask: self.mask(),
            validator: Arc::new(validator),
            policy: Arc::new(BuiltInPolicy::holding(self.mask())),
            scorer: Arc::new(SixDimensions),
            forge: Arc::new(LocalForge::new(home.repos())),
            vcs,
            blobs,
            faults: self.faults.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `config` is what PARAPH_CONFIG says; `private` lies below the folder that holds everything.
    #[track_caller]
    fn check(config: Option<&str>, wanted: &[&str]) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        let mut environment =
            BTreeMap::from([("HOME".into(), at("user").into()), ("PARAPH_HOME".into(), at("home").into())]);
        environment.extend(config.map(|config| ("PARAPH_CONFIG".into(), at(config).into())));
        let house = House::new(environment, "/paraph".into()).expect("a house");
        let private = house.private(&Home::at(at("demo")));
        for wanted in wanted {
            assert!(private.contains(&at(wanted)), "{wanted} is not in {private:?}");
        }
        assert!(!private.contains(&at("user")) && !private.contains(&at("")), "{private:?}");
    }

    #[test]
    fn homes_and_configuration_are_private() {
        check(None, &["home", "demo", "home/run", "user/.config/paraph"]);
        check(Some("own.toml"), &["home", "demo", "own.toml", ".env"]);
    }
}
