//! Random lists that change: a plain model of content, from which images are made.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use fastrand::Rng;
use rblmap::{Image, NameKey, NameRule, Run};
use rblmap_content::{Content, Draft, Facts, Record, TemplateBuf, TextPart, ValueBuf};
use rblmap_image::{Stamp, encode};

/// What a zone says: starts of stretches with their value (0 for none), and names.
#[derive(Debug, Clone, Default)]
pub struct ZoneModel {
    pub v4: BTreeMap<u32, u32>,
    pub v6: BTreeMap<u128, u32>,
    pub names: BTreeMap<NameKey, (u32, u32)>,
    pub expires: Option<u64>,
    pub facts: Facts,
}

/// What an image says.
#[derive(Debug, Clone, Default)]
pub struct Model {
    pub zones: BTreeMap<NameKey, ZoneModel>,
    /// Values are numbers below this.
    pub values: u32,
    pub serial: u64,
}

/// A value with a number of its own; every third has no text, some have no A.
pub fn value(number: u32) -> ValueBuf {
    let text = TemplateBuf::new([
        TextPart::Literal(format!("case {} of ", number * 7).into_bytes()),
        TextPart::Key,
    ]);
    let a = Ipv4Addr::from_bits(0x7f00_0000 | (number % 200 + 2));
    ValueBuf::new([Record {
        a: (number % 5 != 4).then_some(a),
        text: text.filter(|_| number % 3 != 2 || number % 5 == 4),
    }])
}

impl Model {
    pub fn new(rng: &mut Rng) -> Model {
        let values = [1, 2, 5, 40][rng.usize(0..4)];
        let zones = BTreeMap::from([(NameKey::ROOT, ZoneModel::default())]);
        Model {
            zones,
            values,
            serial: 0,
        }
    }

    /// One publication later: up to `edits` edits of every kind.
    pub fn step(&mut self, rng: &mut Rng, edits: usize) {
        self.serial += 1;
        for _ in 0..rng.usize(0..=edits) {
            let names: Vec<NameKey> = self.zones.keys().copied().collect();
            let name = names[rng.usize(0..names.len())];
            match rng.u32(0..60) {
                0 => {
                    let label = [b'a' + rng.u8(0..4)];
                    let mut key = NameKey::ROOT;
                    key.push_label(&label).unwrap();
                    self.zones.entry(key).or_default();
                }
                1 if name != NameKey::ROOT => drop(self.zones.remove(&name)),
                2 => *self.zones.get_mut(&name).unwrap() = ZoneModel::default(),
                3 => self.values = (self.values + rng.u32(0..5)).saturating_sub(2).max(1),
                _ => {
                    let values = self.values;
                    self.zones.get_mut(&name).unwrap().edit(rng, values);
                }
            }
        }
    }

    pub fn image(&self) -> Image {
        let stamp = Stamp {
            serial: self.serial,
            created: self.serial * 60,
        };
        Image::from_vec(encode(&self.content(), stamp).unwrap()).unwrap()
    }

    pub fn content(&self) -> Content {
        let mut draft = Draft::new("ops.example".parse().unwrap());
        let mut known = BTreeMap::new();
        for (name, model) in &self.zones {
            let mut id = |number: u32| {
                let intern = |rank| draft.values.intern(&value(rank));
                let id = known.entry(number);
                *id.or_insert_with(|| number.checked_sub(1).and_then(intern))
            };
            let v4 = runs(&model.v4, u32::MAX, &mut id, |a| a - 1);
            let v6 = runs(&model.v6, u128::MAX, &mut id, |a| a - 1);
            let mut names = rblmap_content::NameTable::new();
            for (key, (exact, below)) in &model.names {
                let mut slot = |number: u32| match number {
                    0 => NameRule::Inherit,
                    1 => NameRule::Nothing,
                    more => id(more - 1).map_or(NameRule::Inherit, NameRule::Value),
                };
                names.push(key.as_bytes(), slot(*exact), slot(*below));
            }
            let zone = draft.zone_mut(name);
            (zone.v4, zone.v6, zone.names) = (v4, v6, names);
            zone.expires = model.expires;
            zone.facts = model.facts.clone();
        }
        draft.finish().unwrap()
    }
}

impl ZoneModel {
    fn edit(&mut self, rng: &mut Rng, values: u32) {
        let value = rng.u32(0..=values);
        match rng.u32(0..20) {
            0..8 => {
                let base = [0, 0x0a00_0000, 0xc0a8_0000, u32::MAX - 4000][rng.usize(0..4)];
                let start = match rng.u32(0..4) {
                    0 => rng.u32(..),
                    1 => (base + rng.u32(0..4000)) & !0xff,
                    _ => base + rng.u32(0..4000),
                };
                let size = [0, 0, 0, 1, 255, 5000, u32::MAX][rng.usize(0..7)];
                put_edit(
                    &mut self.v4,
                    start,
                    start.saturating_add(size),
                    value,
                    |a| a.checked_add(1),
                );
            }
            8..13 => {
                let base = u128::from(rng.u32(0..4)) << 100;
                let start = match rng.u32(0..3) {
                    0 => base | u128::from(rng.u8(..)) << 64,
                    1 => rng.u128(..),
                    _ => base | rng.u128(0..1 << 10),
                };
                let size = [0, (1 << 64) - 1, (1 << 70) - 1, 77, u128::MAX][rng.usize(0..5)];
                put_edit(
                    &mut self.v6,
                    start,
                    start.saturating_add(size),
                    value,
                    |a| a.checked_add(1),
                );
            }
            13..18 => {
                let mut key = NameKey::ROOT;
                for _ in 0..rng.usize(0..4) {
                    let label = [
                        b'p' + rng.u8(0..5),
                        if rng.u8(0..9) == 0 {
                            rng.u8(0..3)
                        } else {
                            b'x'
                        },
                    ];
                    key.push_label(&label[..rng.usize(1..3)]).unwrap();
                }
                let slot = |rng: &mut Rng| rng.u32(0..values + 2);
                let pair = (slot(rng), slot(rng));
                if rng.u32(0..3) == 0 {
                    self.names.remove(&key);
                } else {
                    self.names
                        .insert(key, if rng.bool() { (pair.0, pair.0) } else { pair });
                }
            }
            18 => self.expires = [None, Some(rng.u64(1..1 << 34))][rng.usize(0..2)],
            _ => self.facts.ttl = rng.bool().then(|| rng.u32(..)),
        }
    }
}

/// Sets the addresses from `start` to `end` to a value.
pub fn put_edit<A: Ord + Copy + Default>(
    map: &mut BTreeMap<A, u32>,
    start: A,
    end: A,
    value: u32,
    next: impl Fn(A) -> Option<A>,
) {
    if let Some(behind) = next(end) {
        let then = map
            .range(..=behind)
            .next_back()
            .map_or(0, |(_, value)| *value);
        map.insert(behind, then);
    }
    let inside: Vec<A> = map.range(start..=end).map(|(start, _)| *start).collect();
    for start in inside {
        map.remove(&start);
    }
    map.insert(start, value);
}

fn runs<A: Ord + Copy>(
    map: &BTreeMap<A, u32>,
    last: A,
    id: &mut impl FnMut(u32) -> Option<rblmap::ValueId>,
    before: impl Fn(A) -> A,
) -> Vec<Run<A>> {
    let mut runs = Vec::new();
    let mut rest = map.iter().peekable();
    while let Some((&start, &number)) = rest.next() {
        let end = rest.peek().map_or(last, |(next, _)| before(**next));
        if let Some(value) = id(number) {
            runs.push(Run { start, end, value });
        }
    }
    runs
}
