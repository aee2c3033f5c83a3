//! The address of an issue, taken apart. Pure: nothing is asked.

use std::fmt;
use std::str::FromStr;

use crate::id::ParseIdError;

/// The sorts of forge, by the interface they speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ForgeKind {
    /// GitHub, Enterprise too.
    GitHub,
    /// GitLab.
    GitLab,
    /// Gitea and Forgejo.
    Gitea,
}

impl ForgeKind {
    /// The name on the command line, in the configuration and in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::GitHub => "github",
            Self::GitLab => "gitlab",
            Self::Gitea => "gitea",
        }
    }
}

impl fmt::Display for ForgeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ForgeKind {
    type Err = ParseIdError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "github" => Ok(Self::GitHub),
            "gitlab" => Ok(Self::GitLab),
            "gitea" | "forgejo" => Ok(Self::Gitea),
            _ => Err(ParseIdError { given: text.to_owned(), wanted: "a kind of forge: github, gitlab or gitea" }),
        }
    }
}

/// Why an address is not one of an issue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It is no web address.
    #[error("`{given}` is no address of an issue")]
    NoUrl {
        /// What was given.
        given: String,
    },
    /// It holds a name or a password, which would be recorded.
    #[error("the address holds a name or a password before its host")]
    Credentials,
    /// It is somewhere else on the forge.
    #[error("`{given}` does not end in an issue's number")]
    NoIssue {
        /// What was given.
        given: String,
    },
    /// It is work that is already done.
    #[error("`{given}` is a pull request, not an issue")]
    PullRequest {
        /// What was given.
        given: String,
    },
}

/// Where an issue is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueAddress {
    /// The whole address as it is shown and recorded: no query, no fragment, host in small letters.
    pub url: String,
    /// `https://host` or `http://host`, with a port that is not the usual one.
    pub origin: String,
    /// The host, with a port that is not the usual one.
    pub host: String,
    /// The parts of the path before the issue's: folders, then owner and repository, or groups and project.
    pub folders: Vec<String>,
    /// The issue's number in its project.
    pub number: u64,
    /// The sort of forge, where the path alone tells it.
    pub forge: Option<ForgeKind>,
}

impl IssueAddress {
    /// Takes `text` apart.
    ///
    /// # Errors
    /// [`AddressError`].
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        let given = || text.chars().take(200).collect::<String>();
        let no_url = || AddressError::NoUrl { given: given() };
        let (scheme, rest) = text.split_once("://").ok_or_else(no_url)?;
        let scheme = scheme.to_ascii_lowercase();
        let usual_port = match scheme.as_str() {
            "https" => ":443",
            "http" => ":80",
            _ => return Err(no_url()),
        };
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        if authority.contains('@') {
            return Err(AddressError::Credentials);
        }
        let host = authority.to_ascii_lowercase();
        let host = host.strip_suffix(usual_port).unwrap_or(&host).trim_end_matches('.');
        let host = if host == "www.github.com" { "github.com" } else { host };
        if !is_host(host) {
            return Err(no_url());
        }
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        if !parts.iter().all(|part| is_part(part)) {
            return Err(AddressError::NoIssue { given: given() });
        }
        let (folders, number, forge) = match place(&parts) {
            Place::Issue { folders, number, forge } => (folders, number, forge),
            Place::PullRequest => return Err(AddressError::PullRequest { given: given() }),
            Place::Elsewhere => return Err(AddressError::NoIssue { given: given() }),
        };
        let origin = format!("{scheme}://{host}");
        Ok(Self {
            url: format!("{origin}/{}", parts.join("/")),
            host: host.to_owned(),
            origin,
            folders: folders.iter().map(|part| (*part).to_owned()).collect(),
            number,
            forge,
        })
    }

    /// Whether what is sent there is read by nobody on the way: TLS, or this machine itself.
    #[must_use]
    pub fn is_private(&self) -> bool {
        let (name, _) = name_and_port(&self.host);
        let local =
            name == "localhost" || name == "[::1]" || name.parse().is_ok_and(|ip: std::net::Ipv4Addr| ip.is_loopback());
        local || self.origin.starts_with("https://")
    }

    /// Owner and repository, where the forge has no groups, and the folders that it lies below.
    pub(super) fn owned(&self) -> (String, &str, &str) {
        let [folders @ .., owner, name] = self.folders.as_slice() else {
            unreachable!("an address without owner and repository is refused when it is parsed")
        };
        let below: String = folders.iter().map(|folder| format!("/{folder}")).collect();
        (below, owner, name)
    }
}

/// What a path leads to.
enum Place<'a> {
    Issue { folders: &'a [&'a str], number: u64, forge: Option<ForgeKind> },
    PullRequest,
    Elsewhere,
}

fn place<'a>(parts: &'a [&'a str]) -> Place<'a> {
    let number = |text: &str| text.parse::<u64>().ok().filter(|number| *number > 0);
    let issue = |folders: &'a [&'a str], text: &str, forge| match number(text) {
        Some(number) if folders.len() >= 2 => Place::Issue { folders, number, forge },
        _ => Place::Elsewhere,
    };
    match parts {
        [folders @ .., "-", "issues" | "work_items", text] | [folders @ .., "-", "issues", "incident", text] => {
            issue(folders, text, Some(ForgeKind::GitLab))
        }
        [folders @ .., "issues", text] => issue(folders, text, None),
        _ => {
            let pulls =
                |pair: &[&str]| matches!(pair, ["pull" | "pulls" | "merge_requests", text] if number(text).is_some());
            if parts.windows(2).any(pulls) { Place::PullRequest } else { Place::Elsewhere }
        }
    }
}

/// An address of version 6 has colons of its own, between brackets.
fn name_and_port(host: &str) -> (&str, Option<&str>) {
    match host.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')) {
        Some((name, port)) => (name, Some(port)),
        None => (host, None),
    }
}

/// Names and addresses in ASCII; a name of other letters has an ASCII form, in which it cannot look like another.
fn is_host(host: &str) -> bool {
    let (name, port) = name_and_port(host);
    let port_fits = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    let inside = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let name_fits = match inside {
        Some(ip) => ip.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !name.is_empty()
                && !name.starts_with('-')
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte))
        }
    };
    port_fits && name_fits
}

/// What forges let owners, groups and repositories be called; never a step up, an escape or another host.
fn is_part(part: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    part.len() <= 255 && part != "." && part != ".." && part.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: (&str, &str, u64, Option<ForgeKind>)) {
        let found = IssueAddress::parse(text).expect(text);
        let folders = found.folders.join("/");
        assert_eq!((found.origin.as_str(), folders.as_str(), found.number, found.forge), expected, "{text}");
        assert_eq!(IssueAddress::parse(&found.url).expect("its own address"), found);
    }

    #[test]
    fn addresses_of_issues_are_taken_apart() {
        let gitlab = Some(ForgeKind::GitLab);
        check("https://github.com/a/b.rs/issues/12", ("https://github.com", "a/b.rs", 12, None));
        check(
            " HTTPS://www.GitHub.com:443/a/b/issues/12/?q=1#issuecomment-3 ",
            ("https://github.com", "a/b", 12, None),
        );
        check("http://127.0.0.1:3000/a/b/issues/1", ("http://127.0.0.1:3000", "a/b", 1, None));
        check("https://[::1]:3000/a/b/issues/1", ("https://[::1]:3000", "a/b", 1, None));
        check("https://x.org/git/a/b/issues/7", ("https://x.org", "git/a/b", 7, None));
        check("https://gitlab.com/g/sub/deep/p/-/issues/7", ("https://gitlab.com", "g/sub/deep/p", 7, gitlab));
        check("https://gitlab.com/g/p/-/work_items/7", ("https://gitlab.com", "g/p", 7, gitlab));
        check("https://gitlab.com/g/p/-/issues/incident/7", ("https://gitlab.com", "g/p", 7, gitlab));
        check("https://gitlab.com/issues/p/-/issues/7", ("https://gitlab.com", "issues/p", 7, gitlab));
    }

    #[track_caller]
    fn refused(text: &str, words: &str) {
        let error = IssueAddress::parse(text).expect_err(text).to_string();
        assert!(error.contains(words), "{text}: {error}");
        assert!(!error.contains("hunter22"), "{error}");
    }

    #[test]
    fn others_are_refused_each_with_its_reason() {
        for text in [
            "",
            "12",
            "a/b#12",
            "ftp://x.org/a/b/issues/1",
            "https:///a/b/issues/1",
            "https://exämple.org/a/b/issues/1",
        ] {
            refused(text, "no address");
        }
        for text in ["https://x.org:0/a/b/issues/1", "https://x.org:99999/a/b/issues/1", "https://[::g]/a/b/issues/1"] {
            refused(text, "no address");
        }
        for path in
            ["", "a/b", "a/b/issues", "a/b/issues/0", "a/b/issues/x", "b/issues/1", "a/../issues/1", "a%2Fb/c/issues/1"]
        {
            refused(&format!("https://x.org/{path}"), "does not end in an issue's number");
        }
        for path in ["a/b/pull/3", "a/b/pull/3/files", "a/b/pulls/3", "g/s/p/-/merge_requests/3"] {
            refused(&format!("https://x.org/{path}"), "is a pull request");
        }
        refused("https://me:hunter22@x.org/a/b/issues/1", "a name or a password");
        refused("https://github.com@evil.org/a/b/issues/1", "a name or a password");
    }

    #[test]
    fn what_is_read_by_nobody_on_the_way() {
        for (origin, expected) in [
            ("https://x.org", true),
            ("http://x.org", false),
            ("http://localhost:3000", true),
            ("http://127.9.9.9:3000", true),
            ("http://[::1]", true),
            ("http://[::1]:80", true),
            ("http://localhost.evil.org", false),
        ] {
            let address = IssueAddress::parse(&format!("{origin}/a/b/issues/1")).expect(origin);
            assert_eq!(address.is_private(), expected, "{origin}");
        }
    }
}
