//! The definitions of a file as a reader sees them, and which one a line stands in.

use std::ops::Range;

use super::{Definition, DefinitionKind, Parsed, Syntax};

/// One entry of an outline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutlineItem {
    /// The definition's name.
    pub name: String,
    /// What it makes.
    pub kind: DefinitionKind,
    /// Its lines: 1-based, end exclusive.
    pub lines: Range<u32>,
    /// How many definitions are around it.
    pub depth: u16,
}

impl From<Definition> for OutlineItem {
    fn from(definition: Definition) -> Self {
        Self { name: definition.name, kind: definition.kind, lines: definition.lines, depth: definition.depth }
    }
}

impl Syntax {
    /// The definitions of a file in its order; headings of Markdown and tables of TOML too. Keep it beside the
    /// [`Parsed`]: it is one walk over the tree.
    #[must_use]
    pub fn outline(&self, parsed: &Parsed) -> Vec<OutlineItem> {
        self.tags(parsed).definitions.into_iter().map(OutlineItem::from).collect()
    }
}

impl OutlineItem {
    /// What stands around `line` (1-based), outermost first, as `Session > apply`; `None` outside of everything.
    /// For the headers of hunks; the names are the file's own text, so they go through `text::Untrusted` to a screen.
    #[must_use]
    pub fn enclosing(outline: &[Self], line: u32) -> Option<String> {
        let is_scope = |kind| !matches!(kind, DefinitionKind::Variable | DefinitionKind::Constant);
        let around = outline.iter().filter(|item| item.lines.contains(&line) && is_scope(item.kind));
        let mut names: Vec<&str> = around.map(|item| item.name.as_str()).collect();
        // the three innermost say where one is; a class in a class in a class needs no more
        names.drain(..names.len().saturating_sub(3));
        (!names.is_empty()).then(|| names.join(" > "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cancel::Cancel;
    use crate::syntax::{Language, ParseLimits};

    #[track_caller]
    fn check(language: Language, text: &str, line: u32, expected: Option<&str>) {
        let parsed =
            Parsed::new(language, text.as_bytes().into(), ParseLimits::default(), &Cancel::new()).expect("parses");
        let outline = Syntax::new().outline(&parsed);
        assert_eq!(OutlineItem::enclosing(&outline, line).as_deref(), expected, "{outline:?}");
    }

    #[test]
    fn a_line_knows_what_it_stands_in() {
        let rust = "struct S;\nimpl S {\n    fn f(&self) {\n        g()\n    }\n}\n\nfn h() {}\n";
        check(Language::Rust, rust, 4, Some("S > f"));
        check(Language::Rust, rust, 7, None);
        check(Language::Rust, rust, 8, Some("h"));
        check(Language::Rust, rust, 99, None);
        check(Language::Python, "class A:\n    def b(self):\n        return 1\n", 3, Some("A > b"));
        check(Language::JavaScript, "const run = () => {\n  go();\n};\n", 2, Some("run"));
        check(Language::Toml, "[package]\nname = 1\n\n[lints]\nall = 1\n", 5, Some("lints"));
    }
}
