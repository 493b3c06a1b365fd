//! The kinds of IPv4 line: one table of what each is made of.
//!
//! A line answers for the addresses of its *unit*. Every kind is made of two parts: which
//! addresses it has something to say about (**where**), and the value ids that it says (**what**).
//! Addresses without an entry have the line's default value.
//!
//! | kind | number | where | what | best for |
//! |---|--:|---|---|---|
//! | [`RAW`] | 0 | `long_keys`: 16 bits a key | `ids`: an id for each | many values, far apart |
//! | [`LIST`] | 1 | `long_keys` | `palette`: one of four values | few values, far apart |
//! | [`DIRECT2`] | 2 | `direct`: a place for each address | `palette` | dense, few values |
//! | [`DIRECT`] | 3 | `direct` | `ids` | dense, many values |
//! | [`SHORT`] | 4 | `short_keys`: 8 bits a key, in windows | `palette` | few values, close together |
//! | [`TURNS`] | 5 | `short_keys` | `turns`: an id where the value changes | many values in a row, singles |
//! | [`MIXED`] | 6 | `short_keys` | `turns`, and a bit for each single | singles and networks mixed |
//!
//! Each part has a file of its own, with all that is done with it: read it for a lookup, read all
//! entries of it, write it. **To add a kind**: the number has three bits, so one is
//! left.
//!
//! 1. Here: the number, its `name`, and a row in `form_of` and in `Kind::new`.
//! 2. `shape.rs`: how many entries it has room for.
//! 3. `candidates.rs`, `entries.rs` and `choose.rs`: how far it reaches.
//! 4. `line.rs` and `unfold.rs`: each puts its parts together in a match, for writing and for walks, counts
//!    and traces; in `lookup.rs` it is `ids_of_kind`.
//! 5. `docs/format.md`, the golden files, and `benches/src/bin/line_kinds.rs`, which measures what
//!    it saves.

pub(super) mod direct;
pub(super) mod ids;
pub(super) mod long_keys;
pub(super) mod palette;
pub(super) mod short_keys;
pub(super) mod turns;

use crate::simd::compare::Keys;
use crate::v4::shape::{ENTRY_BITS, LINE, MAP, Shape};

/// Keys of 16 bits, each with its value.
pub const RAW: u8 = 0;
/// Keys of 16 bits, each with the number of its value in a palette of four.
pub const LIST: u8 = 1;
/// Two bits an address: the number of its value in a palette of four.
pub const DIRECT2: u8 = 2;
/// One value an address.
pub const DIRECT: u8 = 3;
/// Keys of 8 bits in windows of 256 addresses, each with the number of its value in a palette of
/// four.
pub const SHORT: u8 = 4;
/// Keys of 8 bits in windows, and a bit for each key that says whether its value differs from the
/// value of the key before. Those values lie from the end of the line down.
pub const TURNS: u8 = 5;
/// As [`TURNS`], and a second bit for each key that says whether its entry is of this address only.
/// An address without such an entry has the value of the last of the other entries before it.
pub const MIXED: u8 = 6;

/// The name that `docs/format.md` gives a kind.
///
/// ```
/// assert_eq!(rblmap_format::v4::kind::name(4), "SHORT");
/// ```
pub const fn name(kind: u8) -> &'static str {
    match kind {
        RAW => "RAW",
        LIST => "LIST",
        DIRECT2 => "DIRECT2",
        DIRECT => "DIRECT",
        SHORT => "SHORT",
        TURNS => "TURNS",
        MIXED => "MIXED",
        _ => "unknown",
    }
}

/// How to read one kind of line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    /// Where the keys lie, or the map of windows; and how many entries or addresses there are.
    pub(super) keys: Keys,
    /// Where the ids lie, or the numbers of their places in the palette.
    pub(super) at: u8,
    /// The properties that decide how to read the line.
    pub(super) form: Form,
}

/// The properties of a kind. One byte for each and not bit flags: LLVM would test flags in a vector
/// and load a constant from another page, which is a cache miss where lookups are rare.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent")]
pub(super) struct Form {
    /// Each address has a place of its own.
    pub(super) each: bool,
    /// There is a palette of four values.
    pub(super) four: bool,
    /// The keys have 8 bits, and there is a map of windows.
    pub(super) windows: bool,
    /// A bit for each entry says whether it is of its own address only.
    pub(super) either: bool,
}

/// The form of a kind. Kinds that do not exist have the form of [`RAW`] and hold nothing.
pub(super) const fn form_of(kind: u8) -> Form {
    let (each, four, windows, either) = match kind {
        LIST => (false, true, false, false),
        DIRECT2 => (true, true, false, false),
        DIRECT => (true, false, false, false),
        SHORT => (false, true, true, false),
        TURNS => (false, false, true, false),
        MIXED => (false, false, true, true),
        _ => (false, false, false, false),
    };
    Form {
        each,
        four,
        windows,
        either,
    }
}

impl Kind {
    /// Where the parts of a kind of line lie, as `docs/format.md` says. Kinds that do not exist hold
    /// nothing.
    pub(super) fn new(number: u8, shape: &Shape) -> Kind {
        let (keys_at, count, at) = match number {
            RAW => (shape.head, shape.raw, shape.head + 2 * shape.raw),
            LIST => {
                let places = shape.palette_end + 2 * shape.list;
                (shape.palette_end, shape.list, places)
            }
            DIRECT2 => (LINE, shape.direct2, shape.palette_end),
            DIRECT => (LINE, shape.direct, shape.head),
            SHORT => {
                let places = shape.palette_end + MAP + shape.short;
                (shape.palette_end, shape.short, places)
            }
            TURNS | MIXED => (shape.head, shape.turns, 0),
            _ => (LINE, 0, 0),
        };
        Kind {
            keys: Keys::new(small(keys_at / 2), small(count)),
            at: small(at),
            form: form_of(number),
        }
    }

    /// Where the turn bits of a line with short keys lie, or would lie.
    #[inline(always)]
    pub(super) fn turns_at(&self) -> usize {
        (usize::from(self.keys.at()) + MAP).min(LINE - 8)
    }
}

/// How many bytes of bits for each entry lie between the map of windows and the keys.
#[inline(always)]
pub(super) const fn entry_bytes(form: Form) -> usize {
    match (form.four, form.either) {
        (true, _) => 0,
        (false, false) => ENTRY_BITS,
        (false, true) => 2 * ENTRY_BITS,
    }
}

/// Offsets in a line and numbers of entries are below 256.
pub(super) fn small(number: usize) -> u8 {
    u8::try_from(number).unwrap_or(0)
}
