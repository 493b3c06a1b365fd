//! Random zone files, built here and served by a real `rbldnsd`: every answer, every refusal and
//! every warning is the same.
#![allow(unreachable_pub, reason = "modules of one test")]
#![allow(clippy::big_endian_bytes, reason = "DNS is in network order")]
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

#[path = "../../../zonefile/tests/moved/mod.rs"]
mod moved;
mod server;
mod sources;

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use fastrand::Rng;
use moved::moved;
use rblmap::{Image, NameKey, TextBuf};
use rblmap_content::Content;
use rblmap_image::{Stamp, encode};
use rblmap_zonefile::{
    Built, Class, Error, ListFormat, Options, Reading, Spec, build, write_list, zone_files,
};
use server::{BASE, Server, Told};
use tempfile::TempDir;

/// `RBLMAP_ORACLE_ROUNDS` and `RBLMAP_ORACLE_SEED` ask for more, or for others.
const ROUNDS: u64 = 60;
/// The same on every machine: a change is to blame if this fails.
const SEED: u64 = 1;
const QUESTIONS: usize = 150;

#[test]
fn random_zones_are_answered_as_rbldnsd_does() {
    let Some(program) = server::program() else {
        return;
    };
    let number = |name| {
        std::env::var(name)
            .ok()
            .map(|text: String| text.parse().unwrap())
    };
    let seed = number("RBLMAP_ORACLE_SEED").unwrap_or(SEED);
    let rounds = number("RBLMAP_ORACLE_ROUNDS").unwrap_or(ROUNDS);
    let mut counts = Counts::default();
    let mut before = None;
    for seed in seed..seed + rounds {
        println!("seed {seed}");
        let round = Round::new(seed);
        if let Some(image) = round.run(&program, &mut counts) {
            moved(&image, before.as_ref());
            before = Some(image);
        }
    }
    println!("{counts:?}");
    let Counts {
        served,
        refused,
        listed,
        warnings,
    } = counts;
    let enough = listed > 10 * rounds && served > refused && warnings > rounds;
    assert!(enough || rounds < 30, "{counts:?}");
}

/// Whether a name that spells an address lies in a subzone, which then is a number: there we differ
/// (`docs/zonefile.md`).
fn is_hidden(image: &Image, name: &NameKey) -> bool {
    let above = std::iter::successors(name.parent(), NameKey::parent);
    let mut above = above.filter(|key| key.label_count() > 0);
    matches!(name.label_count(), 4 | 32)
        && above.any(|key| image.zone(&key.to_string()).unwrap().is_some())
        && name
            .labels()
            .iter()
            .all(|label| label.iter().all(u8::is_ascii_hexdigit))
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    served: u64,
    refused: u64,
    listed: u64,
    warnings: u64,
}

/// Files, and what is built of them.
struct Round {
    rng: Rng,
    folder: TempDir,
    specs: Vec<Spec>,
    options: Options,
    seed: u64,
}

impl Round {
    fn new(seed: u64) -> Round {
        let mut rng = Rng::with_seed(seed);
        let folder = TempDir::new().unwrap();
        let mut specs: Vec<Spec> = Vec::new();
        for number in 0..rng.usize(1..4) {
            let dataset = loop {
                let dataset = sources::dataset(&mut rng);
                if !dataset.has_ipv6_in_ip4trie() {
                    break dataset;
                }
            };
            let zone = match rng.u8(..5) {
                0 if number > 0 => format!("sub.{BASE}"),
                _ => BASE.to_owned(),
            };
            let files = dataset.files.iter().enumerate().map(|(part, text)| {
                let path = folder.path().join(format!("{number}-{part}.zone"));
                std::fs::write(&path, text).unwrap();
                path
            });
            let files: Vec<PathBuf> = files.collect();
            let (zone, kind) = (zone.parse().unwrap(), dataset.kind.parse().unwrap());
            let reading = None;
            specs.push(Spec {
                zone,
                kind,
                files,
                reading,
            });
        }
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let options = Options {
            now: since.unwrap().as_secs(),
            reading: Reading {
                host_bits: rng.u8(..4) == 0,
                ..Reading::default()
            },
            ..Options::default()
        };
        Round {
            rng,
            folder,
            specs,
            options,
            seed,
        }
    }

    fn run(mut self, program: &Path, counts: &mut Counts) -> Option<Image> {
        let ours = build(&self.specs, &self.options);
        let flags: &[&str] = if self.options.reading.host_bits {
            &["-e"]
        } else {
            &[]
        };
        let mut server = Server::start(program, self.folder.path(), &self.specs, flags);
        self.compare_warnings(&ours, &server.log(), counts);
        let what = || format!("{}\n{}", self.shown(), server.log());
        assert_eq!(
            ours.is_ok(),
            server.up,
            "{:?}\n{}",
            ours.as_ref().err(),
            what()
        );
        let Ok(built) = ours else {
            counts.refused += 1;
            return None;
        };
        counts.served += 1;
        let image = encode(&built.content, Stamp::default()).unwrap();
        let image = Image::from_vec(image).unwrap();
        for _ in 0..QUESTIONS {
            let text = sources::question(&mut self.rng);
            let name = NameKey::parse(text.as_bytes()).unwrap();
            if is_hidden(&image, &name) {
                continue;
            }
            let theirs = server.ask(&name);
            let ours = self.ask(&image, &name);
            counts.listed += u64::from(!ours.a.is_empty());
            assert_eq!(ours, theirs, "ours and theirs for {text}: {}", self.shown());
        }
        self.written_back(&built);
        Some(image)
    }

    fn ask(&self, image: &Image, name: &NameKey) -> Told {
        let mut told = Told::default();
        // rbldnsd says SERVFAIL for a zone of its command line, subzones and all.
        let mut above = Some(*name);
        while let Some(key) = above.filter(|key| key.label_count() > 0) {
            let zone = format!("{key}.{BASE}");
            if self.specs.iter().any(|spec| spec.zone.as_str() == zone) {
                break;
            }
            above = key.parent();
        }
        let owner = above.unwrap_or(NameKey::ROOT);
        let owner = match owner.label_count() {
            0 => Some(image.base()),
            _ => image.zone(&owner.to_string()).unwrap(),
        };
        if owner.is_some_and(|zone| zone.expired_at(self.options.now)) {
            told.failed = true;
            return told;
        }
        let mut buffer = TextBuf::new();
        for record in image.query(name).unwrap().records() {
            told.a.extend(record.a());
            told.txt.extend(record.txt(&mut buffer).map(<[u8]>::to_vec));
        }
        told
    }

    /// rbldnsd prints five warnings a load, and says how many it kept to itself.
    fn compare_warnings(&self, ours: &Result<Built, Error>, log: &str, counts: &mut Counts) {
        let Ok(built) = ours else {
            return;
        };
        let mut said: Vec<(String, u64, Class)> = built
            .warnings
            .iter()
            .filter(|warning| !warning.class.is_ours())
            .map(|warning| {
                let file = warning
                    .file
                    .file_name()
                    .unwrap()
                    .to_string_lossy()
                    .into_owned();
                (file, warning.line, warning.class)
            })
            .collect();
        counts.warnings += said.len() as u64;
        let mut hidden = 0;
        for line in log.lines() {
            hidden += suppressed(line);
            let Some(theirs) = warning(line) else {
                continue;
            };
            let at = said.iter().position(|ours| *ours == theirs);
            let at =
                at.unwrap_or_else(|| panic!("only theirs: {theirs:?}\n{log}\n{}", self.shown()));
            said.swap_remove(at);
        }
        assert_eq!(
            said.len(),
            hidden,
            "only ours: {said:?}\n{log}\n{}",
            self.shown()
        );
    }

    /// What the content is written as builds the same content, and rbldnsd takes it without a word.
    fn written_back(&self, built: &Built) {
        let folder = TempDir::new().unwrap();
        let files = match zone_files(&built.content) {
            Ok(files) => files,
            // The one thing that sources can say and zone files of ours do not.
            Err(error) if error.to_string().contains("begins with white space") => return,
            Err(error) => panic!("{error}\n{}", self.shown()),
        };
        let specs: Vec<Spec> = files
            .iter()
            .enumerate()
            .map(|(number, file)| {
                let path = folder.path().join(number.to_string());
                std::fs::write(&path, &file.text).unwrap();
                let zone = file.zone.clone();
                Spec {
                    zone,
                    kind: "combined".parse().unwrap(),
                    files: vec![path],
                    reading: None,
                }
            })
            .collect();
        let again = build(&specs, &self.options).unwrap();
        let same = again.content.id() == built.content.id();
        let texts = files.iter().map(|file| String::from_utf8_lossy(&file.text));
        let texts: String = texts.collect();
        assert!(
            same,
            "{}\n{texts}\n<<<\n{}>>>\n{}===",
            self.shown(),
            listed(&built.content),
            listed(&again.content)
        );
    }

    fn shown(&self) -> String {
        let mut shown = format!(
            "seed {}, -e {}\n",
            self.seed, self.options.reading.host_bits
        );
        for spec in &self.specs {
            for file in &spec.files {
                let text = std::fs::read(file).unwrap();
                shown.push_str(&format!(
                    "--- {}:{} {}\n",
                    spec.zone,
                    spec.kind,
                    file.display()
                ));
                for (number, line) in (1..).zip(text.split(|&byte| byte == b'\n')) {
                    shown.push_str(&format!("{number:3} {}\n", line.escape_ascii()));
                }
            }
        }
        shown
    }
}

fn listed(content: &Content) -> String {
    let mut out = Vec::new();
    write_list(content, content.zones(), ListFormat::Csv, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// How many warnings were not printed for a spec; what is said of the datasets inside a combined
/// one is in its number.
fn suppressed(line: &str) -> usize {
    let Some((head, _)) = line.split_once(" more warnings suppressed") else {
        return 0;
    };
    let (dataset, count) = head.rsplit_once(": ").unwrap();
    let inside = dataset.matches(':').count() > 2;
    if inside { 0 } else { count.parse().unwrap() }
}

/// A line of the log as a warning: file, line, class.
fn warning(line: &str) -> Option<(String, u64, Class)> {
    let rest = line.strip_prefix("rbldnsd: file ")?;
    let (place, text) = rest.split_once(": ")?;
    let (_, class) = WORDINGS
        .iter()
        .find(|(wording, _)| text.contains(wording))?;
    let class = Class::ALL.iter().find(|known| known.as_str() == *class)?;
    let (file, number) = match place.split_once('(') {
        Some((file, number)) => (file, number.trim_end_matches(')').parse().unwrap()),
        None => (place, 0),
    };
    Some((file.to_owned(), number, *class))
}

/// rbldnsd's words for the classes of warnings.
const WORDINGS: [(&str, &str); 15] = [
    ("invalid address for", "bad-length"),
    ("invalid address", "bad-address"),
    ("non-zero host part", "host-bits"),
    ("too large range", "too-large"),
    ("invalid A RR", "bad-a"),
    ("unrecognized value", "bad-value"),
    ("TXT RR truncated", "txt-cut"),
    ("invalid domain name", "bad-name"),
    ("special entry", "bad-special"),
    ("duplicated entry", "duplicate"),
    ("attempt to increase", "maxrange-up"),
    ("long line", "long-line"),
    ("incomplete last line", "no-newline"),
    ("no subzone", "no-subzone"),
    ("invalid/unrecognized entry", "bad-entry"),
];
