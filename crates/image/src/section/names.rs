//! Writes names in lines on all cores, each thread some names at a time.

use rayon::prelude::*;
use rblmap_content::NameTable;
use rblmap_format::names::suffixes::{self, Below};
use rblmap_format::names::write::{self, Coded, Counts, Model, NameSections, Writer};

use crate::error::Error;

/// Names that one thread takes at once.
const PART: usize = 1 << 15;

/// The names of a zone, encoded.
pub(crate) struct Encoded {
    pub(crate) model: Model,
    pub(crate) filter: Vec<u8>,
    pub(crate) sections: NameSections,
}

/// Encodes the names of a zone. `key` is what they are hashed with, and rules have `width` bytes.
pub(crate) fn encode(names: &NameTable, key: [u8; 16], width: usize) -> Result<Encoded, Error> {
    let parts = || (0..names.len().div_ceil(PART)).into_par_iter();
    let points = |part: usize| (part * PART..(part + 1) * PART).map_while(|index| names.get(index));
    let below = parts().map(|part| Below::count(points(part).map(|point| point.key)));
    let mut model = Model::new(key, &suffixes::choose(below.collect()))?;
    let counts = counts(names, &model);
    model.set_codes(&counts);
    let coded: Vec<Coded> = parts()
        .map(|part| {
            let mut coded = Coded::of_list(names.len());
            points(part).for_each(|point| coded.add(&model, &point, width));
            coded
        })
        .collect();
    let (sections, filter) = rayon::join(
        || Writer::put_all(names.iter(), &coded),
        || write::filter(&coded, names.len()),
    );
    Ok(Encoded {
        model,
        filter,
        sections: sections?,
    })
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
