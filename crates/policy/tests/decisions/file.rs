//! Slips in the file.

use std::path::Path;

use rblmap_policy::Policy;

use crate::world::{OPS, ops};

#[test]
fn slips_in_the_file_are_told_with_their_line() {
    let world = ops();
    let cases = [
        (
            "[[zone]]\nname = \"a.example\"\n",
            "mail.toml:1: ",
            "missing field `from`",
        ),
        (
            "[[zone]]\nname = \"a.example\"\nfrom = \"x\"\nmoed = \"log\"\n",
            "mail.toml:4: ",
            "did you mean `mode`?",
        ),
        (
            "[[zone]]\nname = \"a.example\"\nfrom = 5\n",
            "mail.toml:3: ",
            "invalid type",
        ),
        (
            "[[zone]]\nname = \"a.example\"\nfrom = \"x\"\nmode = \"rejct\"\n",
            "mail.toml:4: ",
            "did you mean `reject`?",
        ),
        (
            "[[zone]]\nname = \"a.example\"\nfrom = \"x\"\nweight = 1e99\n",
            "mail.toml:4: ",
            "1000000",
        ),
        (
            "[[zone]]\nname = \"a.example\"\nfrom = \"x\"\ncodes = \"127.0.0.[9..2]\"\n",
            "mail.toml:4: ",
            "ends before",
        ),
        (
            "[[zone]]\nname = \"a.example\"\nfrom = \"x\"\ncodes = \"127.255.255.1\"\n",
            "mail.toml:4: ",
            "never counts",
        ),
        (
            "[[zone]]\nname = \"a.example\"\nfrom = \"x\"\nreply = \"%q\"\n",
            "mail.toml:4: ",
            "%q",
        ),
        (
            "[[zone]]\nname = \"a.example\"\nfrom = \"x\"\n[[zone]]\nname = \"A.example\"\nfrom = \"y\"\n",
            "mail.toml:5: ",
            "twice",
        ),
        (
            "[[zone]]\nname = \"a b\"\nfrom = \"x\"\n",
            "mail.toml:2: ",
            "name of a zone",
        ),
        (
            "[score]\nreject = 4\ndefer = 6\n[[zone]]\nname = \"a\"\nfrom = \"x\"\n",
            "mail.toml:3: ",
            "above reject",
        ),
        (
            "[score]\ntag = 0\n[[zone]]\nname = \"a\"\nfrom = \"x\"\n",
            "mail.toml:2: ",
            "above 0",
        ),
        (
            "[listen]\nmilter = [\"0.0.0.0:1\"]\n[[zone]]\nname = \"a\"\nfrom = \"x\"\n",
            "mail.toml:2: ",
            "loopback",
        ),
        (
            "[listen]\ndns = [\"0.0.0.0:53\"]\n[[zone]]\nname = \"a\"\nfrom = \"x\"\n",
            "mail.toml:2: ",
            "dns_public",
        ),
        (
            "[exempt]\nports = [70000]\n[[zone]]\nname = \"a\"\nfrom = \"x\"\n",
            "mail.toml:2: ",
            "70000",
        ),
        (
            "[[allow]]\nnetworks = [\n\"192.0.2.0/24\",\n\"192.0.2.0/33\"]\n[[zone]]\nname = \"a\"\nfrom = \"x\"\n",
            "mail.toml:4: ",
            "neither an address",
        ),
        (
            "[[allow]]\nfiles = [\"DIR/none\"]\n[[zone]]\nname = \"a\"\nfrom = \"x\"\n",
            "mail.toml:2: ",
            "cannot be read",
        ),
        (
            "[[recipient]]\nwho = [\"x\"]\nmode = \"tag\"\nzones = [\"ops.exampel\"]\n[[zone]]\nname = \"ops.example\"\nfrom = \"x\"\n",
            "mail.toml:4: ",
            "did you mean ops.example?",
        ),
        ("host = \"x\n[[zone]]\n", "mail.toml:1: ", "string"),
        ("host = \"x\"\n", "mail.toml:2: ", "no [[zone]]"),
        (
            "[trouble]\nanswer = \"maybe\"\n[[zone]]\nname = \"a\"\nfrom = \"x\"\n",
            "mail.toml:2: ",
            "open",
        ),
    ];
    for (text, line, says) in cases {
        let error = world.policy(text).unwrap_err().to_string();
        assert!(
            error.starts_with(line) && error.contains(says),
            "{text}\n-> {error}"
        );
    }
}

#[test]
fn no_bytes_make_the_parser_panic() {
    let base = format!(
        "host = \"h\"\n[listen]\npolicy = [\"unix:/a?mode=660\"]\n{OPS}codes = \"127.0.0.[2..11]\"\nweight = 2.5\nreply = \"550 %a\"\n[score]\nreject = 8\n[[allow]]\nnetworks = [\"192.0.2.0/24\"]\n"
    );
    let mut dice = fastrand::Rng::with_seed(23);
    for _ in 0..3000 {
        let mut bytes = base.clone().into_bytes();
        for _ in 0..dice.usize(1..4) {
            let at = dice.usize(..bytes.len());
            match dice.u8(..3) {
                0 => bytes[at] = dice.u8(32..127),
                1 => {
                    bytes.remove(at);
                }
                _ => bytes.insert(at, *dice.choice(b"[]{}\"'=.\n#%\\9").unwrap()),
            }
        }
        // A text or an error, never a panic.
        let _ = Policy::parse(&String::from_utf8_lossy(&bytes), Path::new("m"), "h");
    }
}
