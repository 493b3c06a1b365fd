//! Where things lie in an image: header, section table, and the sizes of sections. These are the
//! constants of `docs/format.md`, once, for the reader and for the writer.

use crate::bytes::{u16_at, u32_at, u64_at};

/// First bytes of an image; the high byte and the line end show transfers that change bytes.
pub const MAGIC: [u8; 8] = *b"\x89rblmap\n";
/// The format that this version writes.
pub const FORMAT: u16 = 7;

/// Length of the header; the section table follows it.
pub const HEADER_LEN: usize = 512;
/// `u16` format version.
pub const FORMAT_AT: usize = 8;
/// `u32` number of sections.
pub const SECTION_COUNT_AT: usize = 12;
/// `u64` length of the file.
pub const FILE_LEN_AT: usize = 16;
/// `u64` serial.
pub const SERIAL_AT: usize = 24;
/// `u64` creation time.
pub const CREATED_AT: usize = 32;
/// `u8` length of the zone name, then up to 253 bytes of it.
pub const NAME_AT: usize = 40;
/// 32 bytes: content id.
pub const CONTENT_ID_AT: usize = 320;
/// 32 bytes: root of the digests.
pub const ROOT_AT: usize = 352;
/// End of the root; zero bytes from here to the section table.
pub const ROOT_END: usize = 384;

/// Length of an entry of the section table.
pub const SECTION_LEN: usize = 32;
/// Every section starts at a multiple of this.
pub const ALIGN: usize = 64;
/// Sections of at least [`BIG_SECTION`] bytes start at a multiple of this, a page.
pub const BIG_ALIGN: usize = 4096;
/// From this length on a section is aligned to a page.
pub const BIG_SECTION: usize = 65_536;
/// The one variant of each section kind that this format has.
pub const VARIANT: u16 = 1;

/// Bytes that one digest covers.
pub const CHUNK: usize = 65_536;
/// Context of the root digest (blake3 `derive_key`).
pub const ROOT_CONTEXT: &str = "rblmap 2026-11 image root 1";

/// Kinds of sections, in the order in which they lie in the file within a zone.
pub mod kind {
    /// Zone records; parameter: number of zones.
    pub const ZONES: u16 = 1;
    /// Values; parameter: number of values | [`super::SOME_WITHOUT_A`] << 32.
    pub const VALUES: u16 = 2;
    /// Digests of all chunks before it; the last section.
    pub const DIGESTS: u16 = 3;
    /// IPv4 in sorted entries; parameter: number of entries | top bits << 32.
    pub const V4_SORTED: u16 = 16;
    /// IPv4 in lines: what each /16 says, or where its lines are.
    pub const V4_TOP: u16 = 17;
    /// IPv4 in lines: where lines start within their /16; parameter: number of lines.
    pub const V4_STARTS: u16 = 18;
    /// IPv4 in lines: number of lines of a /16 that has 127 or more; parameter: how many such.
    pub const V4_COUNTS: u16 = 19;
    /// IPv4 in lines: which /24 hold anything.
    pub const V4_BITS: u16 = 20;
    /// IPv4 in lines: the lines.
    pub const V4_LINES: u16 = 21;
    /// IPv4 in lines: how many runs and gaps each /16 has, and how many runs each value.
    pub const V4_RUN_COUNTS: u16 = 22;
    /// IPv6 in sorted entries; parameter as for [`V4_SORTED`].
    pub const V6_SORTED: u16 = 32;
    /// IPv6 in lines: the /32s, hashed.
    pub const V6_TOP: u16 = 33;
    /// IPv6 in lines: many /32s in a row of one value; parameter: how many such.
    pub const V6_RANGES: u16 = 34;
    /// IPv6 in lines: where lines start within their /32; parameter: number of lines.
    pub const V6_STARTS: u16 = 35;
    /// IPv6 in lines: the lines.
    pub const V6_LINES: u16 = 36;
    /// IPv6 in lines: what lies inside /64s.
    pub const V6_INSIDE_64: u16 = 37;
    /// Names in sorted entries; parameter: number of names.
    pub const NAMES_SORTED: u16 = 48;
    /// Names in lines: key of the hash, codes of symbols; parameter: number of names.
    pub const NAMES_MODEL: u16 = 49;
    /// Names in lines: common suffixes; parameter: places of the table.
    pub const NAMES_COMMON_SUFFIXES: u16 = 50;
    /// Names in lines: which suffixes may be listed; parameter: number of blocks.
    pub const NAMES_FILTER: u16 = 51;
    /// Names in lines: the lines; parameter: number of lines.
    pub const NAMES_LINES: u16 = 52;
    /// Names in lines: names that no line has, as in [`NAMES_SORTED`].
    pub const NAMES_OVERFLOW: u16 = 53;
    /// Names in lines: where each is, in the order of keys; parameter: number of names.
    pub const NAMES_ORDER: u16 = 54;

    /// The name that `docs/format.md` gives a kind.
    pub const fn name(kind: u16) -> &'static str {
        match kind {
            ZONES => "ZONES",
            VALUES => "VALUES",
            DIGESTS => "DIGESTS",
            V4_SORTED => "V4_SORTED",
            V4_TOP => "V4_TOP",
            V4_STARTS => "V4_STARTS",
            V4_COUNTS => "V4_COUNTS",
            V4_BITS => "V4_BITS",
            V4_LINES => "V4_LINES",
            V4_RUN_COUNTS => "V4_RUN_COUNTS",
            V6_SORTED => "V6_SORTED",
            V6_TOP => "V6_TOP",
            V6_RANGES => "V6_RANGES",
            V6_STARTS => "V6_STARTS",
            V6_LINES => "V6_LINES",
            V6_INSIDE_64 => "V6_INSIDE_64",
            NAMES_SORTED => "NAMES_SORTED",
            NAMES_MODEL => "NAMES_MODEL",
            NAMES_COMMON_SUFFIXES => "NAMES_COMMON_SUFFIXES",
            NAMES_FILTER => "NAMES_FILTER",
            NAMES_LINES => "NAMES_LINES",
            NAMES_OVERFLOW => "NAMES_OVERFLOW",
            NAMES_ORDER => "NAMES_ORDER",
            _ => "unknown",
        }
    }
}

/// A row of the section table: where a section lies.
///
/// ```
/// use rblmap_format::sections::{SectionInfo, kind};
///
/// let row = SectionInfo {
///     kind: kind::V4_TOP,
///     zone: 0,
///     offset: 4096,
///     len: 262_144,
///     parameter: 0,
/// };
/// let mut table = Vec::new();
/// row.write(&mut table);
/// assert_eq!(SectionInfo::read(&table, 0), row);
/// assert_eq!(row.name(), "V4_TOP");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SectionInfo {
    /// What it holds: one of [`kind`].
    pub kind: u16,
    /// The number of its zone; 0 for the base, and for sections of the whole image.
    pub zone: u32,
    /// Where it starts, in bytes from the start of the file.
    pub offset: u64,
    /// How many bytes it has.
    pub len: u64,
    /// A number that says how the section is divided; see [`kind`].
    pub parameter: u64,
}

impl SectionInfo {
    /// Reads the row of this number. Bytes that are not there read as zero.
    #[inline]
    pub fn read(table: &[u8], index: usize) -> SectionInfo {
        let at = index.saturating_mul(SECTION_LEN);
        let row = table.get(at..).unwrap_or_default();
        SectionInfo {
            kind: u16_at(row, 0),
            zone: u32_at(row, 4),
            offset: u64_at(row, 8),
            len: u64_at(row, 16),
            parameter: u64_at(row, 24),
        }
    }

    /// Appends the row, of the one variant that this format has.
    pub fn write(&self, table: &mut Vec<u8>) {
        table.extend(self.kind.to_le_bytes());
        table.extend(VARIANT.to_le_bytes());
        table.extend(self.zone.to_le_bytes());
        table.extend(self.offset.to_le_bytes());
        table.extend(self.len.to_le_bytes());
        table.extend(self.parameter.to_le_bytes());
    }

    /// What the rows of the table rise by: zone, then kind, the digests last.
    #[inline]
    pub fn order(&self) -> (bool, u32, u16) {
        (self.kind == kind::DIGESTS, self.zone, self.kind)
    }

    /// The name that `docs/format.md` gives its kind.
    pub fn name(&self) -> &'static str {
        kind::name(self.kind)
    }
}

/// Flag of [`kind::VALUES`]: some value has no A record, so it lists nothing.
pub const SOME_WITHOUT_A: u64 = 1;
/// Zone record flag: some name could be an IPv4 address in reversed spelling.
pub const NAMES_REACH_V4: u8 = 1;
/// Zone record flag: some name could be an IPv6 address in reversed spelling.
pub const NAMES_REACH_V6: u8 = 2;

/// Largest number of sorted IPv4 entries; more go into lines.
pub const V4_SORTED_MAX: usize = 131_072;
/// Largest number of sorted IPv6 entries; more go into lines.
pub const V6_SORTED_MAX: usize = 4096;
/// Largest number of sorted names; more go into lines.
pub const NAMES_SORTED_MAX: usize = 4096;
/// Length of [`kind::V4_TOP`].
pub const V4_TOP_LEN: usize = 65_536 * 4;
/// Bits of an entry of [`kind::V4_TOP`] that are the number of the first line; those above count units.
pub const V4_LINE_BITS: u32 = 25;
/// Length of [`kind::V4_BITS`].
pub const V4_BITS_LEN: usize = 1 << 21;
/// From this many bytes of lines on there is a [`kind::V4_BITS`] section.
pub const V4_BITS_FROM: usize = 4 << 20;
/// Entries of ffff behind the last one of [`kind::V4_STARTS`].
pub const V4_STARTS_PAD: usize = 64;

/// How many bytes a value id takes in runs: 1 to 4.
pub const fn id_width(values: u32) -> usize {
    match values {
        0..=0xff => 1,
        0x100..=0xffff => 2,
        0x1_0000..=0xff_ffff => 3,
        _ => 4,
    }
}

/// How many bytes a name rule takes: its codes go to the number of values and one.
pub const fn rule_width(values: u32) -> usize {
    id_width(values.saturating_add(1))
}

/// How many top bits index a sorted list of `count` entries: about four entries a place.
pub const fn top_bits(count: usize) -> u32 {
    let bits = usize::BITS - count.leading_zeros();
    match bits {
        0..=2 => 0,
        3..=18 => bits - 2,
        _ => 16,
    }
}
