//! Random zone files of all types: small worlds, so that entries meet, and now and then damage.

use std::net::{Ipv4Addr, Ipv6Addr};

use fastrand::Rng;

/// The type and the files of a dataset.
pub struct Dataset {
    pub kind: &'static str,
    pub files: Vec<Vec<u8>>,
}

const TYPES: [&str; 7] = [
    "ip4set", "ip4trie", "ip4tset", "ip6trie", "ip6tset", "dnset", "generic",
];
const OCTETS: [u8; 8] = [0, 1, 2, 5, 16, 127, 128, 255];
const LABELS: [&str; 9] = ["a", "b", "c", "www", "*", "a\\.b", "x_y", "1", "ns"];
const WORDS: [&str; 6] = ["2001", "db8", "0", "1", "ff", "8000"];
/// Subzones of combined datasets, relative to the base.
pub const SUBZONES: [&str; 5] = ["@", "sub", "deep.sub", "b", "a.b"];

/// A dataset of a random type.
pub fn dataset(rng: &mut Rng) -> Dataset {
    let files = 1 + usize::from(rng.u8(..3) == 0);
    if rng.u8(..4) == 0 {
        let files = (0..files).map(|_| damaged(rng, combined)).collect();
        let kind = "combined";
        return Dataset { kind, files };
    }
    let kind = TYPES[rng.usize(..TYPES.len())];
    let files = (0..files)
        .map(|_| damaged(rng, |rng, out| lines(rng, kind, out)))
        .collect();
    Dataset { kind, files }
}

fn damaged(rng: &mut Rng, write: impl Fn(&mut Rng, &mut Vec<Vec<u8>>)) -> Vec<u8> {
    let mut lines = Vec::new();
    write(rng, &mut lines);
    for line in &mut lines {
        if rng.u8(..16) == 0 {
            damage(rng, line);
        }
    }
    let mut text = lines.concat();
    if rng.u8(..12) == 0 {
        text.pop();
    }
    text
}

fn damage(rng: &mut Rng, line: &mut Vec<u8>) {
    const BYTES: &[u8] = b"!:/-.#;$=*\\ \t0195x\r\0@~";
    let at = rng.usize(..line.len());
    let byte = BYTES[rng.usize(..BYTES.len())];
    match rng.u8(..3) {
        0 => line[at] = byte,
        1 => line.insert(at, byte),
        _ => {
            line.remove(at);
        }
    }
    if line.last() != Some(&b'\n') {
        line.push(b'\n');
    }
}

impl Dataset {
    /// Whether lines that look like IPv6 addresses are in an `ip4trie`: a damaged line of `$DATASET` can
    /// leave them there. We take them, this rbldnsd does not (`docs/zonefile.md`).
    pub fn has_ipv6_in_ip4trie(&self) -> bool {
        let is_ipv6 = |line: &[u8]| {
            let key = line.trim_ascii_start();
            let key = key.strip_prefix(b"!").unwrap_or(key).trim_ascii_start();
            let end = key.iter().position(|byte| !byte.is_ascii_hexdigit());
            end.is_some_and(|end| key[end] == b':' && (end > 0 || key.starts_with(b"::")))
        };
        // A dataset goes on in the next file.
        let mut kind = self.kind.as_bytes();
        let mut lines = self
            .files
            .iter()
            .flat_map(|text| text.split(|byte| *byte == b'\n'));
        lines.any(|line| {
            if let Some(rest) = line.strip_prefix(b"$DATASET ") {
                let name = rest.split(|byte| *byte == b':').next();
                kind = name.unwrap_or_default();
            }
            kind == b"ip4trie" && is_ipv6(line)
        })
    }
}

fn combined(rng: &mut Rng, out: &mut Vec<Vec<u8>>) {
    for _ in 0..rng.usize(..3) {
        let line = directive(rng);
        push(out, line);
    }
    for _ in 0..rng.usize(1..5) {
        let kind = TYPES[rng.usize(..TYPES.len())];
        let zones: Vec<&str> = (0..rng.usize(..3))
            .map(|_| SUBZONES[rng.usize(..SUBZONES.len())])
            .collect();
        push(
            out,
            format!("$DATASET {kind}:log {} # note", zones.join(" ")),
        );
        lines(rng, kind, out);
    }
}

fn lines(rng: &mut Rng, kind: &str, out: &mut Vec<Vec<u8>>) {
    for _ in 0..rng.usize(5..40) {
        let line = match rng.u8(..12) {
            0 => directive(rng),
            1 if kind != "generic" => default(rng),
            2 => "# nothing".to_owned(),
            _ => entry(rng, kind),
        };
        push(out, line);
    }
}

fn push(out: &mut Vec<Vec<u8>>, line: String) {
    out.push(format!("{line}\n").into_bytes());
}

/// A time, mostly a good one.
fn time(rng: &mut Rng) -> &'static str {
    const TIMES: [&str; 7] = [
        "0",
        "7W",
        "60:",
        "1x",
        "4294967295",
        "4294967296",
        "99999999w",
    ];
    if rng.bool() {
        "1h"
    } else {
        TIMES[rng.usize(..TIMES.len())]
    }
}

/// A name as directives have them, turned off or malformed some of them.
fn server(rng: &mut Rng) -> &'static str {
    const NAMES: [&str; 9] = [
        "ns1.example",
        "ns.\\065",
        ".",
        "..",
        "@",
        "-",
        "-ns2.example",
        "\\999",
        "-\\999",
    ];
    NAMES[rng.usize(..NAMES.len())]
}

fn directive(rng: &mut Rng) -> String {
    match rng.u8(..14) {
        0 => format!("$MAXRANGE4 /{}", rng.u8(14..25)),
        1 => format!("$MAXRANGE4 {}", 1 << rng.u8(4..16)),
        2 => "$TTL 30m".to_owned(),
        3 => {
            let soa = format!("{} {} 7 1h 1h 1w 1h", server(rng), server(rng));
            format!("$SOA {} {soa}{}", time(rng), ["", " 1"][rng.usize(..8) / 7])
        }
        4 => {
            let names: Vec<&str> = (0..rng.usize(..4)).map(|_| server(rng)).collect();
            format!("$NS {} {}", time(rng), names.join(" "))
        }
        5 => format!("$= base [$=] {}", text(rng)),
        6 => "$TIMESTAMP 2020:01:02 2037:01:02".to_owned(),
        7 if rng.u8(..8) == 0 => "$TIMESTAMP 2020:01:02 +1w".to_owned(),
        8 => "#$NOSUCH thing".to_owned(),
        n => format!("${} {}", n % 10, text(rng)),
    }
}

fn default(rng: &mut Rng) -> String {
    format!(
        ":{}{}",
        rng.u8(1..9),
        ["", ":", ":dflt $", ":=own $"][rng.usize(..4)]
    )
}

fn text(rng: &mut Rng) -> String {
    const PARTS: [&str; 12] = [
        "see", "$", "$$", "$1", "$9", "$=", " ", "=", ":", "x", "\u{e9}", "#",
    ];
    let parts: Vec<&str> = (0..rng.usize(1..6))
        .map(|_| PARTS[rng.usize(..PARTS.len())])
        .collect();
    let text = parts.concat();
    if rng.u8(..30) == 0 {
        text.repeat(60)
    } else {
        text
    }
}

fn value(rng: &mut Rng) -> String {
    match rng.u8(..7) {
        0 => String::new(),
        1 => format!(" :{}", rng.u8(1..9)),
        2 => format!(":{}:", rng.u8(1..9)),
        3 => format!(" {}", text(rng)),
        4 => format!(" :127.0.{}.{} : {}", rng.u8(..2), rng.u8(1..9), text(rng)),
        5 => format!("\t:1.{}:{}", rng.u8(1..9), text(rng)),
        _ => " # comment".to_owned(),
    }
}

fn entry(rng: &mut Rng, kind: &str) -> String {
    let not = if rng.u8(..5) == 0 { "!" } else { "" };
    match kind {
        "ip4set" => format!("{not}{}{}", set_key(rng), value(rng)),
        "ip4trie" => format!("{not}{}{}", trie_key(rng), value(rng)),
        "ip4tset" => format!("{}{}", v4(rng), if rng.bool() { "" } else { " :5:unread" }),
        "ip6trie" => format!("{not}{} {}", six_key(rng), value(rng)),
        "ip6tset" if not.is_empty() => {
            let words: Vec<&str> = (0..4).map(|_| WORDS[rng.usize(..WORDS.len())]).collect();
            words.join(":")
        }
        "ip6tset" => format!("!{}", v6(rng)),
        "dnset" => {
            let head = ["", "*.", "."][rng.usize(..3)];
            format!("{not}{head}{} {}", name(rng), value(rng))
        }
        _ => record(rng),
    }
}

fn record(rng: &mut Rng) -> String {
    let name = if rng.u8(..6) == 0 {
        "@".to_owned()
    } else {
        name(rng)
    };
    let ttl = ["", "1h ", "IN ", "60 IN "][rng.usize(..4)];
    match rng.u8(..6) {
        0 if rng.u8(..4) == 0 => format!("{name} {ttl}TXT \"\""),
        0 => format!("{name} {ttl}TXT \"{}\"", text(rng)),
        1 => format!("{name} {ttl}txt {}", text(rng)),
        2 => format!("{name} {ttl}MX 10 mail.example"),
        3 => format!("{name} {ttl}A {}", rng.u8(1..9)),
        4 => format!("{name} {ttl}CNAME x"),
        _ => format!("{name} {ttl}A 127.0.0.{}", rng.u8(1..9)),
    }
}

fn v4(rng: &mut Rng) -> Ipv4Addr {
    let last = if rng.bool() {
        rng.u8(..)
    } else {
        OCTETS[rng.usize(..8)]
    };
    Ipv4Addr::new(
        10 + rng.u8(..2),
        OCTETS[rng.usize(..3)],
        OCTETS[rng.usize(..3)],
        last,
    )
}

fn network(rng: &mut Rng, least: u32) -> String {
    let bits = rng.u32(least..=32);
    let address = v4(rng).to_bits() & !u32::MAX.checked_shr(bits).unwrap_or(0);
    let address = if rng.u8(..20) == 0 {
        address | 1
    } else {
        address
    };
    format!("{}/{bits}", Ipv4Addr::from_bits(address))
}

fn set_key(rng: &mut Rng) -> String {
    let [a, b, c, d] = v4(rng).octets();
    match rng.u8(..9) {
        0 => format!("{a}.{b}.{c}"),
        1 => format!("{a}.{b}"),
        2 => {
            let (first, last) = (v4(rng), v4(rng));
            format!("{}-{}", first.min(last), first.max(last))
        }
        3 => format!("{a}.{b}.{c}.{d}-{}", rng.u8(d..)),
        4 => format!("{a}.{b}.{c}-{}", rng.u8(c..8)),
        5 => format!("{a}-{}", rng.u8(a..14)),
        6 => network(rng, 7),
        7 => network(rng, 21),
        _ => format!("{a}.{b}.{c}.{d}"),
    }
}

fn trie_key(rng: &mut Rng) -> String {
    let [a, b, c, d] = v4(rng).octets();
    match rng.u8(..6) {
        0 => format!("{a}.{b}.{c}"),
        1 => format!("{a}.{b}/{}", rng.u8(16..25)),
        2 => network(rng, 0),
        3 => network(rng, 21),
        _ => format!("{a}.{b}.{c}.{d}"),
    }
}

fn v6(rng: &mut Rng) -> Ipv6Addr {
    match rng.u8(..8) {
        0 => v4(rng).to_ipv6_mapped(),
        1 => {
            let address = u128::from(v4(rng).to_bits());
            Ipv6Addr::from_bits(0x2002 << 112 | address << 80 | rng.u128(..2))
        }
        _ => {
            let words = [(); 8].map(|()| {
                let word = WORDS[rng.usize(..WORDS.len())];
                u16::from_str_radix(word, 16).unwrap()
            });
            let zeros = rng.usize(..7);
            let mut words = words;
            words[1..=zeros].fill(0);
            Ipv6Addr::from(words)
        }
    }
}

fn six_key(rng: &mut Rng) -> String {
    let words = |rng: &mut Rng, count: usize| {
        let words: Vec<&str> = (0..count)
            .map(|_| WORDS[rng.usize(..WORDS.len())])
            .collect();
        words.join(":")
    };
    match rng.u8(..7) {
        0 => {
            let count = rng.usize(2..9);
            words(rng, count)
        }
        1 => format!("{}/{}", words(rng, 2), 16 * rng.u8(1..3)),
        2 => format!("{}::", words(rng, 3)),
        3 => format!("::ffff:0a00:0/{}", [96, 104, 112][rng.usize(..3)]),
        4 => "2002:0a00::/24".to_owned(),
        5 => {
            let bits = rng.u32(0..=128);
            let host = u128::MAX.checked_shr(bits).unwrap_or(0);
            let words = Ipv6Addr::from_bits(v6(rng).to_bits() & !host).segments();
            let words: Vec<String> = words.iter().map(|word| format!("{word:x}")).collect();
            format!("{}/{bits}", words.join(":"))
        }
        _ => {
            let words = v6(rng).segments();
            let words: Vec<String> = words.iter().map(|word| format!("{word:X}")).collect();
            words.join(":")
        }
    }
}

fn name(rng: &mut Rng) -> String {
    if rng.u8(..10) == 0 {
        let [a, b, c, d] = v4(rng).octets();
        return format!("{d}.{c}.{b}.{a}");
    }
    let labels: Vec<&str> = (0..rng.usize(1..4))
        .map(|_| LABELS[rng.usize(..LABELS.len())])
        .collect();
    labels.join(".")
}

/// A name to ask for, relative to the base.
pub fn question(rng: &mut Rng) -> String {
    let sub = match rng.u8(..4) {
        0 => SUBZONES[rng.usize(1..SUBZONES.len())],
        _ => "@",
    };
    let own = match rng.u8(..4) {
        0 => {
            let address = format!("{:032x}", v6(rng).to_bits());
            let nibbles: Vec<String> = address.chars().rev().map(String::from).collect();
            nibbles.join(".")
        }
        1 => {
            let name = name(rng);
            if rng.bool() {
                name
            } else {
                format!("b.{name}")
            }
        }
        _ => {
            let [a, b, c, d] = v4(rng).octets();
            if rng.u8(..20) == 0 {
                format!("{d}.0{c}.{b}.{a}")
            } else {
                format!("{d}.{c}.{b}.{a}")
            }
        }
    };
    match (sub, rng.u8(..40)) {
        (_, 0) => sub.replace('@', ""),
        ("@", _) => own,
        _ => format!("{own}.{sub}"),
    }
}
