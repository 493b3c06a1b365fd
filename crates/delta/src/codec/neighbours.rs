//! Byte strings between their neighbours in a sorted list: values and names.

use crate::codec::numbers::{Gamma, Gaps};
use crate::codec::range_coder::{Chance, Coder};
use crate::error::Error;

/// The strings on both sides of one that is told, in byte order; empty where there is none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Neighbours<'a> {
    pub(crate) left: &'a [u8],
    pub(crate) right: &'a [u8],
}

/// Contexts for what a string shares with its neighbours.
#[derive(Debug)]
pub(crate) struct Shared {
    more: Gamma,
    side: Chance,
}

/// What a new string begins with, and the neighbour from which it has that.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stem<'a> {
    pub(crate) prefix: &'a [u8],
    pub(crate) neighbour: &'a [u8],
}

impl Shared {
    pub(crate) fn new() -> Shared {
        Shared {
            more: Gamma::new(),
            side: Chance::EVEN,
        }
    }

    /// What the string shares with the one before and the one behind. It shares with both what
    /// these share; told is how much more it shares with one of them, and with which.
    ///
    /// # Errors
    /// Reading: more than the neighbour has.
    pub(crate) fn code<'a, C: Coder>(
        &mut self,
        coder: &mut C,
        Neighbours { left, right }: Neighbours<'a>,
        given: Option<&[u8]>,
    ) -> Result<Stem<'a>, Error> {
        let both = common(left, right);
        let given = given.map(|key| [common(key, left), common(key, right)]);
        let with_right = given.is_some_and(|[left, right]| right > left);
        let more = given.map_or(0, |[left, right]| left.max(right) - both);
        let more = self.more.code(coder, more as u64);
        let with_right = more > 0 && coder.bit(&mut self.side, with_right);
        let neighbour = if with_right { right } else { left };
        let prefix = usize::try_from(more)
            .ok()
            .and_then(|more| neighbour.get(..both.checked_add(more)?));
        let prefix = prefix.ok_or(Error::Malformed {
            what: "shared prefix",
        })?;
        Ok(Stem { prefix, neighbour })
    }
}

/// How many first bytes two strings share.
pub(crate) fn common(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// How many last bytes two strings share.
pub(crate) fn common_end(a: &[u8], b: &[u8]) -> usize {
    a.iter()
        .rev()
        .zip(b.iter().rev())
        .take_while(|(a, b)| a == b)
        .count()
}

/// Contexts for where in a sorted list the added strings go.
#[derive(Debug)]
pub(crate) struct Insertions {
    gaps: Gaps,
    at: u64,
    last: u64,
}

impl Insertions {
    /// For `added` strings among `count`.
    pub(crate) fn new(count: u64, added: u64) -> Insertions {
        Insertions {
            gaps: Gaps::new(count.saturating_add(added), added),
            at: 0,
            last: count,
        }
    }

    /// How many of the list stand before the next string; never less than for the one before.
    ///
    /// # Errors
    /// Reading: past the list's end.
    pub(crate) fn code<C: Coder>(&mut self, coder: &mut C, given: u64) -> Result<u64, Error> {
        let gap = self.gaps.code(coder, given.saturating_sub(self.at));
        let at = self.at.checked_add(gap).filter(|&at| at <= self.last);
        self.at = at.ok_or(Error::Malformed {
            what: "insertion rank",
        })?;
        coder.check()?;
        Ok(self.at)
    }
}
