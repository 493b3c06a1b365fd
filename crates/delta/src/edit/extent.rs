//! Where an edit lies in the room there is for it, as decisions.
//!
//! ```text
//!   room      |low ......................................... high|
//!   single    .............#......................................   one decision, then which address:
//!                                                                    behind another edit as a step
//!   at edges  ##############......................................   two decisions, then the other end
//!   network   ................########............................   its size in bits, then which one
//!   other     .....#####..........................................   start, then end: each as how many
//!                                                                    zero bits it ends in, then which
//! ```
//!
//! Which one of several is told bit by bit from the top, and only where both bits are possible.

use rblmap_format::Address;

use crate::codec::numbers::{Tree, pick};
use crate::codec::range_coder::{Chance, Coder};
use crate::edit::fineness::Fineness;
use crate::edit::step::Steps;
use crate::error::Error;

/// Addresses, or numbers of addresses, from `low` to `high`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range<A> {
    pub(crate) low: A,
    pub(crate) high: A,
}

/// The contexts of extents.
pub(crate) struct Extent {
    is_single: Chance,
    at_low: Chance,
    at_high: [Chance; 2],
    is_net: Chance,
    net_bits: Tree<128>,
    zeros: Tree<128>,
    net_number: RangeBits,
    edge_number: RangeBits,
    steps: Steps,
}

impl Extent {
    pub(crate) fn new() -> Extent {
        Extent {
            is_single: Chance::EVEN,
            at_low: Chance::EVEN,
            at_high: [Chance::EVEN; 2],
            is_net: Chance::EVEN,
            net_bits: Tree::new(),
            zeros: Tree::new(),
            net_number: RangeBits::new(),
            edge_number: RangeBits::new(),
            steps: Steps::new(),
        }
    }

    /// The addresses of an edit in the room; writing, they are `given`.
    pub(crate) fn code<A: Address, C: Coder>(
        &mut self,
        coder: &mut C,
        room: Range<A>,
        given: Option<Range<A>>,
        fineness: Fineness,
    ) -> Result<Range<A>, Error> {
        if room.low == room.high {
            return Ok(room);
        }
        if coder.bit(&mut self.is_single, given.is_some_and(|g| g.low == g.high)) {
            let low = given.map(|given| given.low);
            let low = self.code_single(coder, room, low, fineness);
            return Ok(Range { low, high: low });
        }
        if room.low.next() == Some(room.high) {
            return Ok(room);
        }
        let is_at = |end: fn(Range<A>) -> A| given.is_some_and(|given| end(given) == end(room));
        let at_low = coder.bit(&mut self.at_low, is_at(|range| range.low));
        let at_high = pick(&mut self.at_high, at_low.into());
        let at_high = coder.bit(at_high, is_at(|range| range.high));
        match (at_low, at_high) {
            (true, true) => Ok(room),
            (true, false) => {
                // More than one address, but not all.
                let inner = without_high(without_low(room)?)?;
                let high = given.map(|given| given.high);
                let high = self.code_end(coder, inner, high, fineness.grain)?;
                Ok(Range { high, ..room })
            }
            (false, true) => {
                let inner = without_high(without_low(room)?)?;
                let low = given.map(|given| given.low);
                let low = self.code_start(coder, inner, low, fineness.grain)?;
                Ok(Range { low, ..room })
            }
            (false, false) => {
                // One address stays on each side.
                let inner = without_high(without_low(room)?)?;
                self.code_inner(coder, inner, given, fineness)
            }
        }
    }

    /// One address of a room. Behind another edit it mostly lies near that.
    fn code_single<A: Address, C: Coder>(
        &mut self,
        coder: &mut C,
        room: Range<A>,
        given: Option<A>,
        fineness: Fineness,
    ) -> A {
        let before = room.low.previous().filter(|_| fineness.density > 0);
        match before {
            Some(before) if A::BITS == 32 => {
                self.steps.code(coder, (before, room.high), given, fineness)
            }
            _ => {
                let at = Bits { shift: 0, fineness };
                self.net_number.code(coder, room, given, at)
            }
        }
    }

    /// Where an edit over several runs and gaps starts.
    pub(crate) fn start<A: Address, C: Coder>(
        &mut self,
        coder: &mut C,
        room: Range<A>,
        given: Option<Range<A>>,
        fineness: Fineness,
    ) -> Result<A, Error> {
        let given = given.map(|given| given.low);
        if room.low == room.high || coder.bit(&mut self.at_low, given == Some(room.low)) {
            return Ok(room.low);
        }
        self.code_start(coder, without_low(room)?, given, fineness.grain)
    }

    /// Where an edit over several runs and gaps ends.
    pub(crate) fn end<A: Address, C: Coder>(
        &mut self,
        coder: &mut C,
        room: Range<A>,
        given: Option<Range<A>>,
        fineness: Fineness,
    ) -> Result<A, Error> {
        let given = given.map(|given| given.high);
        let [at_high, _] = &mut self.at_high;
        if room.low == room.high || coder.bit(at_high, given == Some(room.high)) {
            return Ok(room.high);
        }
        self.code_end(coder, without_high(room)?, given, fineness.grain)
    }

    /// More than one address anywhere in the room.
    fn code_inner<A: Address, C: Coder>(
        &mut self,
        coder: &mut C,
        room: Range<A>,
        given: Option<Range<A>>,
        fineness: Fineness,
    ) -> Result<Range<A>, Error> {
        if coder.bit(&mut self.is_net, given.is_some_and(is_net)) {
            return self.code_net(coder, room, given, fineness);
        }
        let starts = without_high(room)?;
        let low = given.map(|given| given.low);
        let low = self.code_start(coder, starts, low, fineness.grain)?;
        let ends = without_low(Range { low, ..room })?;
        let high = given.map(|given| given.high);
        let high = self.code_end(coder, ends, high, fineness.grain)?;
        Ok(Range { low, high })
    }

    /// A start in the room: how many zero bits it ends in, then which of those.
    fn code_start<A: Address, C: Coder>(
        &mut self,
        coder: &mut C,
        room: Range<A>,
        given: Option<A>,
        grain: u32,
    ) -> Result<A, Error> {
        let zeros = given.map_or(0, |start| start.trailing_zeros().min(A::BITS - 1));
        let zeros = self.zeros.code(coder, zeros);
        let bad = Error::Malformed {
            what: "alignment of an edit",
        };
        if zeros >= A::BITS {
            return Err(bad);
        }
        let odd = multiples(room, zeros).and_then(odd).ok_or(bad)?;
        let half = Range {
            low: odd.low >> 1,
            high: odd.high >> 1,
        };
        let given = given.map(|start| start >> zeros >> 1);
        let at = Bits {
            shift: zeros + 1,
            fineness: Fineness { grain, density: 0 },
        };
        let number = self.edge_number.code(coder, half, given, at);
        Ok(((number << 1) ^ A::ONE) << zeros)
    }

    /// An end in the room, told as the start behind it, which is never past the last address.
    fn code_end<A: Address, C: Coder>(
        &mut self,
        coder: &mut C,
        room: Range<A>,
        given: Option<A>,
        grain: u32,
    ) -> Result<A, Error> {
        let bad = || Error::Malformed {
            what: "end of an edit",
        };
        let (Some(low), Some(high)) = (room.low.next(), room.high.next()) else {
            return Err(bad());
        };
        let given = given.and_then(Address::next);
        let behind = self.code_start(coder, Range { low, high }, given, grain)?;
        behind.previous().ok_or_else(bad)
    }

    /// A network of two addresses or more.
    fn code_net<A: Address, C: Coder>(
        &mut self,
        coder: &mut C,
        room: Range<A>,
        given: Option<Range<A>>,
        fineness: Fineness,
    ) -> Result<Range<A>, Error> {
        let bits = given.map_or(0, |net| A::BITS - (net.high - net.low).leading_zeros());
        let bits = self.net_bits.code(coder, bits);
        if bits == 0 || bits >= A::BITS {
            return Err(Error::Malformed {
                what: "size of an edit",
            });
        }
        let no_room = || Error::Malformed {
            what: "room for a network",
        };
        // The last one must end in the room, too.
        let mask = A::low_mask(bits);
        let mut numbers = multiples(room, bits).ok_or_else(no_room)?;
        if room.high & mask != mask {
            numbers = without_high(numbers).map_err(|_| no_room())?;
        }
        let given = given.map(|net| net.low >> bits);
        let at = Bits {
            shift: bits,
            fineness,
        };
        let low = self.net_number.code(coder, numbers, given, at) << bits;
        Ok(Range {
            low,
            high: low + mask,
        })
    }
}

/// Whether the addresses are a network of two addresses or more, but not all addresses.
fn is_net<A: Address>(range: Range<A>) -> bool {
    let size = range.high - range.low;
    size != A::LAST && size & (size + A::ONE) == A::FIRST && range.low & size == A::FIRST
}

fn without_low<A: Address>(range: Range<A>) -> Result<Range<A>, Error> {
    let low = range.low.next().filter(|low| *low <= range.high);
    let low = low.ok_or(Error::Malformed {
        what: "room for an edit",
    })?;
    Ok(Range { low, ..range })
}

fn without_high<A: Address>(range: Range<A>) -> Result<Range<A>, Error> {
    let high = range.high.previous().filter(|high| *high >= range.low);
    let high = high.ok_or(Error::Malformed {
        what: "room for an edit",
    })?;
    Ok(Range { high, ..range })
}

/// The multiples of 2^`bits` in the room, divided by that.
fn multiples<A: Address>(room: Range<A>, bits: u32) -> Option<Range<A>> {
    let is_cut = room.low & A::low_mask(bits) != A::FIRST;
    let low = if is_cut {
        (room.low >> bits) + A::ONE
    } else {
        room.low >> bits
    };
    let high = room.high >> bits;
    (low <= high).then_some(Range { low, high })
}

/// The odd ones among the numbers.
fn odd<A: Address>(numbers: Range<A>) -> Option<Range<A>> {
    let low = if numbers.low.bit(0) {
        numbers.low
    } else {
        numbers.low + A::ONE
    };
    let high = if numbers.high.bit(0) {
        numbers.high
    } else {
        numbers.high.previous()?
    };
    (low <= high).then_some(Range { low, high })
}

/// Which bits of an address a number is made of, and how finely they are told apart.
#[derive(Clone, Copy)]
struct Bits {
    /// The number stands for an address without so many of its lowest bits.
    shift: u32,
    fineness: Fineness,
}

/// Contexts for a number in a range, bit by bit from the top.
struct RangeBits {
    chances: Vec<Chance>,
}

const EDGES: usize = 4;

impl RangeBits {
    fn new() -> RangeBits {
        RangeBits {
            chances: vec![Chance::EVEN; 129 * EDGES * Fineness::DENSITIES],
        }
    }

    fn code<A: Address, C: Coder>(
        &mut self,
        coder: &mut C,
        range: Range<A>,
        given: Option<A>,
        at: Bits,
    ) -> A {
        let bits = A::BITS - (range.low ^ range.high).leading_zeros();
        let mut number = if bits == A::BITS {
            A::FIRST
        } else {
            range.low >> bits << bits
        };
        // Whether all bits so far are those of the lowest, of the highest number.
        let (mut on_low, mut on_high) = (true, true);
        let mut zeros = 0u32;
        for bit in (0..bits).rev() {
            let (low, high) = (range.low.bit(bit), range.high.bit(bit));
            let is_one = if on_low && low {
                true
            } else if on_high && !high {
                false
            } else {
                let edges = usize::from(on_low) | usize::from(on_high) << 1;
                let near = if A::BITS > 32 {
                    (32 - zeros.leading_zeros()) as usize
                } else {
                    at.fineness.density
                };
                let place = at.fineness.position(bit + at.shift) * EDGES + edges;
                let near = near.min(Fineness::DENSITIES - 1);
                let context = place * Fineness::DENSITIES + near;
                let given = given.is_some_and(|number| number.bit(bit));
                coder.bit(pick(&mut self.chances, context), given)
            };
            on_low &= is_one == low;
            on_high &= is_one == high;
            zeros = if is_one { 0 } else { zeros + 1 };
            if is_one {
                number = number | A::ONE << bit;
            }
        }
        number
    }
}
