//! What `git format-patch` writes above a diff: who, the subject, the message.

use crate::text::Untrusted;

/// The message of one mailed patch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailMessage {
    /// `From:`, as `Name <address>`.
    pub author: Option<Untrusted>,
    /// `Subject:` without `[PATCH …]`.
    pub subject: Untrusted,
    /// The text up to `---`.
    pub body: Untrusted,
}

/// The message in the text before a file's header, if there is one: it has a `Subject:` in its header lines.
pub(super) fn message_in(text: &[u8]) -> Option<MailMessage> {
    let text = String::from_utf8_lossy(text);
    let text = text.replace("\r\n", "\n");
    let mut mail = &text[text.find("Subject:").filter(|at| *at == 0 || text[..*at].ends_with('\n'))?..];
    let headers_start = text[..text.len() - mail.len()].rfind("\n\n").map_or(0, |at| at + 2);
    let author = header(&text[headers_start..], "From:");
    let subject = header(mail, "Subject:")?;
    mail = mail.split_once("\n\n").map_or("", |(_, body)| body);
    let body = mail.find("\n---\n").map_or(if mail.starts_with("---\n") { "" } else { mail }, |at| &mail[..at]);
    Some(MailMessage {
        author: author.map(Untrusted::new),
        subject: Untrusted::new(without_tag(&subject)),
        body: Untrusted::new(body.trim()),
    })
}

/// A header's value: continuation lines joined, encoded words decoded.
fn header(text: &str, name: &str) -> Option<String> {
    let mut lines = text.lines().take_while(|line| !line.is_empty());
    let first = lines.by_ref().find_map(|line| line.strip_prefix(name))?;
    let mut value = first.trim().to_owned();
    for line in lines.take_while(|line| line.starts_with([' ', '\t'])) {
        value.push(' ');
        value.push_str(line.trim());
    }
    Some(decoded(&value))
}

fn without_tag(subject: &str) -> &str {
    match subject.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((tag, rest)) if tag.contains("PATCH") => rest.trim_start(),
        _ => subject,
    }
}

/// Decodes `=?UTF-8?q?…?=`, the form that format-patch writes; any other encoded word stays as it is.
fn decoded(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((before, word, after)) = encoded_word(rest) {
        // blanks between two encoded words are not part of the text
        if bytes.is_empty() || !before.trim().is_empty() {
            bytes.extend_from_slice(before.as_bytes());
        }
        push_q(word, &mut bytes);
        rest = after;
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

fn encoded_word(text: &str) -> Option<(&str, &str, &str)> {
    let lower = text.to_ascii_lowercase();
    let start = lower.find("=?utf-8?q?")?;
    let word = &text[start + 10..];
    let end = word.find("?=")?;
    Some((&text[..start], &word[..end], &word[end + 2..]))
}

fn push_q(word: &str, bytes: &mut Vec<u8>) {
    let word = word.as_bytes();
    let mut at = 0;
    while at < word.len() {
        let code = word.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        match (word[at], code.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'=', Some(byte)) => {
                bytes.push(byte);
                at += 2;
            }
            (b'_', _) => bytes.push(b' '),
            (byte, _) => bytes.push(byte),
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_is_read() {
        let mail = "From 1234 Mon Sep 17 00:00:00 2001\nFrom: =?UTF-8?q?J=C3=BCrgen?= <j@example.org>\n\
            Date: now\nSubject: [PATCH 2/3] fix(x): a very\n long =?UTF-8?q?gr=C3=B6=C3=9Fe?=\n\nWhy.\n\nMore.\n---\n x | 2 +-\n";
        let message = message_in(mail.as_bytes()).expect("it has a subject");
        assert_eq!(message.author.expect("it has an author").raw(), "Jürgen <j@example.org>");
        assert_eq!(message.subject.raw(), "fix(x): a very long größe");
        assert_eq!(message.body.raw(), "Why.\n\nMore.");
    }

    #[test]
    fn other_text_is_no_mail() {
        assert_eq!(message_in(b"just words\n"), None);
        assert_eq!(message_in(b"not a Subject: here\n"), None);
        assert_eq!(message_in(b""), None);
    }
}
