//! Which host is which forge, and which token is for it.
//!
//! A token goes to the host it was made for, and to hosts that the user named: in the configuration, or by the variable
//! by which other programs are told of them. An address that somebody pastes names no host in this sense.

use std::collections::BTreeMap;

use super::{ForgeKind, IssueAddress};
use crate::infrastructure::llm::KeySource;

/// Hosts that everybody knows, their forge and the variables that hold tokens for them.
const HOMES: [(&str, ForgeKind, &[&str]); 4] = [
    ("github.com", ForgeKind::GitHub, &["GH_TOKEN", "GITHUB_TOKEN"]),
    ("gitlab.com", ForgeKind::GitLab, &["GITLAB_TOKEN"]),
    ("codeberg.org", ForgeKind::Gitea, &["FORGEJO_TOKEN"]),
    ("gitea.com", ForgeKind::Gitea, &["GITEA_TOKEN"]),
];

/// GitHub's companies that have a host of their own below this name.
const GITHUB_TENANTS: &str = ".ghe.com";

/// A host that the user named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownHost {
    /// What it is.
    pub kind: Option<ForgeKind>,
    /// Where its token comes from; the kind's usual places where none is named.
    pub key: Option<KeySource>,
}

/// Every host that something is known of.
#[derive(Debug, Clone, Default)]
pub struct Hosts {
    named: BTreeMap<String, KnownHost>,
}

impl Hosts {
    /// The well-known ones and those that the user named, by `host` or `host:port`, in small letters.
    #[must_use]
    pub fn new(named: BTreeMap<String, KnownHost>) -> Self {
        Self { named }
    }

    /// What the host of `address` is, where that is known without asking it.
    #[must_use]
    pub fn kind(&self, address: &IssueAddress) -> Option<ForgeKind> {
        let named = self.named.get(&address.host).and_then(|known| known.kind);
        let home = HOMES.iter().find(|(host, ..)| *host == address.host).map(|(_, kind, _)| *kind);
        let tenant = || address.host.ends_with(GITHUB_TENANTS).then_some(ForgeKind::GitHub);
        named.or(home).or_else(tenant).or(address.forge)
    }

    /// Whether the user named where the token for the host of `address` comes from.
    pub(super) fn names_a_key(&self, address: &IssueAddress) -> bool {
        address.is_private() && self.named.get(&address.host).is_some_and(|known| known.key.is_some())
    }

    /// Where tokens for the host of `address` come from, best first; none where none is for it.
    #[must_use]
    pub fn keys(&self, address: &IssueAddress, kind: ForgeKind) -> Vec<KeySource> {
        if !address.is_private() {
            return Vec::new();
        }
        let variables = |names: &[&str]| names.iter().map(|name| KeySource::Variable((*name).to_owned())).collect();
        let named = self.named.get(&address.host);
        if let Some(key) = named.and_then(|known| known.key.clone()) {
            return vec![key];
        }
        let home = HOMES.iter().find(|(host, of, _)| *host == address.host && *of == kind);
        let mut keys: Vec<KeySource> = match (home, named, kind) {
            (Some((_, _, names)), ..) => variables(names),
            (None, _, ForgeKind::GitHub) if address.host.ends_with(GITHUB_TENANTS) => variables(HOMES[0].2),
            (None, Some(_), ForgeKind::GitHub) => variables(&["GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN"]),
            (None, Some(_), ForgeKind::GitLab) => variables(&["GITLAB_TOKEN"]),
            (None, Some(_), ForgeKind::Gitea) => variables(&["GITEA_TOKEN", "FORGEJO_TOKEN"]),
            (None, None, _) => Vec::new(),
        };
        if kind == ForgeKind::GitHub {
            // that program keeps a token for each host, so it can be asked about any
            let words = ["gh", "auth", "token", "--hostname", &address.host];
            keys.push(KeySource::Command(words.map(str::to_owned).to_vec()));
        }
        keys
    }

    /// How a token for the host of `address` is given: what a hint says.
    #[must_use]
    pub fn how_to_sign_in(&self, address: &IssueAddress, kind: ForgeKind) -> String {
        let host = &address.host;
        if !address.is_private() {
            return format!("write https://: no token is sent to {host} without TLS");
        }
        let home = HOMES.iter().find(|(known, of, _)| known == host && *of == kind);
        match (home, kind) {
            (Some(_), ForgeKind::GitHub) => "gh auth login, or GH_TOKEN=… paraph run --issue URL".to_owned(),
            (Some((_, _, names)), _) => format!("{}=… paraph run --issue URL", names[0]),
            (None, ForgeKind::GitHub) => format!("gh auth login --hostname {host}"),
            (None, kind) if self.named.contains_key(host) => {
                format!("{}_TOKEN=… paraph run --issue URL", kind.name().to_ascii_uppercase())
            }
            (None, kind) => format!(
                "a token is sent to hosts that you name alone: write [forges.\"{host}\"] with kind = '{kind}' and key = \
                 'env:NAME' in your configuration"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(host: &str) -> IssueAddress {
        let origin = if host.contains("://") { host.to_owned() } else { format!("https://{host}") };
        IssueAddress::parse(&format!("{origin}/a/b/issues/1")).expect(host)
    }

    fn hosts() -> Hosts {
        let known = |kind, key| KnownHost { kind: Some(kind), key };
        Hosts::new(BTreeMap::from([
            ("git.work.org".to_owned(), known(ForgeKind::GitLab, None)),
            ("ghe.work.org".to_owned(), known(ForgeKind::GitHub, None)),
            ("tea.work.org:3000".to_owned(), known(ForgeKind::Gitea, Some(KeySource::Variable("MINE".to_owned())))),
        ]))
    }

    #[track_caller]
    fn check(host: &str, kind: ForgeKind, expected: &str) {
        let found: Vec<String> = hosts().keys(&address(host), kind).iter().map(ToString::to_string).collect();
        assert_eq!(found.join("; ").replace("the variable ", ""), expected, "{host}");
    }

    #[test]
    fn a_token_goes_to_the_host_it_is_for_and_to_no_other() {
        use ForgeKind::{GitHub, GitLab, Gitea};
        check("github.com", GitHub, "GH_TOKEN; GITHUB_TOKEN; `gh auth token --hostname github.com`");
        check("octo.ghe.com", GitHub, "GH_TOKEN; GITHUB_TOKEN; `gh auth token --hostname octo.ghe.com`");
        check("evil.org", GitHub, "`gh auth token --hostname evil.org`");
        check("github.com.evil.org", GitHub, "`gh auth token --hostname github.com.evil.org`");
        check(
            "ghe.work.org",
            GitHub,
            "GH_ENTERPRISE_TOKEN; GITHUB_ENTERPRISE_TOKEN; `gh auth token --hostname ghe.work.org`",
        );
        check("gitlab.com", GitLab, "GITLAB_TOKEN");
        check("git.work.org", GitLab, "GITLAB_TOKEN");
        check("evil.org", GitLab, "");
        check("git.work.org:8443", GitLab, "");
        check("http://git.work.org", GitLab, "");
        check("codeberg.org", Gitea, "FORGEJO_TOKEN");
        check("gitea.com", Gitea, "GITEA_TOKEN");
        check("tea.work.org:3000", Gitea, "MINE");
        check("evil.org", Gitea, "");
        // what a person says of a host's kind makes it no other host
        check("github.com", GitLab, "");
        check("gitlab.com", Gitea, "");
    }

    #[test]
    fn what_is_named_goes_before_what_a_path_looks_like() {
        let kind = |text: &str| hosts().kind(&IssueAddress::parse(text).expect(text));
        assert_eq!(kind("https://github.com/a/b/issues/1"), Some(ForgeKind::GitHub));
        assert_eq!(kind("https://ghe.work.org/a/b/issues/1"), Some(ForgeKind::GitHub));
        assert_eq!(kind("https://other.org/a/b/-/issues/1"), Some(ForgeKind::GitLab));
        assert_eq!(kind("https://other.org/a/b/issues/1"), None);
        assert_eq!(kind("https://notghe.com/a/b/issues/1"), None);
    }

    #[test]
    fn a_hint_says_what_would_be_sent() {
        let hint = |host: &str, kind| hosts().how_to_sign_in(&address(host), kind);
        assert!(hint("github.com", ForgeKind::GitHub).starts_with("gh auth login"));
        assert!(hint("git.work.org", ForgeKind::GitLab).starts_with("GITLAB_TOKEN="));
        assert!(hint("evil.org", ForgeKind::GitLab).contains("[forges.\"evil.org\"]"));
        assert!(hint("http://git.work.org", ForgeKind::GitLab).contains("without TLS"));
    }
}
