//! How an agent is signed in: by files of its own that are lent to it, or by a key that Paraph holds.
//!
//! Files can be read by whatever can read them: the agent, and what it starts by itself, which to the system is the
//! agent. No wall of Linux stands between the two: an agent is several processes as a rule, and a program that one of
//! them starts has its user, its view and its rights, whatever its name. So nothing is claimed for files but this: a
//! command that Paraph runs for the agent is not in that view. A key is another matter: it need not be there at all.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use crate::cancel::Cancel;
use crate::infrastructure::confinement::{Confinement, Policy};
use crate::infrastructure::hosts::{AllowedHosts, PROXY_PORT};
use crate::infrastructure::http::HttpClient;
use crate::infrastructure::key_door::{HeldKey, host_of};
use crate::infrastructure::llm::Keys;
use crate::proposal::{AgentSpec, Brief, EngineError};

/// What keys for agents come from, and what asks with them.
#[derive(Clone)]
pub struct AgentKeys {
    /// Where they are found.
    pub keys: Arc<Keys>,
    /// Reaches their hosts.
    pub http: HttpClient,
}

/// How one agent is signed in.
#[derive(Clone)]
pub(super) enum Login {
    /// Not at all.
    None,
    /// By files: where each lies, and where below its home it is seen.
    Files(Vec<(PathBuf, PathBuf)>),
    /// By a key that it does not see.
    Held(Held),
}

/// A key, and the door that it is behind.
#[derive(Clone)]
pub(super) struct Held {
    pub(super) key: HeldKey,
    pub(super) http: HttpClient,
    /// Of the agent's loopback.
    pub(super) port: u16,
}

impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none was lent"),
            Self::Files(files) => {
                let names: Vec<String> = files.iter().map(|(_, at)| format!("~/{}", at.display())).collect();
                write!(
                    f,
                    "{} lent to it; commands that it started by itself could read them, those that it had Paraph run could not",
                    names.join(", ")
                )
            }
            Self::Held(held) => {
                let host = host_of(&held.key.address).unwrap_or_default();
                write!(
                    f,
                    "a key for {host} that Paraph held; neither it nor a command that it started could read the key"
                )
            }
        }
    }
}

/// The login of `spec`: its key where it has one, else those of its files that are there.
pub(super) async fn of(
    spec: &AgentSpec,
    hosts: &AllowedHosts,
    brief: &Brief,
    keys: Option<&AgentKeys>,
    cancel: &Cancel,
) -> Result<Login, EngineError> {
    let failed =
        |why: String, hint: String| EngineError::Program { why: format!("the agent {} {why}", spec.name), hint };
    let Some(wanted) = &spec.key else { return Ok(files(spec, &brief.order.home)) };
    let form = spec.key_form.ok_or_else(|| {
        failed(
            "has a key, and it is not said how it takes one".to_owned(),
            "key_for = \"anthropic\", \"openai\" or \"gemini\" beside the key: paraph help agents".to_owned(),
        )
    })?;
    let address = wanted.address.clone().unwrap_or_else(|| form.address().to_owned());
    let host = host_of(&address).filter(|host| hosts.allows(host)).ok_or_else(|| {
        let host = host_of(&address).unwrap_or_else(|| address.clone());
        let host = host.trim_end_matches(":443");
        failed(
            format!("has a key for {host}, and nobody allowed it that host"),
            format!("paraph regenerate {} --agent {} --allow-host {host}", brief.session, spec.name),
        )
    })?;
    let no_key = |why: String| failed(format!("has no key for {host}: {why}"), "paraph help agents".to_owned());
    let AgentKeys { keys, http } = keys.cloned().ok_or_else(|| no_key("none can be found here".to_owned()))?;
    // a program that gives keys may ask its person something first
    let found = tokio::select! {
        found = keys.find(&wanted.source) => found,
        () = cancel.cancelled() => return Err(EngineError::Cancelled),
    };
    let found = found.map_err(|error| no_key(keys.mask(&error.to_string())))?;
    if found.is_none() {
        return Err(no_key("`key` says that there is none".to_owned()));
    }
    let taken = hosts.doors();
    let port = (PROXY_PORT + 1..u16::MAX).find(|port| !taken.contains(port)).unwrap_or(PROXY_PORT + 1);
    Ok(Login::Held(Held { key: HeldKey { keys, source: wanted.source.clone(), form, address }, http, port }))
}

fn files(spec: &AgentSpec, home: &Path) -> Login {
    let plain = |login: &&String| Path::new(login).components().all(|part| matches!(part, Component::Normal(_)));
    let there = |login: &String| {
        // a link of somebody's who keeps such files elsewhere is followed: it is the person's own
        let source = home.join(login).canonicalize().ok()?;
        Some((source, PathBuf::from(login)))
    };
    let files: Vec<_> = spec.logins.iter().filter(plain).filter_map(there).collect();
    if files.is_empty() { Login::None } else { Login::Files(files) }
}

impl Login {
    /// Shows the agent its files in the home that it is given; what it writes there is gone with it.
    pub(super) fn lend(&self, confinement: &Confinement, policy: &mut Policy) -> Result<(), EngineError> {
        let Self::Files(files) = self else { return Ok(()) };
        for (source, login) in files {
            let at = policy.home().join(login);
            let made = at.parent().map_or(Ok(()), std::fs::create_dir_all);
            made.and_then(|()| confinement.lend(policy, source, &at)).map_err(|error| EngineError::Program {
                why: format!("`{}` cannot be lent to the agent: {error}", source.display()),
                hint: "paraph doctor".to_owned(),
            })?;
        }
        Ok(())
    }

    /// The key and its door, where there is one.
    pub(super) fn held(&self) -> Option<Held> {
        match self {
            Self::Held(held) => Some(held.clone()),
            Self::None | Self::Files(_) => None,
        }
    }

    /// The port of that door.
    pub(super) fn port(&self) -> Option<u16> {
        self.held().map(|held| held.port)
    }

    /// The agent's own variables, and what it is told in the place of a key.
    pub(super) fn variables(&self, spec: &AgentSpec) -> BTreeMap<String, String> {
        let Some(held) = self.held() else { return spec.env.clone() };
        let (form, door) = (held.key.form, held.key.form.door(held.port));
        let mut told: BTreeMap<String, String> = spec.held_env.clone();
        told.extend(spec.env.clone());
        told.values_mut().for_each(|value| *value = value.replace("{door}", &door));
        told.extend(form.variables(held.port).into_iter().map(|(name, value)| (name.to_owned(), value)));
        told
    }
}
