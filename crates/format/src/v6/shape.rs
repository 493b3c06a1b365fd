//! The 64-byte lines of IPv6: how many entries they hold and where these lie.
//!
//! The upper half of an address is cut in two: its first 32 bits, the /32, and *x*, the number of
//! the /64 in it. A line of [`crate::sections::kind::V6_LINES`] answers for some /64s of one /32; a line of
//! [`crate::sections::kind::V6_INSIDE_64`] for addresses inside a /64.

/// Bytes of a line.
pub const LINE: usize = 64;
/// The /32s of a bucket of [`crate::sections::kind::V6_TOP`].
pub const BUCKET: usize = 5;
/// Offset in a bucket of the first lines, or of the id where a /32 has one value.
pub const FIRST_AT: usize = BUCKET * 4;
/// Offset in a bucket of the numbers of lines.
pub const COUNT_AT: usize = 2 * BUCKET * 4;
/// Offset in a bucket of how many /32s it has.
pub const USED_AT: usize = 3 * BUCKET * 4;
/// Offset in a bucket of 1 if a /32 of this bucket is in one behind it, else 0.
pub const WENT_ON_AT: usize = USED_AT + 1;
/// Most /32s for one bucket, on average.
pub const BUCKET_LOAD: usize = 3;
/// More /32s of one value in a row than this make a row of [`crate::sections::kind::V6_RANGES`].
pub const RANGE_FROM: u32 = 16;
/// Bytes of a row of [`crate::sections::kind::V6_RANGES`]: first /32, last /32, id.
pub const RANGE_LEN: usize = 12;
/// Entries of `ffffffff` behind the last one of [`crate::sections::kind::V6_STARTS`].
pub const STARTS_PAD: usize = 16;

/// An entry holds for all /64s from its key on.
pub const FROM: u8 = 0;
/// An entry holds for the /64 of its key.
pub const ONLY_64: u8 = 1;
/// An entry holds for the 65,536 /64s that share the upper half of its key.
pub const ONLY_48: u8 = 2;
/// An entry holds for the inside of the /64 of its key: the place of a group stands instead of an id.
pub const INSIDE: u8 = 3;

/// Bits of a place of a group that hold the slot.
pub const SLOT_BITS: u32 = 3;
/// The slot of a group with lines of its own.
pub const BIG: u32 = 7;
/// A line reaches so many lines of [`crate::sections::kind::V6_INSIDE_64`] from its first on.
pub const REACH: usize = 32;
/// Keys of the first line of a group with lines of its own.
pub const BIG_KEYS: usize = 7;

/// Where the parts of lines lie, for one width of value ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape6 {
    /// Bytes of a value id, 1 to 4.
    pub width: usize,
    /// Entries of a line; their keys are at 4.
    pub entries: usize,
    /// Offset of the ids of the entries.
    pub ids_at: usize,
    /// Offset of their types, two bits each.
    pub types_at: usize,
    /// Offset of the default value.
    pub default_at: usize,
    /// Addresses of a line inside a /64; their ids are at 1.
    pub slots: usize,
    /// Offset of their keys.
    pub slot_keys_at: usize,
}

/// Offset of the keys of a line.
pub const KEYS_AT: usize = 4;
/// Offset of the ids of a line inside a /64.
pub const SLOT_IDS_AT: usize = 1;

impl Shape6 {
    /// The shape of lines with ids of `width` bytes.
    pub(crate) const fn new(width: usize) -> Shape6 {
        let (entries, slots) = match width {
            1 => (11, 7),
            2 => (9, 6),
            3 => (7, 5),
            _ => (6, 5),
        };
        let ids_at = KEYS_AT + entries * 4;
        let types_at = ids_at + entries * width;
        Shape6 {
            width,
            entries,
            ids_at,
            types_at,
            default_at: types_at + (entries * 2).div_ceil(8),
            slots,
            slot_keys_at: LINE - slots * 8,
        }
    }
}

/// The bucket of a /32 in a table of 2^`bits`.
#[inline]
pub fn bucket_of(net: u32, bits: u32) -> usize {
    let hash = u64::from(net.wrapping_mul(0x9e37_79b1));
    (hash << bits >> 32) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_filled() {
        for width in 1..=4 {
            let shape = Shape6::new(width);
            assert!(shape.default_at + width <= LINE);
            assert!(SLOT_IDS_AT + shape.slots * width <= shape.slot_keys_at);
            let more = shape.entries + 1;
            assert!(KEYS_AT + more * (4 + width) + (more * 2).div_ceil(8) + width > LINE);
            assert!(SLOT_IDS_AT + (shape.slots + 1) * (8 + width) > LINE);
        }
    }
}
