//! Changes to an image, against the image of the content that they make: byte for byte.

#![allow(clippy::unwrap_used, reason = "tests may panic")]

use std::collections::BTreeMap;

use fastrand::Rng;
use rblmap::{Image, NameKey, NameRule, Run, ValueId};
use rblmap_content::{Content, Draft, ListedKey, NameScope, Record, ValueBuf};
use rblmap_image::{Additions, Editor, Stamp, encode};

const ROOT: NameKey = NameKey::ROOT;

/// What each address and name is listed with, one by one.
#[derive(Clone, Default)]
struct Model {
    v4: BTreeMap<u32, u8>,
    v6: BTreeMap<u128, u8>,
    names: BTreeMap<NameKey, u8>,
}

fn value(draft: &mut Draft, last: u8) -> ValueId {
    let a = Some([127, 0, 0, last].into());
    let value = ValueBuf::new([Record { a, text: None }]);
    draft.values.intern(&value).unwrap()
}

impl Model {
    fn random(rng: &mut Rng, entries: usize) -> Model {
        let mut model = Model::default();
        for _ in 0..entries {
            // Over the border of a /16, and of a /64.
            model
                .v4
                .insert(0x0a00_f000 + rng.u32(..0x8000), rng.u8(2..5));
            if rng.u8(..8) == 0 {
                let address = (0x2001_0db8u128 << 96 | 0xffff_ffff_ffff_fff0) + rng.u128(..32);
                model.v6.insert(address, rng.u8(2..5));
                model.names.insert(name(rng), rng.u8(2..5));
            }
        }
        model
    }

    fn content(&self) -> Content {
        let mut draft = Draft::new("ops.example".parse().unwrap());
        let ids: Vec<ValueId> = (0..9).map(|last| value(&mut draft, last)).collect();
        let id = |value: &u8| *ids.get(usize::from(*value)).unwrap();
        let zone = draft.zone_mut(&ROOT);
        let single = |(&start, value): (&u32, &u8)| Run {
            start,
            end: start,
            value: id(value),
        };
        zone.v4 = self.v4.iter().map(single).collect();
        let single = |(&start, value): (&u128, &u8)| Run {
            start,
            end: start,
            value: id(value),
        };
        zone.v6 = self.v6.iter().map(single).collect();
        for (name, value) in &self.names {
            let rule = NameRule::Value(id(value));
            zone.names.push(name.as_bytes(), rule, NameRule::Inherit);
        }
        draft.finish().unwrap()
    }

    /// Takes a random key out, as a key of a list.
    fn remove(&mut self, rng: &mut Rng) -> (ListedKey, bool) {
        let before = self.v4.len() + self.v6.len() + self.names.len();
        let key = match rng.u8(..3) {
            0 => {
                let start = 0x0a00_f000 + rng.u32(..0x8000);
                let end = start + rng.u32(..700);
                self.v4.retain(|at, _| !(start..=end).contains(at));
                ListedKey::V4(start, end)
            }
            1 => {
                let start = (0x2001_0db8u128 << 96 | 0xffff_ffff_ffff_fff0) + rng.u128(..32);
                let end = start + rng.u128(..9);
                self.v6.retain(|at, _| !(start..=end).contains(at));
                ListedKey::V6(start, end)
            }
            _ => {
                let name = name(rng);
                self.names.remove(&name);
                ListedKey::Name(name, NameScope::Exact)
            }
        };
        let after = self.v4.len() + self.v6.len() + self.names.len();
        (key, after < before)
    }
}

fn name(rng: &mut Rng) -> NameKey {
    NameKey::parse(format!("n{}.example", rng.u16(..900)).as_bytes()).unwrap()
}

#[test]
fn an_edited_image_is_the_image_of_the_changed_content() {
    for seed in 0..30 {
        let mut rng = Rng::with_seed(seed);
        // Large zones stay in the image, small ones are lists.
        let mut model = Model::random(&mut rng, if seed % 2 == 0 { 4000 } else { 30 });
        let old = encode(&model.content(), Stamp::default()).unwrap();
        let image = Image::from_vec(old).unwrap();
        let mut editor = Editor::new(&image).unwrap();
        for _ in 0..rng.usize(..4) {
            let (key, was_there) = model.remove(&mut rng);
            assert_eq!(
                editor.remove(&ROOT, &key).unwrap(),
                was_there,
                "seed {seed}: {key:?}"
            );
        }
        let more = Model::random(&mut rng, 9);
        let content = more.content();
        editor.add(&ROOT, &Additions::of(&content)).unwrap();
        let Model { v4, v6, names } = more;
        model.v4.extend(v4);
        model.v6.extend(v6);
        model.names.extend(names);
        let bytes = editor.finish(Stamp::default()).unwrap();
        let expected = encode(&model.content(), Stamp::default()).unwrap();
        assert!(bytes == expected, "seed {seed}");
    }
}

#[test]
fn what_is_listed_already_is_no_addition() {
    let mut rng = Rng::with_seed(1);
    let old = Model::random(&mut rng, 3000);
    let image = Image::from_vec(encode(&old.content(), Stamp::default()).unwrap()).unwrap();
    let mut editor = Editor::new(&image).unwrap();
    let more = Model::random(&mut rng, 300);
    let content = more.content();
    let all = Additions::of(&content);
    let new = editor.unlisted(&ROOT, &all);
    let is_new = more.v4.keys().filter(|at| !old.v4.contains_key(at)).count();
    let v4: u32 = new
        .keys()
        .map(|key| match key {
            ListedKey::V4(start, end) => end - start + 1,
            _ => 0,
        })
        .sum();
    assert_eq!(usize::try_from(v4).unwrap(), is_new);
    assert!(new.is_less_than(&all));
}
