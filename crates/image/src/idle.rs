//! Things that are costly to make, kept for the next one who needs one.

use std::sync::Mutex;

/// Lends things; as many are made as are lent at once, so about one a thread. (Those of rayon's
/// `map_init` are made once for each share of the work, and dropped.)
pub(crate) struct Idle<T>(Mutex<Vec<T>>);

impl<T> Idle<T> {
    pub(crate) fn new() -> Idle<T> {
        Idle(Mutex::new(Vec::new()))
    }

    /// Lends one for some time; `new` makes one if all are lent.
    pub(crate) fn with<R>(&self, new: impl FnOnce() -> T, work: impl FnOnce(&mut T) -> R) -> R {
        let idle = self.0.lock().ok().and_then(|mut idle| idle.pop());
        let mut lent = idle.unwrap_or_else(new);
        let result = work(&mut lent);
        if let Ok(mut idle) = self.0.lock() {
            idle.push(lent);
        }
        result
    }

    /// All that were made.
    pub(crate) fn into_all(self) -> Vec<T> {
        self.0.into_inner().unwrap_or_default()
    }
}
