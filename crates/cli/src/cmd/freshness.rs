//! Whether an image still counts, by itself and by the mirror's status page beside it.

use std::io;
use std::path::Path;

use rblmap::{Freshness, StatusPage, Zone};

use crate::exit::Exit;
use crate::failure::Failure;

/// Whether answers of a zone of the image at `path` no longer count at `now`, in seconds since 1970:
/// by its own expiry, or because the mirror says so of the whole image in `NAME.status` beside
/// `NAME.rbl`. Whatever the page has to say goes to standard error.
pub(crate) fn is_expired(path: &Path, zone: &Zone<'_>, now: u64) -> bool {
    page_says_expired(path, now) || zone.expired_at(now)
}

fn page_says_expired(path: &Path, now: u64) -> bool {
    if path.extension().is_none_or(|extension| extension != "rbl") {
        return false;
    }
    let path = path.with_extension("status");
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return false,
        Err(error) => {
            Failure::reading(&path, &error).say();
            return false;
        }
    };
    let freshness = match StatusPage::read(&bytes) {
        Ok(page) => page.freshness_at(now),
        Err(error) => {
            Failure::at(&path, error).say();
            return false;
        }
    };
    let (expired, what) = match freshness {
        Freshness::Stale => (
            false,
            "stale: the mirror has not heard from the publisher in time",
        ),
        Freshness::Expired => (
            true,
            "expired: the publisher has not signed for too long, so nothing counts as listed",
        ),
        Freshness::Retired => (
            true,
            "retired: the publisher has given this zone up, so nothing counts as listed",
        ),
        _ => return false,
    };
    Failure::new(Exit::Expired, format_args!("{}: {what}", path.display())).say();
    expired
}
