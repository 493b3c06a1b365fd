//! Looks many IPv4 addresses up at once: while one waits for memory the others do not.
//!
//! Each of the three steps of a lookup is taken for a whole block of addresses, and asks for the
//! memory that the next step reads. While the lines of one block are on their way, the block before is
//! read.

use crate::answer::Answer;
use crate::compare::{Compare, Task};
use crate::run::ValueId;
use crate::v4_lines::{Each, Lines, OneKind};
use crate::zone::{V4, Zone};

/// How many addresses wait together: as many as a number has bits. Two such blocks are on their way,
/// and all that they ask for stays in the nearest caches.
const BLOCK: usize = 64;

impl<'a> Zone<'a> {
    /// Looks many IPv4 addresses (in host order) up, several times faster than one after the other.
    /// Writes for each the value of its run, `None` for an address without; where there are more
    /// addresses than places for values, the rest is not asked.
    ///
    /// A name of the zone may spell an address backwards. Its value is written if the address has
    /// no run; where it has both that of the run: [`Zone::answers_v4_many`] gives both.
    ///
    /// ```
    /// # let image = rblmap::Image::read("../../testdata/golden/three.rbl")?;
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
    /// # let image = rblmap::Image::read("../../testdata/golden/three.rbl")?;
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
    /// # let image = rblmap::Image::read("../../testdata/golden/three.rbl")?;
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
        // A copy: what is written cannot be in it, so its parts stay in registers.
        let lines = *self.lines;
        let blocks = self.addresses.chunks(BLOCK);
        let mut blocks = blocks.zip(self.values.chunks_mut(BLOCK));
        let (mut old, mut new) = (Block::default(), Block::default());
        let mut old_values: &mut [Option<ValueId>] = &mut [];
        loop {
            let (addresses, values) = blocks.next().unwrap_or_default();
            new.start(&lines, addresses, values);
            old.read(&lines, old_values, compare);
            new.find(&lines, compare);
            if addresses.is_empty() {
                break;
            }
            old_values = values;
            std::mem::swap(&mut old, &mut new);
        }
    }
}

/// The addresses of a block whose lines have to be read: the first `count` of each list.
struct Block {
    addresses: [u32; BLOCK],
    /// The entry of its /16, then the number of its line.
    at: [u32; BLOCK],
    /// Its place among all addresses of the block.
    places: [u8; BLOCK],
    count: usize,
}

impl Default for Block {
    fn default() -> Block {
        Block {
            addresses: [0; BLOCK],
            at: [0; BLOCK],
            places: [0; BLOCK],
            count: 0,
        }
    }
}

impl Block {
    /// First step: what the /16s say.
    #[inline(always)]
    #[expect(clippy::indexing_slicing, reason = "cut to the length of the arrays")]
    fn start(&mut self, lines: &Lines<'_>, addresses: &[u32], values: &mut [Option<ValueId>]) {
        addresses
            .iter()
            .for_each(|&address| lines.prefetch_block(address));
        let mut count = 0;
        for ((&address, value), place) in addresses.iter().zip(values.iter_mut()).zip(0..) {
            let (known, entry) = lines.block_or_units(address);
            *value = ValueId::new(known);
            lines.prefetch_unit(entry);
            // Always written, and written over by the next one if it need not wait: whether an address
            // has to wait cannot be predicted.
            let slot = count % BLOCK;
            self.addresses[slot] = address;
            self.at[slot] = entry;
            self.places[slot] = place;
            count += usize::from(entry != 0);
        }
        self.count = count;
    }

    /// Second step: which lines.
    #[inline(always)]
    fn find(&mut self, lines: &Lines<'_>, compare: impl Compare) {
        let waiting = self.at.iter_mut().zip(&self.addresses);
        for (at, &address) in waiting.take(self.count) {
            *at = lines.unit(*at, address, compare);
            lines.prefetch_line(*at);
        }
    }

    /// Third step: what the lines say. By kind: which one a line is cannot be predicted, and to work
    /// all out takes twice as long.
    #[inline(always)]
    fn read(&self, lines: &Lines<'_>, values: &mut [Option<ValueId>], compare: impl Compare) {
        let mut kinds = [NO_KIND; BLOCK];
        for (kind, &line) in kinds.iter_mut().zip(&self.at).take(self.count) {
            *kind = lines.kind(line);
        }
        for kind in 0..NO_KIND {
            let numbers = compare.equal(&kinds, kind);
            if numbers != 0 {
                let task = ReadKind {
                    block: self,
                    numbers,
                    values,
                };
                lines.ids_of_kind(kind, compare, task);
            }
        }
    }
}

/// More than the kind of any line.
const NO_KIND: u8 = 8;

/// Reads the lines of one kind.
struct ReadKind<'b> {
    block: &'b Block,
    /// A bit for each address of the block that has one.
    numbers: u64,
    values: &'b mut [Option<ValueId>],
}

impl Each for ReadKind<'_> {
    #[inline(always)]
    #[expect(clippy::indexing_slicing, reason = "cut to the length of the arrays")]
    fn run(self, lines: OneKind<'_, impl Compare>) {
        let block = self.block;
        let mut numbers = self.numbers;
        while numbers != 0 {
            let number = numbers.trailing_zeros() as usize % BLOCK;
            numbers &= numbers - 1;
            if let Some(value) = self.values.get_mut(usize::from(block.places[number])) {
                let id = lines.id(block.at[number], block.addresses[number]);
                *value = ValueId::new(id);
            }
        }
    }
}
