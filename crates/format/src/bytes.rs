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
