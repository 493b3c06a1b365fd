//! Random zones, served by a real `rbldnsd` and by us: every reply is the same, section by section.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use domain::base::Message;
use domain::base::iana::{Rcode, Rtype};
use fastrand::Rng;
use rblmap::NameKey;
use rblmap_image::{Stamp, encode};
use rblmap_zonefile::{DatasetType, Options, Reading, Spec, build};
use tempfile::TempDir;

use super::client::{Ours, Told, query};
use super::peer::{self, BASE, Server};
use super::sources;

/// `RBLMAP_ORACLE_ROUNDS` and `RBLMAP_ORACLE_SEED` ask for more, or for the same again.
const ROUNDS: u64 = 40;
const QUESTIONS: usize = 120;
/// A text of so many bytes takes 256 in a record.
const LONGEST_TEXT: usize = 255;

#[test]
fn random_zones_are_answered_section_by_section_as_rbldnsd_does() {
    let Some(program) = peer::program() else {
        return;
    };
    let number = |name| {
        let text = std::env::var(name).ok();
        text.map(|text: String| text.parse().unwrap())
    };
    let seed = number("RBLMAP_ORACLE_SEED").unwrap_or_else(|| fastrand::u64(..1 << 32));
    let rounds = number("RBLMAP_ORACLE_ROUNDS").unwrap_or(ROUNDS);
    let (mut answered, mut wrong) = (0, 0);
    for seed in seed..seed + rounds {
        println!("seed {seed}");
        let (more, worse) = round(seed, &program);
        answered += more;
        wrong += worse;
    }
    assert_eq!(
        wrong, 0,
        "rounds with other replies than rbldnsd's, from seed {seed}"
    );
    assert!(answered > 3 * rounds, "{answered} answers with records");
}

/// The specs of random datasets, written to files in a folder.
fn specs(rng: &mut Rng, folder: &TempDir) -> Vec<Spec> {
    let mut specs: Vec<Spec> = Vec::new();
    for number in 0..rng.usize(1..4) {
        let dataset = sources::dataset(rng);
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
        specs.push(Spec {
            zone,
            kind,
            files,
            reading: None,
        });
    }
    specs
}

/// What both servers are started with.
struct Start {
    options: Options,
    minimal: bool,
}

impl Start {
    fn random(rng: &mut Rng) -> Start {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Start {
            options: Options {
                now: now.as_secs(),
                reading: Reading {
                    host_bits: rng.u8(..4) == 0,
                    ..Reading::default()
                },
                ..Options::default()
            },
            minimal: rng.bool(),
        }
    }

    /// With -a, rbldnsd leaves the name servers out of its answers, as we do without another word.
    fn flags(&self) -> Vec<&'static str> {
        let mut flags = vec!["-e"];
        flags.retain(|_| self.options.reading.host_bits);
        flags.extend(["-a"].iter().filter(|_| self.minimal));
        flags
    }

    /// A server of ours; `None` if we refuse the sources, which is the matter of another test.
    fn ours(&self, folder: &TempDir, specs: &[Spec]) -> Option<Ours> {
        let built = build(specs, &self.options).ok()?;
        // rbldnsd takes the newest time of the files where an SOA has no serial.
        let times = specs.iter().flat_map(|spec| &spec.files);
        let newest = times.map(|path| path.metadata().unwrap().modified().unwrap());
        let newest = newest.max().unwrap().duration_since(UNIX_EPOCH).unwrap();
        let stamp = Stamp {
            created: newest.as_secs(),
            ..Stamp::default()
        };
        let path = folder.path().join("image.rbl");
        std::fs::write(&path, encode(&built.content, stamp).unwrap()).unwrap();
        let switch = format!("dns_minimal = {}", self.minimal);
        Some(Ours::start(&[(BASE, &path)], &switch))
    }
}

/// A random question.
fn question(rng: &mut Rng, number: usize) -> (String, Rtype, Vec<u8>) {
    const TYPES: [Rtype; 7] = [
        Rtype::A,
        Rtype::TXT,
        Rtype::ANY,
        Rtype::SOA,
        Rtype::NS,
        Rtype::MX,
        Rtype::AAAA,
    ];
    let text = sources::question(rng);
    let name = NameKey::parse(text.as_bytes()).unwrap();
    let mut labels = name.labels();
    labels.reverse();
    labels.extend(BASE.split('.').map(|label| label.as_bytes().to_vec()));
    let rtype = TYPES[rng.usize(..TYPES.len())];
    let size = [None, Some(4096)][rng.usize(..2)];
    let packet = query(u16::try_from(number).unwrap(), &labels, rtype, size);
    (text, rtype, packet)
}

fn round(seed: u64, program: &std::path::Path) -> (u64, u64) {
    let mut rng = Rng::with_seed(seed);
    let folder = TempDir::new().unwrap();
    let specs = specs(&mut rng, &folder);
    if has_numbered_subzone(&specs) || has_ip6_in_ip4trie(&specs) {
        return (0, 0);
    }
    let start = Start::random(&mut rng);
    let Some(mut ours) = start.ours(&folder, &specs) else {
        return (0, 0);
    };
    let mut theirs = Server::start(program, folder.path(), &specs, &start.flags());
    let mut answered = 0;
    for number in 0..QUESTIONS {
        let (text, rtype, packet) = question(&mut rng, number);
        let their = theirs.exchange(&packet).expect("a reply of rbldnsd");
        let over_udp = rng.bool();
        let our = if over_udp {
            ours.ask(&packet)
        } else {
            ours.ask_tcp(&packet)
        };
        let leaves_out = leaves_records_out(&their);
        let [mut our, mut their] = [our, their].map(|reply| Told::of(&reply));
        if !over_udp {
            // How much a datagram may have is not said over TCP.
            our.hide_opt();
            their.hide_opt();
        }
        if their.has_answer_of(LONGEST_TEXT) {
            // Behind a record of 256 bytes rbldnsd sees neither that it gives one twice nor that others
            // of its type have a smaller TTL.
            our.hide_repeats();
            their.hide_repeats();
        }
        answered += u64::from(!their.sections[0].is_empty());
        // Which ones it leaves out is a matter of its order; ours are cut, with TC, or whole over TCP.
        if our != their && !leaves_out {
            println!("seed {seed}: {rtype} of {text}: ours, then theirs\n{our:?}\n{their:?}");
            println!("{}", shown(&specs));
            return (answered, 1);
        }
    }
    (answered, 0)
}

/// Whether rbldnsd left records out for want of room: then it is not authoritative, and says nothing
/// else.
fn leaves_records_out(reply: &[u8]) -> bool {
    let header = Message::from_octets(reply).unwrap().header();
    header.rcode() == Rcode::NOERROR && !header.aa()
}

/// Whether a combined file has a subzone that is a number: names below it may spell addresses, which
/// rbldnsd asks in other datasets of the zone too (`docs/zonefile.md`).
fn has_numbered_subzone(specs: &[Spec]) -> bool {
    let files = specs.iter().flat_map(|spec| &spec.files);
    let mut texts = files.map(|file| std::fs::read(file).unwrap());
    let is_number = |word: &str| {
        let mut labels = word.split('.');
        labels.any(|label| label.len() < 4 && label.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    let has = |text: Vec<u8>| {
        let text = String::from_utf8_lossy(&text).into_owned();
        let lines = text.lines().filter(|line| line.contains("DATASET"));
        let mut words = lines.flat_map(|line| line.split_whitespace().skip(2));
        words.any(|word| is_number(word) && !sources::SUBZONES.contains(&word))
    };
    texts.any(has)
}

/// Whether an `ip4trie` may hold an IPv6 network, because a `$DATASET` line of another type is damaged.
/// We read it, as the rbldnsd of rspamd does (`docs/zonefile.md`), and the one asked here does not.
fn has_ip6_in_ip4trie(specs: &[Spec]) -> bool {
    let may_be_ip6 = |line: &str| {
        let key = line.trim_start_matches('!').trim_start();
        let key = key.split_whitespace().next().unwrap_or_default();
        let is_default = key.starts_with(':') && !key.starts_with("::");
        let is_of_ip6 = |b: u8| b.is_ascii_hexdigit() || b == b':' || b == b'/';
        key.contains(':') && !is_default && key.bytes().all(is_of_ip6)
    };
    specs.iter().any(|spec| {
        let mut files = spec.files.iter().map(|file| std::fs::read(file).unwrap());
        files.any(|text| {
            let mut is_ip4trie = spec.kind == DatasetType::Ip4trie;
            String::from_utf8_lossy(&text).lines().any(|line| {
                if let Some(kind) = line.strip_prefix("$DATASET ") {
                    is_ip4trie = kind.trim_start().starts_with("ip4trie");
                }
                is_ip4trie && may_be_ip6(line)
            })
        })
    })
}

fn shown(specs: &[Spec]) -> String {
    let mut shown = String::new();
    for spec in specs {
        for file in &spec.files {
            let text = std::fs::read(file).unwrap();
            shown.push_str(&format!(
                "--- {}:{} {}\n",
                spec.zone,
                spec.kind,
                file.display()
            ));
            for line in text.split(|&byte| byte == b'\n') {
                shown.push_str(&format!("{}\n", line.escape_ascii()));
            }
        }
    }
    shown
}
