//! Lines that two short texts have in common: what an edit leaves as it is.

use similar::{Algorithm, DiffTag, capture_diff_slices};

/// Where comparing costs more than it tells: old times new lines, after equal ends were taken off.
const MOST_CELLS: usize = 4_000_000; // 2,000 lines against 2,000: 30 ms at worst

/// Runs of equal lines as (old index, new index, length), in order, none overlapping. Long texts with nothing in
/// common but their ends are not looked into.
#[must_use]
pub fn common_runs<T: Eq + std::hash::Hash + Ord>(old: &[T], new: &[T]) -> Vec<(usize, usize, usize)> {
    let head = old.iter().zip(new).take_while(|(one, other)| one == other).count();
    let (old_rest, new_rest) = (&old[head..], &new[head..]);
    let tail = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(|(one, other)| one == other).count();
    let (old_mid, new_mid) = (&old_rest[..old_rest.len() - tail], &new_rest[..new_rest.len() - tail]);
    let mut runs = Vec::new();
    let mut push = |run: (usize, usize, usize)| runs.extend((run.2 > 0).then_some(run));
    push((0, 0, head));
    if old_mid.len().saturating_mul(new_mid.len()) <= MOST_CELLS {
        for op in capture_diff_slices(Algorithm::Myers, old_mid, new_mid) {
            let (tag, from, to) = op.as_tag_tuple();
            if tag == DiffTag::Equal {
                push((head + from.start, head + to.start, from.len()));
            }
        }
    }
    push((old.len() - tail, new.len() - tail, tail));
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(old: &str, new: &str, expected: &[(usize, usize, usize)]) {
        let lines = |text: &str| text.chars().collect::<Vec<_>>();
        assert_eq!(common_runs(&lines(old), &lines(new)), expected);
    }

    #[test]
    fn what_is_equal_is_found_in_order() {
        check("abc", "abc", &[(0, 0, 3)]);
        check("abc", "axc", &[(0, 0, 1), (2, 2, 1)]);
        check("", "x", &[]);
        check("abcd", "xbyd", &[(1, 1, 1), (3, 3, 1)]);
        check("aa", "a", &[(0, 0, 1)]);
    }
}
