//! The one list of what checks may see of a person's environment: toolchains and locale, never keys or tokens. A
//! client sends no others, the service drops what it is sent beyond them, and what arrives is passed on.

/// Variables that are passed on by name.
pub const PASSED_ON: &[&str] = &[
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
    "PYTHONUSERBASE",
    "UV_CACHE_DIR",
    "WORKON_HOME",
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
    "DENO_DIR",
    "npm_config_cache",
    // .NET, Ruby, PHP, and managers of all of these
    "DOTNET_ROOT",
    "NUGET_PACKAGES",
    "GEM_HOME",
    "GEM_PATH",
    "RBENV_ROOT",
    "RBENV_VERSION",
    "COMPOSER_HOME",
    "COMPOSER_CACHE_DIR",
    "ASDF_DIR",
    "ASDF_DATA_DIR",
    "MISE_DATA_DIR",
    "SDKMAN_DIR",
    // whom to believe in the network: public certificates, for a setup step that was permitted it
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "PIP_CERT",
    "CARGO_HTTP_CAINFO",
    "GIT_SSL_CAINFO",
];

/// Those of [`PASSED_ON`] that name the certificates of authorities, which only a command with a network sees: behind a
/// company's proxy nothing is fetched without them.
pub(super) const AUTHORITIES: [&str; 8] = [
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "PIP_CERT",
    "CARGO_HTTP_CAINFO",
    "GIT_SSL_CAINFO",
];

/// The locale's variables start with this, capital letters follow.
pub const PASSED_ON_PREFIX: &str = "LC_";

/// Whether a variable of this name is passed on.
#[must_use]
pub fn is_passed_on(name: &str) -> bool {
    let locale = name.strip_prefix(PASSED_ON_PREFIX);
    let is_locale = |rest: &str| (1..=20).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_uppercase());
    PASSED_ON.contains(&name) || locale.is_some_and(is_locale)
}
