//! `rblmap info --bytes`: what an image holds for one key.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod common;

use common::{build, rblmap};
use tempfile::TempDir;

#[test]
fn the_bytes_of_a_key_are_shown_in_words() {
    let dir = TempDir::new().unwrap();
    let source = "192.0.2.1\n198.51.100.0/24 127.0.0.3\n2001:db8::/32\n.mail.example\n";
    let image = build(&dir, "a", "plain", source, &[]);
    let shown = |key: &str| rblmap(["info", "--bytes", key, image.to_str().unwrap()]);
    for (key, words) in [
        (
            "192.0.2.1",
            ["V4_SORTED", "its key only", "192.0.2.1\tlisted"],
        ),
        (
            "198.51.100.9",
            ["V4_SORTED", "up to the next", "198.51.100.9\tlisted"],
        ),
        (
            "203.0.113.1",
            ["V4_SORTED", "no value", "203.0.113.1\tnot-listed"],
        ),
        (
            "2001:db8::7",
            ["V6_SORTED", "up to the next", "2001:db8::7\tlisted"],
        ),
        (
            "mx.mail.example",
            ["NAMES_SORTED", "below: value", "mx.mail.example\tlisted"],
        ),
    ] {
        let out = shown(key);
        assert_eq!(out.code, 0, "{}", out.stderr);
        for word in words {
            assert!(out.stdout.contains(word), "{key}: {}", out.stdout);
        }
    }
    let no_zone = ["--zone", "none", image.to_str().unwrap()];
    let out = rblmap([&["info", "--bytes", "192.0.2.1"][..], &no_zone].concat());
    assert_eq!(out.code, 3, "{}", out.stderr);
}

#[test]
fn the_bytes_of_lines_say_what_a_lookup_says() {
    let dir = TempDir::new().unwrap();
    // More than small zones have, in every kind of neighbourhood.
    let mut source = String::new();
    for number in 0u32..140_000 {
        let address = std::net::Ipv4Addr::from_bits(0x0b00_0000 + number * 7 / 2 + number % 3);
        source += &format!(
            "{address} 127.0.0.{}\n",
            2 + number / 9 % (1 + (number >> 14))
        );
    }
    let image = build(&dir, "a", "plain", &source, &[]);
    let image = image.to_str().unwrap();
    for number in (0u32..490_000).step_by(61_007) {
        let key = std::net::Ipv4Addr::from_bits(0x0b00_0000 + number).to_string();
        let shown = rblmap(["info", "--bytes", &key, image]);
        assert_eq!(shown.code, 0, "{}", shown.stderr);
        assert!(shown.stdout.contains("V4_LINES"), "{}", shown.stdout);
        let looked_up = rblmap(["lookup", image, &key]);
        let listed = looked_up.stdout.contains("\tlisted");
        let says = if listed {
            "says of KEY: value"
        } else {
            "says of KEY: no value"
        };
        let says = says.replace("KEY", &key);
        assert!(shown.stdout.contains(&says), "{}", shown.stdout);
    }
}
