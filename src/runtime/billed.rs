//! What a call took, as it is recorded: what the provider says, held against what went over the wire.
//!
//! Caps rest on these figures. So nobody who is asked can make a call smaller than its bytes allow: a count below that is
//! not believed, and the estimate is recorded as one.

use std::time::Duration;

use crate::infrastructure::llm::{ChatReply, Streamed, Usage};
use crate::session::{CallAsked, PromptCount, TokensBy};

/// Tokens a second that no model makes without showing them. // 200: what thinks unseen is slower; fast ones stream
const FASTEST_UNSEEN: u64 = 200;

/// Tokens that may have been made and were still on their way.
const ON_THE_WAY: u64 = 64;

/// The most bytes that a token has on average of a whole text. // 8: prose takes 4 to 5 in the tokenizers of the big
/// providers, code 3 to 4; what repeats itself takes more
const MOST_BYTES: u64 = 8;

/// Bytes of a token where nobody counted. // 3: as a prompt is estimated
const USUAL_BYTES: u64 = 3;

/// What an answer brought so far: what it may have cost is counted from it where it came to no end.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// Bytes of words, thoughts and names of tools.
    pub(super) bytes: u64,
    /// When the try that runs was sent, by the monotonic clock; none where it waits to be.
    since: Option<Duration>,
    /// What the provider says of an answer that cannot be used.
    told: Usage,
}

impl Heard {
    pub(super) fn hear(&mut self, piece: &Streamed<'_>, now: Duration) {
        match piece {
            Streamed::Text(text) | Streamed::Thinking(text) => self.bytes += text.len() as u64,
            Streamed::Call(name) => self.bytes += name.len() as u64,
            // what came before was refused, and costs nothing
            Streamed::Sent => *self = Self { since: Some(now), ..Self::default() },
            Streamed::Took(usage) => self.told = *usage,
            Streamed::Waits { .. } => *self = Self::default(),
        }
    }

    /// How long a call waited before the try that ended it was sent, and how long that one took. What ended unsent only
    /// waited; who answers without a word of when was asked at once.
    pub(super) fn times(&self, started: Duration, ended: Duration, is_answered: bool) -> (Duration, Duration) {
        let sent = self.since.unwrap_or(if is_answered { started } else { ended });
        (sent.saturating_sub(started), ended.saturating_sub(sent))
    }

    /// The most tokens of prompt and answer that a try which broke off at `now` may be billed.
    pub(super) fn may_be_billed(&self, asked: &CallAsked, now: Duration) -> (u64, u64) {
        let Some(since) = self.since else { return (0, 0) };
        let (heard, took) = (self.bytes.div_ceil(USUAL_BYTES), now.saturating_sub(since));
        if let Some(told) = self.told.output {
            let most = asked.output_tokens.max(heard);
            return (self.told.input.unwrap_or(0).max(asked.input_tokens), told.max(heard).min(most));
        }
        let unseen = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).saturating_mul(FASTEST_UNSEEN) / 1000;
        (asked.input_tokens, heard.max(unseen).saturating_add(ON_THE_WAY).min(asked.output_tokens))
    }
}

/// What a call took that was answered, and who says so: the provider where both of its counts can be, else an estimate
/// in the place of the one that cannot.
pub(super) fn took(asked: &CallAsked, reply: &ChatReply, heard: &Heard) -> (Usage, TokensBy) {
    let told = reply.usage;
    let least_input = match asked.count {
        // a count and what is billed may differ a little: by what a provider puts around a prompt
        PromptCount::Exact => asked.input_tokens - asked.input_tokens / 10,
        PromptCount::Estimated => asked.input_tokens.saturating_mul(USUAL_BYTES) / MOST_BYTES,
    };
    let calls: usize = reply.calls.iter().map(|call| call.name.len() + call.arguments.len()).sum();
    let bytes = heard.bytes.max((reply.text.len() + calls) as u64);
    let believed = |told: Option<u64>, least: u64| told.filter(|told| *told >= least);
    let input = believed(told.input, least_input);
    let output = believed(told.output, bytes / MOST_BYTES);
    let lied = (told.input.is_some() && input.is_none()) || (told.output.is_some() && output.is_none());
    let by = if input.is_some() && output.is_some() { TokensBy::Provider } else { TokensBy::Estimate };
    // a prompt that was not believed was not read from a cache either
    let part = |part: Option<u64>| part.filter(|_| input.is_some());
    let usage = Usage {
        input: Some(input.unwrap_or(asked.input_tokens)),
        output: Some(output.unwrap_or_else(|| bytes.div_ceil(USUAL_BYTES))),
        cache_read: part(told.cache_read),
        cache_write: part(told.cache_write),
        // a price that goes with a count that cannot be is no price
        cost_micros: told.cost_micros.filter(|_| !lied),
    };
    (usage, by)
}

/// Whether a provider, or an agent, said what it took.
pub(super) fn told(usage: &Usage) -> TokensBy {
    if usage.input.is_some() && usage.output.is_some() { TokensBy::Provider } else { TokensBy::Estimate }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Digest;
    use crate::infrastructure::llm::{CallBlock, Finish};
    use crate::planning::Role;
    use crate::session::{EffectKey, EffectKind};
    use crate::text::Untrusted;

    fn asked(count: PromptCount) -> CallAsked {
        CallAsked {
            key: EffectKey { kind: EffectKind::Draft, lane: None, version: Some(crate::id::Version::FIRST) },
            attempt: 1,
            role: Role::Implementer,
            model: "a/b".to_owned(),
            prompt: Digest::of(b"x"),
            input_tokens: 5_000,
            count,
            uncounted: Untrusted::default(),
            fits: 0,
            output_tokens: 16_000,
            cost_micros: Some(230_000),
            prices: String::new(),
            room: 0,
            heard: 0,
            redacted: Vec::new(),
        }
    }

    /// What a call counts that was sent with 5,000 tokens of prompt and broke off.
    #[track_caller]
    fn check(pieces: &[(u64, Streamed<'_>)], broke_off_at: u64, expected: (u64, u64)) {
        let mut heard = Heard::default();
        pieces.iter().for_each(|(at, piece)| heard.hear(piece, Duration::from_secs(*at)));
        let asked = asked(PromptCount::Estimated);
        assert_eq!(heard.may_be_billed(&asked, Duration::from_secs(broke_off_at)), expected);
    }

    #[test]
    fn a_call_that_broke_off_counts_what_may_have_been_billed() {
        let text = "x".repeat(3_000);
        let sent = (100, Streamed::Sent);
        check(&[sent], 102, (5_000, 464));
        check(&[sent], 3_000, (5_000, 16_000));
        check(&[sent, (101, Streamed::Text(&text))], 102, (5_000, 1_064));
        let waits = Streamed::Waits { pause: Duration::from_secs(40), next: 2, why: "HTTP 500" };
        check(&[], 120, (0, 0));
        check(&[sent, (101, waits)], 120, (0, 0));
        check(&[sent, (101, Streamed::Text(&text)), (102, waits), (142, Streamed::Sent)], 143, (5_000, 264));
    }

    #[test]
    fn a_call_takes_no_longer_because_it_waited_for_its_turn() {
        let at = Duration::from_secs;
        let times = |pieces: &[(u64, Streamed<'_>)], is_answered| {
            let mut heard = Heard::default();
            pieces.iter().for_each(|(when, piece)| heard.hear(piece, at(*when)));
            heard.times(at(100), at(160), is_answered)
        };
        let waits = Streamed::Waits { pause: at(40), next: 1, why: "at most 2 requests a minute" };
        let sent = |when| (when, Streamed::Sent);
        assert_eq!(times(&[sent(100)], true), (at(0), at(60)));
        assert_eq!(times(&[(100, waits), sent(140), (141, Streamed::Text("x"))], true), (at(40), at(20)));
        assert_eq!(times(&[sent(100), (103, waits), sent(143)], false), (at(43), at(17)));
        assert_eq!(times(&[(100, waits)], false), (at(60), at(0)), "it was never sent");
        assert_eq!(times(&[], true), (at(0), at(60)));
    }

    /// What is recorded of an answer of 2,400 bytes, 800 of them a tool's arguments, where `input` and `output` are told.
    #[track_caller]
    fn check_took(count: PromptCount, told: (Option<u64>, Option<u64>), expected: (u64, u64, TokensBy)) {
        let call = CallBlock { id: "1".into(), name: "n".into(), arguments: "x".repeat(799) };
        let usage = Usage { input: told.0, output: told.1, ..Usage::default() };
        let (finish, model) = (Finish::Stop, String::new());
        let text = "x".repeat(1_600);
        let reply = ChatReply {
            text,
            calls: vec![call],
            finish,
            usage,
            model,
            request_id: String::new(),
            kept: None,
            without_tools: false,
            hides_key: false,
        };
        let (usage, by) = took(&asked(count), &reply, &Heard::default());
        assert_eq!((usage.input.unwrap_or(0), usage.output.unwrap_or(0), by), expected);
    }

    #[test]
    fn what_is_told_counts_as_far_as_the_bytes_allow_it() {
        use PromptCount::{Estimated, Exact};
        use TokensBy::{Estimate, Provider};
        check_took(Estimated, (Some(3_600), Some(610)), (3_600, 610, Provider));
        check_took(Estimated, (Some(1_875), Some(300)), (1_875, 300, Provider));
        check_took(Estimated, (Some(1_874), Some(300)), (5_000, 300, Estimate));
        check_took(Estimated, (Some(1_875), Some(299)), (1_875, 800, Estimate));
        check_took(Estimated, (Some(1), Some(1)), (5_000, 800, Estimate));
        check_took(Estimated, (None, None), (5_000, 800, Estimate));
        check_took(Exact, (Some(4_500), Some(300)), (4_500, 300, Provider));
        check_took(Exact, (Some(4_499), Some(300)), (5_000, 300, Estimate));
        check_took(Exact, (Some(90_000), Some(90_000)), (90_000, 90_000, Provider));
    }

    #[test]
    fn thoughts_that_were_heard_count_and_a_cache_of_a_prompt_that_cannot_be_does_not() {
        let usage =
            Usage { input: Some(10), output: Some(10), cache_read: Some(9), cache_write: None, cost_micros: Some(3) };
        let (finish, model, text) = (Finish::Stop, String::new(), "yes".to_owned());
        let reply = ChatReply {
            text,
            calls: Vec::new(),
            finish,
            usage,
            model,
            request_id: String::new(),
            kept: None,
            without_tools: false,
            hides_key: false,
        };
        let mut heard = Heard::default();
        heard.hear(&Streamed::Thinking(&"x".repeat(900)), Duration::ZERO);
        let (took, by) = took(&asked(PromptCount::Estimated), &reply, &heard);
        let expected = Usage { input: Some(5_000), output: Some(300), ..Usage::default() };
        assert_eq!((took, by), (expected, TokensBy::Estimate));
    }
}
