//! Common suffixes: those with many names below. Each has one code, and the names below it are
//! spread over all blocks of the filter.

use rblmap_format::names::codes::{
    Chain, Code, HEAVY_LEN, HEAVY_LISTED, HEAVY_MAX, HEAVY_STEPS, HashKey, Heavy,
};

use rblmap_content::NameTable;

/// So many names below make a suffix common.
const MANY: u64 = 24;

/// A table of suffixes as [`Heavy`] reads it.
pub(super) struct Suffixes {
    pub(super) section: Vec<u8>,
    pub(super) places: usize,
    /// Where each suffix is in the table, and its hash.
    at: Vec<usize>,
}

/// The keys of the most common suffixes, in their order. With a suffix all above it are there.
pub(super) fn choose(names: &NameTable) -> Vec<Vec<u8>> {
    let mut found: Vec<(u64, Vec<u8>)> = Vec::new();
    // Suffixes of the last name: where they end, names below, whether it is a name itself.
    let mut open: Vec<(usize, u64, bool)> = Vec::new();
    let mut last: &[u8] = b"";
    for key in names.iter().map(|point| point.key).chain([&b""[..]]) {
        while let Some(&(end, below, is_name)) = open.last() {
            let suffix = last.get(..end).unwrap_or_default();
            if key.starts_with(suffix) {
                break;
            }
            open.pop();
            if let Some(above) = open.last_mut() {
                above.1 += below + u64::from(is_name);
            }
            if below >= MANY {
                found.push((below, suffix.to_vec()));
            }
        }
        let from = open.last().map_or(0, |(end, ..)| *end);
        let ends = key
            .iter()
            .enumerate()
            .skip(from)
            .filter(|(_, byte)| **byte == 0);
        open.extend(ends.map(|(at, _)| (at + 1, 0, at + 1 == key.len())));
        last = key;
    }
    // With a suffix comes the one above it: it has no fewer names below, and a lower key.
    found.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    found.truncate(HEAVY_MAX);
    let mut keys: Vec<Vec<u8>> = found.into_iter().map(|(_, key)| key).collect();
    keys.sort_unstable();
    keys
}

impl Suffixes {
    /// Puts each suffix into the first free place from its own on; in place of the code stands its
    /// number for now.
    pub(super) fn new(keys: &[Vec<u8>], names: &NameTable, with: HashKey) -> Suffixes {
        let mut places = (keys.len() * 2).next_power_of_two();
        loop {
            if let Some(suffixes) = Suffixes::with_places(keys, names, with, places) {
                return suffixes;
            }
            places *= 2;
        }
    }

    fn with_places(
        keys: &[Vec<u8>],
        names: &NameTable,
        with: HashKey,
        places: usize,
    ) -> Option<Suffixes> {
        let mut table = vec![[0u8; HEAVY_LEN]; places];
        let mut all = Vec::new();
        let mut taken = Vec::with_capacity(keys.len());
        for (number, key) in (0u32..).zip(keys) {
            let chain = Chain::new(key, with);
            let hash = chain.hash(chain.labels());
            all.extend_from_slice(key);
            let start = Heavy::new(table.as_flattened(), places)?.place(hash);
            let is_free = |at: &usize| table.get(*at).is_some_and(|place| *place == [0; HEAVY_LEN]);
            let near = (start..start + HEAVY_STEPS).map(|at| at & (places - 1));
            let at = near.into_iter().find(is_free)?;
            let place = table.get_mut(at)?;
            // Keys have at most 510 bytes.
            let len = u16::try_from(key.len()).unwrap_or(0);
            let end = u32::try_from(all.len()).unwrap_or(0);
            let flags = names.find(key).map_or(0, |_| HEAVY_LISTED);
            let hash = hash.to_le_bytes();
            let parts = hash.iter().copied().take(4);
            let parts = parts.chain(end.to_le_bytes()).chain(number.to_le_bytes());
            let parts = parts.chain(len.to_le_bytes()).chain(flags.to_le_bytes());
            place
                .iter_mut()
                .zip(parts)
                .for_each(|(to, from)| *to = from);
            taken.push(at);
        }
        let mut section = table.concat();
        section.extend(all);
        Some(Suffixes {
            section,
            places,
            at: taken,
        })
    }

    pub(super) fn table(&self) -> Heavy<'_> {
        // Made with so many places.
        Heavy::new(&self.section, self.places).expect("the section begins with its table")
    }

    /// Gives each suffix its code.
    pub(super) fn set_codes(&mut self, codes: &[Code]) {
        for (at, code) in self.at.iter().zip(codes) {
            let at = at * HEAVY_LEN + 8;
            if let Some(place) = self.section.get_mut(at..at + 4) {
                place.copy_from_slice(&code.0.to_le_bytes());
            }
        }
    }
}
