//! Writes IPv4 lines: each /16 on its own, so that all can be made at once, and an update can
//! copy those it does not touch.
//!
//! A line is chosen greedily: of all kinds the one that reaches farthest from where the last line
//! ended, the first of equals. So equal runs make equal bytes.

#![expect(
    clippy::cast_possible_truncation,
    reason = "places in a /16 and in a line are small"
)]

use std::ops::RangeInclusive;

use rayon::prelude::*;
use rblmap::{Run, ValueId};
use rblmap_format::V4Block;
use rblmap_format::sections::{V4_BITS_LEN, V4_MID_PAD, V4_TOP_LEN, id_width};
use rblmap_format::v4::shape::{BLOCK, LINE, Shape};

use super::v4_patch;
use super::v4_unit::{Entries, Unit};
use super::{Piece, Pieces};
use crate::edited::{BLOCKS, BlockReader, Blocks, V4View, blocks_by_top};
use crate::error::Error;

/// The sections of one zone's lines.
pub(crate) struct V4Lines<'a> {
    pub(crate) top: Vec<u8>,
    pub(crate) mid: Vec<u8>,
    pub(crate) big: Vec<u8>,
    /// Those of each /8.
    pub(crate) lines: Vec<Pieces<'a>>,
    /// The bits of the /24s of the /16s that were patched, rising.
    patched: Vec<(u16, [u8; OF_BLOCK])>,
}

/// Bytes of the bits of the /24s of a /16.
const OF_BLOCK: usize = V4_BITS_LEN / BLOCKS;

/// Lines are counted in 24 bits.
const MAX_LINES: usize = 1 << 24;

/// Encodes the runs of a zone.
pub(crate) fn encode(runs: V4View<'_>, width: usize) -> Result<V4Lines<'_>, Error> {
    let shape = Shape::new(width);
    let parts: Vec<Part<'_>> = match runs {
        V4View::List(runs) => blocks_by_top()
            .map(|blocks| of_list(runs, blocks, shape))
            .collect(),
        V4View::Blocks(of) => blocks_by_top()
            .map_init(
                || of.reader(),
                |reader, blocks| of_blocks(of, reader, blocks, shape),
            )
            .collect(),
    };
    let count: usize = parts.iter().map(|part| part.count).sum();
    if count > MAX_LINES {
        let (size, limit) = (count as u64, MAX_LINES as u64);
        return Err(Error::TooLarge {
            what: "lines of IPv4",
            size,
            limit,
        });
    }
    let mut top = Vec::with_capacity(V4_TOP_LEN);
    let mut mid = Vec::with_capacity((count + V4_MID_PAD) * 2);
    let mut big = Vec::new();
    let mut first = 0u32; // below MAX_LINES
    for (number, block) in (0u32..).zip(parts.iter().flat_map(|part| &part.blocks)) {
        match *block {
            Block::Uniform(id) => top.extend((id << 8).to_le_bytes()),
            Block::Lines(count) => {
                if count >= 0xff {
                    big.extend(number.to_le_bytes());
                    big.extend(count.to_le_bytes());
                }
                top.extend((first << 8 | count.min(0xff)).to_le_bytes());
                first += count;
            }
        }
    }
    parts
        .iter()
        .for_each(|part| mid.extend_from_slice(&part.mid));
    mid.resize(mid.len() + V4_MID_PAD * 2, 0xff);
    let patched = parts.iter().flat_map(|part| &part.patched);
    let patched = patched.copied().collect();
    Ok(V4Lines {
        top,
        mid,
        big,
        patched,
        lines: parts
            .into_iter()
            .map(|part| Pieces::new(part.new.into_flattened(), part.order))
            .collect(),
    })
}

impl V4Lines<'_> {
    /// One bit for every /24, set if an address of it has a value.
    pub(crate) fn bits(&self, runs: V4View<'_>) -> Vec<u8> {
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
                    let from = self.patched.partition_point(|(of, _)| of < blocks.start());
                    let mut patched = self
                        .patched
                        .get(from..)
                        .unwrap_or_default()
                        .iter()
                        .peekable();
                    for (part, block) in part.chunks_mut(OF_BLOCK).zip(blocks) {
                        let first = u32::from(block) << 16;
                        let patched = patched.next_if(|(of, _)| *of == block);
                        let patched = patched.map(|(_, bits)| bits.as_slice());
                        let in_image = of.bits_in_image(block);
                        match patched.or(in_image.filter(|_| of.edits(block).is_empty())) {
                            Some(bits) => part.copy_from_slice(bits),
                            None => set_bits(part, (first, first | 0xffff), reader.runs(block)),
                        }
                    }
                },
            ),
        }
        bits
    }
}

/// Sets the bits of runs, the first of which does not end before the addresses that there are bits
/// for.
fn set_bits(bits: &mut [u8], (first, last): (u32, u32), runs: &[Run<u32>]) {
    for run in runs.iter().take_while(|run| run.start <= last) {
        let (start, end) = (run.start.max(first) - first, run.end.min(last) - first);
        for block in start >> 8..=end >> 8 {
            if let Some(byte) = bits.get_mut((block >> 3) as usize) {
                *byte |= 1 << (block & 7);
            }
        }
    }
}

/// The lines of a /8.
#[derive(Default)]
pub(super) struct Part<'a> {
    blocks: Vec<Block>,
    /// Lines that no image had.
    new: Vec<[u8; LINE]>,
    order: Vec<Piece<'a>>,
    /// For each line two bytes: where the next one of its /16 starts, 0 if there is none.
    mid: Vec<u8>,
    /// How many lines there are.
    count: usize,
    patched: Vec<(u16, [u8; OF_BLOCK])>,
}

/// What a /16 is made of.
enum Block {
    /// All of it has one value, or none: 0.
    Uniform(u32),
    /// So many lines, at most 65,536.
    Lines(u32),
}

impl<'a> Part<'a> {
    /// Encodes a /16 from runs that do not end before it.
    fn encode(&mut self, runs: &[Run<u32>], block: u16, shape: Shape) {
        match uniform(runs, block.into()) {
            // The top table has 24 bits for an id.
            Some(id) if id < 1 << 24 => self.blocks.push(Block::Uniform(id)),
            _ => {
                let before = self.count;
                let (mut rest, mut at) = (runs, 0);
                let mut entries = Entries::default();
                while at < BLOCK {
                    at = self.encode_line(rest, (block.into(), at), shape, &mut entries);
                    rest = behind(rest, block.into(), at);
                }
                self.end_block(before);
            }
        }
    }

    /// Encodes the line that starts at a place of a /16, from runs that do not end before it; where
    /// the next one starts.
    pub(super) fn encode_line(
        &mut self,
        runs: &[Run<u32>],
        at: (u32, u32),
        shape: Shape,
        entries: &mut Entries,
    ) -> u32 {
        let unit = Unit::new(runs, at, shape);
        let plan = unit.best(entries);
        self.new.push(unit.line(&plan, entries.as_slice()));
        match self.order.last_mut() {
            Some(Piece::New(len)) => *len += LINE,
            _ => self.order.push(Piece::New(LINE)),
        }
        // After the last one 0 is left.
        self.mid.extend((plan.reach as u16).to_le_bytes());
        self.count += 1;
        plan.reach
    }

    /// Takes some lines of a /16 over as they are, with the starts of those behind them.
    pub(super) fn copy_lines(&mut self, lines: &'a [[u8; LINE]], starts: &[[u8; 2]]) {
        if !lines.is_empty() {
            self.order.push(Piece::Other(lines.as_flattened()));
            self.mid.extend_from_slice(starts.as_flattened());
            self.count += lines.len();
        }
    }

    /// Ends a /16 of lines, before which there were so many.
    fn end_block(&mut self, before: usize) {
        self.blocks.push(Block::Lines((self.count - before) as u32));
    }

    /// Takes the lines of a /16 over as they are.
    fn copy(&mut self, block: V4Block<'a>) {
        match block {
            V4Block::Uniform(value) => {
                let id = value.map_or(0, ValueId::get);
                self.blocks.push(Block::Uniform(id));
            }
            V4Block::Lines { lines, starts } => {
                let before = self.count;
                self.copy_lines(lines, starts);
                self.end_block(before);
            }
        }
    }
}

fn of_list<'a>(runs: &[Run<u32>], blocks: RangeInclusive<u16>, shape: Shape) -> Part<'a> {
    let mut part = Part::default();
    let first = u32::from(*blocks.start()) << 16;
    let mut rest = runs
        .get(runs.partition_point(|run| run.end < first)..)
        .unwrap_or_default();
    for block in blocks {
        part.encode(rest, block, shape);
        rest = behind(rest, block.into(), BLOCK);
    }
    part
}

fn of_blocks<'a>(
    of: &Blocks<'a>,
    reader: &mut BlockReader<'_, '_>,
    blocks: RangeInclusive<u16>,
    shape: Shape,
) -> Part<'a> {
    let mut part = Part::default();
    let same_width = id_width(u32::try_from(of.image_values()).unwrap_or(u32::MAX)) == shape.width;
    for block in blocks {
        let in_image = of.in_image(block).filter(|_| same_width);
        match in_image {
            Some(in_image) if of.edits(block).is_empty() => part.copy(in_image),
            Some(V4Block::Lines { lines, starts }) if !of.outline(block).is_uniform() => {
                let before = part.count;
                let (runs, paints) = (reader.runs(block), of.edits(block));
                v4_patch::patch_lines(runs, block, (lines, starts), paints, shape, &mut part);
                part.end_block(before);
                if let Some(bits) = of.bits_in_image(block).and_then(<[u8]>::first_chunk) {
                    let mut bits = *bits;
                    v4_patch::patch_bits(runs, paints, &mut bits);
                    part.patched.push((block, bits));
                }
            }
            _ => part.encode(reader.runs(block), block, shape),
        }
    }
    part
}

/// The one value of a /16, 0 for none, if it has only one; no run ends before it.
fn uniform(runs: &[Run<u32>], block: u32) -> Option<u32> {
    let (first, last) = (block << 16, block << 16 | 0xffff);
    match runs.first() {
        Some(run) if run.start <= first && run.end >= last => Some(run.value.get()),
        Some(run) if run.start <= last => None,
        _ => Some(0),
    }
}

/// The runs that do not end before an address of a /16, of runs of which none ends before the /16.
pub(super) fn behind(runs: &[Run<u32>], block: u32, address: u32) -> &[Run<u32>] {
    let before = |run: &Run<u32>| run.end - (block << 16) < address;
    let mut rest = runs;
    while let Some((run, after)) = rest.split_first()
        && before(run)
    {
        rest = after;
    }
    rest
}
