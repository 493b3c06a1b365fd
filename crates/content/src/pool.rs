//! Things that are costly to make, kept for whoever needs one next.

use std::sync::Mutex;

/// Lends things to threads. It makes as many as are lent at one time: about one a thread. (Rayon's
/// `map_init` makes one for each share of the work, and drops it afterwards.)
///
/// ```
/// use rblmap_content::Pool;
///
/// let buffers = Pool::new();
/// let length = buffers.with(Vec::new, |buffer: &mut Vec<u8>| {
///     buffer.push(1);
///     buffer.len()
/// });
/// assert_eq!((length, buffers.into_all()), (1, vec![vec![1]]));
/// ```
pub struct Pool<T>(Mutex<Vec<T>>);

impl<T> Default for Pool<T> {
    fn default() -> Pool<T> {
        Pool(Mutex::new(Vec::new()))
    }
}

impl<T> Pool<T> {
    /// An empty pool.
    pub fn new() -> Pool<T> {
        Pool::default()
    }

    /// Lends one while `work` runs; `new` makes one if all are lent.
    pub fn with<R>(&self, new: impl FnOnce() -> T, work: impl FnOnce(&mut T) -> R) -> R {
        let idle = self.0.lock().ok().and_then(|mut idle| idle.pop());
        let mut lent = idle.unwrap_or_else(new);
        let result = work(&mut lent);
        if let Ok(mut idle) = self.0.lock() {
            idle.push(lent);
        }
        result
    }

    /// All that were made.
    pub fn into_all(self) -> Vec<T> {
        self.0.into_inner().unwrap_or_default()
    }
}
