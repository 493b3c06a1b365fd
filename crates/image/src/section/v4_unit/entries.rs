//! The entries of a line, and the values of a palette.

use rblmap::layout::line::{LINE, PALETTE};

use super::fill::put_bytes;

/// The entries of a line; no kind has more than [`Entries::ROOM`].
pub(crate) struct Entries {
    /// Where in the /16 each lies.
    keys: [u16; Entries::ROOM],
    ids: [u32; Entries::ROOM],
    /// A bit for each whose id is another than that of the one before. The first is one.
    turns: u64,
    /// A bit for each that is of its key only.
    only: u64,
    len: usize,
}

impl Default for Entries {
    fn default() -> Entries {
        Entries {
            keys: [0; Entries::ROOM],
            ids: [0; Entries::ROOM],
            turns: 0,
            only: 0,
            len: 0,
        }
    }
}

impl Entries {
    const ROOM: usize = 64;

    pub(super) fn clear(&mut self) {
        (self.len, self.turns, self.only) = (0, 0, 0);
    }

    pub(super) fn push(&mut self, key: u32, id: u32, only: bool) {
        let turns = self.ids().last() != Some(&id);
        if let Some((key_at, id_at)) = self.keys.get_mut(self.len).zip(self.ids.get_mut(self.len)) {
            *key_at = u16::try_from(key).unwrap_or(u16::MAX); // lies in the /16
            *id_at = id;
            self.turns |= u64::from(turns) << self.len;
            self.only |= u64::from(only) << self.len;
            self.len += 1;
        }
    }

    /// Takes entries of their key only; a bit of `turns` for each, the first set.
    pub(super) fn set_singles(&mut self, keys: &[u16], ids: &[u32], turns: u64) {
        self.len = keys.len().min(ids.len()).min(Entries::ROOM);
        let places = self.keys.iter_mut().zip(&mut self.ids);
        for ((key_at, id_at), (key, id)) in places.zip(keys.iter().zip(ids)) {
            (*key_at, *id_at) = (*key, *id);
        }
        self.turns = turns & low_bits(self.len);
        self.only = low_bits(self.len);
    }

    pub(super) fn keys(&self) -> &[u16] {
        self.keys.get(..self.len).unwrap_or_default()
    }

    pub(super) fn ids(&self) -> &[u32] {
        self.ids.get(..self.len).unwrap_or_default()
    }

    pub(super) fn turns(&self) -> u64 {
        self.turns
    }

    pub(super) fn only(&self) -> u64 {
        self.only
    }
}

/// So many bits, at most all 64.
pub(super) fn low_bits(count: usize) -> u64 {
    u64::MAX
        .checked_shr(u64::BITS.saturating_sub(u32::try_from(count).unwrap_or(u64::BITS)))
        .unwrap_or(0)
}

/// The numbers of the bits that are set, rising.
pub(super) fn set_bits(bits: u64) -> impl Iterator<Item = usize> {
    let mut rest = bits;
    std::iter::from_fn(move || {
        let number = rest.trailing_zeros() as usize;
        (rest != 0).then(|| {
            rest &= rest - 1;
            number
        })
    })
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

    /// Writes two bits for each entry, its slot, to byte `at` of a line that has room for so many; the
    /// last slot is that of the places up to `filled` too.
    pub(super) fn put_slots(
        &mut self,
        line: &mut [u8; LINE],
        (at, room, filled): (usize, usize, usize),
        entries: &Entries,
    ) {
        let mut slots = 0u128;
        // Where the value is another than that of the entry before.
        let changes = entries.turns | entries.only ^ entries.only << 1;
        for place in set_bits(changes & low_bits(entries.len)) {
            let only = entries.only >> place & 1 != 0;
            let id = entries.ids().get(place).copied().unwrap_or(0);
            let slot = self.slot(id, only).unwrap_or(0) as u128;
            let before = (1 << (2 * place)) - 1;
            slots = (slots & before) | ((slot * (u128::MAX / 3)) & !before);
        }
        slots &= (1 << (2 * filled)) - 1;
        let bytes = slots.to_le_bytes();
        put_bytes(line, at, bytes.get(..room.div_ceil(4)).unwrap_or_default());
    }

    pub(super) fn used(&self) -> impl Iterator<Item = (u32, bool)> {
        self.slots.into_iter().take(self.len)
    }
}
