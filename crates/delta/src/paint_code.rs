//! Paints as decisions: one description for writing and for reading.
//!
//! Both sides know the old content, so a paint is told by the interval of the old content in which
//! it starts, by where it lies in what is left of the interval, and by its value among those that
//! are near.

use rblmap::{Run, ValueId};

use crate::coder::{Chance, Coder};
use crate::error::Error;
use crate::extent::{Extent, Room};
use crate::numbers::{Gamma, Gaps, pick};
use crate::old::Old;
use crate::paint::{Edit, Interval, Intervals};
use crate::table::{Guesses, Table};
use rblmap_format::Address;

/// How many intervals of each kind a delta starts paints in, and how many paints there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    pub(crate) covered: u64,
    pub(crate) free: u64,
    pub(crate) paints: u64,
    /// Whether any paint goes over more than one interval.
    pub(crate) spans: bool,
}

/// Where the paints of an edit start.
#[derive(Debug, Default)]
struct Starts {
    /// Ranks among the covered and among the free intervals, rising.
    covered: Vec<u64>,
    free: Vec<u64>,
    /// Paints after the first, for each started interval in address order.
    more: Vec<u64>,
}

/// From this many paints on contexts are fine-grained.
const MANY: u64 = 2000;

/// Counts what [`encode`] will write.
pub(crate) fn count<A: Address>(old: &[Run<A>], paints: &[Edit<A>]) -> Counts {
    let starts = starts(old, paints);
    let mut ends = Intervals::new(old);
    let mut current = ends.next();
    let mut spans = false;
    for paint in paints {
        while current.is_some_and(|interval| interval.end < paint.start) {
            current = ends.next();
        }
        spans |= current.is_some_and(|interval| interval.end < paint.end);
    }
    Counts {
        covered: starts.covered.len() as u64,
        free: starts.free.len() as u64,
        paints: paints.len() as u64,
        spans,
    }
}

/// Writes rising, disjoint paints, each of which changes all that it covers.
pub(crate) fn encode<A: Address, C: Coder>(
    coder: &mut C,
    old: &[Run<A>],
    counts: Counts,
    paints: &[Edit<A>],
    table: &mut Table,
) -> Result<(), Error> {
    if paints.is_empty() {
        return Ok(());
    }
    let starts = starts(old, paints);
    code(coder, &old, counts, Some((&starts, paints)), table).map(drop)
}

/// Reads paints.
///
/// # Errors
/// Bytes that nobody wrote, as far as that shows.
pub(crate) fn decode<A: Address, C: Coder>(
    coder: &mut C,
    old: &impl Old<A>,
    counts: Counts,
    table: &mut Table,
) -> Result<Vec<Edit<A>>, Error> {
    code(coder, old, counts, None, table)
}

fn starts<A: Address>(old: &[Run<A>], paints: &[Edit<A>]) -> Starts {
    let mut starts = Starts::default();
    let (mut covered, mut free) = (0, 0);
    let mut paints = paints.iter().peekable();
    for interval in Intervals::new(old) {
        let mut here = 0u64;
        while paints
            .next_if(|paint| paint.start <= interval.end)
            .is_some()
        {
            here += 1;
        }
        let (rank, ranks) = match interval.value {
            Some(_) => (&mut covered, &mut starts.covered),
            None => (&mut free, &mut starts.free),
        };
        if here > 0 {
            ranks.push(*rank);
            starts.more.push(here - 1);
        }
        *rank += 1;
        if paints.peek().is_none() {
            break;
        }
    }
    starts
}

fn code<A: Address, C: Coder>(
    coder: &mut C,
    old: &impl Old<A>,
    counts: Counts,
    given: Option<(&Starts, &[Edit<A>])>,
    table: &mut Table,
) -> Result<Vec<Edit<A>>, Error> {
    let starts = code_starts(coder, old.counts(), counts, given.map(|g| g.0))?;
    let mut given = given.map_or(&[][..], |(_, paints)| paints).iter();
    let mut painter = Painter::new(counts);
    let mut paints: Vec<Edit<A>> = Vec::new();
    let mut more = starts.more.iter();
    old.each_started(&starts.covered, &starts.free, |before, interval, after| {
        let here = 1 + more.next().copied().unwrap_or(0);
        // Looked for once: it may lie far away.
        let right = after.clone().next().and_then(|interval| interval.value);
        for nth in 0..here {
            let place = Place {
                interval,
                first: nth == 0,
                before,
                right,
                after: after.clone(),
                reached: paints.last().map(|paint| paint.end),
                last: paints.last().and_then(|paint| paint.value),
            };
            paints.push(painter.paint(coder, place, given.next(), table)?);
            coder.check()?;
        }
        Ok(())
    })?;
    // Lines that nobody writes hold fewer runs than are counted.
    if paints.len() as u64 != counts.paints {
        return Err(Error::Malformed {
            what: "count of paints",
        });
    }
    Ok(paints)
}

fn code_starts<C: Coder>(
    coder: &mut C,
    (covered, free): (u64, u64),
    counts: Counts,
    given: Option<&Starts>,
) -> Result<Starts, Error> {
    let bad = Error::Malformed {
        what: "count of paints",
    };
    let mut starts = Starts::default();
    let ranks = |part: fn(&Starts) -> &Vec<u64>| given.map_or(&[][..], |starts| part(starts));
    let kinds = [
        (
            covered,
            counts.covered,
            ranks(|starts| &starts.covered),
            &mut starts.covered,
        ),
        (
            free,
            counts.free,
            ranks(|starts| &starts.free),
            &mut starts.free,
        ),
    ];
    for (of, chosen, given, out) in kinds {
        *out = code_ranks(coder, of, chosen, given)?;
    }
    let started = starts.covered.len() + starts.free.len();
    let Some(mut left) = counts.paints.checked_sub(started as u64) else {
        return Err(bad);
    };
    let mut model = Gamma::new();
    for at in 0..started {
        let number = given
            .and_then(|starts| starts.more.get(at).copied())
            .unwrap_or(0);
        // The last interval has what the others left.
        let number = match left {
            0 => 0,
            _ if at + 1 == started => left,
            _ => model.code(coder, number),
        };
        let Some(rest) = left.checked_sub(number) else {
            return Err(bad);
        };
        left = rest;
        starts.more.push(number);
        coder.check()?;
    }
    if left > 0 { Err(bad) } else { Ok(starts) }
}

/// A sorted choice of ranks.
pub(crate) fn code_ranks<C: Coder>(
    coder: &mut C,
    of: u64,
    chosen: u64,
    given: &[u64],
) -> Result<Vec<u64>, Error> {
    let bad = Error::Malformed { what: "rank" };
    if chosen > of {
        return Err(bad);
    }
    let mut gaps = Gaps::new(of, chosen);
    let mut ranks = Vec::new();
    let mut from = 0u64;
    for at in 0..chosen {
        let given = usize::try_from(at).ok().and_then(|at| given.get(at));
        let gap = gaps.code(coder, given.map_or(0, |rank| rank - from));
        let rank = from.checked_add(gap).filter(|&rank| rank < of);
        let Some(rank) = rank else {
            return Err(bad);
        };
        ranks.push(rank);
        from = rank + 1;
        coder.check()?;
    }
    Ok(ranks)
}

/// Where a paint is to go, as far as both sides know.
struct Place<A, B> {
    interval: Interval<A>,
    /// Whether it is the first paint that starts in the interval.
    first: bool,
    /// What the interval before says.
    before: Option<ValueId>,
    /// What the interval behind says.
    right: Option<ValueId>,
    /// The intervals behind.
    after: B,
    /// The end of the paint before.
    reached: Option<A>,
    /// The value of the paint before.
    last: Option<ValueId>,
}

impl<A: Address, B> Place<A, B> {
    /// The values on both sides of a paint, the nearer first, and how far that is, as a context.
    fn sides(&self, start: A, end: A) -> ([Option<ValueId>; 2], usize) {
        let Interval {
            start: low,
            end: high,
            value,
        } = self.interval;
        let (left, left_end) = match self.reached.filter(|&reached| reached >= low) {
            Some(reached) if value.is_none() => (self.last, reached),
            _ => (self.before, low.previous().unwrap_or_default()),
        };
        let right = self.right.filter(|_| end <= high);
        let (to_left, to_right) = (start - left_end, high.max(end) - end);
        let left_first = right.is_none() || (left.is_some() && to_left <= to_right);
        let (sides, distance) = if left_first {
            ([left, right], to_left)
        } else {
            ([right, left], to_right)
        };
        let bits = (A::BITS - distance.leading_zeros()) as usize;
        (sides, (bits / 3).min(7))
    }
}

/// The contexts of paints.
struct Painter {
    counts: Counts,
    span: Gamma,
    free: Extent,
    covered: Extent,
    removes: [Chance; 4],
    guesses: [Guesses<3>; 2],
    /// How far apart the last two paints of one interval were, in bits.
    density: usize,
}

impl Painter {
    fn new(counts: Counts) -> Painter {
        Painter {
            counts,
            span: Gamma::new(),
            free: Extent::new(),
            covered: Extent::new(),
            removes: [Chance::EVEN; 4],
            guesses: [Guesses::new(), Guesses::new()],
            density: 0,
        }
    }

    fn paint<A: Address, C: Coder, B: Iterator<Item = Interval<A>> + Clone>(
        &mut self,
        coder: &mut C,
        place: Place<A, B>,
        given: Option<&Edit<A>>,
        table: &mut Table,
    ) -> Result<Edit<A>, Error> {
        let bad = Error::Malformed {
            what: "place of a paint",
        };
        let low = match place.reached.filter(|&end| end >= place.interval.start) {
            Some(end) => end
                .next()
                .filter(|&low| low <= place.interval.end)
                .ok_or(bad)?,
            None => place.interval.start,
        };
        let room = Room {
            low,
            high: place.interval.end,
        };
        let last = if self.counts.spans {
            self.span(coder, &place, given)?
        } else {
            place.interval
        };
        let extent = if place.interval.value.is_some() {
            &mut self.covered
        } else {
            &mut self.free
        };
        let grain = if self.counts.paints < MANY { 4 } else { 1 };
        let density = if place.first { 0 } else { 1 + self.density / 2 };
        let given_ends = given.map(|paint| (paint.start, paint.end));
        let (start, end) = if last == place.interval {
            extent.code(coder, room, given_ends, (grain, density))?
        } else {
            let start = extent.start(coder, room, given_ends, grain)?;
            let room = Room {
                low: last.start,
                high: last.end,
            };
            (start, extent.end(coder, room, given_ends, grain)?)
        };
        if !place.first {
            let bits = A::BITS - (start ^ low.previous().unwrap_or_default()).leading_zeros();
            self.density = bits as usize;
        }
        let value = self.value(coder, &place, (start, end), given.map(|p| p.value), table)?;
        Ok(Edit { start, end, value })
    }

    /// The interval in which the paint ends.
    fn span<A: Address, C: Coder, B: Iterator<Item = Interval<A>> + Clone>(
        &mut self,
        coder: &mut C,
        place: &Place<A, B>,
        given: Option<&Edit<A>>,
    ) -> Result<Interval<A>, Error> {
        let crossed = given.map_or(0, |paint| {
            let ahead = place.after.clone();
            let starts = ahead.take_while(|interval| interval.start <= paint.end);
            starts.count() as u64
        });
        let crossed = self.span.code(coder, crossed);
        if crossed == 0 {
            return Ok(place.interval);
        }
        let nth = usize::try_from(crossed - 1).unwrap_or(usize::MAX);
        let last = place.after.clone().nth(nth);
        last.ok_or(Error::Malformed {
            what: "span of a paint",
        })
    }

    fn value<A: Address, C: Coder, B: Iterator<Item = Interval<A>> + Clone>(
        &mut self,
        coder: &mut C,
        place: &Place<A, B>,
        (start, end): (A, A),
        given: Option<Option<ValueId>>,
        table: &mut Table,
    ) -> Result<Option<ValueId>, Error> {
        let old = place.interval.value;
        let given_value = given.flatten();
        if let Some(only) = table.only() {
            return Ok(if old.is_some() { None } else { Some(only) });
        }
        let crosses = end > place.interval.end;
        if old.is_some() || crosses {
            let whole = start == place.interval.start && end == place.interval.end;
            let context = usize::from(whole) | usize::from(old.is_none()) << 1;
            if coder.bit(pick(&mut self.removes, context), given_value.is_none()) {
                return if old.is_some() {
                    Ok(None)
                } else {
                    Err(Error::Malformed { what: "paint" })
                };
            }
        }
        let (sides, context) = place.sides(start, end);
        let guesses = self.guesses.get_mut(usize::from(old.is_some()));
        let guesses = guesses.ok_or(Error::Malformed { what: "paint" })?;
        let mut tried = [old, None, None];
        for (nth, guess) in sides.into_iter().chain([place.last]).enumerate() {
            if guess.is_none() || tried.contains(&guess) {
                continue;
            }
            if guesses.code(coder, nth, context, given_value == guess) {
                return Ok(guess);
            }
            if let Some(slot) = tried.get_mut((nth + 1).min(2)) {
                *slot = guess;
            }
        }
        let many = self.counts.paints >= MANY;
        let beside = if old.is_some() {
            old
        } else {
            sides.into_iter().flatten().next().filter(|_| many)
        };
        let value = table.code(coder, beside, old.is_some(), given_value)?;
        if Some(value) == old {
            return Err(Error::Malformed {
                what: "paint that changes nothing",
            });
        }
        Ok(Some(value))
    }
}
