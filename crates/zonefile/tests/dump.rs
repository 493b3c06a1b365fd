//! Content to zone files and back.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

mod common;
mod recorded;

use std::path::{Path, PathBuf};

use rblmap_content::{Content, Draft, EntryTtls, Facts, Record, TemplateBuf, TextPart, ValueBuf};
use rblmap_zonefile::{Built, ListFormat, Loss, Options, build, write_list, zone_files};

/// Builds what a content is written as; the time does not matter, an expiry may have passed.
fn again(content: &Content) -> Built {
    let dir = tempfile::tempdir().unwrap();
    let files = zone_files(content).unwrap();
    let specs: Vec<_> = (0..)
        .zip(&files)
        .map(|(number, file)| {
            let path = common::file(&dir, &number.to_string(), &file.text);
            common::spec(file.zone.as_str(), "combined", &[path])
        })
        .collect();
    let options = Options {
        now: recorded::NOW,
        ..Options::default()
    };
    build(&specs, &options).unwrap()
}

fn assert_same(name: &str, content: &Content) {
    let files = zone_files(content).unwrap();
    let built = again(content);
    let shown = || {
        let texts = files.iter().map(|file| String::from_utf8_lossy(&file.text));
        texts.collect::<Vec<_>>().join("\n---\n")
    };
    assert!(
        built.content.id() == content.id(),
        "{name}: {content:#?}\n{:#?}\n{}",
        built.content,
        shown()
    );
    // Zone files of disjoint entries have no place for the TTLs of some of them.
    let facts = |content: &Content| Facts {
        ttls: EntryTtls::default(),
        ..content.base().facts().clone()
    };
    assert_eq!(facts(&built.content), facts(content), "{name}");
    for warning in built.warnings {
        assert!(warning.class.is_ours(), "{name}: {warning}\n{}", shown());
    }
}

#[test]
fn every_recorded_case_is_written_and_read_back() {
    for case in recorded::cases() {
        if let Ok(built) = build(&recorded::specs(&case), &recorded::options(&case)) {
            assert_same(recorded::name(&case), &built.content);
        }
    }
}

#[test]
fn the_lists_of_the_test_data_are_written_and_read_back() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/part");
    let folders = std::fs::read_dir(root).unwrap();
    for folder in folders {
        for file in std::fs::read_dir(folder.unwrap().path()).unwrap() {
            let path: PathBuf = file.unwrap().path();
            let mut options = Options::default();
            options.reading.plain.text = true;
            let spec = common::spec("bl.test", "plain", std::slice::from_ref(&path));
            let built = build(&[spec], &options).unwrap();
            assert!(built.counts.entries > 0);
            assert_same(&path.display().to_string(), &built.content);
        }
    }
}

/// Texts that are awkward in zone files.
const TEXTS: &[&[u8]] = &[
    b"see $",
    b"$$",
    b"=x",
    b" x",
    b"x ",
    b"x\t",
    b":x",
    b"# x",
    b"\"x\"",
    b"$5",
    b"a\\b\r",
    b"\xff\x01",
];

#[test]
fn awkward_texts_and_templates_are_kept() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    for round in 0..300 {
        let mut draft = Draft::new("bl.test".parse().unwrap());
        let value = |rng: &mut fastrand::Rng, draft: &mut Draft| {
            let records = (0..rng.usize(1..4)).map(|_| Record {
                a: Some([127, 0, 0, rng.u8(1..5)].into()),
                text: template(rng),
            });
            let value = ValueBuf::new(records.collect::<Vec<_>>());
            draft.values.intern(&value).unwrap()
        };
        let mut at = 0u32;
        for _ in 0..rng.usize(0..6) {
            let value = value(&mut rng, &mut draft);
            let start = at + rng.u32(0..1 << 20);
            let end = start + rng.u32(0..600);
            at = end + 1;
            let zone = draft.zone_mut(&rblmap::NameKey::ROOT);
            zone.v4.push(rblmap::Run { start, end, value });
            let (start, end) = (
                0xffff_0000_0000 + u128::from(start),
                0xffff_0000_0000 + u128::from(end),
            );
            zone.v6.push(rblmap::Run { start, end, value });
        }
        for label in 0..rng.usize(0..4) {
            let value = value(&mut rng, &mut draft);
            let name = rblmap::NameKey::parse(format!("n{label}").as_bytes()).unwrap();
            let slots = [rblmap::NameRule::Value(value), rblmap::NameRule::Inherit];
            let flip = rng.bool();
            let [exact, below] = [slots[usize::from(flip)], slots[usize::from(!flip)]];
            let zone = draft.zone_mut(&rblmap::NameKey::ROOT);
            zone.names.push(name.as_bytes(), exact, below);
        }
        let content = draft.finish().unwrap();
        match zone_files(&content) {
            Ok(_) => assert_same(&format!("seed {seed} round {round}"), &content),
            Err(error) => assert!(
                error.to_string().contains("begins with white space"),
                "{error}"
            ),
        }
    }
}

fn template(rng: &mut fastrand::Rng) -> Option<TemplateBuf> {
    if rng.u8(..4) == 0 {
        return None;
    }
    let mut parts = Vec::new();
    for _ in 0..rng.usize(1..4) {
        let text = TEXTS[rng.usize(..TEXTS.len())];
        let times = if rng.u8(..8) == 0 { 130 } else { 1 };
        parts.push(TextPart::Literal(text.repeat(times)));
        if rng.bool() {
            parts.push(TextPart::Key);
        }
    }
    // A text without a key may have 255 bytes, but only in `generic`.
    let keys = parts.iter().filter(|part| **part == TextPart::Key).count();
    if keys == 0 {
        parts.insert(0, TextPart::Key);
    }
    TemplateBuf::new(parts)
}

#[test]
fn what_no_zone_file_can_state_is_refused() {
    let refused = |text: Vec<u8>, a: Option<[u8; 4]>| {
        let mut draft = Draft::new("bl.test".parse().unwrap());
        let value = ValueBuf::new([Record {
            a: a.map(Into::into),
            text: TemplateBuf::new([TextPart::Literal(text)]),
        }]);
        let value = draft.values.intern(&value).unwrap();
        let (start, end) = (1, 2);
        let zone = draft.zone_mut(&rblmap::NameKey::ROOT);
        zone.v4.push(rblmap::Run { start, end, value });
        zone_files(&draft.finish().unwrap())
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        refused(b"a\nb".to_vec(), Some([127, 0, 0, 2])),
        "zone @: 0.0.0.1: a line feed or NUL in a text, which no zone file can state"
    );
    assert!(refused(b"a".to_vec(), None).contains("without an A record"));
    assert!(refused(b"a".to_vec(), Some([0; 4])).contains("0.0.0.0"));
}

#[test]
fn lists_say_what_is_listed() {
    let (_, built) = common::image(
        "combined",
        "$DATASET ip4set @\n10.0.0.0/24 :2:see $\n10.0.1.0 :3:\n10.0.1.1\n1.2.3.4 :4:a,\"b\" $$\n\
         $DATASET ip6trie @\n2001:db8/33 :2:\n\
         $DATASET dnset @\n*.a.example :2:see $\n!no.a.example\n\
         $DATASET dnset sub\n.b.example :2:\n",
        &Options::default(),
    );
    let list = |format| {
        let mut out = Vec::new();
        let omitted = write_list(&built.content, built.content.zones(), format, &mut out).unwrap();
        (String::from_utf8(out).unwrap(), omitted)
    };
    let (plain, omitted) = list(ListFormat::Plain);
    assert_eq!(
        plain,
        "1.2.3.4 :127.0.0.4:a,\"b\" $$\n10.0.0.0/24 :127.0.0.2:see $\n10.0.1.0 127.0.0.3\n\
         10.0.1.1\n2001:db8::/33\n*.a.example :127.0.0.2:see $\n.b.example\n"
    );
    assert_eq!(
        (omitted.get(Loss::Hidden), omitted.get(Loss::Texts)),
        (1, 0)
    );
    let (cidr, omitted) = list(ListFormat::Cidr);
    assert_eq!(
        cidr,
        "1.2.3.4/32\n10.0.0.0/24\n10.0.1.0/31\n2001:db8::/33\n"
    );
    assert_eq!(omitted.get(Loss::Names), 2);
    let (csv, _) = list(ListFormat::Csv);
    assert_eq!(
        csv,
        "zone,key,a,txt\n@,1.2.3.4,127.0.0.4,\"a,\"\"b\"\" $$\"\n@,10.0.0.0/24,127.0.0.2,see $\n\
         @,10.0.1.0,127.0.0.3,\n@,10.0.1.1,127.0.0.2,\n@,2001:db8::/33,127.0.0.2,\n\
         @,*.a.example,127.0.0.2,see $\n@,no.a.example,,\nsub,.b.example,127.0.0.2,\n"
    );
    let (json, _) = list(ListFormat::Json);
    assert_eq!(json.lines().count(), 8);
    assert_eq!(
        json.lines().nth(1),
        Some(r#"{"key":"10.0.0.0/24","records":[{"a":"127.0.0.2","txt":"see $"}],"zone":"@"}"#)
    );
}
