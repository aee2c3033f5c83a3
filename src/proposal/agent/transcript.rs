//! What an agent said and did, as it came: followed while it grows, kept as a blob.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::wire::{Cost, TokensUsed};
use crate::id::Digest;
use crate::infrastructure::live_log::LiveLog;
use crate::infrastructure::llm::Usage;
use crate::text::LiveMask;

/// Bytes of the agent's words that the explanation may hold: the end.
const LARGEST_SAID: usize = 16 << 10;

/// A transcript that several threads write to. Clones share it.
#[derive(Clone)]
pub(super) struct Transcript(Arc<Mutex<Inner>>);

struct Inner {
    /// `None` once it is finished.
    log: Option<LiveLog>,
    /// What the agent said since it last used a tool.
    said: String,
    /// Whether the log stands in the middle of the agent's words.
    speaking: bool,
    used: Used,
    /// Hides keys that Paraph was given.
    mask: LiveMask,
}

/// What the agent says that its models took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Used {
    tokens: Option<TokensUsed>,
    cost_micros: Option<u64>,
}

impl Used {
    /// As a call's usage. The cost is what the agent says; by no table of ours could it be known.
    pub(super) fn usage(self) -> Usage {
        let cost_micros = self.cost_micros;
        let Some(tokens) = self.tokens else { return Usage { cost_micros, ..Usage::default() } };
        let (read, written) = (tokens.cached_read_tokens.unwrap_or(0), tokens.cached_write_tokens.unwrap_or(0));
        Usage {
            input: Some(tokens.input_tokens.saturating_add(read).saturating_add(written)),
            output: Some(tokens.output_tokens.saturating_add(tokens.thought_tokens.unwrap_or(0))),
            cache_read: tokens.cached_read_tokens,
            cache_write: tokens.cached_write_tokens,
            cost_micros,
        }
    }
}

impl Transcript {
    /// A transcript in which the keys that `mask` knows are hidden.
    pub(super) fn new(log: LiveLog, mask: LiveMask) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            log: Some(log),
            said: String::new(),
            speaking: false,
            used: Used::default(),
            mask,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file as it grows.
    pub(super) fn path(&self) -> PathBuf {
        self.lock().log.as_ref().map(|log| log.path().to_owned()).unwrap_or_default()
    }

    /// A line about something that happened.
    pub(super) fn line(&self, text: &str) {
        let mut inner = self.lock();
        let before = if inner.speaking { "\n" } else { "" };
        inner.speaking = false;
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        inner.push(format!("{before}{text}\n").as_bytes());
    }

    /// Words of the agent, a piece of them.
    pub(super) fn says(&self, text: &str) {
        let mut inner = self.lock();
        inner.said.push_str(text);
        if inner.said.len() > LARGEST_SAID {
            let from = inner.said.ceil_char_boundary(inner.said.len() - LARGEST_SAID);
            inner.said.drain(..from);
        }
        inner.speak(text);
    }

    /// Thoughts of the agent, a piece of them; not part of what it said.
    pub(super) fn thinks(&self, text: &str) {
        self.lock().speak(text);
    }

    /// What its session cost until now; dollars alone can be counted.
    pub(super) fn costs(&self, cost: &Cost) {
        let is_usd = cost.currency.eq_ignore_ascii_case("usd");
        if is_usd && (0.0..=100_000.0).contains(&cost.amount) {
            self.lock().used.cost_micros = Some((cost.amount * 1e6).round() as u64);
        }
    }

    /// The tokens of its turn.
    pub(super) fn took(&self, tokens: TokensUsed) {
        self.lock().used.tokens = Some(tokens);
    }

    /// What it told of what it took.
    pub(super) fn used(&self) -> Used {
        self.lock().used
    }

    /// What it said before does not sum up what it does from now on.
    pub(super) fn works(&self) {
        self.lock().said.clear();
    }

    /// What the agent printed beside the protocol.
    pub(super) fn stderr(&self, bytes: &[u8]) {
        let mut inner = self.lock();
        if inner.speaking {
            inner.push(b"\n");
            inner.speaking = false;
        }
        inner.push(bytes);
    }

    /// Its last lines.
    pub(super) fn tail(&self, lines: usize) -> String {
        self.lock().log.as_ref().map(|log| log.tail(lines)).unwrap_or_default()
    }

    /// What the agent said at the end. Its pieces are hidden one by one as they come; a key that came in two is found here.
    pub(super) fn said(&self) -> String {
        let inner = self.lock();
        inner.hidden(&inner.said).into_owned()
    }

    /// Makes it a blob; what comes later is lost.
    pub(super) fn finish(&self, last: &str) -> Result<Digest, String> {
        match self.lock().log.take() {
            Some(log) => log.finish(last),
            None => Err("it was kept already".to_owned()),
        }
    }
}

impl Inner {
    fn push(&mut self, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        let hidden = match self.hidden(&text) {
            Cow::Owned(hidden) => hidden.into_bytes(),
            Cow::Borrowed(_) => bytes.to_vec(), // as they came, whatever they are
        };
        if let Some(log) = &mut self.log {
            log.push(&hidden);
        }
    }

    fn hidden<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.mask.now().mask_known(text)
    }

    fn speak(&mut self, text: &str) {
        self.push(text.as_bytes());
        self.speaking = !text.is_empty() && !text.ends_with('\n');
    }
}
