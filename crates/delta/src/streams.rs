//! Edits in streams: few edits of a zone stand among the other decisions, many in streams of their own,
//! which are written and read on all cores.

use std::borrow::Cow;

use rayon::prelude::*;
use rblmap::Run;
use rblmap_content::Edit;
use rblmap_format::Address;
use rblmap_image::{Blocks, LineWriter, V4Lines};

use crate::codec::range_coder::{Decoder, Encoder};
use crate::codec::value_refs::Table;
use crate::container::payload_head::{STREAM_EDITS, STREAM_ITEMS, may_have_streams};
use crate::edit::addresses::{self, Stream};
use crate::edit::base::Base;
use crate::edit::find;
use crate::error::Error;

/// Whether an edit may go over several runs and gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edits {
    Single,
    Joined,
}

/// The edits of a zone, as they are to be told.
pub(crate) struct ZoneStreams<'e> {
    pub(crate) v4: Told<'e, u32>,
    pub(crate) v6: Told<'e, u128>,
}

/// How some edits are told.
pub(crate) enum Told<'e, A: Address> {
    /// Among the other decisions; `spans` is whether any goes over more than one run or gap.
    Here {
        edits: Cow<'e, [Edit<A>]>,
        spans: bool,
    },
    /// In streams, each with its decisions, whatever else is told.
    Apart(Vec<(Stream<A>, Vec<u8>)>),
}

impl ZoneStreams<'_> {
    /// The decisions of the streams.
    pub(crate) fn decisions(&self) -> impl Iterator<Item = &[u8]> {
        self.v4.decisions().chain(self.v6.decisions())
    }
}

impl<'e, A: Address> Told<'e, A> {
    /// Writes edits over a base, if they are many.
    pub(crate) fn of<B: Base<A> + Sync>(
        base: &B,
        edits: &'e [Edit<A>],
        how: Edits,
        table: &Table,
    ) -> Result<Told<'e, A>, Error> {
        let (edits, spans) = match how {
            Edits::Single => (Cow::Borrowed(edits), false),
            Edits::Joined => {
                let joined = find::joined(edits);
                let spans = joined.len() < edits.len();
                (Cow::Owned(joined), spans)
            }
        };
        if !may_have_streams(edits.len() as u64, table.len()) {
            return Ok(Told::Here { edits, spans });
        }
        let chunks: Vec<&[Edit<A>]> = edits.chunks(STREAM_ITEMS).collect();
        let write = |(nth, chunk): (usize, &&[Edit<A>])| write(base, nth, chunk, spans, table);
        let written: Result<_, Error> = chunks.par_iter().enumerate().map(write).collect();
        Ok(Told::Apart(written?))
    }

    /// The decisions of the streams.
    fn decisions(&self) -> impl Iterator<Item = &[u8]> {
        let streams = match self {
            Told::Here { .. } => &[][..],
            Told::Apart(streams) => streams,
        };
        streams.iter().map(|(_, decisions)| decisions.as_slice())
    }
}

impl Told<'_, u32> {
    /// Writes all runs of an image over a base that says nothing: they stay in the image until they
    /// are written.
    pub(crate) fn all(blocks: &Blocks<'_>, table: &Table) -> Result<Self, Error> {
        let before = blocks.counts_before();
        let write = |nth: u64| {
            let place = usize::try_from(nth).unwrap_or(usize::MAX);
            let edits = runs_of_stream(blocks, &before, nth);
            write(&&[][..], place, &edits, false, table)
        };
        let numbers = (0..blocks.counts().0.div_ceil(STREAM_EDITS)).into_par_iter();
        let written: Result<_, Error> = numbers.map(write).collect();
        Ok(Told::Apart(written?))
    }
}

/// The `nth` stream of a zone, and its decisions.
fn write<A: Address>(
    base: &impl Base<A>,
    nth: usize,
    edits: &[Edit<A>],
    spans: bool,
    table: &Table,
) -> Result<(Stream<A>, Vec<u8>), Error> {
    let first = edits.first().map_or(A::FIRST, |edit| edit.start);
    let from = if nth == 0 { A::FIRST } else { first };
    let (mut encoder, mut table) = (Encoder::new(), table.clone());
    let stream = addresses::encode(&mut encoder, base, edits, spans, from, &mut table)?;
    let (decisions, _) = encoder.finish();
    let len = decisions.len() as u64;
    Ok((Stream { len, ..stream }, decisions))
}

/// The edits of the `nth` stream of all runs of an image; `before` is how many begin before each /16.
fn runs_of_stream(blocks: &Blocks<'_>, before: &[(u64, u64)], nth: u64) -> Vec<Edit<u32>> {
    let ranks = nth * STREAM_EDITS..(nth + 1) * STREAM_EDITS;
    let from = before.partition_point(|counts| counts.0 <= ranks.start) - 1;
    let to = before.partition_point(|counts| counts.0 < ranks.end);
    let mut runs = Vec::new();
    blocks.reader().push_runs(from..to, &mut runs);
    let skipped = ranks.start - before.get(from).map_or(0, |counts| counts.0);
    let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
    let rest = runs.iter().skip(skipped).take(STREAM_ITEMS);
    rest.map(edit_of).collect()
}

/// The edit that makes a run where nothing is.
fn edit_of<A: Address>(run: &Run<A>) -> Edit<A> {
    Edit {
        start: run.start,
        end: run.end,
        value: Some(run.value),
    }
}

/// Streams to be read, each with its decisions.
pub(crate) type Parts<'b, A> = Vec<(Stream<A>, &'b [u8])>;

/// Takes the decisions of several streams off the bytes behind the frame; none for one stream, which
/// has its decisions among the others.
///
/// # Errors
/// More streams than there may be for so many values, or longer ones than there are bytes.
pub(crate) fn split<'b, A: Address>(
    streams: &[Stream<A>],
    values: usize,
    bytes: &mut &'b [u8],
) -> Result<Parts<'b, A>, Error> {
    if streams.len() < 2 {
        return Ok(Vec::new());
    }
    let count = streams.iter().map(|stream| stream.counts.edits).sum();
    if !may_have_streams(count, values) {
        return Err(Error::Malformed {
            what: "count of streams",
        });
    }
    let mut parts = Vec::with_capacity(streams.len());
    for stream in streams {
        let len = usize::try_from(stream.len).ok();
        let split = len.and_then(|len| bytes.split_at_checked(len));
        let (decisions, rest) = split.ok_or(Error::Malformed {
            what: "length of a stream",
        })?;
        *bytes = rest;
        parts.push((*stream, decisions));
    }
    Ok(parts)
}

/// Reads streams on all cores, and gives `see` the edits of some at a time, in order, so that nobody
/// needs to hold all.
///
/// # Errors
/// Bytes that nobody wrote, as far as that shows; edits that do not rise; the first error of `see`.
pub(crate) fn read<A: Address, B: Base<A> + Sync>(
    base: &B,
    parts: &[(Stream<A>, &[u8])],
    table: &Table,
    mut see: impl FnMut(Vec<Vec<Edit<A>>>) -> Result<(), Error>,
) -> Result<(), Error> {
    let read = |(stream, decisions): &(Stream<A>, &[u8])| {
        let (mut decoder, mut table) = (Decoder::new(decisions, &[]), table.clone());
        let edits = addresses::decode(&mut decoder, base, stream, &mut table)?;
        match decoder.is_at_end() {
            true => Ok(edits),
            false => Err(Error::Malformed { what: "length" }),
        }
    };
    let mut reached: Option<A> = None;
    for parts in parts.chunks(2 * rayon::current_num_threads()) {
        let read: Result<Vec<Vec<Edit<A>>>, Error> = parts.par_iter().map(read).collect();
        let read = read?;
        // Each stream rises; each begins behind the end of the one before.
        for edits in &read {
            let (Some(first), Some(last)) = (edits.first(), edits.last()) else {
                continue;
            };
            let rises = |pair: &[Edit<A>]| matches!(pair, [a, b] if a.end < b.start);
            if reached.is_some_and(|reached| first.start <= reached)
                || !edits.par_windows(2).all(rises)
            {
                return Err(Error::Malformed {
                    what: "order of streams",
                });
            }
            reached = Some(last.end);
        }
        see(read)?;
    }
    Ok(())
}

/// Reads the streams of a zone that had no address, and holds its runs as lines.
///
/// # Errors
/// As for [`read`].
pub(crate) fn read_lines(parts: &[(Stream<u32>, &[u8])], table: &Table) -> Result<V4Lines, Error> {
    let mut writer = LineWriter::new(table.len());
    read(&&[][..], parts, table, |edits| {
        for edits in edits {
            writer.push(&runs_of(edits))?;
        }
        Ok(())
    })?;
    Ok(writer.finish()?)
}

/// Edits of a base that says nothing, as the runs that they make: in the memory that they have.
fn runs_of(edits: Vec<Edit<u32>>) -> Vec<Run<u32>> {
    let run = |edit: Edit<u32>| {
        let (start, end, value) = (edit.start, edit.end, edit.value?);
        Some(Run { start, end, value })
    };
    edits.into_iter().filter_map(run).collect()
}
