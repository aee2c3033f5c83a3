//! What transport, editors and enemies do to a patch's text.

use super::choices::Choices;

/// Harms `patch` once.
pub(crate) fn harm(patch: &mut Vec<u8>, choices: &mut Choices) {
    if patch.is_empty() {
        return;
    }
    let mut lines: Vec<Vec<u8>> = patch.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let at = choices.below(lines.len());
    match choices.below(16) {
        0 => counts(&mut lines, choices, &["0", "1", "2", "3", "7", "999999"]),
        1 => counts(&mut lines, choices, &["4294967295", "4294967296", "18446744073709551615", "-1", "2000000000"]),
        2 => drop(lines.remove(at)),
        3 => lines.insert(at, lines[at].clone()),
        4 => {
            let other = choices.below(lines.len());
            lines.swap(at, other);
        }
        5 => repeat_hunk(&mut lines, choices),
        6 => lines.iter_mut().for_each(carriage_return),
        7 => carriage_return(&mut lines[at]),
        8 => {
            let into = choices.below(lines[at].len() + 1);
            lines[at].insert(into, *choices.of(&[&0, &b'\r', &0x1b, &0xff, &b'\t', &b'"']));
        }
        9 => lines.insert(at, b"\\ No newline at end of file\n".to_vec()),
        10 => lines.insert(at, b"\n".to_vec()),
        11 => {
            let bit = 1 << choices.below(8);
            let byte = choices.below(lines[at].len());
            lines[at][byte] ^= bit;
        }
        12 => {
            patch.truncate(choices.below(patch.len()));
            return;
        }
        13 => {
            patch.pop();
            return;
        }
        14 => lines.insert(0, b"From: A <a@example.org>\nSubject: [PATCH] x\n\n---\n".to_vec()),
        _ => base85(&mut lines, choices),
    }
    *patch = lines.concat();
}

fn carriage_return(line: &mut Vec<u8>) {
    if line.ends_with(b"\n") {
        line.insert(line.len() - 1, b'\r');
    }
}

fn one_of(lines: &[Vec<u8>], choices: &mut Choices, fits: impl Fn(&[u8]) -> bool) -> Option<usize> {
    let all: Vec<usize> = (0..lines.len()).filter(|at| fits(&lines[*at])).collect();
    (!all.is_empty()).then(|| all[choices.below(all.len())])
}

/// Another number in a hunk's header.
fn counts(lines: &mut [Vec<u8>], choices: &mut Choices, numbers: &[&str]) {
    let Some(at) = one_of(lines, choices, |line| line.starts_with(b"@@ -")) else { return };
    let text = String::from_utf8_lossy(&lines[at]).into_owned();
    let (digits, is_digit) = (choices.below(4), |c: char| c.is_ascii_digit());
    let mut out = String::new();
    let (mut rest, mut number) = (text.as_str(), 0);
    while let Some(start) = rest.find(is_digit) {
        let end = rest[start..].find(|c| !is_digit(c)).map_or(rest.len(), |end| start + end);
        out.push_str(&rest[..start]);
        out.push_str(if number == digits { choices.of(numbers) } else { &rest[start..end] });
        (rest, number) = (&rest[end..], number + 1);
    }
    lines[at] = (out + rest).into_bytes();
}

/// A hunk twice: the second overlaps the first, or comes before it.
fn repeat_hunk(lines: &mut Vec<Vec<u8>>, choices: &mut Choices) {
    let Some(start) = one_of(lines, choices, |line| line.starts_with(b"@@ -")) else { return };
    let ends = |line: &Vec<u8>| line.starts_with(b"@@ -") || line.starts_with(b"diff ") || line.starts_with(b"--- ");
    let end = lines[start + 1..].iter().position(ends).map_or(lines.len(), |end| start + 1 + end);
    let hunk = lines[start..end].to_vec();
    let into = if choices.one_in(2) { start } else { end };
    lines.splice(into..into, hunk);
}

/// Damages a line of binary data: a letter, its length, or its end.
fn base85(lines: &mut [Vec<u8>], choices: &mut Choices) {
    let is_data = |line: &[u8]| line.len() > 8 && line.len() % 5 == 2 && line[0].is_ascii_alphabetic();
    let Some(at) = one_of(lines, choices, is_data) else { return };
    let line = &mut lines[at];
    match choices.below(3) {
        0 => line[0] = b'a' + choices.below(26) as u8,
        1 => {
            let letter = 1 + choices.below(line.len() - 2);
            line[letter] = *choices.of(&[&b'~', &b'0', &b'"', &b'z']);
        }
        _ => {
            line.truncate(line.len() / 2);
            line.push(b'\n');
        }
    }
}
