//! The tags of one blob as the cache keeps them.

use super::codec::{Reader, Writer};
use super::table::{DefinitionRow, ReferenceRow};
use crate::syntax::{DefinitionKind, Tags};

/// Changes whenever the format or a language's rules change: older records count as forgotten.
pub(super) const FORMAT: u8 = 1;

/// What is known of a blob besides its tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct BlobFacts {
    pub(super) bytes: u64,
    pub(super) lines: u32,
    /// A code of `SkipReason`, or 0.
    pub(super) skipped: u8,
}

pub(super) struct DefinitionRecord<'a> {
    pub(super) name: &'a str,
    pub(super) kind: DefinitionKind,
    pub(super) line: u32,
    pub(super) end: u32,
    pub(super) depth: u16,
}

pub(super) struct ReferenceRecord<'a> {
    pub(super) name: &'a str,
    pub(super) line: u32,
    pub(super) count: u32,
}

/// A record, decoded in place.
#[derive(Default)]
pub(super) struct BlobRecord<'a> {
    pub(super) definitions: Vec<DefinitionRecord<'a>>,
    pub(super) references: Vec<ReferenceRecord<'a>>,
    pub(super) imports: Vec<&'a str>,
}

impl<'a> BlobRecord<'a> {
    /// Every name that is defined or used.
    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> {
        self.definitions.iter().map(|it| it.name).chain(self.references.iter().map(|it| it.name))
    }
}

impl DefinitionRecord<'_> {
    /// The row of a table for it.
    pub(super) fn numbered(&self, name: u32, file: u32) -> DefinitionRow {
        DefinitionRow { name, file, line: self.line, end: self.end, depth: self.depth, kind: self.kind }
    }
}

impl ReferenceRecord<'_> {
    /// The row of a table for it.
    pub(super) fn numbered(&self, name: u32, file: u32) -> ReferenceRow {
        ReferenceRow { name, file, line: self.line, count: self.count }
    }
}

pub(super) fn encode(facts: BlobFacts, tags: &Tags) -> Vec<u8> {
    let mut out = Writer::default();
    out.byte(FORMAT);
    out.number(facts.bytes);
    out.number(u64::from(facts.lines));
    out.byte(facts.skipped);
    out.count(tags.definitions.len());
    for definition in &tags.definitions {
        out.bytes(definition.name.as_bytes());
        out.byte(definition.kind as u8);
        out.number(u64::from(definition.lines.start));
        out.number(u64::from(definition.lines.end.saturating_sub(definition.lines.start)));
        out.number(u64::from(definition.depth));
    }
    out.count(tags.references.len());
    for reference in &tags.references {
        out.bytes(reference.name.as_bytes());
        out.number(u64::from(reference.lines.first().copied().unwrap_or_default()));
        out.count(reference.lines.len());
    }
    out.count(tags.imports.len());
    for import in &tags.imports {
        out.bytes(import.spec.as_bytes());
    }
    out.finish()
}

/// The record in `bytes`; `None` where it is damaged or of another format.
pub(super) fn decode(bytes: &[u8]) -> Option<BlobRecord<'_>> {
    let mut reader = Reader::new(bytes);
    if reader.byte()? != FORMAT {
        return None;
    }
    facts(&mut reader)?;
    let mut record = BlobRecord::default();
    for _ in 0..reader.count()? {
        let (name, kind) = (reader.text()?, DefinitionKind::from_code(reader.byte()?)?);
        let line = reader.small()?;
        let end = line.checked_add(reader.small()?)?;
        let depth = u16::try_from(reader.number()?).ok()?;
        record.definitions.push(DefinitionRecord { name, kind, line, end, depth });
    }
    for _ in 0..reader.count()? {
        record.references.push(ReferenceRecord { name: reader.text()?, line: reader.small()?, count: reader.small()? });
    }
    for _ in 0..reader.count()? {
        record.imports.push(reader.text()?);
    }
    reader.is_at_end().then_some(record)
}

/// Only the facts, for a look at a record whose tags are not needed yet.
pub(super) fn decode_facts(bytes: &[u8]) -> Option<BlobFacts> {
    let mut reader = Reader::new(bytes);
    if reader.byte()? == FORMAT { facts(&mut reader) } else { None }
}

fn facts(reader: &mut Reader<'_>) -> Option<BlobFacts> {
    Some(BlobFacts { bytes: reader.number()?, lines: reader.small()?, skipped: reader.byte()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cancel::Cancel;
    use crate::syntax::{Language, ParseLimits, Syntax};

    fn sample() -> Vec<u8> {
        let text = b"from a import b\nclass C:\n    def m(self):\n        b(); b()\n";
        let tags =
            Syntax::new().tags_of(Language::Python, text, ParseLimits::default(), &Cancel::new()).expect("parses");
        encode(BlobFacts { bytes: 9, lines: 4, skipped: 0 }, &tags)
    }

    #[test]
    fn a_record_reads_back() {
        let bytes = sample();
        let record = decode(&bytes).expect("undamaged");
        assert_eq!(decode_facts(&bytes), Some(BlobFacts { bytes: 9, lines: 4, skipped: 0 }));
        let names: Vec<_> = record.definitions.iter().map(|it| (it.name, it.kind, it.line, it.end, it.depth)).collect();
        assert_eq!(names, [("C", DefinitionKind::Class, 2, 5, 0), ("m", DefinitionKind::Method, 3, 5, 1)]);
        assert_eq!(record.references.iter().map(|it| (it.name, it.line, it.count)).collect::<Vec<_>>(), [("b", 1, 3)]);
        assert_eq!(record.imports, ["a", "a.b"]);
    }

    #[test]
    fn a_damaged_record_counts_as_forgotten_and_never_panics() {
        let bytes = sample();
        assert!((0..bytes.len()).all(|cut| decode(&bytes[..cut]).is_none()), "cut anywhere");
        for at in 0..bytes.len() {
            for flip in [1, 0x80, 0xff] {
                let mut damaged = bytes.clone();
                damaged[at] ^= flip;
                let _ = decode(&damaged).map(|record| record.definitions.len());
            }
        }
        assert!(decode(&[FORMAT + 1]).is_none());
    }
}
