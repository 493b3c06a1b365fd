//! The 64-byte lines of IPv4: how many entries each kind holds and where they lie.
//!
//! Head: byte 0 kind in bits 0 to 2, bit 3 zero, "this address only" flags in bits 4 to 7; bytes
//! 2 and 3 the base. The default value is byte 1 for ids of one byte, else it follows the base. A
//! head of an odd length has a zero byte more, so that keys lie at even offsets.

/// Bytes of a line.
pub const LINE: usize = 64;
/// Addresses of a /16.
pub const BLOCK: u32 = 65_536;
/// Values that a palette holds.
pub const PALETTE: usize = 4;

/// Bytes of the map of a [`SHORT`](super::kind::SHORT) line: for each window a bit set for each entry in it, then a clear
/// one.
pub const MAP: usize = 8;
/// Bytes of a bit for each entry of a [`TURNS`](super::kind::TURNS) or [`MIXED`](super::kind::MIXED) line.
pub const ENTRY_BITS: usize = 5;

/// Where the parts of a line lie, for one width of value ids.
///
/// See the example of [`Sixteens`](crate::v4::write::Sixteens).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Bytes of a value id, 1 to 4.
    pub width: usize,
    /// Offset of the default value.
    pub default_at: usize,
    /// Offset of what follows the head in kinds without a palette.
    pub head: usize,
    /// Offset of the palette.
    pub palette_at: usize,
    /// Offset of what follows the palette.
    pub palette_end: usize,
    /// Entries of a [`RAW`](super::kind::RAW) line.
    pub raw: usize,
    /// Entries of a [`LIST`](super::kind::LIST) line.
    pub list: usize,
    /// Addresses of a [`DIRECT2`](super::kind::DIRECT2) line.
    pub direct2: usize,
    /// Addresses of a [`DIRECT`](super::kind::DIRECT) line.
    pub direct: usize,
    /// Entries of a [`SHORT`](super::kind::SHORT) line.
    pub short: usize,
    /// Most entries of a [`TURNS`](super::kind::TURNS) or [`MIXED`](super::kind::MIXED) line; it has room for fewer if its values turn often.
    pub turns: usize,
    /// One bit for each kind that may be written: all of them, but where the worth of a kind is
    /// measured.
    kinds: u8,
}

impl Shape {
    /// The shape of lines with ids of `width` bytes.
    pub const fn new(width: usize) -> Shape {
        let (default_at, head) = if width == 1 {
            (1, 4)
        } else {
            (4, (4 + width).next_multiple_of(2))
        };
        let palette_end = head + PALETTE * width;
        Shape {
            width,
            default_at,
            head,
            palette_at: head,
            palette_end,
            raw: (LINE - head) / (2 + width),
            list: (LINE - palette_end) * 4 / 9,
            direct2: (LINE - palette_end) * 4,
            direct: (LINE - head) / width,
            short: (LINE - palette_end - MAP) * 4 / 5,
            turns: 8 * ENTRY_BITS,
            kinds: u8::MAX,
        }
    }

    /// The same shape without lines of a kind, to measure what the kind is worth. One of the kinds
    /// with long keys has to stay.
    ///
    /// ```
    /// use rblmap_format::v4::{kind::MIXED, shape::Shape};
    ///
    /// assert!(!Shape::new(1).without(MIXED).may_write(MIXED));
    /// ```
    #[must_use]
    pub const fn without(self, kind: u8) -> Shape {
        Shape {
            kinds: self.kinds & !(1 << kind),
            ..self
        }
    }

    /// Whether lines of a kind may be written.
    pub const fn may_write(&self, kind: u8) -> bool {
        self.kinds >> kind & 1 != 0
    }

    /// Whether a [`TURNS`](super::kind::TURNS) line has room for so many keys, and so many turns to another value.
    pub const fn turns_hold(&self, keys: usize, turns: usize) -> bool {
        self.hold(ENTRY_BITS, keys, turns)
    }

    /// Whether a [`MIXED`](super::kind::MIXED) line has.
    pub const fn mixed_hold(&self, keys: usize, turns: usize) -> bool {
        self.hold(2 * ENTRY_BITS, keys, turns)
    }

    const fn hold(&self, bits: usize, keys: usize, turns: usize) -> bool {
        keys <= self.turns && keys + turns * self.width <= LINE - self.head - MAP - bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_hold_what_the_format_page_says() {
        let capacities = |width| {
            let shape = Shape::new(width);
            [
                shape.raw,
                shape.list,
                shape.direct2,
                shape.direct,
                shape.short,
                shape.turns,
            ]
        };
        assert_eq!(capacities(1), [20, 24, 224, 60, 38, 40]);
        assert_eq!(capacities(2), [14, 22, 200, 29, 33, 40]);
        assert_eq!(capacities(3), [11, 19, 176, 18, 28, 40]);
        assert_eq!(capacities(4), [9, 17, 160, 14, 25, 40]);
    }
}
