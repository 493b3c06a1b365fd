//! An image that gets another serial and time by a copy equals one that is made anew.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;

use rblmap::{Image, NameKey, NameRule, Run};
use rblmap_content::{Content, Draft, Record, ValueBuf};
use rblmap_image::{Layout, Stamp, decode, encode, encode_with, restamp};

const STAMP: Stamp = Stamp {
    serial: u64::MAX,
    created: 1_700_000_000,
};

/// A base zone and a subzone with so many addresses and names each.
fn content(count: u32) -> Content {
    let mut draft = Draft::new("ops.example".parse().unwrap());
    let a = Some([127, 0, 0, 2].into());
    let value = ValueBuf::new([Record { a, text: None }]);
    let value = draft.values.intern(&value).unwrap();
    for name in [NameKey::ROOT, NameKey::parse(b"sub").unwrap()] {
        let zone = draft.zone_mut(&name);
        for number in 0..count {
            let start = 0x0100_0000 + number * 7;
            zone.v4.push(Run {
                start,
                end: start,
                value,
            });
            let name = NameKey::parse(format!("n{number}.example").as_bytes()).unwrap();
            zone.names
                .push(name.as_bytes(), NameRule::Value(value), NameRule::Inherit);
        }
    }
    draft.finish().unwrap()
}

#[test]
fn a_copy_with_another_stamp_equals_a_new_image() {
    for count in [0, 3, 20_000] {
        let content = content(count);
        for before in [Stamp::default(), STAMP] {
            let image = Image::from_vec(encode(&content, before).unwrap()).unwrap();
            for stamp in [Stamp::default(), STAMP] {
                let bytes = restamp(&image, stamp).unwrap();
                assert_eq!(bytes, encode(&content, stamp).unwrap(), "{count} entries");
                Image::from_vec(bytes).unwrap().verify().unwrap();
            }
        }
    }
}

/// A mirror makes the image with the order of names, so what is signed has to have it.
#[test]
fn an_image_without_the_order_of_names_gets_it() {
    let content = content(20_000);
    let layout = Layout { name_index: false };
    let short = encode_with(&content, Stamp::default(), layout).unwrap();
    let image = Image::from_vec(short).unwrap();
    let bytes = restamp(&image, STAMP).unwrap();
    assert_eq!(bytes, encode(&content, STAMP).unwrap());
}

#[test]
fn the_golden_image_keeps_what_it_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden/three.rbl");
    let image = Image::read(path).unwrap();
    let stamped = Image::from_vec(restamp(&image, STAMP).unwrap()).unwrap();
    stamped.verify().unwrap();
    assert_eq!(
        (stamped.serial(), stamped.created()),
        (STAMP.serial, STAMP.created)
    );
    assert_eq!(stamped.content_id(), image.content_id());
    assert_ne!(stamped.root(), image.root());
    assert_eq!(decode(&stamped).unwrap().id(), decode(&image).unwrap().id());
}
