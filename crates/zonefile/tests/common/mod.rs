//! What the tests of answers share: specs to an image, and an answer as sets of A and TXT.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use rblmap::{Answer, Image, NameKey, TextBuf};
use rblmap_image::{Stamp, encode};
use rblmap_zonefile::{Built, Error, Options, Spec, build};

/// A records and texts of an answer; what DNS can tell.
#[derive(Debug, Clone, PartialEq, Eq, Default, PartialOrd, Ord)]
pub struct Told {
    pub a: BTreeSet<Ipv4Addr>,
    pub txt: BTreeSet<Vec<u8>>,
}

/// A question: the key, and the subzone it is asked in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    V4(Ipv4Addr),
    V6(Ipv6Addr),
    /// In the escapes of zone files; `@` is the empty name.
    Name(Vec<u8>),
}

pub fn spec(zone: &str, kind: &str, files: &[PathBuf]) -> Spec {
    Spec {
        zone: zone.parse().unwrap(),
        kind: kind.parse().unwrap(),
        files: files.to_vec(),
        reading: None,
    }
}

pub fn image_of(specs: &[Spec], options: &Options) -> Result<(Image, Built), Error> {
    let built = build(specs, options)?;
    let bytes = encode(&built.content, Stamp::default()).unwrap();
    Ok((Image::from_vec(bytes).unwrap(), built))
}

/// Writes a file into a folder and gives its path.
pub fn file(dir: &tempfile::TempDir, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = dir.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// The image of one source.
pub fn image(kind: &str, text: &str, options: &Options) -> (Image, Built) {
    let dir = tempfile::tempdir().unwrap();
    let path = file(&dir, "source", text);
    image_of(&[spec("bl.test", kind, &[path])], options).unwrap()
}

/// Asks as a DNS client would: the longest subzone that a name is in answers alone.
pub fn ask(image: &Image, question: &Question, sub: &str) -> Told {
    match question {
        Question::V4(address) => {
            let zone = image.zone(sub).unwrap();
            zone.map_or(Told::default(), |zone| {
                told(zone.lookup_v4(address.to_bits()))
            })
        }
        Question::V6(address) => {
            let zone = image.zone(sub).unwrap();
            zone.map_or(Told::default(), |zone| {
                told(zone.lookup_v6(address.to_bits()))
            })
        }
        Question::Name(text) => ask_name(image, text, sub),
    }
}

pub fn told(answer: Answer<'_>) -> Told {
    let mut told = Told::default();
    for record in answer.records() {
        let mut buffer = TextBuf::new();
        told.a.extend(record.a());
        told.txt.extend(record.txt(&mut buffer).map(<[u8]>::to_vec));
    }
    told
}

fn ask_name(image: &Image, text: &[u8], sub: &str) -> Told {
    let text = if text == b"@" { b"" } else { text };
    let mut whole = text.to_vec();
    if sub != "@" {
        whole.push(b'.');
        whole.extend(sub.as_bytes());
    }
    let Ok(name) = NameKey::parse(&whole) else {
        return Told::default();
    };
    told(image.query(&name).unwrap())
}

/// So many lines.
pub fn lines(count: u32, line: impl Fn(u32) -> String) -> String {
    (0..count).fold(String::new(), |mut text, index| {
        let _ = writeln!(text, "{}", line(index));
        text
    })
}
