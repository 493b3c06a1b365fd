//! Looks many IPv4 addresses up at once: while one waits for memory the others do not.
//!
//! Each of the three steps of a lookup is taken for a whole block of addresses, and asks for the
//! memory that the next step reads. While the lines of one block are on their way, the block before is
//! read.

use rblmap_format::ValueId;
use rblmap_format::v4::V4;

use crate::answer::Answer;
use crate::zone::Zone;

/// How many addresses wait together: as many as a number has bits. Two such blocks are on their way,
/// and all that they ask for stays in the nearest caches.
const BLOCK: usize = 64;
/// So many are asked in one call where only part of each answer is kept: what a call costs by itself,
/// and that its first block waits alone, is shared by all of them.
const MANY: usize = 1024;

impl<'a> Zone<'a> {
    /// Looks many IPv4 addresses (in host order) up, several times faster than one after the other.
    /// Writes for each the value of its run, `None` for an address without; where there are more
    /// addresses than places for values, the rest is not asked.
    ///
    /// A name of the zone may spell an address backwards. Its value is written if the address has
    /// no run; where it has both that of the run: [`Zone::answers_v4_many`] gives both.
    ///
    /// ```
    /// # let image = rblmap::Image::read("testdata/three.rbl")?;
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
            V4::Lines(lines) => lines.lookup_many(addresses, values),
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
    /// # let image = rblmap::Image::read("testdata/three.rbl")?;
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
    /// # let image = rblmap::Image::read("testdata/three.rbl")?;
    /// let mut listed = [false; 2];
    /// image.base().contains_v4_many(&[0xc000_0201, 0xc000_0202], &mut listed);
    /// assert_eq!(listed, [true, false]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn contains_v4_many(&self, addresses: &[u32], listed: &mut [bool]) {
        let mut values = [None; MANY];
        for (addresses, listed) in addresses.chunks(MANY).zip(listed.chunks_mut(MANY)) {
            self.lookup_v4_many(addresses, &mut values);
            let mut is_sure = !self.names_reach_v4();
            for (value, listed) in values.iter().zip(&mut *listed) {
                let id = value.map_or(0, ValueId::get);
                *listed = id.wrapping_sub(1) < self.listing;
                is_sure &= id <= self.listing;
            }
            if !is_sure {
                self.ask_again(addresses, &values, listed);
            }
        }
    }

    /// Asks one by one where the id of the value does not tell: some values have no A record, and then
    /// that of a name may.
    #[cold]
    #[inline(never)]
    fn ask_again(&self, addresses: &[u32], values: &[Option<ValueId>], listed: &mut [bool]) {
        for ((&address, value), listed) in addresses.iter().zip(values).zip(listed) {
            *listed = *listed || value.is_some() && self.contains_v4(address);
        }
    }
}
