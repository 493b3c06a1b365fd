//! What a line is chosen from and filled with: parts of a /16, entries, and how far they reach.

use crate::v4::shape::{BLOCK, MAP};

/// What the map of a line with short keys has room for: one bit for each entry and each window.
pub(super) const MAP_BITS: usize = 8 * MAP;
/// Parts up to this long that do not have the default value are written address by address.
pub(super) const SINGLES: u32 = 2;

/// A run or a gap of a /16.
#[derive(Clone, Copy)]
pub(super) struct Part {
    /// The first address, as an offset in the /16.
    pub(super) from: u32,
    /// One more than the last address.
    pub(super) to: u32,
    /// The value's id, 0 for a gap.
    pub(super) id: u32,
}

impl Part {
    /// How many addresses it has.
    #[inline]
    pub(super) fn len(&self) -> u32 {
        self.to - self.from
    }
}

/// How far a kind of line reaches.
pub(super) struct Reach {
    /// The first address that the line does not answer for.
    pub(super) end: u32,
    /// How many entries that takes.
    pub(super) entries: usize,
    /// Whether there was a part that did not fit.
    pub(super) ended: bool,
}

/// How far each kind with keys reaches.
pub(super) struct Reaches {
    pub(super) list: Reach,
    pub(super) short: Reach,
    /// RAW lines whose entries are of their own address only.
    pub(super) raw_only: Reach,
    pub(super) turns: Reach,
    /// RAW lines whose entries hold from their key on.
    pub(super) raw_from: Reach,
    pub(super) mixed: Reach,
}

impl Default for Reach {
    fn default() -> Reach {
        Reach {
            end: BLOCK,
            entries: 0,
            ended: false,
        }
    }
}

impl Reach {
    pub(super) const NOTHING: Reach = Reach {
        end: 0,
        entries: 0,
        ended: true,
    };

    /// Takes the part that begins at `from`, with which there are so many entries, if it fits.
    #[inline]
    pub(super) fn take(&mut self, fits: bool, from: u32, entries: usize) {
        if self.ended {
            return;
        }
        if fits {
            self.entries = entries;
        } else {
            self.end = from;
            self.ended = true;
        }
    }
}

/// One entry of a line with keys.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    /// The address, as an offset in the /16.
    pub(super) key: u32,
    pub(super) id: u32,
    /// Whether it is of this address only; otherwise it holds from there on.
    pub(super) only: bool,
}

impl Entry {
    /// Whether the other one is the next address, of the same run.
    fn is_beside(&self, next: &Entry) -> bool {
        next.key == self.key + 1 && next.id == self.id
    }
}

/// The entries of a line; no kind has more than [`Entries::ROOM`].
pub(super) struct Entries {
    list: [Entry; Entries::ROOM],
    len: usize,
}

impl Default for Entries {
    fn default() -> Entries {
        let entry = Entry {
            key: 0,
            id: 0,
            only: false,
        };
        Entries {
            list: [entry; Entries::ROOM],
            len: 0,
        }
    }
}

impl Entries {
    const ROOM: usize = 64;

    pub(super) fn as_slice(&self) -> &[Entry] {
        self.list.get(..self.len).unwrap_or_default()
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn clear(&mut self) {
        self.len = 0;
    }

    /// Adds an entry.
    pub(super) fn push(&mut self, entry: Entry) {
        let place = self.list.get_mut(self.len);
        *place.expect("a line is chosen for no more entries than it has room for") = entry;
        self.len += 1;
    }

    /// Adds an entry for each address from `from` to before `to`.
    pub(super) fn push_range(&mut self, from: u32, to: u32, id: u32, only: bool) {
        (from..to).for_each(|key| self.push(Entry { key, id, only }));
    }

    /// Adds one or two neighbours of their own address only, without a branch on how many.
    #[inline]
    pub(super) fn push_single(&mut self, key: u32, count: usize, id: u32) {
        let only = true;
        let places = self.list.get_mut(self.len..self.len + 2);
        let places = places.expect("a scan ends before there is no room for two more entries");
        if let [first, second] = places {
            *first = Entry { key, id, only };
            *second = Entry {
                key: key + 1,
                id,
                only,
            };
        }
        self.len += count;
    }

    /// Keeps at most `most` entries, of the runs that begin before `reach`.
    pub(super) fn cut(&mut self, most: usize, reach: u32) {
        self.len = most.min(self.len);
        while let Some((last, before)) = self.as_slice().split_last()
            && last.key >= reach
            && !before
                .last()
                .is_some_and(|it| it.key < reach && it.is_beside(last))
        {
            self.len -= 1;
        }
    }

    /// How many runs there are, and gaps between them.
    pub(super) fn parts(&self) -> usize {
        let pairs = self.as_slice().windows(2);
        let more = pairs.map(|pair| match pair {
            [a, b] if a.is_beside(b) => 0,
            [a, b] if a.key + 1 == b.key => 1,
            _ => 2,
        });
        more.sum::<usize>() + 1
    }

    /// How far a line reaches that has room for `room` entries of their own address only, and ends
    /// before entry `end` at the latest.
    pub(super) fn reach(&self, room: usize, end: Option<usize>) -> Reach {
        let mut at = room.min(end.unwrap_or(usize::MAX));
        // Neighbours of one value are one run, and stay together.
        if let Some([a, b]) = at.checked_sub(1).and_then(|a| self.as_slice().get(a..=at))
            && a.is_beside(b)
        {
            at -= 1;
        }
        match self.as_slice().get(at) {
            Some(next) => Reach {
                end: next.key,
                entries: at,
                ended: true,
            },
            None => Reach {
                end: BLOCK,
                entries: self.len,
                ended: false,
            },
        }
    }
}
