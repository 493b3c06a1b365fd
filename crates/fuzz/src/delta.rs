//! Snapshots and deltas. The input is what they are coded to: the target puts a frame and a header
//! around it, and mends the check and, when all was decoded, the content id. So whatever can be
//! decoded at all must behave as content does.

use std::sync::OnceLock;

use rblmap::Image;
use rblmap_delta::{
    Error, Header, Limits, Session, Summary, apply, diff, merge as merged, pack, unpack,
};
use rblmap_image::{Layout, Stamp, decode, encode_with};

use crate::made;
use crate::read::goes_round;

const LIMITS: Limits = Limits {
    payload: 1 << 20,
    entries: 1 << 16,
    zones: 1 << 10,
};
/// The content id that is written at first.
const NO_ID: [u8; 32] = [7; 32];
const SERIAL: u64 = 9;
const CREATED: u64 = 5;

fn small() -> &'static Image {
    static IMAGE: OnceLock<Image> = OnceLock::new();
    IMAGE.get_or_init(|| made::small(1))
}

fn lines() -> &'static [Image; 2] {
    static IMAGES: OnceLock<[Image; 2]> = OnceLock::new();
    IMAGES.get_or_init(|| [made::medium(1, true), made::large(2)])
}

/// The bytes as they are, and then as the payload of a snapshot.
pub(crate) fn snapshot(input: &[u8]) {
    let _ = (
        Header::read(input),
        Summary::read(input, &LIMITS),
        unpack(input, &LIMITS),
    );
    let Some((bytes, id)) = told(
        |id| file(None, SERIAL, id, input),
        |file| unpack(file, &LIMITS),
    ) else {
        return;
    };
    let image = is_content(bytes, &id, Layout::default());
    goes_round(&decode(&image).expect("an image is read"));
}

/// The first byte names the base; the rest is the payload of a delta.
pub(crate) fn delta(input: &[u8]) {
    let Some((which, payload)) = input.split_first() else {
        return;
    };
    let _ = Header::read(payload);
    let base = match which {
        // Large ones seldom: they are slow.
        255 => &lines()[1],
        192.. => &lines()[0],
        _ => small(),
    };
    let make = |id: &[u8; 32]| file(Some(base), SERIAL, id, payload);
    let Some((bytes, id)) = told(make, |file| apply(base, &[file], &LIMITS)) else {
        return;
    };
    let image = is_content(bytes, &id, Layout::of(base));
    // What leads there leads back.
    let limits = Limits::default();
    let there = diff(base, &image, Session(1)).expect("a difference");
    let applied = apply(base, &[&there], &limits).expect("a delta of ours");
    assert!(applied == image.as_bytes(), "a difference leads elsewhere");
    let back = diff(&image, base, Session(1)).expect("a difference");
    let back = apply(&image, &[&back], &limits).expect("a delta of ours");
    let back = Image::from_vec(back).expect("an image");
    assert!(back.content_id() == base.content_id(), "not the way back");
}

/// Two payloads, the length of the first before them: two deltas in a row, and both as one.
pub(crate) fn merge(input: &[u8]) {
    let Some((len, rest)) = input.split_first_chunk::<2>() else {
        return;
    };
    let len = usize::from(u16::from_le_bytes(*len)).min(rest.len());
    let (first, second) = rest.split_at(len);
    let base = small();
    let make = |id: &[u8; 32]| file(Some(base), SERIAL, id, first);
    let Some((bytes, id)) = told(make, |file| apply(base, &[file], &LIMITS)) else {
        return;
    };
    let one = file(Some(base), SERIAL, &id, first);
    let middle = Image::from_vec(bytes).expect("an image");
    let make = |id: &[u8; 32]| file(Some(&middle), SERIAL + 1, id, second);
    let both = |two: &[u8]| apply(base, &[&one, two], &LIMITS);
    let Some((result, id)) = told(make, both) else {
        return;
    };
    let two = file(Some(&middle), SERIAL + 1, &id, second);
    let in_turn = apply(&middle, &[&two], &LIMITS).expect("it was applied in a row");
    assert!(in_turn == result, "two deltas at once and in turn differ");
    let merged = merged(base, &[&one, &two], &LIMITS).expect("they were applied");
    let at_once = apply(base, &[&merged], &Limits::default()).expect("a delta of ours");
    assert!(at_once == result, "a merged delta leads elsewhere");
}

/// Makes a file with no content id, learns from the error which it should name, and makes it again.
fn told(
    make: impl Fn(&[u8; 32]) -> Vec<u8>,
    follow: impl Fn(&[u8]) -> Result<Vec<u8>, Error>,
) -> Option<(Vec<u8>, [u8; 32])> {
    let first = make(&NO_ID);
    let _ = Summary::read(&first, &LIMITS);
    let followed = follow(&first).map_err(|error| match error {
        Error::Delta { source, .. } => *source,
        error => error,
    });
    match followed {
        Err(Error::Result { found, .. }) => {
            let id = *found.as_bytes();
            let bytes = follow(&make(&id)).expect("the same with the right id");
            Some((bytes, id))
        }
        Err(_) => None,
        Ok(_) => panic!("content of an id that was made up"),
    }
}

/// What was decoded is whole, says what it should, and is what its content is written as.
fn is_content(bytes: Vec<u8>, id: &[u8; 32], layout: Layout) -> Image {
    let image = Image::from_vec(bytes).expect("an image opens");
    image.verify().expect("an image is whole");
    let content = decode(&image).expect("an image is read");
    assert!(content.id().as_bytes() == id, "another content");
    let stamp = Stamp {
        serial: image.serial(),
        created: CREATED,
    };
    let again = encode_with(&content, stamp, layout).expect("content can be encoded");
    assert!(
        again == image.as_bytes(),
        "other bytes than those of a build"
    );
    image
}

/// The number of the format, of a file that was just made: an older one would be refused before
/// anything is decoded, and nothing behind that would ever be tried.
fn format() -> u8 {
    static FORMAT: OnceLock<u8> = OnceLock::new();
    *FORMAT.get_or_init(|| pack(small(), Session(1)).expect("a snapshot")[4])
}

/// A snapshot, or the delta from a base (`docs/delta.md`), sealed.
fn file(base: Option<&Image>, serial: u64, id: &[u8; 32], payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + 200);
    out.extend(if base.is_some() {
        b"\x89rbd"
    } else {
        b"\x89rbs"
    });
    out.push(format());
    out.extend([0; 8]);
    out.push(u8::try_from(made::ZONE.len()).expect("a short name"));
    out.extend(made::ZONE.as_bytes());
    // Session, serial and time: one byte each.
    out.push(1);
    out.extend(serial.to_le_bytes().first());
    out.extend(CREATED.to_le_bytes().first());
    out.extend(id);
    out.push(0);
    if let Some(base) = base {
        out.extend(base.serial().to_le_bytes().first());
        out.extend(&base.content_id()[..8]);
    }
    frame(payload, &mut out);
    let mut hasher = blake3::Hasher::new();
    hasher.update(&out[..5]);
    hasher.update(&out[13..]);
    let check = hasher.finalize();
    out[5..13].copy_from_slice(&check.as_bytes()[24..]);
    out
}

/// A zstd frame of raw blocks that declares its size: cheap, and every change of the payload shows.
fn frame(payload: &[u8], out: &mut Vec<u8>) {
    // The magic; one segment, with a size of eight bytes.
    out.extend([0x28, 0xb5, 0x2f, 0xfd, 0xe0]);
    out.extend((payload.len() as u64).to_le_bytes());
    let mut blocks = payload.chunks(100_000).peekable();
    if blocks.peek().is_none() {
        out.extend([1, 0, 0]);
    }
    while let Some(block) = blocks.next() {
        let last = u32::from(blocks.peek().is_none());
        let len = u32::try_from(block.len()).expect("a short block");
        out.extend(&(len << 3 | last).to_le_bytes()[..3]);
        out.extend(block);
    }
}

/// Inputs of the three targets: payloads of good files.
#[cfg(test)]
pub(crate) fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let payload = |file: Vec<u8>| {
        let start = file
            .windows(4)
            .position(|four| four == [0x28, 0xb5, 0x2f, 0xfd]);
        zstd::bulk::decompress(&file[start.expect("a frame")..], 1 << 24).expect("a good frame")
    };
    let images: Vec<Image> = (1..6).map(made::small).collect();
    let mut seeds = Vec::new();
    for image in &images {
        seeds.push((
            "snapshot",
            payload(pack(image, Session(1)).expect("a snapshot")),
        ));
        let there = payload(diff(&images[0], image, Session(1)).expect("a delta"));
        seeds.push(("delta", [&[0], there.as_slice()].concat()));
        for next in &images {
            let len = u16::try_from(there.len())
                .expect("a short delta")
                .to_le_bytes();
            let more = payload(diff(image, next, Session(1)).expect("a delta"));
            seeds.push(("merge", [&len, there.as_slice(), &more].concat()));
        }
    }
    for (which, base) in [(192, &lines()[0]), (255, &lines()[1])] {
        let there = payload(diff(base, &images[0], Session(1)).expect("a delta"));
        // From lines to a handful: short, and every part of the base is touched.
        seeds.push(("delta", [&[which], there.as_slice()].concat()));
    }
    seeds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_of_good_files_are_read_to_their_end() {
        let mut read = 0;
        for (target, seed) in seeds() {
            let told = match target {
                "snapshot" => told(
                    |id| file(None, SERIAL, id, &seed),
                    |file| unpack(file, &LIMITS),
                ),
                "delta" if seed[0] == 0 => told(
                    |id| file(Some(small()), SERIAL, id, &seed[1..]),
                    |file| apply(small(), &[file], &LIMITS),
                ),
                _ => continue,
            };
            assert!(told.is_some(), "{target}: nothing is decoded");
            read += 1;
        }
        assert_eq!(read, 10);
    }
}
