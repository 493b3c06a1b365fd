//! What a feed is made of. The readers are not public, so that the targets lie with them.

pub(crate) use rblmap_feed::fuzz::{manifest, pointer, statement};

use rblmap::StatusPage;
use rblmap::status_layout::{MAGIC, PAGE_LEN};

/// The bytes, and the bytes as a page of the right length and beginning.
pub(crate) fn status_page(input: &[u8]) {
    let _ = StatusPage::read(input);
    let mut page = MAGIC.to_vec();
    page.extend(input.iter().take(PAGE_LEN - MAGIC.len()));
    page.resize(PAGE_LEN, 0);
    match StatusPage::read(&page) {
        Ok(status) => {
            // What is past does not become better.
            let times = [0, 1, status.stale_from, status.expired_from, u64::MAX];
            let mut times = times.map(|time| (time, status.freshness_at(time)));
            times.sort();
            assert!(
                times.is_sorted_by_key(|(_, freshness)| *freshness),
                "{status:?}"
            );
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
