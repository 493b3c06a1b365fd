//! Whether an image is what its content is written as, beside an image that is made anew.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use rblmap::{Image, root_digest};
use rblmap_format::sections::{HEADER_LEN, ROOT_AT, ROOT_END, SECTION_LEN, kind};
use rblmap_image::{Layout, Stamp, decode_in_place, encode_with, is_written_as};

/// With the digest and the root of what it holds now: of the golden image, all of whose sections lie in
/// one chunk.
fn sealed(mut bytes: Vec<u8>, image: &Image) -> Vec<u8> {
    let table_end = HEADER_LEN + image.sections().len() * SECTION_LEN;
    let digests = image.sections().find(|row| row.kind == kind::DIGESTS);
    let at = usize::try_from(digests.unwrap().offset).unwrap();
    let digest = blake3::hash(&bytes[table_end..at]);
    bytes[at..].copy_from_slice(digest.as_bytes());
    let root = root_digest(&bytes, table_end, digest.as_bytes());
    bytes[ROOT_AT..ROOT_END].copy_from_slice(&root.unwrap());
    bytes
}

#[test]
fn a_byte_that_no_build_writes_is_seen_wherever_it_is() {
    let golden = Image::read("../../testdata/golden/three.rbl").unwrap();
    let (mut same, mut other) = (0, 0);
    for (at, bit) in (0..golden.as_bytes().len()).flat_map(|at| [(at, 1), (at, 0x80)]) {
        let mut bytes = golden.as_bytes().to_vec();
        bytes[at] ^= bit;
        let Ok(image) = Image::from_vec(sealed(bytes, &golden)) else {
            continue;
        };
        if image.verify().is_err() {
            continue;
        }
        let Ok(content) = decode_in_place(&image) else {
            continue;
        };
        let stamp = Stamp {
            serial: image.serial(),
            created: image.created(),
        };
        let anew = encode_with(&content, stamp, Layout::of(&image)).unwrap();
        let expected = anew == image.as_bytes();
        let found = is_written_as(&image, &content, content.id()).unwrap();
        assert_eq!(found, expected, "byte {at}, bit {bit}");
        *if found { &mut same } else { &mut other } += 1;
    }
    // Serial, time, and what the seal mends are good with any byte; gaps between sections are not.
    assert!(same > 50 && other > 200, "{same} same, {other} other");
}
