//! Damaged IPv4 lines: each byte flipped and each length cut, read by every instruction set, alone,
//! by the dozen and in a set. The bytes lie in a heap block of exact length, so that
//! `scripts/valgrind` sees any read outside, and once in a mapping with a guard page behind it.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]
#![allow(
    clippy::cast_possible_truncation,
    reason = "random numbers are small enough"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

use fastrand::Rng;
use rblmap::{Image, ImageSet, NameKey, Run, ValueId, Zone};
use rblmap_content::{Content, Draft, Edit, Record, ValueBuf};
use rblmap_format::sections::{SectionInfo, kind};
use rblmap_format::v4::StoredCounts;
use rblmap_format::{RunCounts, Slash16, Slash16s};
use rblmap_image::{Blocks, Stamp, V4Image, decode_in_place, edited, encode};

/// Runs that need lines, of every kind: dense and sparse, few and many values, ranges.
fn content(rng: &mut Rng, values: u32) -> Content {
    content_and(rng, values, 0)
}

/// The same, and an address in each of some more /16s.
fn content_and(rng: &mut Rng, values: u32, more: u32) -> Content {
    let mut draft = Draft::new("ops.example".parse().unwrap());
    let ids: Vec<ValueId> = (0..values)
        .map(|n| {
            let a = Some(Ipv4Addr::from_bits(0x7f00_0000 | n));
            draft
                .values
                .intern(&ValueBuf::new([Record { a, text: None }]))
                .unwrap()
        })
        .collect();
    let zone = draft.zone_mut(&NameKey::ROOT);
    let mut next = 0u32;
    // A /16 of many units, then one of each density.
    while zone.v4.len() < 300_000 {
        let block = next >> 16;
        let few = if block.is_multiple_of(3) {
            3
        } else {
            ids.len()
        };
        let gap = [1, 2, 9, 100, 400, 1500][block as usize % 6];
        let start = next + rng.u32(0..gap);
        let end = start + if rng.u8(0..9) == 0 { rng.u32(0..40) } else { 0 };
        let value = ids[rng.usize(0..few.min(ids.len()))];
        zone.v4.push(Run { start, end, value });
        next = end + 1;
    }
    for block in 0..more {
        let start = 0xd000_0000 + (block << 16);
        let value = ids[0];
        let end = start;
        zone.v4.push(Run { start, end, value });
    }
    draft.finish().unwrap()
}

/// All ways to ask give one answer, whatever the bytes are.
fn ask(image: Image, addresses: &[u32]) {
    let image = Arc::new(image);
    let zone = image.base();
    let mut values = vec![None; addresses.len()];
    zone.lookup_v4_many(addresses, &mut values);
    let mut portable = vec![None; addresses.len()];
    zone.portable().lookup_v4_many(addresses, &mut portable);
    assert!(values == portable, "levels differ");
    let mut set = ImageSet::new();
    set.add(&image, "@").unwrap();
    set.add(&image, "@").unwrap();
    for (&address, value) in addresses.iter().zip(values) {
        let records = value.map_or(0, |id| image.value(id).records().count());
        assert_eq!(zone.lookup_v4(address).records().count(), records);
        assert_eq!(
            zone.portable().lookup_v4(address).records().count(),
            records
        );
        for answer in set.lookup(Ipv4Addr::from(address)) {
            assert_eq!(answer.records().count(), records);
        }
    }
    count(&zone, addresses);
}

/// Units are counted and walked one by one, for updates.
fn count(zone: &Zone<'_>, addresses: &[u32]) {
    let Some(blocks) = zone.v4().blocks() else {
        return;
    };
    for address in addresses {
        let block = (address >> 16) as u16;
        count_unit(&blocks, (block, blocks.block(block).unit_of(*address)));
    }
}

fn count_unit(blocks: &Slash16s<'_>, (block, unit): (u16, usize)) {
    let mut walk = blocks.walk();
    walk.run_counts(block, unit, &mut |_, _| ());
    walk.runs_of(block, unit..unit + 1);
}

/// The /16 and the unit in it that a line is.
fn unit_of_line(blocks: &Slash16s<'_>, line: usize) -> (u16, usize) {
    let mut before = 0;
    for block in 0..=u16::MAX {
        if let Slash16::Lines { lines, .. } = blocks.block(block) {
            if line < before + lines.len() {
                return (block, line - before);
            }
            before += lines.len();
        }
    }
    panic!("no line {line}");
}

fn addresses(rng: &mut Rng, content: &Content) -> Vec<u32> {
    let runs = content.base().v4();
    let near = |rng: &mut Rng| {
        let run = runs[rng.usize(..runs.len())];
        run.start.wrapping_add(rng.u32(0..300)).wrapping_sub(20)
    };
    (0..70).map(|_| near(rng)).chain([0, u32::MAX]).collect()
}

/// Rounds: fewer under valgrind.
fn rounds(all: usize) -> usize {
    let asked = std::env::var("RBLMAP_ROUNDS")
        .ok()
        .and_then(|text| text.parse().ok());
    asked.unwrap_or(all)
}

#[test]
fn every_kind_of_line_is_there() {
    let rng = &mut Rng::with_seed(1);
    for values in [3, 200, 300, 70_000] {
        let image =
            Image::from_vec(encode(&content(rng, values), Stamp::default()).unwrap()).unwrap();
        let lines = image
            .sections()
            .find(|section| section.kind == kind::V4_LINES)
            .unwrap();
        let bytes = &image.as_bytes()[lines.offset as usize..][..lines.len as usize];
        let mut counts = [0; 8];
        bytes
            .chunks(64)
            .for_each(|line| counts[usize::from(line[0] & 7)] += 1);
        println!("{values} values: lines of each kind {counts:?}");
        if values == 200 {
            assert!(counts[..7].iter().all(|&count| count > 0), "{counts:?}");
        }
        assert_eq!(counts[7], 0);
        assert!(
            image
                .sections()
                .any(|section| section.kind == kind::V4_COUNTS)
        );
    }
}

#[test]
fn units_are_counted_as_they_are_walked() {
    let rng = &mut Rng::with_seed(8);
    for values in [1, 3, 200, 300, 70_000] {
        let content = content(rng, values);
        let image = Image::from_vec(encode(&content, Stamp::default()).unwrap()).unwrap();
        let blocks = image.base().v4().blocks().unwrap();
        let (mut walk, mut whole) = (blocks.walk(), Vec::new());
        for block in 0..=u16::MAX {
            let of = blocks.block(block);
            let mut pieces: Vec<Run<u32>> = Vec::new();
            let mut run_counts: Option<RunCounts> = None;
            for unit in 0..of.units() {
                let (first, end) = (of.start_of(unit), of.start_of(unit + 1));
                let top = u32::from(block) << 16;
                let ends = (top | first, top | (end - 1));
                for address in [ends.0, ends.1] {
                    assert_eq!(of.unit_of(address), unit);
                }
                let mut uses = BTreeMap::new();
                let mut see = |id: ValueId, more| *uses.entry(id).or_insert(0) += i64::from(more);
                let counted = walk.run_counts(block, unit, &mut see);
                let runs = walk.runs_of(block, unit..unit + 1);
                assert_eq!(
                    counted,
                    RunCounts::of(runs, ends),
                    "{values}: {block} {unit}"
                );
                for run in runs {
                    *uses.entry(run.value).or_insert(0) -= 1;
                }
                assert!(
                    uses.values().all(|left| *left == 0),
                    "{values}: {block} {unit}"
                );
                for run in runs {
                    match pieces.last_mut() {
                        Some(last) if last.value == run.value && last.end + 1 == run.start => {
                            last.end = run.end;
                        }
                        _ => pieces.push(*run),
                    }
                }
                run_counts = Some(run_counts.map_or(counted, |before| before.then(counted)));
            }
            let runs = walk.runs(block);
            assert_eq!(pieces, runs);
            let (first, last) = (u32::from(block) << 16, u32::from(block) << 16 | 0xffff);
            assert_eq!(run_counts, Some(RunCounts::of(runs, (first, last))));
            whole.extend_from_slice(runs);
        }
        // Cut at the ends of /16s.
        assert!(whole.len() >= content.base().v4().len());
    }
}

#[test]
fn each_damaged_section_is_read_in_bounds() {
    let rng = &mut Rng::with_seed(2);
    for values in [3, 200, 300, 70_000] {
        let content = content(rng, values);
        let bytes = encode(&content, Stamp::default()).unwrap();
        let whole = Image::from_vec(bytes.clone()).unwrap();
        let sections: Vec<_> = whole
            .sections()
            .filter(|s| (17..32).contains(&s.kind))
            .collect();
        for round in 0..rounds(300) {
            let SectionInfo { offset, len, .. } = sections[round % sections.len()];
            let mut damaged = bytes.clone();
            for _ in 0..1 << rng.u32(0..14) {
                let at = offset + rng.u64(0..len);
                damaged[at as usize] = [0, 0xff, rng.u8(..)][rng.usize(..3)];
            }
            // Exactly as long as its content: what is behind it is not ours.
            damaged.shrink_to_fit();
            ask(Image::from_vec(damaged).unwrap(), &addresses(rng, &content));
        }
    }
}

#[test]
fn each_flipped_byte_of_a_line_is_read_in_bounds() {
    let rng = &mut Rng::with_seed(3);
    for values in [200, 300, 70_000] {
        let content = content(rng, values);
        let mut bytes = encode(&content, Stamp::default()).unwrap();
        let whole = Image::from_vec(bytes.clone()).unwrap();
        let lines = whole
            .sections()
            .find(|section| section.kind == kind::V4_LINES)
            .unwrap();
        let (offset, count) = (lines.offset as usize, lines.len as usize / 64);
        // One line of each kind, and the run that it holds.
        for wanted in 0..7 {
            let is_wanted = |line: &usize| bytes[offset + line * 64] & 7 == wanted;
            let Some(line) = (0..count).find(is_wanted) else {
                continue;
            };
            let unit = unit_of_line(&whole.base().v4().blocks().unwrap(), line);
            for at in offset + line * 64..offset + line * 64 + 64 {
                for flip in [1, 0x80, 0xff].into_iter().take(rounds(3)) {
                    bytes[at] ^= flip;
                    let image = Image::from_vec(bytes.clone()).unwrap();
                    count_unit(&image.base().v4().blocks().unwrap(), unit);
                    ask(image, &addresses(rng, &content)[..8]);
                    bytes[at] ^= flip;
                }
            }
        }
    }
}

/// The runs of an image as they are edited, with an edit for each of these addresses, and written.
fn edit(image: &Image, rng: &mut Rng, addresses: &mut [u32]) {
    let Ok(content) = edited(image) else {
        return;
    };
    let mut draft = content.into_draft();
    let V4Image::Blocks(blocks) = &mut draft.zone_mut(&NameKey::ROOT).v4 else {
        return;
    };
    addresses.sort_unstable();
    blocks.ranks(addresses);
    let (runs, gaps) = blocks.counts();
    let mut some = |count: u64| -> Vec<u64> {
        let ranks: BTreeSet<u64> = (0..30).map(|_| rng.u64(..count + 2)).collect();
        ranks.into_iter().collect()
    };
    let (runs, gaps) = (some(runs), some(gaps));
    let seen = blocks.each_started(&runs, &gaps, |_, first, behind| {
        assert!(first.start <= first.end);
        behind.take(3).for_each(drop);
        Ok::<(), ()>(())
    });
    seen.unwrap();
    let mut edits: Vec<Edit<u32>> = addresses
        .iter()
        .map(|address| Edit {
            start: *address,
            end: *address,
            value: ValueId::from_rank(0),
        })
        .collect();
    edits.dedup_by_key(|edit| edit.start);
    blocks.edit(&edits).unwrap();
    // It may be written, but what it is written as is not known.
    if let Ok(content) = draft.finish() {
        drop(encode(&content, Stamp::default()));
    }
}

#[test]
fn an_image_with_damaged_counts_or_lines_is_edited_in_bounds() {
    let rng = &mut Rng::with_seed(7);
    let mut believed = 0;
    for values in [3, 300] {
        let content = content(rng, values);
        let bytes = encode(&content, Stamp::default()).unwrap();
        let whole = Image::from_vec(bytes.clone()).unwrap();
        let by_16 = whole.base().v4().blocks().unwrap();
        let lines = |block: &u16| matches!(by_16.block(*block), Slash16::Lines { .. });
        let count = (0..=u16::MAX).filter(lines).count();
        let find = |kind| whole.sections().find(|it| it.kind == kind).unwrap();
        let (counts, lines) = (find(kind::V4_RUN_COUNTS), find(kind::V4_LINES));
        let at = counts.offset as usize;
        let stored = &bytes[at..at + counts.len as usize];
        let stored = StoredCounts::read(stored, count, content.values().len()).unwrap();
        for round in 0..rounds(60) {
            let mut damaged = bytes.clone();
            // Counts that could be: their sums stay as they are.
            let mut other = stored.clone();
            for _ in 0..=round {
                let (one, two) = (rng.usize(..count), rng.usize(..count));
                other.of_16s.swap(one, two);
            }
            let ranks = 0..other.uses.len();
            let (one, two) = (rng.usize(ranks.clone()), rng.usize(ranks));
            other.uses.swap(one, two);
            let other = other.to_bytes();
            if other.len() == counts.len as usize {
                damaged[at..at + other.len()].copy_from_slice(&other);
            }
            for _ in 0..[0, 1, 100][rng.usize(..3)] {
                let at = lines.offset as usize + rng.usize(..lines.len as usize);
                damaged[at] = rng.u8(..);
            }
            let image = Image::from_vec(damaged).unwrap();
            let is_believed = |blocks: &Blocks<'_>| {
                let counted = decode_in_place(&image).ok();
                let counted = counted.and_then(|it| match it.base().v4_runs() {
                    V4Image::Blocks(blocks) => Some(blocks.counts_before()),
                    V4Image::List(_) => None,
                });
                counted.is_some_and(|counted| counted != blocks.counts_before())
            };
            if let Ok(content) = edited(&image)
                && let V4Image::Blocks(blocks) = content.base().v4_runs()
            {
                believed += usize::from(is_believed(blocks));
            }
            let mut addresses = addresses(rng, &content);
            edit(&image, rng, &mut addresses);
        }
    }
    assert!(believed > 20 || rounds(60) < 60, "{believed}");
}

#[test]
fn each_cut_of_the_sections_is_refused() {
    let bytes = encode(&content(&mut Rng::with_seed(4), 3), Stamp::default()).unwrap();
    let rng = &mut Rng::with_seed(5);
    for round in 0..rounds(2000) {
        let len = if round < 1000 {
            round
        } else {
            rng.usize(..bytes.len())
        };
        assert!(Image::from_vec(bytes[..len].to_vec()).is_err(), "{len}");
    }
}

/// The mapping ends where a page ends, and the page behind it cannot be read.
#[cfg(target_os = "linux")]
#[test]
#[allow(unsafe_code, reason = "a page that nobody may touch")]
fn nothing_behind_a_mapping_is_read() {
    use std::ptr::null_mut;

    use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

    let rng = &mut Rng::with_seed(6);
    let (content, bytes) = whole_pages();
    let whole = Image::from_vec(bytes.clone()).unwrap();
    let lines = whole
        .sections()
        .find(|section| section.kind == kind::V4_LINES)
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("guarded.rbl");
    let mut guarded = 0;
    for _ in 0..rounds(40) {
        let mut damaged = bytes.clone();
        for _ in 0..1 << rng.u32(0..12) {
            let at = lines.offset as usize + rng.usize(..lines.len as usize);
            damaged[at] = rng.u8(..);
        }
        std::fs::write(&path, &damaged).unwrap();
        let (len, flags) = (damaged.len(), MapFlags::PRIVATE);
        // SAFETY: a new mapping of nothing, where there was none.
        let hole = unsafe { mmap_anonymous(null_mut(), len + 4096, ProtFlags::empty(), flags) };
        let hole = hole.unwrap();
        // SAFETY: our own mapping, which nobody has used; its last page stays, to guard.
        unsafe { munmap(hole, len) }.unwrap();
        // The system takes the highest hole that is wide enough.
        // SAFETY: nobody else knows the file.
        let image = unsafe { Image::map(&path) }.unwrap();
        guarded += usize::from(image.as_bytes().as_ptr().cast_mut().cast() == hole);
        ask(image, &addresses(rng, &content));
    }
    println!("{guarded} rounds with a guard page");
    assert!(guarded > 0);
}

/// An image of whole pages: one line and two counts more for each /16 with an address more.
#[cfg(target_os = "linux")]
fn whole_pages() -> (Content, Vec<u8>) {
    let mut more = 0;
    for _ in 0..40 {
        let content = content_and(&mut Rng::with_seed(6), 200, more);
        let bytes = encode(&content, Stamp::default()).unwrap();
        let over = bytes.len() % 4096;
        if over == 0 {
            return (content, bytes);
        }
        // A digest has 32 bytes: for an even number of them a chunk more.
        let chunk = if over.is_multiple_of(64) { 0 } else { 1024 };
        more += ((4096 - over) / 66).max(1) as u32 + chunk;
    }
    panic!("no image of whole pages");
}
