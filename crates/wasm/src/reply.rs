//! What a question leaves for the page to read.

use std::net::IpAddr;

use rblmap::{Answer, Image, NameKey, TextBuf};

/// The answer to a question, as the number that an export returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum Reply {
    /// The key is not listed.
    NotListed = 0,
    /// The key is listed; the records were left to be read.
    Listed = 1,
    /// The zone's data is too old to be believed.
    Expired = 2,
    /// The key is neither an address nor a domain name.
    BadKey = -1,
    /// No image is open, or it has no zone of that number.
    NoZone = -2,
    /// The bytes are not an image, or a cut or damaged one.
    BadImage = -3,
    /// The image has a newer format than this module reads.
    NewerFormat = -4,
}

/// One open image, and what the last question left.
#[derive(Debug, Default)]
pub struct Session {
    image: Option<Image>,
    out: Vec<u8>,
}

impl Session {
    /// Opens an image. Leaves its serial and its creation time (seconds since 1970), both as 8 bytes,
    /// little-endian, and its name; then for each zone its expiry (8 bytes, 0: none) and its name
    /// below the base (empty for the base). A name is its length (1 byte) and its bytes.
    ///
    /// After a [`Reply::BadImage`] or [`Reply::NewerFormat`] no image is open. Text and numbers are
    /// left to the page, because the formatting code of the standard library would make the module
    /// a quarter larger.
    pub fn open(&mut self, bytes: Vec<u8>) -> Reply {
        self.image = None;
        self.out.clear();
        match Image::from_vec(bytes) {
            Ok(image) => self.describe(image),
            Err(error) => refusal(&error),
        }
    }

    /// Looks a key up in the zone of number `zone` (0: the base) at the time `now`, in seconds since
    /// 1970. A listed key leaves its records one after the other: the A record (4 bytes, network
    /// order, zeros for none), the length of the text (1 byte), the text.
    pub fn lookup(&mut self, zone: usize, key: &[u8], now: u64) -> Reply {
        self.out.clear();
        let Some(image) = &self.image else {
            return Reply::NoZone;
        };
        let Some(Ok(zone)) = image.zones().nth(zone) else {
            return Reply::NoZone;
        };
        if zone.expired_at(now) {
            return Reply::Expired;
        }
        match std::str::from_utf8(key.trim_ascii())
            .ok()
            .and_then(Key::parse)
        {
            Some(Key::Address(address)) => leave(&mut self.out, zone.lookup(address)),
            Some(Key::Name(name)) => leave(&mut self.out, zone.lookup_name(&name)),
            None => Reply::BadKey,
        }
    }

    /// What the last question left.
    pub fn out(&self) -> &[u8] {
        &self.out
    }

    fn describe(&mut self, image: Image) -> Reply {
        self.out.extend_from_slice(&image.serial().to_le_bytes());
        self.out.extend_from_slice(&image.created().to_le_bytes());
        push_short(&mut self.out, image.name().as_bytes());
        for zone in image.zones() {
            let zone = match zone {
                Ok(zone) => zone,
                Err(error) => return refusal(&error),
            };
            self.out
                .extend_from_slice(&zone.expires().unwrap_or(0).to_le_bytes());
            push_short(&mut self.out, &zone.name().labels().join(&b'.'));
        }
        self.image = Some(image);
        Reply::NotListed
    }
}

fn refusal(error: &rblmap::Error) -> Reply {
    match error.kind() {
        rblmap::ErrorKind::NewerFormat { .. } => Reply::NewerFormat,
        _ => Reply::BadImage,
    }
}

/// Texts and names have at most 255 bytes; a longer one would be cut.
fn push_short(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u8::try_from(bytes.len()).unwrap_or(u8::MAX);
    out.push(length);
    out.extend(bytes.iter().take(usize::from(length)));
}

#[expect(clippy::large_enum_variant, reason = "one at a time, on the stack")]
enum Key {
    Address(IpAddr),
    Name(NameKey),
}

impl Key {
    /// An address, also in the brackets of mail and URLs, or a domain name with two labels or more.
    fn parse(text: &str) -> Option<Self> {
        let bare = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .unwrap_or(text);
        if let Ok(address) = bare.parse() {
            return Some(Self::Address(address));
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        let is_label = |label: &str| {
            !label.is_empty()
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        let is_number = name.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        if is_number || !name.contains('.') || !name.split('.').all(is_label) {
            return None;
        }
        NameKey::parse(name.as_bytes()).ok().map(Self::Name)
    }
}

fn leave(out: &mut Vec<u8>, answer: Answer<'_>) -> Reply {
    if !answer.is_listed() {
        return Reply::NotListed;
    }
    let mut buffer = TextBuf::new();
    for record in answer.records() {
        let a = record.a().map_or([0; 4], |a| a.octets());
        out.extend_from_slice(&a);
        push_short(out, record.txt(&mut buffer).unwrap_or_default());
    }
    Reply::Listed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_image_is_told_and_nothing_is_open() {
        let mut session = Session::default();
        assert_eq!(session.open(b"<!doctype html>".to_vec()), Reply::BadImage);
        assert!(session.out().is_empty());
        assert_eq!(session.lookup(0, b"192.0.2.1", 0), Reply::NoZone);
    }

    #[test]
    fn keys_are_read_as_people_write_them() {
        for (text, is_key) in [
            ("192.0.2.1", true),
            (" 192.0.2.1 ", false),
            ("[2001:db8::1]", true),
            ("mail.example.org.", true),
            ("localhost", false),
            ("192.0.2", false),
            ("nonsense!", false),
            ("", false),
            (".", false),
        ] {
            assert_eq!(Key::parse(text).is_some(), is_key, "{text:?}");
        }
    }
}
