//! Things that are costly to make, kept for the next one who needs one.

use std::sync::Mutex;

/// Lends what `new` makes; as many are made as are lent at once, so about one a thread. (Those of
/// rayon's `map_init` are made once for each share of the work, and dropped.)
pub(crate) struct Idle<T, New> {
    new: New,
    idle: Mutex<Vec<T>>,
}

impl<T, New: Fn() -> T> Idle<T, New> {
    pub(crate) fn new(new: New) -> Idle<T, New> {
        Idle {
            new,
            idle: Mutex::new(Vec::new()),
        }
    }

    /// Lends one for some time.
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        let idle = self.idle.lock().ok().and_then(|mut idle| idle.pop());
        let mut lent = idle.unwrap_or_else(&self.new);
        let result = work(&mut lent);
        if let Ok(mut idle) = self.idle.lock() {
            idle.push(lent);
        }
        result
    }

    /// All that were made.
    pub(crate) fn into_all(self) -> Vec<T> {
        self.idle.into_inner().unwrap_or_default()
    }
}
