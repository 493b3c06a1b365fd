//! Small changes cost little, whatever the list holds.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test may panic"
)]

use std::net::Ipv4Addr;

use rblmap::{Image, NameKey, Run};
use rblmap_content::{Draft, Record, TemplateBuf, TextPart, ValueBuf};
use rblmap_delta::{Limits, Session, apply, diff, pack};
use rblmap_image::{Stamp, encode};

/// A list in which every entry has a text of its own: the case number of an operator.
fn cases(numbers: impl Iterator<Item = u32>) -> Image {
    let mut draft = Draft::new("ops.example".parse().unwrap());
    let mut runs = Vec::new();
    for number in numbers {
        let text = format!(
            "listed, see https://ops.example/case/{} for ",
            u64::from(number) * 7919
        );
        let text = TemplateBuf::new([TextPart::Literal(text.into_bytes()), TextPart::Key]);
        let a = Some(Ipv4Addr::new(127, 0, 0, 2));
        let value = draft
            .values
            .intern(&ValueBuf::new([Record { a, text }]))
            .unwrap();
        // Not in the order of the numbers.
        let start = number.wrapping_mul(0x9e37_79b1);
        runs.push(Run {
            start,
            end: start,
            value,
        });
    }
    runs.sort_by_key(|run| run.start);
    draft.zone_mut(&NameKey::ROOT).v4 = runs;
    let image = encode(&draft.finish().unwrap(), Stamp::default()).unwrap();
    Image::from_vec(image).unwrap()
}

#[test]
fn one_new_text_costs_that_text() {
    const COUNT: u32 = 60_000;
    let old = cases(0..COUNT);
    let new = cases((0..COUNT).filter(|n| *n != 777).chain([COUNT + 5]));
    let delta = diff(&old, &new, Session(1)).unwrap();
    // One gone with its text, one come with another.
    assert!(delta.len() < 140, "{} bytes", delta.len());
    let applied = apply(&old, &[&delta], &Limits::default()).unwrap();
    assert!(applied == new.as_bytes());
}

#[test]
fn nothing_new_is_a_header() {
    let image = cases(0..1000);
    let delta = diff(&image, &image, Session(1)).unwrap();
    assert!(delta.len() < 100, "{} bytes", delta.len());
}

#[test]
fn a_network_costs_no_more_than_an_address() {
    let with = |networks: &[(u32, u32)]| {
        let mut draft = Draft::new("ops.example".parse().unwrap());
        let a = Some(Ipv4Addr::new(127, 0, 0, 2));
        let value = draft
            .values
            .intern(&ValueBuf::new([Record { a, text: None }]))
            .unwrap();
        let run = |&(start, bits): &(u32, u32)| Run {
            start,
            end: start + (1 << bits) - 1,
            value,
        };
        draft.zone_mut(&NameKey::ROOT).v4 = networks.iter().map(run).collect();
        let image = encode(&draft.finish().unwrap(), Stamp::default()).unwrap();
        Image::from_vec(image).unwrap()
    };
    let old = with(&[(0x0a00_0000, 24), (0x0c00_0000, 8)]);
    let none = diff(&old, &old, Session(1)).unwrap().len();
    let network = with(&[(0x0a00_0000, 24), (0x0b01_0000, 16), (0x0c00_0000, 8)]);
    let single = with(&[(0x0a00_0000, 24), (0x0b01_0203, 0), (0x0c00_0000, 8)]);
    // A grown and a split network are one edit each.
    let grown = with(&[(0x0a00_0000, 24), (0x0c00_0000, 9)]);
    let size = |new: &Image| diff(&old, new, Session(1)).unwrap().len() - none;
    assert!(
        size(&network) <= 8 && size(&single) <= 12,
        "{} {}",
        size(&network),
        size(&single)
    );
    assert!(size(&grown) <= 7, "{}", size(&grown));
    assert!(pack(&network, Session(1)).unwrap().len() < 120);
}
