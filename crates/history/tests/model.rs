//! Random lives of a list beside a model that keeps what each address said at each serial: what
//! happened to an address, and what changed between two serials, must be the same. `RBLMAP_ROUNDS` and
//! `RBLMAP_SEED` choose more lives.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "tests may panic"
)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rblmap::{Image, NameKey, Run, ValueId};
use rblmap_content::{Draft, Record, ValueBuf};
use rblmap_history::{History, Log, Place, Retention, Says, Subject};
use rblmap_image::{Stamp, encode};

/// Addresses of each family; so many updates.
const WIDTH: usize = 96;
const UPDATES: u64 = 70;

/// What each address says: the last byte of its A record, or nothing.
type Said = [Option<u8>; WIDTH];

fn number(name: &str, default: u64) -> u64 {
    let value = std::env::var(name).ok();
    value.map_or(default, |value| value.parse().unwrap())
}

fn v4(at: usize) -> u32 {
    0x0a00_0020 + at as u32
}

fn v6(at: usize) -> u128 {
    (0x2001_0db8_u128 << 96) + 0x20 + at as u128
}

/// What addresses say, as runs of one value.
fn runs<A>(said: &Said, values: [ValueId; 3], address: fn(usize) -> A) -> Vec<Run<A>> {
    let mut runs = Vec::new();
    let mut at = 0;
    for same in said.chunk_by(|one, next| one == next) {
        if let Some(code) = same[0] {
            runs.push(Run {
                start: address(at),
                end: address(at + same.len() - 1),
                value: values[usize::from(code) - 2],
            });
        }
        at += same.len();
    }
    runs
}

/// The image of a serial in which IPv4 and IPv6 say so.
fn image(serial: u64, said: &[Said; 2]) -> Image {
    let mut draft = Draft::new("ops.example".parse().unwrap());
    let values = [2, 3, 4].map(|last| {
        let a = Some([127, 0, 0, last].into());
        let value = ValueBuf::new([Record { a, text: None }]);
        draft.values.intern(&value).unwrap()
    });
    let zone = draft.zone_mut(&NameKey::ROOT);
    zone.v4.extend(runs(&said[0], values, v4));
    zone.v6.extend(runs(&said[1], values, v6));
    let content = draft.finish().unwrap();
    let stamp = Stamp {
        serial,
        created: 1_700_000_000 + serial * 60,
    };
    Image::from_vec(encode(&content, stamp).unwrap()).unwrap()
}

fn code(says: &Says<'_>) -> Option<u8> {
    let value = says.listing()?;
    let a = value.records().next().unwrap().a.unwrap();
    Some(a.octets()[3])
}

/// Changes a range, or one address, or takes an old state back.
fn change(dice: &mut fastrand::Rng, said: &mut Said) {
    let (one, other) = (dice.usize(..WIDTH), dice.usize(..WIDTH));
    let range = match dice.bool() {
        true => one..=one,
        false => one.min(other)..=one.max(other),
    };
    let new = dice.bool().then(|| dice.u8(2..5));
    said[range].fill(new);
}

fn address(family: usize, at: usize) -> IpAddr {
    match family {
        0 => Ipv4Addr::from(v4(at)).into(),
        _ => Ipv6Addr::from(v6(at)).into(),
    }
}

/// What happened to each address, by the model.
fn compare(history: &History, states: &[[Said; 2]], seed: u64) {
    for family in 0..2 {
        for at in 0..WIDTH {
            let of_model = states.windows(2).zip(2..).filter_map(|(pair, serial)| {
                let (was, is) = (pair[0][family][at], pair[1][family][at]);
                (was != is).then_some((serial, was, is))
            });
            let subject = Subject::Address(address(family, at));
            let events = history.events(&NameKey::ROOT, &subject);
            let told: Vec<(u64, Option<u8>, Option<u8>)> = events
                .iter()
                .map(|event| (event.serial, code(&event.was), code(&event.is)))
                .collect();
            let context = format!("seed {seed}, {subject:?} after {}", states.len());
            assert_eq!(told, of_model.collect::<Vec<_>>(), "{context}");
        }
    }
}

/// What changed between two serials, laid over the first, gives the second.
fn replay(history: &History, states: &[[Said; 2]], from: usize, to: usize, seed: u64) {
    let mut changes = Vec::new();
    history.between(from as u64, to as u64, |zone, event| {
        assert_eq!(*zone, NameKey::ROOT);
        let Place::Network(net) = event.place else {
            panic!("{:?}", event.place);
        };
        changes.push((event.serial, net, code(&event.was), code(&event.is)));
    });
    changes.sort_by_key(|(serial, ..)| *serial);
    let mut said = states[from - 1];
    for (serial, net, was, is) in changes {
        for (family, said) in said.iter_mut().enumerate() {
            for at in (0..WIDTH).filter(|at| net.contains(&address(family, *at))) {
                assert_eq!(said[at], was, "seed {seed}: {net} at {serial}");
                said[at] = is;
            }
        }
    }
    assert_eq!(said, states[to - 1], "seed {seed}: from {from} to {to}");
}

#[test]
fn random_lists_have_the_history_of_the_model() {
    let keep = Retention {
        seconds: u64::MAX,
        bytes: u64::MAX,
    };
    let first = number("RBLMAP_SEED", 1);
    for seed in first..first + number("RBLMAP_ROUNDS", 12) {
        let mut dice = fastrand::Rng::with_seed(seed);
        let dir = tempfile::tempdir().unwrap();
        let log = Log::new(dir.path().join("h"));
        let mut states: Vec<[Said; 2]> = vec![[[None; WIDTH]; 2]];
        let mut before = image(1, &states[0]);
        log.append(None, &before, 0, &keep).unwrap();
        for serial in 2..=UPDATES {
            let mut said = states[states.len() - 1];
            for family in &mut said {
                (0..dice.usize(..4)).for_each(|_| change(&mut dice, family));
            }
            if dice.u8(..10) == 0 {
                said = *dice.choice(&states).unwrap();
            }
            let next = image(serial, &said);
            // A run that was killed before it was remembered comes twice.
            for _ in 0..=usize::from(dice.u8(..8) == 0) {
                log.append(Some(&before), &next, 0, &keep).unwrap();
            }
            states.push(said);
            before = next;
            if dice.u8(..12) == 0 || serial == UPDATES {
                let history = log.open().unwrap();
                assert!(history.gaps().is_empty() && history.failed().is_empty());
                compare(&history, &states, seed);
                let from = dice.usize(1..=states.len());
                let to = dice.usize(from..=states.len());
                replay(&history, &states, from, to, seed);
            }
        }
    }
}
