//! Makes segments: of the changes of an update, and of other segments.

use std::net::IpAddr;

use fst::{MapBuilder, Streamer};
use hashbrown::HashMap;

use crate::error::Error;
use crate::key::{self, Decoded};
use crate::segment::codec::{KEYS_AN_OFFSET, Said, Step, push_steps};
use crate::segment::layout::{
    BASE_SERIAL_AT, BASE_TIME_AT, EVENT_BYTES_AT, EVENTS_AT, HASH_AT, HASHED_FROM, HEADER_LEN,
    KEYS_AT, MAGIC, MAP_BYTES_AT, V4_LENGTHS_AT, V6_LENGTHS_AT, VALUE_BYTES_AT, VALUES_AT, VERSION,
    VERSIONS_AT, ZONE_LEN_AT,
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
    map: MapBuilder<Vec<u8>>,
    offsets: Vec<u8>,
    events: Vec<u8>,
    keys: u64,
    event_count: u64,
    v4_lengths: u64,
    v6_lengths: [u64; 3],
}

/// A segment to merge: what it holds, in the form that merging reads.
pub(crate) struct Part<'s> {
    pub(crate) map: &'s [u8],
    pub(crate) versions: Vec<Version>,
    pub(crate) values: Vec<&'s [u8]>,
    pub(crate) steps: Box<dyn Fn(u64) -> Vec<Step> + 's>,
}

impl<'z> Writer<'z> {
    pub(crate) fn new(zone: &'z str, base: Version, versions: Vec<Version>) -> Writer<'z> {
        Writer {
            zone,
            base,
            versions,
            ids: HashMap::new(),
            values: Vec::new(),
            map: MapBuilder::memory(),
            offsets: Vec::new(),
            events: Vec::new(),
            keys: 0,
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
        if self.keys.is_multiple_of(KEYS_AN_OFFSET) {
            let offset = small(self.events.len(), "bytes of events")?;
            self.offsets.extend(offset.to_le_bytes());
        }
        let inserted = self.map.insert(key, self.keys);
        inserted.map_err(|_| Error::TooLarge("two changes of one key"))?;
        push_steps(&mut self.events, steps, self.values.len());
        self.keys += 1;
        self.event_count += steps.len() as u64;
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
        bytes.extend(&self.offsets);
        bytes.extend(&self.events);
        let before = bytes.len();
        let map = self.map.into_inner().map_err(|_| Error::TooLarge("keys"))?;
        bytes.extend(map);
        let map_len = (bytes.len() - before) as u64;
        put(&mut bytes, MAP_BYTES_AT, &map_len.to_le_bytes());
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
        let keys = usize::try_from(self.keys).unwrap_or(usize::MAX);
        let events = usize::try_from(self.event_count).unwrap_or(usize::MAX);
        let counts = [
            (VERSIONS_AT, self.versions.len(), "updates"),
            (VALUES_AT, self.values.len(), "values"),
            (KEYS_AT, keys, "keys"),
            (EVENTS_AT, events, "events"),
            (ZONE_LEN_AT, self.zone.len(), "bytes of a name"),
            (VALUE_BYTES_AT, value_bytes, "bytes of values"),
            (EVENT_BYTES_AT, self.events.len(), "bytes of events"),
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
    let mut opened = Vec::new();
    for part in segments {
        opened.push(fst::Map::new(part.map).map_err(|_| Error::TooLarge("keys"))?);
    }
    let mut union = opened.iter().collect::<fst::map::OpBuilder<'_>>().union();
    let mut steps = Vec::new();
    while let Some((key, places)) = union.next() {
        steps.clear();
        let mut places = places.to_vec();
        places.sort_unstable_by_key(|place| place.index);
        for place in places {
            let (Some(part), Some((ids, before))) =
                (segments.get(place.index), parts.get(place.index))
            else {
                continue;
            };
            let new = |said| match said {
                Said::Value(id) => {
                    let found = usize::try_from(id).ok().and_then(|id| ids.get(id));
                    Said::Value(found.copied().unwrap_or(id))
                }
                Said::Inherits | Said::Nothing => said,
            };
            steps.extend((part.steps)(place.value).into_iter().map(|step| Step {
                version: step.version + before,
                was: new(step.was),
                is: new(step.is),
            }));
        }
        writer.push(key, &steps)?;
    }
    writer.finish()
}

fn small(number: usize, what: &'static str) -> Result<u32, Error> {
    u32::try_from(number).map_err(|_| Error::TooLarge(what))
}

/// Writes a field of the header, which is there.
fn put(bytes: &mut [u8], at: usize, field: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + field.len()) {
        place.copy_from_slice(field);
    }
}
