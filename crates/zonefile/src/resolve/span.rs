//! Spans: disjoint addresses of one answer, an exclusion among them, and how two lists of them are
//! laid together. What is listed of them becomes the runs of content.

use rblmap::{Run, ValueId};
use rblmap_format::Address;

/// Addresses with one value. Value 0 excludes: not listed, and wider entries are not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span<A> {
    pub(crate) start: A,
    pub(crate) end: A,
    pub(crate) value: u32,
}

/// Adds a span behind the others, joining it with the last if it goes on.
#[inline]
pub(crate) fn push<A: Address>(spans: &mut Vec<Span<A>>, start: A, end: A, value: u32) {
    match spans.last_mut() {
        Some(last) if last.value == value && last.end.next() == Some(start) => last.end = end,
        _ => spans.push(Span { start, end, value }),
    }
}

/// Lays two lists together: `join` says what two spans say where they overlap.
pub(crate) fn combine<A: Address, E>(
    a: Vec<Span<A>>,
    b: Vec<Span<A>>,
    mut join: impl FnMut(u32, u32) -> Result<u32, E>,
) -> Result<Vec<Span<A>>, E> {
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
            (Some(span), None) => {
                push(&mut out, span.start, span.end, span.value);
                first = left.next();
            }
            (None, Some(span)) => {
                push(&mut out, span.start, span.end, span.value);
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
pub(crate) fn overlay<A: Address>(upper: Vec<Span<A>>, lower: Vec<Span<A>>) -> Vec<Span<A>> {
    let laid = combine(upper, lower, |above, _| {
        Ok::<u32, std::convert::Infallible>(above)
    });
    match laid {
        Ok(spans) => spans,
    }
}

/// The part of a span behind `end`.
fn rest_of<A: Address>(span: Span<A>, end: A) -> Option<Span<A>> {
    let start = end.next()?;
    (start <= span.end).then_some(Span { start, ..span })
}

/// The spans that list something, as content has them.
pub(crate) fn into_runs<A: Address>(spans: Vec<Span<A>>) -> Vec<Run<A>> {
    let runs = spans.into_iter().filter_map(|span| {
        Some(Run {
            start: span.start,
            end: span.end,
            value: ValueId::new(span.value)?,
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
                let mut spans = Vec::new();
                for (address, slot) in (u32::MAX - 63..=u32::MAX).zip(list) {
                    let before = spans.last().map(|last: &Span<u32>| last.value);
                    let value = match rng.u32(0..4) {
                        0 => Some(rng.u32(0..3)),
                        1 => None,
                        _ => before,
                    };
                    *slot = value;
                    if let Some(value) = value {
                        push(&mut spans, address, address, value);
                    }
                }
                spans
            });
            let both = combine(a, b, |x, y| Ok::<u32, ()>(x * 10 + y)).unwrap();
            for (index, address) in (u32::MAX - 63..=u32::MAX).enumerate() {
                let found = both.iter().find(|s| s.start <= address && address <= s.end);
                let expected = match (lists[0][index], lists[1][index]) {
                    (Some(x), Some(y)) => Some(x * 10 + y),
                    (x, y) => x.or(y),
                };
                assert_eq!(found.map(|span| span.value), expected, "round {round}");
            }
        }
    }
}
