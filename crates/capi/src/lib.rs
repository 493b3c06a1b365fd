//! The reader through C: what `include/rblmap.h` declares and `librblmap(3)` describes. Lookups
//! only, no policy.
#![expect(unsafe_code, reason = "pointers come from C")]

#[cfg(panic = "abort")]
compile_error!("a panic must stop at the border to C: build with panic = \"unwind\"");

mod border;
mod handle;
mod key;
mod last_error;
mod list;
mod lookup;
mod out;
mod reader;
mod records;
mod status;
mod unload;
mod walk;

pub use last_error::rblmap_last_error;
pub use list::{
    Info, List, ZoneInfo, rblmap_close, rblmap_open, rblmap_refresh, rblmap_status, rblmap_zone_at,
};
pub use lookup::{
    rblmap_lookup, rblmap_lookup_name, rblmap_lookup_name_n, rblmap_lookup_sockaddr,
    rblmap_lookup_text, rblmap_lookup_v4, rblmap_lookup_v4_batch, rblmap_lookup_v6,
};
pub use reader::{
    Reader, rblmap_freshness, rblmap_reader_add, rblmap_reader_free, rblmap_reader_new,
    rblmap_reader_status,
};
pub use records::{
    RawRecord, rblmap_answer, rblmap_listed, rblmap_render, rblmap_render_mask, rblmap_render_zone,
};
pub use status::{rblmap_abi_version, rblmap_strerror, rblmap_version};
pub use walk::{
    Entry, Walk, rblmap_walk_free, rblmap_walk_names, rblmap_walk_next, rblmap_walk_v4,
    rblmap_walk_v6,
};
