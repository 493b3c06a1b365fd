//! Parts of a slice, for threads that each write their own.

/// Cuts a slice into parts of these lengths; parts for which too little is left are empty.
///
/// ```
/// use rblmap_content::split_up;
/// let mut numbers = [1, 2, 3];
/// let parts = split_up(&mut numbers, [2, 0, 1, 7]);
/// assert_eq!(parts, [&[1, 2][..], &[], &[3], &[]]);
/// ```
pub fn split_up<T>(slice: &mut [T], lengths: impl IntoIterator<Item = usize>) -> Vec<&mut [T]> {
    let mut rest = slice;
    let parts = lengths.into_iter().map(|length| {
        let all = std::mem::take(&mut rest);
        let (part, after) = all.split_at_mut_checked(length).unwrap_or_default();
        rest = after;
        part
    });
    parts.collect()
}
