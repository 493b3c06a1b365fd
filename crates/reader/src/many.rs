//! Looks many IPv4 addresses up at once: while one waits for memory the others do not.
//!
//! Each of the three steps of a lookup is taken for a whole block of addresses, and asks for the
//! memory that the next step reads.

use crate::answer::Answer;
use crate::compare::{Compare, Task};
use crate::run::ValueId;
use crate::v4_lines::{Each, Lines, OneKind};
use crate::zone::{V4, Zone};

/// How many addresses wait together: as many as a byte can number. Lines that have to come from memory
/// then had time to; all that they ask for stays in the nearest caches. (64 took a tenth longer.)
const BLOCK: usize = 256;

impl<'a> Zone<'a> {
    /// Looks many IPv4 addresses (in host order) up, several times faster than one after the other.
    /// Writes for each the value of its run, `None` for an address without; where there are more
    /// addresses than places for values, the rest is not asked.
    ///
    /// A name of the zone may spell an address backwards. Its value is written if the address has
    /// no run; where it has both that of the run: [`Zone::answers_v4_many`] gives both.
    ///
    /// ```
    /// # let image = rblmap::Image::open("../../testdata/golden/three.rbl")?;
    /// let zone = image.base();
    /// let mut values = [None; 2];
    /// zone.lookup_v4_many(&[0xc000_0201, 0xc000_0202], &mut values);
    /// let value = image.value(values[0].ok_or("not listed")?);
    /// assert!(value.is_listed());
    /// assert_eq!(values[1], None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn lookup_v4_many(&self, addresses: &[u32], values: &mut [Option<ValueId>]) {
        self.v4_ids(addresses, values);
        if self.names_reach_v4() {
            let missed = addresses
                .iter()
                .zip(values)
                .filter(|(_, value)| value.is_none());
            missed.for_each(|(&address, value)| *value = self.name_value_v4(address));
        }
    }

    /// What the runs say, without the names.
    fn v4_ids(&self, addresses: &[u32], values: &mut [Option<ValueId>]) {
        match &self.v4 {
            V4::Lines(lines) => lines.level().run(Many {
                lines,
                addresses,
                values,
            }),
            V4::Sorted(section) => {
                for (&address, value) in addresses.iter().zip(values.iter_mut()) {
                    *value = ValueId::new(section.lookup(address));
                }
            }
            V4::Empty => values
                .iter_mut()
                .take(addresses.len())
                .for_each(|v| *v = None),
        }
    }

    /// Looks many IPv4 addresses (in host order) up as [`Zone::lookup_v4_many`] does, and tells
    /// `each` the place of each, from 0, and the answer that [`Zone::lookup_v4`] gives.
    ///
    /// ```
    /// # let image = rblmap::Image::open("../../testdata/golden/three.rbl")?;
    /// let addresses = [0xc000_0202, 0xc000_0201];
    /// let mut listed = Vec::new();
    /// image.base().answers_v4_many(&addresses, |place, answer| {
    ///     if answer.is_listed() {
    ///         listed.push(addresses[place]);
    ///     }
    /// });
    /// assert_eq!(listed, [0xc000_0201]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn answers_v4_many(&self, addresses: &[u32], mut each: impl FnMut(usize, Answer<'a>)) {
        let mut ids = [None; BLOCK];
        let mut places = 0..;
        for addresses in addresses.chunks(BLOCK) {
            self.v4_ids(addresses, &mut ids);
            for ((&address, id), place) in addresses.iter().zip(ids).zip(&mut places) {
                each(place, self.answer_v4(address, id.map_or(0, ValueId::get)));
            }
        }
    }

    /// Whether each of many IPv4 addresses (in host order) is listed, as [`Zone::contains_v4`]
    /// says. Where there are more addresses than places for answers, the rest is not asked.
    ///
    /// ```
    /// # let image = rblmap::Image::open("../../testdata/golden/three.rbl")?;
    /// let mut listed = [false; 2];
    /// image.base().contains_v4_many(&[0xc000_0201, 0xc000_0202], &mut listed);
    /// assert_eq!(listed, [true, false]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn contains_v4_many(&self, addresses: &[u32], listed: &mut [bool]) {
        let mut values = [None; BLOCK];
        for (addresses, listed) in addresses.chunks(BLOCK).zip(listed.chunks_mut(BLOCK)) {
            self.lookup_v4_many(addresses, &mut values);
            for ((&address, value), listed) in addresses.iter().zip(values).zip(listed) {
                let is_listing =
                    |id: ValueId| id.get() <= self.listing || self.image.is_listing(id);
                // A value without an A record may hide that of a name.
                *listed = value.is_some_and(is_listing)
                    || (value.is_some() && self.names_reach_v4() && self.contains_v4(address));
            }
        }
    }
}

/// Many addresses in lines.
struct Many<'m, 'a> {
    lines: &'m Lines<'a>,
    addresses: &'m [u32],
    values: &'m mut [Option<ValueId>],
}

impl Task for Many<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run(self, compare: impl Compare) {
        let blocks = self.addresses.chunks(BLOCK);
        let mut waiting = [Waiting::default(); BLOCK];
        for (addresses, values) in blocks.zip(self.values.chunks_mut(BLOCK)) {
            one_block(*self.lines, addresses, values, &mut waiting, compare);
        }
    }
}

/// An address whose line has to be read.
#[derive(Clone, Copy, Default)]
struct Waiting {
    address: u32,
    /// The entry of its /16, then the number of its line.
    at: u32,
    /// Its place among the addresses of the block.
    place: u32,
}

#[inline(always)]
fn one_block(
    // A copy: what is written cannot be in it, so its parts stay in registers.
    lines: Lines<'_>,
    addresses: &[u32],
    values: &mut [Option<ValueId>],
    all: &mut [Waiting; BLOCK],
    compare: impl Compare,
) {
    addresses
        .iter()
        .for_each(|&address| lines.prefetch_block(address));
    let mut count = 0;
    for ((&address, value), place) in addresses.iter().zip(values.iter_mut()).zip(0u32..) {
        let (known, entry) = lines.block_or_units(address);
        *value = ValueId::new(known);
        lines.prefetch_unit(entry);
        // Always written, and written over by the next one if it need not wait: whether an address
        // has to wait cannot be predicted.
        if let Some(slot) = all.get_mut(count) {
            *slot = Waiting {
                address,
                at: entry,
                place,
            };
        }
        count += usize::from(entry != 0);
    }
    let waiting = all.get_mut(..count).unwrap_or_default();
    for Waiting { address, at, .. } in waiting.iter_mut() {
        let line = lines.unit(*at, *address, compare);
        lines.prefetch_line(line);
        // Lines are counted in 24 bits; what damaged bytes say beyond that is no line.
        *at = u32::try_from(line).unwrap_or(u32::MAX);
    }
    // By kind: which one a line is cannot be predicted, and to work all out takes twice as long.
    let mut kinds = [OfKind::default(); 8];
    for (one, number) in waiting.iter().zip(0..=u8::MAX) {
        let kind = lines.kind(one.at as usize);
        if let Some(of_kind) = kinds.get_mut(kind) {
            of_kind.push(number);
        }
    }
    for (kind, numbers) in kinds.iter().enumerate() {
        let numbers = numbers.as_slice();
        if !numbers.is_empty() {
            let task = ReadKind {
                waiting,
                numbers,
                values,
            };
            lines.ids_of_kind(kind, compare, task);
        }
    }
}

/// Which of the waiting addresses have lines of one kind.
#[derive(Clone, Copy)]
struct OfKind {
    numbers: [u8; BLOCK],
    count: u16,
}

impl Default for OfKind {
    fn default() -> OfKind {
        OfKind {
            numbers: [0; BLOCK],
            count: 0,
        }
    }
}

impl OfKind {
    #[inline(always)]
    fn push(&mut self, number: u8) {
        if let Some(slot) = self.numbers.get_mut(usize::from(self.count)) {
            *slot = number;
            self.count += 1;
        }
    }

    #[inline(always)]
    fn as_slice(&self) -> &[u8] {
        let count = usize::from(self.count);
        self.numbers.get(..count).unwrap_or_default()
    }
}

/// Reads the lines of one kind.
struct ReadKind<'b> {
    waiting: &'b [Waiting],
    numbers: &'b [u8],
    values: &'b mut [Option<ValueId>],
}

impl Each for ReadKind<'_> {
    #[inline(always)]
    fn run(self, lines: OneKind<'_, impl Compare>) {
        for &number in self.numbers {
            let Some(&Waiting { address, at, place }) = self.waiting.get(usize::from(number))
            else {
                continue;
            };
            if let Some(value) = self.values.get_mut(place as usize) {
                *value = ValueId::new(lines.id(at as usize, address));
            }
        }
    }
}
