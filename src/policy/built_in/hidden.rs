//! Characters that are there and are not seen: Trojan Source and its kin.

use crate::diff::FileChange;

/// Files of words: right-to-left marks and joiners belong to some languages there.
const PROSE: &[&str] = &[
    "md",
    "markdown",
    "rst",
    "adoc",
    "txt",
    "po",
    "pot",
    "xlf",
    "xliff",
    "arb",
    "strings",
    "properties",
    "resx",
    "ftl",
    "html",
    "htm",
    "tex",
    "srt",
    "vtt",
    "csv",
    "tsv",
    "json",
    "yml",
    "yaml",
];

/// Whether the file is prose or a catalogue of translations.
pub(super) fn is_prose(file: &FileChange) -> bool {
    file.path.extension().is_some_and(|extension| PROSE.contains(&extension.to_ascii_lowercase().as_str()))
}

/// The first character of `line` that hides, if one does.
pub(super) fn find(line: &str, first_line: bool, prose: bool) -> Option<char> {
    if line.is_ascii() {
        return None;
    }
    let chars: Vec<char> = line.chars().collect();
    (0..chars.len()).find(|at| hides(&chars, *at, first_line, prose)).map(|at| chars[at])
}

fn hides(chars: &[char], at: usize, first_line: bool, prose: bool) -> bool {
    let beside = |offset: isize| at.checked_add_signed(offset).and_then(|at| chars.get(at)).copied();
    let foreign = |c: Option<char>| c.is_some_and(|c| !c.is_ascii());
    match chars[at] {
        // overrides turn the order of what follows around; no language needs them
        '\u{202d}' | '\u{202e}' => true,
        // embeddings and isolates: prose in two directions uses them, source does not
        '\u{202a}'..='\u{202c}' | '\u{2066}'..='\u{2069}' => !prose,
        '\u{200e}' | '\u{200f}' | '\u{061c}' => !prose && !foreign(beside(-1)) && !foreign(beside(1)),
        // joiners stand between letters of their own scripts, and between emoji
        '\u{200c}' | '\u{200d}' => !(foreign(beside(-1)) || prose && foreign(beside(1))),
        '\u{feff}' => !(first_line && at == 0),
        '\u{200b}' => !prose,
        '\u{2060}'..='\u{2064}' | '\u{206a}'..='\u{206f}' | '\u{180e}' => true,
        // letters without a shape, which identifiers may hold
        '\u{3164}' | '\u{ffa0}' | '\u{115f}' | '\u{1160}' => {
            // alone between quotes it is a table's entry, and is seen to be something
            let quoted = beside(-1) == Some('\'') && beside(1) == Some('\'');
            !quoted && !foreign(beside(-1))
        }
        // tag characters spell hidden words, except in the flags of England and its kin
        '\u{e0000}'..='\u{e007f}' => !flag(chars, at),
        // variation selectors: one after an ideograph or an emoji is usual, a row of them carries data
        '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' => beside(-1).is_some_and(is_selector),
        _ => false,
    }
}

fn is_selector(c: char) -> bool {
    matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

fn flag(chars: &[char], at: usize) -> bool {
    let before = chars[..at].iter().rev().find(|c| !matches!(**c, '\u{e0000}'..='\u{e007f}'));
    before == Some(&'\u{1f3f4}') && chars[..at].iter().rev().take_while(|c| **c != '\u{1f3f4}').count() < 8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn hidden(line: &str) {
        assert!(find(line, false, false).is_some(), "{line:?}");
    }

    #[track_caller]
    fn plain(line: &str, prose: bool) {
        assert_eq!(find(line, false, prose), None, "{line:?}");
    }

    #[test]
    fn what_hides_is_found() {
        hidden("if access == \"user\u{202e} \u{2066}// check\u{2069} \u{2066}\" {");
        hidden("let a\u{200b}b = 1;");
        hidden("admin\u{200d}");
        hidden("x\u{2060}y");
        hidden("mid\u{feff}dle");
        hidden("const \u{3164} = 1");
        hidden("hello\u{e0068}\u{e0069}");
        hidden("x\u{fe00}\u{fe01}\u{fe02}");
        assert!(find("a\u{202e}b", false, true).is_some(), "an override hides in prose too");
    }

    #[test]
    fn what_languages_need_is_not() {
        plain("plain ascii", false);
        plain("größe 日本語 Привет العربية", false);
        plain("family: 👨\u{200d}👩\u{200d}👧", false);
        plain("heart ❤\u{fe0f}", false);
        plain("می\u{200c}خواهم", false);
        plain("flag 🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}", false);
        plain("('\u{115f}', '\u{ffa0}'),", false);
        plain("\u{2068}name\u{2069} wrote", true);
        assert_eq!(find("\u{feff}using System;", true, false), None, "a byte order mark");
    }
}
