//! Where things stand on the screen: the width and height steps, in one place for drawing and for scrolling.

use ratatui::layout::Rect;

/// The frame of every screen: header, tabs, body, footer; any of them may be empty on a small screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame {
    pub header: Rect,
    pub tabs: Rect,
    pub body: Rect,
    pub footer: Rect,
}

impl Frame {
    fn cut(size: (u16, u16), header: u16, tabs: u16, footer: u16) -> Self {
        let (width, height) = size;
        let body = height.saturating_sub(header + tabs + footer);
        Self {
            header: Rect::new(0, 0, width, header),
            tabs: Rect::new(0, header, width, tabs),
            body: Rect::new(0, header + tabs, width, body),
            footer: Rect::new(0, header + tabs + body, width, footer),
        }
    }

    /// The inbox: a tab line with its rule, the list, the keys.
    pub(crate) fn inbox(size: (u16, u16)) -> Self {
        match size.1 {
            0..8 => Self::cut(size, 0, 0, 0),
            8..14 => Self::cut(size, 1, 0, 1),
            _ => Self::cut(size, 2, 0, 1),
        }
    }

    /// A session: what and where it stands, the tabs with their rule, the tab, the keys.
    pub(crate) fn session(size: (u16, u16)) -> Self {
        match size.1 {
            0..8 => Self::cut(size, 1, 0, 0),
            8..14 => Self::cut(size, 1, 1, 1),
            14..20 => Self::cut(size, 2, 1, 1),
            _ => Self::cut(size, 2, 2, 1),
        }
    }
}

/// The panes of the Patches tab.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Panes {
    pub tree: Option<Rect>,
    pub title: Rect,
    pub diff: Rect,
    pub drawer: Option<Rect>,
}

impl Panes {
    /// Three panes from 140 columns on, two from 100, one below; the tree on demand where it is narrow, the drawer
    /// beside or below the diff.
    pub(crate) fn of(body: Rect, tree: bool, drawer: bool) -> Self {
        let mut rest = body;
        let mut tree_pane = None;
        if tree {
            let columns = match body.width {
                140.. => 34,
                100.. => 30,
                60.. => 26,
                _ => body.width,
            };
            tree_pane = Some(Rect { width: columns, ..rest });
            rest = Rect { x: rest.x + columns, width: rest.width - columns, ..rest };
        }
        let mut drawer_pane = None;
        if drawer && rest.height >= 6 && rest.width >= 20 {
            if body.width >= 140 {
                let columns = 42;
                drawer_pane = Some(Rect { x: rest.right() - columns, width: columns, ..rest });
                rest.width -= columns;
            } else {
                let rows = (rest.height / 3).max(3);
                drawer_pane = Some(Rect { y: rest.bottom() - rows, height: rows, ..rest });
                rest.height -= rows;
            }
        }
        let title = Rect { height: 1.min(rest.height), ..rest };
        let diff = Rect { y: rest.y + title.height, height: rest.height - title.height, ..rest };
        Self { tree: tree_pane, title, diff, drawer: drawer_pane }
    }
}
