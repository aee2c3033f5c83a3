//! The engine `agent`: any agent that speaks the Agent Client Protocol works in a workshop; what it leaves is the draft.
//!
//! Paraph is the client: it starts the agent in confinement, gives it the goal and what was said as text, answers its
//! questions by a fixed policy, and reads the change from the worktree when the agent's turn ended. Nothing that the
//! agent says moves a state, reaches a path outside the worktree or a host that its user did not allow.

mod files;
mod login;
mod own_keys;
mod permission;
mod presets;
mod prompt;
mod serve;
mod talk;
mod terminals;
mod transcript;
mod wire;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::llm::answer;
use super::workshop::{Room, Sees, exec, ran_into, unstored};
use super::{
    AgentSpec, Brief, Context, ContextItem, Draft, DraftListener, EngineError, News, Nobody, ProposalEngine, Run,
    ThreadAnswer, Workshop,
};
use crate::cancel::Cancel;
use crate::diff::{ChangeSet, stats};
use crate::id::Digest;
use crate::infrastructure::confinement::{self, Confined, ConfinementError, Door, Ends, Network};
use crate::infrastructure::hosts::{self, AllowedHosts, PROXY_PORT, Passage};
use crate::infrastructure::http::{Secret, Upstream};
use crate::infrastructure::key_door;
use crate::infrastructure::process::{Status, Stopped};
use crate::planning::{Bill, Elsewhere, Redactor, Took};
use crate::repository::Worked;
use crate::text::{LiveMask, Untrusted, counted, near};
pub use login::AgentKeys;
use login::Login;
pub use presets::agent_presets;
use serve::Server;
use talk::{Ended, Talk, TalkError, Task};
use transcript::{Transcript, Used};
use wire::StopReason;

/// How long an agent that was typed may take. // an hour: what people leave agents alone for
const USUAL_TIMEOUT: Duration = Duration::from_secs(3600);
/// How long it may take to end when it is asked: a cancelled draft returns within 2 s, a polite cancel before that.
const GRACE: Duration = Duration::from_millis(300);
/// Names that a refusal suggests.
const MOST_NEAR: usize = 5;
/// Lines of what an agent printed that a refusal quotes.
const QUOTED_LINES: usize = 12;
/// Files that the explanation lists.
const LISTED: usize = 40;

/// Drafts by letting an agent work in a workshop.
#[derive(Clone)]
pub struct AgentEngine {
    workshop: Workshop,
    known: BTreeMap<String, AgentSpec>,
    keys: Option<AgentKeys>,
    upstream: Option<Upstream>,
    mask: LiveMask,
}

impl AgentEngine {
    /// An engine with the presets and a person's `own` agents; of two with one name the person's counts.
    #[must_use]
    pub fn new(workshop: Workshop, own: impl IntoIterator<Item = AgentSpec>) -> Self {
        let all = agent_presets().into_iter().chain(own).map(|spec| (spec.name.clone(), spec));
        Self { workshop, known: all.collect(), keys: None, upstream: None, mask: LiveMask::default() }
    }

    /// The same where Paraph was given keys: none of them is in a prompt.
    #[must_use]
    pub fn with_mask(self, mask: LiveMask) -> Self {
        Self { mask, ..self }
    }

    /// The same for agents that ask their provider with a key which Paraph holds.
    #[must_use]
    pub fn with_keys(self, keys: AgentKeys) -> Self {
        Self { keys: Some(keys), ..self }
    }

    /// The same where this machine's programs go out through a proxy: what agents may reach they reach through it.
    #[must_use]
    pub fn with_upstream(self, upstream: Option<Upstream>) -> Self {
        Self { upstream, ..self }
    }

    fn spec(&self, brief: &Brief) -> Result<AgentSpec, EngineError> {
        let asked = brief.order.program.as_ref().map(|choice| choice.name.trim()).unwrap_or_default();
        if let Some(spec) = self.known.get(asked) {
            return Ok(spec.clone());
        }
        // a command line, not a name
        if asked.contains(char::is_whitespace) || asked.contains('/') {
            let typed = BTreeMap::new();
            return Ok(AgentSpec {
                name: asked.to_owned(),
                run: Run::Shell(format!("exec {asked}")),
                timeout: USUAL_TIMEOUT,
                env: typed,
                env_keys: BTreeMap::new(),
                reads: Vec::new(),
                mode: None,
                logins: Vec::new(),
                settings: Vec::new(),
                key_form: None,
                key: None,
                held_env: BTreeMap::new(),
                files: true,
                terminals: true,
                needs_hosts: Vec::new(),
                hosts: Vec::new(),
                hint: "see that it is installed and speaks the Agent Client Protocol".to_owned(),
            });
        }
        let names = || self.known.keys().map(String::as_str);
        let mut fitting = near(asked, names(), MOST_NEAR);
        if fitting.is_empty() {
            fitting = names().collect();
        }
        Err(EngineError::NothingFits {
            why: format!("there is no agent `{asked}`"),
            would_fit: fitting
                .into_iter()
                .map(|name| format!("paraph regenerate {} --agent {name}", brief.session))
                .collect(),
        })
    }
}

#[async_trait]
impl ProposalEngine for AgentEngine {
    async fn draft(&self, brief: &Brief, cancel: &Cancel) -> Result<Draft, EngineError> {
        self.draft_aloud(brief, &Nobody, cancel).await
    }

    async fn draft_aloud(
        &self,
        brief: &Brief,
        listener: &dyn DraftListener,
        cancel: &Cancel,
    ) -> Result<Draft, EngineError> {
        let spec = self.spec(brief)?;
        let hosts = allowed(&spec, brief)?;
        led_to(&hosts, self.upstream.as_ref(), brief)?;
        let login = login::of(&spec, &hosts, brief, (self.keys.as_ref(), self.workshop.confinement()), cancel).await?;
        let own_keys = own_keys::of(&spec, self.keys.as_ref(), cancel).await?;
        let keys = self.keys.as_ref().map_or_else(|| self.mask.clone(), |keys| keys.keys.live_mask());
        let (news, inbox) = mpsc::unbounded_channel();
        let (workshop, brief, stop) = (self.workshop.clone(), brief.clone(), cancel.child());
        let (handle, stopped_with) = (Handle::current(), stop.clone());
        let (mask, upstream) = (self.mask.clone(), self.upstream.clone());
        let job = move || {
            Job { workshop, spec, hosts, upstream, login, own_keys, keys, brief, news, stop, handle, mask }.run()
        };
        super::aloud(inbox, listener, stopped_with, job).await
    }
}

/// The hosts that its user allowed; refused where it cannot do without others.
fn allowed(spec: &AgentSpec, brief: &Brief) -> Result<AllowedHosts, EngineError> {
    let typed = brief.order.program.iter().flat_map(|choice| &choice.hosts);
    let hosts = AllowedHosts::new(spec.hosts.iter().chain(typed).map(String::as_str));
    let hosts = hosts.map_err(|error| EngineError::BadInput(error.to_string()))?;
    // any will do: its settings may name a gateway
    if spec.needs_hosts.is_empty() || !hosts.is_empty() {
        return Ok(hosts);
    }
    let flags: String = spec.needs_hosts.iter().map(|host| format!(" --allow-host {host}")).collect();
    Err(EngineError::Program {
        why: format!("the agent {} needs its provider's host, and nobody allowed it one", spec.name),
        hint: format!("paraph regenerate {} --agent {}{flags}, or the host of your gateway", brief.session, spec.name),
    })
}

/// Refuses, before anything starts, what a proxy that cannot be used would lead to.
fn led_to(hosts: &AllowedHosts, upstream: Option<&Upstream>, brief: &Brief) -> Result<(), EngineError> {
    let Some(upstream) = upstream else { return Ok(()) };
    match (upstream.is_usable(), hosts.first_through(upstream)) {
        (Err(error), Some(host)) => Err(EngineError::Program {
            why: format!("{host} cannot be reached: {error}"),
            hint: format!("NO_PROXY names hosts that need no proxy; then paraph regenerate {}", brief.session),
        }),
        _ => Ok(()),
    }
}

/// One run.
struct Job {
    workshop: Workshop,
    spec: AgentSpec,
    hosts: AllowedHosts,
    /// What leads to those of them that are elsewhere.
    upstream: Option<Upstream>,
    login: Login,
    /// Its variables that hold keys.
    own_keys: BTreeMap<String, Secret>,
    /// What hides keys in its words.
    keys: LiveMask,
    brief: Brief,
    news: mpsc::UnboundedSender<News>,
    stop: Cancel,
    /// Where connections of the agent are served.
    handle: Handle,
    mask: LiveMask,
}

/// The agent's process and the talk with it, both over.
struct Met {
    ended: Result<Ended, TalkError>,
    ran: Result<Confined, ConfinementError>,
    /// The record of what its models take, where they were asked.
    bill: Option<Bill>,
}

impl Job {
    fn run(self) -> Result<Draft, EngineError> {
        let room = self.workshop.open(&self.brief, &self.stop)?;
        let transcript = Transcript::new(self.workshop.log()?, self.keys.clone());
        let _nobody_listens = self.news.send(News::Growing(transcript.path()));
        let applied = self.workshop.confinement().applied();
        let network = if self.hosts.is_empty() { "no network".to_owned() } else { format!("network: {}", self.hosts) };
        let (words, limit) = (self.spec.run.words(), self.spec.timeout.as_secs());
        let place = room.shown().display();
        transcript.line(&format!("[paraph: agent `{words}` in {place}; {applied}; {network}; at most {limit} s]"));
        transcript.line(&format!("[paraph: its login: {}]", self.login));
        let mut redactor = Redactor::new(self.mask.clone());
        let prompt = prompt::prompt(&self.brief, room.began(), &mut redactor);
        let asked = self.asked(&prompt, redactor.found());
        let mut met = self.meet(&room, &transcript, (&prompt, &asked))?;
        let tail = transcript.tail(QUOTED_LINES);
        let said = transcript.said();
        self.tell_what_it_took(&mut met, &said, transcript.used());
        if self.stop.is_cancelled() {
            return Err(self.left(&room, &transcript, &met)?);
        }
        let log = transcript.finish(&last_line(&met)).map_err(|error| unstored(&error))?;
        let _nobody_listens = self.news.send(News::Kept(log));
        let ended = self.judge(met, &tail)?;
        let worked = room.changes(&self.brief, &self.stop)?;
        let answers = self.answers(&said);
        // a word on a thread is an answer with no change too
        if worked.changes.is_empty() && answers.is_empty() {
            let words = said.trim();
            let words = if words.is_empty() { String::new() } else { format!("; it said:\n{words}") };
            let left_out: String = worked.notices.iter().map(|notice| format!("; {notice}")).collect();
            return Err(EngineError::NothingFits {
                why: format!("the agent {} changed nothing{left_out}{words}", self.spec.name),
                would_fit: Vec::new(),
            });
        }
        Ok(Draft {
            explanation: Untrusted::new(self.explanation(&room, &worked, &ended, &said)),
            message: Untrusted::new(super::patch::goal_as_message(self.brief.goal.raw())),
            context: self.context(&worked, &ended, &prompt)?,
            changes: worked.changes,
            base: None,
            log: Some(log),
            answers,
        })
    }

    /// What it had left when it was stopped. That is not thrown away: who holds it for a while goes on from there. The
    /// pause stands already, so it is read however long it takes, as long as anybody may want it.
    fn left(&self, room: &Room, transcript: &Transcript, met: &Met) -> Result<EngineError, EngineError> {
        let unwanted = &self.brief.unwanted;
        let left = match room.changes(&self.brief, unwanted) {
            Err(error) if !unwanted.is_cancelled() => {
                transcript.line(&format!("[paraph: what it had left is lost, it cannot be read: {error}]"));
                Ok(ChangeSet::new([]))
            }
            read => read.map(|worked| worked.changes),
        };
        let log = transcript.finish(&last_line(met)).map_err(|error| unstored(&error))?;
        let _nobody_listens = self.news.send(News::Kept(log));
        Ok(EngineError::Held(Box::new(left?)))
    }

    /// What its last words say to threads that it was told of.
    fn answers(&self, said: &str) -> Vec<ThreadAnswer> {
        let asked = self.brief.threads();
        let words = answer::told(said).threads.into_iter().filter(|word| asked.contains(&word.thread));
        words.map(|word| ThreadAnswer { thread: word.thread, text: Untrusted::new(word.text) }).collect()
    }

    /// What it is asked, as it is recorded.
    fn asked(&self, prompt: &[String], redacted: &[String]) -> Elsewhere {
        let text = |text: &String| crate::infrastructure::llm::Part::Text { text: text.clone() };
        Elsewhere {
            model: format!("agent/{}", self.spec.name.split_whitespace().next().unwrap_or("agent")),
            parts: prompt.iter().map(text).collect(),
            redacted: redacted.to_vec(),
        }
    }

    /// Records what the agent's models took, whatever became of its work; unknown where it does not say.
    fn tell_what_it_took(&self, met: &mut Met, said: &str, used: Used) {
        let Some(bill) = met.bill.take() else { return };
        let (ended, is_over) = match &met.ended {
            Ok(ended) => (ended.stop.words().to_owned(), true),
            Err(error) => (format!("it {error}"), used.is_whole()),
        };
        let ended = if is_over { ended } else { format!("{ended}; counted as far as it had told") };
        let took = Took { said: said.to_owned(), usage: used.usage(), is_whole: used.is_whole(), ended };
        self.handle.block_on(self.brief.models.took_elsewhere(bill, &took));
    }

    /// Starts the agent, talks to it, and sees to it that it is gone.
    fn meet(
        &self,
        room: &Room,
        transcript: &Transcript,
        (prompt, asked): (&[String], &Elsewhere),
    ) -> Result<Met, EngineError> {
        let network = if self.hosts.is_empty() { Network::None } else { Network::Doors };
        let (mut policy, mut env) = room.policy(Sees { name: "scratch", network, reads: &self.spec.reads })?;
        self.login.lend(self.workshop.confinement(), &self.spec, &mut policy)?;
        if network == Network::Doors {
            policy.doors = self.hosts.doors();
            policy.doors.extend(self.login.port());
            env.extend(proxied());
        }
        let mut own = self.login.variables(&self.spec);
        own.extend(self.own_keys.iter().map(|(name, key)| (name.clone(), key.reveal().to_owned())));
        let command = exec(&self.spec.run, room.shown(), env, &own, self.spec.timeout).grace(GRACE);
        let broken = |error: std::io::Error| EngineError::Repository(format!("no socket for the agent: {error}"));
        let (to_agent, input) = UnixStream::pair().map_err(broken)?;
        let (from_agent, output) = UnixStream::pair().map_err(broken)?;
        // not a child of the wish to stop: the agent is told of that first, and ended when the talk is over
        let running = Cancel::new();
        let door = self.door(transcript, &running);
        let ends = Ends { talk: Some(confinement::Talk { input, output }), door: Some(door) };
        let bill = RefCell::new(None);
        let may_be_asked = || {
            let opened = self.handle.block_on(self.brief.models.asks_elsewhere(asked))?;
            bill.replace(opened);
            Ok(())
        };
        let confinement = self.workshop.confinement();
        std::thread::scope(|scope| {
            let (beside, stop) = (transcript.clone(), running.clone());
            let runner = scope.spawn(move || {
                confinement.run_with(&policy, &command, ends, &stop, &mut |chunk| beside.stderr(chunk.bytes))
            });
            let mut server = Server::new(room, confinement, &self.hosts, transcript, self.spec.timeout);
            let ended = Talk::new(to_agent, from_agent, transcript.clone(), self.stop.clone())
                .map_err(TalkError::from)
                .and_then(|mut talk| {
                    let ear = self.brief.ear.as_ref();
                    let (cwd, spec, mask) = (room.shown(), &self.spec, &self.mask);
                    let task = Task { cwd, prompt, spec, ear, mask, may_be_asked: &may_be_asked };
                    talk.work(&task, &mut server)
                });
            server.close();
            running.cancel();
            let ran = runner.join().unwrap_or_else(|_| Err(ConfinementError::Silent { said: "a panic".to_owned() }));
            Ok(Met { ended, ran, bill: bill.take() })
        })
    }

    /// Serves what comes to the agent's door.
    fn door(&self, transcript: &Transcript, running: &Cancel) -> Door {
        let (hosts, stop, transcript, handle) =
            (self.hosts.clone(), running.clone(), transcript.clone(), self.handle.clone());
        let (held, upstream) = (self.login.held(), self.upstream.clone());
        Box::new(move |listener| {
            let (hosts, upstream) = (hosts.clone(), upstream.clone());
            let (stop, transcript) = (stop.clone(), transcript.clone());
            let port = listener.local_addr().map(|at| at.port()).ok();
            let held = held.clone().filter(|held| Some(held.port) == port);
            let told = Arc::new(move |passage| match passage {
                Passage::Through(host) => transcript.line(&format!("[paraph: connected to {host}]")),
                Passage::Refused(why) => transcript.line(&format!("[paraph: connection refused: {why}]")),
            });
            handle.spawn(async move {
                let served = match held {
                    Some(held) => key_door::serve(listener, held.key, held.http, told, stop).await,
                    None => hosts::serve(listener, hosts, upstream, told, stop).await,
                };
                if let Err(error) = served {
                    tracing::warn!(%error, "an agent's door is closed");
                }
            });
        })
    }

    /// What the end of the talk means for the draft.
    fn judge(&self, met: Met, tail: &str) -> Result<Ended, EngineError> {
        let name = &self.spec.name;
        let quoted = if tail.trim().is_empty() { String::new() } else { format!("; its last words:\n{}", tail.trim()) };
        let ran = match met.ran {
            Ok(ran) => ran,
            Err(error) => return Err(EngineError::not_started(&self.spec.run.words(), &self.spec.hint, &error)),
        };
        let again = format!("paraph regenerate {}", self.brief.session);
        match met.ended {
            Ok(ended) if ended.stop == StopReason::Refusal => Err(EngineError::NothingFits {
                why: format!("the agent {name} refused the goal{quoted}"),
                would_fit: Vec::new(),
            }),
            Ok(ended) => Ok(ended),
            Err(TalkError::LoginNeeded(how)) => Err(EngineError::Program {
                why: format!("the agent {name} is not logged in{how}"),
                hint: format!("{}{}", self.spec.hint, self.login.doubt()),
            }),
            Err(TalkError::Gone) => {
                let why = ran_into(&ran.finished, ran.exceeded, self.spec.timeout);
                let hint = match (ran.finished.stopped, ran.finished.status, ran.exceeded) {
                    (Some(Stopped::TimedOut), ..) if name.contains(char::is_whitespace) => {
                        format!("give it a table with timeout_s (paraph help agents), then {again}")
                    }
                    (Some(Stopped::TimedOut), ..) => {
                        let limit = self.spec.timeout.as_secs();
                        format!("raise timeout_s under [engines.agent.{name}], now {limit}, then {again}")
                    }
                    (None, Status::Exit(127), None) => self.spec.hint.clone(),
                    (None, Status::Exit(_), None) => format!("{again}{}", self.login.doubt()),
                    _ => again,
                };
                Err(EngineError::Program { why: format!("the agent {name} went away: {why}{quoted}"), hint })
            }
            Err(TalkError::Cancelled) => Err(EngineError::Cancelled),
            Err(TalkError::NotAsked(error)) => Err(error.into()),
            Err(error) => Err(EngineError::Program { why: format!("the agent {name} {error}{quoted}"), hint: again }),
        }
    }

    fn explanation(&self, room: &Room, worked: &Worked, ended: &Ended, said: &str) -> String {
        let stats = stats(&worked.changes);
        let mut text = String::new();
        if ended.stop != StopReason::EndTurn {
            text.push_str(&format!("**The agent stopped before it was done ({}).**\n\n", ended.stop.words()));
        }
        let began = room.began().words();
        text.push_str(&format!("{} worked on {began} and changed {}.\n\n", ended.agent, counted(stats.len(), "file")));
        text.extend(worked.changes.files().iter().take(LISTED).map(|file| format!("- `{}`\n", file.path)));
        if stats.len() > LISTED {
            text.push_str(&format!("- and {} more\n", stats.len() - LISTED));
        }
        if !ended.words.is_empty() {
            let times = times(ended.words.len());
            text.push_str(&format!("\nPeople spoke to it {times} while it worked.\n"));
        }
        if !said.trim().is_empty() {
            text.push_str(&format!("\n## What it said\n\n{}\n", said.trim()));
        }
        let applied = self.workshop.confinement().applied();
        let hosts = if self.hosts.is_empty() { "none".to_owned() } else { self.hosts.to_string() };
        text.push_str(&format!(
            "\n## How it ran\n\nConfinement {applied}; hosts it could reach: {hosts}.\n\nIts login: {}.\n",
            self.login
        ));
        for notice in worked.notices.iter().chain(&room.notices()) {
            text.push_str(&format!("\nNote: {notice}\n"));
        }
        text
    }

    fn context(&self, worked: &Worked, ended: &Ended, prompt: &[String]) -> Result<Context, EngineError> {
        let mut items = Vec::new();
        for file in worked.changes.files().iter().filter(|file| file.old.is_some()) {
            let entry =
                self.brief.tree.entry(&file.path).map_err(|error| EngineError::Repository(error.to_string()))?;
            let why = "changed by the agent".to_owned();
            items.extend(entry.map(|entry| ContextItem { path: entry.path, id: entry.id, why }));
        }
        let prompted = Digest::of(prompt.join("\0").as_bytes());
        let context = Context {
            engine: "agent/1".to_owned(),
            goal: self.brief.goal.clone(),
            tree: self.brief.tree.id().clone(),
            inputs: [
                format!("agent {} ({})", self.spec.run.words(), ended.agent),
                format!("hosts {}", self.hosts),
                format!("login {}", self.login),
                format!("prompt {prompted}"),
            ]
            .into_iter()
            .chain(ended.words.iter().map(|word| format!("steered {word}")))
            .collect(),
            items,
        };
        Ok(context.with_issue(self.brief.issue.as_ref()))
    }
}

fn times(count: usize) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

fn last_line(met: &Met) -> String {
    let talk = match &met.ended {
        Ok(ended) => ended.stop.words().to_owned(),
        Err(error) => format!("it {error}"),
    };
    match &met.ran {
        Ok(ran) => format!("[paraph: {talk}; {:.1} s]", ran.finished.duration.as_secs_f64()),
        Err(error) => format!("[paraph: {error}]"),
    }
}

/// What tells programs of the proxy at their door; the small spellings are curl's and Python's.
fn proxied() -> impl Iterator<Item = (OsString, OsString)> {
    let proxy = format!("http://127.0.0.1:{PROXY_PORT}");
    let names = ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy"];
    // servers that the agent starts are on its own loopback, and those of this machine have doors there
    let local = [("NO_PROXY", "localhost,127.0.0.1"), ("no_proxy", "localhost,127.0.0.1"), ("NODE_USE_ENV_PROXY", "1")];
    let proxies = names.map(|name| (name.into(), proxy.clone().into()));
    proxies.into_iter().chain(local.map(|(name, value)| (name.into(), value.into())))
}
