//! Finds parts of messages.

use memchr::memmem;

/// Beyond so many bytes a search that prepares itself pays.
const LONG: usize = 512;

/// What follows the first `mark` of `text`.
#[inline]
pub(super) fn after<'l>(text: &'l [u8], mark: &[u8]) -> Option<&'l [u8]> {
    text.get(find(text, mark)? + mark.len()..)
}

/// Where the first `mark` of `text` is. Most texts are short or empty: preparing a search for a
/// text (`memmem`) took longer than the search itself, a tenth of all time.
#[inline]
fn find(text: &[u8], mark: &[u8]) -> Option<usize> {
    if text.len() < mark.len() {
        return None;
    }
    if text.len() > LONG {
        return memmem::find(text, mark);
    }
    // The byte that is seldom elsewhere: a mark begins with a space, or ends with `=`.
    let rare = if mark.last() == Some(&b'=') {
        mark.len() - 1
    } else {
        mark.len().min(2) - 1
    };
    let byte = *mark.get(rare)?;
    let mut from = rare;
    while let Some(hit) = memchr::memchr(byte, text.get(from..)?) {
        let start = from + hit - rare;
        if text.get(start..)?.starts_with(mark) {
            return Some(start);
        }
        from += hit + 1;
    }
    None
}

/// What follows the last `mark` of `text`.
pub(super) fn after_last<'l>(text: &'l [u8], mark: &[u8]) -> Option<&'l [u8]> {
    text.get(memmem::rfind(text, mark)? + mark.len()..)
}

/// Whether `mark` is in `text`.
#[inline]
pub(super) fn has(text: &[u8], mark: &[u8]) -> bool {
    find(text, mark).is_some()
}

/// The first word of `text` and what follows the space after it.
#[inline]
pub(super) fn word(text: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b' ', text) {
        Some(space) => (
            text.get(..space).unwrap_or_default(),
            text.get(space + 1..).unwrap_or_default(),
        ),
        None => (text, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_found_where_a_plain_search_finds_them() {
        let mut random = fastrand::Rng::with_seed(7);
        let marks: [&[u8]; 6] = [b" from ", b" auth=", b"ab=", b"aa", b"a", b", b="];
        for _ in 0..20_000 {
            let len = random.usize(..40);
            let text: Vec<u8> = (0..len)
                .map(|_| *random.choice(b" ab=,from").unwrap())
                .collect();
            for mark in marks {
                let mut text = text.clone();
                if random.bool() {
                    let at = random.usize(..=text.len());
                    text.splice(at..at, mark.iter().copied());
                }
                assert_eq!(
                    find(&text, mark),
                    memmem::find(&text, mark),
                    "{text:?} {mark:?}"
                );
            }
        }
    }
}
