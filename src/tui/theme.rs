//! Themes: a role is a style; widgets name roles, never colours.
//!
//! A theme is one TOML file: `[palette]` names colours, `[roles]` gives each role a style, `inherits` names the
//! theme whose roles and palette it starts from. Colours are brought down to what the terminal can show.

use std::collections::BTreeMap;

use ratatui::style::{Color, Modifier, Style};
use serde::Deserialize;

macro_rules! roles {
    ($($variant:ident = $name:literal: $about:literal,)*) => {
        /// What a piece of the screen is, for a theme to dress.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Role { $(#[doc = $about] $variant,)* }

        impl Role {
            /// Every role, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name in a theme file.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

roles! {
    Text = "text": "ordinary words",
    Muted = "text.muted": "words that explain",
    Faint = "text.faint": "lines and dots that only guide the eye",
    Strong = "text.strong": "what to read first",
    Heading = "text.heading": "a heading",
    Link = "text.link": "an address, a reference",
    Accent = "accent": "Paraph's own mark",
    Cursor = "cursor": "the row under the cursor, in the pane with the focus",
    CursorIdle = "cursor.idle": "the row under the cursor in a pane without it",
    Selection = "selection": "selected rows",
    Border = "border": "a frame",
    BorderFocus = "border.focus": "the frame of the pane with the focus",
    Popup = "popup": "the ground of a window on top",
    PopupTitle = "popup.title": "its title",
    TabActive = "tab.active": "the tab that is shown",
    Tab = "tab": "the other tabs",
    Bar = "bar": "the header and the footer",
    Key = "key": "a key to press",
    KeyLabel = "key.label": "what it does",
    Match = "match": "what a search found",
    Info = "toast.info": "news",
    Success = "toast.success": "good news",
    Warning = "toast.warning": "a warning",
    Error = "toast.error": "an error",
    NeedsHuman = "state.needs-human": "waits for a person",
    Running = "state.running": "works",
    Done = "state.done": "ended well",
    Failed = "state.failed": "ended badly",
    Idle = "state.idle": "neither",
    Approve = "verdict.approve": "approve",
    Reject = "verdict.reject": "reject",
    Request = "verdict.request-changes": "request changes",
    Blocked = "verdict.blocked": "not offered",
    GatePassed = "gate.passed": "a gate that passed",
    GateFailed = "gate.failed": "a gate that failed",
    GateNotRun = "gate.not-run": "a gate that was not run",
    ScoreGood = "score.good": "a score of 8 and more",
    ScoreFair = "score.fair": "a score from the threshold on",
    ScorePoor = "score.poor": "a score under the threshold",
    Warn = "severity.warn": "a WARN",
    Block = "severity.block": "a BLOCK",
    DiffAdded = "diff.added": "an added line",
    DiffDeleted = "diff.deleted": "a deleted line",
    DiffAddedWord = "diff.added.word": "the added words in it",
    DiffDeletedWord = "diff.deleted.word": "the deleted words in it",
    DiffAddedSign = "diff.added.sign": "the + and its line number",
    DiffDeletedSign = "diff.deleted.sign": "the - and its line number",
    DiffContext = "diff.context": "an unchanged line",
    DiffGutter = "diff.gutter": "line numbers",
    DiffHunk = "diff.hunk": "a hunk's header",
    DiffFile = "diff.file": "a file's header",
    DiffCursor = "diff.cursor": "the line under the cursor",
    DiffFold = "diff.fold": "a line that stands for folded ones",
    DiffReviewed = "diff.reviewed": "the mark of a reviewed hunk or file",
    Thread = "thread": "a comment",
    ThreadMust = "thread.must": "its kind: must or issue",
    ThreadQuestion = "thread.question": "its kind: question",
    ThreadNit = "thread.nit": "its kind: nit",
    ThreadResolved = "thread.resolved": "a resolved one",
    SyntaxVariable = "syntax.variable": "code: variable",
    SyntaxProperty = "syntax.property": "code: property",
    SyntaxType = "syntax.type": "code: type",
    SyntaxConstant = "syntax.constant": "code: constant",
    SyntaxFunction = "syntax.function": "code: function",
    SyntaxKeyword = "syntax.keyword": "code: keyword",
    SyntaxString = "syntax.string": "code: string",
    SyntaxEscape = "syntax.escape": "code: escape",
    SyntaxNumber = "syntax.number": "code: number",
    SyntaxComment = "syntax.comment": "code: comment",
    SyntaxOperator = "syntax.operator": "code: operator",
    SyntaxPunctuation = "syntax.punctuation": "code: punctuation",
    SyntaxAttribute = "syntax.attribute": "code: attribute",
    SyntaxTag = "syntax.tag": "code: tag",
    SyntaxNamespace = "syntax.namespace": "code: namespace",
    SyntaxLabel = "syntax.label": "code: label",
    SyntaxHeading = "syntax.heading": "code: heading",
    SyntaxEmphasis = "syntax.emphasis": "code: emphasis",
    SyntaxLink = "syntax.link": "code: link",
}

/// How many colours the terminal shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum ColorDepth {
    /// None: bold, underline and reverse only.
    Mono,
    /// The 16 that the terminal's own scheme names.
    #[default]
    Ansi16,
    /// The 256 of xterm.
    Ansi256,
    /// 24 bits.
    TrueColor,
}

impl ColorDepth {
    /// What the environment promises: NO_COLOR, then COLORTERM, then TERM.
    #[must_use]
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let get = |name: &str| variable(name).unwrap_or_default();
        let (term, colorterm) = (get("TERM"), get("COLORTERM"));
        if !get("NO_COLOR").is_empty() || term == "dumb" {
            Self::Mono
        } else if colorterm.contains("truecolor") || colorterm.contains("24bit") || term.ends_with("-direct") {
            Self::TrueColor
        } else if term.contains("256color") {
            Self::Ansi256
        } else {
            Self::Ansi16
        }
    }

    /// The same for a person who wants colours whatever the environment says.
    #[must_use]
    pub fn at_least_some(variable: impl Fn(&str) -> Option<String>) -> Self {
        match Self::from_environment(|name| variable(name).filter(|_| name != "NO_COLOR")) {
            Self::Mono => Self::Ansi16,
            depth => depth,
        }
    }

    /// The nearest colour that it shows.
    pub(crate) fn fit(self, color: Color) -> Color {
        match (self, color) {
            (Self::Mono, _) => Color::Reset,
            (Self::TrueColor, color) => color,
            (Self::Ansi256, Color::Rgb(r, g, b)) => Color::Indexed(nearest_256(r, g, b)),
            (Self::Ansi256, color) => color,
            (Self::Ansi16, Color::Rgb(r, g, b)) => nearest_16(r, g, b),
            (Self::Ansi16, Color::Indexed(index)) => {
                let (r, g, b) = rgb_of_256(index);
                nearest_16(r, g, b)
            }
            (Self::Ansi16, color) => color,
        }
    }
}

/// Why a theme could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ThemeError {
    /// Nobody ships it.
    #[error("there is no theme `{0}`")]
    Unknown(String),
    /// The file is not a theme.
    #[error("theme `{name}` cannot be read")]
    Parse {
        /// The theme.
        name: String,
        /// What is wrong, with the line.
        #[source]
        source: toml::de::Error,
    },
    /// A colour that nobody defined.
    #[error("theme `{name}`: role `{role}` names the colour `{color}`, which is neither in [palette] nor `#rrggbb`")]
    Color {
        /// The theme.
        name: String,
        /// The role.
        role: String,
        /// The colour.
        color: String,
    },
    /// An attribute that does not exist.
    #[error("theme `{name}`: role `{role}` names the modifier `{modifier}`")]
    Modifier {
        /// The theme.
        name: String,
        /// The role.
        role: String,
        /// The modifier.
        modifier: String,
    },
    /// A role that does not exist.
    #[error("theme `{name}` styles `{role}`, which is no role")]
    Role {
        /// The theme.
        name: String,
        /// The role.
        role: String,
    },
    /// A role without a style.
    #[error("theme `{name}` has no style for the role `{role}`")]
    Missing {
        /// The theme.
        name: String,
        /// The role.
        role: &'static str,
    },
    /// Themes that inherit from each other.
    #[error("theme `{0}` inherits from itself")]
    Circle(String),
}

macro_rules! shipped {
    ($($name:literal,)*) => {
        /// The themes that ship: name and file.
        const SHIPPED: &[(&str, &str)] = &[$(($name, include_str!(concat!("../../themes/", $name, ".toml"))),)*];
    };
}

shipped! {
    "terminal", "terminal-light", "terminal-mono", "catppuccin-mocha", "catppuccin-latte", "gruvbox-dark", "gruvbox-light", "nord",
    "dracula", "solarized-dark", "solarized-light", "tokyonight", "one-dark", "rose-pine", "kanagawa", "everforest",
    "github-dark", "github-light", "high-contrast-dark", "high-contrast-light", "deuteranopia-dark",
    "deuteranopia-light",
}

/// A style for every role.
#[derive(Debug, Clone, PartialEq)]
pub struct Theme {
    name: String,
    styles: Vec<Style>,
}

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    inherits: Option<String>,
    #[serde(default)]
    palette: BTreeMap<String, String>,
    #[serde(default)]
    roles: BTreeMap<String, Look>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Look {
    fg: Option<String>,
    bg: Option<String>,
    #[serde(default)]
    modifiers: Vec<String>,
}

/// The theme where nobody chose one: the terminal's own colours, which on a light ground need some help.
#[must_use]
pub(crate) fn usual(light: bool) -> &'static str {
    if light { "terminal-light" } else { "terminal" }
}

impl Theme {
    /// The names of the themes that ship.
    pub fn names() -> impl Iterator<Item = &'static str> {
        SHIPPED.iter().map(|(name, _)| *name)
    }

    /// The shipped theme of that name, in the colours of `depth`; without colours the attributes tell.
    ///
    /// # Errors
    /// [`ThemeError`].
    pub fn named(name: &str, depth: ColorDepth) -> Result<Self, ThemeError> {
        let name = if depth == ColorDepth::Mono { "terminal-mono" } else { name };
        let (_, text) =
            SHIPPED.iter().find(|(shipped, _)| *shipped == name).ok_or_else(|| ThemeError::Unknown(name.to_owned()))?;
        Self::parse(name, text, depth)
    }

    /// The theme that `text` describes; what it inherits from is a shipped one.
    ///
    /// # Errors
    /// [`ThemeError`].
    pub fn parse(name: &str, text: &str, depth: ColorDepth) -> Result<Self, ThemeError> {
        let file = read(name, text)?;
        let mut lineage = vec![name.to_owned()];
        let file = inherit(file, &mut lineage)?;
        let mut styles = Vec::with_capacity(Role::ALL.len());
        if let Some(role) = file.roles.keys().find(|role| !Role::ALL.iter().any(|known| known.name() == *role)) {
            return Err(ThemeError::Role { name: name.to_owned(), role: role.clone() });
        }
        for role in Role::ALL {
            let look = file
                .roles
                .get(role.name())
                .ok_or_else(|| ThemeError::Missing { name: name.to_owned(), role: role.name() })?;
            styles.push(style(name, role.name(), look, &file.palette, depth)?);
        }
        Ok(Self { name: name.to_owned(), styles })
    }

    /// The themes that ship, each with its file.
    pub(super) fn shipped() -> impl Iterator<Item = (&'static str, &'static str)> {
        SHIPPED.iter().copied()
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How `role` looks.
    #[must_use]
    pub fn style(&self, role: Role) -> Style {
        self.styles[role as usize]
    }
}

fn read(name: &str, text: &str) -> Result<File, ThemeError> {
    toml::from_str(text).map_err(|source| ThemeError::Parse { name: name.to_owned(), source })
}

fn inherit(mut file: File, lineage: &mut Vec<String>) -> Result<File, ThemeError> {
    let Some(parent) = file.inherits.take() else { return Ok(file) };
    if lineage.contains(&parent) {
        return Err(ThemeError::Circle(parent));
    }
    let (_, text) =
        SHIPPED.iter().find(|(name, _)| *name == parent).ok_or_else(|| ThemeError::Unknown(parent.clone()))?;
    lineage.push(parent.clone());
    let mut base = inherit(read(&parent, text)?, lineage)?;
    base.palette.extend(file.palette);
    base.roles.extend(file.roles);
    Ok(base)
}

fn style(
    theme: &str,
    role: &str,
    look: &Look,
    palette: &BTreeMap<String, String>,
    depth: ColorDepth,
) -> Result<Style, ThemeError> {
    let color = |given: &Option<String>| -> Result<Option<Color>, ThemeError> {
        let Some(given) = given else { return Ok(None) };
        let value = palette.get(given).unwrap_or(given);
        let parsed = parse_color(value).ok_or_else(|| ThemeError::Color {
            name: theme.to_owned(),
            role: role.to_owned(),
            color: given.clone(),
        })?;
        Ok(Some(depth.fit(parsed)))
    };
    let mut style = Style::new();
    style.fg = color(&look.fg)?;
    style.bg = color(&look.bg)?;
    for modifier in &look.modifiers {
        style = style.add_modifier(match modifier.as_str() {
            "bold" => Modifier::BOLD,
            "dim" => Modifier::DIM,
            "italic" => Modifier::ITALIC,
            "underlined" => Modifier::UNDERLINED,
            "reversed" => Modifier::REVERSED,
            "crossed-out" => Modifier::CROSSED_OUT,
            _ => {
                return Err(ThemeError::Modifier {
                    name: theme.to_owned(),
                    role: role.to_owned(),
                    modifier: modifier.clone(),
                });
            }
        });
    }
    Ok(style)
}

/// `#rrggbb`, or one of the 16 names of the terminal's scheme, or `default`.
fn parse_color(text: &str) -> Option<Color> {
    if let Some(hex) = text.strip_prefix('#').filter(|hex| hex.len() == 6 && hex.is_ascii()) {
        let part = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).ok();
        return Some(Color::Rgb(part(0)?, part(2)?, part(4)?));
    }
    Some(match text {
        "default" => Color::Reset,
        "black" => Color::Black,
        "red" => Color::Red,
        "green" => Color::Green,
        "yellow" => Color::Yellow,
        "blue" => Color::Blue,
        "magenta" => Color::Magenta,
        "cyan" => Color::Cyan,
        "white" => Color::Gray,
        "bright-black" => Color::DarkGray,
        "bright-red" => Color::LightRed,
        "bright-green" => Color::LightGreen,
        "bright-yellow" => Color::LightYellow,
        "bright-blue" => Color::LightBlue,
        "bright-magenta" => Color::LightMagenta,
        "bright-cyan" => Color::LightCyan,
        "bright-white" => Color::White,
        _ => return None,
    })
}

fn distance(a: (u8, u8, u8), b: (u8, u8, u8)) -> u32 {
    let square = |x: u8, y: u8| u32::from(x.abs_diff(y)).pow(2);
    // weights: the eye sees green best, blue least
    3 * square(a.0, b.0) + 4 * square(a.1, b.1) + 2 * square(a.2, b.2)
}

const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];

fn rgb_of_256(index: u8) -> (u8, u8, u8) {
    match index {
        0..=15 => ANSI[usize::from(index)].1,
        16..=231 => {
            let cube = usize::from(index - 16);
            (LEVELS[cube / 36], LEVELS[cube / 6 % 6], LEVELS[cube % 6])
        }
        _ => {
            let gray = 8 + 10 * (index - 232);
            (gray, gray, gray)
        }
    }
}

fn nearest_256(r: u8, g: u8, b: u8) -> u8 {
    (16..=255).min_by_key(|index| distance(rgb_of_256(*index), (r, g, b))).unwrap_or(16)
}

/// xterm's own values: no terminal tells its scheme without being asked.
const ANSI: [(Color, (u8, u8, u8)); 16] = [
    (Color::Black, (0, 0, 0)),
    (Color::Red, (205, 0, 0)),
    (Color::Green, (0, 205, 0)),
    (Color::Yellow, (205, 205, 0)),
    (Color::Blue, (0, 0, 238)),
    (Color::Magenta, (205, 0, 205)),
    (Color::Cyan, (0, 205, 205)),
    (Color::Gray, (229, 229, 229)),
    (Color::DarkGray, (127, 127, 127)),
    (Color::LightRed, (255, 0, 0)),
    (Color::LightGreen, (0, 255, 0)),
    (Color::LightYellow, (255, 255, 0)),
    (Color::LightBlue, (92, 92, 255)),
    (Color::LightMagenta, (255, 0, 255)),
    (Color::LightCyan, (0, 255, 255)),
    (Color::White, (255, 255, 255)),
];

fn nearest_16(r: u8, g: u8, b: u8) -> Color {
    ANSI.iter().min_by_key(|(_, rgb)| distance(*rgb, (r, g, b))).map_or(Color::Reset, |(color, _)| *color)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::theme_lint::contrast;

    #[test]
    fn every_theme_names_every_role_at_every_depth() {
        for name in Theme::names() {
            for depth in [ColorDepth::Mono, ColorDepth::Ansi16, ColorDepth::Ansi256, ColorDepth::TrueColor] {
                let theme = Theme::named(name, depth).unwrap_or_else(|error| panic!("{name}: {error}"));
                assert_eq!(theme.styles.len(), Role::ALL.len());
            }
        }
    }

    #[test]
    fn every_file_in_the_folder_ships() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/themes");
        for entry in std::fs::read_dir(folder).expect("the folder is there") {
            let name = entry.expect("readable").file_name().into_string().expect("UTF-8");
            let name = name.strip_suffix(".toml").unwrap_or_else(|| panic!("{name} is no theme"));
            assert!(Theme::names().any(|shipped| shipped == name), "{name} is in no list");
        }
    }

    #[test]
    fn text_stands_out_from_its_ground() {
        for (name, text) in SHIPPED {
            assert_eq!(crate::tui::theme_lint::lint(name, text), Vec::<String>::new());
        }
    }

    #[track_caller]
    fn check_depth(variables: &[(&str, &str)], expected: ColorDepth) {
        let get = |name: &str| variables.iter().find(|(given, _)| *given == name).map(|(_, value)| (*value).to_owned());
        assert_eq!(ColorDepth::from_environment(get), expected, "{variables:?}");
    }

    #[test]
    fn the_environment_tells_the_depth() {
        check_depth(&[("TERM", "xterm-256color")], ColorDepth::Ansi256);
        check_depth(&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")], ColorDepth::TrueColor);
        check_depth(&[("TERM", "xterm"), ("NO_COLOR", "1")], ColorDepth::Mono);
        check_depth(&[("TERM", "xterm"), ("NO_COLOR", "")], ColorDepth::Ansi16);
        check_depth(&[("TERM", "dumb")], ColorDepth::Mono);
        check_depth(&[], ColorDepth::Ansi16);
    }

    #[test]
    fn colours_that_are_wanted_are_shown() {
        let wanted =
            |term: &str| ColorDepth::at_least_some(|name| Some(if name == "TERM" { term } else { "1" }.into()));
        assert_eq!(wanted("xterm-256color"), ColorDepth::Ansi256);
        assert_eq!(wanted("dumb"), ColorDepth::Ansi16);
    }

    #[test]
    fn the_light_theme_is_read_on_white() {
        let theme = Theme::named(usual(true), ColorDepth::TrueColor).expect("ships");
        for role in Role::ALL.iter().filter(|role| theme.style(**role).bg.is_none()) {
            if let Some(ratio) = theme.style(*role).fg.and_then(|fg| contrast(fg, Color::Rgb(255, 255, 255))) {
                assert!(ratio >= 4.5, "`{}` has a contrast of {ratio:.2}", role.name());
            }
        }
    }

    #[track_caller]
    fn check_error(text: &str, expected: &str) {
        let error = Theme::parse("mine", text, ColorDepth::TrueColor).expect_err("must not be taken");
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn what_is_wrong_with_a_theme_is_said() {
        check_error("inherits = 'nope'", "there is no theme `nope`");
        check_error("", "theme `mine` has no style for the role `text`");
        check_error(
            "inherits = 'terminal'\n[roles]\n\"text\" = { fg = 'pinkish' }",
            "theme `mine`: role `text` names the colour `pinkish`, which is neither in [palette] nor `#rrggbb`",
        );
        check_error("inherits = 'terminal'\n[roles]\n\"txt\" = {}", "theme `mine` styles `txt`, which is no role");
    }

    #[test]
    fn colours_come_down() {
        assert_eq!(ColorDepth::Ansi256.fit(Color::Rgb(255, 0, 0)), Color::Indexed(196));
        assert_eq!(ColorDepth::Ansi16.fit(Color::Rgb(250, 5, 5)), Color::LightRed);
        assert_eq!(ColorDepth::Mono.fit(Color::Red), Color::Reset);
    }
}
