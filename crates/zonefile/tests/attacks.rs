//! Lists that were made up to be read wrongly: what they list, and what is said of them.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

mod common;

use common::{Question, ask, image};
use rblmap_zonefile::{Class, Column, Options, build};

/// Which of these addresses and names are listed, and the warnings by class, with what they say.
fn read(kind: &str, text: &str, options: &Options, keys: &[&str]) -> (Vec<String>, Vec<String>) {
    let (image, built) = image(kind, text, options);
    let listed = keys.iter().filter(|key| {
        let question = match key.parse() {
            Ok(address) => Question::V4(address),
            Err(_) => Question::Name(key.as_bytes().to_vec()),
        };
        !ask(&image, &question, "@").a.is_empty()
    });
    let listed = listed.map(|key| (*key).to_owned()).collect();
    let warnings = built.warnings.iter();
    (listed, warnings.map(ToString::to_string).collect())
}

fn csv(column: &str) -> Options {
    let mut options = Options::default();
    options.reading.csv.column = Some(Column::Name(column.to_owned()));
    options
}

#[test]
fn an_array_of_strings_is_a_list_of_keys() {
    let keys = ["198.51.100.1", "198.51.100.9", "evil.example"];
    let text = "[\"198.51.100.1\",\n\"evil.example\", 7, {\"ip\":\"198.51.100.9\"}]";
    let (listed, warnings) = read("json", text, &Options::default(), &keys);
    assert_eq!(listed, keys);
    assert_eq!(warnings.len(), 1, "{warnings:?}"); // the number
}

#[test]
fn a_document_without_the_fields_says_where_its_addresses_are() {
    let text =
        "{\"v4\":[{\"net\":\"198.51.100.0/24\",\"r\":\"x\"}],\"v6\":{\"a\":[\"2001:db8::/32\"]}}";
    let (listed, warnings) = read("json", text, &Options::default(), &["198.51.100.1"]);
    assert_eq!(listed, [""; 0]);
    let said = warnings.join("\n");
    assert!(said.contains("--json-key 'v4[].net,v6.a[]'"), "{said}");
    let mut options = Options::default();
    options.reading.json.keys = vec!["v4[].net".to_owned(), "v6.a[]".to_owned()];
    let (listed, warnings) = read("json", text, &options, &["198.51.100.1"]);
    assert_eq!((listed.len(), warnings.len()), (1, 0), "{warnings:?}");
}

#[test]
fn columns_may_be_named_in_a_comment() {
    for text in [
        "# \"first_seen\",\"dst_ip\"\n\"2026\",\"198.51.100.1\"\n",
        "# a list\n#\n#first_seen,dst_ip\n2026,198.51.100.1\n",
        "# dst_ip,other\n\n#first_seen,dst_ip\r\n2026,198.51.100.1\r\n",
        "first_seen,dst_ip\n2026,198.51.100.1\n",
    ] {
        let (listed, warnings) = read("csv", text, &csv("dst_ip"), &["198.51.100.1"]);
        assert_eq!(
            (listed.len(), warnings.len()),
            (1, 0),
            "{text}: {warnings:?}"
        );
    }
}

#[test]
fn a_set_that_lets_in_is_not_listed() {
    let text = "create white-list hash:ip\nadd white-list 198.51.100.1\nadd Allow4 198.51.100.2\n\
        add trusted_hosts 198.51.100.3\nadd bl 198.51.100.9\n";
    let keys = [
        "198.51.100.1",
        "198.51.100.2",
        "198.51.100.3",
        "198.51.100.9",
    ];
    let (listed, warnings) = read("ipset", text, &Options::default(), &keys);
    assert_eq!(listed, ["198.51.100.9"]);
    assert_eq!(warnings.len(), 3, "{warnings:?}");
}

#[test]
fn the_bad_word_of_a_line_is_shown() {
    let text =
        "ExitNode X\nExitAddress 198.51.100.999 2026-01-01 00:00:00\nExitAddress 198.51.100.1 x\n";
    let (listed, warnings) = read("tor", text, &Options::default(), &["198.51.100.1"]);
    assert_eq!(listed.len(), 1);
    assert!(warnings[0].contains("198.51.100.999"), "{warnings:?}");
}

#[test]
fn lines_that_end_with_cr_alone_are_named() {
    let text = "198.51.100.1\r198.51.100.9\r";
    let (_, warnings) = read("plain", text, &Options::default(), &[]);
    assert!(warnings.join("\n").contains("CR alone"), "{warnings:?}");
}

#[test]
fn an_address_with_a_second_one_behind_it_is_no_bare_key() {
    let dir = tempfile::tempdir().unwrap();
    for text in ["198.51.100.0 0.0.0.255\n", "198.51.100.0 10.0.0.1\n"] {
        let path = common::file(&dir, "source", text);
        let spec = common::spec("bl.test", "auto", &[path]);
        let built = build(&[spec], &Options::default());
        // Refused, or told: never one address in silence.
        assert!(
            built.is_err_and(|error| !error.to_string().is_empty()),
            "{text}"
        );
    }
}

#[test]
fn the_name_of_a_mail_exchanger_is_refused_where_it_would_be_cut() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ops.zone");
    let spec = format!("ops.example:generic:{}", path.display());
    let spec = spec.parse().unwrap();
    let build = |name: &str| {
        let text = format!("spam A 127.0.0.2\nspam MX 10 {name}\n");
        std::fs::write(&path, text).unwrap();
        build(std::slice::from_ref(&spec), &Options::default())
    };
    let escaped = format!("{}mxx", "\\120.".repeat(50));
    let longest = ["a", "b", "c", "d"].map(|byte| byte.repeat(63)).join(".");
    let longest = &longest[..253];
    let dotted = format!("{longest}.");
    for (written, kept) in [
        (escaped.as_str(), escaped.as_str()),
        (longest, longest),
        (&dotted, longest),
    ] {
        let built = build(written).unwrap();
        let mail = &built.content.base().facts().mail;
        assert_eq!(mail[0].exchange, kept.as_bytes());
    }
    // Few bytes on the wire, so rbldnsd takes them.
    for long in [format!("{escaped}x"), format!("{escaped}\\.")] {
        let error = build(&long).unwrap_err();
        assert_eq!(error.refusal(), Some((Class::BadMx, path.as_path(), 2)));
    }
}
