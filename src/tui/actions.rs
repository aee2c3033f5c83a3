//! Everything a key, a palette entry or a command can do: one table with names, help and hints.

/// Where a key is pressed: each has a section of its own in `keymap.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Context {
    /// Wherever no text is typed.
    Everywhere,
    /// The list of sessions.
    Inbox,
    /// An open session, any tab.
    Session,
    /// The diff of the Patches tab.
    Diff,
    /// The list of files beside it.
    Tree,
    /// The Runs tab.
    Runs,
    /// The Policy tab.
    Policy,
    /// The Artifacts tab.
    Artifacts,
    /// A whole file on top of the diff.
    Peek,
    /// A box that text is typed into.
    TextBox,
    /// The wizard for a new session.
    Wizard,
}

impl Context {
    /// Every context, in the order of the documentation.
    pub const ALL: [Self; 11] = [
        Self::Everywhere,
        Self::Inbox,
        Self::Session,
        Self::Diff,
        Self::Tree,
        Self::Runs,
        Self::Policy,
        Self::Artifacts,
        Self::Peek,
        Self::TextBox,
        Self::Wizard,
    ];

    /// The section's name in a keymap.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Everywhere => "everywhere",
            Self::Inbox => "inbox",
            Self::Session => "session",
            Self::Diff => "diff",
            Self::Tree => "tree",
            Self::Runs => "runs",
            Self::Policy => "policy",
            Self::Artifacts => "artifacts",
            Self::Peek => "peek",
            Self::TextBox => "text-box",
            Self::Wizard => "wizard",
        }
    }

    /// Its heading for people.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Everywhere => "Everywhere",
            Self::Inbox => "Inbox",
            Self::Session => "A session",
            Self::Diff => "Patches: the diff",
            Self::Tree => "Patches: the files",
            Self::Runs => "Runs",
            Self::Policy => "Policy",
            Self::Artifacts => "Artifacts",
            Self::Peek => "A whole file (a definition)",
            Self::TextBox => "Writing",
            Self::Wizard => "New session",
        }
    }
}

macro_rules! actions {
    ($($variant:ident = $name:literal, $hint:literal: $about:literal,)*) => {
        /// Something a person asks of the screen.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Action { $(#[doc = $about] $variant,)* }

        impl Action {
            /// Every action, in the order of the help.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name in keymaps and on the command line of the palette.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// One or two words beside the key in the footer.
            #[must_use]
            pub fn hint(self) -> &'static str {
                match self { $(Self::$variant => $hint,)* }
            }

            /// One line of help.
            #[must_use]
            pub fn about(self) -> &'static str {
                match self { $(Self::$variant => $about,)* }
            }

            /// The action of that name.
            #[must_use]
            pub fn named(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

actions! {
    LineDown = "line-down", "down": "one line down",
    LineUp = "line-up", "up": "one line up",
    HalfPageDown = "half-page-down", "½ page": "half a page down",
    HalfPageUp = "half-page-up", "½ page up": "half a page up",
    PageDown = "page-down", "page": "a page down",
    PageUp = "page-up", "page up": "a page up",
    Top = "top", "top": "to the first line",
    Bottom = "bottom", "bottom": "to the last line",
    FocusNext = "focus-next", "pane": "next pane",
    FocusPrevious = "focus-previous", "pane": "previous pane",
    Open = "open", "open": "open what is under the cursor",
    Back = "back", "back": "back, close",
    Quit = "quit", "leave": "leave Paraph; sessions keep running",
    Help = "help", "help": "keys of this screen, searchable",
    Palette = "palette", "command": "every action by name; :12 goes to line 12",
    NextNeedsMe = "next-needs-me", "next for me": "open the next session that needs me",
    Search = "search", "search": "search in what is shown",
    SearchNext = "search-next", "next match": "next match",
    SearchPrevious = "search-previous", "previous match": "previous match",
    Copy = "copy", "copy": "copy what is under the cursor (OSC 52)",
    CopyReference = "copy-reference", "copy name": "copy its name: digest, file:line, session",
    Redraw = "redraw", "redraw": "paint the screen anew",
    Suspend = "suspend", "suspend": "back to the shell; fg returns",
    Approve = "approve", "approve": "approve: opens the panel, a second key decides",
    Reject = "reject", "reject": "reject: opens the panel, a second key decides",
    RequestChanges = "request-changes", "send back": "request changes: opens the panel, a second key decides",
    Override = "override", "override": "accept a WARN, with a reason",
    Tick = "tick", "tick": "criteria that only a person can see: say that they are met, or take it back",
    NewSession = "new-session", "new": "start a session: goal, repository, engine, base",
    CycleFilter = "cycle-filter", "filter": "needs me → running → done → all",
    CycleSort = "cycle-sort", "sort": "newest change → longest wait → score",
    TogglePreview = "toggle-preview", "preview": "show or hide the pane on the right",
    PickSession = "pick-session", "select": "select the session, to pause or discard several",
    PauseSession = "pause-session", "pause": "pause the session or let it go on; those selected, where some are",
    Steer = "steer", "say": "say something to the agent or model that drafts, while it does",
    Budget = "set-budget", "budget": "set what its models may take; what stood still for that goes on",
    DiscardCheckouts = "discard-checkouts", "discard": "remove its disposable checkouts; patch and history stay",
    TabOverview = "tab-overview", "overview": "state, repositories, gates, score",
    TabArchitecture = "tab-architecture", "architecture": "repositories, scope of the change, folders",
    TabTimeline = "tab-timeline", "timeline": "every event, with its payload",
    TabArtifacts = "tab-artifacts", "artifacts": "explanation, context, check plan",
    TabPolicy = "tab-policy", "policy": "what the policies found",
    TabPatches = "tab-patches", "patches": "the diff",
    TabRuns = "tab-runs", "runs": "checks and their output",
    TabBeads = "tab-beads", "beads": "units of work",
    TabMetrics = "tab-metrics", "metrics": "figures",
    NextHunk = "next-hunk", "hunk": "next hunk, crossing files",
    PreviousHunk = "previous-hunk", "hunk back": "previous hunk, crossing files",
    NextFile = "next-file", "file": "next file",
    PreviousFile = "previous-file", "file back": "previous file",
    NextThread = "next-thread", "thread": "next thread",
    PreviousThread = "previous-thread", "thread back": "previous thread",
    MarkHunk = "mark-hunk", "reviewed": "mark the hunk as reviewed and go to the next unreviewed one",
    MarkFile = "mark-file", "file reviewed": "mark the whole file as reviewed, or not any more",
    NextUnreviewed = "next-unreviewed", "unreviewed": "next unreviewed hunk, without marking",
    Comment = "comment", "comment": "comment on the line, the selected range or the document",
    CommentFile = "comment-file", "comment file": "comment on the file",
    CommentVersion = "comment-version", "comment all": "comment on the whole version",
    Reply = "reply", "answer": "answer in the thread under the cursor",
    ResolveThread = "resolve-thread", "resolve": "resolve or reopen the thread under the cursor",
    SelectRange = "select-range", "range": "start or end a range of lines",
    EditDraft = "edit-draft", "edit draft": "change my unsent comment under the cursor",
    DeleteDraft = "delete-draft", "delete draft": "delete my unsent comment under the cursor",
    SendDrafts = "send-drafts", "send drafts": "send my unsent comments now, without a decision",
    ExcludeHunk = "exclude-hunk", "leave out": "leave the hunk out of the next version, or in again",
    ExcludeFile = "exclude-file", "file out": "leave the whole file out, or in again",
    EditHunk = "edit-hunk", "own edit": "write the hunk anew in $EDITOR: the next version, by hand",
    Suggest = "suggest", "suggest": "suggestion: an editable copy of the lines",
    OlderSide = "older-side", "older left": "compare with an older version",
    NewerSide = "newer-side", "newer left": "compare with a newer version",
    ToggleSinceReview = "toggle-since-review", "since review": "since my last review ↔ against the base",
    ToggleSplit = "toggle-split", "split": "automatic → side by side → one column",
    ToggleBlanks = "toggle-blanks", "blanks": "hide or show hunks that change whitespace only",
    ToggleWrap = "toggle-wrap", "wrap": "wrap long lines",
    ContextMore = "context-more", "more context": "show more unchanged lines",
    ContextLess = "context-less", "less context": "show fewer unchanged lines",
    ContextAll = "context-all", "whole file": "the whole file, or hunks only",
    ScrollRight = "scroll-right", "right": "long lines: to the right",
    ScrollLeft = "scroll-left", "left": "long lines: to the left",
    ToggleTree = "toggle-tree", "files": "show or hide the list of files",
    ToggleEvidence = "toggle-evidence", "evidence": "evidence: threads → checks → policy → score",
    EditFile = "edit-file", "edit": "open the file at this line in $EDITOR",
    Definition = "definition", "definition": "where the names of this line are defined",
    JumpBack = "jump-back", "back": "back to where the jump began",
    Outline = "outline", "outline": "what this file defines; go there",
    Blame = "blame", "blame": "who wrote this line of the base, and why",
    ToggleFollow = "toggle-follow", "follow": "follow the output as it grows",
    ToggleBase = "toggle-base", "base": "output on the proposal ↔ on the base",
    Save = "save", "save": "save, send",
    EditText = "edit-text", "editor": "write in $EDITOR",
    CycleKind = "cycle-kind", "kind": "issue → question → nit → must",
    Compare = "compare", "candidates": "the candidates of its goal side by side; pick one there",
    Publish = "publish", "publish": "publish what was approved",
    Monitor = "monitor", "monitor": "ask a model how what was published fares; it changes nothing",
    CancelSession = "cancel-session", "cancel": "end the session and everything it runs",
    Regenerate = "regenerate", "regenerate": "ask for the next version",
    Rewrite = "rewrite-documents", "write again": "have the documents written again that were commented on",
    Go = "go", "GO": "say GO to the goal, or to the documents where they wait for it",
    Defer = "defer", "defer": "put the goal off; go takes it up again",
    Decline = "decline", "decline": "do not take the goal up, for good",
    DropLane = "drop-repository", "drop": "take the repository out of the session",
    Trust = "trust", "trust": "let the repository's own commands run, or its setup use the network",
    CheckAgain = "check-again", "check again": "run the checks of the version again, with the tools there are now",
    CheckBaseToo = "check-base-too", "base too": "run them again on a fresh checkout of the base too",
    NextVersion = "next-version", "newer": "show the next version",
    PreviousVersion = "previous-version", "older": "show the version before",
    NextLane = "next-repository", "repository": "next repository of the session",
    NextTheme = "next-theme", "theme": "next colour theme",
}

impl Action {
    /// Whether it decides, ends or lets something out, or begins to: such a key must be meant.
    pub(crate) fn is_weighty(self) -> bool {
        use Action as A;
        matches!(self, A::Approve | A::Reject | A::RequestChanges | A::Override | A::Publish | A::Monitor)
            || matches!(self, A::CancelSession | A::Regenerate | A::Rewrite | A::DropLane | A::Trust)
            || matches!(self, A::Go | A::Defer | A::Decline)
            || matches!(self, A::PauseSession | A::DiscardCheckouts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_read_back() {
        for action in Action::ALL {
            assert_eq!(Action::named(action.name()), Some(*action));
            assert!(!action.about().is_empty() && !action.hint().is_empty());
        }
    }
}
