//! What a zone's sources say for DNS alone: TTL, SOA and NS, ready to be put into messages.

use domain::base::name::Name;

/// The TTL where no source gives one, or gives 0, as in rbldnsd: 35 minutes.
const DEFAULT_TTL: u32 = 35 * 60;

/// The facts of a zone, as `docs/format.md` describes them.
#[derive(Debug, Clone, Default)]
pub(crate) struct DnsFacts {
    /// TTL of A and TXT records.
    pub(crate) ttl: u32,
    /// The start of authority, if the zone has one.
    pub(crate) soa: Option<Start>,
    /// TTL of the NS records.
    pub(crate) ns_ttl: u32,
    /// The name servers, each once.
    pub(crate) servers: Vec<Name<Vec<u8>>>,
    /// Whether the zone is one of its own, with its own SOA and NS, and not part of the one above.
    pub(crate) is_own: bool,
}

/// A start of authority (RFC 1035 section 3.3.13).
#[derive(Debug, Clone)]
pub(crate) struct Start {
    pub(crate) ttl: u32,
    pub(crate) origin: Name<Vec<u8>>,
    pub(crate) person: Name<Vec<u8>>,
    /// 0 where the source leaves the serial to the server.
    pub(crate) serial: u32,
    /// Refresh, retry, expire and minimum, in seconds.
    pub(crate) timers: [u32; 4],
}

const HAS_TTL: u8 = 1;
const HAS_SOA: u8 = 2;
const HAS_NS: u8 = 4;
const IS_OWN: u8 = 8;

impl DnsFacts {
    /// Reads the facts of a zone of an image. What damaged bytes leave out is not there.
    pub(crate) fn read(bytes: &[u8]) -> DnsFacts {
        let mut facts = DnsFacts {
            ttl: DEFAULT_TTL,
            ..DnsFacts::default()
        };
        let _ = facts.fill(bytes);
        facts
    }

    fn fill(&mut self, bytes: &[u8]) -> Option<()> {
        let (&flags, mut rest) = bytes.split_first()?;
        self.is_own = flags & IS_OWN != 0;
        if flags & HAS_TTL != 0 {
            self.ttl = ttl(take_u32(&mut rest)?);
        }
        if flags & HAS_SOA != 0 {
            self.soa = Some(Start {
                ttl: ttl(take_u32(&mut rest)?),
                origin: take_name(&mut rest)?,
                person: take_name(&mut rest)?,
                serial: take_u32(&mut rest)?,
                timers: [
                    take_u32(&mut rest)?,
                    take_u32(&mut rest)?,
                    take_u32(&mut rest)?,
                    take_u32(&mut rest)?,
                ],
            });
        }
        if flags & HAS_NS != 0 {
            self.ns_ttl = take_u32(&mut rest)?;
            let (&count, after) = rest.split_first()?;
            rest = after;
            for _ in 0..count {
                let name = take_name(&mut rest)?;
                if !self.servers.contains(&name) {
                    self.servers.push(name);
                }
            }
        }
        Some(())
    }
}

fn ttl(stated: u32) -> u32 {
    if stated == 0 { DEFAULT_TTL } else { stated }
}

fn take_u32(rest: &mut &[u8]) -> Option<u32> {
    let (bytes, after) = rest.split_first_chunk::<4>()?;
    *rest = after;
    Some(u32::from_le_bytes(*bytes))
}

fn take_name(rest: &mut &[u8]) -> Option<Name<Vec<u8>>> {
    let (&len, after) = rest.split_first()?;
    let (text, after) = after.split_at_checked(len.into())?;
    *rest = after;
    wire(text)
}

/// A name as zone files write it, in wire form and with its case: labels between dots, empty ones
/// dropped, `\` before a byte or before up to three digits.
fn wire(text: &[u8]) -> Option<Name<Vec<u8>>> {
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
            assert_eq!(wire(text).unwrap().as_slice(), expected, "{text:?}");
        }
        assert!(wire(b"\\999").is_none());
        assert!(wire(&[b'a'; 64]).is_none());
    }

    #[test]
    fn damaged_facts_give_what_is_whole() {
        let mut bytes = vec![HAS_TTL | HAS_NS];
        bytes.extend(300u32.to_le_bytes());
        bytes.extend(0u32.to_le_bytes());
        bytes.extend([3, 1, b'a', 1, b'A', 1, b'b']);
        let facts = DnsFacts::read(&bytes);
        assert_eq!((facts.ttl, facts.ns_ttl), (300, 0));
        assert_eq!(facts.servers.len(), 2, "equal names are one");
        for cut in 0..bytes.len() {
            let facts = DnsFacts::read(&bytes[..cut]);
            assert!(facts.servers.len() < 2);
        }
        assert_eq!(DnsFacts::read(&[]).ttl, DEFAULT_TTL);
    }
}
