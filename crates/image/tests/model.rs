//! Random content against a plain model: looked up, walked, read back, and named by its id.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]
#![allow(
    clippy::cast_possible_truncation,
    reason = "random numbers are small enough"
)]

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use fastrand::Rng;
use rblmap::{Answer, Image, NameKey, NameRule, Run, TextBuf, ValueId};
use rblmap_content::{Content, Draft, Record, TemplateBuf, TextPart, ValueBuf, resolve_name};
use rblmap_image::{Stamp, encode};

/// A value with a number of its own.
fn value(draft: &mut Draft, number: u32) -> ValueId {
    let text = TemplateBuf::new([
        TextPart::Literal(format!("case {number} of ").into_bytes()),
        TextPart::Key,
    ]);
    let a = Some(Ipv4Addr::from_bits(0x7f00_0000 | number & 0xff | 2));
    draft
        .values
        .intern(&ValueBuf::new([Record { a, text }]))
        .unwrap()
}

/// Disjoint rising runs, many of them touching, with both ends of the space now and then.
fn runs4(rng: &mut Rng, count: usize, ids: &[ValueId], dense: bool) -> Vec<Run<u32>> {
    let mut starts: Vec<u32> = (0..count * 2)
        .map(|_| match rng.u32(0..8) {
            0 => rng.u32(..) & 0xffff_ff00,
            1..=3 if dense => 0x0a00_0000 + rng.u32(0..count as u32 * 2),
            4 => 0xc0a8_0000 + rng.u32(0..70_000),
            _ => rng.u32(..) & if dense { 0x00ff_03ff } else { !0 },
        })
        .chain([0, u32::MAX, 1])
        .collect();
    starts.sort_unstable();
    starts.dedup();
    let mut runs = Vec::new();
    for (index, &start) in starts.iter().enumerate() {
        if rng.u32(0..3) == 0 {
            continue;
        }
        let last = starts.get(index + 1).map_or(u32::MAX, |next| next - 1);
        let end = match rng.u32(0..4) {
            0 => last,
            1 => start,
            _ => start + rng.u32(0..=(last - start).min(300)),
        };
        runs.push(Run {
            start,
            end,
            value: ids[rng.usize(0..ids.len())],
        });
    }
    runs
}

fn runs6(rng: &mut Rng, runs: &[Run<u32>]) -> Vec<Run<u128>> {
    let spread = |address: u32| u128::from(address) << 96 | u128::from(address);
    let whole = |run: &Run<u32>| Run {
        start: if run.start == 0 { 0 } else { spread(run.start) },
        end: if run.end == u32::MAX {
            u128::MAX
        } else {
            spread(run.end)
        },
        value: run.value,
    };
    runs.iter().filter(|_| rng.bool()).map(whole).collect()
}

fn names(rng: &mut Rng, count: usize, ids: &[ValueId]) -> BTreeMap<NameKey, (NameRule, NameRule)> {
    let mut names = BTreeMap::new();
    for _ in 0..count {
        let mut key = NameKey::ROOT;
        for _ in 0..rng.usize(1..5) {
            let label = [
                b'p' + rng.u8(0..4),
                if rng.u8(0..9) == 0 {
                    rng.u8(0..3)
                } else {
                    b'x'
                },
            ];
            key.push_label(&label[..rng.usize(1..3)]).unwrap();
        }
        let mut slot = || match rng.u32(0..6) {
            0 => NameRule::Nothing,
            1 | 2 => NameRule::Inherit,
            _ => NameRule::Value(ids[rng.usize(0..ids.len())]),
        };
        names.insert(key, (slot(), slot()));
    }
    names
}

struct Case {
    draft: Draft,
    runs4: Vec<Run<u32>>,
    runs6: Vec<Run<u128>>,
    names: BTreeMap<NameKey, (NameRule, NameRule)>,
}

fn case(rng: &mut Rng, size: usize, value_count: u32, dense: bool) -> Case {
    let mut draft = Draft::new("ops.example".parse().unwrap());
    let ids: Vec<ValueId> = (0..value_count).map(|n| value(&mut draft, n)).collect();
    let runs4 = runs4(rng, size, &ids, dense);
    let runs6 = runs6(rng, &runs4);
    let names = names(rng, size.min(3000), &ids);
    let zone = draft.zone_mut(&NameKey::ROOT);
    zone.v4 = runs4.clone();
    zone.v6 = runs6.clone();
    for (key, (exact, below)) in &names {
        zone.names.push(key.as_bytes(), *exact, *below);
    }
    zone.expires = Some(2_000_000_000);
    Case {
        draft,
        runs4,
        runs6,
        names,
    }
}

fn find<A: Ord + Copy>(runs: &[Run<A>], address: A) -> Option<ValueId> {
    let at = runs.partition_point(|run| run.end < address);
    runs.get(at)
        .filter(|run| run.start <= address)
        .map(|run| run.value)
}

/// The value bytes of an answer's records, keys aside.
fn check_v4(case: &Case, image: &Image, addresses: impl Iterator<Item = u32>) {
    let zone = image.base();
    for address in addresses {
        let expected = find(&case.runs4, address).map(|id| case.draft.values.get(id));
        let answer = zone.lookup_v4(address);
        let expected: Vec<_> = expected.iter().flat_map(|value| value.records()).collect();
        let got: Vec<_> = answer.records().map(|record| record.a()).collect();
        assert_eq!(
            got,
            expected.iter().map(|r| r.a).collect::<Vec<_>>(),
            "{address:08x}"
        );
        assert_eq!(answer.is_listed(), !expected.is_empty());
        let mut buffer = TextBuf::new();
        let texts = answer.records().all(|record| {
            let text = record.txt(&mut buffer).unwrap();
            text.ends_with(Ipv4Addr::from_bits(address).to_string().as_bytes())
        });
        assert!(texts, "{address:08x}");
    }
}

/// Each way to ask gives the value that the runs have.
fn check_ways(case: &Case, image: &Image, addresses: &[u32]) {
    let zone = image.base();
    for zone in [zone, zone.portable()] {
        let mut values = vec![None; addresses.len()];
        zone.lookup_v4_many(addresses, &mut values);
        let mut listed = vec![false; addresses.len()];
        zone.contains_v4_many(addresses, &mut listed);
        for ((&address, value), listed) in addresses.iter().zip(values).zip(listed) {
            let expected = find(&case.runs4, address).map(|id| case.draft.values.get(id));
            let bytes = value.map(|id| image.value(id).as_bytes());
            let expected = expected.as_ref().map(|value| value.as_bytes());
            assert_eq!(bytes, expected, "{address:08x} of many");
            assert_eq!(listed, expected.is_some(), "{address:08x} of many");
            assert_eq!(zone.contains_v4(address), listed, "{address:08x}");
        }
        let some = &addresses[..addresses.len().min(5000)];
        let mut places = 0..some.len();
        zone.answers_v4_many(some, |place, answer| {
            assert_eq!(places.next(), Some(place));
            assert_eq!(shown(&answer), shown(&zone.lookup_v4(some[place])));
        });
        assert!(places.is_empty());
    }
}

/// All that an answer says.
fn shown(answer: &Answer<'_>) -> Vec<String> {
    let mut text = TextBuf::new();
    let show = |record: rblmap::Record<'_>| {
        let txt = record.txt(&mut text).map(String::from_utf8_lossy);
        format!("{:?} {:?} {txt:?}", record.a(), record.key())
    };
    answer.records().map(show).collect()
}

/// A value without an A record lists nothing, whatever its id.
#[test]
fn many_addresses_are_told_apart_by_what_their_values_hold() {
    let mut draft = Draft::new("ops.example".parse().unwrap());
    let ids: Vec<ValueId> = (0..9)
        .map(|number| {
            let text = TemplateBuf::new([TextPart::Literal(vec![b'a' + number])]);
            let a = (number % 3 > 0).then_some(Ipv4Addr::new(127, 0, 0, number));
            draft
                .values
                .intern(&ValueBuf::new([Record { a, text }]))
                .unwrap()
        })
        .collect();
    let runs = (0..3000_u32)
        .zip(ids.iter().cycle())
        .map(|(place, &value)| {
            let address = 0x0a00_0000 + place * 2;
            Run {
                start: address,
                end: address,
                value,
            }
        });
    draft.zone_mut(&NameKey::ROOT).v4 = runs.collect();
    let bytes = encode(&draft.finish().unwrap(), Stamp::default()).unwrap();
    let image = Image::from_vec(bytes).unwrap();
    let addresses: Vec<u32> = (0x0a00_0000..0x0a00_1770).collect();
    let mut listed = vec![false; addresses.len()];
    image.base().contains_v4_many(&addresses, &mut listed);
    for (place, listed) in listed.iter().enumerate() {
        assert_eq!(*listed, place % 2 == 0 && place / 2 % 3 > 0, "{place}");
    }
}

/// A run and a name may both list an address: many at once are told both, as one is.
#[test]
fn many_addresses_are_told_what_names_say_too() {
    let rng = &mut Rng::with_seed(5);
    let mut case = case(rng, 300, 20, true);
    let edges: Vec<u32> = case
        .runs4
        .iter()
        .flat_map(|r| [r.start, r.end.wrapping_add(1)])
        .collect();
    let spelled = |&address: &u32| NameKey::spelled(Ipv4Addr::from(address).into());
    let mut names: Vec<NameKey> = edges.iter().step_by(3).map(spelled).collect();
    names.extend(edges.iter().step_by(7).filter_map(|a| spelled(a).parent()));
    names.extend(case.names.keys());
    names.sort_unstable();
    names.dedup();
    let zone = case.draft.zone_mut(&NameKey::ROOT);
    zone.names = Default::default();
    for (name, run) in names.iter().zip(case.runs4.iter().cycle()) {
        let slot = NameRule::Value(run.value);
        zone.names.push(name.as_bytes(), slot, slot);
    }
    let content = case.draft.finish().unwrap();
    let image = Image::from_vec(encode(&content, Stamp::default()).unwrap()).unwrap();
    let zone = image.base();
    let mut listed = vec![false; edges.len()];
    zone.contains_v4_many(&edges, &mut listed);
    let mut both = 0;
    zone.answers_v4_many(&edges, |place, answer| {
        let one = zone.lookup_v4(edges[place]);
        assert_eq!(shown(&answer), shown(&one));
        assert_eq!(listed[place], one.is_listed());
        both += usize::from(answer.records().count() == 2);
    });
    assert!(both > 50, "{both}");
}

fn check_v6(case: &Case, image: &Image, addresses: impl Iterator<Item = u128>) {
    for address in addresses {
        let embedded = match address >> 112 {
            0x2002 => Some((address >> 80) as u32),
            _ if address >> 32 == 0xffff => Some(address as u32),
            _ => None,
        };
        let own = find(&case.runs6, address);
        let inner = embedded.and_then(|v4| find(&case.runs4, v4));
        let expected = [own, inner].into_iter().flatten().count();
        assert_eq!(
            image.base().lookup_v6(address).records().count(),
            expected,
            "{address:032x}"
        );
    }
}

fn check_names(case: &Case, content: &Content, image: &Image, rng: &mut Rng) {
    for key in case.names.keys() {
        let mut below = *key;
        below.push_label(&[b'p' + rng.u8(0..4)]).unwrap();
        for name in [*key, below, key.parent().unwrap()] {
            let listed = naive_name(&case.names, &name);
            let value = listed.map(|(id, at)| (case.draft.values.get(id), at));
            let model: Vec<String> = value
                .into_iter()
                .flat_map(|(value, at)| {
                    value
                        .records()
                        .map(move |record| (record, at))
                        .collect::<Vec<_>>()
                })
                .map(|(record, at)| {
                    let mut text = TextBuf::new();
                    let key = rblmap::Key::Name(at.as_bytes());
                    record.template.unwrap().render(&key, &mut text);
                    format!("{:?} {:?}", record.a, text)
                })
                .collect();
            let mut text = TextBuf::new();
            let got: Vec<String> = image
                .base()
                .lookup_name(&name)
                .records()
                .map(|record| {
                    record.txt(&mut text);
                    format!("{:?} {:?}", record.a(), text)
                })
                .collect();
            assert_eq!(got, model, "{name}");
            assert_eq!(
                resolve_name(content.base().names(), &name).is_some(),
                listed.is_some(),
                "{name}"
            );
        }
    }
}

fn naive_name(
    names: &BTreeMap<NameKey, (NameRule, NameRule)>,
    name: &NameKey,
) -> Option<(ValueId, NameKey)> {
    match names.get(name).map_or(NameRule::Inherit, |slots| slots.0) {
        NameRule::Value(id) => return Some((id, *name)),
        NameRule::Nothing => return None,
        NameRule::Inherit => {}
    }
    let mut suffix = name.parent();
    while let Some(key) = suffix {
        match names.get(&key).map_or(NameRule::Inherit, |slots| slots.1) {
            NameRule::Value(id) => return Some((id, key)),
            NameRule::Nothing => return None,
            NameRule::Inherit => suffix = key.parent(),
        }
    }
    None
}

#[test]
fn random_content_is_looked_up_and_read_back() {
    let seed = std::env::var("RBLMAP_SEED")
        .ok()
        .and_then(|text| text.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("seed {seed} (RBLMAP_SEED)");
    let mut rng = Rng::with_seed(seed);
    let sizes = [
        (0, 1),
        (1, 1),
        (40, 3),
        (1000, 255),
        (1000, 256),
        (60_000, 5),
        (70_000, 65_536),
        (200_000, 300),
    ];
    for (size, values) in sizes {
        for dense in [false, true] {
            let case = case(&mut rng, size, values, dense);
            let content = case.draft.clone().finish().unwrap();
            let bytes = encode(
                &content,
                Stamp {
                    serial: 3,
                    created: 5,
                },
            )
            .unwrap();
            let image = Image::from_vec(bytes.clone()).unwrap();
            image.verify().unwrap();
            assert_eq!(&image.content_id(), content.id().as_bytes());

            let edges = case.runs4.iter().flat_map(|run| {
                [
                    run.start.wrapping_sub(1),
                    run.start,
                    run.end,
                    run.end.wrapping_add(1),
                ]
            });
            let near = edges
                .chain((0..1000).map(|_| rng.u32(..)))
                .collect::<Vec<_>>();
            check_v4(&case, &image, near.iter().copied());
            check_ways(&case, &image, &near);
            let edges = case.runs6.iter().flat_map(|run| {
                [
                    run.start.wrapping_sub(1),
                    run.start,
                    run.end,
                    run.end.wrapping_add(1),
                ]
            });
            let inner = case.runs4.iter().take(500).flat_map(|run| {
                let v4 = u128::from(run.start);
                [0xffff_0000_0000 | v4, 0x2002 << 112 | v4 << 80 | 7]
            });
            check_v6(&case, &image, edges.chain(inner));
            check_names(&case, &content, &image, &mut rng);

            let again = rblmap_image::decode(&image).unwrap();
            assert!(again == content, "seed {seed} size {size}");
            assert_eq!(
                encode(
                    &again,
                    Stamp {
                        serial: 3,
                        created: 5
                    }
                )
                .unwrap(),
                bytes
            );
            assert_eq!(
                image.base().v4_runs().collect::<Vec<_>>(),
                content.base().v4()
            );
        }
    }
}

#[test]
fn the_whole_space_is_a_run_like_any_other() {
    let mut draft = Draft::new("all.example".parse().unwrap());
    let id = value(&mut draft, 1);
    let zone = draft.zone_mut(&NameKey::ROOT);
    zone.v4.push(Run {
        start: 0,
        end: u32::MAX,
        value: id,
    });
    zone.v6.push(Run {
        start: 0,
        end: u128::MAX,
        value: id,
    });
    let content = draft.finish().unwrap();
    let image = Image::from_vec(encode(&content, Stamp::default()).unwrap()).unwrap();
    for address in [0, 1, 0x7fff_ffff, u32::MAX] {
        assert!(image.base().lookup_v4(address).is_listed());
    }
    for address in [0, 1, u128::MAX] {
        assert!(image.base().lookup_v6(address).is_listed());
    }
    assert_eq!(image.base().v4_runs().count(), 1);
    assert_eq!(image.base().v6_runs().count(), 1);
    assert!(image.as_bytes().len() < 4096);
}

#[test]
fn threads_do_not_change_a_byte() {
    let mut rng = Rng::with_seed(7);
    let content = case(&mut rng, 100_000, 40, true).draft.finish().unwrap();
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap();
    let alone = pool.install(|| encode(&content, Stamp::default()).unwrap());
    assert_eq!(alone, encode(&content, Stamp::default()).unwrap());
}

#[test]
fn a_name_that_spells_an_address_answers_for_it() {
    // As rbldnsd does: a dnset sees address queries as names.
    let mut draft = Draft::new("ops.example".parse().unwrap());
    let id = value(&mut draft, 9);
    let zone = draft.zone_mut(&NameKey::ROOT);
    let list = |zone: &mut rblmap_content::DraftZone, name: &str, exact, below| {
        let key = NameKey::parse(name.as_bytes()).unwrap();
        zone.names.push(key.as_bytes(), exact, below);
    };
    list(zone, "1.2.0.192", NameRule::Value(id), NameRule::Inherit);
    list(zone, "10", NameRule::Inherit, NameRule::Value(id));
    list(
        zone,
        "8.b.d.0.1.0.0.2",
        NameRule::Inherit,
        NameRule::Value(id),
    );
    let content = draft.finish().unwrap();
    let image = Image::from_vec(encode(&content, Stamp::default()).unwrap()).unwrap();
    let text = |address: &str| {
        let answer = image
            .base()
            .lookup(address.parse::<std::net::IpAddr>().unwrap());
        let mut buffer = TextBuf::new();
        let texts = answer
            .records()
            .map(|record| String::from_utf8(record.txt(&mut buffer).unwrap().to_vec()).unwrap());
        texts.collect::<Vec<_>>().join(",")
    };
    assert_eq!(text("192.0.2.1"), "case 9 of 1.2.0.192");
    assert_eq!(text("10.9.8.7"), "case 9 of 10");
    assert_eq!(text("2001:db8::1"), "case 9 of 8.b.d.0.1.0.0.2");
    for address in ["192.0.2.2", "100.9.8.7", "2001:db9::1", "::ffff:192.0.2.1"] {
        assert_eq!(text(address), "", "{address}");
    }
}
