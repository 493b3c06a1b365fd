//! Two images of a /16, unit by unit.

use std::cmp::Ordering;
use std::ops::Range;

use rblmap_format::Slash16;

/// The fewest units of both that answer for the same addresses, again and again to the end of the /16. In a
/// damaged image starts need not rise: then there are fewer.
pub(super) fn aligned(
    one: Slash16<'_>,
    two: Slash16<'_>,
) -> impl Iterator<Item = (Range<usize>, Range<usize>)> {
    let (mut at, mut other_at) = (0, 0);
    std::iter::from_fn(move || {
        if at >= one.units() || other_at >= two.units() {
            return None;
        }
        let (from, other_from) = (at, other_at);
        (at, other_at) = (from + 1, other_from + 1);
        loop {
            match one.start_of(at).cmp(&two.start_of(other_at)) {
                Ordering::Less => at += 1,
                Ordering::Greater => other_at += 1,
                Ordering::Equal => return Some((from..at, other_from..other_at)),
            }
        }
    })
}
