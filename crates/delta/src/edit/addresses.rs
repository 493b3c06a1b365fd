//! Edits as decisions: one description for writing and for reading.
//!
//! Both sides know the old content, so a edit is told by the interval of the old content in which
//! it starts, by where it lies in what is left of the interval, and by its value among those that
//! are near.

use rblmap::{Run, ValueId};

use crate::codec::numbers::{Gamma, Gaps, pick};
use crate::codec::range_coder::{Chance, Coder};
use crate::codec::value_refs::{Guesses, Table};
use crate::edit::base::Base;
use crate::edit::extent::{Extent, Room};
use crate::error::Error;
use rblmap_content::{Edit, RunOrGap, RunsAndGaps};
use rblmap_format::Address;

/// How many runs and gaps of each kind a delta starts edits in, and how many edits there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    pub(crate) in_runs: u64,
    pub(crate) in_gaps: u64,
    pub(crate) edits: u64,
    /// Whether any edit goes over more than one interval.
    pub(crate) spans: bool,
}

/// Where the edits of an edit start.
#[derive(Debug, Default)]
struct Starts {
    /// Ranks among the in_runs and among the in_gaps runs and gaps, rising.
    in_runs: Vec<u64>,
    in_gaps: Vec<u64>,
    /// Edits after the first, for each started interval in address order.
    more: Vec<u64>,
}

/// From this many edits on contexts are fine-grained.
const MANY: u64 = 2000;

/// Counts what [`encode`] will write.
pub(crate) fn count<A: Address>(old: &[Run<A>], edits: &[Edit<A>]) -> Counts {
    let starts = starts(old, edits);
    let mut ends = RunsAndGaps::new(old);
    let mut current = ends.next();
    let mut spans = false;
    for edit in edits {
        while current.is_some_and(|interval| interval.end < edit.start) {
            current = ends.next();
        }
        spans |= current.is_some_and(|interval| interval.end < edit.end);
    }
    Counts {
        in_runs: starts.in_runs.len() as u64,
        in_gaps: starts.in_gaps.len() as u64,
        edits: edits.len() as u64,
        spans,
    }
}

/// Writes rising, disjoint edits, each of which changes all that it covers.
pub(crate) fn encode<A: Address, C: Coder>(
    coder: &mut C,
    old: &[Run<A>],
    counts: Counts,
    edits: &[Edit<A>],
    table: &mut Table,
) -> Result<(), Error> {
    if edits.is_empty() {
        return Ok(());
    }
    let starts = starts(old, edits);
    code(coder, &old, counts, Some((&starts, edits)), table).map(drop)
}

/// Reads edits.
///
/// # Errors
/// Bytes that nobody wrote, as far as that shows.
pub(crate) fn decode<A: Address, C: Coder>(
    coder: &mut C,
    old: &impl Base<A>,
    counts: Counts,
    table: &mut Table,
) -> Result<Vec<Edit<A>>, Error> {
    code(coder, old, counts, None, table)
}

fn starts<A: Address>(old: &[Run<A>], edits: &[Edit<A>]) -> Starts {
    let mut starts = Starts::default();
    let (mut in_runs, mut in_gaps) = (0, 0);
    let mut edits = edits.iter().peekable();
    for interval in RunsAndGaps::new(old) {
        let mut here = 0u64;
        while edits.next_if(|edit| edit.start <= interval.end).is_some() {
            here += 1;
        }
        let (rank, ranks) = match interval.value {
            Some(_) => (&mut in_runs, &mut starts.in_runs),
            None => (&mut in_gaps, &mut starts.in_gaps),
        };
        if here > 0 {
            ranks.push(*rank);
            starts.more.push(here - 1);
        }
        *rank += 1;
        if edits.peek().is_none() {
            break;
        }
    }
    starts
}

fn code<A: Address, C: Coder>(
    coder: &mut C,
    old: &impl Base<A>,
    counts: Counts,
    given: Option<(&Starts, &[Edit<A>])>,
    table: &mut Table,
) -> Result<Vec<Edit<A>>, Error> {
    let starts = code_starts(coder, old.counts(), counts, given.map(|g| g.0))?;
    let mut given = given.map_or(&[][..], |(_, edits)| edits).iter();
    let mut edit_coder = EditCoder::new(counts);
    let mut edits: Vec<Edit<A>> = Vec::new();
    let mut more = starts.more.iter();
    old.each_started(
        &starts.in_runs,
        &starts.in_gaps,
        |before, interval, after| {
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
                    reached: edits.last().map(|edit| edit.end),
                    last: edits.last().and_then(|edit| edit.value),
                };
                edits.push(edit_coder.edit(coder, place, given.next(), table)?);
                coder.check()?;
            }
            Ok(())
        },
    )?;
    // Lines that nobody writes hold fewer runs than are counted.
    if edits.len() as u64 != counts.edits {
        return Err(Error::Malformed {
            what: "count of edits",
        });
    }
    Ok(edits)
}

fn code_starts<C: Coder>(
    coder: &mut C,
    (in_runs, in_gaps): (u64, u64),
    counts: Counts,
    given: Option<&Starts>,
) -> Result<Starts, Error> {
    let bad = Error::Malformed {
        what: "count of edits",
    };
    let mut starts = Starts::default();
    let ranks = |part: fn(&Starts) -> &Vec<u64>| given.map_or(&[][..], |starts| part(starts));
    let kinds = [
        (
            in_runs,
            counts.in_runs,
            ranks(|starts| &starts.in_runs),
            &mut starts.in_runs,
        ),
        (
            in_gaps,
            counts.in_gaps,
            ranks(|starts| &starts.in_gaps),
            &mut starts.in_gaps,
        ),
    ];
    for (of, chosen, given, out) in kinds {
        *out = code_ranks(coder, of, chosen, given)?;
    }
    let started = starts.in_runs.len() + starts.in_gaps.len();
    let Some(mut left) = counts.edits.checked_sub(started as u64) else {
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

/// Where a edit is to go, as far as both sides know.
struct Place<A, B> {
    interval: RunOrGap<A>,
    /// Whether it is the first edit that starts in the interval.
    first: bool,
    /// What the interval before says.
    before: Option<ValueId>,
    /// What the interval behind says.
    right: Option<ValueId>,
    /// The runs and gaps behind.
    after: B,
    /// The end of the edit before.
    reached: Option<A>,
    /// The value of the edit before.
    last: Option<ValueId>,
}

impl<A: Address, B> Place<A, B> {
    /// The values on both sides of a edit, the nearer first, and how far that is, as a context.
    fn sides(&self, start: A, end: A) -> ([Option<ValueId>; 2], usize) {
        let RunOrGap {
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

/// The contexts of edits.
struct EditCoder {
    counts: Counts,
    span: Gamma,
    in_gaps: Extent,
    in_runs: Extent,
    removes: [Chance; 4],
    guesses: [Guesses<3>; 2],
    /// How far apart the last two edits of one interval were, in bits.
    density: usize,
}

impl EditCoder {
    fn new(counts: Counts) -> EditCoder {
        EditCoder {
            counts,
            span: Gamma::new(),
            in_gaps: Extent::new(),
            in_runs: Extent::new(),
            removes: [Chance::EVEN; 4],
            guesses: [Guesses::new(), Guesses::new()],
            density: 0,
        }
    }

    fn edit<A: Address, C: Coder, B: Iterator<Item = RunOrGap<A>> + Clone>(
        &mut self,
        coder: &mut C,
        place: Place<A, B>,
        given: Option<&Edit<A>>,
        table: &mut Table,
    ) -> Result<Edit<A>, Error> {
        let bad = Error::Malformed {
            what: "place of a edit",
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
            &mut self.in_runs
        } else {
            &mut self.in_gaps
        };
        let grain = if self.counts.edits < MANY { 4 } else { 1 };
        let density = if place.first { 0 } else { 1 + self.density / 2 };
        let given_ends = given.map(|edit| (edit.start, edit.end));
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

    /// The interval in which the edit ends.
    fn span<A: Address, C: Coder, B: Iterator<Item = RunOrGap<A>> + Clone>(
        &mut self,
        coder: &mut C,
        place: &Place<A, B>,
        given: Option<&Edit<A>>,
    ) -> Result<RunOrGap<A>, Error> {
        let crossed = given.map_or(0, |edit| {
            let ahead = place.after.clone();
            let starts = ahead.take_while(|interval| interval.start <= edit.end);
            starts.count() as u64
        });
        let crossed = self.span.code(coder, crossed);
        if crossed == 0 {
            return Ok(place.interval);
        }
        let nth = usize::try_from(crossed - 1).unwrap_or(usize::MAX);
        let last = place.after.clone().nth(nth);
        last.ok_or(Error::Malformed {
            what: "span of a edit",
        })
    }

    fn value<A: Address, C: Coder, B: Iterator<Item = RunOrGap<A>> + Clone>(
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
                    Err(Error::Malformed { what: "edit" })
                };
            }
        }
        let (sides, context) = place.sides(start, end);
        let guesses = self.guesses.get_mut(usize::from(old.is_some()));
        let guesses = guesses.ok_or(Error::Malformed { what: "edit" })?;
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
        let many = self.counts.edits >= MANY;
        let beside = if old.is_some() {
            old
        } else {
            sides.into_iter().flatten().next().filter(|_| many)
        };
        let value = table.code(coder, beside, old.is_some(), given_value)?;
        if Some(value) == old {
            return Err(Error::Malformed {
                what: "edit that changes nothing",
            });
        }
        Ok(Some(value))
    }
}
