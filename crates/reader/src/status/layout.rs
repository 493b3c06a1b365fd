//! Where things lie in a status page, `ZONE.status`: one page, written in place by a mirror, read by
//! whoever has it mapped. `docs/feed.md` describes it. Numbers are little-endian.

/// Length of the file.
pub const PAGE_LEN: usize = 4096;
/// First bytes.
pub const MAGIC: [u8; 8] = *b"\x89rblstat";
/// `u16` version of the page.
pub const VERSION_AT: usize = 8;
/// The version that is written.
pub const VERSION: u16 = 1;
/// `u32` flags.
pub const FLAGS_AT: usize = 12;
/// Flag: the publisher has given the zone up; nothing in it counts as listed.
pub const RETIRED: u32 = 1;
/// Flag: the image in place is held by `rollback`.
pub const HELD: u32 = 2;
/// `u64` generation: rises with every swap, stored after the rename.
pub const GENERATION_AT: usize = 16;
/// `u64` seconds since 1970 after which the data is stale; 0: never.
pub const STALE_FROM_AT: usize = 24;
/// `u64` seconds since 1970 after which the data is expired; 0: never.
pub const EXPIRED_FROM_AT: usize = 32;
/// `u64` serial of the image in place.
pub const SERIAL_AT: usize = 40;
/// `u64` seconds since 1970: the last check of a source with success.
pub const CHECKED_AT: usize = 48;
