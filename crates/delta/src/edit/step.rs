//! An address by the one before it, as decisions: where addresses lie close together, few bits differ.
//!
//! ```text
//!   before     1100 0000 0000 1001          both are the same down to a bit, which is 0 in the one before
//!   address    1100 0000 0001 0110          and 1 in this one; then come the bits below it
//!                           ^
//!                      ^^ ^     asked for each 0 from the lowest on: is it this bit?
//! ```

use rblmap_format::Address;

use crate::codec::numbers::pick;
use crate::codec::range_coder::{Chance, Coder};
use crate::edit::fineness::Fineness;

/// Bits of the addresses that are told so.
const BITS: usize = 32;

/// The contexts of steps.
pub(crate) struct Steps {
    /// Whether a bit is the first that differs: by its position and by how near other edits are.
    differs: Vec<Chance>,
    /// The bits below: by their position, by that of the one that differs, and by whether all so far
    /// are those of the last address that is possible.
    below: Vec<Chance>,
}

impl Steps {
    pub(crate) fn new() -> Steps {
        Steps {
            differs: vec![Chance::EVEN; BITS * Fineness::DENSITIES],
            below: vec![Chance::EVEN; BITS * BITS * 2],
        }
    }

    /// An IPv4 address behind `before` and up to `last`; writing, it is `given`.
    pub(crate) fn code<A: Address, C: Coder>(
        &mut self,
        coder: &mut C,
        (before, last): (A, A),
        given: Option<A>,
        fineness: Fineness,
    ) -> A {
        let highest = |differs: A| (A::BITS - differs.leading_zeros()).saturating_sub(1);
        let top = highest(before ^ last);
        let given_top = given.map_or(top, |given| highest(before ^ given));
        let mut differs = 0;
        while differs < top {
            if !before.bit(differs) {
                let context = fineness.position(differs) * Fineness::DENSITIES + fineness.density;
                if coder.bit(pick(&mut self.differs, context), given_top == differs) {
                    break;
                }
            }
            differs += 1;
        }
        let mut address = (before >> differs | A::ONE) << differs;
        // Whether all bits so far are those of the last one.
        let mut on_last = differs == top;
        for bit in (0..differs).rev() {
            let last = last.bit(bit);
            let is_one = if on_last && !last {
                false
            } else {
                let place = fineness.position(bit) * 2 + usize::from(on_last);
                let context = place * BITS + fineness.position(differs);
                let given = given.is_some_and(|given| given.bit(bit));
                coder.bit(pick(&mut self.below, context), given)
            };
            on_last &= is_one == last;
            if is_one {
                address = address | A::ONE << bit;
            }
        }
        address
    }
}
