//! Findings about names.

use super::{Entry, Finding, Texts, value_of};
use crate::dataset_type::DatasetType;
use crate::load::Dataset;
use crate::warning::Class;
use rblmap_content::NameScope;

/// A name in one of the two tables of a dataset: of itself, or of the names below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key<'a> {
    name: &'a [u8],
    scope: NameScope,
}

impl Key<'_> {
    fn tables(self) -> [bool; 2] {
        match self.scope {
            NameScope::Exact => [true, false],
            NameScope::Below => [false, true],
            NameScope::Both => [true, true],
        }
    }
}

/// Names that say what a name above says of them, and exclusions that take nothing out.
pub(super) fn check(dataset: &Dataset<'_>, texts: &Texts<'_>, findings: &mut Vec<Finding>) {
    let mut entries: Vec<Entry<Key<'_>>> = Vec::new();
    for placed in &dataset.pieces {
        entries.extend(placed.piece.names.iter().map(|entry| Entry {
            key: Key {
                name: entry.key(&placed.piece.arena),
                scope: entry.scope,
            },
            value: value_of(placed, entry.said()),
            position: placed.position + entry.line,
        }));
    }
    if dataset.kind == DatasetType::Generic {
        return;
    }
    entries.sort_unstable_by_key(|entry| (entry.key.name, entry.position));
    let mut above: Vec<(&[u8], Option<u32>)> = Vec::new();
    for group in entries.chunk_by(|a, b| a.key.name == b.key.name) {
        let Some(first) = group.first() else { continue };
        let name = first.key.name;
        above.retain(|(key, _)| name.starts_with(key));
        let inherited = above.last().copied().map(|(_, value)| value);
        for (at, entry) in group.iter().enumerate() {
            let before = group.get(..at).unwrap_or_default();
            if says_nothing_new(entry, (before, group), inherited, texts) {
                let class = match entry.value {
                    Some(_) => Class::Shadowed,
                    None => Class::IdleExclusion,
                };
                findings.push((entry.position, class));
            }
        }
        let mut below = group.iter().filter(|entry| entry.key.tables()[1]);
        if let Some(one) = below
            .clone()
            .find(|entry| entry.value.is_none())
            .or(below.next())
        {
            above.push((name, one.value));
        }
    }
}

/// Whether an entry could be left out: another one of its name, or a name above, says the same.
fn says_nothing_new(
    entry: &Entry<Key<'_>>,
    (before, group): (&[Entry<Key<'_>>], &[Entry<Key<'_>>]),
    inherited: Option<Option<u32>>,
    texts: &Texts<'_>,
) -> bool {
    let in_table = |other: &Entry<Key<'_>>, table: usize| {
        other.key.tables().get(table).copied().unwrap_or(false)
    };
    (0..2)
        .filter(|&table| in_table(entry, table))
        .all(|table| match entry.value {
            Some(own) => {
                let again = before
                    .iter()
                    .any(|other| in_table(other, table) && other.value == entry.value);
                let alone = group
                    .iter()
                    .filter(|other| in_table(other, table))
                    .all(|other| other.value == entry.value);
                // A text with the name in it differs by name.
                let inherits = inherited == Some(Some(own)) && !texts.names_key(own);
                again || alone && inherits
            }
            None => {
                let hides = group
                    .iter()
                    .any(|other| in_table(other, table) && other.value.is_some());
                let again = before
                    .iter()
                    .any(|other| in_table(other, table) && other.value.is_none());
                again || !hides && !matches!(inherited, Some(Some(_)))
            }
        })
}
