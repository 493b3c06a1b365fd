//! What crosses the border: panics do not, pointers are checked.

use std::cell::Cell;
use std::ffi::{CStr, c_char, c_int};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::{Once, OnceLock};

use crate::last_error;
use crate::status::Status;

/// Runs a function of the interface; a panic becomes a status. A signal handler that calls while
/// its thread is inside already is told so, rather than waiting for itself.
#[inline]
pub(crate) fn guard(run: impl FnOnce() -> Result<(), Status>) -> c_int {
    if INSIDE.replace(true) {
        return Status::Busy as c_int;
    }
    let result = catch_unwind(AssertUnwindSafe(run));
    INSIDE.set(false);
    match result {
        Ok(Ok(())) => Status::Ok as c_int,
        Ok(Err(status)) => failed(status),
        Err(_) => failed(Status::Panic),
    }
}

#[cold]
fn failed(status: Status) -> c_int {
    last_error::keep(status);
    status as c_int
}

thread_local! {
    /// Whether the thread is inside of the interface.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

type Hook = Box<dyn Fn(&PanicHookInfo<'_>) + Sync + Send + 'static>;

/// Keeps panics of the interface from being printed: the program may have given descriptor 2 to a
/// client. Those of other code in the process are told as before.
pub(crate) fn print_no_panics() {
    static DONE: Once = Once::new();
    static BEFORE: OnceLock<Hook> = OnceLock::new();
    DONE.call_once(|| {
        let _ = BEFORE.set(panic::take_hook());
        // It holds nothing, so nothing is left behind when the library is unloaded.
        panic::set_hook(Box::new(|info| {
            if !INSIDE.get()
                && let Some(before) = BEFORE.get()
            {
                before(info);
            }
        }));
    });
}

/// # Safety
/// `text` is null or a string with a NUL that stays for `'a`.
pub(crate) unsafe fn text<'a>(text: *const c_char) -> Result<&'a [u8], Status> {
    if text.is_null() {
        return Err(Status::Null);
    }
    // SAFETY: a string, says the caller.
    Ok(unsafe { CStr::from_ptr(text) }.to_bytes())
}

/// # Safety
/// `text` is null or points to `len` readable bytes that stay for `'a`.
pub(crate) unsafe fn bytes<'a>(text: *const c_char, len: usize) -> Result<&'a [u8], Status> {
    if text.is_null() {
        return Err(Status::Null);
    }
    if len > LONGEST {
        return Err(Status::Key);
    }
    // SAFETY: `len` bytes, says the caller.
    Ok(unsafe { std::slice::from_raw_parts(text.cast(), len) })
}

/// No address and no name is as long as this.
const LONGEST: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_panic_becomes_a_status_and_prints_nothing() {
        if std::env::var_os("RBLMAP_PANIC").is_some() {
            print_no_panics();
            assert_eq!(guard(|| panic!("of the interface")), Status::Panic as c_int);
            panic!("of the program");
        }
        let name = "border::tests::a_panic_becomes_a_status_and_prints_nothing";
        let output = Command::new(std::env::current_exe().unwrap())
            .args([name, "--exact", "--nocapture"])
            .env("RBLMAP_PANIC", "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            said.contains("of the program") && !said.contains("of the interface"),
            "{said}"
        );
    }
}
