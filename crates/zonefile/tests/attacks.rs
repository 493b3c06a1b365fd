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

#[test]
fn a_quote_that_is_never_closed_takes_no_rows_in_silence() {
    let keys = [
        "198.51.100.1",
        "198.51.100.2",
        "198.51.100.3",
        "198.51.100.4",
    ];
    // To the end of the file, and up to the quote of a later row.
    let open = "198.51.100.1,x\n198.51.100.2,\"unclosed\n198.51.100.3,y\n";
    let torn = "198.51.100.1,x\n198.51.100.2,\"oops\n198.51.100.3,y\n198.51.100.4,\"z\"\n";
    for text in [open, torn] {
        let (listed, warnings) = read("csv", text, &Options::default(), &keys);
        assert_eq!(listed, ["198.51.100.1", "198.51.100.2"], "{text}");
        let said = warnings.join("\n");
        assert!(said.contains("198.51.100.2; a quote in it takes"), "{said}");
    }
    let whole = "# c\n198.51.100.1,\"two\nlines, \"\"quoted\"\"\"\r\n198.51.100.2,\"a\nb\"\n";
    let (listed, warnings) = read("csv", whole, &Options::default(), &keys);
    assert_eq!((listed.len(), warnings.len()), (2, 0), "{warnings:?}");
}

#[test]
fn a_column_with_a_verdict_lets_a_row_in() {
    let text = "198.51.100.1,OK\n198.51.100.2,spam\n198.51.100.3,x,whitelisted\n";
    let keys = ["198.51.100.1", "198.51.100.2", "198.51.100.3"];
    let (listed, warnings) = read("csv", text, &Options::default(), &keys);
    assert_eq!(listed, ["198.51.100.2"]);
    assert_eq!(warnings.len(), 2, "{warnings:?}");
}

#[test]
fn a_hosts_line_with_an_address_for_a_name_is_told() {
    let text = "0.0.0.0 198.51.100.1\n0.0.0.0 0.0.0.0\n127.0.0.1 2001:db8::1 evil.example\n";
    let keys = ["198.51.100.1", "evil.example"];
    let (listed, warnings) = read("hosts", text, &Options::default(), &keys);
    assert_eq!(listed, ["evil.example"]);
    assert_eq!(warnings.len(), 2, "{warnings:?}"); // the usual line for 0.0.0.0 is no news
}

#[test]
fn a_filter_that_is_taken_back_is_not_listed() {
    let text = "||evil.example^\n||good.example^\n||good.example^$badfilter\n";
    let keys = ["evil.example", "good.example"];
    let (listed, warnings) = read("adblock", text, &Options::default(), &keys);
    assert_eq!(listed, ["evil.example"]);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
}

#[test]
fn a_name_with_a_target_that_dnsmasq_refuses_is_not_listed() {
    let text = "address=/a.example/no-address\naddress=/b.example/#\naddress=/c.example/::\n";
    let keys = ["a.example", "b.example", "c.example"];
    let (listed, warnings) = read("dnsmasq", text, &Options::default(), &keys);
    assert_eq!(listed, ["b.example", "c.example"]);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
}

#[test]
fn a_mask_with_a_hole_is_no_end_of_a_range() {
    let text = "198.51.100.0 255.0.255.0\n198.51.100.0 255.255.255.0\n";
    let keys = ["198.51.100.1", "203.0.113.1"];
    let (listed, warnings) = read("ranges", text, &Options::default(), &keys);
    assert_eq!(listed, ["198.51.100.1"]);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
}

#[test]
fn the_switches_of_ipset_are_no_names_of_sets() {
    let text = "create bl hash:ip -exist\nflush bl\nadd -exist bl 198.51.100.1\n\
        -exist add bl 198.51.100.2\nadd bl 198.51.100.3 -exist\n";
    let keys = ["198.51.100.1", "198.51.100.2", "198.51.100.3"];
    let (listed, warnings) = read("ipset", text, &Options::default(), &keys);
    assert_eq!((listed.len(), warnings.len()), (3, 0), "{warnings:?}");
    let text = format!("{text}flush bl\n");
    let (_, warnings) = read("ipset", &text, &Options::default(), &keys);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
}

#[test]
fn a_ruleset_that_is_cut_lists_no_wider_network() {
    let mut options = Options::default();
    options.reading.host_bits = true;
    let keys = ["198.51.100.1", "203.0.113.1", "192.0.2.1"];
    for end in ["", "\n"] {
        let text =
            format!("table inet f {{ set b {{ elements = {{ 203.0.113.1, 198.51.100.0/2{end}");
        let (listed, warnings) = read("nft", &text, &options, &keys);
        assert_eq!(listed, ["203.0.113.1"]);
        assert!(warnings.join("\n").contains("not used"), "{warnings:?}");
    }
    let text = "table inet f { set b { elements = { 203.0.113.1, 198.51.100.1";
    let (listed, warnings) = read("nft", text, &options, &keys);
    assert_eq!((listed.len(), warnings.len()), (2, 1), "{warnings:?}");
}

#[test]
fn a_set_of_nft_that_lets_in_is_not_listed() {
    let text = "table inet f {\n set allowed {\n type ipv4_addr\n elements = { 198.51.100.1 }\n }\n\
        set bl {\n type ipv4_addr\n elements = { 198.51.100.2 }\n }\n}\n\
        add element inet f white { 198.51.100.3 }\n";
    let keys = ["198.51.100.1", "198.51.100.2", "198.51.100.3"];
    let (listed, warnings) = read("nft", text, &Options::default(), &keys);
    assert_eq!(listed, ["198.51.100.2"]);
    assert_eq!(warnings.len(), 2, "{warnings:?}");
}

#[test]
fn a_host_behind_a_backslash_is_not_listed() {
    let text = "http://a.example\\@b.example/\nhttp://user@c.example/\n";
    let keys = ["a.example", "b.example", "c.example"];
    let (listed, warnings) = read("plain", text, &Options::default(), &keys);
    assert_eq!(listed, ["c.example"]);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
}

#[test]
fn a_text_may_stand_right_behind_its_key() {
    let mut options = Options::default();
    options.reading.plain.text_after = Some(b";".to_vec());
    let text = "198.51.100.0/24;SBL1\nevil.example; SBL2\n198.51.100.300;SBL3\n";
    let keys = ["198.51.100.1", "evil.example"];
    let (listed, warnings) = read("plain", text, &options, &keys);
    assert_eq!((listed.len(), warnings.len()), (2, 1), "{warnings:?}");
}

#[test]
fn a_last_line_that_is_skipped_is_not_called_used() {
    for (kind, text) in [
        ("plain", "198.51.100.1\n198.51.100.0/2"),
        ("adblock", "||a.example^\n||b.exam"),
        (
            "rir",
            "x|XX|ipv4|198.51.100.0|256|2026|allocated\nx|XX|ipv4|203.0.113.0|25",
        ),
        ("csv", "198.51.100.1,x\n198.51.100.0/2"),
    ] {
        let (_, warnings) = read(kind, text, &Options::default(), &[]);
        let said = warnings.join("\n");
        assert!(said.contains("not used"), "{kind}: {said}");
    }
}
