//! The content id is the same, and so are all counts, whether leaves are hashed while runs are counted or
//! afterwards: with leaves of many /16s and of parts of one, and runs over every border.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::net::Ipv4Addr;

use fastrand::Rng;
use rblmap::{Image, NameKey, Run, ValueId};
use rblmap_content::{Content, Draft, Edit, Record, TemplateBuf, V4Runs, ValueBuf, differences};
use rblmap_image::{Blocks, Stamp, V4Image, edited, edited_both, edited_with_id, encode};

/// Stretches of runs, each of one density, that begin a little before a border of a /8, /12 or /16 or
/// anywhere, with long runs between them.
fn content(rng: &mut Rng, most: usize) -> Content {
    let mut draft = Draft::new("ops.example".parse().unwrap());
    let ids: Vec<ValueId> = (0..9u32)
        .map(|n| {
            let a = Some(Ipv4Addr::from_bits(0x7f00_0002 + n));
            let text = (n % 2 == 0).then(|| TemplateBuf::literal(&[b'x'; 100]));
            let value = ValueBuf::new([Record { a, text }]);
            draft.values.intern(&value).unwrap()
        })
        .collect();
    let zone = draft.zone_mut(&NameKey::ROOT);
    let mut next = 0u32;
    while zone.v4.len() < most {
        let border = 1 << [16, 16, 20, 24][rng.usize(..4)];
        let Some(at) = next.checked_next_multiple_of(border) else {
            break;
        };
        let mut at = at.saturating_sub(rng.u32(..300)).max(next);
        let (gap, longest) = [(1, 1), (2, 1), (9, 3), (400, 40)][rng.usize(..4)];
        let count = [20, 5000, 40_000][rng.usize(..3)];
        for _ in 0..count {
            let start = at + rng.u32(..gap);
            let end = start + rng.u32(..longest);
            let value = ids[rng.usize(..ids.len())];
            zone.v4.push(Run { start, end, value });
            at = end + 1;
        }
        if rng.u8(..3) == 0 {
            let end = at.saturating_add(1 << rng.u32(10..26));
            let value = ids[0];
            let start = at;
            zone.v4.push(Run { start, end, value });
            at = end.saturating_add(1);
        }
        next = at;
        if next > 0xf000_0000 {
            break;
        }
    }
    draft.finish().unwrap()
}

/// The runs of the base, if they stay in the image.
fn blocks<'a>(content: &'a Content<V4Image<'_>>) -> Option<&'a Blocks<'a>> {
    match content.zone(&NameKey::ROOT)?.v4_runs() {
        V4Image::Blocks(blocks) => Some(blocks),
        V4Image::List(_) => None,
    }
}

#[test]
fn leaves_that_are_hashed_while_runs_are_counted_are_the_same() {
    let mut in_lines = 0;
    for seed in 0..40 {
        let mut rng = Rng::with_seed(seed);
        let most = if seed == 0 { 1_500_000 } else { 150_000 };
        let content = content(&mut rng, most);
        let image = Image::from_vec(encode(&content, Stamp::default()).unwrap()).unwrap();
        let (apart, at_once) = (edited(&image).unwrap(), edited_with_id(&image).unwrap());
        assert_eq!(apart.id(), content.id(), "seed {seed}");
        assert_eq!(at_once.id(), content.id(), "seed {seed}");
        let Some((apart, at_once)) = blocks(&apart).zip(blocks(&at_once)) else {
            continue;
        };
        in_lines += 1;
        assert_eq!(
            apart.counts_before(),
            at_once.counts_before(),
            "seed {seed}"
        );
        let mut addresses: Vec<u32> = (0..2000)
            .map(|_| {
                let runs = content.zone(&NameKey::ROOT).unwrap().v4_runs();
                let run = runs[rng.usize(..runs.len())];
                [run.start, run.end, run.start | 0xffff][rng.usize(..3)]
            })
            .collect();
        addresses.sort_unstable();
        addresses.dedup();
        assert_eq!(
            apart.ranks(&addresses),
            at_once.ranks(&addresses),
            "seed {seed}"
        );
    }
    assert!(in_lines > 20, "{in_lines}");
}

/// A version of a content with other runs at some places: gone, longer, shorter, of another value or new.
fn later(rng: &mut Rng, content: &Content, step: usize) -> Content {
    let mut draft = content.clone().into_draft();
    let values = content.values().len();
    let zone = draft.zone_mut(&NameKey::ROOT);
    let mut edits: Vec<Edit<u32>> = Vec::new();
    for run in zone.v4.iter().step_by(step) {
        let start = run.start.saturating_sub(rng.u32(..3));
        let end = run.end.saturating_add([0, 1, 300, 70_000][rng.usize(..4)]);
        if edits.last().is_some_and(|last| last.end >= start) {
            continue;
        }
        let value = ValueId::from_rank(rng.u32(..u32::try_from(values).unwrap()));
        let value = value.filter(|_| rng.bool());
        edits.push(Edit { start, end, value });
    }
    zone.v4 = rblmap_content::edit_runs(&zone.v4, &edits);
    if rng.u8(..6) == 0 {
        zone.v4.retain(|run| run.value.rank() != 0);
    }
    draft.finish().unwrap()
}

#[test]
fn an_old_image_that_is_read_beside_a_new_one_has_the_same_counts_and_differences() {
    let (mut at_once, mut apart, mut compared) = (0, 0, 0);
    for seed in 0..60 {
        let mut rng = Rng::with_seed(seed);
        let most = if seed == 0 { 1_500_000 } else { 150_000 };
        let old = content(&mut rng, most);
        let step = [40, 3000, 100_000, usize::MAX][rng.usize(..4)];
        let new = later(&mut rng, &old, step);
        let image_of = |content| Image::from_vec(encode(content, Stamp::default()).unwrap());
        let (old_image, new_image) = (image_of(&old).unwrap(), image_of(&new).unwrap());
        match old_image.value_table() == new_image.value_table() {
            true => at_once += 1,
            false => apart += 1,
        }
        let both = edited_both(&old_image, &new_image);
        let (from, to) = (both.old.unwrap(), both.new.unwrap());
        if let Some(found) = both.differences.get(&NameKey::ROOT) {
            let mut expected = Vec::new();
            differences(old.base().v4(), new.base().v4(), |it| expected.push(it));
            assert_eq!(*found, expected, "seed {seed}");
            compared += 1;
        }
        assert_eq!(from.id(), old.id(), "seed {seed}");
        assert_eq!(to.id(), new.id(), "seed {seed}");
        for (content, image) in [(&from, &old_image), (&to, &new_image)] {
            let alone = edited(image).unwrap();
            let counts = |of: &Content<V4Image<'_>>| {
                let mut uses = vec![0; of.values().len()];
                of.base().v4_runs().count_uses(&mut uses);
                uses
            };
            assert_eq!(counts(content), counts(&alone), "seed {seed}");
            let Some((content, alone)) = blocks(content).zip(blocks(&alone)) else {
                continue;
            };
            for block in 0..=u16::MAX {
                let (found, expected) = (content.run_counts(block), alone.run_counts(block));
                assert_eq!(found, expected, "seed {seed}, /16 {block}");
            }
            let addresses: Vec<u32> = (0..2000).map(|n| n << 20 | rng.u32(..1 << 20)).collect();
            assert_eq!(
                content.ranks(&addresses),
                alone.ranks(&addresses),
                "seed {seed}"
            );
        }
    }
    assert!(
        at_once > 30 && apart > 0 && compared > 20,
        "{at_once}, {apart}, {compared}"
    );
}

#[test]
fn leaves_of_a_crowded_8_are_the_same() {
    let mut draft = Draft::new("ops.example".parse().unwrap());
    let a = Some(Ipv4Addr::new(127, 0, 0, 2));
    let value = ValueBuf::new([Record { a, text: None }]);
    let value = draft.values.intern(&value).unwrap();
    // So many lines that a few /16s are counted at a time.
    let every_other = (0..1_500_000).map(|n| 0x09ff_ff00 + 2 * n);
    draft.zone_mut(&NameKey::ROOT).v4 = every_other
        .map(|start| Run {
            start,
            end: start,
            value,
        })
        .collect();
    let content = draft.finish().unwrap();
    let image = Image::from_vec(encode(&content, Stamp::default()).unwrap()).unwrap();
    assert_eq!(edited_with_id(&image).unwrap().id(), content.id());
}

#[test]
fn edits_over_hashed_leaves_make_another_content_id() {
    for seed in 0..6 {
        let mut rng = Rng::with_seed(seed);
        let content = content(&mut rng, 150_000);
        let image = Image::from_vec(encode(&content, Stamp::default()).unwrap()).unwrap();
        let ids = [edited(&image), edited_with_id(&image)].map(|of| {
            let mut draft = of.unwrap().into_draft();
            let start = 0x0100_0000;
            let edit = Edit {
                start,
                end: start + 70_000,
                value: None,
            };
            if let V4Image::Blocks(blocks) = &mut draft.zone_mut(&NameKey::ROOT).v4 {
                blocks.edit(&[edit]).unwrap();
            }
            draft.finish().unwrap().id()
        });
        assert_eq!(ids[0], ids[1], "seed {seed}");
    }
}

#[test]
fn a_damaged_image_is_read_beside_another_without_harm_to_it() {
    let mut damaged = [0; 2];
    for seed in 0..60 {
        let mut rng = Rng::with_seed(seed);
        let content = content(&mut rng, 140_000);
        let bytes = encode(&content, Stamp::default()).unwrap();
        let mut bent = bytes.clone();
        for _ in 0..[1, 30, 3000][rng.usize(..3)] {
            let at = rng.usize(0x400..bent.len());
            bent[at] ^= 1 << rng.u8(..8);
        }
        let Ok(bent) = Image::from_vec(bent) else {
            continue;
        };
        let whole = Image::from_vec(bytes).unwrap();
        // Whatever the damage does, it is an error or another content, and the other image is as it was.
        for (side, both) in [edited_both(&bent, &whole), edited_both(&whole, &bent)]
            .into_iter()
            .enumerate()
        {
            let (bad, good) = if side == 0 {
                (both.old, both.new)
            } else {
                (both.new, both.old)
            };
            assert_eq!(good.unwrap().id(), content.id(), "seed {seed}");
            let as_it_was = bad.is_ok_and(|bad| bad.id() == content.id());
            damaged[side] += usize::from(!as_it_was);
        }
    }
    assert!(damaged[0] > 20 && damaged[1] > 20, "{damaged:?}");
}
