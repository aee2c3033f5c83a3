//! The ASCII fallback: after a frame is drawn, each of our own marks becomes its plain twin.

use ratatui::buffer::Buffer;

/// Our marks and what stands for them; each takes one column on both sides.
const TWINS: [(&str, &str); 50] = [
    ("↔", "="),
    ("×", "x"),
    ("“", "\""),
    ("”", "\""),
    ("▏", "|"),
    ("─", "-"),
    ("━", "="),
    ("│", "|"),
    ("╭", "+"),
    ("╮", "+"),
    ("╰", "+"),
    ("╯", "+"),
    ("├", "+"),
    ("┤", "+"),
    ("┼", "+"),
    ("└", "`"),
    ("┌", "+"),
    ("┐", "+"),
    ("┘", "+"),
    ("┬", "+"),
    ("┴", "+"),
    ("▪", "#"),
    ("▫", "."),
    ("✓", "v"),
    ("✗", "x"),
    ("▸", ">"),
    ("▾", "v"),
    ("●", "*"),
    ("‖", "="),
    ("±", "~"),
    ("○", "o"),
    ("◐", "~"),
    ("·", "."),
    ("…", "~"),
    ("−", "-"),
    ("–", "-"),
    ("—", "-"),
    ("→", ">"),
    ("←", "<"),
    ("↑", "^"),
    ("↓", "v"),
    ("█", "#"),
    ("░", "."),
    ("▐", "|"),
    ("▌", "|"),
    ("›", ">"),
    ("½", "/"),
    ("┆", ":"),
    ("⋯", "~"),
    ("✎", "*"),
];

/// Replaces every mark of ours in `buffer`.
pub(crate) fn degrade(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        if cell.symbol().is_ascii() {
            continue;
        }
        if let Some((_, plain)) = TWINS.iter().find(|(mark, _)| *mark == cell.symbol()) {
            cell.set_symbol(plain);
        }
    }
}
