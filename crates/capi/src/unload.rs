//! What is given back when the library is unloaded, or the program ends.

use crate::handle::Kind;
use crate::reader::Asking;
use crate::walk::Walking;

/// Called by the loader, once for each loading.
extern "C" fn unload() {
    rblmap::Live::closed().free::<rblmap::Live>();
    Asking::closed().free::<Asking>();
    Walking::closed().free::<Walking>();
}

#[cfg(target_os = "linux")]
#[used]
#[unsafe(link_section = ".fini_array")]
static UNLOAD: extern "C" fn() = unload;
