//! Measures what a history costs: of a list at random, a million entries and 2,000 versions, or of
//! the images that are given, oldest first. `scripts/bench-postmaster history` runs it and holds what
//! it prints against the gates.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a measurement may panic; its numbers are small and shown with two digits"
)]

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Instant;

use rblmap::{Image, NameKey, Run};
use rblmap_content::{Draft, Record, ValueBuf};
use rblmap_history::{Log, Retention, Subject};
use rblmap_image::{Stamp, encode};

const ENTRIES: usize = 1_000_000;
const VERSIONS: u64 = 2000;
const KEEP: Retention = Retention {
    seconds: u64::MAX,
    bytes: u64::MAX,
};

fn main() {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::new(dir.path().join("h"));
    let images: Vec<String> = std::env::args().skip(1).collect();
    if images.is_empty() {
        of_random_list(&log);
    } else {
        of_images(&log, &images);
    }
}

fn of_images(log: &Log, paths: &[String]) {
    let (mut events, mut before) = (0, None);
    for path in paths {
        let next = Image::read(path).unwrap();
        let appended = log.append(before.as_ref(), &next, next.created(), &KEEP);
        events += appended.unwrap().changes;
        before = Some(next);
    }
    tell_size(log, events);
}

fn of_random_list(log: &Log) {
    let mut list = List::random();
    let mut before = list.image(1);
    log.append(None, &before, time(1), &KEEP).unwrap();
    let (mut events, mut most) = (0, 0);
    let (mut walks, mut appends) = (Vec::new(), Vec::new());
    for serial in 2..=VERSIONS {
        list.change();
        let next = list.image(serial);
        let started = Instant::now();
        rblmap_history::changes(Some(&before), &next, |_| {}).unwrap();
        walks.push(milliseconds(started));
        let started = Instant::now();
        let appended = log.append(Some(&before), &next, time(serial), &KEEP);
        events += appended.unwrap().changes;
        appends.push(milliseconds(started) - walks[walks.len() - 1]);
        most = most.max(std::fs::read_dir(log.folder()).unwrap().count());
        before = next;
    }
    tell_size(log, events);
    println!("{most} segments at most, after any update");
    tell_appends(&mut walks, &mut appends);
    tell_questions(log, &mut list);
}

fn time(serial: u64) -> u64 {
    1_700_000_000 + serial * 3600
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

/// Addresses in 40,000 networks of /24, and those that once were listed.
struct List {
    random: fastrand::Rng,
    networks: Vec<u32>,
    listed: BTreeSet<u32>,
    gone: Vec<u32>,
}

impl List {
    fn random() -> Self {
        let mut random = fastrand::Rng::with_seed(20);
        let mut networks: Vec<u32> = (0..40_000).map(|_| random.u32(..) & !0xff).collect();
        networks.sort_unstable();
        let mut list = Self {
            random,
            networks,
            listed: BTreeSet::new(),
            gone: Vec::new(),
        };
        while list.listed.len() < ENTRIES {
            let address = list.address();
            list.listed.insert(address);
        }
        list
    }

    fn address(&mut self) -> u32 {
        self.networks[self.random.usize(..self.networks.len())] | self.random.u32(..256)
    }

    fn past(&mut self) -> u32 {
        self.gone[self.random.usize(..self.gone.len())]
    }

    /// Replaces 0.01 to 0.1 % of the entries; three of ten that come have been listed before.
    fn change(&mut self) {
        let churn = 10f64.powf(-4.0 + self.random.f64());
        let count = (ENTRIES as f64 * churn / 2.0) as usize;
        // What comes and goes in one change leaves no event.
        let mut came = BTreeSet::new();
        for _ in 0..count {
            let at = self.address();
            if let Some(&old) = self.listed.range(at..).next() {
                self.listed.remove(&old);
                if !came.remove(&old) {
                    self.gone.push(old);
                }
            }
            let comes_back = self.random.u8(..10) < 3 && !self.gone.is_empty();
            let new = if comes_back {
                self.past()
            } else {
                self.address()
            };
            if self.listed.insert(new) {
                came.insert(new);
            }
        }
    }

    fn image(&self, serial: u64) -> Image {
        let mut draft = Draft::new("ops.example".parse().unwrap());
        let a = Some([127, 0, 0, 2].into());
        let value = ValueBuf::new([Record { a, text: None }]);
        let value = draft.values.intern(&value).unwrap();
        let runs = self.listed.iter().map(|&start| Run {
            start,
            end: start,
            value,
        });
        draft.zone_mut(&NameKey::ROOT).v4.extend(runs);
        let content = draft.finish().unwrap();
        let stamp = Stamp {
            serial,
            created: time(serial),
        };
        Image::from_vec(encode(&content, stamp).unwrap()).unwrap()
    }
}

fn tell_size(log: &Log, events: u64) {
    let history = log.open().unwrap();
    let bytes: u64 = history.segments().iter().map(|s| s.byte_count()).sum();
    println!(
        "{events} events, {bytes} bytes: {:.2} an event; {} segments",
        bytes as f64 / events as f64,
        history.segments().len()
    );
}

fn part(sorted: &[f64], part: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * part) as usize]
}

fn tell_appends(walks: &mut [f64], appends: &mut [f64]) {
    let all: f64 = appends.iter().sum();
    walks.sort_by(f64::total_cmp);
    appends.sort_by(f64::total_cmp);
    println!(
        "append, beside the walk over both images: median {:.2} ms, p99 {:.2}, max {:.2}, all {:.2} s; \
         the walk {:.1} ms",
        part(appends, 0.5),
        part(appends, 0.99),
        part(appends, 1.0),
        all / 1e3,
        part(walks, 0.5)
    );
}

fn tell_questions(log: &Log, list: &mut List) {
    let mut opened = Vec::new();
    for _ in 0..20 {
        let subject = Subject::Address(Ipv4Addr::from(list.past()).into());
        let started = Instant::now();
        let history = log.open().unwrap();
        std::hint::black_box(history.events(&NameKey::ROOT, &subject));
        opened.push(milliseconds(started));
    }
    opened.sort_by(f64::total_cmp);
    let history = log.open().unwrap();
    let started = Instant::now();
    for _ in 0..2000 {
        let subject = Subject::Address(Ipv4Addr::from(list.past()).into());
        assert!(!history.events(&NameKey::ROOT, &subject).is_empty());
    }
    println!(
        "question: {:.3} ms with the log open; {:.2} ms with opening and checking it",
        milliseconds(started) / 2000.0,
        part(&opened, 0.5)
    );
}
