//! Writes names in lines: each name in bits, in the first line with room of the six that its hash
//! picks; a filter over all of them; and where each one is, in the order of keys.
//!
//! Names are put into lines in the order of their keys, so equal names make equal bytes. The work
//! has three steps, of which a caller may do the first two for several parts of the names at once:
//! count symbols ([`Counts::add`]), write each name in bits ([`Coded::add`]), and put the names
//! into lines ([`Writer::put_all`]) and, at the same time, into the filter ([`filter`]).

use super::codes::{
    CODE_MAX, COUNT, Code, END, ENTRIES, IN_OVERFLOW, LINE, NameCode, ORDER_SHIFT, SYMBOLS,
    WENT_ON, entry,
};
use super::hash::{Chain, HashKey, SHORT, ShortChain, filter_bits, probes, scale};
use super::huffman;
use super::suffixes::{Common, CommonKey, Suffixes};
use crate::bytes::{push_id, put_bytes};
use crate::error::TooLarge;
use crate::run::{NamePoint, NameRule};
use crate::simd::prefetch;

/// How full the lines are to be, in percent.
const FILLED: usize = 76;
/// Bits of the filter for each name.
const FILTER_BITS: usize = 10;
/// Lines are asked for so many names ahead: they lie anywhere.
const AHEAD: usize = 12;

/// How a list of names is written: its hash key, its common suffixes, and the codes of both.
///
/// ```
/// use rblmap_format::names::lines::{NameLines, Parts};
/// use rblmap_format::names::write::{Coded, Counts, Model, Writer, filter};
/// use rblmap_format::names::{Names, suffixes, walk::NameWalk};
/// use rblmap_format::{NameKey, NamePoint, NameRule, ValueId};
///
/// let value = ValueId::from_rank(0).unwrap();
/// let (exact, below) = (NameRule::Value(value), NameRule::Inherit);
/// let keys = [NameKey::parse(b"ham.example")?, NameKey::parse(b"spam.example")?];
/// let points = keys.each_ref().map(|key| NamePoint { key: key.as_bytes(), exact, below });
///
/// let below = suffixes::Below::count(points.iter().map(|point| point.key));
/// let common = suffixes::choose(vec![below]);
/// let mut model = Model::new([7; 16], &common)?;
/// let mut counts: Counts = model.counts();
/// points.iter().for_each(|point| counts.add(&model, point.key));
/// model.set_codes(&counts);
/// let mut coded = Coded::of_list(points.len());
/// points.iter().for_each(|point| coded.add(&model, point, 1));
/// let coded = [coded];
/// let sections = Writer::put_all(points.iter().copied(), &coded)?;
/// let filter = filter(&coded, points.len());
///
/// let (suffixes, places) = model.suffixes();
/// let parts = Parts {
///     model: &model.section(None),
///     suffixes,
///     suffix_places: places as u64,
///     filter: &filter,
///     lines: &sections.lines,
///     count: 2,
///     overflow: None,
///     order: Some(&sections.order),
/// };
/// let names = Names::Lines(NameLines::new(parts, 1).ok_or("sections that do not fit together")?);
/// let key = keys[1].as_bytes();
/// assert_eq!(names.lookup(key), Some((value, key.len())));
/// assert!(NameWalk::new(names).map(|rules| rules.key).eq(keys));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Model {
    key: [u8; 16],
    with: HashKey,
    suffixes: Suffixes,
    codes: [[u8; 4]; SYMBOLS],
}

/// How often each symbol is written.
///
/// See the example of [`Model`].
#[derive(Debug, Clone)]
pub struct Counts {
    symbols: Vec<u64>,
    /// Of each common suffix, and last of none.
    suffixes: Vec<u64>,
}

impl Model {
    /// A model without codes: these come from [`Model::set_codes`]. `key` is what names are hashed
    /// with.
    ///
    /// # Errors
    /// If the common suffixes collide under the key, as nothing but malice makes them.
    pub fn new(key: [u8; 16], common: &[CommonKey]) -> Result<Model, TooLarge> {
        let with = HashKey::new(&key);
        Ok(Model {
            key,
            with,
            suffixes: Suffixes::new(common, with)?,
            codes: [[0; 4]; SYMBOLS],
        })
    }

    /// No symbol counted.
    pub fn counts(&self) -> Counts {
        Counts {
            symbols: vec![0; END + 1],
            suffixes: vec![0; self.suffixes.len() + 1],
        }
    }

    /// Chooses the codes: the more often a symbol is written, the shorter.
    pub fn set_codes(&mut self, counts: &Counts) {
        let symbols = huffman::codes(&counts.symbols);
        // Suffixes and "none" share one set of codes; they come first in a name.
        let mut firsts = huffman::codes(&counts.suffixes);
        let bare = firsts.pop().unwrap_or_default();
        self.suffixes.set_codes(&firsts);
        let all = symbols.into_iter().chain([bare]);
        let all = all.map(|code| code.0.to_le_bytes());
        self.codes
            .iter_mut()
            .zip(all)
            .for_each(|(to, code)| *to = code);
    }

    /// The common suffixes, and how many places their table has.
    pub fn suffixes(&self) -> (&[u8], usize) {
        (&self.suffixes.section, self.suffixes.places)
    }

    /// The bytes of NAMES_MODEL. `root` is the empty name, if it has a rule.
    pub fn section(&self, root: Option<NamePoint<'_>>) -> Vec<u8> {
        let (exact, below) = root.map_or((NameRule::Inherit, NameRule::Inherit), |root| {
            (root.exact, root.below)
        });
        let mut model = self.key.to_vec();
        model.extend(exact.code().to_le_bytes());
        model.extend(below.code().to_le_bytes());
        model.extend(self.codes.as_flattened());
        model
    }
}

impl Counts {
    /// Counts the symbols of a name. The suffixes of `model` still have their numbers in place of
    /// codes.
    pub fn add(&mut self, model: &Model, key: &[u8]) {
        let common = if key.len() <= SHORT {
            let chain = ShortChain::of_short(key, model.with);
            model.suffixes.table().of(key, &chain)
        } else {
            let chain = Chain::of_any(key, model.with);
            model.suffixes.table().of(key, &chain)
        };
        let none = self.suffixes.len() - 1;
        let number = common.code.map_or(none, |number| number.0 as usize);
        let bytes = own_bytes(&common, key).iter();
        for symbol in bytes.map(|&byte| usize::from(byte)).chain([END]) {
            let count = self.symbols.get_mut(symbol);
            *count.expect("a count for each byte and the end") += 1;
        }
        let count = self.suffixes.get_mut(number);
        *count.expect("a count for each common suffix") += 1;
    }

    /// Adds what was counted elsewhere.
    #[must_use]
    pub fn and(mut self, other: Counts) -> Counts {
        let add = |a: &mut Vec<u64>, b: Vec<u64>| a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
        add(&mut self.symbols, other.symbols);
        add(&mut self.suffixes, other.suffixes);
        self
    }
}

/// The bytes of a name behind its common suffix, without the one that closes the last label.
fn own_bytes<'a>(common: &Common, key: &'a [u8]) -> &'a [u8] {
    let range = common.end..key.len().saturating_sub(1);
    key.get(range).unwrap_or_default()
}

/// Some names in bits, out of a list of so many.
///
/// See the example of [`Model`].
#[derive(Debug)]
pub struct Coded {
    names: Vec<CodedName>,
    bytes: Vec<u8>,
    blocks: usize,
}

/// Where a name goes, and how long its entry is: 16 bytes, since there are millions of them at once.
#[derive(Debug, Clone, Copy)]
struct CodedName {
    hash: u64,
    /// Its block of the filter; [`NO_BLOCK`] for a common suffix.
    block: u32,
    len: u8,
}

/// The block of a name that is not in the filter. There are fewer blocks.
const NO_BLOCK: u32 = u32::MAX;

impl Coded {
    /// No name yet, of a list of `names`.
    pub fn of_list(names: usize) -> Coded {
        Coded {
            names: Vec::new(),
            bytes: Vec::new(),
            blocks: filter_blocks(names),
        }
    }

    /// Writes a name in bits. Rules have `width` bytes.
    pub fn add(&mut self, model: &Model, point: &NamePoint<'_>, width: usize) {
        if point.key.len() <= SHORT {
            self.add_chain(
                model,
                point,
                width,
                &ShortChain::of_short(point.key, model.with),
            );
        } else {
            let chain = Chain::of_any(point.key, model.with);
            self.add_chain(model, point, width, &chain);
        }
    }

    fn add_chain<const P: usize, const W: usize>(
        &mut self,
        model: &Model,
        point: &NamePoint<'_>,
        width: usize,
        chain: &Chain<P, W>,
    ) {
        let start = self.bytes.len();
        let common = model.suffixes.table().of(point.key, chain);
        let own = own_bytes(&common, point.key);
        // The empty name is in the model; names that are too long go into the overflow.
        if !point.key.is_empty() {
            push_entry(
                &mut self.bytes,
                point,
                &model.codes,
                (common.code, own),
                width,
            );
        }
        self.names.push(CodedName {
            hash: chain.hash(chain.len()),
            block: chain.longer(common.end).map_or(NO_BLOCK, |end| {
                let block = scale(chain.hash(end), self.blocks);
                // A list of more names is refused before this is read.
                u32::try_from(block).unwrap_or(NO_BLOCK)
            }),
            len: u8::try_from(self.bytes.len() - start).expect("an entry fits into a line"),
        });
    }

    /// The names with their entries, empty for those that are in no line.
    fn iter(&self) -> impl Iterator<Item = (CodedName, &[u8])> + Clone {
        let mut start = 0;
        self.names.iter().map(move |name| {
            let end = start + usize::from(name.len);
            let entry = self.bytes.get(start..end).unwrap_or_default();
            start = end;
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
    let mut code = NameCode::default();
    if code.write(codes, suffix, own).is_err() {
        return;
    }
    let (kind, rules) = match (point.exact, point.below) {
        (exact, below) if exact == below => (entry::ALIKE, [Some(exact), None]),
        (exact, NameRule::Inherit) => (entry::EXACT, [Some(exact), None]),
        (NameRule::Inherit, below) => (entry::BELOW, [Some(below), None]),
        (exact, below) => (entry::BOTH, [Some(exact), Some(below)]),
    };
    // At most CODE_MAX bytes, which fit six bits.
    const { assert!(CODE_MAX < 64) };
    let len = u8::try_from(code.len()).expect("below 64");
    out.push(kind | len << 2);
    rules
        .iter()
        .flatten()
        .for_each(|rule| push_id(out, width, rule.code()));
    out.extend_from_slice(code.to_bytes().get(..code.len()).unwrap_or_default());
}

/// How many blocks the filter of so many names has.
fn filter_blocks(names: usize) -> usize {
    (names * FILTER_BITS).div_ceil(LINE * 8).max(1)
}

/// NAMES_FILTER of a list of so many names, which are in these parts.
///
/// See the example of [`Model`].
pub fn filter(coded: &[Coded], names: usize) -> Vec<u8> {
    let mut blocks = vec![[0; LINE]; filter_blocks(names)];
    let all = coded.iter().flat_map(|part| &part.names);
    let mut ahead = all.clone().skip(AHEAD);
    for name in all {
        if let Some(later) = ahead.next() {
            prefetch(blocks.as_ptr().wrapping_add(later.block as usize));
        }
        if name.block == NO_BLOCK {
            continue;
        }
        let block = blocks.get_mut(name.block as usize);
        let block = block.expect("a hash is scaled to the number of blocks");
        for bit in filter_bits(name.hash) {
            let byte = block.get_mut(bit / 8);
            *byte.expect("a block has 512 bits") |= 1 << (bit % 8);
        }
    }
    blocks.into_flattened()
}

/// Puts names into lines.
///
/// See the example of [`Model`].
#[derive(Debug)]
pub struct Writer {
    lines: Vec<[u8; LINE]>,
    used: Vec<u8>,
    order: Vec<u8>,
    /// The indices of the names that no line has.
    overflow: Vec<usize>,
}

/// The sections that [`Writer`] fills.
///
/// See the example of [`Model`].
#[derive(Debug)]
pub struct NameSections {
    /// NAMES_LINES.
    pub lines: Vec<u8>,
    /// NAMES_ORDER.
    pub order: Vec<u8>,
    /// The indices, among all names, of those that belong into NAMES_OVERFLOW.
    pub overflow: Vec<usize>,
}

impl Writer {
    /// Makes room for names that are written in bits.
    ///
    /// # Errors
    /// More than 2^28 names or lines.
    fn new(coded: &[Coded], names: usize) -> Result<Writer, TooLarge> {
        let bytes: usize = coded.iter().map(|part| part.bytes.len()).sum();
        let lines = (bytes * 100)
            .div_ceil((LINE - 1) * FILLED)
            .max(1)
            .next_multiple_of(2);
        let limit = 1usize << (32 - ORDER_SHIFT);
        if lines.max(names) > limit {
            return Err(TooLarge {
                what: "names",
                size: names as u64,
                limit: limit as u64,
            });
        }
        Ok(Writer {
            lines: vec![[0; LINE]; lines],
            used: vec![1; lines],
            overflow: Vec::new(),
            order: Vec::with_capacity(names * 4),
        })
    }

    /// Puts all names into lines, in the order of their keys.
    ///
    /// # Errors
    /// More than 2^28 names or lines.
    pub fn put_all<'k>(
        names: impl ExactSizeIterator<Item = NamePoint<'k>>,
        coded: &[Coded],
    ) -> Result<NameSections, TooLarge> {
        let mut writer = Writer::new(coded, names.len())?;
        let all = coded.iter().flat_map(Coded::iter);
        let mut ahead = all.clone().skip(AHEAD);
        for (index, (point, name)) in names.zip(all).enumerate() {
            if let Some((later, _)) = ahead.next() {
                writer.prefetch(&later);
            }
            if !point.key.is_empty() {
                writer.put(index, name);
            }
        }
        Ok(NameSections {
            lines: writer.lines.into_flattened(),
            order: writer.order,
            overflow: writer.overflow,
        })
    }

    /// Asks for what a name that comes soon is written to.
    fn prefetch(&self, name: &CodedName) {
        let [first, ..] = probes(name.hash, self.lines.len());
        prefetch(self.lines.as_ptr().wrapping_add(first));
        prefetch(self.used.as_ptr().wrapping_add(first));
    }

    /// Puts a name into a line, or into the overflow.
    fn put(&mut self, index: usize, (name, entry): (CodedName, &[u8])) {
        let place = self.put_entry(name.hash, entry).unwrap_or_else(|| {
            self.overflow.push(index);
            (self.overflow.len() - 1) << ORDER_SHIFT | IN_OVERFLOW as usize
        });
        let place = u32::try_from(place).expect("lines and names were counted");
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
            put_bytes(line, start, entry);
            *used = u8::try_from(start + entry.len()).expect("a line has 64 bytes");
            return Some(at << ORDER_SHIFT | number);
        }
        None
    }
}
