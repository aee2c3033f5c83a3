//! Issues of forges, read in this process for whoever typed their address.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::api::{Failure, FailureKind, IssueSource};
use crate::cancel::Cancel;
use crate::cli::IssueRead;
use crate::id::Digest;
use crate::infrastructure::config::{KeyPart, Problem, Weight};
use crate::infrastructure::http::{HttpClient, HttpError};
use crate::infrastructure::issues::{
    AddressError, ForgeKind, Hosts, Issue, IssueAddress, IssueError, IssueReader, IssueReaderParts, KnownHost,
    ReadLimits,
};
use crate::infrastructure::llm::{KeySource, RealSleeper};

use super::House;
use super::models::Wrong;

/// Variables by which other programs are told which host is theirs: a token for that forge is for it too.
const HOST_VARIABLES: [(&str, ForgeKind); 5] = [
    ("GH_HOST", ForgeKind::GitHub),
    ("GITLAB_HOST", ForgeKind::GitLab),
    ("GITEA_HOST", ForgeKind::Gitea),
    ("GITEA_SERVER_URL", ForgeKind::Gitea),
    ("FORGEJO_HOST", ForgeKind::Gitea),
];

/// What an address looks like.
const EXAMPLE: &str = "paraph run --issue https://github.com/OWNER/REPOSITORY/issues/12";

impl House {
    /// Reads the issue at `url`; `forge` is what a person says its host is.
    pub(super) async fn read_issue(&self, url: &str, forge: Option<&str>) -> Result<IssueRead, Failure> {
        let usage = |wrong: Wrong| Failure::new(FailureKind::Usage, wrong.message).hint(wrong.hint);
        let kind = forge.map(forge_named).transpose().map_err(usage)?;
        let hosts = self.hosts().map_err(usage)?;
        let http = HttpClient::new(self.http_settings())
            .map_err(|error| Failure::from_error(FailureKind::Usage, &error).hint("paraph config check"))?;
        let reader = IssueReader::new(IssueReaderParts {
            http,
            keys: Arc::new(self.keys()),
            hosts,
            limits: ReadLimits::default(),
            sleeper: Arc::new(RealSleeper),
            clock: self.clock.clone(),
        });
        let address = IssueAddress::parse(url).map_err(|error| failure(error.into()))?;
        let issue = reader.read(&address, kind, &Cancel::new()).await.map_err(failure)?;
        Ok(read(&issue))
    }

    /// What is wrong with `[forges]`: told by `config check`, and by every start.
    pub(super) fn forge_problems(&self) -> Vec<Problem> {
        let config = self.config();
        let origin = config.get("engine").map(|(_, origin)| origin.clone());
        let problem = |wrong: Wrong| {
            let origin = origin.clone()?;
            Some(Problem { weight: Weight::Error, origin, message: wrong.message, hint: wrong.hint })
        };
        self.hosts().err().and_then(problem).into_iter().collect()
    }

    fn hosts(&self) -> Result<Hosts, Wrong> {
        let variables = self.variables();
        let mut named = BTreeMap::new();
        for (name, kind) in HOST_VARIABLES {
            let host = variables.get(name).map(|value| host_of(value)).filter(|host| !host.is_empty());
            named.extend(host.map(|host| (host, KnownHost { kind: Some(kind), key: None })));
        }
        for (host, part) in self.config().forges() {
            let key = part.key.clone().map(|key| key_of(host, key)).transpose()?;
            let kind = part.kind.as_deref().map(forge_named).transpose()?;
            named.insert(host_of(host), KnownHost { kind, key });
        }
        Ok(Hosts::new(named))
    }
}

/// `host` or `host:port` of what may be a whole address.
fn host_of(text: &str) -> String {
    let text = text.trim().to_ascii_lowercase();
    let rest = text.split_once("://").map_or(text.as_str(), |(_, rest)| rest);
    rest.split('/').next().unwrap_or_default().to_owned()
}

fn forge_named(name: &str) -> Result<ForgeKind, Wrong> {
    name.parse().map_err(|error: crate::id::ParseIdError| Wrong {
        message: format!("there is no kind of forge `{name}`"),
        hint: format!("write {}", error.wanted.trim_start_matches("a kind of forge: ")),
    })
}

fn key_of(host: &str, key: KeyPart) -> Result<KeySource, Wrong> {
    match key {
        KeyPart::Program(words) => Ok(KeySource::Command(words)),
        KeyPart::Preset(text) => text.parse().map_err(|error: crate::id::ParseIdError| Wrong {
            message: format!("`key` of the forge `{host}` does not say where a token is"),
            hint: format!("write {}", error.wanted),
        }),
    }
}

/// What a session is asked for with.
fn read(issue: &Issue) -> IssueRead {
    let text = issue.markdown();
    IssueRead {
        source: IssueSource {
            url: issue.url.clone().into(),
            forge: issue.forge.name().into(),
            title: issue.title.clone(),
            state: issue.state.clone(),
            labels: issue.labels.clone(),
            comments: u32::try_from(issue.comments.len()).unwrap_or(u32::MAX),
            left_out: issue.left_out,
            text: Digest::of(text.as_bytes()),
        },
        text,
    }
}

/// Why there is no issue, with what to type next.
fn failure(error: IssueError) -> Failure {
    let told = |kind: FailureKind| Failure::new(kind, error.to_string());
    match &error {
        IssueError::Address(AddressError::PullRequest { .. }) | IssueError::PullRequest { .. } => {
            told(FailureKind::Usage).hint("paraph adopt BRANCH reviews work that is already there")
        }
        IssueError::Address(AddressError::Credentials) => {
            told(FailureKind::Usage).hint("leave them out: paraph help agents says where tokens come from")
        }
        IssueError::Address(AddressError::NoUrl { .. } | AddressError::NoIssue { .. }) => {
            told(FailureKind::Usage).hint(EXAMPLE)
        }
        IssueError::UnknownForge { host } => told(FailureKind::Usage)
            .hint("--forge github, --forge gitlab or --forge gitea (Forgejo too)")
            .hint(format!("for good: write [forges.\"{host}\"] with kind = 'gitlab' in your configuration")),
        IssueError::NotFound { had_key: false, sign_in, .. } => told(FailureKind::NotFound)
            .hint("look whether the address is right")
            .hint(format!("one that is not public needs a token: {sign_in}")),
        IssueError::NotFound { .. } => {
            told(FailureKind::NotFound).hint("look whether the address is right, and what the token may read")
        }
        IssueError::Gone { .. } => told(FailureKind::NotFound).hint("paraph run \"the goal in your words\""),
        IssueError::SignIn { sign_in, .. } => told(FailureKind::SignIn).hint(sign_in.clone()),
        IssueError::NoKey { .. } => told(FailureKind::SignIn).hint("paraph config check"),
        IssueError::Forbidden { .. } => {
            told(FailureKind::Refused).hint("a token that may read the issues of that project")
        }
        IssueError::Busy { wait, had_key, sign_in, .. } => {
            let busy = told(FailureKind::Failed).hint(match wait {
                Some(wait) => format!("again in {} s", wait.as_secs().max(1)),
                None => "again in some minutes".to_owned(),
            });
            if *had_key { busy } else { busy.hint(format!("with a token more may be asked: {sign_in}")) }
        }
        IssueError::Server { .. } => told(FailureKind::Failed).hint("again later"),
        IssueError::Odd { .. } => {
            told(FailureKind::Failed).hint("--forge github, --forge gitlab or --forge gitea, if it is another sort")
        }
        IssueError::Http { error: http, .. } => match http {
            HttpError::TimedOut { .. } => told(FailureKind::TimedOut).hint("again later"),
            HttpError::Cancelled => told(FailureKind::Interrupted),
            HttpError::Elsewhere { to, .. } => {
                told(FailureKind::Failed).hint(format!("the address below {to}, if you trust it"))
            }
            HttpError::TooLarge { .. } => told(FailureKind::Refused).hint("paraph run \"the goal in your words\""),
            _ => told(FailureKind::Failed).hint("HTTPS_PROXY names a proxy, PARAPH_CA_FILE further certificates"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_named_with_and_without_the_rest_of_an_address() {
        for text in ["git.work.org:8443", "https://git.work.org:8443", " HTTPS://Git.Work.org:8443/api/v4 "] {
            assert_eq!(host_of(text), "git.work.org:8443");
        }
    }

    #[track_caller]
    fn check(url: &str, kind: FailureKind, hint: &str) {
        let error = IssueAddress::parse(url).expect_err(url);
        let failure = failure(error.into());
        assert_eq!(failure.kind, kind);
        assert!(failure.hints.iter().any(|known| known.contains(hint)), "{failure:?}");
    }

    #[test]
    fn what_is_no_address_is_wrong_usage_with_what_to_type() {
        check("12", FailureKind::Usage, "--issue https://");
        check("https://github.com/a/b", FailureKind::Usage, "--issue https://");
        check("https://github.com/a/b/pull/1", FailureKind::Usage, "paraph adopt");
        check("https://me@github.com/a/b/issues/1", FailureKind::Usage, "leave them out");
    }
}
