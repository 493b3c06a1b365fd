//! Edits over the runs of an image by /16: only those units of it are read in which edits lie.

use std::borrow::Cow;
use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use rayon::prelude::*;
use rblmap::{Run, ValueId};
use rblmap_content::RunOrGap;
use rblmap_format::RunCounts;

use super::begun::begun_before;
use super::by16::{Blocks, add, blocks_of_12};
use super::edits::block_of;
use super::reader::BlockReader;

impl<'a> Blocks<'a> {
    /// Gives `see`, in address order, the runs and the gaps of these ranks, which rise: each with the
    /// value of the run that ends just before it and with the runs and gaps behind it. Reads only the
    /// units in which one of them begins, and counts those before it in its /16 if they are not counted.
    ///
    /// # Errors
    /// The first error of `see`.
    pub fn each_started<'b, E>(
        &'b self,
        in_runs: &[u64],
        in_gaps: &[u64],
        mut see: impl FnMut(Option<ValueId>, RunOrGap<u32>, Behind<'b, 'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        let lists = Rc::new(Lists::new(self));
        let started = started(self, in_runs, in_gaps);
        let find = |started: &[Started<'_>]| -> Vec<Found> {
            let threads = rayon::current_num_threads();
            let parts = started.par_chunks((started.len() / (8 * threads)).clamp(1, PART));
            let of_part = |reader: &mut BlockReader<'_, '_>, part: &[Started<'_>]| {
                let mut found = Found::default();
                part.iter()
                    .for_each(|started| started.find(reader, &mut found));
                found
            };
            parts.map_init(|| self.reader(), of_part).collect()
        };
        let mut parts = started.chunks(AHEAD);
        let mut found = parts.next().map(find);
        while let Some(here) = found.take() {
            // While those of one part are seen, the next are found.
            rayon::in_place_scope(|scope| {
                if let Some(next) = parts.next() {
                    scope.spawn(|_| found = Some(find(next)));
                }
                let mut here = here.into_iter();
                here.try_for_each(|found| see_all(found, &lists, &mut see))
            })?;
        }
        Ok(())
    }
}

/// Gives `see` what was found in some /16s.
fn see_all<'b, 'a, E>(
    found: Found,
    lists: &Rc<Lists<'b, 'a>>,
    see: &mut impl FnMut(Option<ValueId>, RunOrGap<u32>, Behind<'b, 'a>) -> Result<(), E>,
) -> Result<(), E> {
    let all = Arc::new(found.runs);
    for start in found.starts {
        let list = List {
            first: start.ends.0,
            last: start.ends.1,
            all: Arc::clone(&all),
            range: start.runs,
        };
        lists.put(&list);
        let mut behind = Behind {
            lists: Rc::clone(lists),
            from: Some(start.from),
            list,
            passed: start.passed,
        };
        if let Some(run) = behind.next() {
            see(start.left, run, behind)?;
        }
    }
    Ok(())
}

impl Blocks<'_> {
    /// For each of some rising addresses whether it lies in a run, and the rank of that run or gap. Reads
    /// only the units in which they lie, and counts those before as [`Blocks::each_started`] does.
    pub fn ranks(&self, addresses: &[u32]) -> Vec<(bool, u64)> {
        let before = self.counts_before();
        let in_one_16: Vec<&[u32]> = addresses
            .chunk_by(|a, b| block_of(*a) == block_of(*b))
            .collect();
        let ranks: Vec<Vec<(bool, u64)>> = in_one_16
            .par_iter()
            .map_init(
                || (self.reader(), Vec::new()),
                |(reader, runs), addresses| {
                    let block = addresses.first().map_or(0, |address| block_of(*address));
                    let first = before.get(usize::from(block)).copied();
                    let mut units = Units::of(reader.blocks(), block, first.unwrap_or_default());
                    ranks_in_16(reader, &mut units, addresses, runs)
                },
            )
            .collect();
        ranks.concat()
    }
}

/// As [`Blocks::ranks`], of addresses of one /16.
fn ranks_in_16(
    reader: &mut BlockReader<'_, '_>,
    units: &mut Units<'_>,
    addresses: &[u32],
    runs: &mut Vec<Run<u32>>,
) -> Vec<(bool, u64)> {
    let mut ranks = Vec::with_capacity(addresses.len());
    let unit_of = |address: &u32| reader.blocks().unit_of(*address).1;
    let in_one_unit: Vec<(usize, &[u32])> = addresses
        .chunk_by(|a, b| unit_of(a) == unit_of(b))
        .map(|here| (here.first().map_or(0, unit_of), here))
        .collect();
    for (unit, here) in in_one_unit {
        runs.clear();
        units.count_to(reader, unit);
        let unit = Unit::read(reader, units, unit, runs);
        let mut gaps = gaps(unit.ends, runs).peekable();
        let mut begun = 0;
        for address in here {
            let passed = runs.partition_point(|run| run.end < *address);
            let is_run = runs.get(passed).is_some_and(|run| run.start <= *address);
            while gaps.next_if(|(from, _)| from <= address).is_some() {
                begun += 1;
            }
            let rank = match is_run {
                true => unit.in_runs.wrapping_add(passed as u64),
                false => unit.in_gaps.wrapping_add(begun).wrapping_sub(1),
            };
            ranks.push((is_run, rank));
        }
    }
    ranks
}

/// The /16s in which the runs and gaps of some ranks begin.
fn started<'s>(blocks: &Blocks<'_>, in_runs: &'s [u64], in_gaps: &'s [u64]) -> Vec<Started<'s>> {
    let (mut in_runs, mut in_gaps) = (in_runs, in_gaps);
    let mut started: Vec<Started<'_>> = Vec::new();
    let mut next = (0, 0);
    for (slash12, counts) in (0u16..).zip(blocks.counts_by_12()) {
        let end = add(next, *counts);
        let begins = |ranks: &[u64], end: u64| ranks.first().is_some_and(|rank| *rank < end);
        if begins(in_runs, end.0) || begins(in_gaps, end.1) {
            for block in blocks_of_12(slash12) {
                let first = next;
                next = add(first, blocks.begin_in(block));
                let in_runs = take_before(&mut in_runs, next.0);
                let in_gaps = take_before(&mut in_gaps, next.1);
                if !in_runs.is_empty() || !in_gaps.is_empty() {
                    started.push(Started {
                        block,
                        in_runs,
                        in_gaps,
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
/// What is found in so many of them at most lies together.
const PART: usize = 16;

/// A /16 in which edits start.
struct Started<'s> {
    block: u16,
    /// The ranks of the runs and of the gaps in which they do.
    in_runs: &'s [u64],
    in_gaps: &'s [u64],
    /// The ranks of the first run and of the first gap that begin in the /16.
    first: (u64, u64),
}

impl Started<'_> {
    fn find(&self, reader: &mut BlockReader<'_, '_>, found: &mut Found) {
        let (mut in_runs, mut in_gaps) = (self.in_runs, self.in_gaps);
        let mut units = Units::of(reader.blocks(), self.block, self.first);
        while let Some(unit) = units.first_of(reader, in_runs, in_gaps) {
            let (runs, gaps) = units.begin(unit + 1);
            let in_runs = take_before(&mut in_runs, runs);
            let in_gaps = take_before(&mut in_gaps, gaps);
            found.read(reader, &units, unit);
            found.find(in_runs, in_gaps);
        }
    }
}

/// The units of a /16, by the ranks of what begins in them.
struct Units<'b> {
    block: u16,
    /// The ranks of the first run and of the first gap that begin in the /16.
    first: (u64, u64),
    /// How many runs and gaps begin before each unit, with the rests of one from the /16 before; of the first
    /// units, if they are counted when someone asks.
    begun: Cow<'b, [[u16; 2]]>,
    /// How many such rests there are.
    rests: (u64, u64),
    /// How many units there are, and what those are made of behind which is counted.
    count: usize,
    so_far: Option<RunCounts>,
}

impl<'b> Units<'b> {
    fn of(blocks: &'b Blocks<'_>, block: u16, first: (u64, u64)) -> Units<'b> {
        let (run, gap) = blocks.goes_on(block);
        let count = blocks.units(block);
        let begun = blocks.begun.as_ref();
        let begun = begun.filter(|_| blocks.edits(block).is_empty());
        Units {
            block,
            first,
            begun: begun.map_or_else(
                || Cow::Owned(vec![[0, 0]]),
                |begun| begun.of(block, count).into(),
            ),
            rests: (run.into(), gap.into()),
            count,
            so_far: None,
        }
    }

    /// Counts what begins before one more unit, if there is one.
    fn count_next(&mut self, reader: &mut BlockReader<'_, '_>) -> bool {
        let known = self.begun.len();
        let Some(last) = known.checked_sub(1).filter(|_| known < self.count) else {
            return false;
        };
        let next = reader.run_counts(self.block, last);
        let so_far = self.so_far.map_or(next, |so_far| so_far.then(next));
        self.so_far = Some(so_far);
        self.begun.to_mut().push(begun_before(so_far));
        true
    }

    /// Counts what begins before the units up to this one.
    fn count_to(&mut self, reader: &mut BlockReader<'_, '_>, unit: usize) {
        while self.begun.len() <= unit && self.count_next(reader) {}
    }

    /// The ranks of the first run and of the first gap that begin in a unit that is counted or behind it;
    /// behind the last unit there is none.
    fn begin(&self, unit: usize) -> (u64, u64) {
        match self.begun.get(unit) {
            None => (u64::MAX, u64::MAX),
            Some(_) if unit == 0 => self.first,
            Some([runs, gaps]) => (
                // Less than the rests are only in damaged images.
                (self.first.0 + u64::from(*runs)).saturating_sub(self.rests.0),
                (self.first.1 + u64::from(*gaps)).saturating_sub(self.rests.1),
            ),
        }
    }

    /// The first unit in which a run or gap of these ranks begins. What begins before the next one is counted,
    /// too.
    fn first_of(
        &mut self,
        reader: &mut BlockReader<'_, '_>,
        in_runs: &[u64],
        in_gaps: &[u64],
    ) -> Option<usize> {
        // How many begin before the first of each, with the rests.
        let passed = |ranks: &[u64], first: u64, rest: u64| {
            Some((ranks.first()? + rest).saturating_sub(first))
        };
        let of_run = passed(in_runs, self.first.0, self.rests.0);
        let of_gap = passed(in_gaps, self.first.1, self.rests.1);
        if of_run.is_none() && of_gap.is_none() {
            return None;
        }
        let is_before = |it: &[u16; 2]| {
            of_run.is_none_or(|passed| u64::from(it[0]) <= passed)
                && of_gap.is_none_or(|passed| u64::from(it[1]) <= passed)
        };
        while self.begun.last().is_some_and(is_before) && self.count_next(reader) {}
        self.begun.partition_point(is_before).checked_sub(1)
    }
}

/// Where edits start in some /16s.
#[derive(Default)]
struct Found {
    /// The runs of the units in which they do, one after the other.
    runs: Vec<Run<u32>>,
    /// The last of these units, and where its runs begin.
    unit: Unit,
    from: usize,
    starts: Vec<Start>,
}

/// What there is to know of a unit beside its runs.
#[derive(Default)]
struct Unit {
    /// Its first and its last address.
    ends: (u32, u32),
    /// What the address before has; none before the first one.
    before: Option<Option<ValueId>>,
    /// The ranks of the first run and of the first gap in it, which may begin before.
    in_runs: u64,
    in_gaps: u64,
}

impl Unit {
    /// Reads a unit, and adds its runs to `runs`.
    fn read(
        reader: &mut BlockReader<'_, '_>,
        units: &Units<'_>,
        unit: usize,
        runs: &mut Vec<Run<u32>>,
    ) -> Unit {
        let block = units.block;
        let before = match unit.checked_sub(1) {
            Some(before) => Some(reader.last_of(block, before)),
            None => reader
                .blocks()
                .run_counts_before(block)
                .map(|before| before.last),
        };
        let ends = reader.blocks().ends(block, unit);
        let read = reader.runs_of(block, unit..unit + 1);
        let at_start = read.first().filter(|run| run.start == ends.0);
        let begins_with = at_start.map(|run| run.value);
        let goes_on = u64::from(before == Some(begins_with));
        let (run, gap) = begins_with.map_or((0, goes_on), |_| (goes_on, 0));
        runs.extend_from_slice(read);
        let (in_runs, in_gaps) = units.begin(unit);
        Unit {
            ends,
            before,
            in_runs: in_runs.wrapping_sub(run),
            in_gaps: in_gaps.wrapping_sub(gap),
        }
    }
}

impl Found {
    /// Reads a unit.
    fn read(&mut self, reader: &mut BlockReader<'_, '_>, units: &Units<'_>, unit: usize) {
        self.from = self.runs.len();
        self.unit = Unit::read(reader, units, unit, &mut self.runs);
    }

    /// Finds where in the last unit the runs and gaps of some ranks begin.
    fn find(&mut self, in_runs: &[u64], in_gaps: &[u64]) {
        let runs = self.runs.get(self.from..).unwrap_or_default();
        let unit = &self.unit;
        let start = |from: u32, passed: usize| Start {
            ends: unit.ends,
            runs: self.from..self.runs.len(),
            from,
            passed,
            left: match passed.checked_sub(1).and_then(|at| runs.get(at)) {
                Some(run) => (run.end.checked_add(1) == Some(from)).then_some(run.value),
                None => unit.before.flatten().filter(|_| from == unit.ends.0),
            },
        };
        let known = self.starts.len();
        let in_runs = in_runs.iter().filter_map(|rank| {
            let passed = usize::try_from(rank.wrapping_sub(unit.in_runs)).ok()?;
            Some(start(runs.get(passed)?.start, passed))
        });
        self.starts.extend(in_runs);
        let mut in_gaps = in_gaps
            .iter()
            .map(|rank| rank.wrapping_sub(unit.in_gaps))
            .peekable();
        for (number, (from, passed)) in (0..).zip(gaps(unit.ends, runs)) {
            if in_gaps.peek().is_none() {
                break;
            }
            if in_gaps.next_if_eq(&number).is_some() {
                self.starts.push(start(from, passed));
            }
        }
        let found = self.starts.get_mut(known..).unwrap_or_default();
        found.sort_unstable_by_key(|start| start.from);
    }
}

/// Where a run or gap begins in which edits start.
struct Start {
    /// The first and the last address of its unit, and which runs are those of the unit.
    ends: (u32, u32),
    runs: Range<usize>,
    from: u32,
    /// How many of them end before.
    passed: usize,
    /// The value of the run that ends just before.
    left: Option<ValueId>,
}

/// Where the gaps of a unit begin, and how many of its runs end before.
fn gaps((first, last): (u32, u32), runs: &[Run<u32>]) -> impl Iterator<Item = (u32, usize)> {
    let mut next = Some(first);
    (0..=runs.len()).filter_map(move |passed| {
        let from = next.filter(|from| *from <= last)?;
        let run = runs.get(passed);
        next = run.and_then(|run| run.end.checked_add(1));
        run.is_none_or(|run| run.start > from)
            .then_some((from, passed))
    })
}

/// The runs of a unit of a /16, cut at its ends.
#[derive(Clone)]
struct List {
    first: u32,
    last: u32,
    /// With those of other units.
    all: Arc<Vec<Run<u32>>>,
    range: Range<usize>,
}

impl List {
    fn runs(&self) -> &[Run<u32>] {
        self.all.get(self.range.clone()).unwrap_or_default()
    }

    fn holds(&self, address: u32) -> bool {
        (self.first..=self.last).contains(&address)
    }
}

/// The units that were read last: nearly always they are asked for again.
struct Lists<'b, 'a> {
    blocks: &'b Blocks<'a>,
    reader: RefCell<BlockReader<'b, 'a>>,
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
        let mut last = self.last.borrow_mut();
        let is_there = last.iter().flatten().any(|held| held.first == list.first);
        if !is_there {
            let [newer, older] = &mut *last;
            *older = newer.replace(list.clone());
        }
    }

    fn get(&self, address: u32) -> List {
        let last = self.last.borrow();
        let held = last.iter().flatten().find(|list| list.holds(address));
        if let Some(list) = held {
            return list.clone();
        }
        drop(last);
        let (block, unit) = self.blocks.unit_of(address);
        let (first, last) = self.blocks.ends(block, unit);
        let all = Arc::new(
            self.reader
                .borrow_mut()
                .runs_of(block, unit..unit + 1)
                .to_vec(),
        );
        let range = 0..all.len();
        let list = List {
            first,
            last,
            all,
            range,
        };
        self.put(&list);
        list
    }
}

/// The runs and gaps of [`Blocks`] from an address on.
///
/// See the example of [`Blocks`].
#[derive(Clone)]
pub struct Behind<'b, 'a> {
    lists: Rc<Lists<'b, 'a>>,
    /// Where the next one begins; none behind the last.
    from: Option<u32>,
    /// A unit that was read, and how many of its runs end before `from`, if that is in it.
    list: List,
    passed: usize,
}

impl Behind<'_, '_> {
    /// The run that begins at `from`, as far as the end of its unit.
    fn within_unit(&mut self, from: u32) -> RunOrGap<u32> {
        if !self.list.holds(from) {
            self.list = self.lists.get(from);
            self.passed = self.list.runs().partition_point(|run| run.end < from);
        }
        let (end, value) = match self.list.runs().get(self.passed) {
            Some(run) if run.start <= from => {
                self.passed += 1;
                (run.end, Some(run.value))
            }
            Some(run) => (run.start - 1, None),
            None => (self.list.last.max(from), None),
        };
        RunOrGap {
            start: from,
            end,
            value,
        }
    }
}

impl Iterator for Behind<'_, '_> {
    type Item = RunOrGap<u32>;

    fn next(&mut self) -> Option<RunOrGap<u32>> {
        let mut run = self.within_unit(self.from?);
        self.from = run.end.checked_add(1);
        while let Some(next) = self.from
            && !self.list.holds(next)
        {
            let run_counts = self.lists.blocks.run_counts(block_of(next));
            if next & 0xffff == 0 && run_counts.is_uniform() && run_counts.first == run.value {
                // All of a /16: it need not be read.
                run.end = next | 0xffff;
            } else {
                let before = (self.list.clone(), self.passed);
                let next_run = self.within_unit(next);
                if next_run.value != run.value {
                    (self.list, self.passed) = before;
                    break;
                }
                run.end = next_run.end;
            }
            self.from = run.end.checked_add(1);
        }
        Some(run)
    }
}
