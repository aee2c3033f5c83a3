//! Writing one setting into the user's file, whose comments and order stay.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, Item, Table};

use super::table::{SETTINGS, spec};
use super::value::{Shape, Value};
use crate::text::nearest;

/// Why a setting was not written. The file is as it was.
#[derive(Debug, thiserror::Error)]
pub enum SetError {
    /// There is no such setting.
    #[error("there is no setting `{key}`")]
    Unknown {
        /// What was asked for.
        key: String,
        /// What to type.
        hint: String,
    },
    /// The value does not fit.
    #[error("`{key}` {what}")]
    Value {
        /// The setting.
        key: String,
        /// What the value is.
        what: String,
        /// What would fit.
        hint: String,
    },
    /// The file is no TOML: it is not touched.
    #[error("`{path}` does not read: {message}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        message: String,
    },
    /// The file cannot be read or written.
    #[error("cannot write `{path}`", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl SetError {
    /// What to type next.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Unknown { hint, .. } | Self::Value { hint, .. } => hint.clone(),
            Self::Unreadable { .. } => "paraph config check".to_owned(),
            Self::Io { .. } => "set PARAPH_CONFIG to a file you can write".to_owned(),
        }
    }
}

/// Sets `key` in the file at `path`, which is made where it is missing, readable by its owner only.
///
/// `value` is TOML or plain words. A link is followed: people keep such files elsewhere.
///
/// # Errors
/// [`SetError`]; the file is as it was.
pub fn set(path: &Path, key: &str, value: &str) -> Result<(), SetError> {
    let io = |source| SetError::Io { path: path.to_owned(), source };
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(io(error)),
    };
    let text = set_in_text(&text, key, value).map_err(|error| match error {
        SetError::Unreadable { message, .. } => SetError::Unreadable { path: path.to_owned(), message },
        other => other,
    })?;
    replace(path, &text).map_err(io)
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut file = tempfile::Builder::new().prefix(".config-").tempfile_in(folder)?;
    let mode = fs::metadata(&target).map_or(0o600, |data| data.permissions().mode() & 0o777);
    file.as_file().set_permissions(fs::Permissions::from_mode(mode))?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(&target).map_err(|error| error.error)?;
    fs::File::open(folder)?.sync_all()
}

/// `text` with `key` set to `value`.
///
/// # Errors
/// [`SetError`], but for [`SetError::Io`].
pub fn set_in_text(text: &str, key: &str, value: &str) -> Result<String, SetError> {
    let spec = spec(key).ok_or_else(|| SetError::Unknown {
        key: key.to_owned(),
        hint: match nearest(key, SETTINGS.iter().map(|spec| spec.key)) {
            Some(word) => format!("paraph config set {word} VALUE"),
            None => "paraph config origins".to_owned(),
        },
    })?;
    let value = parse(spec.shape, value).map_err(|what| SetError::Value {
        key: key.to_owned(),
        what,
        hint: spec.shape.wanted(),
    })?;
    let unreadable = |message: String| SetError::Unreadable { path: PathBuf::new(), message };
    // the editor's parser ends the program over some texts that are no TOML: the reader's tells them first
    text.parse::<toml::Table>().map_err(|error| unreadable(error.message().to_owned()))?;
    let mut document: DocumentMut =
        text.parse().map_err(|error: toml_edit::TomlError| unreadable(error.message().to_owned()))?;
    let (table, name) = match key.split_once('.') {
        None => (document.as_table_mut(), key),
        Some((table, name)) => {
            let item = document.entry(table).or_insert_with(|| Item::Table(Table::new()));
            let inner = item.as_table_like_mut().ok_or_else(|| unreadable(format!("`{table}` is not a table")))?;
            put(inner, name, &value);
            return Ok(document.to_string());
        }
    };
    put(table, name, &value);
    Ok(document.to_string())
}

/// Puts a value in the place of the old one; what stands around it stays.
fn put(table: &mut dyn toml_edit::TableLike, name: &str, value: &Value) {
    let mut new = to_edit(value);
    match table.get_mut(name) {
        Some(item) => {
            if let Some(old) = item.as_value() {
                *new.decor_mut() = old.decor().clone();
            }
            *item = Item::Value(new);
        }
        None => drop(table.insert(name, Item::Value(new))),
    }
}

fn to_edit(value: &Value) -> toml_edit::Value {
    match value {
        Value::Text(text) => text.as_str().into(),
        Value::Whole(number) => i64::try_from(*number).unwrap_or(i64::MAX).into(),
        Value::Tenths(tenths) => (f64::from(*tenths) / 10.0).into(),
        Value::Flag(flag) => (*flag).into(),
        Value::Texts(texts) => toml_edit::Value::Array(texts.iter().map(String::as_str).collect()),
    }
}

/// TOML where it is some of the right shape, else plain words.
fn parse(shape: Shape, value: &str) -> Result<Value, String> {
    let parsed = format!("x = {value}\n").parse::<toml::Table>().ok().and_then(|table| table.get("x").cloned());
    match parsed.map(|parsed| shape.of_toml(&parsed)) {
        Some(Ok(value)) => Ok(value),
        Some(Err(what)) if shape == Shape::Texts => shape.of_words(value).map_err(|_| what),
        _ => shape.of_words(value),
    }
}

/// What the file says of the tables whose names are the user's.
const OF_MODELS: &str = "\
# Models beyond the setting `model` have tables, which stand at the end of this file (paraph help models):
#   [providers.work]
#   base_url = \"https://llm.work.example/v1\"
#   key = \"env:WORK_LLM_KEY\"
#   context = 200000
#   [roles.reviewer]
#   models = [\"work/qwen3-coder\", \"anthropic/claude-sonnet-4-5\"]
";

/// The file that `paraph init` writes: every setting, switched off, with its built-in value and what it is for.
#[must_use]
pub fn initial_text() -> String {
    let mut text = String::from(
        "# Paraph's settings. A line that starts with `#` says nothing.\n# Keys are never read from here: set OPENAI_API_KEY or its like.\n",
    );
    text.push_str(OF_MODELS);
    let mut table = "";
    for spec in SETTINGS {
        let (of, name) = spec.key.split_once('.').unwrap_or(("", spec.key));
        if of != table {
            text.push_str(&format!("\n[{of}]\n"));
            table = of;
        }
        text.push_str(&format!("# {}\n#{name} = {}\n", spec.about, spec.default_value()));
    }
    text
}
