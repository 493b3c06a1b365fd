//! Looks many IPv4 addresses up at once: while one waits for memory the others do not.
//!
//! Each of the three steps of a lookup is taken for a whole block of addresses, and asks for the
//! memory that the next step reads. While the lines of one block are on their way, the block before is
//! read.
//!
//! What the first step reads is asked for half a block before: two tables of 2.25 MiB together, soon
//! there. Were it asked for by blocks, the processor would have forgotten where the
//! pages of a block's first addresses lie by the time that they are read: it keeps some 64 such
//! translations nearest, and a block asks for twice as many.

use super::lookup::{Each, Lines, OneKind};
use crate::run::ValueId;
use crate::simd::compare::{Compare, Task};

/// How many addresses wait together: as many as a number has bits. Two such blocks are on their way,
/// and all that they ask for stays in the nearest caches.
const BLOCK: usize = 64;
/// So many addresses before its turn it is asked for what the /16 of an address says.
const AHEAD: usize = 32;

impl Lines<'_> {
    /// Looks addresses up, several times faster than one after the other. Writes the value of each;
    /// addresses beyond `values.len()` are ignored.
    pub fn lookup_many(&self, addresses: &[u32], values: &mut [Option<ValueId>]) {
        let lines = self;
        self.level.run(Many {
            lines,
            addresses,
            values,
        });
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
        let mut later = self.addresses;
        let first = later
            .split_off(..AHEAD.min(later.len()))
            .unwrap_or_default();
        first
            .iter()
            .for_each(|&address| lines.prefetch_block(address));
        let blocks = self.addresses.chunks(BLOCK);
        let mut blocks = blocks.zip(self.values.chunks_mut(BLOCK));
        let (mut old, mut new) = (Block::default(), Block::default());
        let mut old_values: &mut [Option<ValueId>] = &mut [];
        loop {
            let (addresses, values) = blocks.next().unwrap_or_default();
            new.start(&lines, addresses, later, values);
            later = later.get(BLOCK..).unwrap_or_default();
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
    /// First step: what the /16s say. `later` are the addresses that come [`AHEAD`] behind these.
    #[inline(always)]
    #[expect(clippy::indexing_slicing, reason = "cut to the length of the arrays")]
    fn start(
        &mut self,
        lines: &Lines<'_>,
        addresses: &[u32],
        later: &[u32],
        values: &mut [Option<ValueId>],
    ) {
        let mut count = 0;
        for ((&address, value), place) in addresses.iter().zip(values.iter_mut()).zip(0u8..) {
            // Without a branch: behind the last address this one is asked for once more.
            let next = later.get(usize::from(place)).copied();
            lines.prefetch_block(next.unwrap_or(address));
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
