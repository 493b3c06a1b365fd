//! The kinds of line that could hold what comes next: each counts its entries until it is full.

use super::entries::{Entries, MAP_BITS, Part, Reach, Reaches, SINGLES};
use super::kind::palette::Palette;
use crate::v4::shape::Shape;

/// All kinds with keys, each with what it has taken so far.
pub(super) struct Candidates<'s> {
    /// Where the line starts.
    start: u32,
    default: u32,
    shape: &'s Shape,
    singles: Singles,
    from: FromKeys,
    mixed: Mixed,
    listed: Listed,
}

/// RAW lines of single addresses, and TURNS lines: an entry for each address.
#[derive(Default)]
struct Singles {
    entries: usize,
    turns: usize,
    last: Option<u32>,
    raw: Reach,
    in_windows: Reach,
}

/// RAW lines whose entries hold from their key on: an entry for each part but a first one of the
/// default value.
#[derive(Default)]
struct FromKeys {
    entries: usize,
    reach: Reach,
}

/// MIXED lines: an entry for each address of a short part, and one for each long part.
struct Mixed {
    entries: usize,
    turns: usize,
    last: Option<u32>,
    /// The value of addresses that have no entry of their own.
    around: u32,
    reach: Reach,
}

/// Lines with a palette, LIST and SHORT: an entry for each address of a short part, one for each
/// long part, and one for the end of a long part before a default one.
#[derive(Default)]
struct Listed {
    entries: usize,
    /// Whether the last part was long, so that a default part needs an entry.
    open: bool,
    palette: Palette,
    long_keys: Reach,
    in_windows: Reach,
}

impl<'s> Candidates<'s> {
    /// Nothing taken yet, for a line that starts at a place of a /16.
    pub(super) fn new(start: u32, default: u32, shape: &'s Shape) -> Candidates<'s> {
        Candidates {
            start,
            default,
            shape,
            singles: Singles::default(),
            from: FromKeys::default(),
            mixed: Mixed {
                entries: 0,
                turns: 0,
                last: None,
                around: default,
                reach: Reach::default(),
            },
            listed: Listed::default(),
        }
    }

    /// Takes the next part. Returns false when all kinds are full. A kind that is full is not asked
    /// again: most lines go on for one kind alone.
    #[inline]
    pub(super) fn push(&mut self, index: usize, part: Part) -> bool {
        let is_default = part.id == self.default;
        if !is_default && !self.singles.is_full() {
            self.singles.push(part, self.start, self.shape);
        }
        if (index > 0 || !is_default) && !self.from.reach.ended {
            self.from.push(part, self.shape);
        }
        if part.id != self.mixed.around && !self.mixed.reach.ended {
            self.mixed.push(part, self.start, self.shape);
        }
        if (!is_default || self.listed.open) && !self.listed.is_full() {
            self.listed.push(part, is_default, self.start, self.shape);
        }
        let mixed_full = self.mixed.reach.ended && self.from.reach.ended;
        !(mixed_full && self.singles.is_full() && self.listed.is_full())
    }

    /// How far each kind reaches.
    pub(super) fn reaches(self) -> Reaches {
        Reaches {
            list: self.listed.long_keys,
            short: self.listed.in_windows,
            raw_only: self.singles.raw,
            turns: self.singles.in_windows,
            raw_from: self.from.reach,
            mixed: self.mixed.reach,
        }
    }
}

impl Singles {
    fn is_full(&self) -> bool {
        self.in_windows.ended && self.raw.ended
    }

    #[inline]
    fn push(&mut self, part: Part, start: u32, shape: &Shape) {
        let short = part.len() <= SINGLES;
        self.entries += part.len() as usize;
        self.turns += usize::from(self.last.replace(part.id) != Some(part.id));
        let mapped = self.entries + window(part.to - 1, start) < MAP_BITS;
        let raw = short && self.entries <= shape.raw;
        let turns = short && shape.turns_hold(self.entries, self.turns) && mapped;
        self.raw.take(raw, part.from, self.entries);
        self.in_windows.take(turns, part.from, self.entries);
    }
}

impl FromKeys {
    #[inline]
    fn push(&mut self, part: Part, shape: &Shape) {
        self.entries += 1;
        let fits = self.entries <= shape.raw;
        self.reach.take(fits, part.from, self.entries);
    }
}

impl Mixed {
    #[inline]
    fn push(&mut self, part: Part, start: u32, shape: &Shape) {
        let (entries, last) = if part.len() <= SINGLES {
            (part.len() as usize, part.to - 1)
        } else {
            self.around = part.id;
            (1, part.from)
        };
        self.entries += entries;
        self.turns += usize::from(self.last.replace(part.id) != Some(part.id));
        let mapped = self.entries + window(last, start) < MAP_BITS;
        let fits = shape.mixed_hold(self.entries, self.turns) && mapped;
        self.reach.take(fits, part.from, self.entries);
    }
}

impl Listed {
    fn is_full(&self) -> bool {
        self.in_windows.ended && self.long_keys.ended
    }

    #[inline]
    fn push(&mut self, part: Part, is_default: bool, start: u32, shape: &Shape) {
        let short = part.len() <= SINGLES;
        let single = !is_default && short;
        let (entries, last) = if single {
            (part.len() as usize, part.to - 1)
        } else {
            (1, part.from)
        };
        self.entries += entries;
        self.open = !is_default && !short;
        let known = self.palette.place(part.id, single).is_some();
        let mapped = self.entries + window(last, start) < MAP_BITS;
        let long_keys = known && self.entries <= shape.list;
        let in_windows = known && self.entries <= shape.short && mapped;
        self.long_keys.take(long_keys, part.from, self.entries);
        self.in_windows.take(in_windows, part.from, self.entries);
    }
}

/// The number of the window of an address, in a line with keys of 8 bits.
fn window(address: u32, start: u32) -> usize {
    ((address - start) >> 8) as usize
}

/// The fast way where all runs are short: takes single addresses, and notes before which entry
/// palette, map and turns are full.
pub(super) struct Scan {
    palette: Palette,
    turns: usize,
    last: u32,
    palette_end: Option<usize>,
    map_end: Option<usize>,
    turns_end: Option<usize>,
    /// With more entries than this, no kind of line can hold them.
    enough: usize,
}

impl Scan {
    /// Nothing taken yet.
    pub(super) fn new(shape: &Shape) -> Scan {
        Scan {
            palette: Palette::default(),
            turns: 0,
            last: 0,
            palette_end: None,
            map_end: None,
            turns_end: None,
            enough: shape.turns.max(shape.short),
        }
    }

    /// Takes a run of one or two addresses. Returns false when no kind has room for more.
    #[inline]
    pub(super) fn push(
        &mut self,
        run: Part,
        start: u32,
        shape: &Shape,
        entries: &mut Entries,
    ) -> bool {
        let before = entries.len();
        entries.push_single(run.from, run.len() as usize, run.id);
        if run.id != self.last {
            self.last = run.id;
            self.turns += 1;
            if self.palette.place(run.id, true).is_none() {
                self.palette_end = self.palette_end.or(Some(before));
            }
        }
        if self.map_end.is_none() && entries.len() + window(run.to - 1, start) >= MAP_BITS {
            self.map_end = Some(before);
            self.enough = shape.list;
        }
        if !shape.turns_hold(entries.len(), self.turns) {
            self.turns_end = self.turns_end.or(Some(before));
        }
        entries.len() <= self.enough
    }

    /// How often the value changed, the first value counted.
    pub(super) fn values_changed(&self) -> usize {
        self.turns
    }

    /// How far each kind reaches. Kinds that were not looked at reach nothing.
    pub(super) fn reaches(&self, shape: &Shape, entries: &Entries) -> Reaches {
        let full = |a: Option<usize>, b: Option<usize>| a.into_iter().chain(b).min();
        Reaches {
            list: entries.reach(shape.list, self.palette_end),
            short: entries.reach(shape.short, full(self.palette_end, self.map_end)),
            raw_only: entries.reach(shape.raw, None),
            turns: entries.reach(shape.turns, full(self.turns_end, self.map_end)),
            raw_from: Reach::NOTHING,
            mixed: Reach::NOTHING,
        }
    }
}
