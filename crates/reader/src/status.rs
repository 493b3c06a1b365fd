//! The status page that a mirror keeps beside an image: a generation that rises with every swap,
//! and until when the data counts.

#[doc(hidden)]
pub mod layout;

use std::fmt;

use crate::error::{Error, ErrorKind};
use crate::status::layout::{
    CHECKED_AT, EXPIRED_FROM_AT, GENERATION_AT, HELD, MAGIC, PAGE_LEN, RETIRED, SERIAL_AT,
    STALE_FROM_AT, VERSION, VERSION_AT,
};
use rblmap_format::bytes::u64_at;

/// Whether the data of a zone still counts, at a time that the caller names. What is worse is
/// greater: answers count while it is less than [`Freshness::Expired`].
///
/// See the example of [`StatusPage`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Freshness {
    /// The publisher vouches for the data, and nothing is known to be wrong.
    Fresh,
    /// The mirror has not heard from the publisher in time, or the reader cannot follow the mirror.
    /// Answers go on, somebody should look.
    Stale,
    /// Stale for so long, or past the expiry of the zone itself, that answers should not count.
    Expired,
    /// The publisher has given the zone up: nothing counts as listed.
    Retired,
    /// There is no image yet: nothing is known, so there is no opinion.
    Waiting,
}

impl fmt::Display for Freshness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Freshness::Fresh => "fresh",
            Freshness::Stale => "stale",
            Freshness::Expired => "expired",
            Freshness::Retired => "retired",
            Freshness::Waiting => "waiting",
        })
    }
}

/// What a status page says (`docs/feed.md`).
///
/// ```
/// use rblmap::{Freshness, StatusPage};
/// let page = StatusPage { stale_from: 1000, expired_from: 2000, ..StatusPage::default() };
/// assert_eq!(page.freshness_at(999), Freshness::Fresh);
/// assert_eq!(page.freshness_at(1000), Freshness::Stale);
/// assert_eq!(page.freshness_at(2000), Freshness::Expired);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct StatusPage {
    /// The publisher has given the zone up.
    pub retired: bool,
    /// A rollback holds the image.
    pub held: bool,
    /// Rises with every swap.
    pub generation: u64,
    /// From when on the data is stale, in seconds since 1970; 0 for never.
    pub stale_from: u64,
    /// From when on the data is expired, in seconds since 1970; 0 for never.
    pub expired_from: u64,
    /// The serial of the image in place.
    pub serial: u64,
    /// When a source was last checked with success, in seconds since 1970.
    pub checked: u64,
}

impl StatusPage {
    /// Reads the bytes of a page.
    ///
    /// # Errors
    /// Bytes that are no status page, or one of a newer version.
    pub fn read(bytes: &[u8]) -> Result<StatusPage, Error> {
        if bytes.len() < PAGE_LEN || !bytes.starts_with(&MAGIC) {
            let what = match bytes.is_empty() || MAGIC.starts_with(bytes.get(..8).unwrap_or(bytes))
            {
                true => "cut short",
                false => "not a status page",
            };
            return Err(Error::new(ErrorKind::Page { what }));
        }
        StatusPage::from_words(|at| u64_at(bytes, at))
    }

    /// Whether the data counts at `now`, in seconds since 1970.
    pub fn freshness_at(&self, now: u64) -> Freshness {
        let past = |from: u64| from != 0 && now >= from;
        if self.retired {
            Freshness::Retired
        } else if past(self.expired_from) {
            Freshness::Expired
        } else if past(self.stale_from) {
            Freshness::Stale
        } else {
            Freshness::Fresh
        }
    }

    /// From the 8-byte words of a page. Version and flags are in one word.
    pub(crate) fn from_words(word: impl Fn(usize) -> u64) -> Result<StatusPage, Error> {
        let head = word(VERSION_AT);
        let (found, known) = (u16::try_from(head & 0xffff).unwrap_or(0), VERSION);
        if found > known {
            return Err(Error::new(ErrorKind::NewerPage { found, known }));
        }
        if head & 0xffff_ffff != u64::from(known) {
            let what = "bad version";
            return Err(Error::new(ErrorKind::Page { what }));
        }
        let flags = head >> 32;
        Ok(StatusPage {
            retired: flags & u64::from(RETIRED) != 0,
            held: flags & u64::from(HELD) != 0,
            generation: word(GENERATION_AT),
            stale_from: word(STALE_FROM_AT),
            expired_from: word(EXPIRED_FROM_AT),
            serial: word(SERIAL_AT),
            checked: word(CHECKED_AT),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_worse_comes_first() {
        let page = StatusPage {
            stale_from: 10,
            expired_from: 20,
            ..StatusPage::default()
        };
        let at = |now| page.freshness_at(now);
        assert_eq!([at(9), at(10)], [Freshness::Fresh, Freshness::Stale]);
        assert_eq!([at(19), at(20)], [Freshness::Stale, Freshness::Expired]);
        let retired = StatusPage {
            retired: true,
            ..page
        };
        assert_eq!(retired.freshness_at(0), Freshness::Retired);
        assert_eq!(
            StatusPage::default().freshness_at(u64::MAX),
            Freshness::Fresh
        );
    }

    #[test]
    fn bytes_that_are_no_page_are_refused() {
        assert!(StatusPage::read(&[]).is_err());
        assert!(StatusPage::read(&[0; PAGE_LEN]).is_err());
        let mut page = MAGIC.to_vec();
        page.extend([1, 0, 0, 0, 3, 0, 0, 0, 7]);
        assert!(StatusPage::read(&page).is_err(), "too short");
        page.resize(PAGE_LEN, 0);
        let read = StatusPage::read(&page).unwrap();
        assert!(read.retired && read.held && read.generation == 7);
        page[8] = 2;
        assert!(StatusPage::read(&page).is_err(), "a newer version");
    }
}
