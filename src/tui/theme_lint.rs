//! What is wrong with a theme: roles without a style, and text that does not stand out from its ground.

use ratatui::style::Color;

use super::theme::{ColorDepth, Role, Theme};

/// Roles whose own colour must stand out from the ground, and by how much (WCAG 2.1, 1.4.3 and 1.4.11).
const ON_THE_GROUND: &[(Role, f64)] = &[
    (Role::Text, 4.5),
    (Role::Strong, 4.5),
    (Role::Muted, 3.0),
    (Role::DiffAddedSign, 3.0),
    (Role::DiffDeletedSign, 3.0),
    (Role::NeedsHuman, 3.0),
    (Role::Block, 3.0),
    (Role::Warn, 3.0),
    (Role::GatePassed, 3.0),
    (Role::GateFailed, 3.0),
    (Role::Key, 3.0),
];

/// Roles that ordinary text stands on.
const GROUNDS: &[(Role, f64)] = &[(Role::DiffAdded, 4.5), (Role::DiffDeleted, 4.5), (Role::Cursor, 4.5)];

/// Everything that is wrong with the theme that `text` describes; nothing where it can be used and read.
#[must_use]
pub fn lint(name: &str, text: &str) -> Vec<String> {
    let theme = match Theme::parse(name, text, ColorDepth::TrueColor) {
        Ok(theme) => theme,
        Err(error) => {
            let cause = std::error::Error::source(&error).map_or_else(String::new, |cause| format!(": {cause}"));
            return vec![format!("{error}{cause}")];
        }
    };
    let plain = theme.style(Role::Text);
    let own = ON_THE_GROUND.iter().map(|(role, least)| (*role, *least, theme.style(*role).fg, plain.bg));
    let under = GROUNDS.iter().map(|(role, least)| (*role, *least, plain.fg, theme.style(*role).bg));
    own.chain(under)
        .filter_map(|(role, least, text, ground)| {
            let ratio = contrast(text?, ground?).filter(|ratio| *ratio < least)?;
            let role = role.name();
            Some(format!("theme `{name}`: text in `{role}` has a contrast of {ratio:.2}; {least} can be read"))
        })
        .collect()
}

/// The findings of every theme that ships.
#[must_use]
pub fn lint_shipped() -> Vec<String> {
    Theme::shipped().flat_map(|(name, text)| lint(name, text)).collect()
}

/// The contrast of two colours that are known; a terminal's own are not.
pub(in crate::tui) fn contrast(one: Color, other: Color) -> Option<f64> {
    let (Color::Rgb(r, g, b), Color::Rgb(red, green, blue)) = (one, other) else { return None };
    let (one, other) = (luminance((r, g, b)), luminance((red, green, blue)));
    Some((one.max(other) + 0.05) / (one.min(other) + 0.05))
}

fn luminance((r, g, b): (u8, u8, u8)) -> f64 {
    let part = |value: u8| {
        let value = f64::from(value) / 255.0;
        if value <= 0.03928 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let found = lint("mine", text);
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.contains(expected), "{found}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_found() {
        check("inherits = 'nord'", &[]);
        check("", &["no style for the role `text`"]);
        check("roles = 3", &["cannot be read: "]);
        check("inherits = 'terminal'\n[roles]\n\"txt\" = {}", &["`txt`, which is no role"]);
        let faint = "inherits = 'nord'\n[roles]\n\"severity.warn\" = { fg = '#2e3440' }";
        check(faint, &["text in `severity.warn` has a contrast of 1."]);
    }
}
