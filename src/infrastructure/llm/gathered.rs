//! An answer while it is put together, whatever format it comes in; at the end it is whole or it is refused.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{CallBlock, ChatReply, Finish, FoundFault, Streamed, Usage};

/// The most bytes that go back with a turn; of more nothing goes, for half a thought is none.
// 1 MiB: thoughts of a hundred thousand tokens and more
const MOST_KEPT: usize = 1 << 20;

/// Fields of a piece that come bit by bit.
const GROWING: [&str; 5] = ["text", "summary", "data", "thinking", "signature"];

/// Whom pieces are told to.
pub(super) type Seen<'a> = &'a mut (dyn FnMut(Streamed<'_>) + Send);

/// What is wrong with an answer, before it is known whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wrong {
    /// It cannot be used.
    Faulty(FoundFault, String),
    /// The provider reports an error in place of an answer or in its middle: a status where it names one.
    Reported {
        /// As of HTTP.
        status: Option<u16>,
        /// Its words.
        said: String,
    },
    /// The provider holds the answer back.
    Held(String),
}

impl Wrong {
    pub(super) fn unreadable(why: impl Into<String>) -> Self {
        Self::Faulty(FoundFault::Unreadable, why.into())
    }
}

/// The pieces until now.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    text: String,
    calls: BTreeMap<u64, CallBlock>,
    finish: Option<Finish>,
    /// What goes back with the turn.
    kept: Map<String, Value>,
    /// Bytes that came of it.
    kept_bytes: usize,
    is_done: bool,
    /// The tool that stands for the answer's shape: what it is called with is the answer.
    shape: Option<String>,
    pub(super) usage: Usage,
    pub(super) model: String,
    pub(super) request_id: String,
}

impl Gathered {
    /// Nothing yet; a call of the tool `shape` will be the answer.
    pub(super) fn new(shape: Option<String>, request_id: String) -> Self {
        Self { shape, request_id, ..Self::default() }
    }

    pub(super) fn say(&mut self, more: &str, seen: Seen<'_>) {
        if !more.is_empty() {
            self.text.push_str(more);
            seen(Streamed::Text(more));
        }
    }

    /// A thought goes to the screen; what of it the provider wants back is kept beside.
    pub(super) fn think(&self, more: &str, seen: Seen<'_>) {
        if !more.is_empty() {
            seen(Streamed::Thinking(more));
        }
    }

    /// More of a text that goes back with the turn.
    pub(super) fn keep_text(&mut self, name: &str, more: &str) {
        if !self.has_room_for(more.len()) {
            return;
        }
        if let Value::String(text) = self.kept.entry(name).or_insert_with(|| Value::String(String::new())) {
            text.push_str(more);
        }
    }

    /// A piece of a list that goes back with the turn: one that is begun goes on where both have its number.
    pub(super) fn keep_piece(&mut self, name: &str, piece: &Value) {
        if !self.has_room_for(piece.to_string().len()) {
            return;
        }
        let kept = self.kept.entry(name).or_insert_with(|| Value::Array(Vec::new()));
        let Some(list) = kept.as_array_mut() else { return };
        let begun = list.iter_mut().find(|one| piece["index"].is_number() && one["index"] == piece["index"]);
        match begun {
            Some(begun) => go_on(begun, piece),
            None => list.push(piece.clone()),
        }
    }

    /// A value that goes back under that name.
    pub(super) fn keep_value(&mut self, name: &str, value: &Value) {
        if self.has_room_for(value.to_string().len()) {
            self.kept.insert(name.to_owned(), value.clone());
        }
    }

    /// Counts what comes to be kept; whether it still may be.
    fn has_room_for(&mut self, bytes: usize) -> bool {
        self.kept_bytes = self.kept_bytes.saturating_add(bytes);
        self.kept_bytes <= MOST_KEPT
    }

    /// A call begins, or says its name again.
    pub(super) fn call(&mut self, index: u64, id: &str, name: &str, seen: Seen<'_>) {
        let call = self.calls.entry(index).or_insert_with(|| CallBlock {
            id: String::new(),
            name: String::new(),
            arguments: String::new(),
        });
        if call.id.is_empty() {
            id.clone_into(&mut call.id);
        }
        if call.name.is_empty() && !name.is_empty() {
            name.clone_into(&mut call.name);
            if self.shape.as_deref() != Some(name) {
                seen(Streamed::Call(name));
            }
        }
    }

    /// More of a call's arguments.
    pub(super) fn argue(&mut self, index: u64, more: &str, seen: Seen<'_>) {
        if let Some(call) = self.calls.get_mut(&index) {
            call.arguments.push_str(more);
            if self.shape.is_some() && self.shape.as_deref() == Some(&call.name) && !more.is_empty() {
                seen(Streamed::Text(more));
            }
        }
    }

    /// Whether that call has arguments.
    pub(super) fn is_argued(&self, index: u64) -> bool {
        self.calls.get(&index).is_some_and(|call| !call.arguments.is_empty())
    }

    /// Whether there is no word and no call yet.
    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty() && self.calls.is_empty()
    }

    /// Whether a call with this number, and with this id where both are known, has begun.
    pub(super) fn has_call(&self, index: u64, id: &str) -> bool {
        self.calls.get(&index).is_some_and(|call| id.is_empty() || call.id.is_empty() || call.id == id)
    }

    /// The number of the call with this id, or of the last one where no id is given.
    pub(super) fn call_named(&self, id: &str) -> Option<u64> {
        let mut calls = self.calls.iter().rev();
        calls.find(|(_, call)| id.is_empty() || call.id == id).map(|(index, _)| *index)
    }

    /// The number that the next call gets where the format gives none.
    pub(super) fn next_call(&self) -> u64 {
        self.calls.last_key_value().map_or(0, |(last, _)| last + 1)
    }

    /// Why it stopped: from here on the answer is whole. The first reason stands.
    pub(super) fn finish(&mut self, finish: Finish) {
        self.finish.get_or_insert(finish);
    }

    /// The stream's last event: nothing that follows counts.
    pub(super) fn done(&mut self) {
        self.is_done = true;
    }

    /// The reason that was given does not count: what should have followed it did not come.
    pub(super) fn reopen(&mut self) {
        self.finish = None;
    }

    pub(super) fn is_finished(&self) -> bool {
        self.finish.is_some()
    }

    pub(super) fn is_done(&self) -> bool {
        self.is_done
    }

    /// How much arrived, in words for an error.
    fn arrived(&self) -> String {
        format!("after {} characters and {} tool calls", self.text.chars().count(), self.calls.len())
    }

    /// The whole answer.
    pub(super) fn reply(mut self) -> Result<ChatReply, Wrong> {
        let Some(mut finish) = self.finish.take() else {
            return Err(match self.text.is_empty() && self.calls.is_empty() {
                true => Wrong::Faulty(FoundFault::Empty, "it ended without a word".to_owned()),
                false => Wrong::Faulty(FoundFault::CutOff, format!("it ended without its end {}", self.arrived())),
            });
        };
        let mut calls = Vec::new();
        for (index, mut call) in std::mem::take(&mut self.calls) {
            if self.shape.is_some() && self.shape.as_deref() == Some(&call.name) {
                self.text.clone_from(&call.arguments); // words beside it are no part of the answer
                continue;
            }
            if call.name.is_empty() {
                return Err(Wrong::unreadable("it calls a tool without a name"));
            }
            if call.id.is_empty() {
                call.id = format!("call-{index}");
            }
            if call.arguments.trim().is_empty() {
                call.arguments = "{}".to_owned();
            }
            calls.push(call);
        }
        match (&finish, calls.is_empty()) {
            (Finish::Stop, false) => finish = Finish::Tools,
            (Finish::Tools, true) => finish = Finish::Stop,
            _ => {}
        }
        if self.text.trim().is_empty() && calls.is_empty() {
            return Err(match finish {
                Finish::Filtered => Wrong::Held("the whole answer was held back".to_owned()),
                Finish::Length => Wrong::Faulty(
                    FoundFault::Empty,
                    "all of its tokens went before the first word; more output tokens may help".to_owned(),
                ),
                _ => Wrong::Faulty(FoundFault::Empty, "there is no word in it".to_owned()),
            });
        }
        let Self { text, usage, model, request_id, kept, kept_bytes, .. } = self;
        let goes_back = !kept.is_empty() && kept_bytes <= MOST_KEPT && !calls.is_empty();
        let kept = goes_back.then_some(Value::Object(kept));
        Ok(ChatReply {
            text,
            calls,
            finish,
            usage: believable(usage),
            model,
            request_id,
            kept,
            without_tools: false,
            hides_key: false,
        })
    }
}

/// The next piece of what was begun: its texts follow, anything else is the newest.
fn go_on(begun: &mut Value, piece: &Value) {
    let (Some(begun), Some(piece)) = (begun.as_object_mut(), piece.as_object()) else { return };
    for (name, value) in piece {
        match (begun.get_mut(name), value) {
            (Some(Value::String(text)), Value::String(more)) if GROWING.contains(&name.as_str()) => text.push_str(more),
            (_, Value::Null) => {}
            _ => drop(begun.insert(name.clone(), value.clone())),
        }
    }
}

/// Parts that are larger than their whole are not believed, and neither is an exchange without tokens.
fn believable(usage: Usage) -> Usage {
    let some = |count: Option<u64>| count.filter(|count| *count > 0);
    let input = some(usage.input);
    let part = |part: Option<u64>| part.filter(|part| input.is_none_or(|whole| *part <= whole));
    Usage {
        input,
        output: some(usage.output),
        cache_read: part(usage.cache_read),
        cache_write: part(usage.cache_write),
        cost_micros: usage.cost_micros,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gathered(build: impl FnOnce(&mut Gathered, Seen<'_>)) -> Result<ChatReply, Wrong> {
        let mut gathered = Gathered::new(Some("verdict".to_owned()), String::new());
        build(&mut gathered, &mut |_| ());
        gathered.reply()
    }

    #[track_caller]
    fn check_fault(fault: FoundFault, build: impl FnOnce(&mut Gathered, Seen<'_>)) {
        let found = gathered(build);
        assert!(matches!(&found, Err(Wrong::Faulty(found, _)) if *found == fault), "{found:?}");
    }

    #[test]
    fn nothing_half_is_given() {
        check_fault(FoundFault::Empty, |_, _| ());
        check_fault(FoundFault::CutOff, |answer, seen| answer.say("half an ans", seen));
        check_fault(FoundFault::Empty, |answer, _| answer.done());
        check_fault(FoundFault::Empty, |answer, seen| {
            answer.say(" \n", seen);
            answer.finish(Finish::Stop);
        });
        check_fault(FoundFault::Unreadable, |answer, seen| {
            answer.call(0, "a", "", seen);
            answer.finish(Finish::Tools);
        });
    }

    #[test]
    fn thoughts_that_are_too_long_do_not_go_back_in_half() {
        let kept = |bytes: usize| {
            let reply = gathered(|answer, seen| {
                answer.keep_text("reasoning_content", &"x".repeat(bytes));
                answer.keep_piece("reasoning_details", &serde_json::json!({"index": 0, "text": "y"}));
                answer.call(0, "a", "read", seen);
                answer.finish(Finish::Tools);
            });
            reply.expect("whole").kept.is_some()
        };
        assert!(kept(1_000) && kept(MOST_KEPT - 100) && !kept(MOST_KEPT) && !kept(MOST_KEPT + 1));
    }

    #[test]
    fn the_tool_that_is_the_shape_is_the_answer() {
        let reply = gathered(|answer, seen| {
            answer.say("Let me call it.", seen);
            answer.call(1, "id", "verdict", seen);
            answer.argue(1, r#"{"go":"#, seen);
            answer.argue(1, "true}", seen);
            answer.finish(Finish::Tools);
        })
        .expect("whole");
        assert_eq!((reply.text.as_str(), reply.calls.len(), reply.finish), (r#"{"go":true}"#, 0, Finish::Stop));
    }

    #[test]
    fn what_cannot_be_is_not_believed() {
        let usage = Usage { input: Some(10), cache_read: Some(11), cache_write: Some(3), ..Usage::default() };
        assert_eq!(believable(usage), Usage { cache_read: None, ..usage });
        let nothing = Usage { input: Some(0), output: Some(0), cost_micros: Some(0), ..Usage::default() };
        assert_eq!(believable(nothing), Usage { cost_micros: Some(0), ..Usage::default() });
    }
}
