//! Thousands of updates of one list in a made-up week: published and mirrored in one process that
//! goes on as `mirror --watch` does, with readers in it, beside a `rblmap serve` under load and with
//! history on. `scripts/soak` starts it.
//!
//!     soak UPDATES RBLMAP
//!
//! Prints what a tenth of the updates cost each, and ends with 1 if anything grew, if anybody got a
//! wrong answer, or if the last image is not what a build from the list gives.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::big_endian_bytes,
    reason = "a program that measures may panic, and prints"
)]

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rblmap::{Image, Live, NameKey, Run, Timestamp};
use rblmap_content::{Content, Draft, Record, ValueBuf};
use rblmap_feed::{
    Folder, Outcome, PublishOptions, Settings, SigningKey, Source, keygen, mirror, publish,
    read_public,
};
use rblmap_image::{Stamp, encode};

const ZONE: &str = "ops.example";
const WEEK: u64 = 7 * 86_400;
const ADDRESSES: usize = 5_000;
const ALWAYS: u32 = u32::from_be_bytes([192, 0, 2, 1]);
/// What guards and readers of a list expect in each.
const TEST_POINT: u32 = u32::from_be_bytes([127, 0, 0, 2]);
const NEVER: u32 = u32::from_be_bytes([198, 51, 100, 1]);
const WINDOWS: u64 = 10;
/// So many waits are kept.
const WAITS: usize = 1 << 17;

/// What readers and clients share with the updates.
#[derive(Default)]
struct Seen {
    stop: AtomicBool,
    wrong: AtomicU64,
    lookups: AtomicU64,
    /// Microseconds of the last answers of `serve`, and how many there were: as much memory from the
    /// first to the last window.
    waits: Mutex<(Vec<u32>, usize)>,
}

/// What a tenth of the updates cost.
struct Window {
    updates: u64,
    memory: [u64; 2],
    descriptors: [usize; 2],
    files: [usize; 2],
    publish: f64,
    mirror: [f64; 2],
    answer: [f64; 2],
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    let (Some(updates), Some(rblmap)) = (words.get(1).and_then(|n| n.parse().ok()), words.get(2))
    else {
        println!("soak UPDATES RBLMAP");
        return ExitCode::from(2);
    };
    let dir = tempfile::tempdir().unwrap();
    let mut soak = Soak::new(dir.path(), updates);
    soak.update(0);
    let server = serve(dir.path(), Path::new(rblmap));
    let seen = Arc::new(Seen::default());
    let others = others(dir.path(), &seen);
    let mut windows = Vec::new();
    for tenth in 0..WINDOWS {
        windows.push(soak.window(tenth, updates / WINDOWS, server.0.id(), &seen));
        print(windows.last().unwrap(), windows.len() == 1);
    }
    let same = soak.is_a_build(Path::new(rblmap));
    seen.stop.store(true, Ordering::Relaxed);
    others.into_iter().for_each(|thread| thread.join().unwrap());
    drop(server);
    let (wrong, lookups) = (
        seen.wrong.load(Ordering::Relaxed),
        seen.lookups.load(Ordering::Relaxed),
    );
    println!(
        "\nlookups by readers and clients: {lookups}, wrong: {wrong}; content as rebuilt: {same}"
    );
    let grown = grown(&windows);
    grown.iter().for_each(|what| println!("GREW: {what}"));
    match grown.is_empty() && wrong == 0 && same {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// The publisher and the mirror.
struct Soak {
    dir: PathBuf,
    list: BTreeSet<u32>,
    dice: fastrand::Rng,
    key: SigningKey,
    settings: Settings,
    options: PublishOptions,
    begin: u64,
    step: f64,
    publish: Vec<u32>,
    mirror: Vec<u32>,
}

impl Soak {
    fn new(dir: &Path, updates: u64) -> Soak {
        let keys = keygen(&dir.join("ops"), None).unwrap();
        let mut dice = fastrand::Rng::with_seed(28);
        let mut list: BTreeSet<u32> = (0..ADDRESSES).map(|_| dice.u32(..)).collect();
        list.extend([ALWAYS, TEST_POINT]);
        let source = Source::Local(dir.join("feed"));
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs();
        Soak {
            dir: dir.to_owned(),
            list,
            dice,
            key: SigningKey::read(&keys.online, None).unwrap(),
            settings: Settings::new(vec![source], read_public(&keys.public).unwrap()),
            options: PublishOptions {
                // The made-up week ends now, and `serve` has a clock of its own.
                expires: Some(14 * 86_400),
                ..PublishOptions::default()
            },
            begin: now - WEEK,
            step: WEEK as f64 / (updates + 1) as f64,
            publish: Vec::new(),
            mirror: Vec::new(),
        }
    }

    /// A few addresses come and go, now and then hundreds.
    fn change(&mut self, number: u64) {
        let many = if number % 50 == 7 { 200 } else { 3 };
        for _ in 0..many {
            let from = self.dice.u32(..);
            let gone = self.list.range(from..).next().copied();
            if let Some(gone) = gone.filter(|gone| ![ALWAYS, TEST_POINT].contains(gone)) {
                self.list.remove(&gone);
            }
            let new = self.dice.u32(..);
            if new != NEVER && new != u32::from_be_bytes([127, 0, 0, 1]) {
                self.list.insert(new);
            }
        }
    }

    fn update(&mut self, number: u64) {
        self.change(number);
        let now = self.begin + (self.step * number as f64) as u64;
        let image = self.dir.join("new.rbl");
        fs::write(
            &image,
            encode(&content(&self.list), Stamp::default()).unwrap(),
        )
        .unwrap();
        let start = Instant::now();
        let reports = publish(
            &self.dir.join("feed"),
            &[image],
            &self.key,
            &self.options,
            now,
        );
        for report in reports.unwrap() {
            report.result.unwrap();
        }
        self.publish.push(start.elapsed().as_micros() as u32);
        let start = Instant::now();
        let folder = Folder::new(self.dir.join("mirror"));
        for report in mirror(&folder, &self.settings, now).unwrap() {
            let outcome = report.result.unwrap();
            assert!(
                matches!(outcome, Outcome::Updated(_)),
                "update {number}: {outcome:?}"
            );
        }
        self.mirror.push(start.elapsed().as_micros() as u32);
    }

    fn window(&mut self, tenth: u64, updates: u64, server: u32, seen: &Seen) -> Window {
        (self.publish, self.mirror) = (Vec::new(), Vec::new());
        *seen.waits.lock().unwrap() = (vec![1; WAITS], 0);
        for number in 0..updates {
            self.update(tenth * updates + number + 1);
        }
        let own = std::process::id();
        let memory = [memory(own), memory(server)];
        let (mut waits, count) = std::mem::take(&mut *seen.waits.lock().unwrap());
        waits.truncate(count);
        Window {
            updates: (tenth + 1) * updates,
            memory,
            descriptors: [descriptors(own), descriptors(server)],
            files: [
                files(&self.dir.join("feed")),
                files(&self.dir.join("mirror")),
            ],
            publish: part(&mut self.publish, 50) / 1000.0,
            mirror: [
                part(&mut self.mirror, 50) / 1000.0,
                part(&mut self.mirror, 99) / 1000.0,
            ],
            answer: [part(&mut waits, 50), part(&mut waits, 99)],
        }
    }

    /// Whether the mirror's image has the content of a build from the list as text.
    fn is_a_build(&self, rblmap: &Path) -> bool {
        let text: String = self
            .list
            .iter()
            .map(|at| format!("{}\n", Ipv4Addr::from(*at)))
            .collect();
        let (source, built) = (self.dir.join("list.txt"), self.dir.join("built.rbl"));
        fs::write(&source, text).unwrap();
        let spec = format!("{ZONE}:plain:{}", source.display());
        let done = Command::new(rblmap)
            .args(["build", "-q", "-o"])
            .arg(&built)
            .arg(spec)
            .status();
        assert!(done.unwrap().success());
        let mirrored = Image::read(self.dir.join("mirror").join(format!("{ZONE}.rbl"))).unwrap();
        mirrored.verify().unwrap();
        mirrored.content_id() == Image::read(built).unwrap().content_id()
    }
}

/// The list as a source of type plain has it.
fn content(list: &BTreeSet<u32>) -> Content {
    let mut draft = Draft::new(ZONE.parse().unwrap());
    let record = Record {
        a: Some(Ipv4Addr::new(127, 0, 0, 2)),
        text: None,
    };
    let value = draft.values.intern(&ValueBuf::new([record])).unwrap();
    let run = |at: &u32| Run {
        start: *at,
        end: *at,
        value,
    };
    draft.zone_mut(&NameKey::ROOT).v4 = list.iter().map(run).collect();
    draft.finish().unwrap()
}

/// A `rblmap serve` that ends with this.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn serve(dir: &Path, rblmap: &Path) -> Server {
    let (policy, mirror) = (dir.join("policy"), dir.join("mirror"));
    let text = format!(
        "[listen]\npolicy = [\"unix:{}\"]\n[[zone]]\nname = \"{ZONE}\"\nfrom = \"{}\"\nmode = \"reject\"\n",
        policy.display(),
        mirror.display()
    );
    fs::write(dir.join("mail.toml"), text).unwrap();
    let mut command = Command::new(rblmap);
    command
        .args(["serve", "--allow-root", "--config"])
        .arg(dir.join("mail.toml"));
    let server = Server(command.stderr(Stdio::null()).spawn().unwrap());
    while !policy.exists() {
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(Duration::from_millis(200));
    server
}

/// Two readers in this process, and four clients of `serve`.
fn others(dir: &Path, seen: &Arc<Seen>) -> Vec<std::thread::JoinHandle<()>> {
    let live = Live::builder(dir.join("mirror"), ZONE).read().unwrap();
    let mut threads = Vec::new();
    for _ in 0..2 {
        let (live, seen) = (live.clone(), Arc::clone(seen));
        threads.push(std::thread::spawn(move || read(&live, &seen)));
    }
    for _ in 0..4 {
        let (path, seen) = (dir.join("policy"), Arc::clone(seen));
        threads.push(std::thread::spawn(move || ask(&path, &seen)));
    }
    threads
}

fn read(live: &Live, seen: &Seen) {
    let mut reader = live.reader();
    while !seen.stop.load(Ordering::Relaxed) {
        let current = reader.current(Timestamp::now());
        for _ in 0..100 {
            let listed = current.base().lookup(ALWAYS.to_be_bytes()).is_listed();
            let other = current.base().lookup(NEVER.to_be_bytes()).is_listed();
            seen.wrong
                .fetch_add(u64::from(!listed || other), Ordering::Relaxed);
        }
        seen.lookups.fetch_add(200, Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn ask(path: &Path, seen: &Seen) {
    let mut stream = UnixStream::connect(path).unwrap();
    let mut answer = [0; 1024];
    while !seen.stop.load(Ordering::Relaxed) {
        for (address, text) in [
            ("192.0.2.1", "action=550 "),
            ("198.51.100.1", "action=DUNNO"),
        ] {
            let start = Instant::now();
            let question = format!("request=smtpd_access_policy\nclient_address={address}\n\n");
            stream.write_all(question.as_bytes()).unwrap();
            let mut length = 0;
            while !answer[..length].ends_with(b"\n\n") {
                let more = stream.read(&mut answer[length..]).unwrap();
                assert!(more > 0, "serve closed a connection");
                length += more;
            }
            let took = start.elapsed().as_micros() as u32;
            let (waits, count) = &mut *seen.waits.lock().unwrap();
            if let Some(place) = waits.get_mut(*count % WAITS) {
                *place = took;
            }
            *count += 1;
            let right = answer.starts_with(text.as_bytes());
            seen.wrong.fetch_add(u64::from(!right), Ordering::Relaxed);
            seen.lookups.fetch_add(1, Ordering::Relaxed);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("RssAnon:"))
        .unwrap();
    line.split_ascii_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap()
}

fn descriptors(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}

/// How many files there are in a folder and below.
fn files(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let count = |entry: fs::DirEntry| match entry.file_type().unwrap().is_dir() {
        true => files(&entry.path()),
        false => 1,
    };
    entries.map(count).sum()
}

/// The value below which so many percent are.
fn part(values: &mut [u32], percent: usize) -> f64 {
    values.sort_unstable();
    let at = values.len().saturating_sub(1) * percent / 100;
    values.get(at).map_or(0.0, |value| f64::from(*value))
}

fn print(window: &Window, first: bool) {
    if first {
        println!(
            "| updates | memory here, kB | of serve, kB | descriptors here | of serve | files of the feed | of the mirror | publish p50, ms | mirror p50, ms | p99 | answer p50, us | p99 |"
        );
        println!("|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
    }
    let Window {
        updates,
        memory,
        descriptors,
        files,
        publish,
        mirror,
        answer,
    } = window;
    println!(
        "| {updates} | {} | {} | {} | {} | {} | {} | {publish:.1} | {:.1} | {:.1} | {:.0} | {:.0} |",
        memory[0],
        memory[1],
        descriptors[0],
        descriptors[1],
        files[0],
        files[1],
        mirror[0],
        mirror[1],
        answer[0],
        answer[1]
    );
}

/// What is more at the end than after three tenths, when a day's files have come and gone: by more
/// than a quarter, times by more than double, since machines differ from minute to minute.
fn grown(windows: &[Window]) -> Vec<String> {
    type Measure = fn(&Window) -> f64;
    let middle = |of: Measure, range: &[Window]| {
        let mut values: Vec<f64> = range.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let measures: [(&str, f64, Measure); 9] = [
        ("memory here", 1.25, |it| it.memory[0] as f64),
        ("memory of serve", 1.25, |it| it.memory[1] as f64),
        ("descriptors here", 1.01, |it| it.descriptors[0] as f64),
        ("descriptors of serve", 1.01, |it| it.descriptors[1] as f64),
        ("files of the feed", 1.25, |it| it.files[0] as f64),
        ("files of the mirror", 1.25, |it| it.files[1] as f64),
        ("time to publish", 2.0, |it| it.publish),
        ("time to mirror", 2.0, |it| it.mirror[0]),
        ("time to answer", 2.0, |it| it.answer[0]),
    ];
    let mut grown = Vec::new();
    for (what, factor, of) in measures {
        let (before, after) = (middle(of, &windows[2..5]), middle(of, &windows[7..]));
        if after > before * factor {
            grown.push(format!("{what}: {before:.1} to {after:.1}"));
        }
    }
    grown
}
