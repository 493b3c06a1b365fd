//! Edits over the runs of an image by /16: only those are read in which paints lie.

use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use rayon::prelude::*;
use rblmap::{Run, ValueId};
use rblmap_image::{BlockReader, Blocks};

use crate::error::Error;
use crate::old::Old;
use crate::paint::{self, Interval, Paint};

impl<'b, 'a> Old<u32> for &'b Blocks<'a> {
    type Behind = Behind<'b, 'a>;

    fn counts(&self) -> (u64, u64) {
        Blocks::counts(self)
    }

    fn each_started(
        &self,
        covered: &[u64],
        free: &[u64],
        mut see: impl FnMut(Option<ValueId>, Interval<u32>, Behind<'b, 'a>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let lists = Rc::new(Lists::new(self));
        let started = started(self, covered, free);
        for started in started.chunks(AHEAD) {
            let found: Vec<Found> = started
                .par_iter()
                .map_init(|| self.reader(), |reader, started| started.find(reader))
                .collect();
            for found in found {
                lists.put(&found.list);
                for Start { from, passed, left } in found.starts {
                    let mut behind = Behind {
                        lists: Rc::clone(&lists),
                        from: Some(from),
                        list: found.list.clone(),
                        passed,
                    };
                    if let Some(interval) = behind.next() {
                        see(left, interval, behind)?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// The /16s in which the runs and gaps of some ranks begin.
fn started<'s>(blocks: &Blocks<'_>, covered: &'s [u64], free: &'s [u64]) -> Vec<Started<'s>> {
    let (mut covered, mut free) = (covered, free);
    let mut started: Vec<Started<'_>> = Vec::new();
    let mut next = (0, 0);
    for top in 0..=u8::MAX {
        let (runs, gaps) = blocks.counts_of(top);
        let end = (next.0 + runs, next.1 + gaps);
        let begins = |ranks: &[u64], end: u64| ranks.first().is_some_and(|rank| *rank < end);
        if begins(covered, end.0) || begins(free, end.1) {
            let first = u16::from(top) << 8;
            for block in first..=first | 0xff {
                let (runs, gaps) = blocks.outline(block).starts(blocks.outline_before(block));
                let first = next;
                next = (next.0 + u64::from(runs), next.1 + u64::from(gaps));
                let covered = take_before(&mut covered, next.0);
                let free = take_before(&mut free, next.1);
                if !covered.is_empty() || !free.is_empty() {
                    started.push(Started {
                        block,
                        covered,
                        free,
                        first,
                    });
                }
            }
        }
        next = end;
    }
    started
}

/// Takes the ranks before `end` off.
fn take_before<'s>(ranks: &mut &'s [u64], end: u64) -> &'s [u64] {
    // Nearly always none or few.
    let count = ranks.iter().take_while(|rank| **rank < end).count();
    ranks.split_off(..count).unwrap_or_default()
}

/// How many /16s are read ahead, on all cores.
const AHEAD: usize = 1024;

/// A /16 in which paints start.
struct Started<'s> {
    block: u16,
    /// The ranks of the runs and of the gaps in which they do.
    covered: &'s [u64],
    free: &'s [u64],
    /// The ranks of the first run and of the first gap that begin in the /16.
    first: (u64, u64),
}

/// Where they start.
struct Found {
    list: List,
    starts: Vec<Start>,
}

/// Where a run or gap begins in which paints start.
struct Start {
    from: u32,
    /// How many runs of the /16 end before.
    passed: usize,
    /// The value of the run that ends just before.
    left: Option<ValueId>,
}

impl Started<'_> {
    fn find(&self, reader: &mut BlockReader<'_, '_>) -> Found {
        let blocks = reader.blocks();
        let before = blocks.outline_before(self.block);
        let first = blocks.outline(self.block).first;
        let list = List::read(reader, self.block);
        // What the /16 begins with may have begun in the one before.
        let goes_on = u64::from(before.is_some_and(|before| before.last == first));
        let (skip_run, skip_gap) = first.map_or((0, goes_on), |_| (goes_on, 0));
        let top = u32::from(self.block) << 16;
        let start = |from: u32, passed: usize| Start {
            from,
            passed,
            left: match passed.checked_sub(1).and_then(|at| list.runs.get(at)) {
                Some(run) => (run.end.checked_add(1) == Some(from)).then_some(run.value),
                None => before
                    .and_then(|before| before.last)
                    .filter(|_| from == top),
            },
        };
        let covered = self.covered.iter().filter_map(|rank| {
            let passed = usize::try_from(rank - self.first.0 + skip_run).ok()?;
            Some(start(list.runs.get(passed)?.start, passed))
        });
        let mut starts: Vec<Start> = covered.collect();
        let free = self.free.iter().map(|rank| rank - self.first.1 + skip_gap);
        let mut free = free.peekable();
        for (number, (from, passed)) in (0..).zip(gaps(top, &list.runs)) {
            if free.next_if_eq(&number).is_some() {
                starts.push(start(from, passed));
            }
            if free.peek().is_none() {
                break;
            }
        }
        starts.sort_unstable_by_key(|start| start.from);
        Found { list, starts }
    }
}

/// Where the gaps of the /16 that begins at `top` begin, and how many of its runs end before.
fn gaps(top: u32, runs: &[Run<u32>]) -> impl Iterator<Item = (u32, usize)> {
    let mut next = Some(top);
    (0..=runs.len()).filter_map(move |passed| {
        let from = next.filter(|from| block_of(*from) == block_of(top))?;
        let run = runs.get(passed);
        next = run.and_then(|run| run.end.checked_add(1));
        run.is_none_or(|run| run.start > from)
            .then_some((from, passed))
    })
}

/// Lays rising, disjoint paints over runs, on all cores.
///
/// # Errors
/// Paints that do not rise.
pub(crate) fn lay(blocks: &mut Blocks<'_>, paints: &[Paint<u32>]) -> Result<(), Error> {
    // Each /16 with its paints.
    let mut touched: Vec<(u16, Range<usize>)> = Vec::new();
    for (index, paint) in paints.iter().enumerate() {
        for block in paint.start >> 16..=paint.end >> 16 {
            let block = block_of(block << 16);
            match touched.last_mut() {
                Some((last, range)) if *last == block => range.end = index + 1,
                _ => touched.push((block, index..index + 1)),
            }
        }
    }
    let numbers: Vec<u16> = touched.iter().map(|(block, _)| *block).collect();
    let painted = blocks.change(&numbers, |block, old, new| {
        let place = touched.binary_search_by_key(&block, |(block, _)| *block);
        let range = place.ok().and_then(|place| touched.get(place));
        let paints = range.and_then(|(_, range)| paints.get(range.clone()));
        let first = u32::from(block) << 16;
        let cut = |paint: &Paint<u32>| Paint {
            start: paint.start.max(first),
            end: paint.end.min(first | 0xffff),
            ..*paint
        };
        paint::lay_to(old, paints.unwrap_or_default().iter().map(cut), new);
    });
    painted.map_err(|_| Error::Malformed { what: "paints" })
}

/// The runs of a /16.
#[derive(Clone)]
struct List {
    block: u16,
    runs: Arc<Vec<Run<u32>>>,
}

impl List {
    fn read(reader: &mut BlockReader<'_, '_>, block: u16) -> List {
        List {
            block,
            runs: Arc::new(reader.runs(block).to_vec()),
        }
    }
}

/// The /16s that were read last: nearly always they are asked for again.
struct Lists<'b, 'a> {
    blocks: &'b Blocks<'a>,
    reader: RefCell<BlockReader<'b, 'a>>,
    /// Of two neighbours each has a place.
    last: RefCell<[Option<List>; 2]>,
}

impl<'b, 'a> Lists<'b, 'a> {
    fn new(blocks: &'b Blocks<'a>) -> Lists<'b, 'a> {
        Lists {
            blocks,
            reader: RefCell::new(blocks.reader()),
            last: RefCell::default(),
        }
    }

    /// Takes over what was read elsewhere.
    fn put(&self, list: &List) {
        if let Some(slot) = self.last.borrow_mut().get_mut(usize::from(list.block & 1)) {
            *slot = Some(list.clone());
        }
    }

    fn get(&self, block: u16) -> List {
        let held = self.last.borrow().get(usize::from(block & 1)).cloned();
        if let Some(list) = held.flatten().filter(|list| list.block == block) {
            return list;
        }
        let list = List::read(&mut self.reader.borrow_mut(), block);
        self.put(&list);
        list
    }
}

/// The intervals from an address on.
#[derive(Clone)]
pub(crate) struct Behind<'b, 'a> {
    lists: Rc<Lists<'b, 'a>>,
    /// Where the next one begins; none behind the last.
    from: Option<u32>,
    /// A /16 that was read, and how many of its runs end before `from`, if that is in it.
    list: List,
    passed: usize,
}

impl Behind<'_, '_> {
    /// The interval that begins at `from`, as far as the end of its /16.
    fn piece(&mut self, from: u32) -> Interval<u32> {
        let block = block_of(from);
        if block != self.list.block {
            self.list = self.lists.get(block);
            self.passed = self.list.runs.partition_point(|run| run.end < from);
        }
        let (end, value) = match self.list.runs.get(self.passed) {
            Some(run) if run.start <= from => {
                self.passed += 1;
                (run.end, Some(run.value))
            }
            Some(run) => (run.start - 1, None),
            None => (from | 0xffff, None),
        };
        Interval {
            start: from,
            end,
            value,
        }
    }
}

impl Iterator for Behind<'_, '_> {
    type Item = Interval<u32>;

    fn next(&mut self) -> Option<Interval<u32>> {
        let mut interval = self.piece(self.from?);
        self.from = interval.end.checked_add(1);
        while let Some(next) = self.from
            && next & 0xffff == 0
        {
            let outline = self.lists.blocks.outline(block_of(next));
            if outline.first != interval.value {
                break;
            }
            interval.end = if outline.is_uniform() {
                next | 0xffff
            } else {
                self.piece(next).end
            };
            self.from = interval.end.checked_add(1);
        }
        Some(interval)
    }
}

/// The /16 of an address.
fn block_of(address: u32) -> u16 {
    u16::try_from(address >> 16).unwrap_or(u16::MAX) // 16 bits are left
}
