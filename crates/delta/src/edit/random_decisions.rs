//! Reads decisions that a die makes: what no writer wrote, at any depth, without bytes that would
//! have to be bent so that they lead there. Each check of what is read is met by one of them, and
//! what is let through keeps the rules: without the check one of the two fails.

use std::collections::BTreeSet;

use fastrand::Rng;
use rblmap::{NameKey, NameRule, Run, ValueId};
use rblmap_content::{Content, Draft, NameTable, Record, ValueBuf, is_canonical};

use crate::codec::range_coder::Coder;
use crate::codec::text_model::TextRoom;
use crate::codec::value_refs::Table;
use crate::edit::{addresses, names, values};
use crate::error::Error;
use rblmap_content::{RunOrGap, RunsAndGaps};

/// Decides by a die: as likely as told, or as a coin falls.
struct Dice {
    rng: Rng,
    /// How often a coin, of 16.
    coins: u32,
    /// Decisions before the bytes have run out.
    left: u32,
}

impl Coder for Dice {
    fn decide(&mut self, p: u16, _: bool) -> bool {
        self.left = self.left.saturating_sub(1);
        if self.rng.u32(..16) < self.coins {
            self.rng.bool()
        } else {
            self.rng.u16(..) < p
        }
    }

    fn uniform(&mut self, count: u32, _: u32) -> u32 {
        self.left = self.left.saturating_sub(1);
        self.rng.u32(..count)
    }

    fn text(&mut self, len: usize, _: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        if len > 60 {
            return Err(Error::Malformed {
                what: "text: too short",
            });
        }
        // Bytes that values are made of, so that some are values.
        let byte = |rng: &mut Rng| [0, 1, 2, 127, rng.u8(..)][rng.usize(..5)];
        out.extend((0..len).map(|_| byte(&mut self.rng)));
        Ok(())
    }

    fn label(&mut self, _: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let len = [1, 2, 3, 63, 64][self.rng.usize(..5)];
        out.extend((0..len).map(|_| b'a' + self.rng.u8(..4)));
        if self.rng.u8(..20) == 0 {
            out.push(self.rng.u8(1..));
        }
        out.push(0);
        Ok(())
    }

    fn check(&self) -> Result<(), Error> {
        if self.left == 0 {
            return Err(Error::Malformed {
                what: "length: decisions end early",
            });
        }
        Ok(())
    }
}

fn dice(seed: u64) -> Dice {
    let mut rng = Rng::with_seed(seed);
    Dice {
        coins: [0, 1, 4, 16][rng.usize(..4)],
        left: [20, 3000][rng.usize(..2)],
        rng,
    }
}

/// A content with so many values, and runs and names that have them.
fn content(rng: &mut Rng, count: u8) -> Content {
    let mut draft = Draft::new("ops.example".parse().unwrap());
    let ids: Vec<ValueId> = (0..count)
        .map(|last| {
            let a = Some([127, 0, 0, last * 3].into());
            let value = ValueBuf::new([Record { a, text: None }]);
            draft.values.intern(&value).unwrap()
        })
        .collect();
    let zone = draft.zone_mut(&NameKey::ROOT);
    let mut next = Some(rng.u32(..9));
    while let Some(start) = next.filter(|start| *start < 5000) {
        let end = start + [0, 0, 1, 255][rng.usize(..4)];
        let value = ids[rng.usize(..ids.len())];
        zone.v4.push(Run { start, end, value });
        next = Some(end + 1 + [0, 1, 7, 600][rng.usize(..4)]);
    }
    for value in &ids {
        let label = [b'a' + rng.u8(..4), b'a' + rng.u8(..26)];
        let name = NameKey::parse(&label).unwrap();
        if zone.names.find(name.as_bytes()).is_none() {
            zone.names
                .push(name.as_bytes(), NameRule::Value(*value), NameRule::Nothing);
            zone.names.sort();
        }
    }
    draft.finish().unwrap()
}

/// Notes why something was refused.
fn note<T>(seen: &mut BTreeSet<&'static str>, result: Result<T, Error>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(Error::Malformed { what } | Error::Limit { what, .. }) => {
            seen.insert(what);
            None
        }
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn edits_that_nobody_wrote_are_refused_or_keep_the_rules() {
    let mut seen = BTreeSet::new();
    for seed in 0..15_000 {
        let mut dice = dice(seed);
        let rng = &mut Rng::with_seed(seed + 1_000_000);
        let count = rng.u8(1..4);
        let content = content(rng, count);
        let old = content.base().v4();
        let counts = addresses::Counts {
            in_runs: rng.u64(..4),
            in_gaps: rng.u64(..4),
            edits: rng.u64(..9),
            spans: rng.bool(),
        };
        let mut table = Table::new(&content).with_added(rng.u32(..3));
        let stream = addresses::Stream {
            counts,
            from: [0, rng.u32(..5000)][rng.usize(..2)],
            len: 0,
        };
        let edits = addresses::decode(&mut dice, &old, &stream, &mut table);
        let Some(edits) = note(&mut seen, edits) else {
            continue;
        };
        assert_eq!(edits.len() as u64, counts.edits, "seed {seed}");
        assert!(edits.iter().all(|edit| edit.start <= edit.end));
        assert!(
            edits.is_sorted_by(|a, b| a.end < b.start),
            "seed {seed}: {edits:?}"
        );
        for edit in &edits {
            let mut over = RunsAndGaps::new(old).filter(|it| it.end >= edit.start);
            let first: RunOrGap<u32> = over.next().unwrap();
            assert_ne!(first.value, edit.value, "seed {seed}: {edit:?}");
            assert!(counts.spans || edit.end <= first.end, "seed {seed}");
        }
        let laid = rblmap_content::edit_runs(old, &edits);
        assert!(laid.is_sorted_by(|a, b| a.end < b.start), "seed {seed}");
    }
    let all = [
        "alignment of an edit",
        "count of edits",
        "length: decisions end early",
        "edit",
        "edit that changes nothing",
        "place of an edit",
        "rank",
        "room for a network",
        "room for an edit",
        "size of an edit",
        "span of an edit",
        "value number",
    ];
    assert_eq!(seen, BTreeSet::from(all));
}

#[test]
fn values_that_nobody_wrote_are_refused_or_keep_the_rules() {
    let (mut seen, mut kept) = (BTreeSet::new(), 0);
    for seed in 0..10_000 {
        let mut dice = dice(seed);
        let rng = &mut Rng::with_seed(seed + 2_000_000);
        let count = rng.u8(1..5);
        let content = content(rng, count);
        let (old, room) = (content.values(), [3, 4000][rng.usize(..2)]);
        let (count, modelled) = (rng.u32(..4), rng.bool());
        let mut left = TextRoom::new(room, modelled);
        let added = values::code(&mut dice, old, count, &[], &mut left);
        let Some(added) = note(&mut seen, added) else {
            continue;
        };
        assert_eq!(added.len(), count as usize);
        kept += added.len();
        assert!(added.iter().all(|value| is_canonical(value)), "seed {seed}");
        assert!(added.is_sorted_by(|a, b| a < b), "seed {seed}");
        let is_old = |value: &Vec<u8>| old.find(rblmap::Value::new(value)).is_some();
        assert!(!added.iter().any(is_old), "seed {seed}");
        assert!(added.iter().map(Vec::len).sum::<usize>() as u64 <= room);
    }
    assert!(kept > 5, "{kept}");
    let all = [
        "added value",
        "added values",
        "insertion rank",
        "length: decisions end early",
        "shape of a value",
        "shared prefix",
        "text: too short",
    ];
    assert_eq!(seen, BTreeSet::from(all));
}

#[test]
fn names_that_nobody_wrote_are_refused_or_keep_the_rules() {
    let mut seen = BTreeSet::new();
    for seed in 0..15_000 {
        let mut dice = dice(seed);
        let rng = &mut Rng::with_seed(seed + 3_000_000);
        let count = rng.u8(1..7);
        let content = content(rng, count);
        let old = content.base().names();
        let counts = names::NameCounts {
            removed: rng.u64(..3),
            changed: rng.u64(..3),
            added: rng.u64(..4),
        };
        let room = [10, 4000][rng.usize(..2)];
        let mut table = Table::new(&content).with_added(rng.u32(..3));
        let modelled = rng.bool();
        let mut room = TextRoom::new(room, modelled);
        let new = names::code(&mut dice, old, counts, None, &mut table, &mut room);
        let Some(new): Option<NameTable> = note(&mut seen, new) else {
            continue;
        };
        let expected = old.len() as u64 - counts.removed + counts.added;
        assert_eq!(new.len() as u64, expected, "seed {seed}");
        let keys: Vec<&[u8]> = new.iter().map(|point| point.key).collect();
        assert!(keys.is_sorted_by(|a, b| a < b), "seed {seed}");
        assert!(keys.iter().all(|key| NameKey::from_key(key).is_ok()));
        let nothing = (NameRule::Inherit, NameRule::Inherit);
        let says = new
            .iter()
            .all(|point| (point.exact, point.below) != nothing);
        assert!(says, "seed {seed}");
    }
    let all = [
        "added name",
        "added names",
        "change of a name",
        "insertion rank",
        "length of a name",
        "length: decisions end early",
        "rank",
        "shared prefix",
        "value number",
        "what a name says",
    ];
    assert_eq!(seen, BTreeSet::from(all));
}
