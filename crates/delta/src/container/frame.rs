//! The zstd frame (RFC 8878) around a payload.

use zstd::zstd_safe;

use crate::container::limits::Limits;
use crate::error::Error;

/// Deltas are small, and are read by many.
const LEVEL: i32 = 19;
/// Payloads from this size on are mostly decisions, which nothing makes shorter.
const BIG: usize = 16 << 20;
const BIG_LEVEL: i32 = 6;

/// One frame that declares its size, without a checksum: the header has a better one.
pub(crate) fn close(payload: &[u8]) -> Result<Vec<u8>, Error> {
    let level = if payload.len() < BIG {
        LEVEL
    } else {
        BIG_LEVEL
    };
    zstd::bulk::compress(payload, level).map_err(|_| Error::Frame)
}

/// The payload of one frame that declares its size, with nothing behind it. Nothing is allocated
/// before the size was compared with the limit.
pub(crate) fn open(frame: &[u8], limits: &Limits) -> Result<Vec<u8>, Error> {
    const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
    let declared = zstd_safe::get_frame_content_size(frame).ok().flatten();
    let size = declared.ok_or(Error::Frame)?;
    if size > limits.payload {
        let limit = limits.payload;
        return Err(Error::Limit {
            what: "payload",
            size,
            limit,
        });
    }
    let whole = zstd_safe::find_frame_compressed_size(frame);
    if !frame.starts_with(&MAGIC) || whole != Ok(frame.len()) {
        return Err(Error::Frame);
    }
    let capacity = usize::try_from(size).map_err(|_| Error::Frame)?;
    let payload = zstd::bulk::decompress(frame, capacity).map_err(|_| Error::Frame)?;
    if payload.len() != capacity {
        return Err(Error::Frame);
    }
    Ok(payload)
}
