//! An image with edits over it: the IPv4 runs of a large zone stay in its image, by /16, and what
//! changed is kept beside them.
//!
//! ```text
//!   image    |  /16  |  /16  |  /16  |  /16  |    read where they are, never made a list
//!   edits    |       | #  ## |       |     # |    kept for each /16, rising and disjoint
//!   counts   | 12/13 |  7/8  |  0/1  | 90/91 |    runs and gaps of the result, by /16
//! ```
//!
//! Whoever encodes the result copies the lines of a /16 without edits, with new ids where these moved,
//! and makes only those lines anew that an edit touches.

mod aligned;
mod begun;
mod beside;
mod borders;
mod both;
mod by16;
mod change;
mod counted;
mod edits;
mod hashed;
mod leaf_hashes;
mod rank;
mod reader;
mod stored;
mod tally;
mod uses;

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rayon::prelude::*;
use rblmap::{Run, ValueId, Zone};
use rblmap_content::{LeafHasher, V4Runs, ValueTable};

pub(crate) use borders::append;
pub(crate) use both::BothBlocks;
pub use by16::Blocks;
pub(crate) use by16::blocks_by_top;
pub use edits::block_of;
pub use rank::Behind;
pub use reader::BlockReader;
pub(crate) use stored::{ListCounter, count_list};
pub(crate) use tally::Tally;

/// The IPv4 runs of a zone, for reading.
///
/// See the example of [`V4Source`].
#[derive(Debug, Clone, Copy)]
pub enum V4View<'v> {
    /// All of them, in address order.
    List(&'v [Run<u32>]),
    /// By /16.
    Blocks(&'v Blocks<'v>),
}

/// The IPv4 runs of a zone of an image: a small zone's as a list, a large one's where they are.
///
/// See the example of [`Blocks`].
#[derive(Debug, Clone)]
pub enum V4Image<'a> {
    /// All of them, in address order.
    List(Vec<Run<u32>>),
    /// By /16.
    Blocks(Box<Blocks<'a>>),
}

/// IPv4 runs that can be encoded: a list of them, or those of an image with edits over it.
///
/// ```
/// use rblmap_image::{V4Source, block_of, decode, edited};
/// # let image = rblmap::Image::read("testdata/three.rbl")?;
/// let (list, in_image) = (decode(&image)?, edited(&image)?);
/// for view in [list.base().v4_runs().view(), in_image.base().v4_runs().view()] {
///     let runs = view.reader().runs(block_of(0xc000_0201)).to_vec();
///     assert_eq!((view.len(), runs.len()), (1, 1));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait V4Source: V4Runs {
    /// The runs, for reading.
    fn view(&self) -> V4View<'_>;
}

impl V4Source for Vec<Run<u32>> {
    fn view(&self) -> V4View<'_> {
        V4View::List(self)
    }
}

impl V4Source for V4Image<'_> {
    fn view(&self) -> V4View<'_> {
        match self {
            V4Image::List(runs) => V4View::List(runs),
            V4Image::Blocks(blocks) => V4View::Blocks(blocks),
        }
    }
}

/// The IPv4 runs of a zone of an image, read on all cores.
pub(crate) fn list_of(zone: &Zone<'_>) -> Vec<Run<u32>> {
    let Some(blocks) = zone.v4().blocks() else {
        return zone.v4_runs().collect();
    };
    let parts: Vec<Vec<Run<u32>>> = blocks_by_top()
        .map_init(
            || blocks.walk(),
            |walk, part| {
                let mut runs = Vec::new();
                part.for_each(|block| append(&mut runs, 0, walk.runs(block)));
                runs
            },
        )
        .collect();
    let mut runs = Vec::with_capacity(parts.iter().map(Vec::len).sum());
    parts.iter().for_each(|part| append(&mut runs, 0, part));
    runs
}

impl<'a> V4Image<'a> {
    /// The runs of a zone of an image of so many values, with the counts that the image holds.
    pub(crate) fn stored(zone: &Zone<'a>, values: usize) -> V4Image<'a> {
        match Blocks::stored(zone, values) {
            Some(blocks) => V4Image::Blocks(Box::new(blocks)),
            None => V4Image::of(zone, values, None),
        }
    }

    /// The runs of a zone of an image of so many values, counted, and hashed if there is a hasher of these.
    pub(crate) fn of(
        zone: &Zone<'a>,
        values: usize,
        hasher: Option<&LeafHasher<'_>>,
    ) -> V4Image<'a> {
        match Blocks::of(zone, values, hasher) {
            Some(blocks) => V4Image::Blocks(Box::new(blocks)),
            None => V4Image::List(list_of(zone)),
        }
    }
}

impl Default for V4Image<'_> {
    fn default() -> Self {
        V4Image::List(Vec::new())
    }
}

impl<'a> V4Runs for V4Image<'a> {
    type Lender = ValueTable<'a>;

    fn len(&self) -> usize {
        self.view().len()
    }

    fn normalize(&mut self) -> Result<(), usize> {
        match self {
            V4Image::List(runs) => runs.normalize(),
            // Runs of an image are merged, and edits are merged as they come.
            V4Image::Blocks(_) => Ok(()),
        }
    }

    fn renumber(&mut self, ids: &Arc<Vec<Option<ValueId>>>) {
        match self {
            V4Image::List(runs) => runs.renumber(ids),
            V4Image::Blocks(blocks) => blocks.renumber(ids),
        }
    }

    fn mark_values(&self, used: &[AtomicBool]) -> Result<(), ValueId> {
        match self {
            V4Image::List(runs) => runs.mark_values(used),
            V4Image::Blocks(blocks) => blocks.uses.mark(used),
        }
    }

    fn count_uses(&self, counts: &mut [u32]) {
        match self {
            V4Image::List(runs) => runs.count_uses(counts),
            V4Image::Blocks(blocks) => blocks.uses.count(counts),
        }
    }

    fn map_leaves<R: Send>(&self, work: impl Fn(&[Run<u32>]) -> R + Sync) -> Vec<R> {
        let blocks = match self {
            V4Image::List(runs) => return runs.map_leaves(work),
            V4Image::Blocks(blocks) => blocks,
        };
        // Many /16s may share a leaf, or a /16 may have several.
        let parts: Vec<Vec<R>> = blocks
            .ranges_of(rblmap_content::LEAF)
            .into_par_iter()
            .map_init(
                || (blocks.reader(), Vec::new()),
                |(reader, runs), range| reader.map_leaves(range, runs, &work),
            )
            .collect();
        parts.into_iter().flatten().collect()
    }

    fn leaf_hashes(&self, hasher: &LeafHasher<'_>) -> Vec<[u8; 32]> {
        match self {
            V4Image::List(runs) => runs.leaf_hashes(hasher),
            V4Image::Blocks(blocks) => blocks.leaf_hashes(hasher),
        }
    }
}

/// Reads the runs of one /16 after the other, of a list or of an image with edits over it.
///
/// See the example of [`V4Source`].
#[expect(clippy::large_enum_variant, reason = "one a walk, on the stack")]
pub enum RunsBy16<'v> {
    /// The list, and the runs of the last /16.
    List(&'v [Run<u32>], Vec<Run<u32>>),
    /// What reads /16s.
    Blocks(BlockReader<'v, 'v>),
}

impl RunsBy16<'_> {
    /// The runs of a /16 in address order, cut at its ends.
    pub fn runs(&mut self, block: u16) -> &[Run<u32>] {
        let (list, runs) = match self {
            RunsBy16::Blocks(reader) => return reader.runs(block),
            RunsBy16::List(list, runs) => (list, runs),
        };
        let first = u32::from(block) << 16;
        let last = first | 0xffff;
        let from = list.partition_point(|run| run.end < first);
        let rest = list.get(from..).unwrap_or_default();
        runs.clear();
        let here = rest.iter().take_while(|run| run.start <= last);
        runs.extend(here.map(|run| Run {
            start: run.start.max(first),
            end: run.end.min(last),
            ..*run
        }));
        runs
    }
}

impl<'v> V4View<'v> {
    /// How many runs there are.
    pub fn len(&self) -> usize {
        match self {
            V4View::List(runs) => runs.len(),
            V4View::Blocks(blocks) => usize::try_from(blocks.counts().0).unwrap_or(usize::MAX),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads the runs of one /16 after the other.
    pub fn reader(self) -> RunsBy16<'v> {
        match self {
            V4View::List(runs) => RunsBy16::List(runs, Vec::new()),
            V4View::Blocks(blocks) => RunsBy16::Blocks(blocks.reader()),
        }
    }

    /// All runs as a list.
    pub(crate) fn to_list(self) -> Cow<'v, [Run<u32>]> {
        match self {
            V4View::List(runs) => Cow::Borrowed(runs),
            V4View::Blocks(blocks) => Cow::Owned(blocks.to_list()),
        }
    }
}
