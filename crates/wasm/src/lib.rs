//! The reader for a web page: it opens an image whose bytes the page has fetched, and answers
//! addresses and names. `scripts/wasm` compiles this crate to the module that `rblmap page` writes
//! into its sites.
//!
//! The module has no imports: no clock, no random numbers and no memory but its own. The page calls
//! the functions of [`exports`] with offsets into the module's memory, and reads what they leave
//! there in the form that [`Reply`] describes.
//!
//! | file | subject |
//! |---|---|
//! | `reply.rs` | what a question leaves in memory, byte for byte |
//! | `exports.rs` | the functions that the page calls |

pub mod exports;
mod reply;

pub use reply::{Reply, Session};

/// A smaller allocator than that of the standard library, which makes the module a tenth smaller.
#[cfg(target_family = "wasm")]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();
