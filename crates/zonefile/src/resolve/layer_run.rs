//! What a layer says of addresses, as disjoint runs, and how the runs of two layers become one list.
//! An exclusion is a run, too; what is listed of the others becomes the runs of content.

use rblmap::{Run, ValueId};
use rblmap_format::Address;

/// A run of a layer. Its value may be 0, for an exclusion: the addresses are not listed, and wider
/// entries are not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LayerRun<A> {
    pub(crate) start: A,
    pub(crate) end: A,
    pub(crate) value: u32,
}

/// Adds a run behind the others, joining it with the last if it goes on.
#[inline]
pub(crate) fn push<A: Address>(runs: &mut Vec<LayerRun<A>>, start: A, end: A, value: u32) {
    match runs.last_mut() {
        Some(last) if last.value == value && last.end.next() == Some(start) => last.end = end,
        _ => runs.push(LayerRun { start, end, value }),
    }
}

/// Lays two lists together: `join` says what two runs say where they overlap.
pub(crate) fn combine<A: Address, E>(
    a: Vec<LayerRun<A>>,
    b: Vec<LayerRun<A>>,
    mut join: impl FnMut(u32, u32) -> Result<u32, E>,
) -> Result<Vec<LayerRun<A>>, E> {
    if b.is_empty() {
        return Ok(a);
    }
    if a.is_empty() {
        return Ok(b);
    }
    let mut out = Vec::with_capacity(a.len().max(b.len()));
    let (mut left, mut right) = (a.into_iter(), b.into_iter());
    let (mut first, mut second) = (left.next(), right.next());
    loop {
        match (first, second) {
            (None, None) => return Ok(out),
            (Some(run), None) => {
                push(&mut out, run.start, run.end, run.value);
                first = left.next();
            }
            (None, Some(run)) => {
                push(&mut out, run.start, run.end, run.value);
                second = right.next();
            }
            (Some(x), Some(y)) if x.end < y.start => {
                push(&mut out, x.start, x.end, x.value);
                first = left.next();
            }
            (Some(x), Some(y)) if y.end < x.start => {
                push(&mut out, y.start, y.end, y.value);
                second = right.next();
            }
            (Some(x), Some(y)) if x.start < y.start => {
                let end = y.start.previous().unwrap_or(x.start);
                push(&mut out, x.start, end, x.value);
                first = rest_of(x, end);
            }
            (Some(x), Some(y)) if y.start < x.start => {
                let end = x.start.previous().unwrap_or(y.start);
                push(&mut out, y.start, end, y.value);
                second = rest_of(y, end);
            }
            (Some(x), Some(y)) => {
                let end = x.end.min(y.end);
                push(&mut out, x.start, end, join(x.value, y.value)?);
                first = rest_of(x, end).or_else(|| left.next());
                second = rest_of(y, end).or_else(|| right.next());
            }
        }
    }
}

/// Lays one list over another: where both speak, the upper one does.
pub(crate) fn overlay<A: Address>(
    upper: Vec<LayerRun<A>>,
    lower: Vec<LayerRun<A>>,
) -> Vec<LayerRun<A>> {
    let laid = combine(upper, lower, |above, _| {
        Ok::<u32, std::convert::Infallible>(above)
    });
    match laid {
        Ok(runs) => runs,
    }
}

/// The part of a run behind `end`.
fn rest_of<A: Address>(run: LayerRun<A>, end: A) -> Option<LayerRun<A>> {
    let start = end.next()?;
    (start <= run.end).then_some(LayerRun { start, ..run })
}

/// The runs that list something, as content has them.
pub(crate) fn into_runs<A: Address>(runs: Vec<LayerRun<A>>) -> Vec<Run<A>> {
    let runs = runs.into_iter().filter_map(|run| {
        Some(Run {
            start: run.start,
            end: run.end,
            value: ValueId::new(run.value)?,
        })
    });
    runs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn laying_together_is_a_matter_of_each_address() {
        let mut rng = fastrand::Rng::with_seed(7);
        for round in 0..200 {
            let mut lists = [[None; 64], [None; 64]];
            let [a, b] = lists.each_mut().map(|list| {
                let mut runs = Vec::new();
                for (address, slot) in (u32::MAX - 63..=u32::MAX).zip(list) {
                    let before = runs.last().map(|last: &LayerRun<u32>| last.value);
                    let value = match rng.u32(0..4) {
                        0 => Some(rng.u32(0..3)),
                        1 => None,
                        _ => before,
                    };
                    *slot = value;
                    if let Some(value) = value {
                        push(&mut runs, address, address, value);
                    }
                }
                runs
            });
            let both = combine(a, b, |x, y| Ok::<u32, ()>(x * 10 + y)).unwrap();
            for (index, address) in (u32::MAX - 63..=u32::MAX).enumerate() {
                let found = both.iter().find(|s| s.start <= address && address <= s.end);
                let expected = match (lists[0][index], lists[1][index]) {
                    (Some(x), Some(y)) => Some(x * 10 + y),
                    (x, y) => x.or(y),
                };
                assert_eq!(found.map(|run| run.value), expected, "round {round}");
            }
        }
    }
}
