//! Random zones, served by a real `rbldnsd` and by us: every reply is the same, section by section.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use domain::base::iana::Rtype;
use fastrand::Rng;
use rblmap::NameKey;
use rblmap_image::{Stamp, encode};
use rblmap_zonefile::{Options, Reading, Spec, build};
use tempfile::TempDir;

use super::client::{Ours, Told, query};
use super::peer::{self, BASE, Server};
use super::sources;

/// `RBLMAP_ORACLE_ROUNDS` and `RBLMAP_ORACLE_SEED` ask for more, or for the same again.
const ROUNDS: u64 = 40;
const QUESTIONS: usize = 120;

#[test]
fn random_zones_are_answered_section_by_section_as_rbldnsd_does() {
    let Some(program) = peer::program() else {
        return;
    };
    let number = |name| {
        let text = std::env::var(name).ok();
        text.map(|text: String| text.parse().unwrap())
    };
    let seed = number("RBLMAP_ORACLE_SEED").unwrap_or(1);
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

fn round(seed: u64, program: &std::path::Path) -> (u64, u64) {
    let mut rng = Rng::with_seed(seed);
    let folder = TempDir::new().unwrap();
    let specs = specs(&mut rng, &folder);
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let options = Options {
        now,
        reading: Reading {
            host_bits: rng.u8(..4) == 0,
            ..Reading::default()
        },
        ..Options::default()
    };
    // With -a, rbldnsd leaves the name servers out of its answers, as we do without another word.
    let minimal = rng.bool();
    let mut flags = vec!["-e"];
    flags.retain(|_| options.reading.host_bits);
    flags.extend(["-a"].iter().filter(|_| minimal));
    let Ok(built) = build(&specs, &options) else {
        return (0, 0); // which loads are refused is the matter of another test
    };
    let mut theirs = Server::start(program, folder.path(), &specs, &flags);
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
    let mut ours = Ours::start(&[(BASE, &path)], &format!("dns_minimal = {minimal}"));
    let known = Known::of(&specs);
    let (mut answered, mut wrong) = (0, 0);
    for number in 0..QUESTIONS {
        let text = sources::question(&mut rng);
        let name = NameKey::parse(text.as_bytes()).unwrap();
        let mut labels = name.labels();
        labels.reverse();
        labels.extend(BASE.split('.').map(|label| label.as_bytes().to_vec()));
        if known.has_mail(&text) {
            continue;
        }
        let types = [
            Rtype::A,
            Rtype::TXT,
            Rtype::ANY,
            Rtype::SOA,
            Rtype::NS,
            Rtype::MX,
            Rtype::AAAA,
        ];
        let rtype = types[rng.usize(..types.len())];
        let size = [None, Some(4096)][rng.usize(..2)];
        let packet = query(u16::try_from(number).unwrap(), &labels, rtype, size);
        let their = theirs.exchange(&packet).expect("a reply of rbldnsd");
        let our = if rng.bool() {
            ours.ask(&packet)
        } else {
            ours.ask_tcp(&packet)
        };
        let (mut our, mut their) = (Told::of(&our), Told::of(&their));
        if known.mixed_ttl {
            our.hide_ttl();
            their.hide_ttl();
        }
        answered += u64::from(!their.sections[0].is_empty());
        if our != their {
            println!("seed {seed}: {rtype} of {text}: ours, then theirs\n{our:?}\n{their:?}");
            println!("{}", shown(&specs));
            wrong += 1;
            break;
        }
    }
    (answered, wrong)
}

/// Where we differ, as `docs/dns.md` says.
struct Known {
    /// Entries have several TTLs; ours are those of the zone.
    mixed_ttl: bool,
    /// Names that have MX records.
    mail: Vec<String>,
}

impl Known {
    /// Whether a name may have an MX record; `@` is the name of every subzone.
    fn has_mail(&self, text: &str) -> bool {
        self.mail.iter().any(|name| match name.as_str() {
            "" => text.is_empty() || sources::SUBZONES.contains(&text),
            name => text == name || text.starts_with(&format!("{name}.")),
        })
    }

    fn of(specs: &[Spec]) -> Known {
        let mut known = Known {
            mixed_ttl: false,
            mail: Vec::new(),
        };
        for file in specs.iter().flat_map(|spec| &spec.files) {
            let text = std::fs::read(file).unwrap();
            for line in String::from_utf8_lossy(&text).lines() {
                let upper = line.to_ascii_uppercase();
                known.mixed_ttl |=
                    upper.contains("TTL") || upper.contains(" 1H ") || upper.contains(" 60 ");
                if upper.contains(" MX ") {
                    let name = line.split_whitespace().next().unwrap_or_default();
                    known.mail.push(name.replace('@', "").to_ascii_lowercase());
                }
            }
        }
        known
    }
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
