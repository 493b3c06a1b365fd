//! Where two lists of runs say something else.

use rblmap_format::{Address, Run, ValueId};

/// A range of addresses on which two lists differ: inside one run or gap of both.
///
/// See the example of [`differences`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Difference<A> {
    /// The first address.
    pub start: A,
    /// The last address.
    pub end: A,
    /// Its value in the old list.
    pub was: Option<ValueId>,
    /// Its value in the new list.
    pub is: Option<ValueId>,
}

impl<A: Address> Difference<A> {
    /// Adds this one behind others. What touches the last one and has its values is one difference: so it is
    /// where a run or gap of both goes on over a place where lists were cut.
    pub fn push_to(self, found: &mut Vec<Difference<A>>) {
        match found.last_mut() {
            Some(last)
                if last.end.next() == Some(self.start)
                    && (last.was, last.is) == (self.was, self.is) =>
            {
                last.end = self.end;
            }
            _ => found.push(self),
        }
    }
}

/// Gives `see` each range of addresses on which two lists differ, in address order: `O(n + m)`.
///
/// ```
/// use rblmap_content::{Difference, differences};
/// use rblmap_format::{Run, ValueId};
/// let value = ValueId::from_rank(0).unwrap();
/// let (old, new) = ([Run { start: 1u32, end: 9, value }], [Run { start: 5u32, end: 9, value }]);
/// let mut found = Vec::new();
/// differences(&old, &new, |it| found.push(it));
/// assert_eq!(found, [Difference { start: 1, end: 4, was: Some(value), is: None }]);
/// ```
pub fn differences<A: Address>(old: &[Run<A>], new: &[Run<A>], see: impl FnMut(Difference<A>)) {
    differences_between(old, new, (A::FIRST, A::LAST), see);
}

/// As [`differences`], between two addresses. No run ends before the first of them.
///
/// See the example of [`differences`].
pub fn differences_between<A: Address>(
    mut old: &[Run<A>],
    mut new: &[Run<A>],
    (first, last): (A, A),
    mut see: impl FnMut(Difference<A>),
) {
    let mut from = Some(first);
    while let Some(mut start) = from.filter(|from| *from <= last) {
        // Most runs are in both.
        let same = old.iter().zip(new).take_while(|(was, is)| was == is);
        let count = same.count();
        if let Some(run) = count.checked_sub(1).and_then(|at| old.get(at)) {
            (old, new) = (behind(old, count), behind(new, count));
            let Some(next) = run.end.next().filter(|next| *next <= last) else {
                return;
            };
            start = next;
        }
        let ((was_end, was), (is_end, is)) = (at(old, start, last), at(new, start, last));
        let end = was_end.min(is_end).min(last);
        if was != is {
            see(Difference {
                start,
                end,
                was,
                is,
            });
        }
        let ends_here = |runs: &[Run<A>]| runs.first().is_some_and(|run| run.end == end);
        old = behind(old, usize::from(ends_here(old)));
        new = behind(new, usize::from(ends_here(new)));
        from = end.next();
    }
}

/// Up to where the first of some runs, or the gap before it, goes on from an address, and its value. Behind
/// them is a gap up to `last`.
fn at<A: Address>(runs: &[Run<A>], address: A, last: A) -> (A, Option<ValueId>) {
    match runs.first() {
        Some(run) if run.start <= address => (run.end, Some(run.value)),
        Some(run) => (run.start.previous().unwrap_or(address), None),
        None => (last, None),
    }
}

/// What is behind the first so many.
fn behind<A>(runs: &[Run<A>], count: usize) -> &[Run<A>] {
    runs.get(count..).unwrap_or_default()
}
