//! Lists that are read in parts at the same time: what a part says may not depend on where it was cut.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

mod common;

use std::net::Ipv4Addr;

use common::{Question, ask, file, image, image_of, lines, spec};
use rblmap_zonefile::{Built, Options};

/// Lines of lists that are several parts long.
const COUNT: u32 = 60_000;

/// Every second address, so that each is a run of its own.
fn address(index: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a00_0000 + index * 2)
}

fn built(kind: &str, text: &str) -> Built {
    image(kind, text, &Options::default()).1
}

fn runs(built: &Built) -> Vec<u32> {
    let runs = built.content.base().v4().iter();
    runs.map(|run| run.start).collect()
}

#[test]
fn rows_over_lines_are_cut_nowhere() {
    for odd in [
        "\"a \"\"text\"\"\nof, two lines\"",
        "x\",\"y",
        "\"closed\" and more",
    ] {
        let text = lines(COUNT, |index| match index % 977 {
            0 => format!("{},{odd}", address(index)),
            1 => format!("{},\"of\",one", address(index)),
            _ => address(index).to_string(),
        });
        let built = built("csv", &text);
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(text.as_bytes());
        let keys = reader.records().map(|record| record.unwrap()[0].to_owned());
        let expected: Vec<u32> = keys
            .filter_map(|key| key.parse().ok())
            .map(Ipv4Addr::to_bits)
            .collect();
        assert!(expected.len() > 3000, "{odd}: {}", expected.len());
        assert_eq!(runs(&built), expected, "{odd}");
        assert_eq!(built.counts.lines, text.lines().count() as u64, "{odd}");
    }
}

#[test]
fn a_bad_row_far_down_is_told_with_its_line() {
    let text = lines(COUNT, |index| match index {
        50_000 => "nothing,\"here\"".to_owned(),
        _ => format!("{},\"x\"", address(index)),
    });
    let built = built("csv", &format!("ip,why\r\n{text}"));
    let told: Vec<u64> = built.warnings.iter().map(|warning| warning.line).collect();
    // The header is a row like others where nobody names columns.
    assert_eq!(told, [1, 50_002]);
    let mut options = Options::default();
    options.reading.csv.header = true;
    let built = image("csv", &format!("ip,why\r\n{text}"), &options).1;
    let told: Vec<u64> = built.warnings.iter().map(|warning| warning.line).collect();
    assert_eq!((told, built.counts.lines), (vec![50_002], 60_001));
}

#[test]
fn a_condition_holds_to_its_end_however_far_that_is() {
    let text = lines(COUNT, |index| match index {
        10_000 => "if /^x/".to_owned(),
        50_000 => "endif".to_owned(),
        _ => format!("{} REJECT spam", address(index)),
    });
    let expected: Vec<u32> = (0..10_000)
        .chain(50_001..COUNT)
        .map(|index| address(index).to_bits())
        .collect();
    assert_eq!(runs(&built("postfix", &text)), expected);
}

#[test]
fn the_first_line_decides_however_far_the_second_is() {
    let table = lines(COUNT, |index| format!("{} REJECT", address(index)));
    let first = format!("10.0.0.0/24 OK\n{table}");
    assert_eq!(
        runs(&built("postfix", &first)).len(),
        (COUNT - 128) as usize
    );
    let last = format!("{table}10.0.0.0/24 OK\n");
    assert_eq!(runs(&built("postfix", &last)).len(), COUNT as usize);
    // Whole addresses are looked up before first octets are, wherever these stand.
    let octets = format!("10.0.0 OK\n{table}");
    assert_eq!(runs(&built("postfix", &octets)).len(), COUNT as usize);
}

#[test]
fn what_a_zone_says_in_its_middle_holds_to_its_end() {
    let head = "$ORIGIN rpz.test.\n@ SOA a. b. ( 1 2 3 4 5 )\n";
    let record = |index: u32| {
        let [_, b, c, d] = address(index).octets();
        format!("32.{d}.{c}.{b}.10.rpz-ip CNAME .")
    };
    let plain = format!("{head}{}", lines(COUNT, record));
    assert_eq!(runs(&built("rpz", &plain)).len(), COUNT as usize);
    // Names elsewhere are no names of this zone.
    let origin = lines(COUNT, |index| match index {
        20_000 => "$ORIGIN elsewhere.test.".to_owned(),
        40_000 => "$ORIGIN rpz.test.".to_owned(),
        _ => record(index),
    });
    let built_of = built("rpz", &format!("{head}{origin}"));
    assert_eq!(runs(&built_of).len(), (COUNT - 20_001) as usize);
    // The comment with a parenthesis opens nothing, and the open one takes all lines up to its end.
    let torn = lines(COUNT, |index| match index {
        20_000 => "x TXT ( ; (".to_owned(),
        50_000 => ")".to_owned(),
        _ => record(index),
    });
    let built = built("rpz", &format!("{head}{torn}"));
    assert_eq!(runs(&built).len(), (COUNT - 30_001) as usize);
    assert_eq!(built.counts.entries, u64::from(COUNT) - 30_000);
}

/// The line of an entry and what is asked for it.
fn entry(kind: &str, index: u32) -> (String, Question) {
    match kind {
        "dnset" => {
            let name = format!("n{index}.example");
            (name.clone(), Question::Name(name.into_bytes()))
        }
        _ => (address(index).to_string(), Question::V4(address(index))),
    }
}

#[test]
fn a_list_of_texts_says_what_its_parts_say() {
    // So long that the file is read part by part, and no part of it is kept.
    let long = "x".repeat(48);
    let text_of = |index: u32| format!("Case {index} {long}");
    // A head, what it puts around texts, and what `$1` says.
    let heads = [
        ("", ("", ""), "$1"),
        ("$= see [$=]\n", ("see [", "]"), "$1"),
        ("$1 of a variable\n", ("", ""), "of a variable"),
    ];
    for kind in ["ip4set", "ip4trie", "dnset"] {
        for (head, (before, after), one) in heads {
            let list = lines(COUNT, |index| {
                let (key, _) = entry(kind, index);
                match index % 1000 {
                    7 => format!("{key} :3:{} $1", text_of(index)),
                    8 => format!("{key} :3:={} of $", text_of(index)),
                    9 => format!("{key} {}", text_of(index)),
                    10 => key,
                    _ => format!("{key} :4:{}", text_of(index)),
                }
            });
            let dir = tempfile::tempdir().unwrap();
            let list = file(&dir, "list", format!("{head}:5:Default\n{list}"));
            assert!(std::fs::metadata(&list).unwrap().len() > 4 << 20);
            // Another TTL, so that all is read a second time for what is true of how long.
            let other = file(&dir, "other", "$TTL 60\n192.0.2.1\n");
            let specs = [
                spec("bl.test", kind, &[list]),
                spec("bl.test", "ip4set", &[other]),
            ];
            let (image, built) = image_of(&specs, &Options::default()).unwrap();
            assert_eq!(built.counts.entries, u64::from(COUNT) + 1);
            for index in 0..COUNT {
                let (key, question) = entry(kind, index);
                let own = text_of(index);
                let (a, text) = match index % 1000 {
                    7 => (3, format!("{before}{own} {one}{after}")),
                    8 => (3, format!("{own} of {key}")),
                    9 => (5, format!("{before}{own}{after}")),
                    10 => (5, format!("{before}Default{after}")),
                    _ => (4, format!("{before}{own}{after}")),
                };
                let told = ask(&image, &question, "@");
                assert_eq!(
                    told.a,
                    [Ipv4Addr::new(127, 0, 0, a)].into(),
                    "{kind} {head}{index}"
                );
                assert_eq!(told.txt, [text.into_bytes()].into(), "{kind} {head}{index}");
            }
        }
    }
}
