//! Which variables of a person's environment the checks get: toolchains and locale, never keys or tokens.

use std::collections::BTreeMap;

use crate::api::is_allowed_variable;

/// What of `environment` a check may see; recorded with the session.
#[must_use]
pub fn for_checks(environment: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    environment
        .iter()
        .filter(|(name, value)| is_allowed_variable(name) && !value.is_empty())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, sent: bool) {
        let environment = BTreeMap::from([(name.to_owned(), "x".to_owned())]);
        assert_eq!(!for_checks(&environment).is_empty(), sent, "{name}");
    }

    #[test]
    fn toolchains_and_locale_are_sent_and_nothing_else() {
        check("PATH", true);
        check("LC_ALL", true);
        check("VIRTUAL_ENV", true);
        check("RUSTUP_TOOLCHAIN", true);
        check("HOME", false);
        check("OPENAI_API_KEY", false);
        check("GITHUB_TOKEN", false);
        check("SSH_AUTH_SOCK", false);
        check("CARGO_REGISTRY_TOKEN", false);
        check("LD_PRELOAD", false);
        check("LC_lower", false);
        check("LC_", false);
        check("npm_config_cache", true);
        check("npm_config__auth", false);
    }

    #[test]
    fn what_a_client_sends_is_what_checks_are_passed() {
        use crate::infrastructure::confinement::toolchains;
        for name in crate::api::ALLOWED_VARIABLES.iter().chain(&["LC_ALL", "LC_CTYPE"]) {
            check(name, true);
            assert!(toolchains::is_passed_on(name), "{name}");
        }
    }
}
