//! Stand-in until the real room is merged: search/replace blocks alone.
#![allow(missing_docs)]
use crate::diff::{ChangeSet, FileChange, FileSide};
use crate::id::RepoPath;
use crate::infrastructure::llm::Finish;
use crate::repository::Tree;
pub struct Edits {
    prose: String,
    edits: Vec<(RepoPath, String, String)>,
}
pub struct Placed {
    pub changes: ChangeSet,
    pub notes: Vec<String>,
}
#[derive(Debug)]
pub struct EditRefusals(Vec<String>);
impl EditRefusals {
    pub fn lines(&self) -> Vec<String> {
        self.0.clone()
    }
    pub fn for_model(&self) -> String {
        format!("Nothing was applied:\n{}\nAnswer again, whole.", self.0.join("\n"))
    }
}
pub fn read(reply: &str, finish: &Finish) -> Result<Edits, EditRefusals> {
    if *finish == Finish::Length {
        return Err(EditRefusals(vec!["the answer was cut off".into()]));
    }
    let (mut prose, mut edits, mut path) = (String::new(), Vec::new(), String::new());
    let mut lines = reply.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("<<<<<<<") {
            let (mut old, mut new, mut part) = (String::new(), String::new(), 0);
            for line in lines.by_ref() {
                match line {
                    "=======" => part = 1,
                    line if line.starts_with(">>>>>>>") => {
                        part = 2;
                        break;
                    }
                    line => {
                        let to = if part == 0 { &mut old } else { &mut new };
                        to.push_str(line);
                        to.push('\n');
                    }
                }
            }
            if part != 2 {
                return Err(EditRefusals(vec!["a block does not end".into()]));
            }
            edits.push((RepoPath::from(path.as_str()), old, new));
        } else if !line.starts_with("```") {
            if line.contains('.') && !line.contains(' ') {
                path = line.to_owned();
            } else {
                prose.push_str(line);
                prose.push('\n');
            }
        }
    }
    if edits.is_empty() {
        return Err(EditRefusals(vec!["there is no edit in the answer".into()]));
    }
    Ok(Edits { prose, edits })
}
impl Edits {
    pub fn prose(&self) -> &str {
        &self.prose
    }
    pub fn place(&self, tree: &dyn Tree) -> Result<Placed, EditRefusals> {
        let mut files = Vec::new();
        for (path, old, new) in &self.edits {
            let side = tree.side(path).map_err(|e| EditRefusals(vec![e.to_string()]))?;
            let text = side.as_ref().map(|s| String::from_utf8_lossy(&s.content).into_owned()).unwrap_or_default();
            if text.matches(old.as_str()).count() != 1 && !old.is_empty() {
                return Err(EditRefusals(vec![format!("{path}: the SEARCH lines do not occur once")]));
            }
            let new = if old.is_empty() { new.clone() } else { text.replacen(old.as_str(), new, 1) };
            files.push(FileChange { path: path.clone(), old: side, new: Some(FileSide::regular(new.into_bytes())) });
        }
        Ok(Placed { changes: ChangeSet::new(files), notes: Vec::new() })
    }
}
