//! Counts both images of a change at once.

use rayon::prelude::*;
use rblmap_content::{Difference, LeafHasher, Pool};
use rblmap_format::Slash16s;
use rblmap_format::sections::id_width;
use rblmap_format::v4::renumber::NewIds;
use rblmap_format::v4::shape::Shape;

use super::beside::{Beside, Found};
use super::by16::{Blocks, blocks_by_top};
use super::counted::Counted;
use super::hashed;
use super::tally::{Tally, add_all};

/// The runs of a zone of an old and a new image, and where they differ.
pub(crate) struct BothBlocks<'a> {
    /// None if they are damaged.
    pub(crate) old: Option<Blocks<'a>>,
    pub(crate) new: Blocks<'a>,
    pub(crate) differences: Vec<Difference<u32>>,
}

impl<'a> BothBlocks<'a> {
    /// Of images with the same values, so many. The new one is counted as by [`Blocks::of`] with this hasher,
    /// the old one [beside it](super::beside). `None` if the new one is damaged.
    pub(crate) fn of(
        old: Slash16s<'a>,
        new: Slash16s<'a>,
        values: usize,
        hasher: &LeafHasher<'_>,
    ) -> Option<BothBlocks<'a>> {
        let tallies = Pool::new();
        let new_tallies = || (Tally::new(values), Tally::new(values));
        let width = id_width(u32::try_from(values).unwrap_or(u32::MAX));
        let ids = NewIds::new(None, Shape::new(width));
        let tops: Vec<(Counted, Found)> = blocks_by_top()
            .map_init(
                || (old.walk(), new.walk(), Vec::new(), Vec::new()),
                |(old_walk, walk, held, units), blocks| {
                    tallies.with(new_tallies, |(tally, beside_tally)| {
                        let mut beside = Beside {
                            old: &old,
                            walk: old_walk,
                            ids,
                            tally: beside_tally,
                            units,
                            found: Found::default(),
                        };
                        let with = (tally, hasher);
                        let new = hashed::count(&new, walk, blocks, with, held, Some(&mut beside));
                        (new, beside.found)
                    })
                },
            )
            .collect();
        let (tallies, beside_tallies) = tallies.into_all().into_iter().unzip();
        let uses = Tally::sum(tallies, values)?;
        let old_uses = Tally::sum(beside_tallies, values).map(|mut more| {
            add_all(&mut more, &uses);
            more
        });
        let (mut old_tops, mut new_tops) = (Vec::new(), Vec::new());
        let mut differences = Vec::new();
        for (of_new, found) in tops {
            let (of_old, more) = found.into_parts();
            new_tops.push(of_new);
            old_tops.push(of_old);
            more.into_iter().for_each(|it| it.push_to(&mut differences));
        }
        Some(BothBlocks {
            old: old_uses.map(|uses| Blocks::counted(old, values, old_tops, uses)),
            new: Blocks::counted(new, values, new_tops, uses),
            differences,
        })
    }
}
