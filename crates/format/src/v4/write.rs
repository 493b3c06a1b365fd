//! Writes the IPv4 sections of large zones, some /16s at a time.
//!
//! Each /16 is written on its own, so that all can be written at once on many threads, and an
//! update can copy those it does not touch. [`Sixteens`] takes the /16s of one thread in address
//! order; [`assemble`] puts those of all threads together.

use super::by16::Slash16;
use super::choose::Unit;
use super::entries::Entries;
use super::renumber::NewIds;
use super::top::{self, MAX_ID, MAX_LINES};
use crate::bytes::u32_at;
use crate::error::TooLarge;
use crate::pieces::{Piece, Pieces};
use crate::run::{Run, ValueId};
use crate::sections::{V4_BITS_LEN, V4_STARTS_PAD, V4_TOP_LEN};
use crate::v4::shape::{BLOCK, LINE, Shape};

/// The number of /16s.
pub const BLOCKS: usize = 65_536;
/// Bytes of the bits of the /24s of a /16.
pub const BITS_OF_16: usize = V4_BITS_LEN / BLOCKS;

/// The sections of one zone's lines.
///
/// See the example of [`Sixteens`].
pub struct V4Sections<'a> {
    /// V4_TOP.
    pub top: Vec<u8>,
    /// V4_STARTS.
    pub starts: Vec<u8>,
    /// V4_COUNTS; empty if no /16 has 127 lines.
    pub counts: Vec<u8>,
    /// V4_LINES, in parts that follow each other.
    pub lines: Vec<Pieces<'a>>,
    /// The bits of the /24s of the /16s that were edited, rising.
    pub edited_bits: Vec<(u16, [u8; BITS_OF_16])>,
}

impl V4Sections<'_> {
    /// Whether a /16 has lines.
    pub fn has_lines(&self, block: u16) -> bool {
        top::units(u32_at(&self.top, usize::from(block) * 4)) > 0
    }
}

/// The lines of some /16s, in address order.
///
/// ```
/// use rblmap_format::pieces::Pieces;
/// use rblmap_format::v4::reencode::Edited;
/// use rblmap_format::v4::renumber::NewIds;
/// use rblmap_format::v4::shape::Shape;
/// use rblmap_format::v4::write::{Sixteens, V4Sections, assemble, behind_16};
/// use rblmap_format::v4::{Lines, V4};
/// use rblmap_format::{Run, Slash16, ValueId};
///
/// let value = ValueId::from_rank(0).unwrap();
/// let mut runs: Vec<Run<u32>> =
///     (0..1000).map(|n| Run { start: 2 * n, end: 2 * n, value }).collect();
/// let mut all = Sixteens::default();
/// let mut rest = runs.as_slice();
/// for block in 0..=u16::MAX {
///     all.encode(rest, block, Shape::new(1));
///     rest = behind_16(rest, block);
/// }
/// let V4Sections { top, starts, counts, lines, .. } = assemble(vec![all])?;
/// let lines = lines.iter().flat_map(Pieces::iter).collect::<Vec<_>>().concat();
///
/// let lines = Lines::new(&top, &starts, &counts, None, &lines, 1).ok_or("do not fit together")?;
/// assert_eq!((lines.lookup(4), lines.lookup(5)), (value.get(), 0));
/// let by_16 = V4::Lines(lines).blocks().ok_or("not in order")?;
/// assert_eq!(by_16.walk().runs(0), runs);
///
/// // An update without 192.0.2.4 copies the lines that it does not touch.
/// runs.remove(2);
/// let mut update = Sixteens::default();
/// let ids = NewIds::new(None, Shape::new(1));
/// match by_16.block(0) {
///     Slash16::Lines { lines, starts } => {
///         let edited = Edited { lines, starts, edits: [4..=4].into_iter(), from: 0, ids };
///         update.reencode(&runs, 0, edited, None, Shape::new(1)).expect("all runs are there");
///     }
///     uniform => update.copy(uniform, ids),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
pub struct Sixteens<'a> {
    blocks: Vec<Block>,
    /// Lines that no image had.
    new: Vec<[u8; LINE]>,
    order: Vec<Piece<'a>>,
    /// For each line two bytes: where the next one of its /16 starts, 0 if there is none.
    starts: Vec<u8>,
    /// How many lines there are.
    count: usize,
    edited_bits: Vec<(u16, [u8; BITS_OF_16])>,
}

/// What a /16 is made of.
enum Block {
    /// All of it has one value, or none: 0.
    Uniform(u32),
    /// So many lines, at most 65,536.
    Lines(u32),
}

impl<'a> Sixteens<'a> {
    /// Writes a /16 from runs that do not end before it.
    pub fn encode(&mut self, runs: &[Run<u32>], block: u16, shape: Shape) {
        match uniform(runs, block.into()) {
            Some(id) if id < MAX_ID => self.blocks.push(Block::Uniform(id)),
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

    /// Takes a /16 of an image over as it is, or, if it has lines, with new ids.
    pub fn copy(&mut self, block: Slash16<'a>, ids: NewIds<'_>) {
        match block {
            Slash16::Uniform(value) => {
                let id = value.map_or(0, ValueId::get);
                self.blocks.push(Block::Uniform(id));
            }
            Slash16::Lines { lines, starts } => {
                let before = self.count;
                self.copy_lines(lines, starts, ids);
                self.end_block(before);
            }
        }
    }

    /// Writes the line that starts at a place of a /16, from runs that do not end before it. Returns
    /// where the next one starts.
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
        self.count_new(1);
        // Of the end of the /16 the low half is left, which is 0.
        let [low, high, ..] = plan.reach.to_le_bytes();
        self.starts.extend([low, high]);
        self.count += 1;
        plan.reach
    }

    /// Notes that the last lines of `new` are the next ones.
    fn count_new(&mut self, lines: usize) {
        match self.order.last_mut() {
            Some(Piece::New(len)) => *len += lines * LINE,
            _ => self.order.push(Piece::New(lines * LINE)),
        }
    }

    /// Takes some lines of a /16 over as they are or with new ids, with the starts of the lines behind
    /// them.
    pub(super) fn copy_lines(
        &mut self,
        lines: &'a [[u8; LINE]],
        starts: &[[u8; 2]],
        ids: NewIds<'_>,
    ) {
        if lines.is_empty() {
            return;
        }
        if ids.are_none() {
            self.order.push(Piece::Other(lines.as_flattened()));
        } else {
            self.new.extend(lines.iter().map(|line| ids.line(line)));
            self.count_new(lines.len());
        }
        self.starts.extend_from_slice(starts.as_flattened());
        self.count += lines.len();
    }

    /// How many lines there are so far.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Moves its lines to the end of `out`, with room for them alone: what is left is where they start
    /// and how many there are.
    pub fn move_lines(&mut self, out: &mut Vec<u8>) {
        let new = std::mem::take(&mut self.new).into_flattened();
        let pieces = Pieces::new(new, std::mem::take(&mut self.order));
        pieces.iter().for_each(|bytes| out.extend_from_slice(bytes));
    }

    /// Notes the bits of the /24s of a /16 that was edited.
    pub(super) fn push_edited_bits(&mut self, block: u16, bits: [u8; BITS_OF_16]) {
        self.edited_bits.push((block, bits));
    }

    /// Ends a /16 of lines, before which there were so many.
    pub(super) fn end_block(&mut self, before: usize) {
        let count = u32::try_from(self.count - before);
        let count = count.expect("a /16 has no more lines than addresses");
        self.blocks.push(Block::Lines(count));
    }
}

/// Puts the lines of all /16s together.
///
/// # Errors
/// More than 2^25 lines, which is 2 GiB.
pub fn assemble(parts: Vec<Sixteens<'_>>) -> Result<V4Sections<'_>, TooLarge> {
    let count: usize = parts.iter().map(|part| part.count).sum();
    if count > MAX_LINES {
        return Err(TooLarge {
            what: "lines of IPv4",
            size: count as u64,
            limit: MAX_LINES as u64,
        });
    }
    let mut top_bytes = Vec::with_capacity(V4_TOP_LEN);
    let mut starts = Vec::with_capacity((count + V4_STARTS_PAD) * 2);
    let mut counts = Vec::new();
    let mut first = 0u32; // below MAX_LINES
    for (number, block) in (0u32..).zip(parts.iter().flat_map(|part| &part.blocks)) {
        match *block {
            Block::Uniform(id) => top_bytes.extend(id.to_le_bytes()),
            Block::Lines(count) => {
                if count >= top::MANY {
                    counts.extend(number.to_le_bytes());
                    counts.extend(count.to_le_bytes());
                }
                top_bytes.extend(top::of_lines(first, count).to_le_bytes());
                first += count;
            }
        }
    }
    assert_eq!(top_bytes.len(), V4_TOP_LEN, "every /16 is written once");
    parts
        .iter()
        .for_each(|part| starts.extend_from_slice(&part.starts));
    starts.resize(starts.len() + V4_STARTS_PAD * 2, 0xff);
    let edited_bits = parts.iter().flat_map(|part| &part.edited_bits);
    let edited_bits = edited_bits.copied().collect();
    Ok(V4Sections {
        top: top_bytes,
        starts,
        counts,
        edited_bits,
        lines: parts
            .into_iter()
            .map(|part| Pieces::new(part.new.into_flattened(), part.order))
            .collect(),
    })
}

/// Sets the bits of the /24s in which runs have an address. `bits` are of the addresses from `first`
/// to `last`, and the first of the runs does not end before these.
pub fn set_bits(bits: &mut [u8], (first, last): (u32, u32), runs: &[Run<u32>]) {
    for run in runs.iter().take_while(|run| run.start <= last) {
        let (start, end) = (run.start.max(first) - first, run.end.min(last) - first);
        for number in start >> 8..=end >> 8 {
            let byte = bits.get_mut((number >> 3) as usize);
            *byte.expect("a bit for each /24 up to the last address") |= 1 << (number & 7);
        }
    }
}

/// The one value of a /16, 0 for none, if it has only one. No run ends before it.
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

/// The runs behind a /16, of runs of which none ends before it.
pub fn behind_16(runs: &[Run<u32>], block: u16) -> &[Run<u32>] {
    behind(runs, block.into(), BLOCK)
}
