//! How far counting has come.

use std::sync::atomic::AtomicU64;

/// How far counting has come.
///
/// ```
/// use std::sync::atomic::Ordering;
/// use rblmap_report::{Tally, input::{self, Progress}};
/// let progress = Progress::default(); // another thread shows `progress.done` meanwhile
/// let failed = input::count(&["no/such.log".into()], 2, &Tally::new(), &progress);
/// assert_eq!((failed.len(), progress.done.load(Ordering::Relaxed)), (1, 0));
/// ```
#[derive(Debug, Default)]
pub struct Progress {
    /// Bytes of files that were read, packed as they are.
    pub done: AtomicU64,
}
