//! Netstrings, as socketmap_table(5) has them: a decimal length, a colon, the bytes, a comma.

use super::Frame;

/// The longest text that is read. A key is an address or a name.
pub(crate) const MAX_TEXT: usize = 1024;
/// The digits of its length.
const MAX_DIGITS: usize = 4;

/// Reads a netstring.
pub(crate) fn read(input: &[u8]) -> Frame<&[u8]> {
    let digits = input
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let length = input.get(..digits).unwrap_or_default();
    let length = length.iter().try_fold(0usize, |length, digit| {
        let length = length * 10 + usize::from(digit - b'0');
        (length <= MAX_TEXT).then_some(length)
    });
    let Some(length) = length else {
        return Frame::Broken;
    };
    match input.get(digits) {
        None if digits <= MAX_DIGITS => return Frame::Partial,
        Some(b':') if (1..=MAX_DIGITS).contains(&digits) => {}
        None | Some(_) => return Frame::Broken,
    }
    let start = digits + 1;
    match (input.get(start..start + length), input.get(start + length)) {
        (Some(text), Some(b',')) => Frame::Whole(text, start + length + 1),
        (Some(_), Some(_)) => Frame::Broken,
        (Some(_) | None, None) | (None, Some(_)) => Frame::Partial,
    }
}

/// Writes a netstring.
pub(crate) fn write(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(text.len().to_string().as_bytes());
    out.push(b':');
    out.extend_from_slice(text.as_bytes());
    out.push(b',');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_from_the_front() {
        assert_eq!(
            read(b"13:ops 192.0.2.1,"),
            Frame::Whole(&b"ops 192.0.2.1"[..], 17)
        );
        assert_eq!(read(b"13:ops"), Frame::Partial);
        assert_eq!(read(b"4294967295:"), Frame::Broken);
    }

    #[test]
    fn a_length_of_many_zeros_is_broken_in_one_piece_as_in_several() {
        assert_eq!(read(b"00001"), Frame::Broken);
        assert_eq!(read(b"00001:x,"), Frame::Broken);
        assert_eq!(read(b"0001:x,"), Frame::Whole(&b"x"[..], 7));
    }

    #[test]
    fn every_beginning_is_partial() {
        let whole = b"5:hello,";
        for end in 0..whole.len() {
            assert_eq!(read(&whole[..end]), Frame::Partial, "{end}");
        }
        assert_eq!(read(whole), Frame::Whole(&b"hello"[..], 8));
        for broken in [
            &b":"[..],
            b"a",
            b"5:hello;",
            b"99999",
            b"1025:",
            b"-1:,",
            b" 5:hello,",
        ] {
            assert_eq!(read(broken), Frame::Broken, "{broken:?}");
        }
        assert_eq!(read(b"0:,"), Frame::Whole(&b""[..], 3));
    }
}
