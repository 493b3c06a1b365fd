//! The reader through C: what `include/rblmap.h` declares and `librblmap(3)` describes. Lookups
//! only, no policy.
#![expect(unsafe_code, reason = "pointers come from C")]

#[cfg(panic = "abort")]
compile_error!("a panic must stop at the border to C: build with panic = \"unwind\"");

mod border;
mod list;
mod lookup;
mod reader;
mod status;

pub use list::{Info, List, rblmap_close, rblmap_open, rblmap_refresh, rblmap_status};
pub use lookup::RawRecord;
pub use lookup::{
    rblmap_answer, rblmap_lookup_name, rblmap_lookup_sockaddr, rblmap_lookup_text,
    rblmap_lookup_v4, rblmap_lookup_v4_batch, rblmap_lookup_v6, rblmap_render,
};
pub use reader::{
    Reader, rblmap_freshness, rblmap_reader_add, rblmap_reader_free, rblmap_reader_new,
};
pub use status::{rblmap_abi_version, rblmap_strerror, rblmap_version};
