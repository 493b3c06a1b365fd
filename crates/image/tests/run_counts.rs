//! The counts of runs that an image holds are the same whether it is written from a list or from an image with
//! edits over it, in each of several zones.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

use std::net::Ipv4Addr;

use fastrand::Rng;
use rblmap::{Image, NameKey, Run, ValueId};
use rblmap_content::{Content, Draft, Edit, Record, ValueBuf, edit_runs};
use rblmap_image::{Stamp, V4Image, edited, encode};

/// Two zones that are large enough for lines. Some runs go over the ends of /16s, some values are in one zone
/// only, or in none.
fn two_zones(rng: &mut Rng) -> Content {
    let mut draft = Draft::new("ops.example".parse().unwrap());
    let ids: Vec<ValueId> = (2..9)
        .map(|last| {
            let a = Some(Ipv4Addr::new(127, 0, 0, last));
            let value = ValueBuf::new([Record { a, text: None }]);
            draft.values.intern(&value).unwrap()
        })
        .collect();
    for (name, ids) in [("", &ids[..4]), ("sub", &ids[3..6])] {
        let zone = draft.zone_mut(&NameKey::parse(name.as_bytes()).unwrap());
        let mut next = rng.u32(..1 << 20);
        while zone.v4.len() < 230_000 {
            let start = next + [0, 1, 2, 40, 300][rng.usize(..5)];
            let end = start + [0, 0, 0, 1, 5][rng.usize(..5)];
            let end = if rng.u32(..20_000) == 0 {
                end + 200_000
            } else {
                end
            };
            let value = ids[rng.usize(..ids.len())];
            zone.v4.push(Run { start, end, value });
            next = end + 1;
        }
    }
    draft.finish().unwrap()
}

/// Some edits, over the whole list, which may take all runs of a value away.
fn edits(rng: &mut Rng, runs: &[Run<u32>]) -> Vec<Edit<u32>> {
    let gone = ValueId::from_rank(rng.u32(..4));
    let step = [3000, 40_000][rng.usize(..2)];
    let mut edits: Vec<Edit<u32>> = Vec::new();
    for (index, run) in runs.iter().enumerate() {
        if Some(run.value) != gone && index % step != 0 {
            continue;
        }
        let end = run.end
            + if index % step == 0 {
                rng.u32(..90_000)
            } else {
                0
            };
        if edits.last().is_none_or(|last| last.end < run.start) {
            let value = ValueId::from_rank(rng.u32(..4)).filter(|value| Some(*value) != gone);
            let value = value.filter(|_| index % step == 0);
            edits.push(Edit {
                start: run.start,
                end,
                value,
            });
        }
    }
    edits
}

#[test]
fn an_edited_image_holds_the_counts_of_one_that_is_built() {
    let names = ["", "sub"].map(|name| NameKey::parse(name.as_bytes()).unwrap());
    for seed in 0..12 {
        let mut rng = Rng::with_seed(seed);
        let old = two_zones(&mut rng);
        let image = Image::from_vec(encode(&old, Stamp::default()).unwrap()).unwrap();
        let mut draft = edited(&image).unwrap().into_draft();
        let mut list = old.clone().into_draft();
        for name in names {
            let edits = edits(&mut rng, old.zone(&name).unwrap().v4());
            let V4Image::Blocks(blocks) = &mut draft.zone_mut(&name).v4 else {
                panic!("the zone has lines");
            };
            blocks.edit(&edits).unwrap();
            let zone = list.zone_mut(&name);
            zone.v4 = edit_runs(&zone.v4, &edits);
        }
        let from_image = encode(&draft.finish().unwrap(), Stamp::default()).unwrap();
        let built = encode(&list.finish().unwrap(), Stamp::default()).unwrap();
        assert!(from_image == built, "seed {seed}");
        let image = Image::from_vec(built).unwrap();
        let counted = image
            .zones()
            .map(|zone| zone.unwrap().v4_run_counts().len());
        assert!(counted.min() > Some(100), "seed {seed}");
    }
}
