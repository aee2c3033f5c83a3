//! A model that says what it was told to say: for tests, for demonstrations and for replays.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use super::{ChatError, ChatModel, ChatReply, ChatRequest, Finish, FoundFault, Streamed, Usage};
use crate::cancel::Cancel;

/// Decides on an answer from the model's name and the question.
type Answers = dyn FnMut(&str, &ChatRequest) -> Result<ChatReply, ChatError> + Send;

/// Answers from a list or from a function, and remembers what it was asked.
pub struct ScriptedModel {
    answers: Mutex<Box<Answers>>,
    asked: Mutex<Vec<ChatRequest>>,
}

impl fmt::Debug for ScriptedModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ScriptedModel(asked {} times)", self.asked.lock().unwrap_or_else(PoisonError::into_inner).len())
    }
}

impl ScriptedModel {
    /// Answers with each of `replies` once, in their order, and has no answer after the last.
    #[must_use]
    pub fn replying(replies: impl IntoIterator<Item = Result<ChatReply, ChatError>>) -> Self {
        let mut replies: VecDeque<_> = replies.into_iter().collect();
        Self::answering(move |_, _| {
            replies.pop_front().unwrap_or_else(|| {
                Err(ChatError::Faulty {
                    provider: "scripted".to_owned(),
                    fault: FoundFault::Empty,
                    why: "the script has no more answers".to_owned(),
                })
            })
        })
    }

    /// Answers with each of `texts` once, in their order.
    #[must_use]
    pub fn saying<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let replies: Vec<_> = texts.into_iter().map(|text| Ok(Self::reply(text))).collect();
        Self::replying(replies)
    }

    /// Answers with what `answer` makes of the model's name and the question.
    #[must_use]
    pub fn answering(answer: impl FnMut(&str, &ChatRequest) -> Result<ChatReply, ChatError> + Send + 'static) -> Self {
        Self { answers: Mutex::new(Box::new(answer)), asked: Mutex::default() }
    }

    /// A whole answer of these words, with a usage that the words alone decide.
    #[must_use]
    pub fn reply(text: &str) -> ChatReply {
        let output = (text.len() as u64).div_ceil(3);
        ChatReply {
            text: text.to_owned(),
            calls: Vec::new(),
            finish: Finish::Stop,
            usage: Usage { input: Some(100), output: Some(output), ..Usage::default() },
            model: "scripted".to_owned(),
            request_id: String::new(),
            kept: None,
            without_tools: false,
            hides_key: false,
        }
    }

    /// What it was asked, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<ChatRequest> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl ChatModel for ScriptedModel {
    async fn chat(
        &self,
        model: &str,
        request: &ChatRequest,
        seen: &mut (dyn for<'p> FnMut(Streamed<'p>) + Send),
        cancel: &Cancel,
    ) -> Result<ChatReply, ChatError> {
        if cancel.is_cancelled() {
            return Err(ChatError::Cancelled);
        }
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
        let reply = (self.answers.lock().unwrap_or_else(PoisonError::into_inner))(model, request)?;
        // word by word, as a provider does
        reply.text.split_inclusive(' ').for_each(|word| seen(Streamed::Text(word)));
        reply.calls.iter().for_each(|call| seen(Streamed::Call(&call.name)));
        Ok(reply)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infrastructure::llm::Message;

    #[tokio::test]
    async fn it_says_its_lines_and_then_nothing() {
        let model = ScriptedModel::saying(["one line", "another"]);
        let request = ChatRequest {
            system: Vec::new(),
            messages: vec![Message::user("go on")],
            tools: Vec::new(),
            calls_forbidden: false,
            shape: None,
            max_output_tokens: 10,
            temperature_hundredths: None,
        };
        let mut words = Vec::new();
        let mut seen = |piece: Streamed<'_>| {
            if let Streamed::Text(text) = piece {
                words.push(text.to_owned());
            }
        };
        let cancel = Cancel::new();
        assert_eq!(model.chat("m", &request, &mut seen, &cancel).await.expect("a line").text, "one line");
        assert_eq!(model.chat("m", &request, &mut |_| (), &cancel).await.expect("a line").text, "another");
        assert!(model.chat("m", &request, &mut |_| (), &cancel).await.is_err());
        assert_eq!((words, model.asked().len()), (vec!["one ".to_owned(), "line".to_owned()], 3));
    }
}
