//! Numbers of things, in words.

/// `1 file`, `2 files`, `0 files`: for nouns that take an s.
#[must_use]
pub fn counted<N: std::fmt::Display + PartialEq + From<u8>>(number: N, noun: &str) -> String {
    if number == N::from(1) { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// `812 bytes`, `4.1 KiB`, `3.2 GiB`: what people compare, not what they count.
#[must_use]
pub fn sized(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return counted(bytes, "byte");
    }
    let mut tenths = u128::from(bytes) * 10 / 1024;
    let mut unit = 0;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        let found = [1, 1023, 1024, 4200, 5 << 20, 3 << 30, u64::MAX].map(sized);
        let wanted = ["1 byte", "1023 bytes", "1.0 KiB", "4.1 KiB", "5.0 MiB", "3.0 GiB", "16777215.9 TiB"];
        assert_eq!(found, wanted.map(str::to_owned));
    }

    #[test]
    fn one_is_one() {
        assert_eq!([0_u32, 1, 2].map(|number| counted(number, "file")), ["0 files", "1 file", "2 files"]);
        assert_eq!(counted(1_usize, "open thread"), "1 open thread");
    }
}
