//! IPv4 runs that come some at a time, as the lines of an image to be: a list of a hundred million runs
//! takes 1.2 GB, its lines 170 MB.
//!
//! ```text
//!   runs     |  /16  |  /16  |  /1   come in address order
//!   lines    |=======|=======|       each /16 is written as soon as all of it has come
//!   rest                     |  /1   waits for the next ones
//! ```

use std::ops::Range;

use rayon::prelude::*;
use rblmap::Run;
use rblmap_format::sections::id_width;
use rblmap_format::v4::shape::Shape;
use rblmap_format::v4::write::{Sixteens, V4Sections, assemble, behind_16};
use rblmap_format::v4::{Lines, V4};

use crate::edited::{Blocks, V4Image, append, block_of};
use crate::error::Error;
use crate::section;

/// /16s that one thread writes at once.
const PART: usize = 16;
const BLOCKS: usize = 1 << 16;

/// The IPv4 runs of a zone as lines.
///
/// See the example of [`LineWriter`].
pub struct V4Lines {
    values: usize,
    sections: V4Sections<'static>,
    lines: Vec<u8>,
}

/// Takes runs in address order, and holds them as lines.
///
/// ```
/// use rblmap_format::{Run, ValueId};
/// use rblmap_image::{LineWriter, V4Image};
///
/// let value = ValueId::from_rank(0).expect("a small rank");
/// let mut writer = LineWriter::new(1);
/// for first in [0, 100_000] {
///     let every_other = (first..first + 100_000).map(|n| Run { start: 2 * n, end: 2 * n, value });
///     writer.push(&every_other.collect::<Vec<_>>())?;
/// }
/// let lines = writer.finish()?;
/// let Some(V4Image::Blocks(blocks)) = lines.runs() else {
///     panic!("they are what was written");
/// };
/// assert_eq!(blocks.counts().0, 200_000);
/// # Ok::<(), rblmap_image::Error>(())
/// ```
pub struct LineWriter {
    values: usize,
    shape: Shape,
    /// The /16s that are written, and their lines.
    parts: Vec<Sixteens<'static>>,
    lines: Vec<u8>,
    /// The first /16 that is not written.
    next: usize,
    /// Runs of which none ends before that.
    rest: Vec<Run<u32>>,
}

impl LineWriter {
    /// For runs of a zone with so many values.
    pub fn new(values: usize) -> LineWriter {
        let width = id_width(u32::try_from(values).unwrap_or(u32::MAX));
        LineWriter {
            values,
            shape: Shape::new(width),
            parts: Vec::new(),
            lines: Vec::new(),
            next: 0,
            rest: Vec::new(),
        }
    }

    /// Adds runs behind all that there are. Every /16 that they have passed is written, on all cores.
    ///
    /// # Errors
    /// Runs that do not rise.
    pub fn push(&mut self, runs: &[Run<u32>]) -> Result<(), Error> {
        let joins = |a: &Run<u32>, b: &Run<u32>| a.end < b.start && b.start <= b.end;
        let last = self.rest.last();
        let rises = runs.is_sorted_by(joins)
            && runs.first().is_none_or(|first| {
                first.start <= first.end && last.is_none_or(|last| joins(last, first))
            });
        if !rises {
            return Err(Error::NotNormal {
                what: "IPv4 runs that do not rise,",
            });
        }
        append(&mut self.rest, 0, runs);
        let Some(last) = self.rest.last() else {
            return Ok(());
        };
        // More runs may begin in the /16 in which the last one ends.
        self.write(self.next..usize::from(block_of(last.end)));
        let first = u32::try_from(self.next << 16).unwrap_or(u32::MAX);
        let behind = self.rest.partition_point(|run| run.end < first);
        self.rest.drain(..behind);
        Ok(())
    }

    fn write(&mut self, blocks: Range<usize>) {
        let starts: Vec<usize> = blocks.clone().step_by(PART).collect();
        let encode = |first: &usize| {
            let of =
                (*first..(first + PART).min(blocks.end)).filter_map(|it| u16::try_from(it).ok());
            section::v4::of_list(&self.rest, of, self.shape, behind_16)
        };
        // At once, so that lines are not held twice.
        let mut parts: Vec<Sixteens<'static>> = starts.par_iter().map(encode).collect();
        let lines = &mut self.lines;
        parts.iter_mut().for_each(|part| part.move_lines(lines));
        self.parts.append(&mut parts);
        self.next = self.next.max(blocks.end);
    }

    /// The lines of all runs.
    ///
    /// # Errors
    /// More lines than an image can hold.
    pub fn finish(mut self) -> Result<V4Lines, Error> {
        self.write(self.next..BLOCKS);
        Ok(V4Lines {
            values: self.values,
            sections: assemble(self.parts)?,
            lines: self.lines,
        })
    }
}

impl V4Lines {
    /// The runs, as those of an image; none if there is an id of no value among them.
    pub fn runs(&self) -> Option<V4Image<'_>> {
        let V4Sections {
            top,
            starts,
            counts,
            ..
        } = &self.sections;
        let width = id_width(u32::try_from(self.values).unwrap_or(u32::MAX));
        let lines = Lines::new(top, starts, counts, None, &self.lines, width)?;
        let blocks = Blocks::of_16s(V4::Lines(lines).blocks()?, self.values, None)?;
        Some(V4Image::Blocks(Box::new(blocks)))
    }
}
