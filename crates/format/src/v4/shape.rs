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

/// Keys of 16 bits, each with its value.
pub const RAW: u8 = 0;
/// Keys of 16 bits, each with the number of its value in a palette of four.
pub const LIST: u8 = 1;
/// Two bits an address: the number of its value in a palette of four.
pub const DIRECT2: u8 = 2;
/// One value an address.
pub const DIRECT: u8 = 3;
/// Keys of 8 bits in windows of 256 addresses, each with the number of its value in a palette of
/// four; which entries are in which window says a map of [`MAP`] bytes.
pub const SHORT: u8 = 4;

/// Keys of 8 bits in windows, as in a [`SHORT`] line, before them a bit a key that says whether its
/// value is another than that of the key before; those values, from the end of the line down.
pub const TURNS: u8 = 5;
/// As [`TURNS`], and a second bit a key: its entry is of its key only. Where an address has no such
/// entry, the last of the others speaks for it.
pub const MIXED: u8 = 6;

/// Bytes of the map of a [`SHORT`] line: for each window a bit set for each entry in it, then a clear
/// one.
pub const MAP: usize = 8;
/// Bytes of a bit for each entry of a [`TURNS`] or [`MIXED`] line.
pub const ENTRY_BITS: usize = 5;

/// Where the parts of a line lie, for one width of value ids.
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
    /// Entries of a [`RAW`] line.
    pub raw: usize,
    /// Entries of a [`LIST`] line.
    pub list: usize,
    /// Addresses of a [`DIRECT2`] line.
    pub direct2: usize,
    /// Addresses of a [`DIRECT`] line.
    pub direct: usize,
    /// Entries of a [`SHORT`] line.
    pub short: usize,
    /// Most entries of a [`TURNS`] or [`MIXED`] line; it has room for fewer if its values turn often.
    pub turns: usize,
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
        }
    }

    /// Whether a [`TURNS`] line has room for so many keys, and so many turns to another value.
    pub const fn turns_hold(&self, keys: usize, turns: usize) -> bool {
        self.hold(ENTRY_BITS, keys, turns)
    }

    /// Whether a [`MIXED`] line has.
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
