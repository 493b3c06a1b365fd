//! Makes segments: of the changes of an update, and of other segments.

use std::net::IpAddr;

use hashbrown::HashMap;

use crate::error::Error;
use crate::key::{self, Decoded};
use crate::segment::codec::{Step, small};
use crate::segment::entries::{Cursor, Entries, EntriesWriter};
use crate::segment::layout::{
    BASE_SERIAL_AT, BASE_TIME_AT, ENTRY_BYTES_AT, EVENTS_AT, HASH_AT, HASHED_FROM, HEADER_LEN,
    KEYS_AT, MAGIC, V4_LENGTHS_AT, V6_LENGTHS_AT, VALUE_BYTES_AT, VALUES_AT, VERSION, VERSIONS_AT,
    ZONE_LEN_AT,
};
use crate::segment::version::Version;

/// A segment in the making. Values come first, since their number decides how they are written;
/// then keys in order.
pub(crate) struct Writer<'z> {
    zone: &'z str,
    base: Version,
    versions: Vec<Version>,
    ids: HashMap<Vec<u8>, u32>,
    values: Vec<Vec<u8>>,
    entries: EntriesWriter,
    event_count: usize,
    v4_lengths: u64,
    v6_lengths: [u64; 3],
}

/// A segment to merge: what it holds, in the form that merging reads.
pub(crate) struct Part<'s> {
    pub(crate) versions: Vec<Version>,
    pub(crate) values: Vec<&'s [u8]>,
    pub(crate) entries: Entries<'s>,
}

impl<'z> Writer<'z> {
    pub(crate) fn new(zone: &'z str, base: Version, versions: Vec<Version>) -> Writer<'z> {
        Writer {
            zone,
            base,
            versions,
            ids: HashMap::new(),
            values: Vec::new(),
            entries: EntriesWriter::default(),
            event_count: 0,
            v4_lengths: 0,
            v6_lengths: [0; 3],
        }
    }

    /// The id of a value, which is kept.
    pub(crate) fn value(&mut self, bytes: &[u8]) -> u32 {
        if let Some(id) = self.ids.get(bytes) {
            return *id;
        }
        // 2^32 values would be more than 2^32 bytes of them, which `finish` refuses.
        let id = u32::try_from(self.values.len()).unwrap_or(u32::MAX);
        self.ids.insert(bytes.to_vec(), id);
        self.values.push(bytes.to_vec());
        id
    }

    /// Adds a key, which must come after those before it, and its steps in order.
    pub(crate) fn push(&mut self, key: &[u8], steps: &[Step]) -> Result<(), Error> {
        self.mark_length(key);
        self.entries.push(key, steps, self.values.len())?;
        self.event_count += steps.len();
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<Vec<u8>, Error> {
        let mut bytes = self.header()?;
        bytes.extend(self.zone.as_bytes());
        for version in &self.versions {
            bytes.extend(version.serial.to_le_bytes());
            bytes.extend(version.time.to_le_bytes());
        }
        let mut end = 0;
        for value in &self.values {
            end += value.len();
            bytes.extend(small(end, "bytes of values")?.to_le_bytes());
        }
        self.values.iter().for_each(|value| bytes.extend(value));
        bytes.extend(self.entries.offsets());
        bytes.extend(self.entries.bytes());
        let hash = blake3::hash(bytes.get(HASHED_FROM..).unwrap_or_default());
        put(&mut bytes, HASH_AT, hash.as_bytes());
        Ok(bytes)
    }

    /// The header, without what is known when the rest is written.
    fn header(&self) -> Result<Vec<u8>, Error> {
        let mut bytes = vec![0; HEADER_LEN];
        put(&mut bytes, 0, &MAGIC);
        put(&mut bytes, MAGIC.len(), &[VERSION]);
        put(&mut bytes, BASE_SERIAL_AT, &self.base.serial.to_le_bytes());
        put(&mut bytes, BASE_TIME_AT, &self.base.time.to_le_bytes());
        put(&mut bytes, V4_LENGTHS_AT, &self.v4_lengths.to_le_bytes());
        let v6_lengths = self.v6_lengths.map(u64::to_le_bytes);
        put(&mut bytes, V6_LENGTHS_AT, v6_lengths.as_flattened());
        let value_bytes = self.values.iter().map(Vec::len).sum();
        let counts = [
            (VERSIONS_AT, self.versions.len(), "updates"),
            (VALUES_AT, self.values.len(), "values"),
            (KEYS_AT, self.entries.keys(), "keys"),
            (EVENTS_AT, self.event_count, "events"),
            (ZONE_LEN_AT, self.zone.len(), "bytes of a name"),
            (VALUE_BYTES_AT, value_bytes, "bytes of values"),
            (
                ENTRY_BYTES_AT,
                self.entries.bytes().len(),
                "bytes of events",
            ),
        ];
        for (at, count, what) in counts {
            put(&mut bytes, at, &small(count, what)?.to_le_bytes());
        }
        Ok(bytes)
    }

    fn mark_length(&mut self, key: &[u8]) {
        let Some((_, Decoded::Network(net))) = key::decode(key) else {
            return;
        };
        let len = usize::from(net.prefix_len());
        match net.addr() {
            IpAddr::V4(_) => self.v4_lengths |= 1 << len,
            IpAddr::V6(_) => {
                if let Some(word) = self.v6_lengths.get_mut(len / 64) {
                    *word |= 1 << (len % 64);
                }
            }
        }
    }
}

/// The bytes of one segment that says what these say one after the other. Linear in their bytes.
pub(crate) fn merge(zone: &str, base: Version, segments: &[Part<'_>]) -> Result<Vec<u8>, Error> {
    let versions = segments
        .iter()
        .flat_map(|part| part.versions.iter().copied());
    let mut writer = Writer::new(zone, base, versions.collect());
    // By segment the new id of each value, and how many updates there were before it.
    let mut parts = Vec::new();
    let mut before = 0;
    for part in segments {
        let ids: Vec<u32> = part
            .values
            .iter()
            .map(|value| writer.value(value))
            .collect();
        parts.push((ids, before));
        before += small(part.versions.len(), "updates")?;
    }
    let mut cursors: Vec<Cursor<'_>> = segments.iter().map(|part| part.entries.first()).collect();
    let (mut key, mut steps) = (Vec::new(), Vec::new());
    while let Some((least, _)) = cursors
        .iter()
        .filter_map(Cursor::entry)
        .min_by_key(|(key, _)| *key)
    {
        key.clear();
        key.extend(least);
        steps.clear();
        for (cursor, (ids, before)) in cursors.iter_mut().zip(&parts) {
            let Some((_, found)) = cursor.entry().filter(|(found, _)| *found == key) else {
                continue;
            };
            steps.extend(found.iter().map(|step| step.moved(*before, ids)));
            cursor.advance();
        }
        writer.push(&key, &steps)?;
    }
    writer.finish()
}

/// Writes a field of the header, which is there.
fn put(bytes: &mut [u8], at: usize, field: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + field.len()) {
        place.copy_from_slice(field);
    }
}
