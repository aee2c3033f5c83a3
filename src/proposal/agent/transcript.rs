//! What an agent said and did, as it came: followed while it grows, kept as a blob.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::wire::{Cost, TokensUsed};
use crate::id::Digest;
use crate::infrastructure::live_log::LiveLog;
use crate::infrastructure::llm::{Usage, token_count};
use crate::text::{LiveMask, SecretMask};

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
    /// Of the turns that it told them of.
    tokens: Option<TokensUsed>,
    /// The most tokens that its context held: so many it read at least.
    context: u64,
    cost_micros: Option<u64>,
    /// Whether a turn is not at its end.
    is_open: bool,
    /// Whether a turn ended of which it told none.
    is_untold: bool,
}

impl Used {
    /// As a call's usage. The cost is what the agent says; by no table of ours could it be known.
    pub(super) fn usage(self) -> Usage {
        let context = Some(self.context).filter(|tokens| *tokens > 0);
        let Some(tokens) = self.tokens else {
            return Usage { input: context, cost_micros: self.cost_micros, ..Usage::default() };
        };
        let (read, written) = (tokens.cached_read_tokens.unwrap_or(0), tokens.cached_write_tokens.unwrap_or(0));
        let input = tokens.input_tokens.saturating_add(read).saturating_add(written);
        Usage {
            input: Some(if self.is_whole() { input } else { input.max(self.context) }),
            output: Some(tokens.output_tokens.saturating_add(tokens.thought_tokens.unwrap_or(0))),
            cache_read: tokens.cached_read_tokens,
            cache_write: tokens.cached_write_tokens,
            cost_micros: self.cost_micros,
        }
    }

    /// Whether it told of every turn, and none was cut off.
    pub(super) fn is_whole(self) -> bool {
        !self.is_open && !self.is_untold
    }

    /// A turn ended, and it says so of its tokens.
    fn turn_ended(&mut self, tokens: Option<TokensUsed>) {
        self.is_open = false;
        match tokens {
            Some(tokens) => self.tokens = Some(self.tokens.map_or(tokens, |before| before.and(tokens))),
            None => self.is_untold = true,
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

    /// The first `most` bytes of `text`, and a mark where that is not all.
    pub(super) fn brief(&self, text: &str, most: usize) -> String {
        brief(&self.lock().mask.now(), text, most)
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

    /// What its context holds, and what its session cost until now; dollars alone can be counted.
    pub(super) fn uses(&self, tokens: Option<f64>, cost: Option<&Cost>) {
        let mut inner = self.lock();
        if let Some(tokens) = tokens.and_then(|tokens| token_count(&tokens.into())) {
            inner.used.context = inner.used.context.max(tokens);
        }
        let counts =
            |cost: &&Cost| cost.currency.eq_ignore_ascii_case("usd") && (0.0..=100_000.0).contains(&cost.amount);
        if let Some(cost) = cost.filter(counts) {
            inner.used.cost_micros = Some((cost.amount * 1e6).round() as u64);
        }
    }

    /// A turn begins.
    pub(super) fn asks(&self) {
        self.lock().used.is_open = true;
    }

    /// It ended, with these tokens where it tells them.
    pub(super) fn took(&self, tokens: Option<TokensUsed>) {
        self.lock().used.turn_ended(tokens);
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

/// Keys are hidden before it is cut: half of one is a secret, and looks like none.
fn brief(mask: &SecretMask, text: &str, most: usize) -> String {
    let text = mask.mask_known(text);
    if text.len() <= most {
        return text.into_owned();
    }
    format!("{}…", &text[..text.floor_char_boundary(most)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_half_of_a_key_is_left_where_a_text_is_cut() {
        let mask = SecretMask::new(vec!["hunter22-long".to_owned()]);
        for most in 4..30 {
            let told = brief(&mask, "say hunter22-long aloud", most);
            assert!(!told.contains("hun") && told.len() <= most + "…".len(), "{told}");
        }
        assert_eq!(brief(&mask, "say hunter22-long", 40), "say [masked]");
    }

    fn turn(input_tokens: u64, output_tokens: u64) -> TokensUsed {
        TokensUsed { input_tokens, output_tokens, ..TokensUsed::default() }
    }

    /// What comes of turns that took so much, `None` for one that told nothing, and of one that was cut off after them.
    #[track_caller]
    fn check(turns: &[Option<TokensUsed>], is_cut: bool, expected: (Option<u64>, Option<u64>, bool)) {
        let mut used = Used { context: 900, is_open: is_cut, ..Used::default() };
        turns.iter().for_each(|turn| used.turn_ended(*turn));
        used.is_open = is_cut;
        assert_eq!((used.usage().input, used.usage().output, used.is_whole()), expected);
    }

    #[test]
    fn what_is_cut_off_took_what_was_told_of_it_by_then() {
        check(&[Some(turn(500, 40))], false, (Some(500), Some(40), true));
        check(&[Some(turn(500, 40)), Some(turn(700, 2))], false, (Some(1_200), Some(42), true));
        check(&[Some(turn(500, 40))], true, (Some(900), Some(40), false));
        check(&[Some(turn(5_000, 40)), None], false, (Some(5_000), Some(40), false));
        check(&[None], false, (Some(900), None, false));
        check(&[], true, (Some(900), None, false));
    }
}
