//! Cuts what a /32 says into pieces: /64s of one value, and the inside of single /64s.

/// Addresses of a /64 from `start` to the next interval, all of one value; 0 for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Interval {
    pub(super) start: u64,
    pub(super) id: u32,
}

/// A piece of a /32, which the pieces cover without gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    /// The /64s from `first` to `last`, all of one value; 0 for none.
    Span { first: u32, last: u32, id: u32 },
    /// The inside of the /64 `x`: where its intervals lie.
    Inside { x: u32, from: usize, to: usize },
}

impl Piece {
    /// The number of its first /64.
    pub(super) fn first(self) -> u32 {
        match self {
            Piece::Span { first, .. } => first,
            Piece::Inside { x, .. } => x,
        }
    }
}

/// The pieces of one /32.
#[derive(Default)]
pub(super) struct Pieces {
    pieces: Vec<Piece>,
    intervals: Vec<Interval>,
    /// The first address of the /32 that no piece has yet.
    next: u128,
    /// The /64 whose inside is being collected, and its first interval.
    open: Option<(u32, usize)>,
}

/// The bits of an address inside its /64.
const LOW: u128 = u64::MAX as u128;
/// One beyond the last address of a /32.
const END: u128 = 1 << 96;

impl Pieces {
    /// Adds a run of this /32; runs rise and do not overlap. Addresses are those inside the /32.
    pub(super) fn push(&mut self, start: u128, end: u128, id: u32) {
        if start > self.next {
            self.interval(self.next, start - 1, 0);
        }
        self.interval(start, end, id);
    }

    /// Adds what follows the last run.
    pub(super) fn close(&mut self) {
        if self.next < END {
            self.interval(self.next, END - 1, 0);
        }
    }

    pub(super) fn clear(&mut self) {
        self.pieces.clear();
        self.intervals.clear();
        self.next = 0;
        self.open = None;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.next == 0
    }

    pub(super) fn get(&self, at: usize) -> Option<Piece> {
        self.pieces.get(at).copied()
    }

    /// Up to `count` pieces from one on.
    pub(super) fn ahead(&self, from: usize, count: usize) -> impl Iterator<Item = Piece> {
        self.pieces.iter().skip(from).take(count).copied()
    }

    /// The intervals inside a /64.
    pub(super) fn inside(&self, piece: Piece) -> &[Interval] {
        match piece {
            Piece::Span { .. } => &[],
            Piece::Inside { from, to, .. } => self.intervals.get(from..to).unwrap_or_default(),
        }
    }

    /// The intervals inside the /64 of this number.
    pub(super) fn inside_of(&self, x: u32) -> &[Interval] {
        let at = self.pieces.binary_search_by_key(&x, |piece| piece.first());
        at.ok()
            .and_then(|at| self.get(at))
            .map_or(&[], |piece| self.inside(piece))
    }

    fn interval(&mut self, start: u128, end: u128, id: u32) {
        self.next = end + 1;
        let number = |address: u128| (address >> 64) as u32;
        let mut first = number(start);
        if start & LOW != 0 {
            self.intervals.push(Interval {
                start: start as u64,
                id,
            });
            if number(end) == first && end & LOW != LOW {
                return;
            }
            if let Some((x, from)) = self.open.take() {
                let to = self.intervals.len();
                self.pieces.push(Piece::Inside { x, from, to });
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
            self.pieces.push(Piece::Span { first, last, id });
        }
        if !ends_whole {
            self.open = Some((last, self.intervals.len()));
            self.intervals.push(Interval { start: 0, id });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_a_net() {
        let mut pieces = Pieces::default();
        let at = |x: u128, low: u128| x << 64 | low;
        pieces.push(at(1, 0), at(1, LOW), 7); // a /64
        pieces.push(at(2, 5), at(2, 5), 8); // an address in the next
        pieces.push(at(2, 9), at(4, 3), 9); // from within to within
        pieces.close();
        let expected = [
            Piece::Span {
                first: 0,
                last: 0,
                id: 0,
            },
            Piece::Span {
                first: 1,
                last: 1,
                id: 7,
            },
            Piece::Inside {
                x: 2,
                from: 0,
                to: 4,
            },
            Piece::Span {
                first: 3,
                last: 3,
                id: 9,
            },
            Piece::Inside {
                x: 4,
                from: 4,
                to: 6,
            },
            Piece::Span {
                first: 5,
                last: u32::MAX,
                id: 0,
            },
        ];
        assert_eq!(pieces.pieces, expected);
        let starts = |x| -> Vec<(u64, u32)> {
            let inside = pieces.inside_of(x).iter();
            inside
                .map(|interval| (interval.start, interval.id))
                .collect()
        };
        assert_eq!(starts(2), [(0, 0), (5, 8), (6, 0), (9, 9)]);
        assert_eq!(starts(4), [(0, 9), (4, 0)]);
    }
}
