//! Names in lines: how a name is written in bits, and how lines are filled. The writer in `rblmap-image` and the
//! reader both go through here.

use std::hint::select_unpredictable;

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

/// Why a name has no code in a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoCode {
    /// No name has such a symbol.
    NoSymbol,
    /// More than [`CODE_MAX`] bytes.
    TooLong,
}

/// Words of a code: room for the longest, and for four symbols more.
const WORDS: usize = CODE_MAX / 8 + 2;

/// A name in bits: the code of its longest common suffix, then those of the bytes behind it, then the one that ends
/// it; the first bit in the lowest place of the first word. Empty until it is written.
#[derive(Debug, Default)]
pub(crate) struct NameCode {
    words: [u64; WORDS],
    len: usize,
}

/// Where bits are added. A value of its own, so that it stays in registers.
#[derive(Debug, Clone, Copy, Default)]
struct End {
    /// Bits of the word that is not full.
    open: u64,
    bits: usize,
    /// The highest bit is set if a symbol has no code.
    missing: u32,
}

/// Up to four symbols one after the other.
#[derive(Debug, Clone, Copy, Default)]
struct Symbols {
    bits: u64,
    len: u32,
    missing: u32,
}

impl Symbols {
    #[inline(always)]
    fn and(self, code: Code) -> Symbols {
        Symbols {
            bits: self.bits | u64::from(code.bits()).wrapping_shl(self.len),
            // A damaged image may say up to 255, and gets a wrong code.
            len: self.len + (code.0 >> 24),
            missing: self.missing | code.0.wrapping_sub(1),
        }
    }
}

impl End {
    /// Adds symbols of at most 64 bits; none where there is no room for them.
    #[inline(always)]
    fn push(self, words: &mut [u64; WORDS], new: Symbols) -> Option<End> {
        let (word, before) = (self.bits / 64, self.bits % 64);
        let open = self.open | new.bits << before;
        *words.get_mut(word)? = open;
        let bits = self.bits + new.len as usize;
        // Whether the word is full is as good as random, so nothing branches on it.
        let behind = new.bits >> 1 >> (63 - before);
        Some(End {
            open: select_unpredictable(bits / 64 == word, open, behind),
            bits,
            missing: self.missing | new.missing,
        })
    }
}

impl NameCode {
    /// Writes a name, once: a common suffix, or none, and the bytes of the key behind it without the last one, which
    /// closes the last label.
    ///
    /// # Errors
    /// A byte or a suffix that no name has; a code that is too long.
    #[inline(always)]
    pub(crate) fn write(
        &mut self,
        codes: &[[u8; 4]; SYMBOLS],
        suffix: Option<Code>,
        own: &[u8],
    ) -> Result<(), NoCode> {
        let code = |symbol: usize| {
            let code = codes.get(symbol).copied();
            Code(code.map_or(0, u32::from_le_bytes))
        };
        let of = |byte: &u8| code(usize::from(*byte));
        let suffix = Symbols::default().and(suffix.unwrap_or_else(|| code(BARE)));
        let end = End::default().push(&mut self.words, suffix);
        let mut end = end.ok_or(NoCode::TooLong)?;
        // Four at once: fewer steps for what every lookup does for each byte of a name.
        let (fours, rest) = own.as_chunks::<4>();
        for [a, b, c, d] in fours {
            let symbols = Symbols::default().and(of(a)).and(of(b));
            let symbols = symbols.and(of(c)).and(of(d));
            end = end.push(&mut self.words, symbols).ok_or(NoCode::TooLong)?;
        }
        let last = rest.iter().map(of);
        let last = last.fold(Symbols::default(), Symbols::and).and(code(END));
        end = end.push(&mut self.words, last).ok_or(NoCode::TooLong)?;
        if end.missing >> 31 != 0 {
            return Err(NoCode::NoSymbol);
        }
        self.len = end.bits.div_ceil(8);
        if self.len > CODE_MAX {
            return Err(NoCode::TooLong);
        }
        if let Some(word) = self.words.get_mut(end.bits / 64) {
            *word = end.open;
        }
        Ok(())
    }

    /// How many bytes it has.
    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The bytes, and zeros behind them.
    pub(crate) fn to_bytes(&self) -> [u8; WORDS * 8] {
        let mut bytes = [0; WORDS * 8];
        let (places, _) = bytes.as_chunks_mut::<8>();
        for (place, word) in places.iter_mut().zip(self.words) {
            *place = word.to_le_bytes();
        }
        bytes
    }

    /// The words that the bytes fill, the last one with zeros behind them.
    #[inline(always)]
    pub(crate) fn words(&self) -> &[u64] {
        self.words.get(..self.len.div_ceil(8)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;

    use super::*;

    /// Codes of so many bits at most, free of nothing: any bits.
    fn codes(rng: &mut Rng, most: u32) -> [[u8; 4]; SYMBOLS] {
        std::array::from_fn(|_| {
            let len = rng.u32(1..=most);
            Code::new(rng.u32(..1 << len), len).0.to_le_bytes()
        })
    }

    /// The bits of a name by their definition in `docs/format.md`, a byte each; none if there is a symbol without.
    fn bits(codes: &[[u8; 4]; SYMBOLS], suffix: Option<Code>, own: &[u8]) -> Option<Vec<u8>> {
        let of = |symbol: usize| Code(u32::from_le_bytes(codes[symbol]));
        let symbols = own.iter().map(|byte| of(usize::from(*byte)));
        let mut bits = Vec::new();
        for code in [suffix.unwrap_or(of(BARE))]
            .into_iter()
            .chain(symbols)
            .chain([of(END)])
        {
            if code.is_empty() {
                return None;
            }
            bits.extend((0..code.len()).map(|bit| u8::from(code.bits() >> bit & 1 != 0)));
        }
        Some(bits)
    }

    #[test]
    fn names_are_written_bit_by_bit() {
        let mut rng = Rng::with_seed(5);
        let (mut written, mut long, mut missing) = (0, 0, 0);
        for _ in 0..20_000 {
            let most = rng.u32(1..=16);
            let mut codes = codes(&mut rng, most);
            if rng.u8(..4) == 0 {
                codes[rng.usize(..SYMBOLS)] = [0; 4];
            }
            let own: Vec<u8> = (0..rng.usize(..100)).map(|_| rng.u8(..)).collect();
            let suffix = rng.bool().then(|| Code::new(rng.u32(..1 << 16), 16));
            let mut code = NameCode::default();
            let result = code.write(&codes, suffix, &own);
            let Some(bits) = bits(&codes, suffix, &own) else {
                // Such a name is not listed, neither in lines nor in the overflow.
                assert!(result.is_err());
                missing += 1;
                continue;
            };
            if bits.len() > CODE_MAX * 8 {
                assert_eq!(result, Err(NoCode::TooLong));
                long += 1;
                continue;
            }
            assert_eq!(result, Ok(()));
            let bytes = bits
                .chunks(8)
                .map(|byte| byte.iter().rev().fold(0, |all, bit| all << 1 | bit));
            let bytes: Vec<u8> = bytes.collect();
            assert_eq!(code.to_bytes()[..code.len()], bytes);
            assert!(code.to_bytes()[code.len()..].iter().all(|byte| *byte == 0));
            let words = code.words().iter().flat_map(|word| word.to_le_bytes());
            assert!(words.take(code.len()).eq(bytes));
            written += 1;
        }
        assert!(
            written > 5_000 && long > 3_000 && missing > 500,
            "{written} {long} {missing}"
        );
    }

    #[test]
    fn a_symbol_without_a_code_is_told_from_a_code_that_is_too_long() {
        let mut codes = [[0; 4]; SYMBOLS];
        for symbol in [usize::from(b'a'), 0, END, BARE] {
            codes[symbol] = Code::new(1, 16).0.to_le_bytes();
        }
        let write = |own: &[u8]| NameCode::default().write(&codes, None, own);
        assert_eq!(write(b"b"), Err(NoCode::NoSymbol));
        assert_eq!(write(&[b'a'; CODE_MAX / 2 - 2]), Ok(()));
        for len in CODE_MAX / 2 - 1..200 {
            assert_eq!(write(&vec![b'a'; len]), Err(NoCode::TooLong));
        }
    }

    #[test]
    fn damaged_codes_of_symbols_do_not_panic() {
        let mut rng = Rng::with_seed(6);
        for _ in 0..5_000 {
            let codes = std::array::from_fn(|_| rng.u32(..).to_le_bytes());
            let own: Vec<u8> = (0..rng.usize(..100)).map(|_| rng.u8(..)).collect();
            let suffix = rng.bool().then(|| Code(rng.u32(..)));
            let _ = NameCode::default().write(&codes, suffix, &own);
        }
    }
}
