//! Which of the values that are held a list has, and in which order: few stretches of them where a list
//! was changed at few places, so that the others are not moved.

use std::ops::Range;

/// Places in their order, as stretches of places that follow each other.
#[derive(Debug, Clone, Default)]
pub(crate) struct Order {
    stretches: Vec<Stretch>,
    count: usize,
}

/// Places that follow each other.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    /// The rank and the place of the first.
    rank: usize,
    place: usize,
}

impl Order {
    /// How many places there are.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Adds places that follow each other, behind the others.
    pub(crate) fn push(&mut self, places: Range<usize>) {
        if places.is_empty() {
            return;
        }
        let rank = self.count;
        let goes_on = |last: &Stretch| last.place + (rank - last.rank) == places.start;
        if !self.stretches.last().is_some_and(goes_on) {
            let place = places.start;
            self.stretches.push(Stretch { rank, place });
        }
        self.count += places.len();
    }

    /// The place of a rank.
    pub(crate) fn place(&self, rank: usize) -> Option<usize> {
        let behind = self.stretches.partition_point(|it| it.rank <= rank);
        let stretch = self.stretches.get(behind.checked_sub(1)?)?;
        (rank < self.count).then(|| stretch.place + (rank - stretch.rank))
    }

    /// The places of some ranks.
    pub(crate) fn places(&self, ranks: Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let ranks = ranks.start..ranks.end.min(self.count);
        let behind = self.stretches.partition_point(|it| it.rank <= ranks.start);
        let from = self.stretches.get(behind.saturating_sub(1)..);
        let from = from.unwrap_or_default().iter();
        let ends = from.clone().skip(1).map(|it| it.rank).chain([self.count]);
        let parts = from.zip(ends).map(move |(it, end)| {
            let (from, to) = (it.rank.max(ranks.start), end.min(ranks.end));
            it.place + (from - it.rank)..it.place + (to.max(from) - it.rank)
        });
        parts.take_while(|places| !places.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;

    use super::*;

    #[test]
    fn places_are_found_as_they_were_put() {
        for seed in 0..500 {
            let mut rng = Rng::with_seed(seed);
            let (mut order, mut model) = (Order::default(), Vec::new());
            for _ in 0..rng.usize(..20) {
                let start = rng.usize(..30);
                let places = start..start + rng.usize(..4);
                order.push(places.clone());
                model.extend(places);
            }
            assert_eq!(order.len(), model.len());
            for rank in 0..=model.len() {
                assert_eq!(order.place(rank), model.get(rank).copied(), "seed {seed}");
                let end = rank + rng.usize(..9);
                let found: Vec<usize> = order.places(rank..end).flatten().collect();
                let expected = model.iter().copied().skip(rank).take(end - rank);
                assert_eq!(
                    found,
                    expected.collect::<Vec<_>>(),
                    "seed {seed}, {rank}..{end}"
                );
            }
        }
    }
}
