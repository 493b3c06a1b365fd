//! Questions made from what an image holds.

use fastrand::Rng;
use rblmap::{Image, NameKey, NameRule, Run, Zone};

use crate::output::Output;

use super::mix::{Asked, Key, Mix, Placed, Questions, Source};

/// The same questions in each run.
const SEED: u64 = 1;
/// Keys of a mix: IPv4, IPv6, names.
const V4_KEYS: usize = 1 << 20;
const V6_KEYS: usize = 1 << 18;
const NAME_KEYS: usize = 1 << 16;
/// Subzones of an image that are asked at most.
const SUBZONES: usize = 1 << 12;
/// Of more images than these only all together are measured.
const IMAGES: usize = 4;

/// All mixes: of each image its base and its subzones, and of several images all together.
pub(super) fn mixes<'i>(sources: &[Source<'i>], output: &Output) -> Vec<Mix<'i>> {
    let mut mixes = Vec::new();
    if sources.len() <= IMAGES {
        for source in sources {
            mixes.extend(base(source));
            mixes.extend(subzones(source));
        }
    } else {
        output.note(format!(
            "{} images: measured all together, not one by one",
            sources.len()
        ));
    }
    if sources.len() > 1 {
        mixes.extend(together(sources));
    }
    mixes
}

/// Keys of all kinds for one zone.
#[derive(Default)]
struct Keys {
    v4_hit: Vec<u32>,
    v4_miss: Vec<u32>,
    v6_hit: Vec<u128>,
    v6_miss: Vec<u128>,
    exact: Vec<NameKey>,
    below: Vec<NameKey>,
    name_miss: Vec<NameKey>,
}

impl Keys {
    /// Of one of so many zones that are asked in one mix.
    fn of(image: &Image, zone: &Zone<'_>, share: usize) -> Keys {
        let rng = &mut Rng::with_seed(SEED);
        let each = |keys: usize| keys.div_ceil(share.max(1));
        let mut keys = Keys::default();
        let runs = some_runs(image, || zone.v4_runs(), each(V4_KEYS));
        if !runs.is_empty() {
            keys.v4_hit = from_runs(&runs, each(V4_KEYS), |run| rng.u32(run.start..=run.end));
            keys.v4_miss = (0..each(V4_KEYS)).map(|_| public(rng)).collect();
        }
        let runs = some_runs(image, || zone.v6_runs(), each(V6_KEYS));
        if !runs.is_empty() {
            keys.v6_hit = from_runs(&runs, each(V6_KEYS), |run| rng.u128(run.start..=run.end));
            // In the same /32 as something listed: what is far from everything is told at once.
            let inside = u128::MAX >> 32;
            keys.v6_miss = from_runs(&runs, each(V6_KEYS), |run| {
                run.start & !inside | rng.u128(..) & inside
            });
        }
        keys.add_names(image, zone, each(NAME_KEYS));
        keys.v4_hit.retain(|key| key.listed(zone));
        keys.v4_miss.retain(|key| !key.listed(zone));
        keys.v6_hit.retain(|key| key.listed(zone));
        keys.v6_miss.retain(|key| !key.listed(zone));
        keys.exact.retain(|key| key.listed(zone));
        keys.below.retain(|key| key.listed(zone));
        keys.name_miss.retain(|key| !key.listed(zone));
        keys
    }

    fn add_names(&mut self, image: &Image, zone: &Zone<'_>, count: usize) {
        let rng = &mut Rng::with_seed(SEED + 1);
        let lists = |slot: NameRule| match slot {
            NameRule::Value(id) => image.value(id).records().any(|record| record.a.is_some()),
            NameRule::Inherit | NameRule::Nothing => false,
        };
        let step = zone.name_count().div_ceil(count.max(1)).max(1);
        for point in zone.names().step_by(step) {
            if lists(point.exact) {
                self.exact.push(point.key);
            }
            if lists(point.below) {
                self.below.extend(with_label(rng, &point.key));
            }
            // A name beside a listed one, under the same parent.
            let parent = point.key.parent().unwrap_or(NameKey::ROOT);
            self.name_miss.extend(with_label(rng, &parent));
        }
        rng.shuffle(&mut self.exact);
        rng.shuffle(&mut self.below);
        rng.shuffle(&mut self.name_miss);
    }
}

/// A name directly below another one, with a label of ten letters; none if it is too long.
fn with_label(rng: &mut Rng, name: &NameKey) -> Option<NameKey> {
    let mut label: Vec<u8> = Vec::with_capacity(10);
    label.extend((0..10).map(|_| rng.u8(b'a'..=b'z')));
    let mut longer = *name;
    longer.push_label(&label).ok()?;
    Some(longer)
}

/// Runs that list something, spread over all of them, at most about `count`.
fn some_runs<A, I: Iterator<Item = Run<A>>>(
    image: &Image,
    runs: impl Fn() -> I,
    count: usize,
) -> Vec<Run<A>> {
    let step = runs().count().div_ceil(count.max(1)).max(1);
    let lists = |run: &Run<A>| {
        let value = image.value(run.value);
        value.records().any(|record| record.a.is_some())
    };
    runs().step_by(step).filter(lists).collect()
}

/// `count` keys, each from a run at random: a run counts once however long it is.
fn from_runs<A: Copy>(runs: &[Run<A>], count: usize, mut key: impl FnMut(&Run<A>) -> A) -> Vec<A> {
    let rng = &mut Rng::with_seed(SEED + 2);
    let pick = (0..count).filter_map(|_| runs.get(rng.usize(..runs.len())));
    pick.map(&mut key).collect()
}

/// An IPv4 address that a client on the Internet may have.
fn public(rng: &mut Rng) -> u32 {
    loop {
        let address = std::net::Ipv4Addr::from_bits(rng.u32(0x0100_0000..0xe000_0000));
        if !address.is_private() && !address.is_loopback() && !address.is_link_local() {
            return address.to_bits();
        }
    }
}

/// Makes a mix of the keys of each kind that there are.
struct Maker<'i> {
    image: String,
    zone: String,
    images: Vec<&'i Image>,
    mixes: Vec<Mix<'i>>,
}

impl<'i> Maker<'i> {
    fn add(&mut self, asked: &'static str, count: usize, questions: Questions<'i>) {
        if count > 0 {
            self.mixes.push(Mix {
                asked,
                image: self.image.clone(),
                zone: self.zone.clone(),
                images: self.images.clone(),
                questions,
            });
        }
    }

    fn add_v4(&mut self, asked: &'static str, keys: Asked<'i, u32>) {
        self.add(asked, keys.len(), Questions::Address(keys));
    }

    fn add_v6(&mut self, asked: &'static str, keys: Asked<'i, u128>) {
        self.add(asked, keys.len(), Questions::Ipv6(keys));
    }

    fn add_names(&mut self, asked: &'static str, keys: Asked<'i, NameKey>) {
        self.add(asked, keys.len(), Questions::Name(keys));
    }
}

fn base<'i>(source: &Source<'i>) -> Vec<Mix<'i>> {
    let zone = source.image.base();
    one(source, zone, "@".to_owned())
}

fn one<'i>(source: &Source<'i>, zone: Zone<'i>, name: String) -> Vec<Mix<'i>> {
    let keys = Keys::of(source.image, &zone, 1);
    let mut maker = Maker {
        image: source.label(),
        zone: name,
        images: vec![source.image],
        mixes: Vec::new(),
    };
    maker.add_v4("hit", Asked::One(Box::new(zone), keys.v4_hit));
    maker.add_v4("miss", Asked::One(Box::new(zone), keys.v4_miss));
    maker.add_v6("hit", Asked::One(Box::new(zone), keys.v6_hit));
    maker.add_v6("miss", Asked::One(Box::new(zone), keys.v6_miss));
    maker.add_names("exact", Asked::One(Box::new(zone), keys.exact));
    maker.add_names("below", Asked::One(Box::new(zone), keys.below));
    maker.add_names("miss", Asked::One(Box::new(zone), keys.name_miss));
    maker.mixes
}

/// The subzones of an image, each asked with keys of its own.
fn subzones<'i>(source: &Source<'i>) -> Vec<Mix<'i>> {
    let zones = source.image.zones().flatten();
    let zones: Vec<Zone<'i>> = zones
        .filter(|zone| zone.name() != NameKey::ROOT)
        .take(SUBZONES)
        .collect();
    if let [zone] = zones[..] {
        return one(source, zone, zone.name().to_string());
    }
    let all: Vec<Keys> = zones
        .iter()
        .map(|zone| Keys::of(source.image, zone, zones.len()))
        .collect();
    let mut maker = Maker {
        image: source.label(),
        zone: format!("{} subzones", zones.len()),
        images: vec![source.image],
        mixes: Vec::new(),
    };
    maker.add_v4("hit", each(&zones, &all, |keys| &keys.v4_hit));
    maker.add_v4("miss", each(&zones, &all, |keys| &keys.v4_miss));
    maker.add_v6("hit", each(&zones, &all, |keys| &keys.v6_hit));
    maker.add_v6("miss", each(&zones, &all, |keys| &keys.v6_miss));
    maker.add_names("exact", each(&zones, &all, |keys| &keys.exact));
    maker.add_names("below", each(&zones, &all, |keys| &keys.below));
    maker.add_names("miss", each(&zones, &all, |keys| &keys.name_miss));
    maker.mixes
}

/// The keys of all zones, mixed.
fn each<'i, K: Key>(zones: &[Zone<'i>], all: &[Keys], of: fn(&Keys) -> &Vec<K>) -> Asked<'i, K> {
    let mut placed = Vec::new();
    for (zone, keys) in (0u32..).zip(all) {
        placed.extend(of(keys).iter().map(|&key| Placed { key, zone }));
    }
    Rng::with_seed(SEED + 3).shuffle(&mut placed);
    Asked::Each(zones.to_vec(), placed)
}

/// The base zones of several images, all asked with each key.
fn together<'i>(sources: &[Source<'i>]) -> Vec<Mix<'i>> {
    let zones: Vec<Zone<'i>> = sources.iter().map(|source| source.image.base()).collect();
    let all: Vec<Keys> = sources
        .iter()
        .zip(&zones)
        .map(|(source, zone)| Keys::of(source.image, zone, zones.len()))
        .collect();
    let mut maker = Maker {
        image: format!("{} images", sources.len()),
        zone: "@".to_owned(),
        images: sources.iter().map(|source| source.image).collect(),
        mixes: Vec::new(),
    };
    maker.add_v4("hit", every(&zones, &all, true, |keys| &keys.v4_hit));
    maker.add_v4("miss", every(&zones, &all, false, |keys| &keys.v4_miss));
    maker.add_v6("hit", every(&zones, &all, true, |keys| &keys.v6_hit));
    maker.add_v6("miss", every(&zones, &all, false, |keys| &keys.v6_miss));
    maker.add_names("exact", every(&zones, &all, true, |keys| &keys.exact));
    maker.add_names("below", every(&zones, &all, true, |keys| &keys.below));
    maker.add_names("miss", every(&zones, &all, false, |keys| &keys.name_miss));
    maker.mixes
}

/// The keys of all images, mixed; those that no image lists, if they are not to be listed.
fn every<'i, K: Key>(
    zones: &[Zone<'i>],
    all: &[Keys],
    listed: bool,
    of: fn(&Keys) -> &Vec<K>,
) -> Asked<'i, K> {
    let mut keys: Vec<K> = all.iter().flat_map(of).copied().collect();
    keys.retain(|key| listed || !zones.iter().any(|zone| key.listed(zone)));
    Rng::with_seed(SEED + 3).shuffle(&mut keys);
    Asked::All(zones.to_vec(), keys)
}
