//! Sections to the bytes of a file: their places, digests and root.
//!
//! ```text
//!   header, table | sections, zeros between them                        | digests
//!                 |  chunk  |  chunk  |  chunk  |  chunk  |  chunk  | c |
//!                      └─ copied, hashed and written on all cores ─┘
//! ```

use std::io;

use rayon::prelude::*;
use rblmap_content::{ContentId, Pool, ZoneName};
use rblmap_format::SectionInfo;
use rblmap_format::bytes::put_bytes;
use rblmap_format::pieces::Pieces;
use rblmap_format::sections::{self as layout, CHUNK, SECTION_LEN};

use crate::section::Section;
use crate::stamp::Stamp;

/// So many bytes are copied, hashed and written at once, in memory that is used again: it stays in a
/// core's own cache, and each write costs the system far more than its call.
const PART: usize = 16 * CHUNK;

/// Where the parts of an image go, each with the offset of its first byte. Before all others comes one without
/// bytes, and its offset is where the image ends: who writes a file may ask for the room.
///
/// See the example of [`encode_to`](crate::encode_to).
pub type Put<'p> = dyn Fn(u64, &[u8]) -> io::Result<()> + Sync + 'p;

/// An image to be: sections and where each starts.
pub(crate) struct Assembly<'a> {
    name: &'a ZoneName,
    id: ContentId,
    stamp: Stamp,
    sections: Vec<Section<'a>>,
    starts: Vec<usize>,
    /// A row for each section, in their order.
    table: Vec<u8>,
    table_end: usize,
    /// Behind the last section, where the digests begin.
    end: usize,
    digests_len: usize,
}

impl<'a> Assembly<'a> {
    pub(crate) fn of(
        name: &'a ZoneName,
        id: ContentId,
        stamp: Stamp,
        sections: Vec<Section<'a>>,
    ) -> Assembly<'a> {
        let count = sections.len() + 1;
        let table_end = layout::HEADER_LEN + count * SECTION_LEN;
        let mut table = Vec::with_capacity(count * SECTION_LEN);
        let mut starts = Vec::with_capacity(sections.len());
        let mut end = table_end;
        for section in &sections {
            let start = aligned(end, section.len());
            push_row(&mut table, section, start);
            starts.push(start);
            end = start + section.len();
        }
        end = aligned(end, 0);
        let digests_len = (end - table_end).div_ceil(CHUNK) * 32;
        let last = SectionInfo {
            kind: layout::kind::DIGESTS,
            zone: 0,
            offset: end as u64,
            len: digests_len as u64,
            parameter: 0,
        };
        last.write(&mut table);
        Assembly {
            name,
            id,
            stamp,
            sections,
            starts,
            table,
            table_end,
            end,
            digests_len,
        }
    }

    fn file_len(&self) -> usize {
        self.end + self.digests_len
    }

    /// All bytes.
    pub(crate) fn to_vec(&self) -> Vec<u8> {
        // Nothing is written here: the system gives pages of zeros when they are written to, which takes
        // most of the time, and is done on all cores.
        let mut out = vec![0; self.file_len()];
        let covered = out.get_mut(self.table_end..self.end).unwrap_or_default();
        let pieces = self.pieces();
        let parts = covered.par_chunks_mut(PART).enumerate();
        let digests = parts.map(|(nth, part)| copied(&pieces, nth, part));
        let digests = digests.collect::<Vec<_>>().concat();
        put_bytes(&mut out, self.end, &digests);
        self.put_head(&mut out, &digests);
        out
    }

    /// Gives `put` all bytes, each part with its offset, and gives the root. On all cores.
    pub(crate) fn write(&self, put: &Put<'_>) -> io::Result<[u8; 32]> {
        let pieces = self.pieces();
        let len = self.end - self.table_end;
        put(self.file_len() as u64, &[])?;
        let parts = (0..len.div_ceil(PART)).into_par_iter();
        let memory = Pool::new();
        let write = |nth: usize| {
            let new = || vec![0; PART.min(len)];
            memory.with(new, |memory| {
                let first = nth * PART;
                let part = memory.get_mut(..PART.min(len - first)).unwrap_or_default();
                part.fill(0);
                let digests = copied(&pieces, nth, part);
                put((self.table_end + first) as u64, part)?;
                Ok(digests)
            })
        };
        let digests = parts.map(write).collect::<io::Result<Vec<_>>>()?.concat();
        put(self.end as u64, &digests)?;
        let mut head = vec![0; self.table_end];
        let root = self.put_head(&mut head, &digests);
        put(0, &head)?;
        Ok(root)
    }

    /// Whether these are all bytes; digests among them are believed.
    pub(crate) fn is(&self, bytes: &[u8]) -> bool {
        if bytes.len() != self.file_len() {
            return false;
        }
        let is_zero = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
        let (mut rest, mut at) = (bytes, 0);
        // What comes next up to there; nothing more is asked for than there is.
        let mut up_to = |end: usize| {
            let next = rest.split_off(..end - at).unwrap_or_default();
            at = end;
            next
        };
        let head = up_to(self.table_end);
        for (start, section) in self.starts.iter().zip(&self.sections) {
            let same = is_zero(up_to(*start)) && section.equals(up_to(start + section.len()));
            if !same {
                return false;
            }
        }
        let rest_is_zero = is_zero(up_to(self.end));
        let mut expected = vec![0; self.table_end];
        self.put_head(&mut expected, up_to(self.file_len()));
        rest_is_zero && head == expected
    }

    /// The bytes of all sections, each with its place behind the table.
    fn pieces(&self) -> Vec<(usize, &[u8])> {
        let mut pieces: Vec<(usize, &[u8])> = Vec::new();
        for (start, section) in self.starts.iter().zip(&self.sections) {
            let mut at = start - self.table_end;
            for bytes in section.bytes.iter().flat_map(Pieces::iter) {
                pieces.push((at, bytes));
                at += bytes.len();
            }
        }
        pieces
    }

    /// Writes header, section table and root, and gives the root; the digests are of the sections.
    fn put_head(&self, out: &mut [u8], digests: &[u8]) -> [u8; 32] {
        put_bytes(out, layout::HEADER_LEN, &self.table);
        self.put_header(out);
        let root = rblmap::root_digest(out, self.table_end, digests);
        let root = root.expect("the head ends with the table");
        put_bytes(out, layout::ROOT_AT, &root);
        root
    }

    fn put_header(&self, out: &mut [u8]) {
        let name = self.name.as_str().as_bytes();
        let file_len = self.file_len() as u64;
        put_bytes(out, 0, &layout::MAGIC);
        put_bytes(out, layout::FORMAT_AT, &layout::FORMAT.to_le_bytes());
        let sections = u32::try_from(self.sections.len() + 1)
            .expect("a list has far fewer than 2^32 subzones");
        put_bytes(out, layout::SECTION_COUNT_AT, &sections.to_le_bytes());
        put_bytes(out, layout::FILE_LEN_AT, &file_len.to_le_bytes());
        put_bytes(out, layout::SERIAL_AT, &self.stamp.serial.to_le_bytes());
        put_bytes(out, layout::CREATED_AT, &self.stamp.created.to_le_bytes());
        let name_len = u8::try_from(name.len()).expect("a zone name has at most 253 bytes");
        put_bytes(out, layout::NAME_AT, &[name_len]);
        put_bytes(out, layout::NAME_AT + 1, name);
        put_bytes(out, layout::CONTENT_ID_AT, self.id.as_bytes());
    }
}

/// Copies what lies in the `nth` part, which is zeros, and gives the digest of each of its chunks. A
/// chunk is hashed as soon as it is there, while it is near.
fn copied(pieces: &[(usize, &[u8])], nth: usize, part: &mut [u8]) -> Vec<u8> {
    let mut digests = Vec::with_capacity(PART / CHUNK * 32);
    for (chunk, first) in part.chunks_mut(CHUNK).zip((nth * PART..).step_by(CHUNK)) {
        copy_to(chunk, first, pieces);
        digests.extend(blake3::hash(chunk).as_bytes());
    }
    digests
}

/// Copies what lies in a chunk which begins at `first`; of all pieces, which rise.
fn copy_to(chunk: &mut [u8], first: usize, pieces: &[(usize, &[u8])]) {
    let from = pieces.partition_point(|(at, bytes)| at + bytes.len() <= first);
    for (at, bytes) in pieces.get(from..).unwrap_or_default() {
        // Those behind the chunk have no place in it.
        let Some(place) = chunk.get_mut(at.saturating_sub(first)..) else {
            return;
        };
        let bytes = bytes.get(first.saturating_sub(*at)..).unwrap_or_default();
        let len = bytes.len().min(place.len());
        let parts = place.get_mut(..len).zip(bytes.get(..len));
        parts
            .into_iter()
            .for_each(|(place, bytes)| place.copy_from_slice(bytes));
    }
}

fn push_row(table: &mut Vec<u8>, section: &Section<'_>, offset: usize) {
    let row = SectionInfo {
        kind: section.kind,
        zone: section.zone,
        offset: offset as u64,
        len: section.len() as u64,
        parameter: section.parameter,
    };
    row.write(table);
}

/// Where a section of so many bytes begins behind another one.
fn aligned(end: usize, next_len: usize) -> usize {
    let align = if next_len < layout::BIG_SECTION {
        layout::ALIGN
    } else {
        layout::BIG_ALIGN
    };
    end.next_multiple_of(align)
}
