//! What entries say together: overlaps, levels, exclusions, unions. Decided here, once.
//!
//! Each dataset becomes a [`Layer`] of disjoint spans and a table of names; the layers of a zone
//! are united into its content.

pub(crate) mod ip4set;
pub(crate) mod names;
pub(crate) mod singles;
pub(crate) mod span;
pub(crate) mod subzones;
pub(crate) mod trie;
pub(crate) mod unions;
pub(crate) mod zone;

use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;
use rblmap_content::{Record, TemplateBuf, ValueList};

use crate::error::Error;
use crate::load::{Dataset, Placed};
use crate::piece::{EXCLUDED, Net};
use crate::spec::DatasetType;
use crate::value::Whole;
use crate::warning::{Class, Warning};
use names::Names;
use span::Span;
use unions::Unions;

/// What one dataset says, resolved. Value 0 says: not listed, whatever wider entries say.
#[derive(Debug, Clone, Default)]
pub(crate) struct Layer {
    pub(crate) has_v4: bool,
    pub(crate) v4: Vec<Span<u32>>,
    pub(crate) v6: Vec<Span<u128>>,
    pub(crate) names: Names,
    pub(crate) places: Places,
}

/// Where the lines of a dataset stand.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places {
    pieces: Vec<(u32, Arc<Path>, u64)>,
}

impl Places {
    pub(crate) fn of(pieces: &[Placed<'_>]) -> Places {
        let pieces = pieces.iter();
        Places {
            pieces: pieces
                .map(|placed| (placed.position, placed.file.clone(), placed.lines_before))
                .collect(),
        }
    }

    /// A remark about the line at a position.
    pub(crate) fn warning(&self, position: u32, class: Class) -> Option<Warning> {
        let at = self.pieces.partition_point(|(from, ..)| *from < position);
        let (from, file, lines_before) = self.pieces.get(at.checked_sub(1)?)?;
        Some(Warning {
            file: file.clone(),
            line: lines_before + u64::from(position - from),
            class,
            message: class.message(),
        })
    }
}

/// Resolves a dataset whose values are taken.
pub(crate) fn layer(
    dataset: Dataset<'_>,
    unions: &mut Unions<'_>,
    warnings: &mut Vec<Warning>,
) -> Result<Layer, Error> {
    let mut pieces = dataset.pieces;
    let places = Places::of(&pieces);
    let mut twice = Vec::new();
    let first_wins = matches!(dataset.kind, DatasetType::Ip4trie | DatasetType::Ip6trie);
    let equal = if first_wins {
        trie::Equal::First(&mut twice)
    } else {
        trie::Equal::All
    };
    let names = names::resolve(&pieces, unions)?;
    let nets6: Vec<Net<u128>> = nets(&mut pieces, |placed| std::mem::take(&mut placed.piece.v6));
    let (v4, v6) = match dataset.kind {
        DatasetType::Ip4set => (ip4set::resolve(pieces, unions)?, Vec::new()),
        DatasetType::Ip4tset => (ip4set::resolve(pieces, unions)?, Vec::new()),
        DatasetType::Ip4trie => (trie::resolve4(pieces, equal, unions)?, Vec::new()),
        DatasetType::Ip6trie => (Vec::new(), trie::resolve(nets6, equal, unions)?),
        _ => (
            trie::resolve4(pieces, equal, unions)?,
            trie::resolve(nets6, trie::Equal::All, unions)?,
        ),
    };
    let twice = twice.into_iter();
    warnings.extend(twice.filter_map(|position| places.warning(position, Class::Duplicate)));
    Ok(Layer {
        has_v4: dataset.kind.is_v4(),
        v4,
        v6,
        names,
        places,
    })
}

/// Takes the values of a dataset into the draft: 0 for a value that says nothing.
pub(crate) fn take_values(dataset: &mut Dataset<'_>, unions: &mut Unions<'_>) -> Result<(), Error> {
    let lists: Vec<ValueList> = dataset
        .pieces
        .par_iter()
        .map(|placed| {
            let mut list = ValueList::default();
            dataset
                .wholes(placed)
                .for_each(|whole| list.push(&record(dataset, &whole)));
            list
        })
        .collect();
    let ids = unions.intern_all(&lists)?;
    for (placed, ids) in dataset.pieces.iter_mut().zip(ids) {
        placed.ids = ids;
    }
    Ok(())
}

fn record(dataset: &Dataset<'_>, whole: &Whole<'_>) -> Record {
    let text = whole.text.as_deref();
    Record {
        a: whole.a.map(std::net::Ipv4Addr::from_bits),
        text: match dataset.kind {
            // Nothing in it is put in.
            DatasetType::Generic => text.map(TemplateBuf::literal),
            _ => dataset.settings.template(text),
        },
    }
}

/// The networks of all pieces, with positions for lines and ids of the draft for values.
fn nets<A: Copy>(
    pieces: &mut [Placed<'_>],
    mut take: impl FnMut(&mut Placed<'_>) -> Vec<Net<A>>,
) -> Vec<Net<A>> {
    let mut all = Vec::new();
    for placed in pieces {
        let nets = take(placed);
        all.extend(nets.into_iter().map(|net| Net {
            value: id_of(placed, net.value),
            line: placed.position + net.line,
            ..net
        }));
    }
    all
}

fn id_of(placed: &Placed<'_>, value: u32) -> u32 {
    if value == EXCLUDED {
        return 0;
    }
    placed.ids.get(value as usize).copied().unwrap_or(0)
}
