//! What an answer says beside its edits: why, the commit message, and a word on each thread.

use crate::id::ThreadId;
use crate::text::Untrusted;

/// Characters: what `git log --oneline` shows whole.
const SUBJECT: usize = 72;

/// What a model says to a thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::proposal) struct ThreadWord {
    pub(in crate::proposal) thread: ThreadId,
    /// `changed`, `answered` or `declined`, then the words.
    pub(in crate::proposal) text: String,
}

/// The parts of an answer that are no edits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::proposal) struct Told {
    /// The explanation for the reviewer, in Markdown.
    pub(in crate::proposal) why: String,
    /// The commit message's subject and body; empty where the model gave none.
    pub(in crate::proposal) message: String,
    pub(in crate::proposal) threads: Vec<ThreadWord>,
}

/// What an answer says outside of its edits: fences, blocks and the paths that stand before them are left out.
pub(in crate::proposal) fn prose(reply: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut fence = None;
    let mut in_block = false;
    for line in reply.lines() {
        let ticks = line.len() - line.trim_start_matches('`').len();
        match fence {
            Some(open) => {
                if ticks >= open && line.trim_matches('`').is_empty() {
                    fence = None;
                }
                continue;
            }
            None if ticks >= 3 => {
                fence = Some(ticks);
                drop_path(&mut kept);
                continue;
            }
            None => {}
        }
        let starts = |mark: &str| line.starts_with(&mark.repeat(5));
        if starts("<") {
            in_block = true;
            drop_path(&mut kept);
        } else if in_block {
            in_block = !starts(">");
        } else {
            kept.push(line);
        }
    }
    kept.join("\n")
}

/// The last line, where it is a path that a block follows.
fn drop_path(kept: &mut Vec<&str>) {
    let is_path = |line: &str| !line.trim().is_empty() && !line.trim().contains(' ');
    while kept.last().is_some_and(|line| line.trim().is_empty()) && kept.iter().rev().any(|line| is_path(line)) {
        kept.pop();
    }
    if kept.last().is_some_and(|line| is_path(line)) {
        kept.pop();
    }
}

/// Reads `prose`: the answer with its edits taken out.
pub(in crate::proposal) fn told(prose: &str) -> Told {
    let mut told = Told::default();
    let mut lines = prose.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(subject) = line.strip_prefix("COMMIT:") {
            let mut message = subject.trim().to_owned();
            let mut body = Vec::new();
            while let Some(next) = lines.next_if(|next| !is_mark(next)) {
                body.push(next.trim_end());
            }
            let body = body.join("\n");
            if !body.trim().is_empty() && !message.is_empty() {
                message = format!("{message}\n\n{}", body.trim());
            }
            told.message = message;
        } else if let Some(word) = thread_word(line) {
            told.threads.push(word);
        } else {
            told.why.push_str(line);
            told.why.push('\n');
        }
    }
    told.why = told.why.trim().to_owned();
    told
}

/// Whether a line ends the commit message's body.
fn is_mark(line: &str) -> bool {
    line.starts_with("COMMIT:") || line.starts_with("THREAD ") || line.starts_with('#') || line.starts_with("```")
}

fn thread_word(line: &str) -> Option<ThreadWord> {
    // as an item of a list, or in bold, it says the same
    let line = line.trim_start_matches(['-', '*', ' ', '`']);
    let (number, words) = line.strip_prefix("THREAD ")?.split_once(':')?;
    let thread = ThreadId(number.trim_matches(['*', '`', ' ']).parse().ok()?);
    let text = words.trim_start_matches(['*', '`']).trim();
    (!text.is_empty()).then(|| ThreadWord { thread, text: text.to_owned() })
}

/// The commit message: the model's where it is one, else the goal. Trailers that speak for people are not the model's to
/// write, and are taken out.
pub(in crate::proposal) fn message(told: &Told, goal: &Untrusted) -> String {
    let speaks_for_people = |line: &&str| {
        ["signed-off-by:", "reviewed-by:", "acked-by:", "approved-by:", "tested-by:", "paraph-"]
            .iter()
            .any(|trailer| line.trim_start().to_ascii_lowercase().starts_with(trailer))
    };
    let lines: Vec<&str> = told.message.lines().filter(|line| !speaks_for_people(line)).collect();
    let text = lines.join("\n");
    let text = text.trim();
    if !text.is_empty() && text.lines().next().is_some_and(|subject| subject.chars().count() <= 2 * SUBJECT) {
        return format!("{text}\n");
    }
    let goal = goal.raw().trim();
    let first = goal.lines().next().unwrap_or_default().trim();
    if first.chars().count() <= SUBJECT {
        return format!("{first}\n");
    }
    let start: String = first.chars().take(SUBJECT - 1).collect();
    format!("{start}…\n\n{goal}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_taken_apart() {
        let told = told(
            "It rounded down.\n\nTHREAD 3: changed - uses round now\nCOMMIT: fix(cart): round half up\n\nSums lost a cent.\n\nTHREAD 4: declined - other file\n",
        );
        assert_eq!(told.why, "It rounded down.");
        assert_eq!(told.message, "fix(cart): round half up\n\nSums lost a cent.");
        let threads: Vec<(u32, &str)> = told.threads.iter().map(|word| (word.thread.0, word.text.as_str())).collect();
        assert_eq!(threads, [(3, "changed - uses round now"), (4, "declined - other file")]);
    }

    #[test]
    fn a_word_on_a_thread_may_be_an_item_or_bold() {
        for line in
            ["- THREAD 3: done", "* THREAD 3: done", "**THREAD 3:** done", "**THREAD 3**: done", "`THREAD 3: done`"]
        {
            let told = told(line);
            let word = told.threads.first().unwrap_or_else(|| panic!("{line}"));
            assert_eq!((word.thread.0, word.text.trim_end_matches('`')), (3, "done"), "{line}");
        }
        for line in ["THREAD 3", "THREAD x: done", "THREAD 3:", "see THREAD 3: done"] {
            assert!(told(line).threads.is_empty(), "{line}");
        }
    }

    #[test]
    fn a_model_signs_for_nobody() {
        let told = Told { message: "fix: it\n\nSigned-off-by: Ana <ana@x>\nWhy not".to_owned(), ..Told::default() };
        assert_eq!(message(&told, &"goal".into()), "fix: it\n\nWhy not\n");
        assert_eq!(message(&Told::default(), &"round the cart".into()), "round the cart\n");
    }
}
