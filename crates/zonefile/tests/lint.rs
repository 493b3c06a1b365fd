//! Findings of the lint, by class and line.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

mod common;

use rblmap_zonefile::{Check, Options};

/// Line and class of each finding of one source.
fn findings(kind: &str, text: &str) -> Vec<(u64, &'static str)> {
    let options = Options {
        check: Some(Check::default()),
        ..Options::default()
    };
    let (_, built) = common::image(kind, text, &options);
    let found = built.warnings.iter();
    found
        .map(|warning| (warning.line, warning.class.as_str()))
        .collect()
}

const POINTS: &str = "127.0.0.2 :2:test $\n";

#[test]
fn a_clean_zone_has_no_findings() {
    assert_eq!(
        findings(
            "ip4set",
            &format!("{POINTS}:2:see $\n1.2.3.4\n1.2.4.0/24\n")
        ),
        []
    );
    assert_eq!(
        findings(
            "dnset",
            "test\n.a.example\n*.b.example :3:\n!no.b.example\n"
        ),
        []
    );
    assert_eq!(
        findings(
            "ip6trie",
            "::ffff:7f00:2\n2600::/32\n!2600:1::/33\n2600::1 :3:\n"
        )[..1],
        [(3, "idle-exclusion")]
    );
    assert_eq!(findings("plain", "127.0.0.2\n1.2.3.4\n"), []);
    assert_eq!(findings("generic", "test A 127.0.0.2\na TXT \"x\"\n"), []);
}

#[test]
fn test_points_are_those_of_rfc_5782() {
    assert_eq!(findings("ip4set", "1.2.3.4\n"), [(0, "test-point-missing")]);
    assert_eq!(
        findings("ip4set", "127.0.0.0/24 :2:$\n"),
        [(1, "reserved"), (0, "test-point-listed")]
    );
    assert_eq!(
        findings("dnset", "a.example\n"),
        [(0, "test-point-missing")]
    );
    assert_eq!(
        findings("dnset", "test\ninvalid\n"),
        [(0, "test-point-listed")]
    );
    assert_eq!(
        findings("ip6trie", "2600::/32\n"),
        [(0, "test-point-missing")]
    );
}

#[test]
fn reserved_and_wide_networks_are_named() {
    let text = format!("{POINTS}10.1.2.3\n2.0.0.0/7\n224.0.0.0/4\n9.9.9.9\n!192.168.0.0/16\n");
    assert_eq!(
        findings("ip4trie", &text),
        [
            (2, "reserved"),
            (3, "wide"),
            (4, "reserved"),
            (4, "wide"),
            (6, "idle-exclusion")
        ]
    );
    assert_eq!(
        findings("ip6trie", "::ffff:7f00:2\n2001:db8::/32\n2000::/15\n"),
        [
            (2, "reserved"),
            (2, "shadowed"),
            (3, "reserved"),
            (3, "wide")
        ]
    );
}

#[test]
fn what_says_nothing_new_is_shadowed() {
    let text =
        format!("{POINTS}1.2.3.0/24\n1.2.3.4\n1.2.3.5 :3:\n1.2.4.1-1.2.4.9\n1.2.4.2-1.2.4.3\n");
    assert_eq!(
        findings("ip4set", &text),
        [(3, "shadowed"), (6, "shadowed")]
    );
    assert_eq!(
        findings(
            "ip4trie",
            &format!("{POINTS}1.2.3.0/24\n!1.2.3.0/25\n1.2.3.4\n1.2.3.4\n")
        ),
        [(5, "duplicate")]
    );
    assert_eq!(
        findings(
            "dnset",
            "test\n.a.example\nb.a.example\n*.a.example\nc.a.example :3:\n"
        ),
        [(3, "shadowed"), (4, "shadowed")]
    );
    // The text has another name in it.
    assert_eq!(
        findings("dnset", "test\n:2:see $\n.a.example\nb.a.example\n"),
        []
    );
}

#[test]
fn exclusions_take_something_out() {
    let text =
        format!("{POINTS}1.2.3.0/24\n!1.2.3.4\n!1.2.4.4\n21.0.1.5\n!21.0.1.0/24\n!1.2.0.0/16\n");
    assert_eq!(
        findings("ip4set", &text),
        [
            (4, "idle-exclusion"),
            (6, "idle-exclusion"),
            (7, "idle-exclusion")
        ]
    );
    assert_eq!(
        findings(
            "dnset",
            "test\n.a.example\n!b.a.example\n!.a.example.org\n!*.test\n!c.a.example\n!c.a.example\n"
        ),
        [
            (4, "idle-exclusion"),
            (5, "idle-exclusion"),
            (7, "idle-exclusion")
        ]
    );
}

#[test]
fn texts_say_what_is_listed() {
    let text =
        format!("{POINTS}:2:listed\n1.2.3.4\n1.2.3.5\n1.2.3.6 :3:$ is bad\n1.2.3.7 :2:Case 7\n");
    assert_eq!(findings("ip4set", &text), [(3, "no-key"), (6, "no-key")]);
    assert_eq!(
        findings("ip4set", &format!("$1 see $\n{POINTS}1.2.3.4 $1\n")),
        [(3, "no-key")]
    );
    assert_eq!(
        findings("ip4set", &format!("$= see $\n{POINTS}1.2.3.4 x\n")),
        []
    );
}
