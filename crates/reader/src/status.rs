//! The status page that a mirror keeps beside an image: a generation that rises with every swap,
//! and until when the data counts.

#[doc(hidden)]
pub mod layout;

use std::fs::File;
use std::io::Read;
use std::sync::atomic::{AtomicU64, Ordering, fence};

use crate::error::Error;
use crate::status::layout::{
    CHECKED_AT, EXPIRED_FROM_AT, GENERATION_AT, HELD, MAGIC, PAGE_LEN, RETIRED, SERIAL_AT,
    STALE_FROM_AT, VERSION, VERSION_AT,
};
use rblmap_format::bytes::u64_at;

/// Whether the data of a zone still counts, at a time that the caller names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Freshness {
    /// The publisher vouches for the data.
    Fresh,
    /// The mirror has not heard from the publisher in time. Answers go on, somebody should look.
    Stale,
    /// Stale for so long, or past the expiry of the zone itself, that answers should not count.
    Expired,
    /// The publisher has given the zone up: nothing counts as listed.
    Retired,
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
            return Err(Error::Foreign);
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
    fn from_words(word: impl Fn(usize) -> u64) -> Result<StatusPage, Error> {
        let head = word(VERSION_AT);
        if head & 0xffff_ffff != u64::from(VERSION) {
            return Err(Error::Field {
                what: "status page version",
                offset: VERSION_AT as u64,
            });
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

/// A status page in hand: mapped, so that what the mirror writes shows at once, or a copy.
#[derive(Debug)]
pub(crate) enum Page {
    Mapped(memmap2::MmapRaw),
    Copied(StatusPage),
}

impl Page {
    /// Maps the page of an open file. It is never cut short (`docs/feed.md`), or reading it would
    /// end the process.
    pub(crate) fn map(mut file: File) -> Result<Page, Error> {
        let Page::Copied(_) = Page::copy(&mut file)? else {
            return Err(Error::Foreign);
        };
        let map = memmap2::MmapOptions::new()
            .len(PAGE_LEN)
            .map_raw_read_only(&file)?;
        Ok(Page::Mapped(map))
    }

    /// Reads the page of an open file.
    pub(crate) fn copy(file: &mut File) -> Result<Page, Error> {
        let mut bytes = Vec::new();
        file.take(PAGE_LEN as u64).read_to_end(&mut bytes)?;
        Ok(Page::Copied(StatusPage::read(&bytes)?))
    }

    /// The generation now. Who sees a new one sees the image that was put in place before it.
    #[inline]
    pub(crate) fn generation(&self) -> u64 {
        match self {
            Page::Mapped(map) => {
                let generation = word(map, GENERATION_AT);
                fence(Ordering::Acquire);
                generation
            }
            Page::Copied(page) => page.generation,
        }
    }

    /// All that the page says now. Words are read one by one: between two writes of the mirror some
    /// may be newer than others.
    pub(crate) fn now(&self) -> Result<StatusPage, Error> {
        match self {
            Page::Mapped(map) => StatusPage::from_words(|at| word(map, at)),
            Page::Copied(page) => Ok(*page),
        }
    }
}

/// The word at `at`, a multiple of 8 within the page.
#[inline]
#[expect(unsafe_code, reason = "memory that another process writes")]
fn word(map: &memmap2::MmapRaw, at: usize) -> u64 {
    if !at.is_multiple_of(8) || at + 8 > PAGE_LEN {
        return 0;
    }
    // SAFETY: the mapping is PAGE_LEN bytes long and `at` lies within it.
    let place = unsafe { map.as_ptr().add(at) }.cast_mut().cast::<u64>();
    // SAFETY: the place is aligned, since mappings start at a page and `at` is a multiple of 8; it
    // is valid for as long as `map` is borrowed, and nobody in this process accesses it otherwise.
    // Reading memory that may not be written with a relaxed load is allowed.
    let word = unsafe { AtomicU64::from_ptr(place) };
    u64::from_le(word.load(Ordering::Relaxed))
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
