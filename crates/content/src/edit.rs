//! The only way in which addresses change: a range of them is set to a value, or to none.

use rblmap_format::{Run, ValueId};

use rblmap_format::Address;

/// Sets the addresses from `start` to `end`, both included, to a value or to none.
///
/// See the example of [`edit_runs`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edit<A> {
    /// The first address.
    pub start: A,
    /// The last address.
    pub end: A,
    /// Their value from then on; none if they are no longer listed.
    pub value: Option<ValueId>,
}

/// The runs that result from sorted, disjoint edits, neighbours of equal value merged. Runs that no edit touches
/// are found by doubling steps and copied: the cost is that of the copy, and `O(log n)` for each edit.
///
/// ```
/// use rblmap_format::{Run, ValueId};
/// use rblmap_content::{Edit, edit_runs};
/// let value = ValueId::from_rank(0).unwrap();
/// let old = [Run { start: 1u32, end: 9, value }];
/// let new = edit_runs(&old, &[Edit { start: 5, end: 5, value: None }]);
/// assert_eq!(new, [Run { start: 1, end: 4, value }, Run { start: 6, end: 9, value }]);
/// ```
pub fn edit_runs<A: Address>(old: &[Run<A>], edits: &[Edit<A>]) -> Vec<Run<A>> {
    let mut out: Vec<Run<A>> = Vec::with_capacity(old.len() + edits.len());
    edit_runs_into(old, edits.iter().copied(), &mut out);
    out
}

/// As [`edit_runs`], into an empty list.
///
/// See the example of [`edit_runs`].
pub fn edit_runs_into<A: Address>(
    old: &[Run<A>],
    edits: impl Iterator<Item = Edit<A>>,
    out: &mut Vec<Run<A>>,
) {
    let mut rest = old;
    // The next old run, when it is no longer in `rest`.
    let mut head: Option<Run<A>> = None;
    for edit in edits {
        if let Some(run) = head.take_if(|run| run.end < edit.start) {
            push(out, run);
        }
        if head.is_none() {
            let (untouched, after) = rest.split_at(count_before(rest, edit.start));
            push_all(out, untouched);
            rest = after;
        }
        while let Some(run) = head.take().or_else(|| rest.split_off_first().copied()) {
            if run.start > edit.end {
                head = Some(run);
                break;
            }
            if run.start < edit.start {
                let end = edit.start.previous().unwrap_or_default();
                push(out, Run { end, ..run });
            }
            if let Some(start) = edit.end.next().filter(|&start| start <= run.end) {
                head = Some(Run { start, ..run });
                break;
            }
        }
        if let Some(value) = edit.value {
            let (start, end) = (edit.start, edit.end);
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
