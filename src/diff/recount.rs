//! Diffs that a person edited: the counts in `@@` lines are mended, comment lines go.

/// `diff` with the line counts of every hunk as its lines are, and without lines that begin with `#`.
///
/// Editors take the blank of an empty context line away; it counts as one.
#[must_use]
pub fn recounted(diff: &str) -> String {
    let lines: Vec<&str> = diff.trim_end_matches('\n').lines().filter(|line| !line.starts_with('#')).collect();
    let mut text = String::with_capacity(diff.len());
    for (at, line) in lines.iter().enumerate() {
        match header(line) {
            Some((old, new)) => {
                let body = lines[at + 1..].iter().take_while(|line| is_body(line));
                let (mut olds, mut news) = (0, 0);
                for line in body {
                    olds += u32::from(!line.starts_with(['+', '\\']));
                    news += u32::from(!line.starts_with(['-', '\\']));
                }
                let side = |from: u32, lines: u32| format!("{},{lines}", from + u32::from(lines > 0));
                text.push_str(&format!("@@ -{} +{} @@", side(old, olds), side(new, news)));
            }
            None if line.is_empty() => text.push(' '),
            None => text.push_str(line),
        }
        text.push('\n');
    }
    text
}

fn is_body(line: &str) -> bool {
    line.is_empty() || line.starts_with([' ', '+', '-', '\\'])
}

/// How many lines stand before the hunk on each side, of `@@ -1,2 +3,4 @@`.
fn header(line: &str) -> Option<(u32, u32)> {
    let (ranges, _) = line.strip_prefix("@@ -")?.split_once(" @@")?;
    let (old, new) = ranges.split_once(" +")?;
    let before = |range: &str| -> Option<u32> {
        let (from, lines) = range.split_once(',').unwrap_or((range, "1"));
        let from: u32 = from.parse().ok()?;
        Some(if lines == "0" { from } else { from.checked_sub(1)? })
    };
    Some((before(old)?, before(new)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(edited: &str, expected: &str) {
        assert_eq!(recounted(edited), expected);
    }

    #[test]
    fn counts_follow_the_lines() {
        check("@@ -3,2 +3,2 @@\n a\n-b\n+c\n+d\n", "@@ -3,2 +3,3 @@\n a\n-b\n+c\n+d\n");
        check("@@ -3,2 +3,1 @@\n a\n-b\n+\n", "@@ -3,2 +3,2 @@\n a\n-b\n+\n");
        check("@@ -0,0 +1 @@\n+a\n+b\n", "@@ -0,0 +1,2 @@\n+a\n+b\n");
        check("@@ -1,2 +0,0 @@\n-a\n-b\n+c\n", "@@ -1,2 +1,1 @@\n-a\n-b\n+c\n");
    }

    #[test]
    fn what_editors_and_people_leave_is_understood() {
        check("# words\n@@ -1,3 +1,3 @@\n a\n\n-b\n+c\n", "@@ -1,3 +1,3 @@\n a\n \n-b\n+c\n");
        check(
            "@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+b\n",
            "@@ -1,1 +1,1 @@\n-a\n\\ No newline at end of file\n+b\n",
        );
        check("--- a/f\n+++ b/f\n@@ -1 +1 @@ fn x()\n-a\n+b\n", "--- a/f\n+++ b/f\n@@ -1,1 +1,1 @@\n-a\n+b\n");
    }
}
