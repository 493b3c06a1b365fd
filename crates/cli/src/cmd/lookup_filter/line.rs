//! The key of a line. `crates/fuzz` takes this file too, since a command is no library.

/// A line that is longer has no key that could be read.
const LONGEST: usize = 1 << 20;

/// A column by its number, from either end.
pub(crate) fn column(line: &[u8], delimiter: u8, number: i32) -> Option<&[u8]> {
    if line.len() > LONGEST {
        return None;
    }
    let place = usize::try_from(number.unsigned_abs())
        .ok()?
        .checked_sub(1)?;
    if number > 0 {
        line.split(|&byte| byte == delimiter).nth(place)
    } else {
        line.rsplit(|&byte| byte == delimiter).nth(place)
    }
}

/// An IPv4 address as nearly all keys write it.
pub(crate) fn plain_v4(text: &[u8]) -> Option<u32> {
    let mut address = 0u32;
    let mut parts = 0;
    for part in text.split(|&byte| byte == b'.') {
        let (&first, _) = part.split_first()?;
        if part.len() > 3 || (part.len() > 1 && first == b'0') {
            return None;
        }
        let mut octet = 0u32;
        for &byte in part {
            octet = octet * 10 + u32::from(byte.wrapping_sub(b'0')).min(1000);
        }
        if octet > 255 || !part.iter().all(u8::is_ascii_digit) {
            return None;
        }
        address = address << 8 | octet;
        parts += 1;
    }
    (parts == 4).then_some(address)
}
