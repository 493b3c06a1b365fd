//! The recorded answers, asked for over UDP and TCP.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use domain::base::Message;
use domain::base::iana::Rtype;
use domain::rdata::{A, Txt};
use rblmap::NameKey;
use rblmap_image::{Stamp, encode};
use rblmap_zonefile::{Options, Reading, Spec, build};
use serde_json::Value;
use tempfile::TempDir;

use super::client::{Ours, Told, query};
use super::peer::{self, Server};

/// When the answers were recorded, more or less.
const NOW: u64 = 1_780_000_000;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/vectors/rbldnsd")
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn specs(case: &Value) -> Vec<Spec> {
    let specs = case["specs"].as_array().unwrap().iter();
    let specs = specs.map(|spec| {
        let files = spec["files"].as_array().unwrap().iter();
        let files = files.map(|file| root().join("zones").join(file.as_str().unwrap()));
        let zone = match text(spec, "zone") {
            "" => "bl.test".to_owned(),
            sub => format!("{sub}.bl.test"),
        };
        Spec {
            zone: zone.parse().unwrap(),
            kind: text(spec, "type").parse().unwrap(),
            files: files.collect(),
            reading: None,
        }
    });
    specs.collect()
}

fn options(case: &Value) -> Options {
    let flags = case.get("flags").and_then(Value::as_array);
    let flag = |flag: &str| flags.is_some_and(|flags| flags.iter().any(|one| one == flag));
    Options {
        now: NOW,
        reading: Reading {
            host_bits: flag("-e"),
            ..Reading::default()
        },
        refuse_gzip: flag("-C"),
        ..Options::default()
    }
}

/// The labels that are asked for, as `record.py` of the vectors makes them.
fn labels(kind: &str, query: &str, sub: &str) -> Vec<Vec<u8>> {
    let bytes = |text: &str| -> Vec<u8> {
        let each = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap());
        each.collect()
    };
    let key = match kind {
        "ip4" | "ip6" => NameKey::spelled(query.parse::<IpAddr>().unwrap()),
        _ if query == "@" => NameKey::ROOT,
        // Keys are in lower case; what is asked in capitals is asked in capitals below.
        _ => NameKey::parse(&bytes(query)).unwrap(),
    };
    let mut labels = key.labels();
    labels.reverse();
    let sub = NameKey::parse(sub.replace('@', "").as_bytes()).unwrap();
    labels.extend(sub.labels().into_iter().rev());
    // Resolvers mix the case of names, to be harder to forge answers for.
    labels.extend(["bL", "tEst"].map(|label| label.as_bytes().to_vec()));
    labels
}

fn expected(a: &str, txt: &str) -> (BTreeSet<String>, BTreeSet<Vec<u8>>) {
    let a = a.split(',').filter(|a| *a != "-").map(str::to_owned);
    let texts: Vec<String> = match txt {
        "-" => Vec::new(),
        txt => serde_json::from_str(txt).unwrap(),
    };
    let texts = texts.iter().map(|text| {
        let bytes = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap());
        bytes.collect()
    });
    (a.collect(), texts.collect())
}

/// Code, A records and texts of the replies to the two questions.
fn told(replies: [&[u8]; 2]) -> (String, BTreeSet<String>, BTreeSet<Vec<u8>>) {
    let [a, txt] = replies.map(|reply| Message::from_octets(reply).unwrap());
    assert_eq!(a.header().rcode(), txt.header().rcode());
    let code = a.header().rcode().to_string();
    let addresses = a.answer().unwrap().limit_to::<A>();
    let addresses = addresses.map(|record| record.unwrap().data().to_string());
    let texts = txt.answer().unwrap().limit_to::<Txt<_>>();
    let texts = texts.map(|record| record.unwrap().data().text::<Vec<u8>>());
    (code, addresses.collect(), texts.collect())
}

#[test]
fn every_recorded_answer_is_given_over_udp_and_tcp() {
    let dir = TempDir::new().unwrap();
    let mut asked = 0;
    let mut wrong = Vec::new();
    let text_of = std::fs::read_to_string(root().join("cases.json")).unwrap();
    let cases: Value = serde_json::from_str(&text_of).unwrap();
    for case in cases.as_array().unwrap() {
        let name = text(case, "name");
        let Ok(built) = build(&specs(case), &options(case)) else {
            continue;
        };
        let path = dir.path().join(format!("{name}.rbl"));
        let image = encode(&built.content, Stamp::default()).unwrap();
        std::fs::write(&path, image).unwrap();
        let mut ours = Ours::start(&[("bl.test", &path)], "");
        let expect = root().join("expect").join(format!("{name}.tsv"));
        let rows = std::fs::read_to_string(expect).unwrap();
        for row in rows.lines().filter(|row| !row.starts_with('#')) {
            let row: Vec<&str> = row.split('\t').collect();
            let &[kind, key, sub, code, a, txt] = row.as_slice() else {
                panic!("{name}: {row:?}");
            };
            let labels = labels(kind, key, sub);
            let queries = [Rtype::A, Rtype::TXT].map(|rtype| query(7, &labels, rtype, Some(2048)));
            let [q1, q2] = &queries;
            let udp = told([&ours.ask(q1), &ours.ask(q2)]);
            let tcp = told([&ours.ask_tcp(q1), &ours.ask_tcp(q2)]);
            let (a, texts) = expected(a, txt);
            let theirs = (code.to_owned(), a, texts);
            asked += 1;
            if udp != theirs || tcp != theirs {
                wrong.push(format!(
                    "{name} {kind} {key} {sub}: {udp:?} {tcp:?} for {theirs:?}"
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(asked > 2_000, "{asked} questions");
}

/// The specs of a case with copies of their files in a folder, where rbldnsd may read them.
fn copied(case: &Value, folder: &Path) -> Vec<Spec> {
    let mut specs = specs(case);
    for file in specs.iter_mut().flat_map(|spec| &mut spec.files) {
        let copy = folder.join(file.file_name().unwrap());
        std::fs::copy(&*file, &copy).unwrap();
        *file = copy;
    }
    specs
}

/// A server of ours and a real one with the zones of a case; `None` where they are refused.
fn servers(case: &Value, program: &Path, dir: &Path) -> Option<(Ours, Server)> {
    let specs = copied(case, dir);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let options = Options {
        now: now.as_secs(),
        ..options(case)
    };
    let built = build(&specs, &options).ok()?;
    let times = specs.iter().flat_map(|spec| &spec.files);
    let times = times.map(|path| path.metadata().unwrap().modified().unwrap());
    let newest = times.max().unwrap().duration_since(UNIX_EPOCH).unwrap();
    let stamp = Stamp {
        created: newest.as_secs(),
        ..Stamp::default()
    };
    let path = dir.join("image.rbl");
    std::fs::write(&path, encode(&built.content, stamp).unwrap()).unwrap();
    let flags = case.get("flags").and_then(Value::as_array);
    let flags = flags.into_iter().flatten().filter_map(Value::as_str);
    let flags: Vec<&str> = flags.chain(["-a"]).collect();
    let theirs = Server::start(program, dir, &specs, &flags);
    let ours = Ours::start(&[("bl.test", &path)], "");
    theirs.up.then_some((ours, theirs))
}

/// TTLs, authority, MX records and counts are not in the recorded answers.
#[test]
fn every_recorded_case_is_answered_section_by_section_as_rbldnsd_does() {
    let Some(program) = peer::program() else {
        return;
    };
    let text_of = std::fs::read_to_string(root().join("cases.json")).unwrap();
    let cases: Value = serde_json::from_str(&text_of).unwrap();
    let types = [
        Rtype::A,
        Rtype::TXT,
        Rtype::ANY,
        Rtype::MX,
        Rtype::SOA,
        Rtype::NS,
    ];
    let (mut asked, mut wrong) = (0, Vec::new());
    for case in cases.as_array().unwrap() {
        let name = text(case, "name");
        let dir = TempDir::new().unwrap();
        let Some((ours, mut theirs)) = servers(case, &program, dir.path()) else {
            continue;
        };
        let expect = root().join("expect").join(format!("{name}.tsv"));
        let rows = std::fs::read_to_string(expect).unwrap();
        for row in rows.lines().filter(|row| !row.starts_with('#')) {
            let row: Vec<&str> = row.split('\t').collect();
            let labels = labels(row[0], row[1], row[2]);
            for rtype in types {
                let packet = query(7, &labels, rtype, Some(2048));
                let told = [ours.ask(&packet), theirs.exchange(&packet).unwrap()];
                let [our, their] = told.map(|reply| Told::of(&reply));
                asked += 1;
                if our != their {
                    wrong.push(format!("{name} {row:?} {rtype}: {our:?}\n{their:?}"));
                }
            }
        }
    }
    let count = wrong.len();
    wrong.truncate(20);
    assert!(count == 0, "{count} of {asked} wrong\n{}", wrong.join("\n"));
    assert!(asked > 10_000, "{asked} questions");
}
