//! What entries say together: overlaps, levels, exclusions, unions. Decided here, once.
//!
//! Each dataset becomes a [`Layer`] of disjoint runs and a table of names; the layers of a zone
//! are united into its content.

pub(crate) mod attached;
pub(crate) mod first;
pub(crate) mod ip4set;
pub(crate) mod layer_run;
pub(crate) mod masked;
pub(crate) mod names;
pub(crate) mod singles;
pub(crate) mod subzones;
pub(crate) mod trie;
pub(crate) mod unions;
pub(crate) mod zone;
pub(crate) mod zone_order;

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;
use rblmap_content::{Record, TemplateBuf, ValueList};

use crate::address6::unmapped;
use crate::dataset::Taken;
use crate::dataset_type::DatasetType;
use crate::error::Error;
use crate::load::{Dataset, Placed};
use crate::piece::{Net, Said};
use crate::template;
use crate::ttls;
use crate::value::{Whole, Words};
use crate::warning::{Class, Warning};
use layer_run::LayerRun;
use names::Names;
use unions::Unions;

/// What one dataset says, resolved. Value 0 says: not listed, whatever wider entries say.
#[derive(Debug, Clone, Default)]
pub(crate) struct Layer {
    pub(crate) has_v4: bool,
    pub(crate) v4: Vec<LayerRun<u32>>,
    pub(crate) v6: Vec<LayerRun<u128>>,
    pub(crate) names: Names,
    pub(crate) places: Places,
    /// The lines of mapped IPv6 addresses.
    mapped: Vec<u32>,
}

impl Layer {
    /// Remarks about mapped addresses that IPv4 data alone answers for.
    pub(crate) fn hidden_mapped(&self) -> impl Iterator<Item = Warning> {
        let lines = self.mapped.iter();
        lines.filter_map(|position| self.places.warning(*position, Class::Unreachable))
    }
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
        let line = lines_before + u64::from(position - from);
        Some(Warning::new(file.clone(), line, class))
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
    let names = names::resolve(&mut pieces, names::Equal::of(dataset.kind), unions)?;
    let nets6: Vec<Net<u128, u32>> =
        nets(&mut pieces, |placed| std::mem::take(&mut placed.piece.v6));
    let mapped = nets6
        .iter()
        .filter(|net| unmapped(net.start, net.end).is_some());
    let mapped: Vec<u32> = mapped.map(|net| net.line).collect();
    let (v4, v6) = match dataset.kind {
        DatasetType::Ip4set | DatasetType::Ip4tset => {
            (ip4set::resolve(pieces, unions)?, Vec::new())
        }
        DatasetType::Ip4trie => {
            let mut twice6 = Vec::new();
            let v6 = trie::resolve(nets6, trie::Equal::First(&mut twice6), unions)?;
            let v4 = trie::resolve4(pieces, equal, unions)?;
            twice.extend(twice6);
            (v4, v6)
        }
        DatasetType::Ip6trie => (Vec::new(), trie::resolve(nets6, equal, unions)?),
        DatasetType::Postfix => {
            let nets4 = nets(&mut pieces, |placed| {
                std::mem::take(&mut placed.piece.v4.nets)
            });
            (first::resolve(&nets4), first::resolve(&nets6))
        }
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
        mapped,
    })
}

/// Takes the values of a dataset into the draft: 0 for a value that says nothing.
pub(crate) fn take_values(dataset: &mut Dataset<'_>, unions: &mut Unions<'_>) -> Result<(), Error> {
    let pieces = dataset.pieces.iter_mut();
    let mut literals: Vec<ValueList> = pieces
        .map(|placed| std::mem::take(&mut placed.piece.values.literals))
        .collect();
    if !dataset.leaves_literals() {
        let rewritten = literals.par_iter().map(|list| rewritten(dataset, list));
        literals = rewritten.collect();
    }
    let stated = dataset.pieces.par_iter().map(|placed| {
        let mut list = ValueList::default();
        let wholes = dataset.wholes(placed);
        wholes.for_each(|whole| match literal(dataset, &whole) {
            Some(text) => list.push_literal(whole.a.map(Ipv4Addr::from_bits), text),
            None => list.push(&record(dataset, &whole)),
        });
        list
    });
    let mut lists: Vec<ValueList> = stated.collect();
    lists.append(&mut literals);
    let mut ids = unions.intern_all(&lists)?.into_iter();
    let pieces = &mut dataset.pieces;
    for (placed, stated) in pieces.iter_mut().zip(ids.by_ref()) {
        placed.ids.stated = stated;
    }
    for (placed, literals) in pieces.iter_mut().zip(ids) {
        placed.ids.literals = literals;
    }
    Ok(())
}

/// What values that are encoded come to where a base template speaks for them, or something else than
/// records is taken.
fn rewritten(dataset: &Dataset<'_>, literals: &ValueList) -> ValueList {
    let mut list = ValueList::default();
    for (a, text) in literals.literals() {
        let whole = Whole {
            a: a.map(Ipv4Addr::to_bits),
            text: Some(Words::Template(text.into())),
        };
        list.push(&record(dataset, &whole));
    }
    list
}

/// The text of a value that is a record with this text as it stands, as nearly all are that have one.
fn literal<'w>(dataset: &Dataset<'_>, whole: &'w Whole<'_>) -> Option<&'w [u8]> {
    match &whole.text {
        Some(Words::Template(text)) if dataset.taken == Taken::Records => {
            let text = dataset.settings.literal(text)?;
            (!text.is_empty()).then_some(text)
        }
        _ => None,
    }
}

fn record(dataset: &Dataset<'_>, whole: &Whole<'_>) -> Record {
    let record = stated_record(dataset, whole);
    match (dataset.taken, dataset.kind) {
        (Taken::Records, _) | (Taken::Ttls, DatasetType::Generic) => record,
        (Taken::Ttls, _) => ttls::of_record(dataset.ttl, &record),
    }
}

fn stated_record(dataset: &Dataset<'_>, whole: &Whole<'_>) -> Record {
    let is_generic = dataset.kind == DatasetType::Generic;
    let text = match &whole.text {
        None if is_generic => None,
        None => dataset.settings.template(None),
        Some(Words::Template(text)) => dataset.settings.template(Some(text)),
        Some(Words::Marked(text)) => template::marked(text),
        // Nothing in it is put in, and an empty one is a record of its own.
        Some(Words::Data(text)) => Some(TemplateBuf::literal(text)),
    };
    Record {
        a: whole.a.map(Ipv4Addr::from_bits),
        text,
    }
}

/// The networks of all pieces, with positions for lines and ids of the draft for values.
fn nets<A: Copy>(
    pieces: &mut [Placed<'_>],
    mut take: impl FnMut(&mut Placed<'_>) -> Vec<Net<A>>,
) -> Vec<Net<A, u32>> {
    let mut all = Vec::new();
    for placed in pieces {
        let nets = take(placed);
        all.extend(nets.into_iter().map(|net| Net {
            start: net.start,
            end: net.end,
            value: id_of(placed, net.value),
            line: placed.position + net.line,
        }));
    }
    all
}

/// The id in the draft of what an entry says; 0: that its key is not listed.
fn id_of(placed: &Placed<'_>, said: Said) -> u32 {
    match said {
        Said::Value(number) => placed.ids.get(number).unwrap_or(0),
        Said::Excluded | Said::HeldBack | Said::BadA | Said::BadValue => 0,
    }
}
