//! Writes names in lines on all cores, each thread some names at a time.

use rayon::prelude::*;
use rblmap_content::NameTable;
use rblmap_format::names::suffixes;
use rblmap_format::names::write::{Coded, Counts, Model, NameSections, Writer};

use crate::error::Error;

/// Names that one thread takes at once.
const PART: usize = 1 << 15;

/// Encodes the names of a zone. `key` is what they are hashed with, and rules have `width` bytes.
pub(crate) fn encode(
    names: &NameTable,
    key: [u8; 16],
    width: usize,
) -> Result<(Model, NameSections), Error> {
    let common = suffixes::choose(names.iter().map(|point| point.key));
    let mut model = Model::new(key, &common)?;
    let counts = counts(names, &model);
    model.set_codes(&counts);
    let parts: Vec<usize> = (0..names.len().div_ceil(PART)).collect();
    let coded: Vec<Coded> = parts
        .into_par_iter()
        .map(|part| {
            let mut coded = Coded::of_list(names.len());
            for point in (part * PART..(part + 1) * PART).map_while(|index| names.get(index)) {
                coded.add(&model, &point, width);
            }
            coded
        })
        .collect();
    let sections = Writer::put_all(names.iter(), &coded)?;
    Ok((model, sections))
}

fn counts(names: &NameTable, model: &Model) -> Counts {
    let empty = || model.counts();
    let count = |mut counts: Counts, index| {
        let key = names.get(index).map_or(&b""[..], |point| point.key);
        counts.add(model, key);
        counts
    };
    let parts = (0..names.len()).into_par_iter().fold(empty, count);
    parts.reduce(empty, Counts::and)
}
