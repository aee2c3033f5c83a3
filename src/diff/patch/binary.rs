//! `GIT binary patch`: base 85 lines of deflated bytes, a whole content or a delta of the old one.

use std::io::{Read as _, Write as _};

use flate2::read::ZlibDecoder;
use flate2::{Compression, write::ZlibEncoder};

use super::lines::Lines;
use super::{PatchError, PatchProblem};

/// A binary change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BinaryPatch {
    /// How the new content is made.
    pub content: BinaryContent,
}

/// How a binary content is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BinaryContent {
    /// The whole new content.
    Literal(Vec<u8>),
    /// Git's delta instructions for the old content.
    Delta(Vec<u8>),
}

impl BinaryPatch {
    /// The new content, from the old one.
    ///
    /// # Errors
    /// What is wrong with the delta, or that it is not one of `old`.
    pub fn apply(&self, old: &[u8], limit: usize) -> Result<Vec<u8>, &'static str> {
        match &self.content {
            BinaryContent::Literal(content) => Ok(content.clone()),
            BinaryContent::Delta(delta) => apply_delta(old, delta, limit),
        }
    }
}

const ALPHABET: &[u8; 85] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";

/// Reads what follows the line `GIT binary patch`, the reverse part too. `budget` is what may still be unpacked.
pub(super) fn parse_binary(lines: &mut Lines<'_>, budget: &mut usize) -> Result<BinaryPatch, PatchError> {
    let Some(content) = parse_part(lines, budget)? else {
        return lines.refuse(PatchProblem::BadBinary("neither `literal` nor `delta` follows"));
    };
    // the reverse part is for `git apply -R`: read, so that a cut patch is found, and not kept
    parse_part(lines, budget)?;
    Ok(BinaryPatch { content })
}

fn parse_part(lines: &mut Lines<'_>, budget: &mut usize) -> Result<Option<BinaryContent>, PatchError> {
    let Some(line) = lines.peek() else { return Ok(None) };
    let (size, is_literal) = match (line.strip_prefix(b"literal "), line.strip_prefix(b"delta ")) {
        (Some(size), _) => (size, true),
        (_, Some(size)) => (size, false),
        _ => return Ok(None),
    };
    let Some(size) = std::str::from_utf8(size).ok().and_then(|size| size.trim_end().parse::<usize>().ok()) else {
        return lines.refuse(PatchProblem::BadBinary("its size cannot be read"));
    };
    if size > *budget {
        let limit = *budget as u64;
        return lines.refuse(PatchProblem::TooLarge { what: "binary data", size: size as u64, limit });
    }
    *budget -= size;
    lines.skip(line);
    let packed = parse_data(lines)?;
    match inflate(&packed, size) {
        Some(bytes) if is_literal => Ok(Some(BinaryContent::Literal(bytes))),
        Some(bytes) => Ok(Some(BinaryContent::Delta(bytes))),
        None => lines.refuse(PatchProblem::BadBinary("it does not unpack to the size it says")),
    }
}

/// The base 85 lines up to an empty one.
fn parse_data(lines: &mut Lines<'_>) -> Result<Vec<u8>, PatchError> {
    let mut packed = Vec::new();
    loop {
        let Some(line) = lines.peek() else {
            return lines.refuse(PatchProblem::BadBinary("it ends without an empty line"));
        };
        let data = line.strip_suffix(b"\r").unwrap_or(line);
        if data.is_empty() {
            lines.skip(line);
            return Ok(packed);
        }
        if decode_line(data, &mut packed).is_none() {
            return lines.refuse(PatchProblem::BadBinary("a line is not base 85"));
        }
        lines.skip(line);
    }
}

/// One line: a letter for its length (A–Z 1–26, a–z 27–52), then five digits for each four bytes.
fn decode_line(line: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (letter, digits) = line.split_first()?;
    let length = match letter {
        b'A'..=b'Z' => usize::from(letter - b'A') + 1,
        b'a'..=b'z' => usize::from(letter - b'a') + 27,
        _ => return None,
    };
    if digits.len() != length.div_ceil(4) * 5 {
        return None;
    }
    let end = out.len() + length;
    for group in digits.chunks_exact(5) {
        let mut value: u32 = 0;
        for digit in group {
            let digit = ALPHABET.iter().position(|known| known == digit)?;
            value = value.checked_mul(85)?.checked_add(u32::try_from(digit).ok()?)?;
        }
        out.extend_from_slice(&value.to_be_bytes());
    }
    out.truncate(end);
    Some(())
}

/// Unpacks exactly `size` bytes; never more, whatever the data would grow to.
fn inflate(packed: &[u8], size: usize) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(size.min(packed.len().saturating_mul(4)));
    ZlibDecoder::new(packed).take(size as u64 + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() == size).then_some(bytes)
}

/// Applies git's delta: the old size, the new size, then copies from the old content and literal bytes.
fn apply_delta(old: &[u8], delta: &[u8], limit: usize) -> Result<Vec<u8>, &'static str> {
    const CUT: &str = "the delta ends early";
    let mut rest = delta.iter().copied();
    let old_size = delta_size(&mut rest).ok_or(CUT)?;
    let new_size = delta_size(&mut rest).ok_or(CUT)?;
    if old_size != old.len() {
        return Err("the delta is for a content of another size");
    }
    if new_size > limit {
        return Err("the delta makes too large a content");
    }
    let mut new = Vec::with_capacity(new_size.min(old.len() + delta.len()));
    while let Some(instruction) = rest.next() {
        match instruction {
            0 => return Err("the delta has an unknown instruction"),
            0x80.. => {
                let mut field = |first_bit: u32, bytes: u32| -> Result<usize, &'static str> {
                    let present = (0..bytes).filter(|byte| instruction & (1 << (first_bit + byte)) != 0);
                    present.map(|byte| Ok(usize::from(rest.next().ok_or(CUT)?) << (8 * byte))).sum()
                };
                let offset = field(0, 4)?;
                let size = match field(4, 3)? {
                    0 => 0x1_0000,
                    size => size,
                };
                let copied = offset.checked_add(size).and_then(|end| old.get(offset..end));
                new.extend_from_slice(copied.ok_or("the delta copies from outside the old content")?);
            }
            length => {
                let before = new.len();
                new.extend(rest.by_ref().take(usize::from(length)));
                if new.len() != before + usize::from(length) {
                    return Err(CUT);
                }
            }
        }
        if new.len() > new_size {
            return Err("the delta makes more than it says");
        }
    }
    if new.len() == new_size { Ok(new) } else { Err("the delta makes less than it says") }
}

fn delta_size(rest: &mut impl Iterator<Item = u8>) -> Option<usize> {
    let (mut size, mut shift) = (0_usize, 0);
    loop {
        let byte = rest.next()?;
        size |= usize::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(size);
        }
        shift += 7;
        if shift > 56 {
            return None;
        }
    }
}

/// Writes `content` as the `literal` part of a binary patch, with the empty line that ends it.
pub(in crate::diff) fn encode_literal(content: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("literal {}\n", content.len()).as_bytes());
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).expect("writing to memory cannot fail");
    let packed = encoder.finish().expect("writing to memory cannot fail");
    for line in packed.chunks(52) {
        let length = u8::try_from(line.len()).expect("a line has at most 52 bytes");
        out.push(if length <= 26 { b'A' + length - 1 } else { b'a' + length - 27 });
        for group in line.chunks(4) {
            let mut bytes = [0; 4];
            bytes[..group.len()].copy_from_slice(group);
            let value = u32::from_be_bytes(bytes);
            for power in [52_200_625, 614_125, 7225, 85, 1] {
                out.push(ALPHABET[(value / power % 85) as usize]);
            }
        }
        out.push(b'\n');
    }
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_read_back() {
        for length in [0, 1, 3, 4, 51, 52, 53, 1000, 10_000] {
            let content: Vec<u8> = (0..length).map(|at: u32| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
            let mut text = Vec::new();
            encode_literal(&content, &mut text);
            let mut budget = 10_000;
            let read = parse_binary(&mut Lines::new(&text), &mut budget).expect("what we wrote reads back");
            assert_eq!(read.content, BinaryContent::Literal(content));
        }
    }

    #[test]
    fn a_bomb_is_not_unpacked() {
        let mut text = Vec::new();
        encode_literal(&vec![0; 1 << 20], &mut text);
        let small = String::from_utf8(text.clone()).expect("base 85 is text").replacen("1048576", "10", 1);
        let refused = |text: &[u8], mut budget: usize| parse_binary(&mut Lines::new(text), &mut budget).is_err();
        assert!(refused(&text, 1000), "more than the budget");
        assert!(refused(small.as_bytes(), 1000), "more than it says");
        assert!(!refused(&text, 1 << 20));
    }

    #[track_caller]
    fn check_delta(old: &[u8], delta: &[u8], new: Result<&[u8], &str>) {
        assert_eq!(apply_delta(old, delta, 1000).as_deref().map_err(|problem| *problem), new);
    }

    #[test]
    fn deltas_are_applied_and_checked() {
        check_delta(b"hello", &[5, 7, 0x90, 5, 2, b'!', b'?'], Ok(b"hello!?"));
        check_delta(b"hello", &[5, 3, 0x91, 2, 3], Ok(b"llo"));
        check_delta(b"hell", &[5, 3, 0x91, 2, 3], Err("the delta is for a content of another size"));
        check_delta(b"hello", &[5, 3, 0x91, 3, 3], Err("the delta copies from outside the old content"));
        check_delta(b"hello", &[5, 3, 0x91, 2], Err("the delta ends early"));
        check_delta(b"hello", &[5, 9, 0x90, 5], Err("the delta makes less than it says"));
        check_delta(b"hello", &[5, 1, 0x90, 5], Err("the delta makes more than it says"));
        check_delta(b"hello", &[5, 1, 0], Err("the delta has an unknown instruction"));
        check_delta(b"hello", &[5, 0xff, 0xff, 0xff, 0x7f], Err("the delta makes too large a content"));
    }
}
