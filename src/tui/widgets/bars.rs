//! Strips and bars: gates, scores, progress.

use super::painter::{Painter, Run};
use crate::api::GateView;
use crate::tui::theme::Role;
use crate::tui::words::{Tenths, score_role};

/// One mark a gate, G0 first: `▪` passed, `✗` failed, `▫` not run. The worst counts where lanes differ.
pub(crate) fn gate_strip(gates: &[GateView]) -> Vec<Run> {
    const NAMES: [&str; 6] = ["G0", "G1", "G2", "G3", "G4", "G5"];
    NAMES
        .iter()
        .map(|name| {
            let of_name: Vec<_> = gates.iter().filter(|gate| gate.id.to_string() == *name).collect();
            if of_name.iter().any(|gate| gate.passed == Some(false)) {
                Run::new("✗", Role::GateFailed)
            } else if of_name.is_empty() || of_name.iter().any(|gate| gate.passed.is_none()) {
                Run::new("▫", Role::GateNotRun)
            } else {
                Run::new("▪", Role::GatePassed)
            }
        })
        .collect()
}

/// A bar of `columns` for a score of 1.0 to 10.0.
pub(crate) fn score_bar(painter: &mut Painter<'_>, x: u16, y: u16, columns: u16, score: Tenths) {
    let filled = (score.get() * columns + 50) / 100;
    for at in 0..columns {
        let (symbol, role) = if at < filled { ("█", score_role(score)) } else { ("░", Role::Faint) };
        painter.text(x + at, y, 1, symbol, role);
    }
}

/// A thin bar: how much of `all` is done.
pub(crate) fn progress(painter: &mut Painter<'_>, x: u16, y: u16, columns: u16, done: usize, all: usize) {
    let filled = if all == 0 { 0 } else { (done * usize::from(columns)).div_ceil(all) };
    for at in 0..columns {
        let (symbol, role) = if usize::from(at) < filled { ("━", Role::GatePassed) } else { ("─", Role::Faint) };
        painter.text(x + at, y, 1, symbol, role);
    }
}
