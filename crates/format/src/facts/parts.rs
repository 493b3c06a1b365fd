//! The parts of zone facts, to the end of their bytes and from the head of them.

/// Takes so many bytes from the head of `rest`.
pub(super) fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (bytes, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*bytes)
}

/// Takes a number, little-endian.
pub(super) fn take_u32(rest: &mut &[u8]) -> Option<u32> {
    take(rest).map(u32::from_le_bytes)
}

/// Takes a byte of length and as many bytes.
pub(super) fn take_name(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let (&len, after) = rest.split_first()?;
    let (name, after) = after.split_at_checked(len.into())?;
    *rest = after;
    Some(name.to_vec())
}

/// Appends a byte of length and the name.
pub(super) fn push_name(out: &mut Vec<u8>, name: &[u8]) {
    out.push(short_len(name));
    out.extend_from_slice(name);
}

/// A length as a byte.
pub(super) fn short_len<T>(list: &[T]) -> u8 {
    u8::try_from(list.len()).expect("whoever makes facts keeps names and their number below 256")
}
