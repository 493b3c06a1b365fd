//! Numbers in groups of 7 bits, as deltas and some sections of images hold them.

/// Appends a number in 7-bit groups, the lowest first, all but the last with the high bit set.
///
/// ```
/// use rblmap_format::varint::{push_uv, take_uv};
/// let mut bytes = Vec::new();
/// push_uv(&mut bytes, 300);
/// assert_eq!(bytes, [0xac, 0x02]);
/// assert_eq!(take_uv(&mut bytes.as_slice()), Some(300));
/// ```
pub fn push_uv(out: &mut Vec<u8>, number: u64) {
    let mut rest = number;
    while rest >= 0x80 {
        out.push(u8::try_from(rest & 0x7f).unwrap_or(0) | 0x80);
        rest >>= 7;
    }
    out.push(u8::try_from(rest).unwrap_or(0));
}

/// Reads what [`push_uv`] wrote, and leaves what is behind it; `None` for anything else, numbers spelled too
/// long included.
///
/// See the example of [`push_uv`].
pub fn take_uv(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for (at, &byte) in rest.iter().enumerate().take(10) {
        let group = u64::from(byte & 0x7f);
        number |= group << (7 * at);
        if byte & 0x80 == 0 {
            let spelled_long = byte == 0 && at > 0;
            let too_large = at == 9 && byte > 1;
            *rest = rest.get(at + 1..)?;
            return (!spelled_long && !too_large).then_some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_spelling() {
        for number in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            let mut bytes = Vec::new();
            push_uv(&mut bytes, number);
            let mut rest = &bytes[..];
            assert_eq!(take_uv(&mut rest), Some(number));
            assert!(rest.is_empty());
            assert_eq!(take_uv(&mut &bytes[..bytes.len() - 1]), None);
        }
        assert_eq!(take_uv(&mut &[0x80, 0][..]), None);
        assert_eq!(take_uv(&mut &[0xff; 11][..]), None);
        let mut over = [0xff; 10];
        over[9] = 2;
        assert_eq!(take_uv(&mut &over[..]), None);
    }
}
