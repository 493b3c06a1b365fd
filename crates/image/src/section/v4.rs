//! Writes the IPv4 lines of a zone on all cores, each thread some /16s at a time.

use std::ops::RangeInclusive;

use rayon::prelude::*;
use rblmap::Run;
use rblmap_format::sections::{V4_BITS_LEN, id_width};
use rblmap_format::v4::StoredCounts;
use rblmap_format::v4::reencode::{Edited, FromEarlier, needed_from};
use rblmap_format::v4::renumber::NewIds;
use rblmap_format::v4::shape::Shape;
use rblmap_format::v4::write::{BITS_OF_16, Sixteens, V4Sections, assemble, set_bits};
use rblmap_format::{RunCounts, Slash16};

use crate::edited::{BlockReader, Blocks, ListCounter, Tally, V4View, blocks_by_top, count_list};
use crate::error::Error;

/// Encodes the runs of a zone of an image with so many values, and counts them.
pub(crate) fn encode(
    runs: V4View<'_>,
    values: u32,
) -> Result<(V4Sections<'_>, StoredCounts), Error> {
    let shape = Shape::new(id_width(values));
    let values = values as usize;
    let (parts, run_counts, uses) = match runs {
        V4View::List(runs) => {
            let counter = ListCounter::new(values);
            let (parts, counts): (Vec<_>, Vec<_>) = blocks_by_top()
                .map(|blocks| counter.with(|tally| counted_list(runs, blocks, shape, tally)))
                .unzip();
            (parts, counts.concat(), counter.uses(runs))
        }
        V4View::Blocks(of) => {
            let parts = blocks_by_top().map_init(
                || of.reader(),
                |reader, blocks| of_blocks(of, reader, blocks, shape),
            );
            let counts = (0..=u16::MAX).map(|block| of.run_counts(block));
            (parts.collect(), counts.collect(), of.uses(values))
        }
    };
    let sections = assemble(parts)?;
    let of_16s = (0..=u16::MAX).zip(run_counts);
    let of_16s = of_16s.filter(|(block, _)| sections.has_lines(*block));
    let of_16s = of_16s.map(|(_, it)| (it.runs, it.gaps)).collect();
    Ok((sections, StoredCounts { of_16s, uses }))
}

/// As [`of_list`], with the run counts of each /16.
fn counted_list<'a>(
    runs: &[Run<u32>],
    blocks: RangeInclusive<u16>,
    shape: Shape,
    mut tally: Option<&mut Tally>,
) -> (Sixteens<'a>, Vec<RunCounts>) {
    let mut run_counts = Vec::with_capacity(blocks.len());
    // A /16 is counted right after it is written, while its runs are near.
    let lines = of_list(runs, blocks, shape, |runs, block| {
        let (counts, behind) = count_list(runs, block, tally.as_deref_mut());
        run_counts.push(counts);
        behind
    });
    (lines, run_counts)
}

/// One bit for every /24, set if an address of it has a value.
pub(crate) fn bits(sections: &V4Sections<'_>, runs: V4View<'_>) -> Vec<u8> {
    let mut bits = vec![0u8; V4_BITS_LEN];
    let parts = bits.par_chunks_mut(V4_BITS_LEN / 256).zip(blocks_by_top());
    match runs {
        V4View::List(runs) => parts.for_each(|(part, blocks)| {
            let first = u32::from(*blocks.start()) << 16;
            let from = runs.partition_point(|run| run.end < first);
            let runs = runs.get(from..).unwrap_or_default();
            set_bits(part, (first, first | 0x00ff_ffff), runs);
        }),
        V4View::Blocks(of) => parts.for_each_init(
            || of.reader(),
            |reader, (part, blocks)| {
                let edited = &sections.edited_bits;
                let from = edited.partition_point(|(of, _)| of < blocks.start());
                let mut edited = edited.get(from..).unwrap_or_default().iter().peekable();
                for (part, block) in part.chunks_mut(BITS_OF_16).zip(blocks) {
                    let first = u32::from(block) << 16;
                    let edited = edited.next_if(|(of, _)| *of == block);
                    let edited = edited.map(|(_, bits)| bits.as_slice());
                    let in_image = of.bits_in_image(block);
                    match edited.or(in_image.filter(|_| of.edits(block).is_empty())) {
                        Some(bits) => part.copy_from_slice(bits),
                        None => set_bits(part, (first, first | 0xffff), reader.runs(block)),
                    }
                }
            },
        ),
    }
    bits
}

/// Writes some /16s, which rise one by one. `behind` gives the runs that do not end in a /16, of those that do not
/// end before it.
pub(crate) fn of_list<'a, 'r>(
    runs: &'r [Run<u32>],
    blocks: impl IntoIterator<Item = u16>,
    shape: Shape,
    mut behind: impl FnMut(&'r [Run<u32>], u16) -> &'r [Run<u32>],
) -> Sixteens<'a> {
    let mut out = Sixteens::default();
    let mut blocks = blocks.into_iter().peekable();
    let first = blocks.peek().map_or(0, |block| u32::from(*block) << 16);
    let mut rest = runs
        .get(runs.partition_point(|run| run.end < first)..)
        .unwrap_or_default();
    for block in blocks {
        out.encode(rest, block, shape);
        rest = behind(rest, block);
    }
    out
}

fn of_blocks<'a>(
    of: &'a Blocks<'a>,
    reader: &mut BlockReader<'_, '_>,
    blocks: RangeInclusive<u16>,
    shape: Shape,
) -> Sixteens<'a> {
    let mut out = Sixteens::default();
    let same_width = id_width(u32::try_from(of.image_values()).unwrap_or(u32::MAX)) == shape.width;
    let ids = NewIds::new(of.new_ids(), shape);
    for block in blocks {
        // Whether a /16 of one value has lines depends on the id.
        let is_kept = ids.are_none() || !of.run_counts(block).is_uniform();
        let in_image = of.in_image(block).filter(|_| same_width && is_kept);
        match in_image {
            Some(in_image) if of.edits(block).is_empty() => out.copy(in_image, ids),
            Some(Slash16::Lines { lines, starts }) if !of.run_counts(block).is_uniform() => {
                let edits = of.edits(block);
                let bits = of.bits_in_image(block).and_then(<[u8]>::first_chunk);
                let mut write = |from| {
                    let edited = Edited {
                        lines,
                        starts,
                        edits: edits.iter().map(|edit| edit.start..=edit.end),
                        from,
                        ids,
                    };
                    let runs = reader.runs_of(block, from..lines.len());
                    out.reencode(runs, block, edited, bits, shape)
                };
                let first = edits.first().map_or(0, |edit| edit.start);
                let from = needed_from(Slash16::Lines { lines, starts }, first);
                write(from)
                    .or_else(|FromEarlier| write(0))
                    .expect("there are all runs from the first line on");
            }
            _ => out.encode(reader.runs(block), block, shape),
        }
    }
    out
}
