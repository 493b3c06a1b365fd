//! Looks IPv4 addresses up in lines, and walks the runs that the lines hold.
//!
//! A lookup has three steps, so that those of many addresses, or of one address in many zones, can
//! wait for memory together: what the /16 says, which line, what the line says. Every access is
//! checked or clamped: damaged bytes give a wrong answer at worst.

use std::hint::select_unpredictable;

use crate::bytes::{u16_at, u32_at, u64_at};
use crate::run::ValueId;
use crate::sections::{V4_BITS_LEN, V4_MID_PAD, V4_TOP_LEN};
use crate::simd::{Compare, Keys, Level, Task, Window, prefetch};
use crate::v4::shape::{
    DIRECT, DIRECT2, ENTRY_BITS, LINE, LIST, MAP, MIXED, RAW, SHORT, Shape, TURNS,
};

/// The sections of one zone's IPv4 lines. In the order of need: a cold lookup reads two lines of
/// memory of this.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Lines<'a> {
    bits: Option<&'a [u8; V4_BITS_LEN]>,
    top: &'a [u8; V4_TOP_LEN],
    mid: &'a [[u8; 2]],
    lines: &'a [[u8; LINE]],
    /// The bits before an id in the four bytes that end with it.
    id_shift: u32,
    pub(super) level: Level,
    /// Bytes of an id.
    pub(super) width: u8,
    default_at: u8,
    pub(super) palette_at: u8,
    pub(super) kinds: [Kind; 8],
    big: &'a [u8],
}

/// How to read one kind of line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    /// Where the keys lie, or the map of windows; and how many entries or addresses there are.
    pub(super) keys: Keys,
    /// Where the ids, or the places of them in the palette, lie.
    pub(super) at: u8,
    /// What else there is to know.
    form: Form,
}

/// What a form says. A byte each: tested together in a vector, bits would need a constant, which is one
/// more page of memory where lookups are rare.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent")]
pub(super) struct Form {
    each: bool,
    four: bool,
    windows: bool,
    either: bool,
}

impl Form {
    #[inline(always)]
    pub(super) const fn of(form: u8) -> Form {
        Form {
            each: form & EACH != 0,
            four: form & FOUR != 0,
            windows: form & WINDOWS != 0,
            either: form & EITHER != 0,
        }
    }
}

/// Each address has a place of its own.
pub(super) const EACH: u8 = 1;
/// There is a palette of four values.
pub(super) const FOUR: u8 = 2;
/// The keys have 8 bits, and there is a map of windows.
pub(super) const WINDOWS: u8 = 4;
/// A bit for each entry says whether it is of its key only.
pub(super) const EITHER: u8 = 8;

/// Which of these hold for a kind; of kinds that do not exist none.
pub(super) const fn form_of(kind: u8) -> u8 {
    match kind {
        LIST => FOUR,
        DIRECT2 => EACH | FOUR,
        DIRECT => EACH,
        SHORT => FOUR | WINDOWS,
        TURNS => WINDOWS,
        MIXED => WINDOWS | EITHER,
        _ => 0,
    }
}

/// What a /16 says of an address.
#[derive(Debug, Clone, Copy)]
enum Block {
    /// The whole /16 has this value's id.
    Known(u32),
    /// The bits 0 to 7 and 8 to 31 of the top entry: how many units, and the first line.
    Units(u32),
}

/// The lines of a /16.
#[derive(Debug, Clone, Copy)]
pub(crate) enum BlockLines<'a> {
    /// There are none: all of it says the same.
    Uniform(Option<ValueId>),
    /// Lines, at least one.
    Lines {
        /// How many lines lie before.
        first: usize,
        lines: &'a [[u8; LINE]],
        /// Where each line but the first starts, then a place that says nothing.
        starts: &'a [[u8; 2]],
    },
    /// They would lie outside.
    Damaged,
}

/// Most starts that are compared at once.
const AT_ONCE: usize = V4_MID_PAD;

impl<'a> Lines<'a> {
    /// `None` if the sections do not fit together.
    pub fn new(
        top: &'a [u8],
        mid: &'a [u8],
        big: &'a [u8],
        bits: Option<&'a [u8]>,
        lines: &'a [u8],
        width: usize,
    ) -> Option<Lines<'a>> {
        let (mid, odd) = mid.as_chunks::<2>();
        let (lines, rest) = lines.as_chunks::<LINE>();
        if !odd.is_empty() || !rest.is_empty() || mid.len() != lines.len() + V4_MID_PAD {
            return None;
        }
        let bits = match bits {
            Some(bits) => Some(bits.try_into().ok()?),
            None => None,
        };
        let shape = Shape::new(width);
        Some(Lines {
            bits,
            top: top.try_into().ok()?,
            mid,
            lines,
            big,
            level: Level::best(),
            id_shift: u32::from(small(32 - 8 * width)),
            width: small(width),
            default_at: small(shape.default_at),
            palette_at: small(shape.palette_at),
            kinds: std::array::from_fn(|kind| Kind::new(kind, &shape)),
        })
    }

    pub(crate) fn bits(&self) -> Option<&'a [u8]> {
        self.bits.map(<[u8; V4_BITS_LEN]>::as_slice)
    }

    /// The same lines, read with what any machine can do.
    pub fn portable(self) -> Lines<'a> {
        Lines {
            level: Level::Scalar,
            ..self
        }
    }

    /// The id of the value of an address, 0 for none.
    #[inline]
    pub fn lookup(&self, address: u32) -> u32 {
        // Before the call: cold, what it takes to read a line is then not waited for in turn, and a
        // miss does not need it.
        self.prefetch_top(address);
        self.prefetch_kinds();
        if !self.may_list(address) {
            return 0;
        }
        let lines = self;
        self.level.run(LookupOne { lines, address })
    }

    /// Whether the /24 of an address has a value, as far as one bit knows.
    #[inline(always)]
    fn may_list(&self, address: u32) -> bool {
        self.bits.is_none_or(|bits| {
            let byte = bits.get((address >> 11) as usize).copied().unwrap_or(0);
            byte >> (address >> 8 & 7) & 1 != 0
        })
    }

    /// Asks for what [`Lines::block_or_units`] reads.
    #[inline(always)]
    pub fn prefetch_block(&self, address: u32) {
        if let Some(bits) = self.bits {
            prefetch(bits.as_ptr().wrapping_add((address >> 11) as usize));
        }
        self.prefetch_top(address);
    }

    #[inline(always)]
    fn prefetch_top(&self, address: u32) {
        prefetch(self.top.as_ptr().wrapping_add((address >> 16) as usize * 4));
    }

    /// Asks for how to read lines, which of it only the line says: cold, one wait less.
    #[inline(always)]
    fn prefetch_kinds(&self) {
        let first = self.kinds.as_ptr().cast::<[u8; LINE]>();
        // The kinds take two lines of memory, which need not begin where one does.
        prefetch(first);
        prefetch(first.wrapping_add(1));
        prefetch(self.kinds.as_ptr_range().end.wrapping_sub(1));
    }

    /// First step, where [`Lines::may_list`] says so: what the /16 says.
    #[inline(always)]
    fn block(&self, address: u32) -> Block {
        let entry = u32_at(self.top, (address >> 16) as usize * 4);
        match entry & 0xff {
            0 => Block::Known(entry >> 8),
            _ => Block::Units(entry),
        }
    }

    /// First step without a branch: the id that the /16 says, and its entry if there are units, 0 if
    /// there are none.
    #[inline(always)]
    pub(crate) fn block_or_units(&self, address: u32) -> (u32, u32) {
        let any = u32::from(self.may_list(address)).wrapping_neg();
        let entry = u32_at(self.top, (address >> 16) as usize * 4) & any;
        let has_units = entry & 0xff != 0;
        (
            select_unpredictable(has_units, 0, entry >> 8),
            select_unpredictable(has_units, entry, 0),
        )
    }

    /// Asks for what [`Lines::unit`] reads.
    #[inline(always)]
    pub(crate) fn prefetch_unit(&self, entry: u32) {
        let starts = self.mid.as_ptr().wrapping_add((entry >> 8) as usize);
        prefetch(starts);
        // The first and the last seldom lie in one line of memory.
        prefetch(starts.wrapping_add((entry & 0xff) as usize % AT_ONCE));
    }

    /// Asks for the line where the address would be if the units were of one length, and for those
    /// beside it: while the starts are read, the page of the line is looked for, and often the line
    /// is there by then. It is one of five in 92 of 100 hits of a clustered list, one of three in 79.
    #[inline(always)]
    pub(crate) fn prefetch_guess(&self, entry: u32, address: u32) {
        let unit = ((address & 0xffff) * (entry & 0xff)) >> 16;
        let line = (entry >> 8) + unit;
        // The likeliest first.
        for beside in [0, 1, u32::MAX, 2, u32::MAX - 1] {
            self.prefetch_line(line.wrapping_add(beside));
        }
    }

    /// Second step: the number of the line that speaks for the address. Any number may come out of
    /// damaged bytes.
    #[inline(always)]
    pub(crate) fn unit(&self, entry: u32, address: u32, compare: impl Compare) -> u32 {
        let [low, high, ..] = address.to_le_bytes();
        let low = u16::from_le_bytes([low, high]);
        // The first unit starts at 0: its start is not stored.
        let (mut at, mut starts) = (entry >> 8, (entry & 0xff).wrapping_sub(1));
        if starts as usize > AT_ONCE {
            (at, starts) = narrow(self.mid, self.big, entry, address);
        }
        let from = at as usize;
        let window = self.mid.get(from..from.saturating_add(AT_ONCE));
        match window.and_then(<[_]>::first_chunk) {
            Some(window) => at.wrapping_add(compare.starts(window, starts, low)),
            None => u32::MAX,
        }
    }

    /// Asks for what [`Lines::id`] reads.
    #[inline(always)]
    pub(crate) fn prefetch_line(&self, line: u32) {
        prefetch(self.lines.as_ptr().wrapping_add(line as usize));
    }

    /// Third step: the id that a line says of an address.
    #[inline(always)]
    pub(crate) fn id(&self, line: u32, address: u32, compare: impl Compare) -> u32 {
        match self.lines.get(line as usize) {
            Some(line) => self.read_line(line, address, compare),
            None => 0,
        }
    }

    /// The kind of a line; of a line that is not there any.
    #[inline(always)]
    pub(crate) fn kind(&self, line: u32) -> u8 {
        self.lines.get(line as usize).map_or(0, |line| line[0] & 7)
    }

    /// Third step for many addresses whose lines are of one kind: `each` gets a function that says
    /// the id. Compiled once for each form, which takes less than half of the work out.
    #[inline(always)]
    pub(crate) fn ids_of_kind<C: Compare>(&self, number: u8, compare: C, each: impl Each) {
        let (lines, Some(&kind)) = (*self, self.kinds.get(usize::from(number))) else {
            return;
        };
        let of = |form| OneKind {
            lines,
            kind,
            form: Form::of(form),
            compare,
        };
        match number {
            LIST => each.run(of(form_of(LIST))),
            DIRECT2 => each.run(of(form_of(DIRECT2))),
            DIRECT => each.run(of(form_of(DIRECT))),
            SHORT => each.run(of(form_of(SHORT))),
            TURNS => each.run(of(form_of(TURNS))),
            MIXED => each.run(of(form_of(MIXED))),
            _ => each.run(of(form_of(RAW))),
        }
    }

    #[inline(always)]
    #[expect(clippy::indexing_slicing, reason = "cut to the length of the array")]
    fn read_line(&self, line: &[u8; LINE], address: u32, compare: impl Compare) -> u32 {
        let kind = &self.kinds[usize::from(line[0] & 7)];
        self.read_as(line, kind, kind.form, address, compare)
    }

    /// Reads a line of a kind, of which `form` is the form: said again, since it may be constant.
    #[inline(always)]
    fn read_as(
        &self,
        line: &[u8; LINE],
        kind: &Kind,
        form: Form,
        address: u32,
        compare: impl Compare,
    ) -> u32 {
        let head = line[0];
        let [low, high, ..] = address.to_le_bytes();
        let x = u16::from_le_bytes([low, high]).wrapping_sub(u16_at(line, 2));
        let window = kind.window(line, form, x);
        let (below, equal) = compare.either(line, &kind.keys, x, &window, form.windows);
        // Without a key up to x this is beyond every capacity.
        let index = select_unpredictable(form.each, u32::from(x), below.wrapping_sub(1));
        let held = index < u32::from(kind.keys.count());
        let index = select_unpredictable(held, index as usize, 0);
        // Where no entry is of the key itself, the last one before that goes on.
        let onward = self.onward_bits(line, kind) << (63 - index % 64);
        let either = form.either & !equal;
        let held = held & (!either | (onward != 0));
        let back = select_unpredictable(either, onward.leading_zeros() as usize % 64, 0);
        // The highest of those bits is at most that of the entry itself.
        let index = index - back;
        let (at, flag) = self.place(line, kind, form, index);
        let only = head >> flag & 1 != 0;
        let listed = held & (equal | !only);
        select_unpredictable(listed, self.read_id(line, at), self.read_default(line))
    }

    /// Of a line in which some entries are of their key only, a bit for each that is not.
    #[inline(always)]
    pub(super) fn onward_bits(&self, line: &[u8; LINE], kind: &Kind) -> u64 {
        !u64_at(
            line,
            (usize::from(kind.keys.at()) + MAP + ENTRY_BITS).min(LINE - 8),
        )
    }

    /// Where the id of an entry lies, and the number of the bit of the line's head that says whether
    /// it is of its key only.
    #[inline(always)]
    #[expect(clippy::indexing_slicing, reason = "cut to the length of the array")]
    pub(super) fn place(
        &self,
        line: &[u8; LINE],
        kind: &Kind,
        form: Form,
        index: usize,
    ) -> (usize, usize) {
        let (at, width) = (usize::from(kind.at), usize::from(self.width));
        let byte = line[(at + index / 4) % LINE];
        let of_four = usize::from(byte >> (2 * (index % 4)) & 3);
        let turns = u64_at(line, (usize::from(kind.keys.at()) + MAP).min(LINE - 8));
        // The first entry is a turn.
        let turn = (turns << (63 - index % 64)).count_ones() as usize;
        // All three are worked out: which one it is cannot be predicted.
        let Form { four, windows, .. } = form;
        // The ids of turns lie from the end down.
        let down = LINE.wrapping_sub(turn * width);
        let of_four_at = usize::from(self.palette_at) + of_four * width;
        let at = select_unpredictable(windows, down, at + index * width);
        (
            select_unpredictable(four, of_four_at, at),
            select_unpredictable(four, 4 + of_four, 4),
        )
    }

    /// The id of an entry at a byte of a line: the last bytes of the four that end where it ends.
    /// They lie in the line, since no entry's id lies in its first four.
    #[inline(always)]
    pub(super) fn read_id(&self, line: &[u8; LINE], at: usize) -> u32 {
        let from = at.wrapping_add(usize::from(self.width)).wrapping_sub(4);
        u32_at(line, from.min(LINE - 4)) >> (self.id_shift & 31)
    }

    /// The default id of a line, which lies in its first eight bytes.
    #[inline(always)]
    pub(super) fn read_default(&self, line: &[u8; LINE]) -> u32 {
        let from = usize::from(self.default_at).min(LINE - 4);
        u32_at(line, from) & u32::MAX >> (self.id_shift & 31)
    }

    /// What a /16 says, and where its lines lie.
    pub(crate) fn lines_of(&self, block: u16) -> BlockLines<'a> {
        let entry = u32_at(self.top, usize::from(block) * 4);
        let count = match entry & 0xff {
            0 => return BlockLines::Uniform(ValueId::new(entry >> 8)),
            0xff => big_count(self.big, block.into()),
            count => count as usize,
        };
        let first = (entry >> 8) as usize;
        let part = first..first + count;
        match (self.lines.get(part.clone()), self.mid.get(part)) {
            (Some(lines), Some(starts)) if count > 0 => BlockLines::Lines {
                first,
                lines,
                starts,
            },
            _ => BlockLines::Damaged,
        }
    }
}

/// The number of units of a /16 that has too many for its top entry.
fn big_count(big: &[u8], block: u32) -> usize {
    let (records, _) = big.as_chunks::<8>();
    let found = records.binary_search_by_key(&block, |record| u32_at(record, 0));
    found
        .ok()
        .and_then(|at| records.get(at))
        .map_or(0, |record| u32_at(record, 4) as usize)
}

/// Where to look on for the unit of a /16 with so many that they are not compared at once: the place
/// and number, at most [`AT_ONCE`], of the starts that are left. Gets what it needs and no more: a
/// pointer to all of [`Lines`] would keep that in memory.
#[cold]
#[inline(never)]
fn narrow(mid: &[[u8; 2]], big: &[u8], entry: u32, address: u32) -> (u32, u32) {
    let low = address & 0xffff;
    let count = match entry & 0xff {
        0xff => big_count(big, address >> 16).saturating_sub(1),
        count => (count as usize).saturating_sub(1),
    };
    let (mut at, mut count) = ((entry >> 8) as usize, count.min(mid.len()));
    while count > AT_ONCE {
        let half = count / 2;
        match mid.get(at + half) {
            Some(start) if u32::from(u16::from_le_bytes(*start)) <= low => {
                at += half + 1;
                count -= half + 1;
            }
            _ => count = half,
        }
    }
    let number = |number| u32::try_from(number).unwrap_or(u32::MAX);
    (number(at), number(count))
}

impl Kind {
    /// What `docs/format.md` says of the kind; of kinds that do not exist, that they hold nothing.
    fn new(kind: usize, shape: &Shape) -> Kind {
        let short_slots = shape.palette_end + MAP + shape.short;
        let kind = small(kind);
        let (keys_at, count, at) = match kind {
            RAW => (shape.head, shape.raw, shape.head + 2 * shape.raw),
            LIST => {
                let slots = shape.palette_end + 2 * shape.list;
                (shape.palette_end, shape.list, slots)
            }
            DIRECT2 => (LINE, shape.direct2, shape.palette_end),
            DIRECT => (LINE, shape.direct, shape.head),
            SHORT => (shape.palette_end, shape.short, short_slots),
            TURNS | MIXED => (shape.head, shape.turns, 0),
            _ => (LINE, 0, 0),
        };
        Kind {
            keys: Keys::new(small(keys_at / 2), small(count)),
            at: small(at),
            form: Form::of(form_of(kind)),
        }
    }

    /// What a line with short keys is asked for an address `x` behind its base.
    #[inline(always)]
    pub(super) fn window(&self, line: &[u8; LINE], form: Form, x: u16) -> Window {
        let [x, number] = x.to_le_bytes();
        let map_at = self.keys.at();
        // In lines without a palette a bit or two for each entry.
        let bits = match (form.four, form.either) {
            (true, _) => 0,
            (false, false) => ENTRY_BITS,
            (false, true) => 2 * ENTRY_BITS,
        };
        Window {
            map: u64_at(line, usize::from(map_at).min(LINE - MAP)),
            number: u32::from(number) % 64,
            keys_at: u32::from(map_at) + u32::from(small(MAP + bits)),
            x,
        }
    }
}

/// Reads lines of one kind.
#[derive(Clone, Copy)]
pub(crate) struct OneKind<'a, C> {
    /// Copies: what does not change is then worked out once, before the loop.
    lines: Lines<'a>,
    kind: Kind,
    /// That of the kind, as a constant.
    form: Form,
    compare: C,
}

impl<C: Compare> OneKind<'_, C> {
    /// As [`Lines::id`].
    #[inline(always)]
    pub(crate) fn id(&self, line: u32, address: u32) -> u32 {
        match self.lines.lines.get(line as usize) {
            Some(line) => self
                .lines
                .read_as(line, &self.kind, self.form, address, self.compare),
            None => 0,
        }
    }
}

/// What is done with all addresses whose lines are of one kind. A trait and not a closure, so that it
/// is compiled for each form: `run` has to be `#[inline(always)]`.
pub(crate) trait Each {
    fn run(self, lines: OneKind<'_, impl Compare>);
}

/// Offsets in a line and numbers of entries are below 256.
fn small(number: usize) -> u8 {
    u8::try_from(number).unwrap_or(0)
}

/// One address in a /24 that may have a value.
struct LookupOne<'l, 'a> {
    lines: &'l Lines<'a>,
    address: u32,
}

impl Task for LookupOne<'_, '_> {
    type Output = u32;

    #[inline(always)]
    fn run(self, compare: impl Compare) -> u32 {
        let LookupOne { lines, address } = self;
        match lines.block(address) {
            Block::Known(id) => id,
            Block::Units(entry) => {
                lines.prefetch_guess(entry, address);
                lines.id(lines.unit(entry, address, compare), address, compare)
            }
        }
    }
}
