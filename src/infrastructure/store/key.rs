//! Keys: bytes in the order of what they stand for, so that a scan of a prefix is a scan of a thing's parts.

use crate::clock::Timestamp;
use crate::id::{Digest, LaneId, Seq, SessionId, ThreadId, Version};

/// A key, or the leading part of one. `a < b` exactly where the bytes of `a` come before those of `b`.
pub trait Key: Sized {
    /// Appends the bytes.
    fn encode(&self, out: &mut Vec<u8>);

    /// Takes the key off the front of `bytes`; `None` where they are not one.
    fn decode(bytes: &mut &[u8]) -> Option<Self>;

    /// The bytes of the key alone.
    fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode(&mut out);
        out
    }

    /// The key of exactly these bytes.
    fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let key = Self::decode(&mut bytes)?;
        bytes.is_empty().then_some(key)
    }
}

macro_rules! big_endian {
    ($($number:ty),+) => {$(
        impl Key for $number {
            fn encode(&self, out: &mut Vec<u8>) {
                out.extend(self.to_be_bytes());
            }
            fn decode(bytes: &mut &[u8]) -> Option<Self> {
                let (first, rest) = bytes.split_first_chunk()?;
                *bytes = rest;
                Some(Self::from_be_bytes(*first))
            }
        }
    )+};
}
big_endian!(u8, u16, u32, u64);

macro_rules! wrapped {
    ($($name:ident),+) => {$(
        impl Key for $name {
            fn encode(&self, out: &mut Vec<u8>) {
                self.0.encode(out);
            }
            fn decode(bytes: &mut &[u8]) -> Option<Self> {
                Key::decode(bytes).map(Self)
            }
        }
    )+};
}
wrapped!(SessionId, Version, LaneId, ThreadId, Seq);

impl Key for Timestamp {
    fn encode(&self, out: &mut Vec<u8>) {
        // the sign bit turned: times before 1970 come first
        (self.0.cast_unsigned() ^ (1 << 63)).encode(out);
    }
    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        u64::decode(bytes).map(|bits| Self((bits ^ (1 << 63)).cast_signed()))
    }
}

impl Key for Digest {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.as_bytes());
    }
    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let (first, rest) = bytes.split_first_chunk()?;
        *bytes = rest;
        Some(Self::from_bytes(*first))
    }
}

/// Ends with two zero bytes, a zero within is followed by `ff`: so a text may stand before other parts.
impl Key for String {
    fn encode(&self, out: &mut Vec<u8>) {
        for byte in self.bytes() {
            out.push(byte);
            if byte == 0 {
                out.push(0xff);
            }
        }
        out.extend([0, 0]);
    }
    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let mut text = Vec::new();
        loop {
            let (byte, rest) = bytes.split_first()?;
            *bytes = rest;
            if *byte == 0 {
                let (mark, rest) = bytes.split_first()?;
                *bytes = rest;
                match mark {
                    0 => return Self::from_utf8(text).ok(),
                    0xff => {}
                    _ => return None,
                }
            }
            text.push(*byte);
        }
    }
}

macro_rules! tuples {
    ($(($($part:ident $index:tt),*))+) => {$(
        impl<$($part: Key),*> Key for ($($part,)*) {
            fn encode(&self, _out: &mut Vec<u8>) {
                $(self.$index.encode(_out);)*
            }
            fn decode(_bytes: &mut &[u8]) -> Option<Self> {
                Some(($($part::decode(_bytes)?,)*))
            }
        }
    )+};
}
tuples! { () (A 0) (A 0, B 1) (A 0, B 1, C 2) (A 0, B 1, C 2, D 3) (A 0, B 1, C 2, D 3, E 4) }

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check<K: Key + Ord + std::fmt::Debug>(one: K, other: K) {
        assert_eq!(one.cmp(&other), one.to_bytes().cmp(&other.to_bytes()), "{one:?} {other:?}");
        assert_eq!(K::from_bytes(&one.to_bytes()).as_ref(), Some(&one));
    }

    proptest! {
        #[test]
        fn bytes_keep_the_order(a: (u64, String, u16), b: (u64, String, u16), times: (i64, i64), texts in (".{0,3}", "[\0a\u{1}]{0,4}")) {
            check((a.1.clone(), a.0, a.2), (b.1.clone(), b.0, b.2));
            check((a.0, a.2), (b.0, b.2));
            check(Timestamp(times.0), Timestamp(times.1));
            check((texts.0.clone(), a.2), (texts.1.clone(), b.2));
            check((texts.1.clone(), a.2), (texts.0, b.2));
        }
    }

    #[test]
    fn other_bytes_are_no_key() {
        assert_eq!(u32::from_bytes(&[0; 3]), None);
        assert_eq!(u32::from_bytes(&[0; 5]), None);
        assert_eq!(String::from_bytes(b"a"), None);
        assert_eq!(String::from_bytes(b"a\0\x01"), None);
        assert_eq!(String::from_bytes(b"\xff\0\0"), None);
        assert_eq!(<(SessionId, Version)>::from_bytes(&[0; 12]), Some((SessionId(0), Version(0))));
    }
}
