//! Paints: the one edit of addresses, laid over runs.

use rblmap::{Run, ValueId};

use crate::normal::Address;

/// Sets the addresses from `start` to `end`, both included, to a value or to none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paint<A> {
    /// The first address.
    pub start: A,
    /// The last address.
    pub end: A,
    /// What they say from then on.
    pub value: Option<ValueId>,
}

/// Lays rising, disjoint paints over runs. Stretches without paint are found by doubling steps and
/// copied as they are; neighbours that have become one are merged.
///
/// ```
/// use rblmap::{Run, ValueId};
/// use rblmap_image::{Paint, lay};
/// let value = ValueId::from_rank(0).unwrap();
/// let old = [Run { start: 1u32, end: 9, value }];
/// let new = lay(&old, &[Paint { start: 5, end: 5, value: None }]);
/// assert_eq!(new, [Run { start: 1, end: 4, value }, Run { start: 6, end: 9, value }]);
/// ```
pub fn lay<A: Address>(old: &[Run<A>], paints: &[Paint<A>]) -> Vec<Run<A>> {
    let mut out: Vec<Run<A>> = Vec::with_capacity(old.len() + paints.len());
    lay_to(old, paints.iter().copied(), &mut out);
    out
}

/// As [`lay`], into an empty list.
pub(crate) fn lay_to<A: Address>(
    old: &[Run<A>],
    paints: impl Iterator<Item = Paint<A>>,
    out: &mut Vec<Run<A>>,
) {
    let mut rest = old;
    // The next old run, when it is no longer in `rest`.
    let mut head: Option<Run<A>> = None;
    for paint in paints {
        if let Some(run) = head.take_if(|run| run.end < paint.start) {
            push(out, run);
        }
        if head.is_none() {
            let (untouched, after) = rest.split_at(count_before(rest, paint.start));
            push_all(out, untouched);
            rest = after;
        }
        while let Some(run) = head.take().or_else(|| rest.split_off_first().copied()) {
            if run.start > paint.end {
                head = Some(run);
                break;
            }
            if run.start < paint.start {
                let end = paint.start.previous().unwrap_or_default();
                push(out, Run { end, ..run });
            }
            if let Some(start) = paint.end.next().filter(|&start| start <= run.end) {
                head = Some(Run { start, ..run });
                break;
            }
        }
        if let Some(value) = paint.value {
            let (start, end) = (paint.start, paint.end);
            push(out, Run { start, end, value });
        }
    }
    if let Some(run) = head {
        push(out, run);
    }
    push_all(out, rest);
}

/// How many of the runs end before `address`; costs the logarithm of the answer.
fn count_before<A: Address>(runs: &[Run<A>], address: A) -> usize {
    let ends_before = |index: usize| runs.get(index).is_some_and(|run| run.end < address);
    let mut step = 1;
    while ends_before(step - 1) {
        step *= 2;
    }
    let from = step / 2;
    let to = (step - 1).min(runs.len());
    let window = runs.get(from..to).unwrap_or_default();
    from + window.partition_point(|run| run.end < address)
}

fn push<A: Address>(out: &mut Vec<Run<A>>, run: Run<A>) {
    match out.last_mut() {
        Some(last) if last.value == run.value && last.end.next() == Some(run.start) => {
            last.end = run.end;
        }
        _ => out.push(run),
    }
}

fn push_all<A: Address>(out: &mut Vec<Run<A>>, runs: &[Run<A>]) {
    if let Some((first, rest)) = runs.split_first() {
        push(out, *first);
        out.extend_from_slice(rest);
    }
}
