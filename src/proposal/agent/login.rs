//! How an agent is signed in: by files of its own that are lent to it, or by a key that Paraph holds.
//!
//! A command that Paraph runs for the agent does not see the files at all. One that the agent starts by itself has its
//! user, its view and its rights; there the confinement's keeper stands between the two, where it can be had: the files
//! open for the agent's own processes and for nobody else. Where it cannot, or where it could not tell the agent from
//! what it starts, such a command can read them, and the record says so. A key is another matter: it need not be there
//! at all.
//!
//! What the agent itself writes elsewhere, or takes into itself, is not held by this.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use crate::cancel::Cancel;
use crate::infrastructure::confinement::{Confinement, Kept, Policy};
use crate::infrastructure::hosts::{AllowedHosts, PROXY_PORT};
use crate::infrastructure::http::HttpClient;
use crate::infrastructure::key_door::{HeldKey, host_of};
use crate::infrastructure::llm::Keys;
use crate::proposal::{AgentSpec, Brief, EngineError, Run};

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
    /// By files.
    Files(Files),
    /// By a key that it does not see.
    Held(Held),
}

/// Files of a login, each by where it lies, and where below its home it is seen.
#[derive(Clone)]
pub(super) struct Files {
    logins: Vec<(PathBuf, PathBuf)>,
    settings: Vec<(PathBuf, PathBuf)>,
    /// Places of the files that only the agent may open, or why no difference is made.
    kept: Result<Vec<PathBuf>, String>,
}

/// A key, and the door that it is behind.
#[derive(Clone)]
pub(super) struct Held {
    pub(super) key: HeldKey,
    pub(super) http: HttpClient,
    /// Of the agent's loopback.
    pub(super) port: u16,
}

impl Login {
    /// What may keep an agent from a login that was lent to it, for whoever reads that it has none.
    pub(super) fn doubt(&self) -> &'static str {
        match self {
            Self::Files(Files { logins, kept: Ok(_), .. }) if !logins.is_empty() => {
                "; its login opens for the program that you named and what lies in its own package: one below /tmp, or \
                 that starts another package of a shared node_modules, is refused it (paraph help agents)"
            }
            Self::Files(_) | Self::Held(_) | Self::None => "",
        }
    }
}

impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none was lent"),
            Self::Files(Files { logins, settings, kept }) => {
                let names = |places: &[(PathBuf, PathBuf)]| -> String {
                    let names: Vec<String> = places.iter().map(|(_, at)| format!("~/{}", at.display())).collect();
                    names.join(", ")
                };
                match kept {
                    _ if logins.is_empty() => write!(f, "none; {} lent to it", names(settings)),
                    Ok(_) => {
                        let logins = names(logins);
                        write!(f, "{logins} lent to it alone; no command that it started could open them")?;
                        let settings = names(settings);
                        if settings.is_empty() { Ok(()) } else { write!(f, "; {settings} lent to both") }
                    }
                    Err(why) => write!(
                        f,
                        "{} lent to it; commands that it started by itself could read them, those that it had Paraph run could not ({why})",
                        names(&[logins.as_slice(), settings].concat())
                    ),
                }
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
    (keys, confinement): (Option<&AgentKeys>, &Confinement),
    cancel: &Cancel,
) -> Result<Login, EngineError> {
    let failed =
        |why: String, hint: String| EngineError::Program { why: format!("the agent {} {why}", spec.name), hint };
    let Some(wanted) = &spec.key else { return Ok(files(spec, &brief.order.home, confinement)) };
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

fn files(spec: &AgentSpec, home: &Path, confinement: &Confinement) -> Login {
    let plain = |login: &&String| Path::new(login).components().all(|part| matches!(part, Component::Normal(_)));
    let there = |login: &String| {
        // a link of somebody's who keeps such files elsewhere is followed: it is the person's own
        let source = home.join(login).canonicalize().ok()?;
        Some((source, PathBuf::from(login)))
    };
    let found = |places: &[String]| -> Vec<_> { places.iter().filter(plain).filter_map(there).collect() };
    let (logins, settings) = (found(&spec.logins), found(&spec.settings));
    if logins.is_empty() && settings.is_empty() {
        return Login::None;
    }
    let kept = match confinement.keeps() {
        true => is_apart(&spec.run)
            .and_then(|()| files_of(spec.logins.iter().filter(plain), &logins).map_err(str::to_owned)),
        false => Err("this machine has no wall between the two".to_owned()),
    };
    Login::Files(Files { logins, settings, kept })
}

/// The most files of one login that are kept, and bytes in one of them.
const MOST_FILES: usize = 256;
const LARGEST: u64 = 32 << 20;
/// Programs that start the agent as a command of theirs, and what installs it so that it can be started by its own name.
/// What such a program starts is looked up anew each time, in caches that the agent's commands can write to: no path that
/// was found before it ran would still name the agent.
const RUNNERS: [(&str, &str); 15] = [
    ("npx", BY_NPM),
    ("npm", BY_NPM),
    ("pnpm", BY_NPM),
    ("pnpx", BY_NPM),
    ("yarn", BY_NPM),
    ("yarnpkg", BY_NPM),
    ("bunx", BY_NPM),
    ("corepack", BY_NPM),
    ("uvx", BY_UV),
    ("uv", BY_UV),
    ("pipx", BY_PIPX),
    ("docker", BY_YOU),
    ("podman", BY_YOU),
    ("nix", BY_YOU),
    ("sudo", BY_YOU),
];
const BY_NPM: &str = "npm install -g PACKAGE";
const BY_UV: &str = "uv tool install PACKAGE";
const BY_PIPX: &str = "pipx install PACKAGE";
const BY_YOU: &str = "install it for yourself";

/// Whether what is started is the agent, which then can be told from what it starts; why not, and what mends that.
fn is_apart(run: &Run) -> Result<(), String> {
    let words: Vec<&str> = match run {
        Run::Args(words) => words.iter().map(String::as_str).collect(),
        Run::Shell(script) if script.trim().contains(|c| ";&|<>()$`\n".contains(c)) => {
            return Err("a shell started it: name its own program, with its arguments, in `run`".to_owned());
        }
        // a shell becomes its command where that is the only one
        Run::Shell(script) => script.split_whitespace().collect(),
    };
    let name_of = |word: &&str| Path::new(word).file_name().and_then(|name| name.to_str()).map(str::to_owned);
    // these become what follows them
    let mut words = words.iter().skip_while(|word| ["exec", "env"].contains(*word) || sets_a_variable(word));
    let name = words.next().and_then(name_of).unwrap_or_default();
    let name = if name == "bun" && words.next() == Some(&"x") { "bunx".to_owned() } else { name };
    match RUNNERS.iter().find(|(runner, _)| *runner == name) {
        Some((_, installs)) => Err(format!("{name} started it: {installs}, then name its own program in `run`")),
        None => Ok(()),
    }
}

/// Whether a word of a command line is `NAME=value`.
fn sets_a_variable(word: &str) -> bool {
    let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    word.split_once('=').is_some_and(|(name, _)| !name.is_empty() && is_name(name))
}

/// The files of `places`, below the home, of which those in `there` are; one that is not may be made.
fn files_of<'a>(
    places: impl Iterator<Item = &'a String>,
    there: &[(PathBuf, PathBuf)],
) -> Result<Vec<PathBuf>, &'static str> {
    let missing = places.map(PathBuf::from).filter(|place| there.iter().all(|(_, at)| at != place));
    let mut found = missing.collect();
    there.iter().try_for_each(|(source, at)| add_files(source, at, &mut found))?;
    Ok(found)
}

/// Adds a file, or those of a folder, which is seen at `at`.
fn add_files(source: &Path, at: &Path, found: &mut Vec<PathBuf>) -> Result<(), &'static str> {
    let there = std::fs::symlink_metadata(source).map_err(|_| "it could not be looked at")?;
    if there.is_dir() {
        let entries = std::fs::read_dir(source).map_err(|_| "its folder could not be looked through")?;
        return entries.flatten().try_for_each(|entry| add_files(&entry.path(), &at.join(entry.file_name()), found));
    }
    match there.len() {
        _ if !there.is_file() => Ok(()),
        _ if found.len() >= MOST_FILES => Err("its folder holds too many files: name those that are the login"),
        length if length > LARGEST => Err("a file of it is too large"),
        _ => {
            found.push(at.to_owned());
            Ok(())
        }
    }
}

impl Login {
    /// Shows the agent its files in the home that it is given; what it writes there is gone with it.
    pub(super) fn lend(
        &self,
        confinement: &Confinement,
        spec: &AgentSpec,
        policy: &mut Policy,
    ) -> Result<(), EngineError> {
        let Self::Files(Files { logins, settings, kept }) = self else { return Ok(()) };
        // what lies in a folder that is lent comes with it
        let comes = |at: &Path| settings.iter().chain(logins).any(|(_, other)| at != other && at.starts_with(other));
        for (source, place) in settings.iter().chain(logins).filter(|(_, at)| !comes(at)) {
            let at = policy.home().join(place);
            let made = at.parent().map_or(Ok(()), std::fs::create_dir_all);
            made.and_then(|()| confinement.lend(policy, source, &at)).map_err(|error| EngineError::Program {
                why: format!("`{}` cannot be lent to the agent: {error}", source.display()),
                hint: "paraph doctor".to_owned(),
            })?;
        }
        if let (Ok(kept), false) = (kept, logins.is_empty()) {
            let files = kept.iter().map(|place| policy.home().join(place)).collect();
            policy.kept = Some(Kept { files, own: spec.reads.clone() });
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_that_another_program_starts_cannot_be_told_from_it() {
        let args = |words: &str| Run::Args(words.split(' ').map(str::to_owned).collect());
        let shell = |script: &str| Run::Shell(script.to_owned());
        let plain = [args("codex-acp"), args("/opt/a/agent --acp"), args("bun agent.ts")];
        for apart in plain.into_iter().chain([shell("exec agent --acp"), shell("X=1 agent")]) {
            assert_eq!(is_apart(&apart), Ok(()), "{apart:?}");
        }
        for (not, mends) in [
            (args("npx -y agent"), "npx started it: npm install -g PACKAGE, then name its own program in `run`"),
            (args("npm exec agent"), "npm install -g PACKAGE"),
            (args("/usr/bin/uvx agent"), "uvx started it: uv tool install PACKAGE, then"),
            (args("pipx run agent"), "pipx install PACKAGE"),
            (shell("cd x && agent"), "a shell started it: name its own program"),
            (shell("exec npx agent"), "npm install -g PACKAGE"),
            (shell("A=1 B_2=x npx agent"), "npm install -g PACKAGE"),
            (args("env A=1 npx agent"), "npm install -g PACKAGE"),
            (args("bun x agent"), "bunx started it: npm install -g PACKAGE"),
        ] {
            let why = is_apart(&not).expect_err("it is another's command");
            assert!(why.contains(mends), "{not:?}: {why}");
        }
    }

    #[test]
    fn every_file_of_a_login_is_kept_or_none_is() {
        let home = tempfile::tempdir().expect("a folder");
        let folder = home.path().join("folder");
        std::fs::create_dir_all(folder.join("in")).expect("folders");
        for name in ["file", "folder/a", "folder/in/b"] {
            std::fs::write(home.path().join(name), "x").expect("a file");
        }
        let places = ["file", "folder", "missing"].map(str::to_owned);
        let there = ["file", "folder"].map(|name| (home.path().join(name), PathBuf::from(name)));
        let mut found = files_of(places.iter(), &there).expect("all of them");
        found.sort();
        assert_eq!(found, ["file", "folder/a", "folder/in/b", "missing"].map(PathBuf::from));
        for number in 0..MOST_FILES {
            std::fs::write(folder.join(number.to_string()), "x").expect("a file");
        }
        assert!(files_of(places.iter(), &there).is_err());
        let large = std::fs::File::create(home.path().join("file")).expect("a file");
        large.set_len(LARGEST + 1).expect("a hole");
        assert!(files_of(places[..1].iter(), &there[..1]).is_err());
    }
}
