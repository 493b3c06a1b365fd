//! Updates of images so large that their IPv4 data lies in lines, of which an update copies those it
//! does not touch: what comes out is what the builder makes of the whole.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    unreachable_pub,
    dead_code,
    reason = "a test may panic"
)]

mod bent;
mod random;

use fastrand::Rng;
use rblmap::{Image, NameKey};
use rblmap_content::V4Runs;
use rblmap_delta::{Error, Limits, Session, apply, diff, merge};
use rblmap_format::sections::{SectionInfo, kind};
use rblmap_image::{Stamp, encode};

use bent::{payload, with_payload, without_root};
use random::{Model, ZoneModel, put_edit};

const LIMITS: Limits = Limits {
    payload: 1 << 26,
    entries: 1 << 22,
    zones: 1 << 10,
};

/// Sets addresses of the base to a value.
fn set(zone: &mut ZoneModel, start: u32, end: u32, value: u32) {
    put_edit(&mut zone.v4, start, end, value, |a| a.checked_add(1));
}

/// A base so large that it has lines, with /16s of every density, side by side and at both ends of
/// the space, and runs over their ends.
fn large(rng: &mut Rng, values: u32) -> Model {
    let mut model = Model {
        values,
        serial: 1,
        ..Model::new(rng)
    };
    let zone = model.zones.get_mut(&NameKey::ROOT).unwrap();
    let mut blocks = vec![0, 1, 0xfffe, 0xffff];
    let near = rng.u32(0x0100..0xff00);
    blocks.extend(near..near + 12);
    while blocks.len() < 40 {
        blocks.push(rng.u32(..1 << 16));
    }
    blocks.sort_unstable();
    blocks.dedup();
    for block in &blocks {
        let (step, length) = [(2, 1), (12, 1), (12, 3), (40, 30)][rng.usize(..4)];
        let mut at = rng.u32(..step);
        while at < 1 << 16 {
            let start = block << 16 | at;
            zone.v4.insert(start, rng.u32(0..=values));
            at += rng.u32(1..=length);
            if at < 1 << 16 {
                zone.v4.insert(block << 16 | at, 0);
            }
            at += rng.u32(1..=step);
        }
        // What a /16 ends with holds up to the next edit: some of it goes over the end.
        if rng.bool() {
            zone.v4.insert(block << 16 | 0xffff, 0);
        }
    }
    for _ in 0..rng.usize(..4) {
        let size = [0xffff, 0x1_ffff, 0x00ff_ffff][rng.usize(..3)];
        let start = rng.u32(..) & !0xffff;
        set(zone, start, start.saturating_add(size), rng.u32(0..=values));
    }
    model
}

/// Edits of a large base, most of them small and near to others.
fn edit(rng: &mut Rng, model: &mut Model, edits: usize) {
    model.serial += 1;
    let values = model.values;
    let zone = model.zones.get_mut(&NameKey::ROOT).unwrap();
    let starts: Vec<u32> = zone.v4.keys().copied().collect();
    for _ in 0..edits {
        let near = starts[rng.usize(..starts.len())];
        let start = match rng.u32(..40) {
            0 => rng.u32(..),
            1 => near & !0xffff,
            2 => near | 0xffff,
            _ => near.wrapping_add(rng.u32(..8)).wrapping_sub(4),
        };
        let size = match rng.u32(..60) {
            0 => rng.u32(..1 << 25),
            1 => 0xffff,
            2..5 => rng.u32(..0x2000),
            _ => rng.u32(..3),
        };
        let value = rng.u32(0..=values);
        set(zone, start, start.saturating_add(size), value);
    }
}

fn has_lines(image: &Image) -> bool {
    image.base().v4().blocks().is_some()
}

#[test]
fn updates_of_lines_give_the_image_of_the_whole() {
    let mut with_lines = 0;
    for seed in 0..12u64 {
        let mut rng = Rng::with_seed(seed);
        // Ids of one and of two bytes, and updates from one to the other.
        let mut model = large(&mut rng, [1, 3, 60, 253][(seed % 4) as usize]);
        let mut images = vec![model.image()];
        let mut steps = Vec::new();
        for step in 0..4 {
            match rng.u32(..4) {
                0 => model.values += rng.u32(..5),
                1 => model.values = model.values.saturating_sub(rng.u32(..3)).max(1),
                _ => {}
            }
            edit(
                &mut rng,
                &mut model,
                [0, 1, 30, 800][(step + seed as usize) % 4],
            );
            let new = model.image();
            with_lines += u32::from(has_lines(&new));
            let old = images.last().unwrap();
            let delta = diff(old, &new, Session(1)).unwrap();
            let applied = apply(old, &[&delta], &LIMITS);
            let applied = applied.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
            assert!(applied == new.as_bytes(), "seed {seed}, step {step}");
            images.push(new);
            steps.push(delta);
        }
        let (first, last) = (&images[0], images.last().unwrap());
        let steps: Vec<&[u8]> = steps.iter().map(Vec::as_slice).collect();
        let chained = apply(first, &steps, &LIMITS).unwrap();
        assert!(chained == last.as_bytes(), "seed {seed}: all at once");
        let merged = merge(first, &steps, &LIMITS).unwrap();
        let applied = apply(first, &[&merged], &LIMITS).unwrap();
        assert!(applied == last.as_bytes(), "seed {seed}: merged");
    }
    assert!(with_lines > 40, "{with_lines} of 48 images have lines");
}

#[test]
fn many_small_updates_at_once_give_the_image_of_the_last() {
    for seed in 0..4u64 {
        let mut rng = Rng::with_seed(seed + 500);
        let mut model = large(&mut rng, [1, 2, 40, 300][seed as usize]);
        let first = model.image();
        let mut last = model.image();
        let mut steps = Vec::new();
        for step in 0..20 {
            edit(&mut rng, &mut model, [1, 8, 60][step % 3]);
            let new = model.image();
            steps.push(diff(&last, &new, Session(1)).unwrap());
            last = new;
        }
        let steps: Vec<&[u8]> = steps.iter().map(Vec::as_slice).collect();
        let chained = apply(&first, &steps, &LIMITS).unwrap();
        assert!(chained == last.as_bytes(), "seed {seed}");
        let steps: Vec<Vec<u8>> = steps.iter().map(|step| without_root(step)).collect();
        let steps: Vec<&[u8]> = steps.iter().map(Vec::as_slice).collect();
        let chained = apply(&first, &steps, &LIMITS).unwrap();
        assert!(chained == last.as_bytes(), "seed {seed}: by the content id");
    }
}

#[test]
fn lines_are_kept_where_ids_move() {
    let mut with_lines = 0;
    // Of so many values each update brings some and takes some away, so that ids of others move.
    for (seed, values) in [(0u64, 250), (1, 5000), (2, 70_000)] {
        let mut rng = Rng::with_seed(seed + 900);
        let mut model = large(&mut rng, values);
        let mut images = vec![model.image()];
        let mut steps = Vec::new();
        for edits in [2, 40, 300] {
            edit(&mut rng, &mut model, edits);
            let zone = model.zones.get_mut(&NameKey::ROOT).unwrap();
            for _ in 0..edits {
                // Values that no address had, whose texts lie anywhere between the others.
                let start = rng.u32(..);
                set(zone, start, start, values + rng.u32(1..values));
            }
            model.values = 2 * values;
            let (old, new) = (images.last().unwrap(), model.image());
            with_lines += u32::from(has_lines(&new));
            let delta = diff(old, &new, Session(1)).unwrap();
            let applied = apply(old, &[&delta], &LIMITS).unwrap();
            assert!(applied == new.as_bytes(), "{values} values, {edits} edits");
            let by_id = apply(old, &[&without_root(&delta)], &LIMITS).unwrap();
            assert!(by_id == applied, "{values} values, by the content id");
            images.push(new);
            steps.push(delta);
        }
        let steps: Vec<&[u8]> = steps.iter().map(Vec::as_slice).collect();
        let chained = apply(&images[0], &steps, &LIMITS).unwrap();
        assert!(
            chained == images[3].as_bytes(),
            "{values} values, all at once"
        );
    }
    assert_eq!(with_lines, 9);
}

#[test]
fn bits_of_24s_follow_the_paints() {
    const TOP: u32 = 0x0a00_0000;
    let mut rng = Rng::with_seed(11);
    // Entries of many values: few in a line, so that there are 4 MiB of lines.
    let build = |ids: &[u32], serial| {
        let mut model = Model {
            values: 1000,
            serial,
            ..Model::new(&mut Rng::with_seed(1))
        };
        let zone = model.zones.get_mut(&NameKey::ROOT).unwrap();
        let mut last = 0;
        for (address, &id) in (TOP..).zip(ids.iter().chain(&[0])) {
            if id != last {
                zone.v4.insert(address, id);
            }
            last = id;
        }
        model.image()
    };
    // Most /24s hold a few, some none, and in some /16s every other address is listed.
    let mut ids = vec![0u32; 20 << 18];
    let mut at = 0;
    while at < ids.len() {
        ids[at] = rng.u32(1..=1000);
        at += match (at >> 16) % 8 {
            0 => 2,
            _ => rng.usize(1..9) + if rng.u32(..3000) == 0 { 600 } else { 0 },
        };
    }
    let old = build(&ids, 1);
    let bits = |image: &Image| {
        image
            .sections()
            .any(|section| section.kind == kind::V4_BITS)
    };
    assert!(bits(&old));
    let mut last = build(&ids, 1);
    let mut steps = Vec::new();
    for serial in 2..5 {
        for _ in 0..400 {
            // A whole /24, some of it, or one address; it is emptied or listed.
            let (len, from) = [(256, !255), (40, !0), (1, !0)][rng.usize(..3)];
            let from = rng.usize(..ids.len() - 256) & from;
            let id = rng.u32(0..2) * rng.u32(1..=1000);
            ids[from..from + len].fill(id);
        }
        // All of a /16 at once.
        let block = rng.usize(..ids.len() >> 16) << 16;
        ids[block..block + 0x1_0000].fill(0);
        let new = build(&ids, serial);
        assert!(bits(&new));
        let step = diff(&last, &new, Session(1)).unwrap();
        assert!(apply(&last, &[&step], &LIMITS).unwrap() == new.as_bytes());
        steps.push(step);
        last = new;
    }
    let steps: Vec<&[u8]> = steps.iter().map(Vec::as_slice).collect();
    assert!(apply(&old, &steps, &LIMITS).unwrap() == last.as_bytes());
}

#[test]
fn lists_that_become_small_or_large_change_their_layout() {
    let mut rng = Rng::with_seed(77);
    let large = large(&mut rng, 5);
    let mut small = Model::new(&mut rng);
    small.step(&mut rng, 300);
    let (large, small) = (large.image(), small.image());
    assert!(has_lines(&large) && !has_lines(&small));
    for (old, new) in [(&large, &small), (&small, &large)] {
        let delta = diff(old, new, Session(1)).unwrap();
        assert!(apply(old, &[&delta], &LIMITS).unwrap() == new.as_bytes());
    }
}

#[test]
fn a_content_over_an_image_is_the_content_of_the_image() {
    for seed in 0..4 {
        let mut rng = Rng::with_seed(seed + 300);
        let model = large(&mut rng, [1, 254][(seed % 2) as usize]);
        let image = model.image();
        let over = rblmap_image::edited(&image).unwrap();
        assert_eq!(over.id().as_bytes(), &image.content_id());
        let stamp = Stamp {
            serial: image.serial(),
            created: image.created(),
        };
        assert!(encode(&over, stamp).unwrap() == image.as_bytes());
        let list = rblmap_image::decode(&image).unwrap();
        let mut counts = vec![vec![0; list.values().len()]; 2];
        over.base().v4_runs().count_uses(&mut counts[0]);
        list.base().v4_runs().count_uses(&mut counts[1]);
        assert_eq!(counts[0], counts[1], "seed {seed}");
        assert_eq!(over.base().v4_runs().len(), list.base().v4_runs().len());
    }
}

#[test]
fn bent_updates_of_lines_never_give_another_list() {
    let mut rng = Rng::with_seed(9);
    let mut model = large(&mut rng, 20);
    let old = model.image();
    edit(&mut rng, &mut model, 200);
    let new = model.image();
    let delta = diff(&old, &new, Session(1)).unwrap();
    let whole = payload(&delta);
    let mut refused = 0;
    for round in 0..150 {
        let mut bytes = whole.clone();
        for _ in 0..rng.usize(1..4) {
            let at = rng.usize(..bytes.len());
            bytes[at] ^= 1 << rng.u32(..8);
        }
        let mutant = with_payload(&delta, &bytes);
        match apply(&old, &[&mutant], &LIMITS) {
            Ok(image) => assert!(image == new.as_bytes(), "round {round}"),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 140, "{refused}");
}

#[test]
fn damage_of_the_old_image_does_not_get_into_the_new_one() {
    let mut rng = Rng::with_seed(4);
    let mut model = large(&mut rng, 9);
    let old = model.image();
    edit(&mut rng, &mut model, 3);
    let new = model.image();
    let delta = diff(&old, &new, Session(1)).unwrap();
    let sections: Vec<_> = old.sections().collect();
    for wanted in [
        kind::V4_TOP,
        kind::V4_STARTS,
        kind::V4_LINES,
        kind::V4_RUN_COUNTS,
    ] {
        let SectionInfo { offset, len, .. } = *sections.iter().find(|s| s.kind == wanted).unwrap();
        for _ in 0..6 {
            let mut bytes = old.as_bytes().to_vec();
            bytes[(offset + rng.u64(..len)) as usize] ^= 1 << rng.u32(..8);
            let damaged = Image::from_vec(bytes).unwrap();
            let error = apply(&damaged, &[&delta], &LIMITS).unwrap_err();
            let told = matches!(error, Error::OldImage(_));
            assert!(told, "{error}");
        }
    }
}
