//! The zstd frame (RFC 8878) around a payload.

use zstd::zstd_safe;

use crate::container::limits::Limits;
use crate::error::Error;

/// Deltas are small, and many read them.
const LEVEL: i32 = 19;
/// From this size on payloads are mostly decisions, which nothing makes shorter.
const BIG: usize = 1 << 20;
const BIG_LEVEL: i32 = 3;

/// A payload has at most 1 MiB and so many bytes for each byte of its frame. Decisions do not shrink,
/// and names and texts leave out what they share with their neighbours, so real ones stay far below;
/// a frame of zeros does not.
const MOST_PER_BYTE: u64 = 256;
const MOST_ANYWAY: u64 = 1 << 20;

/// One frame that declares its size, without a checksum: the header has a better one.
pub(crate) fn close(payload: &[u8]) -> Result<Vec<u8>, Error> {
    let level = if payload.len() < BIG {
        LEVEL
    } else {
        BIG_LEVEL
    };
    let frame = zstd::bulk::compress(payload, level).map_err(|_| Error::Frame)?;
    check_ratio(frame.len(), payload.len() as u64)?;
    Ok(frame)
}

/// The payload of the frame at the start, which declares its size, and what lies behind the frame.
/// Nothing is allocated before the size was compared with the limit and with the length of the frame.
pub(crate) fn open<'a>(body: &'a [u8], limits: &Limits) -> Result<(Vec<u8>, &'a [u8]), Error> {
    const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
    let declared = zstd_safe::get_frame_content_size(body).ok().flatten();
    let size = declared.ok_or(Error::Frame)?;
    limits.check("payload", size, limits.payload)?;
    let len = zstd_safe::find_frame_compressed_size(body).map_err(|_| Error::Frame)?;
    let (frame, behind) = body.split_at_checked(len).ok_or(Error::Frame)?;
    if !frame.starts_with(&MAGIC) {
        return Err(Error::Frame);
    }
    check_ratio(frame.len(), size)?;
    let capacity = usize::try_from(size).map_err(|_| Error::Frame)?;
    let payload = zstd::bulk::decompress(frame, capacity).map_err(|_| Error::Frame)?;
    if payload.len() != capacity {
        return Err(Error::Frame);
    }
    Ok((payload, behind))
}

fn check_ratio(frame: usize, payload: u64) -> Result<(), Error> {
    let limit = (frame as u64).saturating_mul(MOST_PER_BYTE);
    let limit = limit.saturating_add(MOST_ANYWAY);
    match payload <= limit {
        true => Ok(()),
        false => Err(Error::Limit {
            what: "payload of so short a frame",
            size: payload,
            limit,
        }),
    }
}
