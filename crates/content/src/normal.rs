//! The normal form: adjacent runs with the same value are one run, and names that say what they
//! would inherit anyway are not there.

use rayon::prelude::*;
use rblmap_format::{Address, NameKey, NameRule, Run, ValueId};

use crate::error::Error;
use crate::held::Lender;
use crate::interner::Interner;
use crate::names::NameTable;
use crate::value::{ValueBuf, names_key};

/// Joins neighbours of equal value. The error is the index of the first run that is out of order.
pub(crate) fn merge_runs<A: Address>(runs: &mut Vec<Run<A>>) -> Result<(), usize> {
    if are_merged(runs) {
        return Ok(());
    }
    let mut kept = 0usize;
    for index in 0..runs.len() {
        let Some(&run) = runs.get(index) else { break };
        if run.end < run.start {
            return Err(index);
        }
        let last = kept.checked_sub(1).and_then(|last| runs.get_mut(last));
        match last {
            Some(last) if last.end >= run.start => return Err(index),
            Some(last) if last.value == run.value && last.end.next() == Some(run.start) => {
                last.end = run.end;
            }
            _ => {
                if let Some(slot) = runs.get_mut(kept) {
                    *slot = run;
                }
                kept += 1;
            }
        }
    }
    runs.truncate(kept);
    Ok(())
}

/// Whether runs rise and no two of them could be one.
fn are_merged<A: Address>(runs: &[Run<A>]) -> bool {
    let apart = |pair: &[Run<A>]| matches!(pair, [a, b] if are_apart(a, b));
    runs.par_iter().all(|run| run.start <= run.end) && runs.par_windows(2).all(apart)
}

/// Whether a run lies before another and is not one with it.
pub(crate) fn are_apart<A: Address>(a: &Run<A>, b: &Run<A>) -> bool {
    a.end < b.start && (a.value != b.value || a.end.next() != Some(b.start))
}

const MAPPED_FIRST: u128 = 0xffff_0000_0000;
const MAPPED_LAST: u128 = 0xffff_ffff_ffff;

/// Cuts `::ffff:0:0/96` out: IPv4 data alone answers there.
pub(crate) fn without_mapped(runs: &[Run<u128>]) -> Vec<Run<u128>> {
    let mut kept = Vec::with_capacity(runs.len());
    for run in runs {
        if run.end < MAPPED_FIRST || run.start > MAPPED_LAST {
            kept.push(*run);
            continue;
        }
        if run.start < MAPPED_FIRST {
            kept.push(Run {
                end: MAPPED_FIRST - 1,
                ..*run
            });
        }
        if run.end > MAPPED_LAST {
            kept.push(Run {
                start: MAPPED_LAST + 1,
                ..*run
            });
        }
    }
    kept
}

/// Sorts names and drops what they would inherit anyway.
pub(crate) fn names<L: Lender>(
    mut table: NameTable,
    values: &Interner<L>,
    zone: &(dyn Fn() -> String + Sync),
) -> Result<NameTable, Error> {
    table.sort();
    // On all cores: this is most of the work.
    let bad = |index| {
        let key = table.get(index)?.key;
        let before = index.checked_sub(1).and_then(|before| table.get(before));
        if before.is_some_and(|before| before.key == key) {
            let zone = zone();
            return Some(Error::NameOrder { zone, index });
        }
        let cause = NameKey::check(key).err()?;
        let zone = zone();
        Some(Error::BadName { zone, index, cause })
    };
    if let Some(error) = (0..table.len()).into_par_iter().find_map_first(bad) {
        return Err(error);
    }
    // The names above the current one that say something about names below: key, slot.
    let mut above: Vec<(&[u8], NameRule)> = Vec::new();
    table.rewrite(|_, point| {
        while above
            .last()
            .is_some_and(|(key, _)| !point.key.starts_with(key))
        {
            above.pop();
        }
        let from_above = above.last().map_or((NameRule::Nothing, 0), |(key, slot)| {
            // A label ends with the only 00 that it has; a name has at most 127.
            let more = point.key.iter().skip(key.len()).filter(|byte| **byte == 0);
            (*slot, u8::try_from(more.count()).unwrap_or(u8::MAX))
        });
        let exact = unless_inherited(point.exact, from_above, values);
        let below = unless_inherited(point.below, from_above, values);
        if below != NameRule::Inherit {
            above.push((point.key, below));
        }
        Ok([exact, below])
    })?;
    table.compact();
    Ok(table)
}

fn unless_inherited<L: Lender>(
    own: NameRule,
    (above, labels): (NameRule, u8),
    values: &Interner<L>,
) -> NameRule {
    let same = match (own, above) {
        (NameRule::Inherit, _) | (NameRule::Nothing, NameRule::Nothing) => true,
        (NameRule::Value(own), NameRule::Value(above)) => answers_alike(own, above, labels, values),
        _ => false,
    };
    if same { NameRule::Inherit } else { own }
}

fn answers_alike<L: Lender>(
    own: ValueId,
    above: ValueId,
    labels: u8,
    values: &Interner<L>,
) -> bool {
    if !names_key(values.get(above)) {
        return own == above;
    }
    ValueBuf::seen_from_below(values.get(above), labels).as_value() == values.get(own)
}
