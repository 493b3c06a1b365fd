//! The entries of a line, and the values of a palette.

use rblmap_format::v4::shape::{BLOCK, LINE, PALETTE};

use super::Reach;
use super::fill::put_two_bits;

/// One entry of a line with keys.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    pub(super) key: u32,
    pub(super) id: u32,
    pub(super) only: bool,
}

impl Entry {
    /// Whether the other one is the next address, of the same run.
    pub(super) fn is_beside(&self, next: &Entry) -> bool {
        next.key == self.key + 1 && next.id == self.id
    }
}

/// The entries of a line; no kind has more than [`Entries::ROOM`].
pub(crate) struct Entries {
    list: [Entry; Entries::ROOM],
    pub(super) len: usize,
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

    pub(crate) fn as_slice(&self) -> &[Entry] {
        self.list.get(..self.len).unwrap_or_default()
    }

    pub(super) fn push(&mut self, entry: Entry) {
        if let Some(place) = self.list.get_mut(self.len) {
            *place = entry;
            self.len += 1;
        }
    }

    /// Adds one or two neighbours of their own address only, without a branch on how many.
    #[inline]
    pub(super) fn push_single(&mut self, key: u32, count: usize, id: u32) {
        let only = true;
        if let Some([first, second]) = self.list.get_mut(self.len..self.len + 2) {
            *first = Entry { key, id, only };
            *second = Entry {
                key: key + 1,
                id,
                only,
            };
            self.len += count;
        }
    }

    /// Keeps the entries of the runs that begin before `reach`, at most so many.
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

    /// How many pieces the runs are and the gaps between them.
    pub(super) fn pieces(&self) -> usize {
        let pairs = self.as_slice().windows(2);
        let more = pairs.map(|pair| match pair {
            [a, b] if a.is_beside(b) => 0,
            [a, b] if a.key + 1 == b.key => 1,
            _ => 2,
        });
        more.sum::<usize>() + 1
    }

    /// What a line reaches that has room for so many entries of their own address only, and ends
    /// before `end` at the latest.
    pub(super) fn reach(&self, room: usize, end: Option<usize>) -> Reach {
        let mut at = room.min(end.unwrap_or(usize::MAX));
        // Neighbours of one value are one piece, and go together.
        if let Some([a, b]) = at.checked_sub(1).and_then(|a| self.as_slice().get(a..=at))
            && a.is_beside(b)
        {
            at -= 1;
        }
        self.as_slice().get(at).map_or(
            Reach {
                end: BLOCK,
                entries: self.len,
                ended: false,
            },
            |next| Reach {
                end: next.key,
                entries: at,
                ended: true,
            },
        )
    }
}

/// Up to four values, in order of appearance.
#[derive(Default)]
pub(super) struct Palette {
    slots: [(u32, bool); PALETTE],
    len: usize,
}

impl Palette {
    /// The slot of a value, a new one if need be; none if there are four others.
    #[inline]
    pub(super) fn slot(&mut self, id: u32, only: bool) -> Option<usize> {
        let used = self.slots.get(..self.len).unwrap_or_default();
        if let Some(slot) = used.iter().position(|used| *used == (id, only)) {
            return Some(slot);
        }
        *self.slots.get_mut(self.len)? = (id, only);
        self.len += 1;
        Some(self.len - 1)
    }

    /// Writes the slots of entries.
    pub(super) fn put_slots(
        &mut self,
        line: &mut [u8; LINE],
        at: usize,
        entries: impl Iterator<Item = Entry>,
    ) {
        let (mut slot, mut last) = (0, None);
        for (place, entry) in entries.enumerate() {
            let value = (entry.id, entry.only);
            if last.replace(value) != Some(value) {
                slot = self.slot(entry.id, entry.only).unwrap_or(0);
            }
            if slot > 0 {
                put_two_bits(line, at, place, slot);
            }
        }
    }

    pub(super) fn used(&self) -> impl Iterator<Item = (u32, bool)> {
        self.slots.into_iter().take(self.len)
    }
}
