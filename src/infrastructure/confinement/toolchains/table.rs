//! Which tools keep what where. Data: a new tool is a new row.

use super::Lending::{self, CopyOnWrite, CopyOnWriteOrEmpty, InScratch, ReadOnly};

/// One folder of a tool and the parts of it that are lent; `""` is the folder itself.
pub(super) struct Entry {
    /// Names the folder when set, and is given to the command; empty: none.
    pub(super) variable: &'static str,
    /// Where it is otherwise, below the home.
    pub(super) default: Option<&'static str>,
    pub(super) parts: &'static [&'static str],
    pub(super) why: &'static str,
    pub(super) lending: Lending,
}

const fn row(
    variable: &'static str,
    default: &'static str,
    parts: &'static [&'static str],
    why: &'static str,
    lending: Lending,
) -> Entry {
    Entry { variable, default: Some(default), parts, why, lending }
}

const fn named(variable: &'static str, why: &'static str) -> Entry {
    Entry { variable, default: None, parts: &[""], why, lending: ReadOnly }
}

pub(super) const ENTRIES: &[Entry] = &[
    // the registry keeps its place: build folders that are lent name it
    row("CARGO_HOME", ".cargo", &["bin"], "cargo", ReadOnly),
    row("CARGO_HOME", ".cargo", &["registry", "git"], "cargo packages", CopyOnWrite),
    row("RUSTUP_HOME", ".rustup", &["toolchains", "settings.toml"], "rust toolchains", ReadOnly),
    named("GOROOT", "go"),
    row("GOMODCACHE", "go/pkg/mod", &[""], "go modules", CopyOnWrite),
    row("GOCACHE", ".cache/go-build", &[""], "go build cache", CopyOnWriteOrEmpty("GOCACHE")),
    row("npm_config_cache", ".npm", &["_cacache"], "npm packages", CopyOnWrite),
    row("", ".local/share/pnpm/store", &[""], "pnpm packages", CopyOnWrite),
    row("YARN_CACHE_FOLDER", ".cache/yarn", &[""], "yarn packages", CopyOnWriteOrEmpty("YARN_CACHE_FOLDER")),
    row("YARN_GLOBAL_FOLDER", ".yarn/berry", &["cache"], "yarn packages", CopyOnWrite),
    row("COREPACK_HOME", ".cache/node/corepack", &[""], "corepack", ReadOnly),
    row("PLAYWRIGHT_BROWSERS_PATH", ".cache/ms-playwright", &[""], "browsers for tests", ReadOnly),
    row("VOLTA_HOME", ".volta", &["bin", "tools"], "node", ReadOnly),
    row("", ".bun/install/cache", &[""], "bun packages", CopyOnWrite),
    row("DENO_DIR", ".cache/deno", &[""], "deno packages", CopyOnWriteOrEmpty("DENO_DIR")),
    row(
        "PYENV_ROOT",
        ".pyenv",
        &["bin", "libexec", "plugins", "pyenv.d", "shims", "version", "versions"],
        "python versions",
        ReadOnly,
    ),
    named("VIRTUAL_ENV", "python environment"),
    named("CONDA_PREFIX", "python environment"),
    row(
        "PYTHONUSERBASE",
        ".local",
        &[
            "lib/python3.8",
            "lib/python3.9",
            "lib/python3.10",
            "lib/python3.11",
            "lib/python3.12",
            "lib/python3.13",
            "lib/python3.14",
            "lib/python3.15",
        ],
        "python packages",
        ReadOnly,
    ),
    row("", ".local/share/uv", &["python", "tools"], "python versions", ReadOnly),
    row("UV_CACHE_DIR", ".cache/uv", &[""], "uv packages", CopyOnWriteOrEmpty("UV_CACHE_DIR")),
    row("", ".cache/pypoetry", &["virtualenvs"], "poetry environments", ReadOnly),
    row("WORKON_HOME", ".local/share/virtualenvs", &[""], "python environments", ReadOnly),
    named("JAVA_HOME", "java"),
    named("JDK_HOME", "java"),
    named("MAVEN_HOME", "maven"),
    named("M2_HOME", "maven"),
    named("GRADLE_HOME", "gradle"),
    named("GEM_HOME", "ruby packages"),
    row("SDKMAN_DIR", ".sdkman", &["candidates"], "java", ReadOnly),
    row("", ".m2/repository", &[""], "maven packages", InScratch("home/.m2/repository")),
    row("", ".m2/wrapper", &[""], "maven wrapper", InScratch("home/.m2/wrapper")),
    row("GRADLE_USER_HOME", ".gradle", &["caches"], "gradle packages", InScratch("gradle/caches")),
    row("GRADLE_USER_HOME", ".gradle", &["wrapper"], "gradle wrapper", InScratch("gradle/wrapper")),
    row("GRADLE_USER_HOME", ".gradle", &["jdks"], "java", InScratch("gradle/jdks")),
    row("RBENV_ROOT", ".rbenv", &["bin", "libexec", "shims", "version", "versions"], "ruby versions", ReadOnly),
    row("", ".gem/ruby", &[""], "ruby packages", ReadOnly),
    row("", ".local/share/gem", &["ruby"], "ruby packages", ReadOnly),
    row("COMPOSER_CACHE_DIR", ".cache/composer", &[""], "php packages", CopyOnWriteOrEmpty("COMPOSER_CACHE_DIR")),
    row("NUGET_PACKAGES", ".nuget/packages", &[""], "nuget packages", CopyOnWrite),
    row("DOTNET_ROOT", ".dotnet", &["dotnet", "host", "sdk", "shared", "packs"], "dotnet", ReadOnly),
    row("ASDF_DATA_DIR", ".asdf", &["bin", "installs", "lib", "plugins", "shims"], "tool versions", ReadOnly),
    row("MISE_DATA_DIR", ".local/share/mise", &["installs", "shims"], "tool versions", ReadOnly),
];

/// Folders that lie in one that another variable names, unless their own is set.
pub(super) const DERIVED: [(&str, &str, &str); 1] = [("GOMODCACHE", "GOPATH", "pkg/mod")];

/// Tells tools that there is no network, so that they say what is missing instead of waiting for it.
///
/// Go's `-mod=mod` is left out: it rewrites `go.mod` and overrides a vendor folder.
pub(super) const OFFLINE: [(&str, &str); 26] = [
    ("CARGO_NET_OFFLINE", "true"),
    ("CARGO_TERM_COLOR", "never"),
    ("RUSTUP_AUTO_INSTALL", "0"),
    ("GOPROXY", "off"),
    ("GOSUMDB", "off"),
    ("GONOSUMDB", "*"),
    ("GOTOOLCHAIN", "local"),
    ("GOTELEMETRY", "off"),
    ("GOENV", "off"),
    ("npm_config_offline", "true"),
    ("npm_config_audit", "false"),
    ("npm_config_fund", "false"),
    ("npm_config_update_notifier", "false"),
    ("npm_config_logs_max", "0"),
    ("YARN_ENABLE_NETWORK", "0"),
    ("COREPACK_ENABLE_NETWORK", "0"),
    ("PIP_NO_INDEX", "1"),
    ("PIP_DISABLE_PIP_VERSION_CHECK", "1"),
    ("PIP_NO_INPUT", "1"),
    ("UV_OFFLINE", "1"),
    ("PYTHONDONTWRITEBYTECODE", "1"),
    ("MAVEN_ARGS", "--offline --batch-mode"),
    ("DOTNET_CLI_TELEMETRY_OPTOUT", "1"),
    ("COMPOSER_DISABLE_NETWORK", "1"),
    ("BUNDLE_FROZEN", "true"),
    ("NO_COLOR", "1"),
];

/// Those of [`OFFLINE`] that would keep a tool from a network that it was permitted.
pub(super) const WITHOUT_NETWORK: [&str; 11] = [
    "CARGO_NET_OFFLINE",
    "GOPROXY",
    "GOSUMDB",
    "GONOSUMDB",
    "npm_config_offline",
    "YARN_ENABLE_NETWORK",
    "COREPACK_ENABLE_NETWORK",
    "PIP_NO_INDEX",
    "UV_OFFLINE",
    "MAVEN_ARGS",
    "COMPOSER_DISABLE_NETWORK",
];

/// Variables whose folder is always the run's own: the real one holds settings and tokens too.
pub(super) const IN_SCRATCH: [(&str, &str); 4] = [
    ("GRADLE_USER_HOME", "gradle"),
    ("COMPOSER_HOME", "home/.composer"),
    ("XDG_CACHE_HOME", "home/.cache"),
    ("GOCACHE", "gocache"),
];

/// Never lent, and hidden where a place that is lent holds them. Below the home.
pub(super) const SECRETS: [&str; 38] = [
    ".ssh",
    ".aws",
    ".azure",
    ".gnupg",
    ".kube",
    ".docker",
    ".config",
    ".netrc",
    ".npmrc",
    ".yarnrc.yml",
    ".pypirc",
    ".pip",
    ".git-credentials",
    ".gitconfig",
    ".password-store",
    ".vault-token",
    ".terraform.d",
    ".terraformrc",
    ".env",
    ".bash_history",
    ".zsh_history",
    ".mozilla",
    ".thunderbird",
    ".local/share/keyrings",
    ".local/state",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".cargo/config",
    ".cargo/config.toml",
    ".m2/settings.xml",
    ".m2/settings-security.xml",
    ".gradle/gradle.properties",
    ".gradle/init.d",
    ".gem/credentials",
    ".bundle",
    ".composer",
    ".nuget/NuGet",
    ".sdkman/etc",
];

/// Too wide to lend, whoever names them.
pub(super) const TOO_MUCH: [&str; 16] = [
    "/", "/home", "/root", "/Users", "/opt", "/etc", "/var", "/tmp", "/run", "/srv", "/mnt", "/media", "/proc", "/sys",
    "/dev", "/usr",
];

/// Folders beside a folder of programs that installations keep what their programs need in.
pub(super) const BESIDE_PROGRAMS: [&str; 8] = ["bin", "sbin", "lib", "lib32", "lib64", "libexec", "include", "share"];

/// Names of folders, one in the other, below which each folder is one version of a tool.
pub(super) const MANAGED: &[&[&str]] = &[
    &[".nvm", "versions"],
    &["fnm", "node-versions"],
    &[".volta", "tools"],
    &["node_modules"],
    &[".rustup", "toolchains"],
    &["rustup", "toolchains"],
    &[".pyenv", "versions"],
    &[".rbenv", "versions"],
    &[".asdf", "installs"],
    &["mise", "installs"],
    &["uv", "python"],
    &["uv", "tools"],
    &["pipx", "venvs"],
    &[".sdkman", "candidates"],
    &[".ghcup", "ghc"],
    &["hostedtoolcache"],
    &["Cellar"],
    &["Python.framework", "Versions"],
];

/// What only one tool's installation holds, all of a row.
pub(super) const ONE_TOOL: &[&[&str]] = &[
    &["pkg/tool", "bin/go"],
    &["lib/rustlib"],
    &["pyvenv.cfg"],
    &["conda-meta"],
    &["include/node/node.h"],
    &["release", "bin/java"],
    &["boot", "bin/mvn"],
    &["init.d", "bin/gradle"],
    &["bin/internal", "bin/flutter"],
    &["bin/snapshots", "bin/dart"],
    &["Cellar", "bin/brew"],
];

/// What installations are made of: lent alone where the folder holds something that must not be.
pub(super) const INSTALLATION: [&str; 16] = [
    "bin",
    "sbin",
    "lib",
    "lib64",
    "libexec",
    "include",
    "share",
    "pkg",
    "src",
    "conf",
    "jmods",
    "release",
    "go.env",
    "VERSION",
    "pyvenv.cfg",
    "conda-meta",
];

/// Hidden in every folder that belongs to a tool, wherever it lies: files that hold tokens, and that tools can do
/// without.
pub(super) const ROOT_SECRETS: [&str; 22] = [
    "credentials",
    "credentials.toml",
    "config.toml",
    ".netrc",
    ".npmrc",
    "npmrc",
    "etc/npmrc",
    ".yarnrc.yml",
    ".pypirc",
    "pip.conf",
    "etc/pip.conf",
    ".condarc",
    ".env",
    ".git-credentials",
    ".gitconfig",
    "etc/gitconfig",
    "gradle.properties",
    "settings-security.xml",
    "conf/settings-security.xml",
    "auth.json",
    "NuGet.Config",
    ".ssh",
];

/// The same for one tool: names that mean something else elsewhere.
pub(super) const NAMED_SECRETS: [(&str, &str); 3] =
    [("CARGO_HOME", "config"), ("GRADLE_USER_HOME", "init.d"), ("SDKMAN_DIR", "etc")];

/// Settings without which a tool does not start: hidden where they hold a secret.
pub(super) const SETTINGS_WITH_SECRETS: [&str; 2] = ["settings.xml", "conf/settings.xml"];
