//! Keys: where each comes from, found when it is first needed, kept in memory alone, hidden in every text.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OnceCell;

use crate::cancel::Cancel;
use crate::id::ParseIdError;
use crate::infrastructure::config::names_a_secret;
use crate::infrastructure::http::Secret;
use crate::infrastructure::process::{Command, ProcessError};
use crate::text::LiveMask;

/// How long a program may take to print a key: a person may have to touch a token or type a PIN.
const PATIENCE: Duration = Duration::from_secs(30);

/// No key is longer.
const LONGEST: usize = 8 << 10;

/// Where a key comes from. Written `env:NAME`, `vault:PATH#FIELD`, `op:op://VAULT/ITEM/FIELD`, `pass:NAME`,
/// `sops:FILE#A.B`, `gh:HOST`, `keyring:SERVICE/ACCOUNT` or `none`; a command is a list in the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum KeySource {
    /// An environment variable of the daemon's.
    Variable(String),
    /// A program that prints it: its name and arguments.
    Command(Vec<String>),
    /// No key is wanted.
    None,
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => write!(f, "the variable {name}"),
            Self::Command(words) => write!(f, "`{}`", words.join(" ")),
            Self::None => f.write_str("no key"),
        }
    }
}

impl FromStr for KeySource {
    type Err = ParseIdError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // the text is not repeated: somebody may have written the key itself there
        let wrong = |wanted| ParseIdError { given: "what is written there".to_owned(), wanted };
        let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
        let command = |words: &[&str]| Self::Command(words.iter().map(|word| (*word).to_owned()).collect());
        let in_two = |by: char| rest.split_once(by).filter(|(one, other)| !one.is_empty() && !other.is_empty());
        // a value that begins with a dash would be an option of the program's
        let named = !rest.is_empty() && !rest.starts_with('-');
        match kind {
            "none" if rest.is_empty() => Ok(Self::None),
            "env" if is_variable(rest) => Ok(Self::Variable(rest.to_owned())),
            "vault" if named => {
                let (path, field) = in_two('#').ok_or_else(|| wrong("vault:PATH#FIELD"))?;
                Ok(command(&["vault", "kv", "get", &format!("-field={field}"), path]))
            }
            "op" if named => {
                let place = if rest.starts_with("//") { format!("op:{rest}") } else { rest.to_owned() };
                Ok(command(&["op", "read", "--no-newline", &place]))
            }
            "pass" if named => Ok(command(&["pass", "show", rest])),
            "sops" if named => {
                let (file, keys) = in_two('#').ok_or_else(|| wrong("sops:FILE#KEY.KEY"))?;
                let steps: String = keys.split('.').map(|key| format!("[{key:?}]")).collect();
                Ok(command(&["sops", "decrypt", "--extract", &steps, file]))
            }
            "gh" if rest.is_empty() => Ok(command(&["gh", "auth", "token"])),
            "gh" if named => Ok(command(&["gh", "auth", "token", "--hostname", rest])),
            "keyring" if named => {
                let (service, account) = in_two('/').ok_or_else(|| wrong("keyring:SERVICE/ACCOUNT"))?;
                Ok(if cfg!(target_os = "macos") {
                    command(&["security", "find-generic-password", "-s", service, "-a", account, "-w"])
                } else {
                    command(&["secret-tool", "lookup", "service", service, "account", account])
                })
            }
            _ => Err(wrong("where a key comes from, such as env:OPENAI_API_KEY or pass:NAME; never a key itself")),
        }
    }
}

/// A value with a key in it, of a header or a variable: where the key comes from, and what stands before it (`Bearer `).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyed {
    /// What stands before the key.
    pub before: String,
    /// Where the key comes from.
    pub source: KeySource,
}

impl Keyed {
    /// The whole value. The key is hidden in texts from then on.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn find(&self, keys: &Keys) -> Result<Secret, KeyError> {
        let key = keys.find(&self.source).await?;
        let none = || KeyError::NoKey { origin: self.source.clone(), why: "is none" };
        Ok(Secret::new(format!("{}{}", self.before, key.ok_or_else(none)?.reveal())))
    }
}

fn is_variable(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.is_empty() && name.chars().all(fits) && !name.starts_with(|first: char| first.is_ascii_digit())
}

/// Why there is no key. No text of it holds one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The variable is not set.
    #[error("no key: the variable {name} is not set")]
    Unset {
        /// Which.
        name: String,
    },
    /// The program did not start, failed or took too long. What it printed is not repeated.
    #[error("no key: {origin} {why}")]
    NotGiven {
        /// From where.
        origin: KeySource,
        /// What happened.
        why: String,
    },
    /// What came cannot be one.
    #[error("no key: what {origin} gives {why}")]
    NoKey {
        /// From where.
        origin: KeySource,
        /// What is wrong with it.
        why: &'static str,
    },
}

/// The keys of one daemon: each found once, when it is first needed, and then remembered.
pub struct Keys {
    variables: Mutex<BTreeMap<String, Secret>>,
    /// What programs see.
    environment: Mutex<BTreeMap<OsString, OsString>>,
    /// Where they run: a file that one is told of may lie beside the configuration that tells it.
    folder: Option<PathBuf>,
    found: Mutex<HashMap<KeySource, Arc<OnceCell<Secret>>>>,
    /// What hides all of them, and more where it is shared.
    mask: LiveMask,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({:?})", self.mask)
    }
}

impl Keys {
    /// Keys from `variables`, and from programs that see `environment` (their `PATH`, `HOME` and what they need).
    #[must_use]
    pub fn new(variables: BTreeMap<String, Secret>, environment: Vec<(OsString, OsString)>) -> Self {
        let environment = Mutex::new(environment.into_iter().collect());
        let (variables, found, mask) = (Mutex::new(variables), Mutex::default(), LiveMask::default());
        let keys = Self { variables, environment, folder: None, found, mask };
        keys.hide_what_programs_see();
        keys
    }

    /// The same, where programs run in `folder`, if it is there.
    #[must_use]
    pub fn in_folder(self, folder: Option<PathBuf>) -> Self {
        Self { folder, ..self }
    }

    /// The same, where `mask` learns every key: whoever shares it hides them too, from the moment that each is known.
    #[must_use]
    pub fn hidden_by(self, mask: LiveMask) -> Self {
        mask.learn_from(&self.mask);
        Self { mask, ..self }
    }

    /// The key of `source`, or none where none is wanted. Those who ask at once wait for one search.
    ///
    /// # Errors
    /// [`KeyError`]; the next call tries again.
    pub async fn find(&self, source: &KeySource) -> Result<Option<Secret>, KeyError> {
        if *source == KeySource::None {
            return Ok(None);
        }
        let cell = {
            let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
            found.entry(source.clone()).or_default().clone()
        };
        let key = cell
            .get_or_try_init(|| async {
                let key = self.look_for(source).await?;
                self.hide(&key);
                Ok(key)
            })
            .await?;
        Ok(Some(key.clone()))
    }

    /// Whether it is known without a search that there is no key: its variable is not set. A program may still have none.
    #[must_use]
    pub fn is_missing(&self, source: &KeySource) -> bool {
        matches!(source, KeySource::Variable(name) if !self.variables().contains_key(name))
    }

    /// Takes a key under the name of its variable; it counts from now on, also where another was found before.
    pub fn lend(&self, variable: &str, key: Secret) {
        self.hide(&key);
        let changed = self.variables().insert(variable.to_owned(), key.clone()) != Some(key);
        if changed {
            self.forget(&KeySource::Variable(variable.to_owned()));
        }
    }

    /// Takes what programs that print keys are told by a variable: it counts for the next one that runs.
    pub fn lend_to_programs(&self, variable: &str, value: &Secret) {
        let mut environment = self.environment.lock().unwrap_or_else(PoisonError::into_inner);
        environment.insert(variable.into(), value.reveal().into());
        drop(environment);
        self.hide_what_programs_see();
    }

    /// A vault's token is as secret as what lies in it.
    fn hide_what_programs_see(&self) {
        let environment = self.environment.lock().unwrap_or_else(PoisonError::into_inner);
        let is_secret = |name: &OsString| name.to_str().is_some_and(names_a_secret);
        let secrets = environment.iter().filter(|(name, _)| is_secret(name)).filter_map(|(_, value)| value.to_str());
        secrets.filter(|value| !value.is_empty()).for_each(|value| self.hide(&Secret::new(value)));
    }

    fn variables(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Secret>> {
        self.variables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets the key of `source`, so that the next call looks for it again: it was not taken. It stays hidden.
    pub fn forget(&self, source: &KeySource) {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).remove(source);
    }

    /// Looks for the key of `source` once more and keeps what it finds; where it finds none the one before stays.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn renew(&self, source: &KeySource) -> Result<Secret, KeyError> {
        let key = self.look_for(source).await?;
        self.hide(&key);
        let cell = Arc::new(OnceCell::new_with(Some(key.clone())));
        self.found.lock().unwrap_or_else(PoisonError::into_inner).insert(source.clone(), cell);
        Ok(key)
    }

    /// Hides `value` in texts from now on, as keys are.
    pub fn hide(&self, value: &Secret) {
        self.mask.learn(value.reveal());
    }

    /// What hides every key, those too that are found later.
    #[must_use]
    pub fn live_mask(&self) -> LiveMask {
        self.mask.clone()
    }

    /// `text` with every known key, and whatever looks like one, masked.
    #[must_use]
    pub fn mask(&self, text: &str) -> String {
        self.mask.now().mask(text).into_owned()
    }

    /// `text` with every known key masked, and nothing else touched.
    #[must_use]
    pub fn mask_known<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.mask.now().mask_known(text)
    }

    async fn look_for(&self, source: &KeySource) -> Result<Secret, KeyError> {
        let printed = match source {
            KeySource::Variable(name) => match self.variables().get(name) {
                Some(value) => value.reveal().to_owned(),
                None => return Err(KeyError::Unset { name: name.clone() }),
            },
            KeySource::Command(words) => self.printed_by(source, words).await?,
            KeySource::None => String::new(),
        };
        read_key(source, &printed)
    }

    async fn printed_by(&self, source: &KeySource, words: &[String]) -> Result<String, KeyError> {
        let not_given = |why: String| KeyError::NotGiven { origin: source.clone(), why };
        let Some((program, args)) = words.split_first() else { return Err(not_given("names no program".to_owned())) };
        let seen = self.environment.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let command = Command::new(program).args(args).envs(seen).timeout(PATIENCE).output_limit(8 * LONGEST); // of which the first half is kept whole: the key is in its first line
        let command = match self.folder.as_ref().filter(|folder| folder.is_dir()) {
            Some(folder) => command.cwd(folder),
            None => command,
        };
        let finished = match command.run(&Cancel::new(), |_| ()).await {
            Ok(finished) => finished,
            Err(ProcessError::NotFound { .. }) => return Err(not_given("is not installed".to_owned())),
            Err(error) => return Err(not_given(format!("did not run: {error}"))),
        };
        match (finished.stopped, finished.status.success()) {
            (Some(_), _) => Err(not_given(format!("took longer than {} s", PATIENCE.as_secs()))),
            (None, false) => Err(not_given(format!("failed ({})", finished.status))),
            (None, true) => {
                String::from_utf8(finished.stdout.bytes()).map_err(|_| not_given("printed no text".to_owned()))
            }
        }
    }
}

/// The first line is the key; what follows it is a password store's notes.
fn read_key(source: &KeySource, printed: &str) -> Result<Secret, KeyError> {
    let line = printed.lines().next().unwrap_or_default().trim();
    let wrong = |why| Err(KeyError::NoKey { origin: source.clone(), why });
    match line {
        "" => wrong("is empty"),
        line if line.len() > LONGEST => wrong("is too long to be one"),
        line if !line.bytes().all(|byte| byte.is_ascii_graphic()) => wrong("has characters that no key has"),
        line => Ok(Secret::new(line)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let source: KeySource = text.parse().expect(text);
        assert_eq!(source.to_string(), expected);
    }

    #[test]
    fn presets_are_commands() {
        check("none", "no key");
        check("env:OPENAI_API_KEY", "the variable OPENAI_API_KEY");
        check("vault:secret/openai#key", "`vault kv get -field=key secret/openai`");
        check("op:op://Work/OpenAI/credential", "`op read --no-newline op://Work/OpenAI/credential`");
        check("op://Work/OpenAI/credential", "`op read --no-newline op://Work/OpenAI/credential`");
        check("pass:ai/openai", "`pass show ai/openai`");
        check("sops:keys.yaml#openai.key", r#"`sops decrypt --extract ["openai"]["key"] keys.yaml`"#);
        check("gh", "`gh auth token`");
        check("gh:ghe.example.org", "`gh auth token --hostname ghe.example.org`");
        #[cfg(target_os = "linux")]
        check("keyring:paraph/openai", "`secret-tool lookup service paraph account openai`");
    }

    #[test]
    fn a_key_in_its_place_is_refused_and_not_repeated() {
        for wrong in
            ["sk-hunter22hunter22", "env:sk-hunter22", "pass:--hunter22", "vault:hunter22", "none:hunter22", "env:", ""]
        {
            let error = wrong.parse::<KeySource>().expect_err(wrong);
            assert!(!format!("{error} {error:?}").contains("hunter22"), "{error}");
        }
    }

    fn keys(variables: &[(&str, &str)]) -> Keys {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), Secret::new(*value))).collect();
        let path = std::env::var_os("PATH").expect("a PATH");
        Keys::new(variables, vec![("PATH".into(), path)])
    }

    fn shell(script: &str) -> KeySource {
        KeySource::Command(["sh", "-c", script].map(str::to_owned).to_vec())
    }

    #[tokio::test]
    async fn keys_are_found_once_and_hidden_from_then_on() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("log");
        let source = shell(&format!("echo x >> '{}'; echo hunter22; echo a note", log.display()));
        let keys = keys(&[("A", "hunter33\n")]);
        let (one, two) = tokio::join!(keys.find(&source), keys.find(&source));
        assert_eq!((one, two), (Ok(Some(Secret::new("hunter22"))), Ok(Some(Secret::new("hunter22")))));
        assert_eq!(keys.find(&KeySource::Variable("A".to_owned())).await, Ok(Some(Secret::new("hunter33"))));
        assert_eq!(std::fs::read_to_string(&log).expect("a log"), "x\n", "one search");
        assert_eq!(keys.mask("hunter22 hunter33 hunter44"), "[masked] [masked] hunter44");
        assert!(!format!("{keys:?}").contains("hunter"));
        keys.forget(&source);
        keys.find(&source).await.expect("found again").expect("a key");
        assert_eq!(std::fs::read_to_string(&log).expect("a log"), "x\nx\n");
    }

    #[tokio::test]
    async fn a_program_is_told_what_a_client_lends_and_none_of_its_secrets_is_shown() {
        let keys = keys(&[]);
        let source = shell("test -n \"$VAULT_TOKEN\" && echo \"key-of-$VAULT_TOKEN-at-$VAULT_ADDR\"");
        assert!(keys.find(&source).await.is_err(), "nothing is lent yet");
        keys.lend_to_programs("VAULT_ADDR", &Secret::new("vault.test"));
        keys.lend_to_programs("VAULT_TOKEN", &Secret::new("hunter22"));
        let found = keys.find(&source).await.expect("found").expect("a key");
        assert_eq!(found.reveal(), "key-of-hunter22-at-vault.test");
        assert_eq!(keys.mask("hunter22 at vault.test"), "[masked] at vault.test", "a place is no secret");
    }

    #[tokio::test]
    async fn a_program_runs_beside_the_configuration() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("keys.txt"), "hunter22\n").expect("a file");
        let keys = keys(&[]).in_folder(Some(folder.path().to_owned()));
        assert_eq!(keys.find(&shell("cat keys.txt")).await, Ok(Some(Secret::new("hunter22"))));
        let gone = keys.in_folder(Some(folder.path().join("gone")));
        assert_eq!(gone.find(&shell("echo hunter33")).await, Ok(Some(Secret::new("hunter33"))));
    }

    #[tokio::test]
    async fn what_is_no_key_is_refused_without_being_repeated() {
        let keys = keys(&[("EMPTY", " "), ("ODD", "hunter22 hunter22\u{7}")]);
        let variable = |name: &str| KeySource::Variable(name.to_owned());
        for (source, words) in [
            (variable("UNSET"), "the variable UNSET is not set"),
            (variable("EMPTY"), "is empty"),
            (variable("ODD"), "has characters that no key has"),
            (shell("echo hunter22; exit 3"), "failed (exit status 3)"),
            (shell("head -c 20000 /dev/zero | tr '\\0' h"), "too long"),
            (KeySource::Command(vec!["no-such-program-here".to_owned()]), "is not installed"),
        ] {
            let error = keys.find(&source).await.expect_err(words);
            assert!(error.to_string().contains(words), "{error}");
            let said_by_the_program = error.to_string().replace(&source.to_string(), "");
            assert!(!said_by_the_program.contains("hunter22"), "{error}");
        }
    }
}
