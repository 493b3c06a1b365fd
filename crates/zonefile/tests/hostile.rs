//! Sources that mean harm or are merely large: no panic, no cliff, nothing listed that no line says.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests may panic and say their seeds"
)]

mod common;

use fastrand::Rng;
use rblmap_zonefile::{Error, Options, Reading, build};

const TYPES: [&str; 10] = [
    "ip4set",
    "ip4trie",
    "ip4tset",
    "ip6trie",
    "ip6tset",
    "dnset",
    "generic",
    "combined",
    "plain",
    "plain-json",
];

/// What lines are made of, so that random text is close to something.
const BITS: [&str; 44] = [
    "1.2.3.4",
    "1.2.3.0/24",
    "0/0",
    "255.255.255.255",
    "1.2.3",
    "10-20",
    "1.2.3.4-1.2.3.9",
    "/33",
    "2001:db8::",
    "::",
    "::/0",
    "1:2:3:4",
    "ffff",
    "/128",
    ":",
    ":5:",
    ":0:",
    ":127.0.0.5:x",
    "$",
    "$1",
    "$=",
    "$$",
    "=",
    "$TTL ",
    "$SOA ",
    "$MAXRANGE4 ",
    "$TIMESTAMP ",
    "$DATASET ",
    "ip4set ",
    "dnset:x ",
    "@",
    "*.",
    ".",
    "a.example",
    "\\",
    "\\999",
    "!",
    "#",
    ";",
    "TXT ",
    "MX 10 ",
    "A ",
    "{\"ip\":\"",
    "\"}",
];

#[test]
fn random_text_never_panics() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut rng = Rng::with_seed(seed);
    let (mut built, mut refused) = (0, 0);
    for round in 0..3_000 {
        let mut text = Vec::new();
        for _ in 0..rng.usize(..60) {
            match rng.u8(..12) {
                0 => text.push(rng.u8(..)),
                1 | 2 => text.push(b'\n'),
                3 => text.push(b' '),
                _ => text.extend_from_slice(BITS[rng.usize(..BITS.len())].as_bytes()),
            }
        }
        let dir = tempfile::tempdir().unwrap();
        let path = common::file(&dir, "source", &text);
        let kind = TYPES[round % TYPES.len()];
        let mut options = Options {
            now: 1_800_000_000,
            check: rng.bool().then(Default::default),
            reading: Reading {
                host_bits: rng.bool(),
                ..Reading::default()
            },
            test_points: rng.bool(),
            ..Options::default()
        };
        options.reading.plain.text = rng.bool();
        match common::image_of(&[common::spec("bl.test", kind, &[path])], &options) {
            Ok((image, _)) => {
                image.verify().unwrap();
                built += 1;
            }
            Err(error) => {
                assert!(!error.to_string().is_empty());
                refused += 1;
            }
        }
    }
    assert!(built > refused && refused > 50, "{built} {refused}");
}

#[test]
fn bytes_of_all_kinds_never_panic() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut rng = Rng::with_seed(seed);
    for round in 0..500 {
        let bytes: Vec<u8> = (0..rng.usize(..2_000)).map(|_| rng.u8(..)).collect();
        let dir = tempfile::tempdir().unwrap();
        let path = common::file(&dir, "source", &bytes);
        let kind = TYPES[round % TYPES.len()];
        let spec = common::spec("bl.test", kind, &[path]);
        let _ = common::image_of(&[spec], &Options::default());
    }
}

#[test]
fn answers_that_would_not_fit_end_the_build() {
    let text = common::lines(3_000, |i| {
        format!("10.0.0.0-10.{}.{}.255 :2:{i}", i >> 8, i & 255)
    });
    let dir = tempfile::tempdir().unwrap();
    let path = common::file(&dir, "source", text);
    let mut options = Options::default();
    options.limits.records = 100_000;
    let built = build(&[common::spec("bl.test", "ip4set", &[path])], &options);
    assert!(matches!(
        built,
        Err(Error::TooManyRecords { limit: 100_000 })
    ));
}

#[test]
fn ids_grow_wider_without_a_mistake() {
    for count in [254u32, 255, 256, 257, 65_534, 65_535, 65_536, 65_537] {
        let text = common::lines(count, |i| {
            format!(
                "{} :2:{i}",
                std::net::Ipv4Addr::from_bits(0x0b00_0000 + i * 2)
            )
        });
        let (image, built) = common::image("ip4set", &text, &Options::default());
        assert_eq!(built.content.values().len(), count as usize);
        for i in [0, 1, count / 2, count - 2, count - 1] {
            let told = common::told(image.base().lookup_v4(0x0b00_0000 + i * 2));
            assert_eq!(
                told.txt.into_iter().next(),
                Some(i.to_string().into_bytes()),
                "{count}"
            );
            assert!(!image.base().lookup_v4(0x0b00_0001 + i * 2).is_listed());
        }
    }
}
