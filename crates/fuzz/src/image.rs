//! Images: bytes that are nearly one, and good ones with a few bytes changed.

use std::sync::OnceLock;

use rblmap::{Image, root_digest};
use rblmap_format::sections::{
    CHUNK, FILE_LEN_AT, FORMAT, FORMAT_AT, HEADER_LEN, MAGIC, ROOT_AT, SECTION_LEN, kind,
};
use rblmap_image::decode;

use crate::made;
use crate::read::{ask_set, goes_round, read_all};

/// The bytes are an image; the first bytes, the format and the length are mended, then the digests.
pub(crate) fn image(bytes: &[u8]) {
    let Some(mut bytes) = headed(bytes.to_vec()) else {
        // Whatever it is, it is no image.
        assert!(Image::from_vec(bytes.to_vec()).is_err(), "a short image");
        return;
    };
    let end = bytes.len().saturating_sub(32);
    let more = bytes[end..].to_vec();
    if let Ok(image) = Image::from_vec(bytes.clone()) {
        read_all(&image, &more, true);
        let sealed = seal(&image, &mut bytes);
        ask_set(image);
        if sealed {
            whole(bytes);
        }
    }
}

/// An image whose digests fit is read as content, or refused. They do not where a second section has
/// the name of theirs, or lies over them.
fn whole(bytes: Vec<u8>) {
    let Ok(image) = Image::from_vec(bytes) else {
        return;
    };
    if image.verify().is_ok()
        && let Ok(content) = decode(&image)
    {
        goes_round(&content);
    }
}

/// Mends what a reader looks at first; none if it is too short for a header.
fn headed(mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    let len = u64::try_from(bytes.len()).ok()?;
    bytes.get_mut(..HEADER_LEN)?;
    bytes[..MAGIC.len()].copy_from_slice(&MAGIC);
    bytes[FORMAT_AT..FORMAT_AT + 2].copy_from_slice(&FORMAT.to_le_bytes());
    bytes[FILE_LEN_AT..FILE_LEN_AT + 8].copy_from_slice(&len.to_le_bytes());
    Some(bytes)
}

/// Writes digests and root anew; false if there is no place for them.
fn seal(image: &Image, bytes: &mut [u8]) -> bool {
    let table_end = HEADER_LEN + image.sections().len() * SECTION_LEN;
    let Some(section) = image
        .sections()
        .find(|section| section.kind == kind::DIGESTS)
    else {
        return false;
    };
    let (Ok(at), Ok(len)) = (
        usize::try_from(section.offset),
        usize::try_from(section.len),
    ) else {
        return false;
    };
    let Some(covered) = bytes.get(table_end..at) else {
        return false;
    };
    let digests: Vec<u8> = covered
        .chunks(CHUNK)
        .flat_map(|chunk| *blake3::hash(chunk).as_bytes())
        .collect();
    if digests.len() != len {
        return false;
    }
    bytes[at..at + len].copy_from_slice(&digests);
    let Some(root) = root_digest(bytes, table_end, &digests) else {
        return false;
    };
    bytes[ROOT_AT..ROOT_AT + 32].copy_from_slice(&root);
    true
}

/// An image that is patched, with the places and lengths of its sections.
type Base = (Vec<u8>, Vec<(usize, usize)>);

fn bases() -> &'static [Base] {
    static BASES: OnceLock<Vec<Base>> = OnceLock::new();
    BASES.get_or_init(|| {
        let images = [
            made::small(3),
            made::medium(1, true),
            made::medium(2, false),
            made::large(1),
        ];
        let with_places = |image: &Image| {
            let place = |at: u64| usize::try_from(at).expect("a small image");
            let sections = image
                .sections()
                .map(|row| (place(row.offset), place(row.len)));
            let table = image.sections().len() * SECTION_LEN;
            let head = [(0, HEADER_LEN), (HEADER_LEN, table)];
            (image.as_bytes().to_vec(), sections.chain(head).collect())
        };
        images.iter().map(with_places).collect()
    })
}

/// One change: a section, a place in it, how, and what is written.
const PATCH: usize = 12;

/// The first byte names a good image, the second says what is asked of it; then come changes of its
/// sections, of twelve bytes each.
pub(crate) fn patched(input: &[u8]) {
    let Some(([which, what], patches)) = input.split_first_chunk::<2>() else {
        return;
    };
    // The large one seldom, since all of it is hashed.
    let base = match which {
        240.. => 3,
        _ => usize::from(*which) % 3,
    };
    let (bytes, sections) = &bases()[base];
    let mut bytes = bytes.clone();
    let (patches, more) = patches.as_chunks::<PATCH>();
    for patch in patches.iter().take(24) {
        change(&mut bytes, sections, patch);
    }
    let Ok(image) = Image::from_vec(headed(bytes.clone()).expect("a whole header")) else {
        return;
    };
    read_all(&image, more, what % 4 == 1);
    if what % 8 == 2 && base != 3 && seal(&image, &mut bytes) {
        whole(headed(bytes).expect("a whole header"));
    }
}

fn change(bytes: &mut [u8], sections: &[(usize, usize)], patch: &[u8; PATCH]) {
    let [section, how, a, b, c, d, value @ ..] = *patch;
    let (start, len) = sections[usize::from(section) % sections.len()];
    if len == 0 {
        return;
    }
    let at = usize::try_from(u32::from_le_bytes([a, b, c, d])).unwrap_or(0) % len;
    let width = [1, 2, 4, 6][usize::from(how) % 4];
    for (offset, byte) in value.iter().enumerate().take(width) {
        if let Some(place) = bytes.get_mut(start + at + offset) {
            match how & 64 {
                0 => *place = *byte,
                _ => *place ^= *byte,
            }
        }
    }
}
