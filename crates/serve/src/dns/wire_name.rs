//! Names of zone facts in the form that messages have.

use domain::base::name::Name;

/// A name as zone files write it, in wire form and with its case: labels between dots, empty ones
/// dropped, `\` before a byte or before up to three digits.
pub(crate) fn wire_name(text: &[u8]) -> Option<Name<Vec<u8>>> {
    let mut name = Vec::with_capacity(text.len() + 2);
    let mut label = Vec::new();
    let mut bytes = text.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if byte == b'.' {
            close(&mut name, &mut label)?;
            continue;
        }
        if byte != b'\\' {
            label.push(byte);
            continue;
        }
        let mut number: Option<u16> = None;
        for _ in 0..3 {
            let Some(digit) = bytes.next_if(u8::is_ascii_digit) else {
                break;
            };
            number = Some(number.unwrap_or(0) * 10 + u16::from(digit - b'0'));
        }
        match number {
            Some(number) => label.push(u8::try_from(number).ok()?),
            // A lone `\` at the end is dropped.
            None => label.extend(bytes.next()),
        }
    }
    close(&mut name, &mut label)?;
    name.push(0);
    Name::from_octets(name).ok()
}

/// Moves a label, if there is one, to the end of a name.
fn close(name: &mut Vec<u8>, label: &mut Vec<u8>) -> Option<()> {
    if !label.is_empty() {
        name.push(u8::try_from(label.len()).ok()?);
        name.append(label);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_zone_files_write_them() {
        let cases: [(&[u8], &[u8]); 7] = [
            (b"ns.Example", b"\x02ns\x07Example\0"),
            (b"ns.\\065.C.", b"\x02ns\x01A\x01C\0"),
            (b".", b"\0"),
            (b"..", b"\0"),
            (b"a..b", b"\x01a\x01b\0"),
            (b"@", b"\x01@\0"),
            (b"\\@x\\", b"\x02@x\0"),
        ];
        for (text, expected) in cases {
            assert_eq!(wire_name(text).unwrap().as_slice(), expected, "{text:?}");
        }
        assert!(wire_name(b"\\999").is_none());
        assert!(wire_name(&[b'a'; 64]).is_none());
    }
}
