//! Walks names in the order of their keys.

use std::ops::Range;

use crate::bytes::u32_at;
use crate::name::{MAX_KEY, NameKey};
use crate::names::codes::{BARE, Code, END, IN_OVERFLOW, ORDER_SHIFT, SYMBOL_BITS};
use crate::names::lines::{Entry, NameLines};
use crate::names::lookup::Names;
use crate::run::{NameRule, NameRules, RulePair};

/// The names of a zone, each once, in the order of their keys; without what is no name (only
/// damaged images have such).
///
/// See the example of [`Model`](crate::names::write::Model).
pub struct NameWalk<'a> {
    names: Names<'a>,
    decoder: Option<Decoder<'a>>,
    /// Names in the order of their keys, where the image does not have that order.
    sorted: Option<SortedKeys>,
    left: Range<usize>,
    last: Option<NameKey>,
}

impl<'a> NameWalk<'a> {
    /// All names. Without the order of names in the image they are read and sorted first.
    pub fn new(names: Names<'a>) -> NameWalk<'a> {
        let mut walk = NameWalk {
            names,
            decoder: None,
            sorted: None,
            left: 0..names.len(),
            last: None,
        };
        if let Names::Lines(lines) = names {
            let decoder = Decoder::new(lines);
            match lines.order {
                Some(order) => walk.left = 0..order.len() + 1,
                None => {
                    let sorted = decoder.sorted();
                    walk.left = 0..sorted.points.len();
                    walk.sorted = Some(sorted);
                }
            }
            walk.decoder = Some(decoder);
        }
        walk
    }

    /// The names that are `name` or below it.
    pub fn within(names: Names<'a>, name: &NameKey) -> impl Iterator<Item = NameRules> + use<'a> {
        let mut walk = NameWalk::new(names);
        let (mut low, mut high) = (walk.left.start, walk.left.end);
        while low < high {
            let mid = low.midpoint(high);
            if walk.point(mid).is_some_and(|point| point.key < *name) {
                low = mid + 1;
            } else {
                high = mid;
            }
        }
        walk.left.start = low;
        let name = *name;
        walk.take_while(move |point| point.key.is_within(&name))
    }

    /// The `index`-th name.
    fn point(&self, index: usize) -> Option<NameRules> {
        if let Some(sorted) = &self.sorted {
            return sorted.point(index);
        }
        match (&self.names, &self.decoder) {
            (Names::Sorted(names), _) => names.point(index).and_then(point_of),
            (Names::Lines(_), Some(decoder)) => decoder.point(index),
            _ => None,
        }
    }
}

impl Iterator for NameWalk<'_> {
    type Item = NameRules;

    fn next(&mut self) -> Option<NameRules> {
        loop {
            let index = self.left.next()?;
            let Some(point) = self.point(index) else {
                continue;
            };
            if self.last.is_none_or(|last| last < point.key) {
                self.last = Some(point.key);
                return Some(point);
            }
        }
    }
}

fn point_of((key, (exact, below)): (&[u8], RulePair)) -> Option<NameRules> {
    let key = NameKey::from_key(key).ok()?;
    let says = (exact, below) != (NameRule::Inherit, NameRule::Inherit);
    says.then_some(NameRules { key, exact, below })
}

/// Reads names out of lines.
struct Decoder<'a> {
    lines: NameLines<'a>,
    /// For the next bits of a code: the number of the symbol, and of how many bits it is.
    symbols: Vec<(u16, u8)>,
    /// The same for the common suffixes, which are numbered in the order of `keys`.
    suffixes: Vec<(u16, u8)>,
    keys: Vec<&'a [u8]>,
}

impl<'a> Decoder<'a> {
    /// Reads the model: costs about half a millisecond, whatever the number of names.
    fn new(lines: NameLines<'a>) -> Decoder<'a> {
        let mut symbols = vec![(0, 0); 1 << SYMBOL_BITS];
        let codes = lines
            .codes
            .iter()
            .map(|code| Code(u32::from_le_bytes(*code)));
        for (symbol, code) in (0u16..).zip(codes.clone()).take(END + 1) {
            fill(&mut symbols, symbol, code);
        }
        let mut suffixes = vec![(0, 0); 1 << SYMBOL_BITS];
        let mut keys: Vec<&[u8]> = vec![b""];
        let bare = codes.clone().nth(BARE).unwrap_or_default();
        fill(&mut suffixes, 0, bare);
        for (number, suffix) in (1u16..).zip(lines.suffixes.iter()) {
            fill(&mut suffixes, number, suffix.code);
            keys.push(lines.suffixes.key(&suffix));
        }
        Decoder {
            lines,
            symbols,
            suffixes,
            keys,
        }
    }

    /// The `index`-th name in the order of keys: the empty one, then as the image has them.
    fn point(&self, index: usize) -> Option<NameRules> {
        let Some(index) = index.checked_sub(1) else {
            return point_of((b"", self.lines.root()));
        };
        let place = u32::from_le_bytes(*self.lines.order?.get(index)?);
        let (at, entry) = ((place >> ORDER_SHIFT) as usize, place & IN_OVERFLOW);
        if entry == IN_OVERFLOW {
            return self.lines.overflow?.point(at).and_then(point_of);
        }
        let mut entries = self.lines.entries(self.lines.lines.get(at)?);
        self.read(&entries.nth(entry as usize)?)
    }

    /// All names, read line by line and sorted.
    fn sorted(&self) -> SortedKeys {
        let mut sorted = SortedKeys::default();
        sorted.push(b"", self.lines.root());
        let lines = self.lines.lines.iter();
        for entry in lines.flat_map(|line| self.lines.entries(line)) {
            let mut key = [0; MAX_KEY];
            if let Some(key) = self.key(&entry, &mut key) {
                sorted.push(key, entry.rules);
            }
        }
        let overflow = self.lines.overflow;
        for (key, rules) in (0..).map_while(|index| overflow?.point(index)) {
            sorted.push(key, rules);
        }
        sorted.sort();
        sorted
    }

    fn read(&self, entry: &Entry<'_>) -> Option<NameRules> {
        let mut key = [0; MAX_KEY];
        let key = self.key(entry, &mut key)?;
        point_of((key, entry.rules))
    }

    /// Writes the key of an entry.
    fn key<'b>(&self, entry: &Entry<'_>, key: &'b mut [u8; MAX_KEY]) -> Option<&'b [u8]> {
        let mut bits = Bits {
            bytes: entry.code,
            at: 0,
        };
        let suffix = bits.symbol(&self.suffixes)?;
        let suffix = self.keys.get(usize::from(suffix))?;
        let mut len = suffix.len();
        key.get_mut(..len)?.copy_from_slice(suffix);
        while let Ok(byte) = u8::try_from(bits.symbol(&self.symbols)?) {
            *key.get_mut(len)? = byte;
            len += 1;
        }
        if len > suffix.len() {
            *key.get_mut(len)? = 0; // the last label ends with the name
            len += 1;
        }
        key.get(..len)
    }
}

/// Keys of names, one after the other, and where each is.
#[derive(Default)]
struct SortedKeys {
    bytes: Vec<u8>,
    points: Vec<(Range<usize>, RulePair)>,
}

impl SortedKeys {
    fn push(&mut self, key: &[u8], rules: RulePair) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(key);
        self.points.push((start..self.bytes.len(), rules));
    }

    fn sort(&mut self) {
        let SortedKeys { bytes, points } = self;
        let key = |point: &(Range<usize>, RulePair)| bytes.get(point.0.clone());
        points.sort_unstable_by(|a, b| key(a).cmp(&key(b)));
    }

    fn point(&self, index: usize) -> Option<NameRules> {
        let (range, rules) = self.points.get(index)?;
        point_of((self.bytes.get(range.clone())?, *rules))
    }
}

/// Enters a code under all bits that begin with it.
fn fill(table: &mut [(u16, u8)], symbol: u16, code: Code) {
    if code.is_empty() {
        return;
    }
    // At most 16 bits.
    let len = u8::try_from(code.len()).unwrap_or(0);
    let places = table.iter_mut().skip(code.bits() as usize);
    for place in places.step_by(1 << len) {
        *place = (symbol, len);
    }
}

/// Bits, the first one lowest in the first byte.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    /// The next symbol; none if the bits are at their end, or are no code.
    fn symbol(&mut self, table: &[(u16, u8)]) -> Option<u16> {
        let byte = self.at / 8;
        if byte >= self.bytes.len() {
            return None;
        }
        let mut word = [0u8; 4];
        let next = self.bytes.iter().skip(byte);
        word.iter_mut().zip(next).for_each(|(to, from)| *to = *from);
        let bits = u32_at(&word, 0) >> (self.at % 8) & 0xffff;
        let (symbol, len) = *table.get(bits as usize)?;
        self.at += usize::from(len);
        (len > 0).then_some(symbol)
    }
}
