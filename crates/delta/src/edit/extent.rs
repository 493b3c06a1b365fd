//! Where a edit lies in the room there is for it, as decisions.

use crate::codec::numbers::{Tree, pick};
use crate::codec::range_coder::{Chance, Coder};
use crate::error::Error;
use rblmap_format::Address;

/// The addresses in which a edit may lie, both ends included.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room<A> {
    pub(crate) low: A,
    pub(crate) high: A,
}

/// Contexts for where in its room a edit lies. Room to the edge of the interval, and networks,
/// are told by a decision or two.
pub(crate) struct Extent {
    at_low: Chance,
    at_high: [Chance; 2],
    is_net: Chance,
    net: Tree<128>,
    zeros: Tree<128>,
    net_slot: Slots,
    edge_slot: Slots,
}

impl Extent {
    pub(crate) fn new() -> Extent {
        Extent {
            at_low: Chance::EVEN,
            at_high: [Chance::EVEN; 2],
            is_net: Chance::EVEN,
            net: Tree::new(),
            zeros: Tree::new(),
            net_slot: Slots::new(),
            edge_slot: Slots::new(),
        }
    }

    /// A stretch inside the room.
    pub(crate) fn code<A: Address, C: Coder>(
        &mut self,
        coder: &mut C,
        room: Room<A>,
        given: Option<(A, A)>,
        (grain, density): (u32, usize),
    ) -> Result<(A, A), Error> {
        if room.low == room.high {
            return Ok((room.low, room.low));
        }
        let at_low = coder.bit(
            &mut self.at_low,
            given.is_some_and(|(start, _)| start == room.low),
        );
        let at_high = pick(&mut self.at_high, at_low.into());
        let at_high = coder.bit(at_high, given.is_some_and(|(_, end)| end == room.high));
        let given_start = given.map(|(start, _)| start);
        let given_end = given.map(|(_, end)| end);
        let inner = Room {
            low: room.low,
            high: room.high.previous().unwrap_or_default(),
        };
        match (at_low, at_high) {
            (true, true) => Ok((room.low, room.high)),
            (true, false) => Ok((room.low, self.code_end(coder, inner, given_end, grain)?)),
            (false, true) => {
                let start = self.code_start(coder, room, given_start, grain)?;
                Ok((start, room.high))
            }
            (false, false) => {
                // Neither end is at the edge, so one address on each side stays.
                let low = room.low.next().filter(|&low| low < room.high);
                let low = low.ok_or(Error::Malformed {
                    what: "room for a edit",
                })?;
                let room = Room {
                    low,
                    high: inner.high,
                };
                if coder.bit(&mut self.is_net, given.is_some_and(|(s, e)| is_net(s, e))) {
                    return self.code_net(coder, room, given, (grain, density));
                }
                let start = self.code_start_in(coder, room, given_start, grain)?;
                let room = Room {
                    low: start,
                    high: room.high,
                };
                Ok((start, self.code_end(coder, room, given_end, grain)?))
            }
        }
    }

    /// Where a edit over several intervals starts.
    pub(crate) fn start<A: Address, C: Coder>(
        &mut self,
        coder: &mut C,
        room: Room<A>,
        given: Option<(A, A)>,
        grain: u32,
    ) -> Result<A, Error> {
        let given = given.map(|(start, _)| start);
        if room.low == room.high || coder.bit(&mut self.at_low, given == Some(room.low)) {
            return Ok(room.low);
        }
        self.code_start(coder, room, given, grain)
    }

    /// Where a edit over several intervals ends.
    pub(crate) fn end<A: Address, C: Coder>(
        &mut self,
        coder: &mut C,
        room: Room<A>,
        given: Option<(A, A)>,
        grain: u32,
    ) -> Result<A, Error> {
        let given = given.map(|(_, end)| end);
        let [at_high, _] = &mut self.at_high;
        if room.low == room.high || coder.bit(at_high, given == Some(room.high)) {
            return Ok(room.high);
        }
        let room = Room {
            low: room.low,
            high: room.high.previous().unwrap_or_default(),
        };
        self.code_end(coder, room, given, grain)
    }

    /// A start behind the first address of the room.
    fn code_start<A: Address, C: Coder>(
        &mut self,
        coder: &mut C,
        room: Room<A>,
        given: Option<A>,
        grain: u32,
    ) -> Result<A, Error> {
        let low = room.low.next().filter(|&low| low <= room.high);
        let low = low.ok_or(Error::Malformed {
            what: "room for a edit",
        })?;
        self.code_start_in(
            coder,
            Room {
                low,
                high: room.high,
            },
            given,
            grain,
        )
    }

    /// A start anywhere in the room: as many zero bits as it ends in, then which of those.
    fn code_start_in<A: Address, C: Coder>(
        &mut self,
        coder: &mut C,
        room: Room<A>,
        given: Option<A>,
        grain: u32,
    ) -> Result<A, Error> {
        let zeros = given.map_or(0, |start| start.trailing_zeros().min(A::BITS - 1));
        let zeros = self.zeros.code(coder, zeros);
        let bad = Error::Malformed {
            what: "alignment of a edit",
        };
        if zeros >= A::BITS {
            return Err(bad);
        }
        let slots = slots(room, zeros).and_then(odd).ok_or(bad)?;
        let shift = zeros + 1;
        let half = |slot: A| slot >> 1;
        let given = given.map(|start| half(start >> zeros));
        let room = Room {
            low: half(slots.low),
            high: half(slots.high),
        };
        let slot = self.edge_slot.code(coder, room, given, (shift, grain, 0));
        Ok(((slot << 1) ^ A::ONE) << zeros)
    }

    /// An end in the room, told as the start behind it, which is never past the last address.
    fn code_end<A: Address, C: Coder>(
        &mut self,
        coder: &mut C,
        room: Room<A>,
        given: Option<A>,
        grain: u32,
    ) -> Result<A, Error> {
        let bad = Error::Malformed {
            what: "end of a edit",
        };
        let (Some(low), Some(high)) = (room.low.next(), room.high.next()) else {
            return Err(bad);
        };
        let given = given.and_then(|end| end.next());
        let behind = self.code_start_in(coder, Room { low, high }, given, grain)?;
        Ok(behind.previous().unwrap_or_default())
    }

    fn code_net<A: Address, C: Coder>(
        &mut self,
        coder: &mut C,
        room: Room<A>,
        given: Option<(A, A)>,
        (grain, density): (u32, usize),
    ) -> Result<(A, A), Error> {
        let bits = given.map_or(0, |(start, end)| A::BITS - (end - start).leading_zeros());
        let bits = self.net.code(coder, bits);
        let bad = Error::Malformed {
            what: "size of a edit",
        };
        if bits >= A::BITS {
            return Err(bad);
        }
        // The last slot must end in the room too.
        let mask = A::low_mask(bits);
        let slots = slots(room, bits).ok_or(bad)?;
        let whole = room.high & mask == mask;
        let high = if whole {
            slots.high
        } else {
            slots.high.previous().unwrap_or_default()
        };
        if slots.high == A::FIRST && !whole || high < slots.low {
            return Err(Error::Malformed {
                what: "room for a network",
            });
        }
        let given = given.map(|(start, _)| start >> bits);
        let room = Room {
            low: slots.low,
            high,
        };
        let slot = self
            .net_slot
            .code(coder, room, given, (bits, grain, density));
        let start = slot << bits;
        Ok((start, start + mask))
    }
}

fn is_net<A: Address>(start: A, end: A) -> bool {
    let size = end - start;
    (size == A::LAST || size & (size + A::ONE) == A::FIRST) && start & size == A::FIRST
}

/// The multiples of 2^`bits` in the room, divided by that.
fn slots<A: Address>(room: Room<A>, bits: u32) -> Option<Room<A>> {
    let cut = room.low & A::low_mask(bits) != A::FIRST;
    let low = if cut {
        (room.low >> bits) + A::ONE
    } else {
        room.low >> bits
    };
    let high = room.high >> bits;
    (low <= high).then_some(Room { low, high })
}

/// The odd ones among the slots.
fn odd<A: Address>(slots: Room<A>) -> Option<Room<A>> {
    let low = if slots.low.bit(0) {
        slots.low
    } else {
        slots.low + A::ONE
    };
    let high = if slots.high.bit(0) {
        slots.high
    } else {
        slots.high.previous().unwrap_or_default()
    };
    (high.bit(0) && low <= high).then_some(Room { low, high })
}

/// Contexts for a number in a range, bit by bit from the top: a bit is coded only where both are
/// possible.
struct Slots {
    chances: Vec<Chance>,
}

const DENSITIES: usize = 20;
const EDGES: usize = 4;

impl Slots {
    fn new() -> Slots {
        Slots {
            chances: vec![Chance::EVEN; 129 * EDGES * DENSITIES],
        }
    }

    fn code<A: Address, C: Coder>(
        &mut self,
        coder: &mut C,
        room: Room<A>,
        given: Option<A>,
        (shift, grain, density): (u32, u32, usize),
    ) -> A {
        let differ = room.low ^ room.high;
        let bits = A::BITS - differ.leading_zeros();
        let mut slot = if bits == A::BITS {
            A::FIRST
        } else {
            room.low >> bits << bits
        };
        let (mut on_low, mut on_high) = (true, true);
        let mut zeros = 0u32;
        for bit in (0..bits).rev() {
            let (low, high) = (room.low.bit(bit), room.high.bit(bit));
            let is_one = match (on_low && low, on_high && !high) {
                (true, _) => true,
                (_, true) => false,
                _ => {
                    let edges = usize::from(on_low) | usize::from(on_high) << 1;
                    let run = if A::BITS > 32 {
                        (32 - zeros.leading_zeros()) as usize
                    } else {
                        density
                    };
                    let at = ((bit + shift) / grain) as usize;
                    let context = (at * EDGES + edges) * DENSITIES + run.min(DENSITIES - 1);
                    let given = given.is_some_and(|slot| slot.bit(bit));
                    coder.bit(pick(&mut self.chances, context), given)
                }
            };
            on_low &= is_one == low;
            on_high &= is_one == high;
            zeros = if is_one { 0 } else { zeros + 1 };
            if is_one {
                slot = slot ^ (A::ONE << bit);
            }
        }
        slot
    }
}
