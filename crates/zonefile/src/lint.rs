//! What an operator may have meant otherwise: findings about entries that are read and used.
//!
//! Entries are compared with those of their own dataset, as written: an entry that says what a
//! wider one says anyway, an exclusion that takes nothing out, private or reserved space, networks
//! wider than a limit, names that no host can have, texts without the key; and of each zone the test points of RFC 5782.

mod addresses;
mod names;
mod odd;
mod zone;

use std::collections::HashSet;

use crate::dataset_type::DatasetType;
use crate::load::{Dataset, Placed};
use crate::piece::Said;
use crate::resolve::Places;
use crate::resolve::unions::Unions;
use crate::spec::Check;
use crate::warning::{Class, Warning};

pub(crate) use zone::check_zone;

/// Looks at the entries of a dataset.
pub(crate) fn check_dataset(
    dataset: &Dataset<'_>,
    check: &Check,
    places: &Places,
    unions: &Unions<'_>,
) -> Vec<Warning> {
    let mut findings = Vec::new();
    let texts = Texts { unions };
    addresses::v4(dataset, check, &mut findings);
    addresses::v6(dataset, check, &mut findings);
    names::check(dataset, &texts, &mut findings);
    odd::check(dataset, &mut findings);
    if dataset.kind != DatasetType::Generic {
        without_key(dataset, &texts, &mut findings);
    }
    findings.sort_unstable();
    findings.dedup();
    findings
        .into_iter()
        .filter_map(|(position, class)| places.warning(position, class))
        .collect()
}

/// A remark about the line at a position.
type Finding = (u32, Class);

/// An entry with its place: a key, the value's id, none for an exclusion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry<K> {
    key: K,
    value: Option<u32>,
    position: u32,
}

fn value_of(placed: &Placed<'_>, said: Said) -> Option<u32> {
    match said {
        Said::Value(number) => placed.ids.get(number),
        Said::Excluded | Said::HeldBack | Said::BadA | Said::BadValue => None,
    }
}

/// What the values say, for questions about their texts.
struct Texts<'a> {
    unions: &'a Unions<'a>,
}

impl Texts<'_> {
    fn names_key(&self, value: u32) -> bool {
        rblmap_content::names_key(self.unions.get(value))
    }

    fn has_text(&self, value: u32) -> bool {
        let mut records = self.unions.get(value).records();
        records.any(|record| record.template.is_some())
    }
}

/// The first entry of each text that does not say what is listed.
fn without_key(dataset: &Dataset<'_>, texts: &Texts<'_>, findings: &mut Vec<Finding>) {
    let mut seen = HashSet::new();
    for placed in &dataset.pieces {
        let piece = &placed.piece;
        let singles = piece.v4.by_value();
        let mut first: Vec<(u32, Said)> = singles
            .map(|(from, _, value)| (line_of_single(placed, from), value))
            .collect();
        first.extend(piece.v4.nets.iter().map(|net| (net.line, net.value)));
        first.extend(piece.v6.iter().map(|net| (net.line, net.value)));
        first.extend(piece.names.iter().map(|name| (name.line, name.said())));
        first.sort_unstable_by_key(|(line, _)| *line);
        for (line, value) in first {
            let Some(value) = value_of(placed, value) else {
                continue;
            };
            if texts.has_text(value) && !texts.names_key(value) && seen.insert(value) {
                findings.push((placed.position + line, Class::NoKey));
            }
        }
    }
}

fn line_of_single(placed: &Placed<'_>, index: usize) -> u32 {
    let breaks = &placed.piece.v4.breaks;
    let at = breaks.partition_point(|(from, _)| *from <= index);
    let (from, line) = at
        .checked_sub(1)
        .and_then(|at| breaks.get(at))
        .copied()
        .unwrap_or((0, 1));
    // A piece has fewer than 2^32 lines.
    line + u32::try_from(index - from).unwrap_or(0)
}
