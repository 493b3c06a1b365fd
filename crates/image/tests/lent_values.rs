//! Content whose values stay in an image is changed as content that has copied them: new values sort
//! before, between and behind those of the image, some of these are no longer used, and a changed
//! content is changed again.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test may panic, and has few values"
)]

use std::net::Ipv4Addr;

use fastrand::Rng;
use rblmap::{Image, NameKey, NameRule, Run, Value, ValueId};
use rblmap_content::{
    Content, Draft, Edit, Lender, Record, TemplateBuf, V4Runs, ValueBuf, Values, edit_runs,
};
use rblmap_image::{Stamp, V4Image, V4Source, decode, edited, edited_with_id, encode};

/// Values are in the order of their numbers; every seventh is longer than leaves of the content id copy.
fn value(number: u32) -> ValueBuf {
    let a = Some(Ipv4Addr::from_bits(0x7f01_0000 + number));
    let len = if number.is_multiple_of(7) {
        80
    } else {
        1 + number % 5
    };
    let text = TemplateBuf::literal("x".repeat(len as usize).as_bytes());
    ValueBuf::new([Record {
        a,
        text: Some(text),
    }])
}

/// A list with a value for each number: in runs of IPv4, of IPv6, or names.
fn content(numbers: &[u32], is_large: bool) -> Content {
    let mut draft = Draft::new("ops.example".parse().unwrap());
    let mut edits: Vec<(u32, ValueId)> = Vec::new();
    for (at, number) in (0..).zip(numbers) {
        edits.push((at, draft.values.intern(&value(*number)).unwrap()));
    }
    let zone = draft.zone_mut(&NameKey::ROOT);
    for (at, value) in edits {
        let start = place(at);
        zone.v4.push(Run {
            start,
            end: start,
            value,
        });
    }
    if is_large {
        // So many runs that they stay in the image.
        let value = zone.v4[0].value;
        let more = (0..20_000).map(|n| 0xc000_0000 + 2 * n);
        zone.v4.extend(more.map(|start| Run {
            start,
            end: start,
            value,
        }));
    }
    draft.finish().unwrap()
}

/// The address of the n-th value.
fn place(at: u32) -> u32 {
    0x0a00_0000 + 3 * at
}

/// What happens to a list: added values, and the places that get one of these or nothing.
struct Step {
    added: Vec<u32>,
    /// Whether the added values are known to rise and to be new.
    is_sorted: bool,
    /// Places and the added value that each gets.
    set: Vec<(u32, Option<usize>)>,
    to_names: bool,
}

impl Step {
    /// `numbers` are those that the places of the content have, and then those of what it becomes.
    fn new(rng: &mut Rng, content: &Content, numbers: &mut [Option<u32>]) -> Step {
        let is_sorted = rng.bool();
        let near = [0, 500_000, 999_000][rng.usize(..3)];
        let anywhere = rng.bool();
        let mut added: Vec<u32> = (0..rng.usize(1..9))
            .map(|_| match anywhere {
                true => rng.u32(..1_000_000),
                false => near + rng.u32(..1000),
            })
            .collect();
        if is_sorted {
            added.sort_unstable();
            added.dedup();
            added.retain(|number| content.values().find(value(*number).as_value()).is_none());
        } else {
            // Others are there already, or come twice.
            added.extend(numbers.iter().flatten().take(rng.usize(..3)));
            added.extend_from_within(..1);
        }
        let most = [2, 2, numbers.len()][rng.usize(..3)];
        let gone = rng.usize(..most);
        let mut set: Vec<(u32, Option<usize>)> = Vec::new();
        for to in (0..added.len()).map(Some).chain((0..gone).map(|_| None)) {
            set.push((rng.u32(..numbers.len() as u32), to));
        }
        set.sort_by_key(|it| it.0);
        set.dedup_by_key(|it| it.0);
        for (at, to) in &set {
            numbers[*at as usize] = to.map(|to| added[to]);
        }
        let to_names = rng.u8(..4) == 0;
        Step {
            added,
            is_sorted,
            set,
            to_names,
        }
    }

    fn apply<V4: V4Runs>(
        &self,
        content: Content<V4>,
        edit: impl Fn(&mut V4, &[Edit<u32>]),
    ) -> Content<V4> {
        let mut draft = content.into_draft();
        let values: Vec<ValueBuf> = self.added.iter().map(|number| value(*number)).collect();
        let ids: Vec<ValueId> = match self.is_sorted {
            true => {
                let first = draft.values.len() as u32;
                assert!(draft.values.append(values.iter().map(ValueBuf::as_value)));
                let ranks = first..draft.values.len() as u32;
                ranks
                    .map(|rank| ValueId::from_rank(rank).unwrap())
                    .collect()
            }
            false => values
                .iter()
                .map(|it| draft.values.intern(it).unwrap())
                .collect(),
        };
        let zone = draft.zone_mut(&NameKey::ROOT);
        let edits: Vec<Edit<u32>> = self
            .set
            .iter()
            .map(|(at, to)| Edit {
                start: place(*at),
                end: place(*at),
                value: to.map(|to| ids[to]),
            })
            .collect();
        edit(&mut zone.v4, &edits);
        if self.to_names {
            let name = NameKey::parse(format!("n{}.example", zone.names.len()).as_bytes()).unwrap();
            let rule = NameRule::Value(*ids.last().unwrap_or(&ValueId::from_rank(0).unwrap()));
            zone.names.push(name.as_bytes(), rule, NameRule::Inherit);
        }
        draft.finish().unwrap()
    }
}

/// All that can be asked of a list of values.
fn told<L: Lender>(values: &Values<L>, asked: &[u32]) -> (Vec<Vec<u8>>, Vec<Option<ValueId>>) {
    let all: Vec<Vec<u8>> = values.iter().map(|it| it.as_bytes().to_vec()).collect();
    let at = |rank: usize| values.bytes_of(rank).to_vec();
    assert!((0..all.len()).map(at).eq(all.iter().cloned()));
    assert!(at(all.len()).is_empty());
    for most in [1, 3, 1000] {
        let parts = values.parts(most);
        let parts = parts.inspect(|part| assert!((1..=most).contains(&part.len())));
        let held = parts.flat_map(|part| part.values().collect::<Vec<_>>());
        assert!(held.eq(values.iter()));
    }
    let ids = asked
        .iter()
        .map(|number| values.find(value(*number).as_value()));
    (all, ids.collect())
}

fn are_alike<A: V4Source, B: V4Source>(one: &Content<A>, two: &Content<B>, asked: &[u32]) {
    assert_eq!(told(one.values(), asked), told(two.values(), asked));
    assert_eq!(one.id(), two.id());
    let bytes = encode(one, Stamp::default()).unwrap();
    assert_eq!(bytes, encode(two, Stamp::default()).unwrap());
}

#[test]
fn lent_and_added_values_are_the_values_of_copied_content() {
    // How often values were still lent in the end, and how often the changes were so many that all moved.
    let (mut lent, mut moved) = (0, 0);
    for seed in 0..120 {
        let mut rng = Rng::with_seed(seed);
        let count = [2, 60, 1000, 2000][rng.usize(..4)];
        let mut numbers: Vec<u32> = (0..count).map(|_| rng.u32(2000..999_000)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let is_large = rng.u8(..4) == 0;
        let first = content(&numbers, is_large);
        let image = Image::from_vec(encode(&first, Stamp::default()).unwrap()).unwrap();
        let mut copied = decode(&image).unwrap();
        let mut kept = match rng.bool() {
            true => edited(&image).unwrap(),
            false => edited_with_id(&image).unwrap(),
        };
        let within = image.as_bytes().as_ptr_range();
        let is_lent = |value: Value<'_>| within.contains(&value.as_bytes().as_ptr());
        assert!(kept.values().iter().all(is_lent), "seed {seed}");
        are_alike(&copied, &kept, &numbers);
        let mut numbers: Vec<Option<u32>> = numbers.into_iter().map(Some).collect();
        for _ in 0..2 {
            let step = Step::new(&mut rng, &copied, &mut numbers);
            copied = step.apply(copied, |v4, edits| *v4 = edit_runs(v4, edits));
            kept = step.apply(kept, |v4, edits| match v4 {
                V4Image::List(runs) => *runs = edit_runs(runs, edits),
                V4Image::Blocks(blocks) => blocks.edit(edits).unwrap(),
            });
            are_alike(&copied, &kept, &step.added);
        }
        match kept.values().iter().any(is_lent) {
            true => lent += 1,
            false => moved += 1,
        }
    }
    assert!(lent > 20 && moved > 20, "{lent} {moved}");
}
