//! A setting's value, what shapes there are, and how each is read from TOML and from a variable.

use std::fmt;

/// What a setting may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Any text on one line.
    Text,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A whole number from `least` to `most`.
    Whole {
        /// The smallest.
        least: u64,
        /// The largest.
        most: u64,
    },
    /// A score from 1.0 to 10.0, kept in tenths.
    Tenths,
    /// True or false.
    Flag,
    /// A list of texts; in a variable separated by commas.
    Texts,
}

/// A setting's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A text or a choice.
    Text(String),
    /// A whole number.
    Whole(u64),
    /// Tenths of a score.
    Tenths(u16),
    /// True or false.
    Flag(bool),
    /// A list of texts.
    Texts(Vec<String>),
}

impl fmt::Display for Value {
    /// As TOML.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => toml::Value::from(text.as_str()).fmt(f),
            Self::Whole(number) => number.fmt(f),
            Self::Tenths(tenths) => write!(f, "{}.{}", tenths / 10, tenths % 10),
            Self::Flag(flag) => flag.fmt(f),
            Self::Texts(texts) => toml::Value::from(texts.clone()).fmt(f),
        }
    }
}

impl Shape {
    /// What to write.
    pub(super) fn wanted(self) -> String {
        match self {
            Self::Text => "write a text of one line".to_owned(),
            Self::Choice(words) => format!("write one of {}", words.join(", ")),
            Self::Whole { least, most } => format!("write a whole number from {least} to {most}"),
            Self::Tenths => "write a number from 1.0 to 10.0".to_owned(),
            Self::Flag => "write true or false".to_owned(),
            Self::Texts => "write a list of texts: [\"a\", \"b\"]".to_owned(),
        }
    }

    /// The value in TOML, where it has this shape; else what it is instead.
    pub(super) fn of_toml(self, value: &toml::Value) -> Result<Value, String> {
        let wrong = || Err(format!("is {}", described(value)));
        match (self, value) {
            (Self::Text | Self::Choice(_), toml::Value::String(text)) => self.of_words(text),
            (Self::Whole { .. }, toml::Value::Integer(number)) => self.of_words(&number.to_string()),
            (Self::Tenths, toml::Value::Integer(number)) => self.of_words(&number.to_string()),
            (Self::Tenths, toml::Value::Float(number)) => self.of_words(&number.to_string()),
            (Self::Flag, toml::Value::Boolean(flag)) => Ok(Value::Flag(*flag)),
            (Self::Texts, toml::Value::Array(items)) => {
                let texts: Option<Vec<String>> =
                    items.iter().map(|item| item.as_str().filter(|text| is_line(text)).map(str::to_owned)).collect();
                texts.map_or_else(wrong, |texts| Ok(Value::Texts(texts)))
            }
            _ => wrong(),
        }
    }

    /// The value as a variable or a person's words have it.
    pub(super) fn of_words(self, words: &str) -> Result<Value, String> {
        let wrong = || format!("is `{}`", shortened(words));
        let trimmed = words.trim();
        match self {
            Self::Text if is_line(words) => Ok(Value::Text(words.to_owned())),
            Self::Text => Err(wrong()),
            Self::Choice(known) => {
                let found = known.iter().find(|word| word.eq_ignore_ascii_case(trimmed));
                found.map(|word| Value::Text((*word).to_owned())).ok_or_else(wrong)
            }
            Self::Whole { least, most } => {
                let number = trimmed.parse::<u64>().ok().filter(|number| (least..=most).contains(number));
                number.map(Value::Whole).ok_or_else(wrong)
            }
            Self::Tenths => tenths(trimmed).map(Value::Tenths).ok_or_else(wrong),
            Self::Flag => match trimmed.to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" | "on" => Ok(Value::Flag(true)),
                "false" | "0" | "no" | "off" => Ok(Value::Flag(false)),
                _ => Err(wrong()),
            },
            Self::Texts if is_line(words) => {
                let texts = words.split(',').map(str::trim).filter(|text| !text.is_empty());
                Ok(Value::Texts(texts.map(str::to_owned).collect()))
            }
            Self::Texts => Err(wrong()),
        }
    }
}

fn is_line(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

/// `7`, `7.0`, `7.5`: one decimal at most, 1.0 to 10.0.
fn tenths(text: &str) -> Option<u16> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.len() <= 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || part.trim_end_matches('0').len() > 1 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = part.bytes().next().map_or(0, |digit| u16::from(digit - b'0'));
    let tenths = whole.parse::<u16>().ok()? * 10 + part;
    (10..=100).contains(&tenths).then_some(tenths)
}

fn shortened(text: &str) -> String {
    let cut: String = text.chars().take(60).collect();
    if cut.len() < text.len() { format!("{cut}…") } else { cut }
}

fn described(value: &toml::Value) -> String {
    match value {
        toml::Value::Array(_) | toml::Value::Table(_) => format!("a {}", value.type_str()),
        other => format!("the {} `{}`", other.type_str(), shortened(&other.to_string())),
    }
}
