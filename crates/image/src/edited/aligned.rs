//! The units of a /16, and those of another image of it beside them.

use std::cmp::Ordering;
use std::ops::Range;

use rblmap_format::Slash16;
use rblmap_format::v4::renumber::NewIds;

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

/// Whether one unit of both answers for the same addresses with the same bytes, once ids of the second one are
/// replaced, and so has the same runs.
pub(super) fn is_same(
    one: &Slash16<'_>,
    two: &Slash16<'_>,
    (units, other_units): (&Range<usize>, &Range<usize>),
    ids: NewIds<'_>,
) -> bool {
    if (units.len(), other_units.len()) != (1, 1) {
        return false;
    }
    match (one, two) {
        (Slash16::Uniform(one), Slash16::Uniform(two)) => *one == two.map(|id| ids.of(id)),
        (Slash16::Lines { lines: one, .. }, Slash16::Lines { lines: two, .. }) => {
            let both = one.get(units.start).zip(two.get(other_units.start));
            both.is_some_and(|(one, two)| ids.lead_to(two, one))
        }
        _ => false,
    }
}

/// The first and the last address of some units of a /16. In a damaged image the last one may be before the
/// first.
pub(super) fn ends_of(block: u16, of: &Slash16<'_>, units: &Range<usize>) -> (u32, u32) {
    let top = u32::from(block) << 16;
    let end = of.start_of(units.end);
    (
        top | of.start_of(units.start) & 0xffff,
        top | end.saturating_sub(1),
    )
}
