//! What an operator may have meant otherwise: findings about entries that are read and used.
//!
//! Entries are compared with those of their own dataset, as written: an entry that says what a
//! wider one says anyway, an exclusion that takes nothing out, private or reserved space, networks
//! wider than a limit, texts without the key; and of each zone the test points of RFC 5782.

mod addresses;
mod names;
mod zone;

use std::collections::HashSet;

use rblmap::Part;
use rblmap_image::{Record, ValueBuf};

use crate::load::{Dataset, Placed};
use crate::piece::EXCLUDED;
use crate::resolve::Places;
use crate::spec::{Check, DatasetType};
use crate::warning::{Class, Warning};

pub(crate) use zone::check_zone;

/// Looks at the entries of a dataset.
pub(crate) fn check_dataset(dataset: &Dataset<'_>, check: &Check, places: &Places) -> Vec<Warning> {
    let mut findings = Vec::new();
    let keyed = keyed_values(dataset);
    addresses::v4(dataset, check, &mut findings);
    addresses::v6(dataset, check, &mut findings);
    names::check(dataset, &keyed, &mut findings);
    if dataset.kind != DatasetType::Generic {
        texts(dataset, &keyed, &mut findings);
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

/// An entry with its place: a key, the value's id in the dataset, none for an exclusion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry<K> {
    key: K,
    value: Option<u32>,
    position: u32,
}

fn value_of(placed: &Placed<'_>, value: u32) -> Option<u32> {
    if value == EXCLUDED {
        return None;
    }
    placed.ids.get(value as usize).copied()
}

/// Which values name the key in their text, and which have no text at all.
struct Keyed {
    key: Vec<bool>,
    text: Vec<bool>,
}

impl Keyed {
    fn names_key(&self, value: u32) -> bool {
        self.key.get(value as usize).copied().unwrap_or(false)
    }

    fn has_text(&self, value: u32) -> bool {
        self.text.get(value as usize).copied().unwrap_or(false)
    }
}

fn keyed_values(dataset: &Dataset<'_>) -> Keyed {
    let (mut key, mut text) = (Vec::new(), Vec::new());
    for whole in &dataset.values.values {
        let template = dataset.settings.template(whole.text.as_deref());
        text.push(template.is_some());
        let value = ValueBuf::new([Record {
            a: None,
            text: template,
        }]);
        let templates = value.as_value().records().filter_map(|r| r.template);
        let mut parts = templates.flat_map(|template| template.parts());
        key.push(parts.any(|part| !matches!(part, Part::Literal(_))));
    }
    Keyed { key, text }
}

/// The first entry of each text that does not say what is listed.
fn texts(dataset: &Dataset<'_>, keyed: &Keyed, findings: &mut Vec<Finding>) {
    let mut seen = HashSet::new();
    for placed in &dataset.pieces {
        let piece = &placed.piece;
        let singles = piece.v4.by_value();
        let mut first: Vec<(u32, u32)> = singles
            .map(|(from, _, value)| (line_of_single(placed, from), value))
            .collect();
        first.extend(piece.v4.nets.iter().map(|net| (net.line, net.value)));
        first.extend(piece.v6.iter().map(|net| (net.line, net.value)));
        first.extend(piece.names.iter().map(|name| (name.line, name.value)));
        first.sort_unstable();
        for (line, value) in first {
            let Some(value) = value_of(placed, value) else {
                continue;
            };
            if keyed.has_text(value) && !keyed.names_key(value) && seen.insert(value) {
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
