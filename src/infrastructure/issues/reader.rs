//! Reading: which forge it is, the issue, its comments page by page.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::document::one_line;
use super::gitea::Gitea;
use super::github::GitHub;
use super::gitlab::GitLab;
use super::{Comment, ForgeKind, Hosts, Issue, IssueAddress, IssueError};
use crate::cancel::Cancel;
use crate::clock::Clock;
use crate::infrastructure::http::{HttpClient, HttpError, HttpLimits, JsonAnswer, Secret};
use crate::infrastructure::llm::{Keys, Sleeper, asked_pause};
use crate::text::Untrusted;

/// How much is read of one issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadLimits {
    /// Of one exchange.
    pub http: HttpLimits,
    /// Pages of comments.
    pub pages: u32,
    /// Comments that are kept.
    pub comments: usize,
    /// Bytes of the description.
    pub body: usize,
    /// Bytes of one comment.
    pub comment: usize,
    /// Bytes of all comments together.
    pub all: usize,
    /// The longest pause that a busy server is given.
    pub pause: Duration,
}

impl Default for ReadLimits {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            // a page of 100 comments of 65,536 characters, which is the most of GitHub, in JSON
            http: HttpLimits {
                first: seconds(20),
                idle: seconds(20),
                total: seconds(60),
                bytes: 16 << 20,
                line: 16 << 20,
            },
            pages: 20,
            comments: 1000,
            body: 64 << 10,
            comment: 16 << 10,
            all: 192 << 10,
            pause: seconds(10),
        }
    }
}

/// How often a server that is busy, or that failed, is asked again.
const TRIES: u32 = 3;

/// The pause after a failure that names none.
const AFTER_A_FAILURE: Duration = Duration::from_secs(1);

/// The most characters of a title, of a label and of a server's words; the most labels.
const TITLE: usize = 300;
const LABEL: usize = 60;
const LABELS: usize = 50;
const SAID: usize = 200;

/// What a reader is made of.
pub struct IssueReaderParts {
    /// The way out.
    pub http: HttpClient,
    /// Tokens.
    pub keys: Arc<Keys>,
    /// Which host is what, and which token is for it.
    pub hosts: Hosts,
    /// How much is read.
    pub limits: ReadLimits,
    /// Waits for a busy server.
    pub sleeper: Arc<dyn Sleeper>,
    /// For a pause that ends at a date.
    pub clock: Arc<dyn Clock>,
}

/// Reads issues.
pub struct IssueReader {
    parts: IssueReaderParts,
}

/// What an interface says of an issue itself.
pub(super) struct Head {
    pub(super) title: Untrusted,
    pub(super) author: Untrusted,
    pub(super) created_at: Untrusted,
    pub(super) state: Untrusted,
    pub(super) labels: Vec<Untrusted>,
    pub(super) body: Untrusted,
    pub(super) comments: u32,
    pub(super) is_pull_request: bool,
}

/// One forge's interface: where things are, and how they read. Pure.
pub(super) trait Tracker: Sync {
    fn kind(&self) -> ForgeKind;
    /// Where the issue is asked for.
    fn issue(&self, address: &IssueAddress) -> String;
    /// Where a page of its comments is, from 1 on.
    fn comments(&self, address: &IssueAddress, page: u32) -> String;
    /// What every request says.
    fn headers(&self, key: Option<&Secret>) -> Vec<(String, Secret)>;
    /// The issue; none where it is something else.
    fn head(&self, body: &Value) -> Option<Head>;
    /// A comment; none where nobody said it.
    fn comment(&self, entry: &Value) -> Option<Comment>;
}

fn tracker(kind: ForgeKind) -> &'static dyn Tracker {
    match kind {
        ForgeKind::GitHub => &GitHub,
        ForgeKind::GitLab => &GitLab,
        ForgeKind::Gitea => &Gitea,
    }
}

/// One issue that is being read.
struct Asking<'a> {
    address: &'a IssueAddress,
    tracker: &'static dyn Tracker,
    key: Option<Secret>,
    cancel: &'a Cancel,
}

impl IssueReader {
    /// A reader; nobody is asked yet, and no token is looked for.
    #[must_use]
    pub fn new(parts: IssueReaderParts) -> Self {
        Self { parts }
    }

    /// Reads the issue at `address`; `kind` is what a person says its host is. A second call reads it again.
    ///
    /// # Errors
    /// [`IssueError`]; nothing of a half read issue is given.
    pub async fn read(
        &self,
        address: &IssueAddress,
        kind: Option<ForgeKind>,
        cancel: &Cancel,
    ) -> Result<Issue, IssueError> {
        let kind = match kind.or_else(|| self.parts.hosts.kind(address)) {
            Some(kind) => kind,
            None => self.find_out(address, cancel).await?,
        };
        let key = self.key(address, kind).await?;
        let asking = Asking { address, tracker: tracker(kind), key, cancel };
        let body = self.ask(&asking, &asking.tracker.issue(address)).await?.body;
        let head = asking.tracker.head(&body).ok_or_else(|| asking.odd("it has no title"))?;
        if head.is_pull_request {
            return Err(IssueError::PullRequest { url: address.url.clone() });
        }
        let (comments, is_whole) = if head.comments == 0 { (Vec::new(), true) } else { self.comments(&asking).await? };
        let limits = self.parts.limits;
        let kept = u32::try_from(comments.len()).unwrap_or(u32::MAX);
        let title = one_line(head.title.raw(), TITLE);
        let label = |label: &Untrusted| Untrusted::new(one_line(label.raw(), LABEL));
        Ok(Issue {
            url: address.url.clone(),
            forge: kind,
            title: if title.is_empty() {
                format!("issue {} of {}", address.number, address.folders.join("/"))
            } else {
                title
            }
            .into(),
            author: head.author,
            created_at: head.created_at,
            state: head.state,
            labels: head.labels.iter().map(label).filter(|label| !label.raw().is_empty()).take(LABELS).collect(),
            body: cut(head.body, limits.body),
            comments,
            // a server that counts less than it has leaves out one at least
            left_out: if is_whole { 0 } else { head.comments.saturating_sub(kept).max(1) },
        })
    }

    /// All comments within the limits, oldest first, and whether these are all.
    async fn comments(&self, asking: &Asking<'_>) -> Result<(Vec<Comment>, bool), IssueError> {
        let limits = self.parts.limits;
        let (mut comments, mut seen, mut bytes) = (Vec::new(), BTreeSet::new(), 0);
        for page in 1..=limits.pages {
            let answer = self.ask(asking, &asking.tracker.comments(asking.address, page)).await?;
            let entries = answer.body.as_array().ok_or_else(|| asking.odd("its comments are no list"))?;
            let mut is_new = false;
            for entry in entries {
                is_new |= entry["id"].as_u64().is_some_and(|id| seen.insert(id));
                let Some(comment) = asking.tracker.comment(entry) else { continue };
                if comments.iter().any(|known: &Comment| known.id == comment.id) {
                    continue;
                }
                let comment = Comment { text: cut(comment.text, limits.comment), ..comment };
                bytes += comment.text.raw().len();
                if comments.len() == limits.comments || bytes > limits.all {
                    return Ok((comments, false));
                }
                comments.push(comment);
            }
            // a page that holds nothing new is one that a server without pages gives again
            let more = answer.link.as_deref().map_or(entries.len() >= 50, |link| link.contains("rel=\"next\""));
            if !is_new || !more {
                return Ok((comments, true));
            }
        }
        Ok((comments, false))
    }

    /// The first token that is there for the host.
    async fn key(&self, address: &IssueAddress, kind: ForgeKind) -> Result<Option<Secret>, IssueError> {
        let sources = self.parts.hosts.keys(address, kind);
        let named = self.parts.hosts.names_a_key(address);
        for source in &sources {
            match self.parts.keys.find(source).await {
                Ok(Some(key)) => return Ok(Some(key)),
                // what a person named must be there; what may be there need not
                Err(why) if named => return Err(IssueError::NoKey { host: address.host.clone(), why }),
                Ok(None) | Err(_) => {}
            }
        }
        Ok(None)
    }

    /// Asks, and again after a pause where the server is busy or failed.
    async fn ask(&self, asking: &Asking<'_>, url: &str) -> Result<JsonAnswer, IssueError> {
        let mut tries = 1;
        loop {
            let answer = self.ask_once(asking, url).await?;
            let pause = match answer.status {
                200 => return Ok(answer),
                429 | 503 => self.pause(&answer),
                500 | 502 | 504 => Some(self.pause(&answer).unwrap_or(AFTER_A_FAILURE)),
                _ => None,
            };
            match pause.filter(|pause| *pause <= self.parts.limits.pause && tries < TRIES) {
                Some(pause) => self.parts.sleeper.sleep(pause).await,
                None => return Err(self.refused(asking, &answer)),
            }
            tries += 1;
        }
    }

    async fn ask_once(&self, asking: &Asking<'_>, url: &str) -> Result<JsonAnswer, IssueError> {
        let headers = asking.tracker.headers(asking.key.as_ref());
        match self.parts.http.get_json(url, headers, self.parts.limits.http, asking.cancel).await {
            // a page of words where JSON was asked for: its status says what it means
            Err(HttpError::NoJson { status, .. }) if status >= 400 => {
                Ok(JsonAnswer { status, body: Value::Null, link: None, retry_after: None })
            }
            Err(HttpError::NoJson { .. }) => Err(asking.odd("it sent a page that is no JSON")),
            Err(error) => Err(IssueError::Http { host: asking.address.host.clone(), error }),
            Ok(answer) => Ok(answer),
        }
    }

    fn pause(&self, answer: &JsonAnswer) -> Option<Duration> {
        let header = |name: &str| answer.retry_after.clone().filter(|_| name == "retry-after");
        asked_pause(header, self.parts.clock.now())
    }

    fn refused(&self, asking: &Asking<'_>, answer: &JsonAnswer) -> IssueError {
        let (host, url) = (asking.address.host.clone(), asking.address.url.clone());
        let said = ["message", "error_description", "error"].iter().find_map(|name| answer.body[*name].as_str());
        // a server that repeats what it was sent shows no token
        let said = one_line(&self.parts.keys.mask(said.unwrap_or_default()), SAID);
        let had_key = asking.key.is_some();
        let sign_in = self.parts.hosts.how_to_sign_in(asking.address, asking.tracker.kind());
        let lower = said.to_lowercase();
        let is_limit = lower.contains("rate limit") || lower.contains("too many requests");
        match answer.status {
            404 => IssueError::NotFound { url, had_key, sign_in },
            410 => IssueError::Gone { url },
            status @ (403 | 429 | 503) if is_limit || status != 403 => {
                IssueError::Busy { host, wait: self.pause(answer), had_key, said, sign_in }
            }
            403 if had_key => IssueError::Forbidden { url, said },
            401 | 403 => IssueError::SignIn { host, had_key, said, sign_in },
            status => IssueError::Server { host, status, said },
        }
    }

    /// Which forge answers there. No token is sent: nobody knows yet whose host it is.
    async fn find_out(&self, address: &IssueAddress, cancel: &Cancel) -> Result<ForgeKind, IssueError> {
        let (below, ..) = address.owned();
        let asked = [
            (ForgeKind::Gitea, format!("{}{below}/api/v1/version", address.origin)),
            (ForgeKind::GitHub, format!("{}/api/v3/meta", address.origin)),
            (ForgeKind::GitLab, format!("{}/api/v4/version", address.origin)),
        ];
        for (kind, url) in asked {
            let answer = self.parts.http.get_json(&url, Vec::new(), self.parts.limits.http, cancel).await;
            let is_it = match answer {
                Ok(JsonAnswer { status, body, .. }) => match kind {
                    ForgeKind::Gitea => status == 200 && body["version"].is_string(),
                    // a server that wants to know who asks says so in its own way
                    ForgeKind::GitHub => match status {
                        200 => {
                            body["installed_version"].is_string()
                                || body["verifiable_password_authentication"].is_boolean()
                        }
                        status => status == 401 && body["documentation_url"].is_string(),
                    },
                    ForgeKind::GitLab => match status {
                        200 => body["version"].is_string() && body["revision"].is_string(),
                        status => status == 401 && body["message"] == "401 Unauthorized",
                    },
                },
                // nothing else can be asked there
                Err(
                    error @ (HttpError::Unreachable { .. }
                    | HttpError::Unanswered { .. }
                    | HttpError::TimedOut { .. }
                    | HttpError::Cancelled),
                ) => return Err(IssueError::Http { host: address.host.clone(), error }),
                Err(_) => false,
            };
            if is_it {
                return Ok(kind);
            }
        }
        Err(IssueError::UnknownForge { host: address.host.clone() })
    }
}

impl Asking<'_> {
    fn odd(&self, what: &str) -> IssueError {
        IssueError::Odd { host: self.address.host.clone(), kind: self.tracker.kind(), what: what.to_owned() }
    }
}

/// The header that shows a token.
pub(super) fn bearer(scheme: &str, key: &Secret) -> (String, Secret) {
    ("authorization".to_owned(), Secret::new(format!("{scheme} {}", key.reveal())))
}

/// A text, or nothing where there is none.
pub(super) fn text(value: &Value) -> Untrusted {
    Untrusted::new(value.as_str().unwrap_or_default())
}

/// The texts of a list, or the texts of that name in its objects.
pub(super) fn named(list: &Value, name: &str) -> Vec<Untrusted> {
    let entries = list.as_array().into_iter().flatten();
    entries.filter_map(|entry| entry.as_str().or_else(|| entry[name].as_str())).map(Untrusted::from).collect()
}

/// A count that is there and sane; many where a server says what cannot be, so that it is looked.
pub(super) fn count(value: &Value) -> u32 {
    value.as_u64().map_or(1, |count| u32::try_from(count).unwrap_or(u32::MAX))
}

/// The beginning of `text`, with a word where something is missing.
fn cut(text: Untrusted, most: usize) -> Untrusted {
    let raw = text.raw();
    if raw.len() <= most {
        return text;
    }
    let kept = &raw[..raw.floor_char_boundary(most)];
    Untrusted::new(format!("{kept}\n… ({} of {} bytes)", kept.len(), raw.len()))
}
