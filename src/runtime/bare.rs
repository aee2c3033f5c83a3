//! The last look at a question before it leaves: whoever wrote it, no key that is known by now is in it.
//!
//! A prompt is redacted as it is written. A program prints its key when it is first wanted, which is after that.

use crate::infrastructure::llm::Part;
use crate::planning::Question;
use crate::text::SecretMask;

/// The question without the keys that `mask` knows; none where it has none.
pub(super) fn without_keys(question: &Question, mask: &SecretMask) -> Option<Question> {
    let mut bare = question.clone();
    let mut is_hidden = false;
    let mut hide = |text: &mut String| {
        if let std::borrow::Cow::Owned(masked) = mask.mask_known(text) {
            *text = masked;
            is_hidden = true;
        }
    };
    bare.request.system.iter_mut().for_each(&mut hide);
    for part in bare.request.messages.iter_mut().flat_map(|message| &mut message.parts) {
        match part {
            Part::Text { text } | Part::Result { text, .. } => hide(text),
            Part::Call(call) => hide(&mut call.arguments),
            // a provider's own, in which it repeats no key: what does is not kept
            Part::Kept { .. } => {}
        }
    }
    is_hidden.then(|| {
        bare.redacted.push("key in what was written before it was known".to_owned());
        bare
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infrastructure::llm::{CallBlock, ChatRequest, Message, Speaker};
    use crate::planning::Role;

    fn question(parts: Vec<Part>) -> Question {
        let request = ChatRequest {
            system: vec!["Be brief.".to_owned(), "It was hunter22 once.".to_owned()],
            messages: vec![Message { speaker: Speaker::User, parts }],
            tools: Vec::new(),
            calls_forbidden: false,
            shape: None,
            max_output_tokens: 100,
            temperature_hundredths: None,
        };
        Question { role: Role::Implementer, request, redacted: vec!["key in the goal".to_owned()] }
    }

    #[test]
    fn a_key_is_in_no_part_and_the_record_says_so() {
        let call = CallBlock {
            id: "c1".to_owned(),
            name: "search".to_owned(),
            arguments: r#"{"text":"hunter22"}"#.to_owned(),
        };
        let result = Part::Result { id: "c1".to_owned(), name: "search".to_owned(), text: "a: hunter22".to_owned() };
        let asked = question(vec![Part::Text { text: "hunter22!".to_owned() }, Part::Call(call), result]);
        let mask = SecretMask::new(vec!["hunter22".to_owned()]);
        let bare = without_keys(&asked, &mask).expect("it has one");
        let text = serde_json::to_string(&bare.request).expect("plain data");
        assert!(!text.contains("hunter22") && text.matches("[masked]").count() == 4, "{text}");
        assert_eq!(bare.redacted.len(), 2);
        assert_eq!(without_keys(&bare, &mask), None, "there is nothing more to hide");
        assert_eq!(without_keys(&asked, &SecretMask::new(Vec::new())), None);
    }
}
