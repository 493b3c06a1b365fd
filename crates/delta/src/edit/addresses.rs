//! The coder of addresses: edits as decisions, one description for writing and for reading.
//!
//! Both sides know the base, which is a row of runs and gaps. An edit is told by the run or gap in
//! which it starts, by where it lies in what is left of it, and by its new value among those nearby.
//!
//! ```text
//!            gap 0      run 0        gap 1          run 1      gap 2
//!   base   |--------|##########|----------------|##########|---------|
//!   edits       ^a       ^^b      ^c       ^^^d
//!
//!   ranks      runs {0}, gaps {0, 1}        which of them edits start in
//!   more       0 0 1                        further edits in each: gap 1 has two, the last is implied
//!   then, for each edit in address order:
//!     span     how many runs and gaps it reaches beyond its own   (only if the stream says so)
//!     extent   where it lies between the edit before and the end of its run or gap  (extent.rs)
//!     value    in a run: is it none? else: is it the value of a neighbour? else: a reference
//! ```
//!
//! So adding, removing, splitting, merging, resizing and changing a value are one operation, and what
//! both sides know already costs nothing: an edit of a whole run is two or three likely decisions.
//! The same function writes and reads: with an encoder each decision is given and comes back, with a
//! decoder it comes from the bytes. `docs/delta.md` has the decisions one by one.

use rblmap::ValueId;
use rblmap_content::{Edit, RunOrGap};
use rblmap_format::Address;

use crate::codec::numbers::{Gamma, Gaps, pick};
use crate::codec::range_coder::{Chance, Coder};
use crate::codec::value_refs::{Beside, Guesses, Table};
use crate::edit::base::{Base, Starts};
use crate::edit::extent::{Extent, Range};
use crate::edit::fineness::Fineness;
use crate::error::Error;

/// How many edits a stream has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    /// In how many runs of the base edits start.
    pub(crate) in_runs: u64,
    /// In how many gaps.
    pub(crate) in_gaps: u64,
    /// How many edits there are.
    pub(crate) edits: u64,
    /// Whether any edit goes over more than one run or gap.
    pub(crate) spans: bool,
}

/// A stream of edits. A zone with few edits has one, among the other decisions; one with many has
/// several, each on its own, which are read and written at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Stream<A> {
    pub(crate) counts: Counts,
    /// No edit of the stream starts before this address, and none of the stream before ends behind it.
    pub(crate) from: A,
    /// The length of its decisions; 0 if they are among the others.
    pub(crate) len: u64,
}

/// From this many edits on contexts are fine-grained.
const MANY: u64 = 2000;

/// Writes rising, disjoint edits, each of which changes all that it covers and starts at `from` or
/// behind; `spans` tells whether any goes over more than one run or gap.
pub(crate) fn encode<A: Address, C: Coder>(
    coder: &mut C,
    base: &impl Base<A>,
    edits: &[Edit<A>],
    spans: bool,
    from: A,
    table: &mut Table,
) -> Result<Stream<A>, Error> {
    let starts = base.locate(edits);
    let counts = Counts {
        in_runs: starts.in_runs.len() as u64,
        in_gaps: starts.in_gaps.len() as u64,
        edits: edits.len() as u64,
        spans,
    };
    let len = 0;
    let stream = Stream { counts, from, len };
    let given = Given { starts, edits };
    code(coder, base, &stream, Some(&given), table)?;
    Ok(stream)
}

/// Reads edits.
///
/// # Errors
/// Bytes that nobody wrote, as far as that shows.
pub(crate) fn decode<A: Address, C: Coder>(
    coder: &mut C,
    base: &impl Base<A>,
    stream: &Stream<A>,
    table: &mut Table,
) -> Result<Vec<Edit<A>>, Error> {
    code(coder, base, stream, None, table)
}

/// What a writer tells.
struct Given<'g, A> {
    starts: Starts,
    edits: &'g [Edit<A>],
}

fn code<A: Address, C: Coder>(
    coder: &mut C,
    base: &impl Base<A>,
    stream: &Stream<A>,
    given: Option<&Given<'_, A>>,
    table: &mut Table,
) -> Result<Vec<Edit<A>>, Error> {
    let read = code_starts(
        coder,
        base.counts(),
        stream.counts,
        given.map(|g| &g.starts),
    )?;
    let mut given = given.map_or(&[][..], |given| given.edits).iter();
    let mut edit_coder = EditCoder::new(stream.counts);
    let mut edits: Vec<Edit<A>> = Vec::new();
    let mut more = read.more.iter();
    // Before its first edit a stream stands where the one before may have ended.
    let begin = stream.from.previous();
    base.each_started(&read.in_runs, &read.in_gaps, |before, range, after| {
        if range.end < stream.from {
            return Err(Error::Malformed {
                what: "place of an edit",
            });
        }
        let here = 1 + more.next().copied().unwrap_or(0);
        // It is looked for once: it may lie far away.
        let right = after.clone().next().and_then(|behind| behind.value);
        for nth in 0..here {
            let place = Place {
                range,
                is_first: nth == 0,
                before,
                right,
                after: &after,
                reached: edits.last().map(|edit| edit.end).or(begin),
                last: edits.last().and_then(|edit| edit.value),
            };
            edits.push(edit_coder.edit(coder, &place, given.next(), table)?);
            coder.check()?;
        }
        Ok(())
    })?;
    // Lines that nobody writes hold fewer runs than are counted.
    if edits.len() as u64 != stream.counts.edits {
        return Err(Error::Malformed {
            what: "count of edits",
        });
    }
    Ok(edits)
}

fn code_starts<C: Coder>(
    coder: &mut C,
    (runs, gaps): (u64, u64),
    counts: Counts,
    given: Option<&Starts>,
) -> Result<Starts, Error> {
    let bad = Error::Malformed {
        what: "count of edits",
    };
    let given_runs = given.map_or(&[][..], |starts| &starts.in_runs);
    let given_gaps = given.map_or(&[][..], |starts| &starts.in_gaps);
    let in_runs = code_ranks(coder, runs, counts.in_runs, given_runs)?;
    let in_gaps = code_ranks(coder, gaps, counts.in_gaps, given_gaps)?;
    let started = in_runs.len() + in_gaps.len();
    let Some(mut left) = counts.edits.checked_sub(started as u64) else {
        return Err(bad);
    };
    let mut more = Vec::new();
    let mut model = Gamma::new();
    for at in 0..started {
        let number = given.and_then(|starts| starts.more.get(at).copied());
        // The last one has what the others left.
        let number = match left {
            0 => 0,
            _ if at + 1 == started => left,
            _ => model.code(coder, number.unwrap_or(0)),
        };
        let Some(rest) = left.checked_sub(number) else {
            return Err(bad);
        };
        left = rest;
        more.push(number);
        coder.check()?;
    }
    if left > 0 {
        return Err(bad);
    }
    Ok(Starts {
        in_runs,
        in_gaps,
        more,
    })
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

/// Where an edit is to go, as far as both sides know.
struct Place<'p, A, B> {
    /// The run or gap in which it starts.
    range: RunOrGap<A>,
    /// Whether it is the first edit that starts there.
    is_first: bool,
    /// The value of the run that ends just before `range`.
    before: Option<ValueId>,
    /// The value of what lies behind `range`.
    right: Option<ValueId>,
    /// The runs and gaps behind `range`.
    after: &'p B,
    /// The end of the edit before.
    reached: Option<A>,
    /// The value of the edit before.
    last: Option<ValueId>,
}

/// The values on both sides of an edit.
struct Sides {
    /// The nearer one first.
    values: [Option<ValueId>; 2],
    /// How far away the nearer one is, as a context: a third of the bits of the distance.
    context: usize,
}

impl<A: Address, B> Place<'_, A, B> {
    fn sides(&self, start: A, end: A) -> Sides {
        let RunOrGap {
            start: low,
            end: high,
            value,
        } = self.range;
        let (left, left_end) = match self.reached.filter(|&reached| reached >= low) {
            Some(reached) if value.is_none() => (self.last, reached),
            _ => (self.before, low.previous().unwrap_or(A::FIRST)),
        };
        let right = self.right.filter(|_| end <= high);
        let (to_left, to_right) = (start - left_end, high.max(end) - end);
        let left_first = right.is_none() || (left.is_some() && to_left <= to_right);
        let (values, distance) = if left_first {
            ([left, right], to_left)
        } else {
            ([right, left], to_right)
        };
        let bits = (A::BITS - distance.leading_zeros()) as usize;
        let context = (bits / 3).min(7);
        Sides { values, context }
    }

    /// The addresses in which the edit may start.
    fn room(&self) -> Result<Range<A>, Error> {
        let bad = Error::Malformed {
            what: "place of an edit",
        };
        let (start, high) = (self.range.start, self.range.end);
        let low = match self.reached.filter(|&end| end >= start) {
            Some(end) => end.next().filter(|&low| low <= high).ok_or(bad)?,
            None => start,
        };
        Ok(Range { low, high })
    }
}

/// The contexts of edits.
struct EditCoder {
    counts: Counts,
    span: Gamma,
    in_gap: Extent,
    in_run: Extent,
    removes: [Chance; 4],
    guesses: [Guesses<3>; 2],
    /// How far apart the last two edits of one run or gap were, in bits.
    density: usize,
}

impl EditCoder {
    fn new(counts: Counts) -> EditCoder {
        EditCoder {
            counts,
            span: Gamma::new(),
            in_gap: Extent::new(),
            in_run: Extent::new(),
            removes: [Chance::EVEN; 4],
            guesses: [Guesses::new(), Guesses::new()],
            density: 0,
        }
    }

    #[inline]
    fn edit<A: Address, C: Coder, B: Iterator<Item = RunOrGap<A>> + Clone>(
        &mut self,
        coder: &mut C,
        place: &Place<'_, A, B>,
        given: Option<&Edit<A>>,
        table: &mut Table,
    ) -> Result<Edit<A>, Error> {
        let room = place.room()?;
        let last = if self.counts.spans {
            self.span(coder, place, given)?
        } else {
            place.range
        };
        let extent = if place.range.value.is_some() {
            &mut self.in_run
        } else {
            &mut self.in_gap
        };
        let fineness = Fineness {
            grain: if self.counts.edits < MANY { 4 } else { 1 },
            density: if place.is_first {
                0
            } else {
                1 + self.density / 2
            },
        };
        let ends = given.map(|edit| Range {
            low: edit.start,
            high: edit.end,
        });
        let Range {
            low: start,
            high: end,
        } = if last == place.range {
            extent.code(coder, room, ends, fineness)?
        } else {
            let low = extent.start(coder, room, ends, fineness)?;
            let room = Range {
                low: last.start,
                high: last.end,
            };
            let high = extent.end(coder, room, ends, fineness)?;
            Range { low, high }
        };
        if !place.is_first {
            let reached = room.low.previous().unwrap_or(A::FIRST);
            let bits = A::BITS - (start ^ reached).leading_zeros();
            self.density = bits as usize;
        }
        let told = Edit {
            start,
            end,
            value: given.and_then(|edit| edit.value),
        };
        let value = self.value(coder, place, told, table)?;
        Ok(Edit { start, end, value })
    }

    /// The run or gap in which the edit ends.
    fn span<A: Address, C: Coder, B: Iterator<Item = RunOrGap<A>> + Clone>(
        &mut self,
        coder: &mut C,
        place: &Place<'_, A, B>,
        given: Option<&Edit<A>>,
    ) -> Result<RunOrGap<A>, Error> {
        let crossed = given.map_or(0, |edit| {
            let ahead = place.after.clone();
            let reached = ahead.take_while(|range| range.start <= edit.end);
            reached.count() as u64
        });
        let crossed = self.span.code(coder, crossed);
        if crossed == 0 {
            return Ok(place.range);
        }
        let nth = usize::try_from(crossed - 1).unwrap_or(usize::MAX);
        let last = place.after.clone().nth(nth);
        last.ok_or(Error::Malformed {
            what: "span of an edit",
        })
    }

    /// The new value; writing, `told` has it.
    fn value<A: Address, C: Coder, B>(
        &mut self,
        coder: &mut C,
        place: &Place<'_, A, B>,
        told: Edit<A>,
        table: &mut Table,
    ) -> Result<Option<ValueId>, Error> {
        let old = place.range.value;
        if let Some(only) = table.only() {
            return Ok(if old.is_some() { None } else { Some(only) });
        }
        if old.is_some() || told.end > place.range.end {
            let is_whole = told.start == place.range.start && told.end == place.range.end;
            let context = usize::from(is_whole) | usize::from(old.is_none()) << 1;
            if coder.bit(pick(&mut self.removes, context), told.value.is_none()) {
                return match old {
                    Some(_) => Ok(None),
                    None => Err(Error::Malformed { what: "edit" }),
                };
            }
        }
        let sides = place.sides(told.start, told.end);
        let [in_gap, in_run] = &mut self.guesses;
        let guesses = if old.is_some() { in_run } else { in_gap };
        let mut tried = [old, None, None];
        for (nth, guess) in sides.values.into_iter().chain([place.last]).enumerate() {
            if guess.is_none() || tried.contains(&guess) {
                continue;
            }
            if guesses.code(coder, nth, sides.context, told.value == guess) {
                return Ok(guess);
            }
            if let Some(slot) = tried.get_mut((nth + 1).min(2)) {
                *slot = guess;
            }
        }
        let is_many = self.counts.edits >= MANY;
        let near = sides.values.into_iter().flatten().next();
        let beside = match old {
            Some(_) => Beside::replaced(old),
            None => Beside::near(near.filter(|_| is_many)),
        };
        let value = table.code(coder, beside, told.value)?;
        if Some(value) == old {
            return Err(Error::Malformed {
                what: "edit that changes nothing",
            });
        }
        Ok(Some(value))
    }
}
