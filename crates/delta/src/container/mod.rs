//! The file around the change: header and check, the zstd frame, the head of the payload, limits.

pub(crate) mod frame;
pub(crate) mod header;
pub(crate) mod ids;
pub(crate) mod limits;
pub(crate) mod payload_head;
pub(crate) mod summary;
