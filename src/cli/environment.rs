//! Which variables of a person's environment the checks get: toolchains and locale, never keys or tokens.

use std::collections::BTreeMap;

/// Variables that are sent by name.
const ALLOWED: &[&str] = &[
    "PATH",
    "LANG",
    "LANGUAGE",
    "TZ",
    // Python
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
    "CONDA_DEFAULT_ENV",
    "PYENV_ROOT",
    "PYENV_VERSION",
    // Java
    "JAVA_HOME",
    "JDK_HOME",
    "MAVEN_HOME",
    "M2_HOME",
    "GRADLE_HOME",
    "GRADLE_USER_HOME",
    // Go
    "GOPATH",
    "GOROOT",
    "GOMODCACHE",
    "GOCACHE",
    "GOTOOLCHAIN",
    // Rust
    "CARGO_HOME",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    // JavaScript
    "NVM_DIR",
    "NVM_BIN",
    "NODE_PATH",
    "VOLTA_HOME",
    "FNM_DIR",
    "FNM_MULTISHELL_PATH",
    "PNPM_HOME",
    "COREPACK_HOME",
    // .NET, Ruby, PHP, and managers of all of these
    "DOTNET_ROOT",
    "GEM_HOME",
    "GEM_PATH",
    "RBENV_ROOT",
    "RBENV_VERSION",
    "COMPOSER_HOME",
    "ASDF_DIR",
    "ASDF_DATA_DIR",
    "MISE_DATA_DIR",
    "SDKMAN_DIR",
];

/// What of `environment` a check may see; recorded with the session.
#[must_use]
pub fn for_checks(environment: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let allowed = |name: &str| ALLOWED.contains(&name) || name.starts_with("LC_");
    environment
        .iter()
        .filter(|(name, value)| allowed(name) && !value.is_empty())
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
    }
}
