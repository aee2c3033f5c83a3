//! A few dozen words looked for at once, in any case: what decides, cheaply, where an expression is worth its price.

/// Bits of a hash of three bytes. // 8,192 places for some hundred heads: a table that stays beside the processor
const BITS: u32 = 13;

/// Words of ASCII, each of three bytes or more.
///
/// Every place of a text costs one look into a small table, and no place waits for the one before it: on source code
/// three times as fast as an automaton that steps from state to state.
#[derive(Debug, Clone)]
pub struct Words {
    words: Vec<&'static str>,
    /// For each hash of a word's first three bytes one more than the place of its row; 0 where no word starts so.
    table: Box<[u8; 1 << BITS]>,
    rows: Vec<Vec<u16>>,
}

/// Makes letters lower case, eight bytes at once; what else it joins is told apart when a word is compared.
const LOWER: u64 = 0x2020_2020_2020_2020;

/// The hash of the three lower bytes of `folded`.
fn hash(folded: u32) -> usize {
    ((folded << 8).wrapping_mul(0x9e37_79b1) >> (32 - BITS)) as usize
}

impl Words {
    /// A searcher for `words`.
    ///
    /// # Panics
    /// Where a word is shorter than three bytes, or there are more than 255.
    #[must_use]
    pub fn new(words: impl IntoIterator<Item = &'static str>) -> Self {
        let mut searcher =
            Self { words: words.into_iter().collect(), table: Box::new([0; 1 << BITS]), rows: Vec::new() };
        for (number, word) in (0..).zip(&searcher.words) {
            let three = first_three(word.as_bytes()).unwrap_or_else(|| panic!("`{word}` is too short"));
            let place = &mut searcher.table[hash(three)];
            if *place == 0 {
                searcher.rows.push(Vec::new());
                *place = u8::try_from(searcher.rows.len()).expect("fewer than 256 words");
            }
            searcher.rows[usize::from(*place) - 1].push(number);
        }
        searcher
    }

    /// The word of this number, which is its place among those given to [`Words::new`].
    #[must_use]
    pub fn word(&self, number: usize) -> &'static str {
        self.words[number]
    }

    /// Every occurrence of every word in `text`, overlapping ones too: where it starts, and the word's number. In the
    /// order of where they start.
    pub fn find<'a>(&'a self, text: &'a str) -> impl Iterator<Item = (usize, usize)> + 'a {
        let places = Places { words: self, bytes: text.as_bytes(), at: 0 };
        places.flat_map(move |(start, row)| {
            let stands = move |number: &&u16| {
                let word = self.words[usize::from(**number)].as_bytes();
                text.as_bytes()[start..].get(..word.len()).is_some_and(|found| found.eq_ignore_ascii_case(word))
            };
            self.rows[row].iter().filter(stands).map(move |number| (start, usize::from(*number)))
        })
    }
}

fn first_three(bytes: &[u8]) -> Option<u32> {
    let [first, second, third] = *bytes.first_chunk()?;
    Some(u32::from_le_bytes([first, second, third, 0]) | LOWER as u32)
}

/// Where a word may start, and in which row it is.
struct Places<'a> {
    words: &'a Words,
    bytes: &'a [u8],
    /// The place to look at next.
    at: usize,
}

impl Iterator for Places<'_> {
    type Item = (usize, usize);

    fn next(&mut self) -> Option<(usize, usize)> {
        let table = &self.words.table;
        // of eight bytes six can be the first of three
        while let Some(eight) = self.bytes.get(self.at..)?.first_chunk() {
            let eight = u64::from_le_bytes(*eight) | LOWER;
            let found: [u8; 6] = std::array::from_fn(|shift| table[hash((eight >> (8 * shift)) as u32)]);
            match found.iter().position(|row| *row > 0) {
                Some(shift) => {
                    let start = self.at + shift;
                    self.at = start + 1;
                    return Some((start, usize::from(found[shift]) - 1));
                }
                None => self.at += 6,
            }
        }
        while let Some(three) = first_three(self.bytes.get(self.at..)?) {
            self.at += 1;
            let row = table[hash(three)];
            if row > 0 {
                return Some((self.at - 1, usize::from(row) - 1));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: [&str; 7] = ["key", "monkey", "keys", "_k9", "://", "onk", "yke"];

    /// The definition: every word is compared at every place.
    fn by_definition(text: &str) -> Vec<(usize, usize)> {
        let at = |start: usize| {
            let stands = move |number: &usize| {
                let found = text.as_bytes()[start..].get(..WORDS[*number].len());
                found.is_some_and(|found| found.eq_ignore_ascii_case(WORDS[*number].as_bytes()))
            };
            (0..WORDS.len()).filter(stands).map(move |number| (start, number))
        };
        (0..text.len()).flat_map(at).collect()
    }

    #[test]
    fn words_are_found_wherever_they_stand() {
        let words = Words::new(WORDS);
        for text in ["", "ke", "key", "MonKeys", "http://x", "\u{212a}ey key", "k\u{65}Yke\u{e9}y", "_K9_k", "\u{7f}k9"]
        {
            assert_eq!(words.find(text).collect::<Vec<_>>(), by_definition(text), "{text}");
        }
        assert_eq!(words.word(2), "keys");
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn places_are_those_of_the_definition(text in "[keymonsKEYMONS_9:/é]{0,40}") {
            assert_eq!(Words::new(WORDS).find(&text).collect::<Vec<_>>(), by_definition(&text));
        }
    }
}
