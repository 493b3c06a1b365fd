//! Names in lines: how a name is hashed, how it is written in bits, and how lines are filled. The
//! writer in `rblmap-image` and the reader both go through here.

use crate::bytes::{array_at, u64_at};

/// Bytes of a line of [`crate::sections::kind::NAMES_LINES`], and of a block of [`crate::sections::kind::NAMES_FILTER`].
pub const LINE: usize = 64;
/// Most entries of a line.
pub const ENTRIES: usize = 15;
/// Bits of the first byte of a line that count its entries.
pub const COUNT: u8 = 0x0f;
/// Bit of the first byte of a line: a name was put elsewhere because this line was full.
pub const WENT_ON: u8 = 0x80;
/// Most bytes of a code in a line; names with a longer one are among the rest.
pub const CODE_MAX: usize = 48;
/// How many lines a name may be in.
pub const PROBES: usize = 6;
/// A line in [`crate::sections::kind::NAMES_ORDER`] is shifted by so many bits; the entry is below.
pub const ORDER_SHIFT: u32 = 4;
/// The entry in [`crate::sections::kind::NAMES_ORDER`] that stands for a name of the rest.
pub const IN_OVERFLOW: u32 = 15;

/// An entry says this of its name: its first byte has the kind in the lowest two bits, above them
/// the number of bytes of its code.
pub mod entry {
    /// An exact and a below rule.
    pub const BOTH: u8 = 0;
    /// An exact rule.
    pub const EXACT: u8 = 1;
    /// A below rule.
    pub const BELOW: u8 = 2;
    /// One rule that is exact and below.
    pub const ALIKE: u8 = 3;
}

/// The number of a symbol: a label ends, and with it the name.
pub const END: usize = 256;
/// The number of a symbol: the name is below no common suffix.
pub const BARE: usize = 257;
/// How many symbols there are; below [`END`] those for bytes of a key.
pub const SYMBOLS: usize = 258;
/// Most bits of a code of a symbol or of a common suffix.
pub const SYMBOL_BITS: u32 = 16;
/// Offset of the rules of the empty name in [`crate::sections::kind::NAMES_MODEL`]: exact, below.
pub const ROOT_AT: usize = 16;
/// Offset of the codes of the symbols.
pub const CODES_AT: usize = 24;
/// Length of [`crate::sections::kind::NAMES_MODEL`].
pub const MODEL_LEN: usize = CODES_AT + SYMBOLS * 4;

/// Bits of the filter that a name sets.
pub const FILTER_BITS: u32 = 3;
/// More labels no name has.
pub const LABELS: usize = 128;
/// Nearly all names have fewer labels.
pub(crate) const FEW_LABELS: usize = 8;

/// A code of a symbol: its bits, the first one lowest, and their number in the highest byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Code(pub u32);

impl Code {
    /// A code of `len` bits.
    pub(crate) fn new(bits: u32, len: u32) -> Code {
        Code(bits | len << 24)
    }

    /// The bits; none beyond the 16th.
    #[inline]
    pub(crate) fn bits(self) -> u32 {
        self.0 & 0xffff
    }

    /// How many bits, 0 to 16; 0 where nothing is written with it.
    #[inline]
    pub(crate) fn len(self) -> u32 {
        (self.0 >> 24).min(SYMBOL_BITS)
    }

    /// Whether nothing is written with it.
    #[inline]
    pub(crate) fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// What names are hashed with. Derived from the content, so that nobody who adds names to a list
/// knows it while choosing them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HashKey {
    start: u64,
    factor: u64,
}

impl HashKey {
    /// Takes 16 bytes of key.
    pub(crate) fn new(bytes: &[u8]) -> HashKey {
        HashKey {
            start: u64_at(bytes, 0),
            factor: u64_at(bytes, 8) | 1,
        }
    }
}

/// Both halves of the product, one over the other.
#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    #[expect(clippy::cast_possible_truncation, reason = "the halves are meant")]
    let (low, high) = (product as u64, (product >> 64) as u64);
    low ^ high
}

/// The part of `count` that a hash picks by its highest bits.
#[inline]
pub fn scale(hash: u64, count: usize) -> usize {
    let product = u128::from(hash) * count as u128;
    // Less than `count`.
    usize::try_from(product >> 64).unwrap_or(0)
}

/// The lines a name may be in, in the order in which they are tried; `lines` is even.
#[inline]
pub fn probes(hash: u64, lines: usize) -> [usize; PROBES] {
    let first = scale(hash, lines);
    let second = scale(hash.wrapping_mul(0x9e37_79b9_7f4a_7c15), lines);
    let third = scale(hash.wrapping_mul(0xc2b2_ae3d_27d4_eb4f), lines);
    [first, first ^ 1, second, second ^ 1, third, third ^ 1]
}

/// The bits of a block of the filter that a name sets.
#[inline]
pub fn filter_bits(hash: u64) -> [usize; FILTER_BITS as usize] {
    [0, 9, 18].map(|shift| (hash >> shift & 511) as usize)
}

/// The hashes of a name and of all its suffixes; of fewer than `N` labels.
#[derive(Debug)]
pub(crate) struct Chain<const N: usize = LABELS> {
    hashes: [u64; N],
    ends: [u16; N],
    labels: usize,
}

impl Chain {
    /// The chain of any name.
    #[inline]
    pub(crate) fn new(key: &[u8], with: HashKey) -> Chain {
        Chain::of(key, with).0
    }
}

impl<const N: usize> Chain<N> {
    /// Hashes a key: from the root, label after label, eight bytes at once. Also gives whether there
    /// was room for all labels.
    #[inline]
    pub(crate) fn of(key: &[u8], with: HashKey) -> (Chain<N>, bool) {
        let mut chain = Chain {
            hashes: [0; N],
            ends: [0; N],
            labels: 0,
        };
        let (mut hash, mut at) = (with.start, 0usize);
        while at < key.len() && chain.labels + 1 < N {
            let word = match array_at(key, at) {
                Some(bytes) => u64::from_le_bytes(bytes),
                None => last_bytes(key, at),
            };
            let zeros = word.wrapping_sub(0x0101_0101_0101_0101) & !word & 0x8080_8080_8080_8080;
            if zeros == 0 {
                hash = fold(hash ^ word, with.factor);
                at += 8;
                continue;
            }
            // The lowest bit is that of the first zero byte; what is behind it belongs to others.
            let bits = zeros.trailing_zeros() & !7;
            hash = fold(hash ^ word & !(u64::MAX << bits), with.factor);
            at += bits as usize / 8 + 1;
            chain.labels += 1;
            if let (Some(place), Some(end)) = (
                chain.hashes.get_mut(chain.labels),
                chain.ends.get_mut(chain.labels),
            ) {
                *place = hash;
                *end = u16::try_from(at).unwrap_or(u16::MAX);
            }
        }
        (chain, at >= key.len())
    }

    /// How many labels the name has.
    #[inline]
    pub(crate) fn labels(&self) -> usize {
        self.labels
    }

    /// The hash of the suffix of so many labels, from 1.
    #[inline]
    pub(crate) fn hash(&self, labels: usize) -> u64 {
        self.hashes.get(labels).copied().unwrap_or(0)
    }

    /// Where in the key the suffix of so many labels ends.
    #[inline]
    pub(crate) fn end(&self, labels: usize) -> usize {
        self.ends.get(labels).copied().map_or(0, usize::from)
    }
}

/// The last, less than eight bytes.
fn last_bytes(key: &[u8], at: usize) -> u64 {
    let bytes = key.get(at..).unwrap_or_default().iter();
    bytes
        .rev()
        .fold(0, |word, &byte| word << 8 | u64::from(byte))
}

/// A name in bits: the code of its longest common suffix, then those of the bytes behind it, the
/// first bit in the lowest place of the first byte.
#[derive(Debug, Clone)]
pub(crate) struct Coder<'a> {
    codes: &'a [[u8; 4]; SYMBOLS],
    bytes: [u8; WORDS * 4],
    end: End,
}

/// Where bits are added. A value of its own, so that it stays in registers.
#[derive(Debug, Clone, Copy, Default)]
struct End {
    /// Bits of the word that is not full; the bytes have them, too.
    open: u64,
    bits: usize,
}

impl End {
    /// Adds at most 32 bits; none where there is no room for them.
    #[inline(always)]
    fn push(self, bytes: &mut [u8; WORDS * 4], bits: u32, len: u32) -> Option<End> {
        let (word, before) = (self.bits / 32, self.bits % 32);
        let open = self.open | u64::from(bits) << before;
        let place = bytes.get_mut(word * 4..word * 4 + 8)?;
        place.copy_from_slice(&open.to_le_bytes());
        // Whether the word is full is as good as random, so nothing branches on it: there is always
        // room for the next one.
        let bits = self.bits + len as usize;
        let open = open >> (((bits / 32 - word) * 32) & 63);
        Some(End { open, bits })
    }
}

/// Room for the longest code, and for one symbol more.
const WORDS: usize = CODE_MAX / 4 + 2;

/// A code of a whole name, to be compared.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NameCode {
    bytes: [u8; WORDS * 4],
    len: usize,
}

impl NameCode {
    /// The bytes; unused bits of the last one are zero.
    #[inline]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// The first eight bytes, with zeros behind the last one.
    #[inline]
    pub(crate) fn first_word(&self) -> u64 {
        u64_at(&self.bytes, 0)
    }
}

/// Why a name has no code in a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoCode {
    /// No name has such a symbol.
    NoSymbol,
    /// More than [`CODE_MAX`] bytes.
    TooLong,
}

impl<'a> Coder<'a> {
    /// Begins with the code of a common suffix, or of [`BARE`].
    ///
    /// # Errors
    /// A code that no name is written with.
    pub(crate) fn new(
        codes: &'a [[u8; 4]; SYMBOLS],
        suffix: Option<Code>,
    ) -> Result<Coder<'a>, NoCode> {
        let mut coder = Coder {
            codes,
            bytes: [0; WORDS * 4],
            end: End::default(),
        };
        let suffix = suffix.unwrap_or_else(|| coder.code(BARE));
        coder.push(suffix)?;
        Ok(coder)
    }

    /// Adds bytes of a key, without the one that closes the last label.
    ///
    /// # Errors
    /// A byte that no name has; a code that has become too long.
    #[inline]
    pub(crate) fn push_key(&mut self, bytes: &[u8]) -> Result<(), NoCode> {
        // Two at once: fewer steps for what every lookup does for each byte of a name.
        let (pairs, rest) = bytes.as_chunks::<2>();
        let mut end = self.end;
        for pair in pairs {
            let [first, second] = pair.map(|byte| self.code(usize::from(byte)));
            if first.is_empty() | second.is_empty() {
                return Err(NoCode::NoSymbol);
            }
            let bits = first.bits() | second.bits() << first.len();
            let pushed = end.push(&mut self.bytes, bits, first.len() + second.len());
            end = pushed.ok_or(NoCode::TooLong)?;
        }
        self.end = end;
        rest.iter()
            .try_for_each(|byte| self.push(self.code(usize::from(*byte))))
    }

    /// The code if the name ends here.
    ///
    /// # Errors
    /// As for [`Coder::push_key`].
    #[inline]
    pub(crate) fn end(mut self) -> Result<NameCode, NoCode> {
        self.push(self.code(END))?;
        let len = self.end.bits.div_ceil(8);
        if len > CODE_MAX {
            return Err(NoCode::TooLong);
        }
        Ok(NameCode {
            bytes: self.bytes,
            len,
        })
    }

    #[inline]
    fn push(&mut self, code: Code) -> Result<(), NoCode> {
        if code.is_empty() {
            return Err(NoCode::NoSymbol);
        }
        let pushed = self.end.push(&mut self.bytes, code.bits(), code.len());
        self.end = pushed.ok_or(NoCode::TooLong)?;
        Ok(())
    }

    #[inline]
    fn code(&self, symbol: usize) -> Code {
        let code = self.codes.get(symbol).copied();
        Code(code.map_or(0, u32::from_le_bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NameKey;

    #[test]
    fn suffixes_of_a_name_have_the_hashes_of_names() {
        let with = HashKey::new(b"0123456789abcdef");
        let name = NameKey::parse(b"a.longer-label-of-many-bytes.eightbyt.example.com").unwrap();
        let chain = Chain::new(name.as_bytes(), with);
        assert_eq!(chain.labels(), 5);
        let mut suffix = Some(name);
        while let Some(name) = suffix.filter(|name| name.label_count() > 0) {
            let own = Chain::new(name.as_bytes(), with);
            let labels = name.label_count();
            assert_eq!(own.labels(), labels);
            assert_eq!(own.hash(labels), chain.hash(labels), "{name}");
            assert_eq!(chain.end(labels), name.as_bytes().len());
            suffix = name.parent();
        }
    }

    #[test]
    fn long_codes_are_refused() {
        let mut codes = [[0; 4]; SYMBOLS];
        for symbol in [usize::from(b'a'), 0, END, BARE] {
            codes[symbol] = Code::new(1, 16).0.to_le_bytes();
        }
        let mut coder = Coder::new(&codes, None).unwrap();
        assert_eq!(coder.push_key(b"b"), Err(NoCode::NoSymbol));
        coder.push_key(&[b'a'; CODE_MAX / 2 - 2]).unwrap();
        let code = coder.clone().end().unwrap();
        assert_eq!(code.as_bytes(), [1, 0].repeat(CODE_MAX / 2));
        coder.push_key(b"a").unwrap();
        assert_eq!(coder.clone().end().map(|_| ()), Err(NoCode::TooLong));
        assert_eq!(coder.push_key(&[b'a'; 9]), Err(NoCode::TooLong));
    }
}
