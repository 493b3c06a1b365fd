//! Writes names in lines: each name in bits, in the first line with room of the six that its hash
//! picks; a filter over all of them; and where each one is, in the order of keys.
//!
//! Names are put into lines in the order of their keys, so equal names make equal bytes.

mod huffman;
mod suffixes;

use rayon::prelude::*;
use rblmap::Slot;
use rblmap_format::NamePoint;
use rblmap_format::names::codes::{
    CODE_MAX, COUNT, Chain, Code, Coder, END, ENTRIES, HashKey, Heavy, LINE, OF_REST, ORDER_SHIFT,
    SYMBOLS, WENT_ON, entry, filter_bits, probes, scale,
};

use self::suffixes::Suffixes;
use super::push_id;
use crate::error::Error;
use rblmap_content::NameTable;

/// The sections of one zone's names.
pub(crate) struct NamesLines {
    pub(crate) model: Vec<u8>,
    pub(crate) heavy: Vec<u8>,
    pub(crate) heavy_places: usize,
    pub(crate) filter: Vec<u8>,
    pub(crate) lines: Vec<u8>,
    /// Names that are in no line.
    pub(crate) rest: NameTable,
    pub(crate) order: Vec<u8>,
}

/// Of a hundred bytes of lines so many are used.
const FILLED: usize = 76;
/// Bits of the filter for each name.
const FILTER_BITS: usize = 10;
/// Names that one thread takes at once.
const PART: usize = 1 << 15;

/// Encodes the names of a zone. `key` is what they are hashed with.
pub(crate) fn encode(names: &NameTable, key: [u8; 16], width: usize) -> Result<NamesLines, Error> {
    let with = HashKey::new(&key);
    let suffix_keys = suffixes::choose(names);
    let mut suffixes = Suffixes::new(&suffix_keys, names, with);
    let counts = Counts::of(names, suffix_keys.len(), suffixes.table(), with);
    let symbols = huffman::codes(&counts.symbols);
    // Suffixes and "none" share one set of codes; they come first in a name.
    let mut firsts = huffman::codes(&counts.suffixes);
    let bare = firsts.pop().unwrap_or_default();
    suffixes.set_codes(&firsts);
    let mut codes = [[0u8; 4]; SYMBOLS];
    let all = symbols.into_iter().chain([bare]);
    let all = all.map(|code| code.0.to_le_bytes());
    codes.iter_mut().zip(all).for_each(|(to, code)| *to = code);

    let heavy = suffixes.table();
    let parts: Vec<usize> = (0..names.len().div_ceil(PART)).collect();
    let coded: Vec<Part> = parts
        .into_par_iter()
        .map(|part| Part::new(names, part, &codes, heavy, with, width))
        .collect();
    let mut writer = Writer::new(&coded, names.len())?;
    let all = coded.iter().flat_map(Part::iter);
    for (point, name) in names.iter().zip(all) {
        writer.put(point, name);
    }
    Ok(NamesLines {
        model: model(key, names, &codes),
        heavy_places: suffixes.places,
        heavy: suffixes.section,
        filter: writer.filter.concat(),
        lines: writer.lines.concat(),
        rest: writer.rest,
        order: writer.order,
    })
}

fn model(key: [u8; 16], names: &NameTable, codes: &[[u8; 4]; SYMBOLS]) -> Vec<u8> {
    let root = names.find(b"");
    let slots = root.map_or((Slot::Inherit, Slot::Inherit), |root| {
        (root.exact, root.below)
    });
    let mut model = key.to_vec();
    model.extend(slots.0.code().to_le_bytes());
    model.extend(slots.1.code().to_le_bytes());
    model.extend(codes.as_flattened());
    model
}

/// How many labels of a name are its longest common suffix, and the number of that one.
fn common(chain: &Chain, key: &[u8], heavy: Heavy<'_>) -> (usize, Option<Code>) {
    let (mut depth, mut code) = (0, None);
    while depth < chain.labels() {
        let suffix = key.get(..chain.end(depth + 1)).unwrap_or_default();
        let Some(found) = heavy.find(chain.hash(depth + 1), suffix) else {
            break;
        };
        depth += 1;
        code = Some(found.code);
    }
    (depth, code)
}

/// The bytes of a name behind its common suffix, without the one that closes the last label.
fn own_bytes<'a>(chain: &Chain, key: &'a [u8], depth: usize) -> &'a [u8] {
    let range = chain.end(depth)..key.len().saturating_sub(1);
    key.get(range).unwrap_or_default()
}

/// How often each symbol is written.
struct Counts {
    symbols: Vec<u64>,
    /// Of each common suffix, and last of none.
    suffixes: Vec<u64>,
}

impl Counts {
    fn of(names: &NameTable, suffixes: usize, numbers: Heavy<'_>, with: HashKey) -> Counts {
        let empty = || Counts {
            symbols: vec![0; END + 1],
            suffixes: vec![0; suffixes + 1],
        };
        let count = |mut counts: Counts, index| {
            let key = names
                .get(index)
                .map_or(&b""[..], |point: NamePoint<'_>| point.key);
            let chain = Chain::new(key, with);
            let (depth, number) = common(&chain, key, numbers);
            let number = number.map_or(suffixes, |number| number.0 as usize);
            let bytes = own_bytes(&chain, key, depth)
                .iter()
                .map(|&byte| usize::from(byte));
            for symbol in bytes.chain([END]) {
                counts
                    .symbols
                    .iter_mut()
                    .skip(symbol)
                    .take(1)
                    .for_each(|count| *count += 1);
            }
            counts
                .suffixes
                .iter_mut()
                .skip(number)
                .take(1)
                .for_each(|count| *count += 1);
            counts
        };
        let add = |a: &mut Vec<u64>, b: Vec<u64>| a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
        let parts = (0..names.len()).into_par_iter().fold(empty, count);
        parts.reduce(empty, |mut all, part| {
            add(&mut all.symbols, part.symbols);
            add(&mut all.suffixes, part.suffixes);
            all
        })
    }
}

/// Some names in bits.
struct Part {
    names: Vec<Coded>,
    bytes: Vec<u8>,
}

/// Where a name goes, and where its entry ends in the bytes of its part.
#[derive(Clone, Copy)]
struct Coded {
    hash: u64,
    /// The hash that picks its block of the filter; none for a common suffix.
    anchor: Option<u64>,
    end: usize,
}

impl Part {
    fn new(
        names: &NameTable,
        part: usize,
        codes: &[[u8; 4]; SYMBOLS],
        heavy: Heavy<'_>,
        with: HashKey,
        width: usize,
    ) -> Part {
        let mut out = Part {
            names: Vec::with_capacity(PART),
            bytes: Vec::with_capacity(PART * 12),
        };
        for point in (part * PART..(part + 1) * PART).map_while(|index| names.get(index)) {
            let chain = Chain::new(point.key, with);
            let (depth, code) = common(&chain, point.key, heavy);
            let own = own_bytes(&chain, point.key, depth);
            // The empty name is in the model; names that are too long are among the rest.
            if !point.key.is_empty() {
                push_entry(&mut out.bytes, &point, codes, (code, own), width);
            }
            out.names.push(Coded {
                hash: chain.hash(chain.labels()),
                anchor: (depth < chain.labels()).then(|| chain.hash(depth + 1)),
                end: out.bytes.len(),
            });
        }
        out
    }

    /// The names with their entries, empty for those that are in no line.
    fn iter(&self) -> impl Iterator<Item = (Coded, &[u8])> {
        let mut start = 0;
        self.names.iter().map(move |name| {
            let entry = self.bytes.get(start..name.end).unwrap_or_default();
            start = name.end;
            (*name, entry)
        })
    }
}

/// Writes an entry, if the name has a code that lines can hold.
fn push_entry(
    out: &mut Vec<u8>,
    point: &NamePoint<'_>,
    codes: &[[u8; 4]; SYMBOLS],
    (suffix, own): (Option<Code>, &[u8]),
    width: usize,
) {
    let code = Coder::new(codes, suffix).and_then(|mut coder| {
        coder.push_key(own)?;
        coder.end()
    });
    let Ok(code) = code else {
        return;
    };
    let (kind, slots) = match (point.exact, point.below) {
        (exact, below) if exact == below => (entry::ALIKE, [Some(exact), None]),
        (exact, Slot::Inherit) => (entry::EXACT, [Some(exact), None]),
        (Slot::Inherit, below) => (entry::BELOW, [Some(below), None]),
        (exact, below) => (entry::BOTH, [Some(exact), Some(below)]),
    };
    // At most CODE_MAX bytes, which fit six bits.
    const { assert!(CODE_MAX < 64) };
    let len = u8::try_from(code.as_bytes().len()).unwrap_or(0);
    out.push(kind | len << 2);
    slots
        .iter()
        .flatten()
        .for_each(|slot| push_id(out, width, slot.code()));
    out.extend_from_slice(code.as_bytes());
}

struct Writer {
    lines: Vec<[u8; LINE]>,
    used: Vec<u8>,
    filter: Vec<[u8; LINE]>,
    rest: NameTable,
    order: Vec<u8>,
}

impl Writer {
    fn new(coded: &[Part], names: usize) -> Result<Writer, Error> {
        let bytes: usize = coded.iter().map(|part| part.bytes.len()).sum();
        let lines = (bytes * 100)
            .div_ceil((LINE - 1) * FILLED)
            .max(1)
            .next_multiple_of(2);
        let limit = 1usize << (32 - ORDER_SHIFT);
        if lines.max(names) > limit {
            return Err(Error::TooLarge {
                what: "names",
                size: names as u64,
                limit: limit as u64,
            });
        }
        let blocks = (names * FILTER_BITS).div_ceil(LINE * 8).max(1);
        Ok(Writer {
            lines: vec![[0; LINE]; lines],
            used: vec![1; lines],
            filter: vec![[0; LINE]; blocks],
            rest: NameTable::new(),
            order: Vec::with_capacity(names * 4),
        })
    }

    /// Puts a name into a line, or among the rest.
    fn put(&mut self, point: NamePoint<'_>, (name, entry): (Coded, &[u8])) {
        if point.key.is_empty() {
            return;
        }
        if let Some(anchor) = name.anchor {
            let block = scale(anchor, self.filter.len());
            for bit in filter_bits(name.hash) {
                let byte = self
                    .filter
                    .get_mut(block)
                    .and_then(|block| block.get_mut(bit / 8));
                byte.into_iter().for_each(|byte| *byte |= 1 << (bit % 8));
            }
        }
        let place = self.put_entry(name.hash, entry).unwrap_or_else(|| {
            self.rest.push(point.key, point.exact, point.below);
            (self.rest.len() - 1) << ORDER_SHIFT | OF_REST as usize
        });
        // Lines and names were counted.
        let place = u32::try_from(place).unwrap_or(u32::MAX);
        self.order.extend(place.to_le_bytes());
    }

    /// The line and the number of the entry in it, as the order has them.
    fn put_entry(&mut self, hash: u64, entry: &[u8]) -> Option<usize> {
        if entry.is_empty() {
            return None;
        }
        for at in probes(hash, self.lines.len()) {
            let (line, used) = (self.lines.get_mut(at)?, self.used.get_mut(at)?);
            let start = usize::from(*used);
            let [head, ..] = line;
            let number = usize::from(*head & COUNT);
            if number == ENTRIES || start + entry.len() > LINE {
                *head |= WENT_ON;
                continue;
            }
            *head += 1;
            line.get_mut(start..start + entry.len())?
                .copy_from_slice(entry);
            *used = u8::try_from(start + entry.len()).ok()?;
            return Some(at << ORDER_SHIFT | number);
        }
        None
    }
}
