//! Little-endian numbers out of bytes, without panics: what is not there reads as zero.

/// The 2-byte number at `at`.
#[inline]
pub fn u16_at(bytes: &[u8], at: usize) -> u16 {
    array_at(bytes, at).map_or(0, u16::from_le_bytes)
}

/// The 4-byte number at `at`.
#[inline]
pub fn u32_at(bytes: &[u8], at: usize) -> u32 {
    array_at(bytes, at).map_or(0, u32::from_le_bytes)
}

/// The 8-byte number at `at`.
#[inline]
pub fn u64_at(bytes: &[u8], at: usize) -> u64 {
    array_at(bytes, at).map_or(0, u64::from_le_bytes)
}

/// `N` bytes at `at`.
#[inline]
pub fn array_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk::<N>().copied()
}

/// The number of `width` (1 to 4) bytes at place `index` of a list.
#[inline]
pub fn id_at(bytes: &[u8], width: usize, index: usize) -> u32 {
    let at = index.saturating_mul(width);
    match width {
        1 => bytes.get(at).copied().map_or(0, u32::from),
        2 => u32::from(u16_at(bytes, at)),
        3 => array_at(bytes, at).map_or(0, |[a, b, c]: [u8; 3]| u32::from_le_bytes([a, b, c, 0])),
        _ => u32_at(bytes, at),
    }
}

/// Writes bytes at an offset of a line or table that was made for them.
///
/// # Panics
/// If they do not fit: a writer that would lose bytes has a fault.
#[inline]
#[track_caller]
pub fn put_bytes(out: &mut [u8], at: usize, bytes: &[u8]) {
    let place = out.get_mut(at..at + bytes.len());
    let place = place.expect("what is written fits the place that was made for it");
    place.copy_from_slice(bytes);
}

/// Writes an id of `width` (1 to 4) bytes at an offset.
///
/// # Panics
/// If the id or its place is too small: the width is chosen for the largest id.
#[inline]
#[track_caller]
pub fn put_id(out: &mut [u8], at: usize, width: usize, id: u32) {
    let bytes = id.to_le_bytes();
    let (low, high) = bytes.split_at(width);
    debug_assert!(
        high.iter().all(|&byte| byte == 0),
        "id {id} has more than {width} bytes"
    );
    put_bytes(out, at, low);
}

/// Appends an id of `width` (1 to 4) bytes.
///
/// # Panics
/// If the id has more bytes: the width is chosen for the largest id.
#[inline]
#[track_caller]
pub fn push_id(out: &mut Vec<u8>, width: usize, id: u32) {
    let bytes = id.to_le_bytes();
    let (low, high) = bytes.split_at(width);
    debug_assert!(
        high.iter().all(|&byte| byte == 0),
        "id {id} has more than {width} bytes"
    );
    out.extend_from_slice(low);
}
