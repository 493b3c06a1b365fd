//! The word that somebody may have meant.

/// The word of `known` that is nearest to `word` in edits of one letter, if one is near.
pub(crate) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let near = known.into_iter().map(|one| (distance(word, one), one));
    let limit = word.len().div_ceil(3).max(1);
    near.filter(|(edits, _)| *edits <= limit)
        .min()
        .map(|(_, one)| one)
}

/// How many letters must be added, taken away, changed or swapped with their neighbour
/// (Damerau's distance in the restricted form).
fn distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=to.len()).collect()];
    for (i, a) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            let at = |back: usize, column: usize| -> usize {
                let row = rows
                    .len()
                    .checked_sub(back)
                    .and_then(|index| rows.get(index));
                row.and_then(|row| row.get(column))
                    .copied()
                    .unwrap_or(usize::MAX / 2)
            };
            let mut best = (at(1, j) + usize::from(a != b)).min(at(1, j + 1) + 1);
            best = best.min(row.last().copied().unwrap_or_default() + 1);
            let swapped = i > 0 && j > 0 && from.get(i - 1) == Some(b) && to.get(j - 1) == Some(a);
            if swapped {
                best = best.min(at(2, j - 1) + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows.last()
        .and_then(|row| row.last())
        .copied()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_find_their_word() {
        let known = ["name", "mode", "from", "codes", "weight", "reply", "looks"];
        assert_eq!(nearest("moed", known), Some("mode"));
        assert_eq!(nearest("wieght", known), Some("weight"));
        assert_eq!(nearest("replies", known), Some("reply"));
        assert_eq!(nearest("colour", known), None);
        assert_eq!(
            (
                distance("", "abc"),
                distance("abc", "abc"),
                distance("ab", "ba")
            ),
            (3, 0, 1)
        );
    }
}
