//! The dialect of the rbldnsd of rspamd, by its manual: `dnhash`, IPv6 in `ip4trie`, parameters.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod common;

use common::{Question, ask};
use rblmap_zonefile::{Built, Class, Error, Options, Spec};

fn built(kind: &str, text: &str) -> (rblmap::Image, Built) {
    let options = Options {
        now: 1_000_060,
        ..Options::default()
    };
    common::image(kind, text, &options)
}

/// The last octets of the A records of a key.
fn says(image: &rblmap::Image, key: &str) -> Vec<u8> {
    let question = match key.parse() {
        Ok(std::net::IpAddr::V4(address)) => Question::V4(address),
        Ok(std::net::IpAddr::V6(address)) => Question::V6(address),
        Err(_) => Question::Name(key.as_bytes().to_vec()),
    };
    ask(image, &question, "@")
        .a
        .iter()
        .map(|a| a.octets()[3])
        .collect()
}

#[test]
fn the_last_line_of_a_name_counts_in_a_dnhash() {
    let (image, built) = built(
        "dnhash",
        "a.example :2:\na.example :3:\nb.example :2:\n!b.example\n!c.example\nc.example :4:\n\
         .d.example :5:\n*.x.d.example :6:\n!*.x.d.example\n.e.example :7:\n!e.example\n\
         *.a.b.c.d.e.example :8:\n",
    );
    assert_eq!(says(&image, "a.example"), [3]);
    assert_eq!(says(&image, "b.example"), [0; 0]);
    assert_eq!(says(&image, "c.example"), [4]);
    // What is taken back does not hide what a shorter name says.
    assert_eq!(says(&image, "y.x.d.example"), [5]);
    assert_eq!(says(&image, "e.example"), [0; 0]);
    assert_eq!(says(&image, "y.e.example"), [7]);
    // Six labels are more than its hash has room for.
    let classes: Vec<Class> = built.warnings.iter().map(|warning| warning.class).collect();
    assert_eq!(classes, [Class::BadName]);
}

#[test]
fn an_ip4trie_takes_both_families() {
    let (image, built) = built(
        "ip4trie",
        "192.0.2.0/24 :2:\n2001:db8::/32 :3:\n!2001:db8:1::/48\n2001:db8::1 :4:\n0:0:0:0:0:ffff:c633:6401/128 :5:\n",
    );
    assert_eq!(built.warnings, []);
    assert_eq!(says(&image, "192.0.2.1"), [2]);
    assert_eq!(says(&image, "2001:db8:2::1"), [3]);
    assert_eq!(says(&image, "2001:db8:1::1"), [0; 0]);
    assert_eq!(says(&image, "2001:db8::1"), [4]);
    assert_eq!(says(&image, "198.51.100.1"), [5]);
}

#[test]
fn parameters_are_told_and_times_applied() {
    let (image, built) = built(
        "ip4trie",
        "192.0.2.1 :2:x @ ts=1000000;delay=60s\n192.0.2.2 :2:x @ ts=1000000;delay=61s\n\
         192.0.2.3 :2:x @ key=require\n192.0.2.4 :2:x @ delay=2s\n192.0.2.5 :2:mail me @ home\n\
         2001:db8::5 @ ts=1000000;delay=1h\n192.0.2.0/24 :3:\n",
    );
    assert_eq!(says(&image, "192.0.2.1"), [2]);
    assert_eq!(says(&image, "192.0.2.2"), [0; 0]);
    assert_eq!(says(&image, "192.0.2.3"), [0; 0]);
    assert_eq!(says(&image, "192.0.2.4"), [2]);
    assert_eq!(says(&image, "192.0.2.5"), [2]);
    assert_eq!(says(&image, "2001:db8::5"), [0; 0]);
    assert_eq!(says(&image, "192.0.2.6"), [3]);
    let told = built
        .warnings
        .iter()
        .filter(|warning| warning.class == Class::Parameters);
    assert_eq!(
        told.map(|warning| warning.line).collect::<Vec<_>>(),
        [1, 2, 3, 4, 6]
    );
    let texts = ask(&image, &Question::V4([192, 0, 2, 5].into()), "@").txt;
    assert!(texts.contains(b"mail me @ home".as_slice()));
}

#[test]
fn keys_of_clients_are_refused_with_the_reason() {
    let error = "a.example:aclkey:keys".parse::<Spec>().unwrap_err();
    assert!(matches!(error, Error::Aclkey));
    assert!(error.to_string().contains("has no clients"), "{error}");
}
