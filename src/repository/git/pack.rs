//! A pack and its index, made in memory: one file for many new objects, because a thousand loose ones cost a
//! thousand creations.
//!
//! Formats: gitformat-pack(5), version 2 of both. Objects are stored whole, without deltas.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use git2::ObjectType;
use rayon::prelude::*;

use crate::diff::sha1;

/// An object that is not stored yet.
#[derive(Debug, Clone)]
pub(crate) struct NewObject {
    /// Its id, computed from kind and content.
    pub(crate) id: git2::Oid,
    /// Blob, tree or commit.
    pub(crate) kind: ObjectType,
    /// The content, without git's header.
    pub(crate) content: std::sync::Arc<[u8]>,
}

/// A pack and its index, as files.
pub(super) struct Pack {
    pub(super) data: Vec<u8>,
    pub(super) index: Vec<u8>,
}

/// The name of a pack of these objects, which must be sorted by id and without repetition.
pub(super) fn name(objects: &[NewObject]) -> String {
    let ids: Vec<&[u8]> = objects.iter().map(|object| object.id.as_bytes()).collect();
    sha1(&ids).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Packs `objects`, which must be sorted by id and without repetition.
pub(super) fn build(objects: &[NewObject]) -> Pack {
    let bodies: Vec<Vec<u8>> = objects.par_iter().map(body).collect();
    let mut data = Vec::with_capacity(bodies.iter().map(Vec::len).sum::<usize>() + 32);
    data.extend_from_slice(b"PACK\0\0\0\x02");
    data.extend_from_slice(&(objects.len() as u32).to_be_bytes());
    let mut places = Vec::with_capacity(objects.len());
    for body in &bodies {
        let mut crc = flate2::Crc::new();
        crc.update(body);
        places.push((data.len() as u64, crc.sum()));
        data.extend_from_slice(body);
    }
    let sum = sha1(&[&data]);
    data.extend_from_slice(&sum);
    Pack { index: index(objects, &places, &sum), data }
}

fn body(object: &NewObject) -> Vec<u8> {
    let kind: u8 = match object.kind {
        ObjectType::Commit => 1,
        ObjectType::Tree => 2,
        _ => 3,
    };
    let mut size = object.content.len();
    let mut byte = (kind << 4) | (size & 15) as u8;
    size >>= 4;
    let mut out = Vec::with_capacity(object.content.len() / 3 + 16);
    while size > 0 {
        out.push(byte | 0x80);
        byte = (size & 0x7f) as u8;
        size >>= 7;
    }
    out.push(byte);
    deflate(out, &[&object.content])
}

/// Appends the zlib form of `parts` to `out`. The fastest level, as git's own loose objects have it.
pub(super) fn deflate(out: Vec<u8>, parts: &[&[u8]]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(out, Compression::fast());
    for part in parts {
        encoder.write_all(part).expect("writing to memory does not fail");
    }
    encoder.finish().expect("writing to memory does not fail")
}

fn index(objects: &[NewObject], places: &[(u64, u32)], pack_sum: &[u8; 20]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1072 + objects.len() * 28);
    out.extend_from_slice(b"\xfftOc\0\0\0\x02");
    for first in 0..=255u8 {
        let below = objects.partition_point(|object| object.id.as_bytes()[0] <= first);
        out.extend_from_slice(&(below as u32).to_be_bytes());
    }
    objects.iter().for_each(|object| out.extend_from_slice(object.id.as_bytes()));
    places.iter().for_each(|(_, crc)| out.extend_from_slice(&crc.to_be_bytes()));
    let mut large = Vec::new();
    for (offset, _) in places {
        let small = match u32::try_from(*offset) {
            Ok(small) if small < 0x8000_0000 => small,
            _ => {
                large.extend_from_slice(&offset.to_be_bytes());
                0x8000_0000 | (large.len() / 8 - 1) as u32
            }
        };
        out.extend_from_slice(&small.to_be_bytes());
    }
    out.extend_from_slice(&large);
    out.extend_from_slice(pack_sum);
    let sum = sha1(&[&out]);
    out.extend_from_slice(&sum);
    out
}
