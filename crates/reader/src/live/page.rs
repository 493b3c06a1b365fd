//! A status page in hand: mapped, so that what the mirror writes shows at once, or a copy.

use std::fs::File;
use std::io::Read;
use std::sync::atomic::{AtomicU64, Ordering, fence};

use crate::error::{Error, ErrorKind};
use crate::status::StatusPage;
use crate::status::layout::{GENERATION_AT, MAGIC, PAGE_LEN};

#[derive(Debug)]
pub(super) enum Page {
    Mapped(memmap2::MmapRaw),
    Copied(StatusPage),
}

impl Page {
    /// Maps the page of an open file that has been [`read`]. A page is never cut short
    /// (`docs/feed.md`), or reading it would end the process.
    pub(super) fn map(file: &File) -> Result<Page, Error> {
        let map = memmap2::MmapOptions::new()
            .len(PAGE_LEN)
            .map_raw_read_only(file)?;
        Ok(Page::Mapped(map))
    }

    /// The generation now. Who sees a new one sees the image that was put in place before it.
    #[inline]
    pub(super) fn generation(&self) -> u64 {
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
    ///
    /// # Errors
    /// A page that was written over with something else, or with a newer version.
    pub(super) fn now(&self) -> Result<StatusPage, Error> {
        match self {
            Page::Mapped(map) if word(map, 0) != u64::from_le_bytes(MAGIC) => {
                let what = "not a status page";
                Err(Error::new(ErrorKind::Page { what }))
            }
            Page::Mapped(map) => StatusPage::from_words(|at| word(map, at)),
            Page::Copied(page) => Ok(*page),
        }
    }

    pub(super) fn is_mapped(&self) -> bool {
        matches!(self, Page::Mapped(_))
    }
}

/// Reads the page of an open file.
///
/// # Errors
/// A file that cannot be read, or that is no status page.
pub(super) fn read(file: &File) -> Result<StatusPage, Error> {
    let mut bytes = Vec::with_capacity(PAGE_LEN);
    file.take(PAGE_LEN as u64).read_to_end(&mut bytes)?;
    StatusPage::read(&bytes)
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
