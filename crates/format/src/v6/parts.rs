//! Cuts what a /32 says into parts: /64s of one value, and the inside of single /64s.

#![expect(
    clippy::cast_possible_truncation,
    reason = "parts of addresses are meant"
)]

/// Where addresses of one value begin inside a /64; they go on to the next start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Start {
    pub(super) low: u64,
    pub(super) id: u32,
}

/// A part of a /32, which the parts cover without gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// The /64s from `first` to `last`, all of one value; 0 for none.
    Nets { first: u32, last: u32, id: u32 },
    /// The inside of the /64 `x`: where its starts lie.
    Inside { x: u32, from: usize, to: usize },
}

impl Part {
    /// The number of its first /64.
    pub(super) fn first(self) -> u32 {
        match self {
            Part::Nets { first, .. } => first,
            Part::Inside { x, .. } => x,
        }
    }
}

/// The parts of one /32.
#[derive(Default)]
pub(super) struct Parts {
    parts: Vec<Part>,
    starts: Vec<Start>,
    /// The first address of the /32 that no part has yet.
    next: u128,
    /// The /64 whose inside is being collected, and its first run or gap.
    open: Option<(u32, usize)>,
}

/// The bits of an address inside its /64.
const LOW: u128 = u64::MAX as u128;
/// One beyond the last address of a /32.
const END: u128 = 1 << 96;

impl Parts {
    /// Adds a run of this /32; runs rise and do not overlap. Addresses are those inside the /32.
    pub(super) fn push(&mut self, start: u128, end: u128, id: u32) {
        if start > self.next {
            self.add(self.next, start - 1, 0);
        }
        self.add(start, end, id);
    }

    /// Adds what follows the last run.
    pub(super) fn close(&mut self) {
        if self.next < END {
            self.add(self.next, END - 1, 0);
        }
    }

    pub(super) fn clear(&mut self) {
        self.parts.clear();
        self.starts.clear();
        self.next = 0;
        self.open = None;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.next == 0
    }

    pub(super) fn get(&self, at: usize) -> Option<Part> {
        self.parts.get(at).copied()
    }

    /// Up to `count` parts from one on.
    pub(super) fn ahead(&self, from: usize, count: usize) -> impl Iterator<Item = Part> {
        self.parts.iter().skip(from).take(count).copied()
    }

    /// The starts inside a /64.
    pub(super) fn inside(&self, part: Part) -> &[Start] {
        match part {
            Part::Nets { .. } => &[],
            Part::Inside { from, to, .. } => self.starts.get(from..to).unwrap_or_default(),
        }
    }

    /// The starts inside the /64 of this number.
    pub(super) fn inside_of(&self, x: u32) -> &[Start] {
        let at = self.parts.binary_search_by_key(&x, |part| part.first());
        at.ok()
            .and_then(|at| self.get(at))
            .map_or(&[], |part| self.inside(part))
    }

    fn add(&mut self, start: u128, end: u128, id: u32) {
        self.next = end + 1;
        let number = |address: u128| (address >> 64) as u32;
        let mut first = number(start);
        if start & LOW != 0 {
            self.starts.push(Start {
                low: start as u64,
                id,
            });
            if number(end) == first && end & LOW != LOW {
                return;
            }
            if let Some((x, from)) = self.open.take() {
                let to = self.starts.len();
                self.parts.push(Part::Inside { x, from, to });
            }
            if number(end) == first {
                return;
            }
            first += 1;
        }
        let last = number(end);
        let ends_whole = end & LOW == LOW;
        let whole_end = u64::from(last) + u64::from(ends_whole);
        if whole_end > u64::from(first) {
            let last = (whole_end - 1) as u32;
            self.parts.push(Part::Nets { first, last, id });
        }
        if !ends_whole {
            self.open = Some((last, self.starts.len()));
            self.starts.push(Start { low: 0, id });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_a_net() {
        let mut parts = Parts::default();
        let at = |x: u128, low: u128| x << 64 | low;
        parts.push(at(1, 0), at(1, LOW), 7); // a /64
        parts.push(at(2, 5), at(2, 5), 8); // an address in the next
        parts.push(at(2, 9), at(4, 3), 9); // from within to within
        parts.close();
        let expected = [
            Part::Nets {
                first: 0,
                last: 0,
                id: 0,
            },
            Part::Nets {
                first: 1,
                last: 1,
                id: 7,
            },
            Part::Inside {
                x: 2,
                from: 0,
                to: 4,
            },
            Part::Nets {
                first: 3,
                last: 3,
                id: 9,
            },
            Part::Inside {
                x: 4,
                from: 4,
                to: 6,
            },
            Part::Nets {
                first: 5,
                last: u32::MAX,
                id: 0,
            },
        ];
        assert_eq!(parts.parts, expected);
        let starts = |x| -> Vec<(u64, u32)> {
            let inside = parts.inside_of(x).iter();
            inside.map(|start| (start.low, start.id)).collect()
        };
        assert_eq!(starts(2), [(0, 0), (5, 8), (6, 0), (9, 9)]);
        assert_eq!(starts(4), [(0, 9), (4, 0)]);
    }
}
