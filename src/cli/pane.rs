//! `paraph watch` on a terminal: a pane that is drawn over itself, one line a session.
//!
//! It needs no alternate screen: what stood there is scrolled away first, so that it can still be read above, and
//! the cursor waits below the last line, where the shell's prompt goes on.

use std::collections::BTreeMap;

use super::desk::Desk;
use super::ended::Ended;
use super::output::{Output, Role, Text};
use super::session_text::{age, is_over, state_role};
use super::verbs::list::state_shown;
use crate::api::{Notice, SessionRow};
use crate::clock::Timestamp;
use crate::id::SessionId;
use crate::text::{Untrusted, width};

/// Columns that the widest state takes.
const STATE: usize = 16;

/// What is known of the sessions that are watched, and what of it stands on the terminal.
#[derive(Default)]
pub(crate) struct Pane {
    rows: BTreeMap<SessionId, SessionRow>,
    /// The checks that run, by session.
    checks: BTreeMap<SessionId, Vec<String>>,
    shown: Option<String>,
}

impl Pane {
    /// Takes in what happened.
    pub(crate) fn hear(&mut self, notice: &Notice) {
        match notice {
            Notice::SessionChanged { row } => {
                if !row.running {
                    self.checks.remove(&row.id);
                }
                self.rows.insert(row.id, (**row).clone());
            }
            Notice::CheckStarted { session, check, .. } => {
                self.checks.entry(*session).or_default().push(check.clone());
            }
            Notice::CheckFinished { session, check, .. } => {
                if let Some(running) = self.checks.get_mut(session) {
                    running.retain(|name| *name != check.name);
                }
            }
            Notice::LogGrew { .. } | Notice::Missed | Notice::Leaving => {}
        }
    }

    /// Draws what changed since the last time; all of it where the terminal has another size now.
    pub(crate) fn draw(&mut self, desk: &mut Desk) -> Result<(), Ended> {
        let fallback = (desk.world.terminal.columns, 24);
        let (columns, rows) = desk.world.launch.terminal_size().unwrap_or(fallback);
        // the last column stays free: a terminal wraps there, and the last row is the cursor's
        let (width, most) = (columns.saturating_sub(1).max(1), rows.saturating_sub(1).max(1));
        let lines = self.lines(desk.world.clock.now(), width, most, &desk.out);
        let size = format!("{columns}x{rows}\n");
        let now = lines.iter().fold(size, |all, line| all + &line.as_plain());
        if self.shown.as_ref() == Some(&now) {
            return Ok(());
        }
        let room = if self.shown.is_none() { rows } else { 0 };
        desk.out.repaint(lines, room)?;
        self.shown = Some(now);
        Ok(())
    }

    fn lines(&self, now: Timestamp, columns: usize, most: usize, out: &Output) -> Vec<Text> {
        if self.rows.is_empty() {
            return vec![cut(vec![(Role::Dim, "no open session".to_owned())], columns)];
        }
        // what a person or a machine still has to do comes first, then the newest
        let mut rows: Vec<&SessionRow> = self.rows.values().collect();
        rows.sort_by_key(|row| (is_over(&row.state), std::cmp::Reverse(row.id)));
        let digits = rows.iter().map(|row| row.id.to_string().len()).max().unwrap_or(1);
        let kept = if rows.len() > most { most.saturating_sub(1) } else { most };
        let shown = rows.iter().take(kept);
        let mut lines: Vec<Text> = shown.map(|row| self.line(row, now, columns, digits, out)).collect();
        if rows.len() > kept {
            lines.push(cut(vec![(Role::Dim, format!("+{} more", rows.len() - kept))], columns));
        }
        lines
    }

    /// Badge, number, state and how long it has been in it; then what runs, or the goal, where there is room.
    fn line(&self, row: &SessionRow, now: Timestamp, columns: usize, digits: usize, out: &Output) -> Text {
        let (badge, badge_role) = match row {
            row if row.needs_me && !row.running => ("!", Role::Warn),
            row if is_over(&row.state) => ("-", Role::Dim),
            _ => ("*", Role::Mark),
        };
        let elapsed = age(now.since(row.updated_at));
        // badge, number, state and time have a blank each between them
        let room = columns.saturating_sub(digits + 4 + elapsed.len()).clamp(1, STATE);
        let state = width::pad_end(&width::truncate_end(state_shown(row), room), room).into_owned();
        let checks = self.checks.get(&row.id).filter(|running| !running.is_empty());
        let about = match checks {
            Some(running) => format!("{}: {}", row.repos.join(", "), running.join(", ")),
            None => format!("{}: {}", row.repos.join(", "), row.goal.raw()),
        };
        // a secret is hidden whole, before the edge could take a part of it away
        let about = String::from_utf8_lossy(&out.masked(about.as_bytes())).into_owned();
        let spans = vec![
            (badge_role, badge.to_owned()),
            (Role::Strong, format!(" {:>digits$} ", row.id.0)),
            (state_role(&row.state), state),
            (Role::Dim, format!(" {elapsed}")),
            (Role::Plain, format!("{}{about}", " ".repeat(5_usize.saturating_sub(elapsed.len())))),
        ];
        cut(spans, columns)
    }
}

/// The spans as one line of at most so many columns; `…` stands for what was left out.
fn cut(spans: Vec<(Role, String)>, columns: usize) -> Text {
    let mut line = Text::new();
    let mut left = columns;
    for (role, text) in spans {
        // somebody else's words may be as wide as their escapes: they are made printable before they are measured
        let text = Untrusted::new(text.split(['\n', '\r', '\t']).collect::<Vec<_>>().join(" "));
        let shown = text.display_line().to_string();
        if left == 0 {
            break;
        }
        let fits = width::truncate_end(&shown, left).into_owned();
        left = if width::columns(&shown) > left { 0 } else { left - width::columns(&fits) };
        line = line.role(role, fits);
    }
    line
}
