//! Writes the IPv4 lines of a zone on all cores, each thread some /16s at a time.

use std::ops::{Range, RangeInclusive};

use rayon::prelude::*;
use rblmap::Run;
use rblmap_format::Slash16;
use rblmap_format::sections::{V4_BITS_LEN, id_width};
use rblmap_format::v4::reencode::Edited;
use rblmap_format::v4::renumber::NewIds;
use rblmap_format::v4::shape::Shape;
use rblmap_format::v4::write::{BITS_OF_16, Sixteens, V4Sections, assemble, behind_16, set_bits};

use crate::edited::{BlockReader, Blocks, V4View, blocks_by_top};
use crate::error::Error;

/// Encodes the runs of a zone.
pub(crate) fn encode(runs: V4View<'_>, width: usize) -> Result<V4Sections<'_>, Error> {
    let shape = Shape::new(width);
    let parts: Vec<Sixteens<'_>> = match runs {
        V4View::List(runs) => blocks_by_top()
            .map(|blocks| of_list(runs, blocks, shape))
            .collect(),
        V4View::Blocks(of) if runs.len() >= MANY && of.has_new_lines() => {
            return in_turn(of, shape);
        }
        V4View::Blocks(of) => part_by_part(of, 0..256, shape),
    };
    Ok(assemble(parts)?)
}

/// From so many runs on lines are put in one place while they are made: the new lines of a change of
/// 0.1 % alone are a third of the image.
const MANY: usize = 25_000_000;

/// The lines of an image with edits, some /8s after the other.
fn in_turn<'a>(of: &'a Blocks<'a>, shape: Shape) -> Result<V4Sections<'a>, Error> {
    const AT_ONCE: usize = 16;
    let mut parts: Vec<Sixteens<'a>> = Vec::with_capacity(256);
    let mut lines = Vec::new();
    for top in (0..256).step_by(AT_ONCE) {
        let mut next = part_by_part(of, top..top + AT_ONCE, shape);
        next.iter_mut().for_each(|part| part.move_lines(&mut lines));
        parts.append(&mut next);
    }
    let sections = assemble(parts)?;
    Ok(V4Sections {
        lines: vec![lines.into()],
        ..sections
    })
}

/// The lines of some /8s of an image with edits, a part each.
fn part_by_part<'a>(of: &'a Blocks<'a>, tops: Range<usize>, shape: Shape) -> Vec<Sixteens<'a>> {
    let blocks = blocks_by_top().skip(tops.start).take(tops.len());
    let parts = blocks.map_init(
        || of.reader(),
        |reader, blocks| of_blocks(of, reader, blocks, shape),
    );
    parts.collect()
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

/// Writes some /16s, which rise one by one.
pub(crate) fn of_list<'a>(
    runs: &[Run<u32>],
    blocks: impl IntoIterator<Item = u16>,
    shape: Shape,
) -> Sixteens<'a> {
    let mut out = Sixteens::default();
    let mut blocks = blocks.into_iter().peekable();
    let first = blocks.peek().map_or(0, |block| u32::from(*block) << 16);
    let mut rest = runs
        .get(runs.partition_point(|run| run.end < first)..)
        .unwrap_or_default();
    for block in blocks {
        out.encode(rest, block, shape);
        rest = behind_16(rest, block);
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
                let edits = of.edits(block).iter();
                let edited = Edited {
                    lines,
                    starts,
                    edits: edits.map(|edit| edit.start..=edit.end),
                    ids,
                };
                let bits = of.bits_in_image(block).and_then(<[u8]>::first_chunk);
                out.reencode(reader.runs(block), block, edited, bits, shape);
            }
            _ => out.encode(reader.runs(block), block, shape),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use rblmap_content::{Draft, Edit, Record, ValueBuf};
    use rblmap_format::pieces::Pieces;
    use rblmap_format::{NameKey, Run};

    use super::*;
    use crate::edited::V4Image;
    use crate::{Stamp, edited, encode as encode_image};

    #[test]
    fn lines_that_are_made_in_turn_are_those_that_are_made_at_once() {
        let mut draft = Draft::new("ops.example".parse().unwrap());
        let a = Some([127, 0, 0, 2].into());
        let value = ValueBuf::new([Record { a, text: None }]);
        let value = draft.values.intern(&value).unwrap();
        let single = |at: u32| Run {
            start: at,
            end: at,
            value,
        };
        draft.zone_mut(&NameKey::ROOT).v4 = (0..200_000).map(|n| single(n * 20_001)).collect();
        let bytes = encode_image(&draft.finish().unwrap(), Stamp::default()).unwrap();
        let image = rblmap::Image::from_vec(bytes).unwrap();
        let mut draft = edited(&image).unwrap().into_draft();
        let V4Image::Blocks(blocks) = &mut draft.zone_mut(&NameKey::ROOT).v4 else {
            panic!("the list is large");
        };
        let edit = |start: u32| Edit {
            start,
            end: start + 3,
            value: Some(value),
        };
        let edits: Vec<Edit<u32>> = (0..500).map(|n| edit(n * 8_000_000)).collect();
        blocks.edit(&edits).unwrap();

        let shape = Shape::new(1);
        let at_once = assemble(part_by_part(blocks, 0..256, shape)).unwrap();
        let in_turn = in_turn(blocks, shape).unwrap();
        let lines = |sections: &V4Sections<'_>| {
            let pieces = sections.lines.iter().flat_map(Pieces::iter);
            pieces.collect::<Vec<_>>().concat()
        };
        assert!(lines(&at_once) == lines(&in_turn));
        assert_eq!(at_once.starts, in_turn.starts);
        assert_eq!((at_once.top, at_once.counts), (in_turn.top, in_turn.counts));
        assert_eq!(at_once.edited_bits, in_turn.edited_bits);
    }
}
