//! Writes IPv4 lines: each /16 on its own, so that all can be made at once, and an update can
//! copy those it does not touch.
//!
//! A line is chosen greedily: of all kinds the one that reaches farthest from where the last line
//! ended, the first of equals. So equal runs make equal bytes.

#![expect(
    clippy::cast_possible_truncation,
    reason = "places in a /16 and in a line are small"
)]

use rayon::prelude::*;
use rblmap::Run;
use rblmap::layout::line::{BLOCK, LINE, Shape};
use rblmap::layout::{V4_BITS_LEN, V4_MID_PAD, V4_TOP_LEN};

use super::v4_unit::{Entries, Unit};
use crate::error::Error;

/// The sections of one zone's lines.
pub(crate) struct V4Lines {
    pub(crate) top: Vec<u8>,
    pub(crate) mid: Vec<u8>,
    pub(crate) big: Vec<u8>,
    pub(crate) lines: Vec<u8>,
}

/// Lines are counted in 24 bits.
const MAX_LINES: usize = 1 << 24;

/// Encodes the runs of a zone.
pub(crate) fn encode(runs: &[Run<u32>], width: usize) -> Result<V4Lines, Error> {
    let shape = Shape::new(width);
    let parts: Vec<Part> = (0..256u32)
        .into_par_iter()
        .map(|top| part(runs, top, shape))
        .collect();
    let count: usize = parts.iter().map(|part| part.starts.len()).sum();
    if count > MAX_LINES {
        let (size, limit) = (count as u64, MAX_LINES as u64);
        return Err(Error::TooLarge {
            what: "lines of IPv4",
            size,
            limit,
        });
    }
    let mut out = V4Lines {
        top: Vec::with_capacity(V4_TOP_LEN),
        mid: Vec::with_capacity((count + V4_MID_PAD) * 2),
        big: Vec::new(),
        lines: vec![0; count * LINE],
    };
    for (block, summary) in (0u32..).zip(parts.iter().flat_map(|part| &part.blocks)) {
        let first = (out.mid.len() / 2) as u32; // below MAX_LINES
        match summary {
            Block::Uniform(id) => out.top.extend((id << 8).to_le_bytes()),
            Block::Units(starts) => {
                if starts.len() >= 0xff {
                    let count = starts.len() as u32; // at most 65,536
                    out.big.extend(block.to_le_bytes());
                    out.big.extend(count.to_le_bytes());
                }
                let count = starts.len().min(0xff) as u32;
                out.top.extend((first << 8 | count).to_le_bytes());
                let followers = starts.iter().skip(1).chain([&0]);
                followers.for_each(|start| out.mid.extend(start.to_le_bytes()));
            }
        }
    }
    out.mid.resize(out.mid.len() + V4_MID_PAD * 2, 0xff);
    let mut rest = out.lines.as_mut_slice();
    let mut places = Vec::with_capacity(parts.len());
    for part in &parts {
        let lines = part.lines.as_flattened();
        let (place, after) = rest.split_at_mut_checked(lines.len()).unwrap_or_default();
        places.push((place, lines));
        rest = after;
    }
    let copy = |(place, lines): (&mut [u8], &[u8])| place.copy_from_slice(lines);
    places.into_par_iter().for_each(copy);
    Ok(out)
}

/// One bit for every /24, set if an address of it has a value.
pub(crate) fn bits(runs: &[Run<u32>]) -> Vec<u8> {
    let mut bits = vec![0u8; V4_BITS_LEN];
    let parts = bits.par_chunks_mut(V4_BITS_LEN / 256);
    (0u32..256)
        .into_par_iter()
        .zip(parts)
        .for_each(|(top, part)| {
            let (first, last) = (top << 24, top << 24 | 0x00ff_ffff);
            let from = runs.partition_point(|run| run.end < first);
            let runs = runs.get(from..).unwrap_or_default().iter();
            for run in runs.take_while(|run| run.start <= last) {
                let (start, end) = (run.start.max(first) - first, run.end.min(last) - first);
                for block in start >> 8..=end >> 8 {
                    if let Some(byte) = part.get_mut((block >> 3) as usize) {
                        *byte |= 1 << (block & 7);
                    }
                }
            }
        });
    bits
}

/// The lines of a /8.
struct Part {
    blocks: Vec<Block>,
    lines: Vec<[u8; LINE]>,
    starts: Vec<u16>,
}

/// What a /16 says: one value, or where its units start.
enum Block {
    Uniform(u32),
    Units(Vec<u16>),
}

fn part(runs: &[Run<u32>], top: u32, shape: Shape) -> Part {
    let mut part = Part {
        blocks: Vec::with_capacity(256),
        lines: Vec::new(),
        starts: Vec::new(),
    };
    let mut rest = runs
        .get(runs.partition_point(|run| run.end < top << 24)..)
        .unwrap_or_default();
    for block in top << 8..(top << 8) + 256 {
        match uniform(rest, block) {
            // The top table has 24 bits for an id.
            Some(id) if id < 1 << 24 => part.blocks.push(Block::Uniform(id)),
            _ => {
                let starts = encode_block(rest, block, shape, &mut part.lines);
                part.starts.extend_from_slice(&starts);
                part.blocks.push(Block::Units(starts));
            }
        }
        rest = behind(rest, block, BLOCK);
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
fn behind(runs: &[Run<u32>], block: u32, address: u32) -> &[Run<u32>] {
    let before = |run: &Run<u32>| run.end - (block << 16) < address;
    let mut rest = runs;
    while let Some((run, after)) = rest.split_first()
        && before(run)
    {
        rest = after;
    }
    rest
}

fn encode_block(
    runs: &[Run<u32>],
    block: u32,
    shape: Shape,
    lines: &mut Vec<[u8; LINE]>,
) -> Vec<u16> {
    let mut starts = Vec::new();
    let mut entries = Entries::default();
    let mut rest = runs;
    let mut at = 0u32;
    while at < BLOCK {
        let unit = Unit::new(rest, (block, at), shape);
        let plan = unit.best(&mut entries);
        lines.push(unit.line(&plan, entries.as_slice()));
        starts.push(u16::try_from(at).unwrap_or(u16::MAX)); // below BLOCK
        at = plan.reach;
        rest = behind(rest, block, at);
    }
    starts
}
