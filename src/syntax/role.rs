//! What a piece of code is to the eye: roles that a theme gives a style.

/// A role of a theme; what a capture of a highlight query becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // each variant is the role of its name
pub enum Role {
    Variable,
    Property,
    Type,
    Constant,
    Function,
    Keyword,
    String,
    Escape,
    Number,
    Comment,
    Operator,
    Punctuation,
    Attribute,
    Tag,
    Namespace,
    Label,
    Heading,
    Emphasis,
    Link,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 19] = [
        Self::Variable,
        Self::Property,
        Self::Type,
        Self::Constant,
        Self::Function,
        Self::Keyword,
        Self::String,
        Self::Escape,
        Self::Number,
        Self::Comment,
        Self::Operator,
        Self::Punctuation,
        Self::Attribute,
        Self::Tag,
        Self::Namespace,
        Self::Label,
        Self::Heading,
        Self::Emphasis,
        Self::Link,
    ];

    /// The role's name in a theme: `syntax.keyword`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Variable => "syntax.variable",
            Self::Property => "syntax.property",
            Self::Type => "syntax.type",
            Self::Constant => "syntax.constant",
            Self::Function => "syntax.function",
            Self::Keyword => "syntax.keyword",
            Self::String => "syntax.string",
            Self::Escape => "syntax.escape",
            Self::Number => "syntax.number",
            Self::Comment => "syntax.comment",
            Self::Operator => "syntax.operator",
            Self::Punctuation => "syntax.punctuation",
            Self::Attribute => "syntax.attribute",
            Self::Tag => "syntax.tag",
            Self::Namespace => "syntax.namespace",
            Self::Label => "syntax.label",
            Self::Heading => "syntax.heading",
            Self::Emphasis => "syntax.emphasis",
            Self::Link => "syntax.link",
        }
    }

    /// The role of a capture name; `None` for those that mean "plain again" (`none`, `embedded`).
    pub(super) fn of_capture(capture: &str) -> Option<Self> {
        match capture {
            "string.escape" => return Some(Self::Escape),
            "string.special.key" => return Some(Self::Property),
            "text.title" => return Some(Self::Heading),
            "text.uri" | "text.reference" => return Some(Self::Link),
            "text.literal" => return Some(Self::String),
            _ => {}
        }
        Some(match capture.split('.').next().unwrap_or(capture) {
            "keyword" | "import" | "charset" | "media" | "keyframes" | "supports" | "conditional" | "include" => {
                Self::Keyword
            }
            "function" | "method" => Self::Function,
            "type" | "constructor" => Self::Type,
            "string" => Self::String,
            "escape" => Self::Escape,
            "number" => Self::Number,
            "comment" => Self::Comment,
            "constant" | "boolean" => Self::Constant,
            "variable" => Self::Variable,
            "property" => Self::Property,
            "operator" => Self::Operator,
            "punctuation" | "delimiter" => Self::Punctuation,
            "attribute" => Self::Attribute,
            "tag" => Self::Tag,
            "module" | "namespace" => Self::Namespace,
            "label" => Self::Label,
            "text" => Self::Emphasis,
            _ => return None,
        })
    }

    /// Of two roles for the same piece of code, which is right. Grammars disagree on whether their first or their
    /// last pattern wins, but all of them say "variable" of anything and "function" only where they know.
    pub(super) fn prevails_over(self, earlier: Self) -> bool {
        let certainty = |role: Self| match role {
            Self::Variable => 0,
            Self::Property => 1,
            Self::Type => 2,
            Self::Constant => 3,
            _ => 4,
        };
        certainty(self) >= certainty(earlier)
    }
}
