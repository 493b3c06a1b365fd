//! What the tests of answers share: specs to an image, and an answer as sets of A and TXT.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use rblmap::{Answer, Image, Key, NameKey, TextBuf};
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
    let zones = image.zones().map(Result::unwrap);
    let zone = zones
        .filter(|zone| name.is_within(&zone.name()))
        .max_by_key(|zone| zone.name().label_count())
        .unwrap();
    let rest = &name.as_bytes()[zone.name().as_bytes().len()..];
    let name = NameKey::from_key(rest).unwrap();
    match as_address(&name) {
        // With leading zeros it is the same address but another name.
        Some(Question::V4(address)) if name != reversed(address) => {
            let mut both = told(zone.lookup_name(&name));
            let run = zone
                .v4_runs()
                .find(|run| run.start <= address.to_bits() && address.to_bits() <= run.end);
            for record in run.iter().flat_map(|run| image.value(run.value).records()) {
                let mut buffer = TextBuf::new();
                both.a.extend(record.a);
                if let Some(template) = record.template {
                    template.render(&Key::V4(address.to_bits()), &mut buffer);
                    both.txt.insert(buffer.as_bytes().to_vec());
                }
            }
            both
        }
        Some(Question::V4(address)) => told(zone.lookup_v4(address.to_bits())),
        Some(Question::V6(address)) => told(zone.lookup_v6(address.to_bits())),
        _ => told(zone.lookup_name(&name)),
    }
}

fn reversed(address: Ipv4Addr) -> NameKey {
    let [a, b, c, d] = address.octets();
    NameKey::parse(format!("{d}.{c}.{b}.{a}").as_bytes()).unwrap()
}

/// The address that a name is the reversed spelling of.
fn as_address(name: &NameKey) -> Option<Question> {
    let labels: Vec<String> = name
        .labels()
        .into_iter()
        .map(|label| String::from_utf8(label).ok())
        .collect::<Option<_>>()?;
    let digits = |label: &String, most: usize| {
        (1..=most).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_digit())
    };
    if labels.len() == 4 && labels.iter().all(|label| digits(label, 3)) {
        let octets: Vec<u8> = labels
            .iter()
            .filter_map(|label| label.parse().ok())
            .collect();
        let octets: [u8; 4] = octets.try_into().ok()?;
        return Some(Question::V4(octets.into()));
    }
    let nibble = |label: &String| label.len() == 1 && label.bytes().all(|b| b.is_ascii_hexdigit());
    if labels.len() == 32 && labels.iter().all(nibble) {
        let bits = u128::from_str_radix(&labels.concat(), 16).ok()?;
        return Some(Question::V6(Ipv6Addr::from_bits(bits)));
    }
    None
}
