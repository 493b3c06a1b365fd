//! Looks addresses up in sorted entries: small IPv4 zones, and IPv6.
//!
//! An entry has the value of one address only, or of all addresses from its key on to the next entry. A
//! table over the first bits of the address narrows the search.

use std::marker::PhantomData;

use crate::address::Address;
use crate::bytes::{id_at, push_id, u32_at};
use crate::run::Run;
use crate::sections::top_bits;
use crate::simd::prefetch;
use crate::trace::{Step, value};

/// One sorted section, cut into its parts.
///
/// ```
/// use rblmap_format::sorted::{Sorted, write};
/// use rblmap_format::{Run, ValueId};
/// let value = ValueId::from_rank(0).unwrap();
/// let (section, parameter) = write(&[Run { start: 5_u32, end: 9, value }], 1);
/// let sorted = Sorted::new::<u32>(&section, parameter, 1).expect("long enough");
/// assert_eq!([4_u32, 5, 9, 10].map(|address| sorted.lookup(address)), [0, 1, 1, 0]);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Sorted<'a> {
    top_bits: u32,
    top: &'a [u8],
    keys: &'a [u8],
    only: &'a [u8],
    ids: &'a [u8],
    count: usize,
    width: usize,
}

impl<'a> Sorted<'a> {
    /// Cuts a section; `None` if its length is not that of its parts.
    pub fn new<K: Address>(section: &'a [u8], parameter: u64, width: usize) -> Option<Sorted<'a>> {
        let count = usize::try_from(parameter & 0xffff_ffff).ok()?;
        let top_bits = u32::try_from(parameter >> 32)
            .ok()
            .filter(|&bits| bits <= 16)?;
        let (top, rest) = section.split_at_checked(((1 << top_bits) + 1) * 4)?;
        let (keys, rest) = rest.split_at_checked(count.checked_mul(K::LEN)?)?;
        let (only, ids) = rest.split_at_checked(count.div_ceil(8))?;
        (ids.len() == count.checked_mul(width)?).then_some(Sorted {
            top_bits,
            top,
            keys,
            only,
            ids,
            count,
            width,
        })
    }

    /// Asks for what a lookup reads first.
    #[inline]
    pub fn prefetch<K: Address>(&self, address: K) {
        let place = address.top(self.top_bits);
        prefetch(self.top.as_ptr().wrapping_add(place * 4));
    }

    /// The id of the value of an address, 0 for none.
    #[inline]
    pub fn lookup<K: Address>(&self, address: K) -> u32 {
        let place = address.top(self.top_bits);
        let mut low = u32_at(self.top, place * 4) as usize;
        let mut high = (u32_at(self.top, place * 4 + 4) as usize).min(self.count);
        // The first entry in [low, high) with a key beyond the address.
        while low < high {
            let mid = low.midpoint(high);
            match K::read(self.keys, mid) {
                Some(key) if key <= address => low = mid + 1,
                _ => high = mid,
            }
        }
        let Some(at) = low.checked_sub(1) else {
            return 0;
        };
        if self.is_only(at) && K::read(self.keys, at) != Some(address) {
            return 0;
        }
        id_at(self.ids, self.width, at)
    }

    /// The first and last address that the `index`-th entry holds for, and the id of its value.
    // A walk over a list asks for each entry: whether that is a call must not be left to chance.
    #[inline(always)]
    pub(crate) fn entry<K: Address>(&self, index: usize) -> Option<(K, K, u32)> {
        let start = K::read(self.keys, index).filter(|_| index < self.count)?;
        let end = if self.is_only(index) {
            start
        } else {
            K::read(self.keys, index + 1)
                .filter(|_| index + 1 < self.count)
                .map_or(Some(K::LAST), Address::previous)?
        };
        Some((start, end, id_at(self.ids, self.width, index)))
    }

    /// The first and the last address around this one that say the same, or nothing as it does.
    pub(crate) fn around<K: Address>(&self, address: K) -> (K, K) {
        let id = self.lookup(address);
        let (mut start, mut end) = self.piece(address);
        while let Some(before) = start.previous().filter(|&before| self.lookup(before) == id) {
            start = self.piece(before).0;
        }
        while let Some(after) = end.next().filter(|&after| self.lookup(after) == id) {
            end = self.piece(after).1;
        }
        (start, end)
    }

    /// The addresses around this one that one entry speaks of, or none.
    fn piece<K: Address>(&self, address: K) -> (K, K) {
        let behind = self.behind(address);
        let next = K::read(self.keys, behind).filter(|_| behind < self.count);
        // Damaged keys do not rise.
        let last = next.map_or(Some(K::LAST), Address::previous);
        let last = last.unwrap_or(address).max(address);
        let Some(at) = behind.checked_sub(1) else {
            return (K::FIRST, last);
        };
        let key = K::read(self.keys, at).unwrap_or(address).min(address);
        match (self.is_only(at), key == address) {
            (true, true) => (key, key),
            (true, false) => (key.next().unwrap_or(address), last),
            (false, _) => (key, last),
        }
    }

    /// How many entries have keys up to this address.
    pub(crate) fn behind<K: Address>(&self, address: K) -> usize {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let mid = low.midpoint(high);
            match K::read(self.keys, mid) {
                Some(key) if key <= address => low = mid + 1,
                _ => high = mid,
            }
        }
        low
    }

    /// The bytes that decide about an address, in the order in which a lookup reads them. `kind` is
    /// the kind of the section.
    pub fn trace<K: Address>(&self, kind: u16, address: K) -> Vec<Step> {
        let place = address.top(self.top_bits) * 4;
        let entries = |at| u32_at(self.top, at);
        let (from, to) = (entries(place), entries(place + 4));
        let what = format!("entries {from} to before {to} have these first bits");
        let mut steps = vec![Step::new(kind, place..place + 8, what)];
        let Some(at) = self.behind(address).checked_sub(1) else {
            return steps;
        };
        let Some((first, last, id)) = self.entry::<K>(at) else {
            return steps;
        };
        let keys = self.top.len();
        let key = keys + at * K::LEN;
        let (first, last) = (first.to_ip(), last.to_ip());
        let what = format!("entry {at}: {first} to {last}");
        steps.push(Step::new(kind, key..key + K::LEN, what));
        let only = keys + self.keys.len() + at / 8;
        let says = if self.is_only(at) {
            "its key only"
        } else {
            "up to the next entry"
        };
        let what = format!("bit {}: {says}", at % 8);
        steps.push(Step::new(kind, only..only + 1, what));
        let ids = keys + self.keys.len() + self.only.len() + at * self.width;
        steps.push(Step::new(kind, ids..ids + self.width, value(id)));
        steps
    }

    fn is_only(&self, index: usize) -> bool {
        self.only
            .get(index / 8)
            .is_some_and(|byte| byte >> (index % 8) & 1 != 0)
    }
}

/// The entries of a sorted section, each with the addresses that it holds for.
pub(crate) struct SortedEntries<'a, A> {
    section: Sorted<'a>,
    index: usize,
    address: PhantomData<A>,
}

impl<'a, A> SortedEntries<'a, A> {
    pub(crate) fn new(section: Sorted<'a>) -> SortedEntries<'a, A> {
        SortedEntries {
            section,
            index: 0,
            address: PhantomData,
        }
    }

    /// From the entry on that holds for an address.
    pub(crate) fn from(section: Sorted<'a>, first: A) -> SortedEntries<'a, A>
    where
        A: Address,
    {
        let index = section.behind(first).saturating_sub(1);
        SortedEntries {
            index,
            ..SortedEntries::new(section)
        }
    }
}

impl<A: Address> Iterator for SortedEntries<'_, A> {
    type Item = (A, A, u32);

    #[inline(always)]
    fn next(&mut self) -> Option<(A, A, u32)> {
        let entry = self.section.entry(self.index)?;
        self.index += 1;
        Some(entry)
    }
}

/// One entry: a value for its key alone, or for all addresses from its key on.
#[derive(Clone, Copy)]
struct Entry<A> {
    key: A,
    only: bool,
    id: u32,
}

/// How many entries the runs make.
pub fn entry_count<A: Address>(runs: &[Run<A>]) -> usize {
    let mut count = 0;
    each_entry(runs, |_| count += 1);
    count
}

/// Writes a section: its bytes, and its parameter.
pub fn write<A: Address>(runs: &[Run<A>], width: usize) -> (Vec<u8>, u64) {
    let count = entry_count(runs);
    // A table over the first bits does not narrow the search among IPv6 addresses: these share them.
    let bits = if A::BITS == 32 { top_bits(count) } else { 0 };
    let mut top = vec![0u32; (1 << bits) + 1];
    let mut keys = Vec::with_capacity(count * A::LEN);
    let mut only = vec![0u8; count.div_ceil(8)];
    let mut ids = Vec::with_capacity(count * width);
    let mut index = 0usize;
    each_entry(runs, |entry| {
        entry.key.write(&mut keys);
        push_id(&mut ids, width, entry.id);
        let byte = only.get_mut(index / 8);
        *byte.expect("a bit for each entry") |= u8::from(entry.only) << (index % 8);
        let place = top.get_mut(entry.key.top(bits) + 1);
        *place.expect("a place for each number of so many bits") += 1;
        index += 1;
    });
    let mut out = Vec::with_capacity(top.len() * 4 + keys.len() + only.len() + ids.len());
    let mut before = 0u32;
    for count in top {
        before += count;
        out.extend(before.to_le_bytes());
    }
    out.append(&mut keys);
    out.append(&mut only);
    out.append(&mut ids);
    (out, count as u64 | u64::from(bits) << 32)
}

fn each_entry<A: Address>(runs: &[Run<A>], mut see: impl FnMut(Entry<A>)) {
    let mut rest = runs.iter().peekable();
    while let Some(run) = rest.next() {
        let only = run.start == run.end;
        see(Entry {
            key: run.start,
            only,
            id: run.value.get(),
        });
        let after = run.end.next();
        let joined = rest.peek().map(|next| next.start) == after;
        if let Some(key) = after.filter(|_| !only && !joined) {
            see(Entry {
                key,
                only: false,
                id: 0,
            });
        }
    }
}
