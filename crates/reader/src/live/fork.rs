//! Which of the processes that share memory by `fork` this is, without a system call.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// How many times this process and those it comes from were forked, and one more: never 0.
static FORKS: AtomicU32 = AtomicU32::new(1);

/// Whether the C library tells of forks.
static TOLD: AtomicBool = AtomicBool::new(false);

/// A number that no process above this one has, if [`listen`] was called there.
///
/// A process id would do, but asking for it is a system call. Children of a bare `clone` that
/// passes the C library by have their parent's number.
pub(super) fn number() -> u32 {
    FORKS.load(Ordering::Relaxed)
}

/// Has forks counted from here on. No lock, which a child might inherit.
pub(super) fn listen() {
    extern "C" fn in_the_child() {
        FORKS.fetch_add(1, Ordering::Relaxed);
    }
    if TOLD.swap(true, Ordering::Relaxed) {
        return;
    }
    #[expect(unsafe_code, reason = "std does not tell of forks")]
    // SAFETY: a function of the right type, which does what a child may do: it adds to a number. It
    // is there as long as this code is: glibc forgets it when a library is unloaded.
    let failed = unsafe { libc::pthread_atfork(None, None, Some(in_the_child)) };
    // Without memory for it: the next list tries again.
    TOLD.store(failed == 0, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_keeps_its_number() {
        listen();
        let before = number();
        listen();
        assert!(before != 0 && before == number());
    }
}
