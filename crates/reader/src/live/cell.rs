//! A shared value that is replaced now and then, and that survives `fork` at any moment.
//!
//! A mutex would not: a child inherits it locked if another thread of the parent held it. Here the
//! lock names the process that holds it, so that a child may break the one it inherited; and what
//! the lock guards is one pointer, which is whole at any moment.
//!
//! `tests/cell.rs` compiles this file with the atomics of a model, which tries every order in which
//! threads can run and what each may see of the others. So it names none of the standard library.

use super::atomics::{Arc, AtomicPtr, AtomicU32, Ordering, yield_now};
use super::fork;

#[derive(Debug)]
pub(super) struct Cell<T> {
    /// The number of the process whose thread is at the pointer; 0 for none.
    owner: AtomicU32,
    /// From `Arc::into_raw`: the cell owns one count of it.
    value: AtomicPtr<T>,
}

impl<T> Cell<T> {
    pub(super) fn new(value: T) -> Cell<T> {
        fork::listen();
        Cell {
            owner: AtomicU32::new(0),
            value: AtomicPtr::new(Arc::into_raw(Arc::new(value)).cast_mut()),
        }
    }

    /// The value now; waits for a thread that replaces it.
    pub(super) fn load(&self) -> Arc<T> {
        self.update(|_| None)
    }

    /// Replaces the value by what `make` makes of it, if anything, and gives the value then.
    pub(super) fn update(&self, make: impl FnOnce(&T) -> Option<T>) -> Arc<T> {
        loop {
            if let Some(held) = Held::take(&self.owner) {
                let old = self.current(&held);
                return match make(&old) {
                    Some(new) => self.replace(&held, new),
                    None => old,
                };
            }
            yield_now();
        }
    }

    /// The same into a value that a thread holds, which stays as it is if another thread is at it.
    ///
    /// The old value of that thread goes before a new one is made, `release` letting go of whatever
    /// else it has of it: so threads and cell never have more values together than there are
    /// threads, and one.
    pub(super) fn try_update(
        &self,
        own: &mut Arc<T>,
        release: impl FnOnce(),
        make: impl FnOnce(&T) -> Option<T>,
    ) {
        if let Some(held) = Held::take(&self.owner) {
            release();
            *own = self.current(&held);
            if let Some(new) = make(own) {
                *own = self.replace(&held, new);
            }
        }
    }

    fn current(&self, _: &Held<'_>) -> Arc<T> {
        let raw = self.value.load(Ordering::Acquire);
        #[expect(unsafe_code, reason = "an Arc that is swapped")]
        // SAFETY: `raw` is of `Arc::into_raw`, and the cell's own count keeps it alive: only who
        // holds the lock takes that count away, which is this thread.
        unsafe {
            Arc::increment_strong_count(raw)
        };
        #[expect(unsafe_code, reason = "an Arc that is swapped")]
        // SAFETY: this is the count that was just added.
        unsafe {
            Arc::from_raw(raw)
        }
    }

    fn replace(&self, _: &Held<'_>, new: T) -> Arc<T> {
        let new = Arc::new(new);
        let raw = Arc::into_raw(Arc::clone(&new)).cast_mut();
        let raw = self.value.swap(raw, Ordering::AcqRel);
        #[expect(unsafe_code, reason = "an Arc that is swapped")]
        // SAFETY: the count that the cell had of the value that was in it.
        drop(unsafe { Arc::from_raw(raw) });
        new
    }
}

impl<T> Drop for Cell<T> {
    fn drop(&mut self) {
        #[expect(unsafe_code, reason = "an Arc that is swapped")]
        // SAFETY: the cell's own count; nobody else has the cell now.
        drop(unsafe { Arc::from_raw(self.value.load(Ordering::Relaxed)) });
    }
}

/// The lock in hand.
struct Held<'a>(&'a AtomicU32);

impl Held<'_> {
    fn take(owner: &AtomicU32) -> Option<Held<'_>> {
        let me = fork::number();
        let before = match owner.compare_exchange(0, me, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => return Some(Held(owner)),
            Err(before) => before,
        };
        if before == me {
            return None;
        }
        // Held in the parent when this process was forked: that thread is not here.
        let taken = owner.compare_exchange(before, me, Ordering::Acquire, Ordering::Relaxed);
        taken.is_ok().then_some(Held(owner))
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.store(0, Ordering::Release);
    }
}
