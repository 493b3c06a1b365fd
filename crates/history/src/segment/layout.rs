//! Where what lies in a segment; `docs/history.md` says it in words.

use std::ops::Range;
use std::path::Path;

use crate::error::Error;
use crate::segment::entries::KEYS_A_GROUP;
use crate::segment::version::Version;

pub(super) const MAGIC: [u8; 7] = *b"RBLHIST";
pub(super) const VERSION: u8 = 2;
pub(super) const HASH_AT: usize = 8;
/// The hash is of all that follows it.
pub(super) const HASHED_FROM: usize = 40;
pub(super) const BASE_SERIAL_AT: usize = 40;
pub(super) const BASE_TIME_AT: usize = 48;
pub(super) const VERSIONS_AT: usize = 56;
pub(super) const VALUES_AT: usize = 60;
pub(super) const KEYS_AT: usize = 64;
pub(super) const EVENTS_AT: usize = 68;
pub(super) const V4_LENGTHS_AT: usize = 72;
pub(super) const V6_LENGTHS_AT: usize = 80;
pub(super) const ZONE_LEN_AT: usize = 104;
pub(super) const VALUE_BYTES_AT: usize = 108;
pub(super) const ENTRY_BYTES_AT: usize = 112;
const RESERVED_AT: usize = 116;
pub(super) const HEADER_LEN: usize = 120;

/// The parts of a segment, inside of its bytes.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub(super) base: Version,
    pub(super) versions: usize,
    pub(super) values: usize,
    pub(super) keys: usize,
    pub(super) event_count: u32,
    pub(super) v4_lengths: u64,
    pub(super) v6_lengths: [u64; 3],
    pub(super) zone: Range<usize>,
    table: Range<usize>,
    value_ends: Range<usize>,
    value_bytes: Range<usize>,
    pub(super) offsets: Range<usize>,
    pub(super) entries: Range<usize>,
}

impl Layout {
    /// Reads the header and checks the hash and the lengths.
    pub(super) fn read(path: &Path, bytes: &[u8]) -> Result<Layout, Error> {
        let path = || path.to_owned();
        let damaged = |what| Error::Damaged { path: path(), what };
        let head = bytes
            .get(..MAGIC.len().min(bytes.len()))
            .unwrap_or_default();
        if head.is_empty() {
            return Err(damaged("it is empty"));
        }
        if !MAGIC.starts_with(head) {
            return Err(Error::Foreign { path: path() });
        }
        if bytes.len() < HEADER_LEN {
            return Err(damaged("its header is cut"));
        }
        let version = bytes.get(MAGIC.len()).copied().unwrap_or_default();
        if version != VERSION {
            return Err(Error::OtherVersion {
                path: path(),
                found: version,
                known: VERSION,
            });
        }
        let hash = blake3::hash(bytes.get(HASHED_FROM..).unwrap_or_default());
        if bytes.get(HASH_AT..HASHED_FROM) != Some(hash.as_bytes().as_slice()) {
            return Err(damaged("its hash is another one"));
        }
        Layout::parts(bytes).ok_or_else(|| damaged("its parts do not fit its length"))
    }

    fn parts(bytes: &[u8]) -> Option<Layout> {
        let count = |at| usize::try_from(u32_at(bytes, at)).ok();
        let (versions, values) = (count(VERSIONS_AT)?, count(VALUES_AT)?);
        let keys = count(KEYS_AT)?;
        let groups = keys.div_ceil(KEYS_A_GROUP);
        let mut end = HEADER_LEN;
        let mut part = |len: usize| {
            let start = end;
            end = end.checked_add(len)?;
            Some(start..end)
        };
        let zone = part(count(ZONE_LEN_AT)?)?;
        let table = part(versions.checked_mul(16)?)?;
        let value_ends = part(values.checked_mul(4)?)?;
        let value_bytes = part(count(VALUE_BYTES_AT)?)?;
        let offsets = part(groups.checked_mul(4)?)?;
        let entries = part(count(ENTRY_BYTES_AT)?)?;
        let whole = end == bytes.len() && u32_at(bytes, RESERVED_AT) == 0;
        whole.then(|| Layout {
            base: Version {
                serial: u64_at(bytes, BASE_SERIAL_AT),
                time: u64_at(bytes, BASE_TIME_AT),
            },
            versions,
            values,
            keys,
            event_count: u32_at(bytes, EVENTS_AT),
            v4_lengths: u64_at(bytes, V4_LENGTHS_AT),
            v6_lengths: [0, 8, 16].map(|at| u64_at(bytes, V6_LENGTHS_AT + at)),
            zone,
            table,
            value_ends,
            value_bytes,
            offsets,
            entries,
        })
    }

    pub(super) fn version(&self, bytes: &[u8], index: usize) -> Version {
        let at = self.table.start + index * 16;
        Version {
            serial: u64_at(bytes, at),
            time: u64_at(bytes, at + 8),
        }
    }

    pub(super) fn value<'b>(&self, bytes: &'b [u8], id: u32) -> &'b [u8] {
        let ends = bytes.get(self.value_ends.clone()).unwrap_or_default();
        let all = bytes.get(self.value_bytes.clone()).unwrap_or_default();
        let end = |id: u32| {
            let at = usize::try_from(id).unwrap_or(usize::MAX).saturating_mul(4);
            usize::try_from(u32_at(ends, at)).unwrap_or(usize::MAX)
        };
        let start = id.checked_sub(1).map_or(0, end);
        all.get(start..end(id)).unwrap_or_default()
    }
}

/// 0 past the end.
fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let field = bytes.get(at..).and_then(|rest| rest.first_chunk());
    field.map_or(0, |field| u32::from_le_bytes(*field))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let field = bytes.get(at..).and_then(|rest| rest.first_chunk());
    field.map_or(0, |field| u64::from_le_bytes(*field))
}
