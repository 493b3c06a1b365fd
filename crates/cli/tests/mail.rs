//! `rblmap check` and `rblmap serve` as commands, and real mail servers where they can be run.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test may panic, and says what it skips"
)]

mod common;

use std::path::Path;
use std::process::Command;

use common::{rblmap, rblmap_with_input};
use serde_json::Value;
use tempfile::TempDir;

const RULES: &str = "[[zone]]\nname = \"ops.example\"\nfrom = \"DIR/ops.rbl\"\nmode = \"reject\"\nweight = 5\n\
    [[zone]]\nname = \"dul.example\"\nfrom = \"DIR/dul.rbl\"\n[[allow]]\nnetworks = [\"192.0.2.3\"]\n";

/// A folder with two images and a policy.
struct World {
    dir: TempDir,
}

impl World {
    fn new(rules: &str) -> World {
        let world = World {
            dir: tempfile::tempdir().unwrap(),
        };
        world.build("ops", "127.0.0.2\n192.0.2.0/28\n2001:db8:bad::/64\n");
        world.build("dul", "127.0.0.2\n192.0.2.5\n198.51.100.0/24\n");
        world.policy("mail.toml", rules);
        world
    }

    fn build(&self, name: &str, list: &str) {
        let source = self.dir.path().join(format!("{name}.txt"));
        std::fs::write(&source, list).unwrap();
        let image = self.path(&format!("{name}.rbl"));
        let spec = format!("{name}.example:plain:{}", source.display());
        let run = rblmap([
            "build",
            "-q",
            "--value",
            "127.0.0.2:see $",
            "-o",
            &image,
            &spec,
        ]);
        assert_eq!(run.code, 0, "{}", run.stderr);
    }

    fn policy(&self, name: &str, rules: &str) -> String {
        let path = self.path(name);
        std::fs::write(
            &path,
            rules.replace("DIR", self.dir.path().to_str().unwrap()),
        )
        .unwrap();
        path
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }
}

#[test]
fn check_prints_a_line_a_client() {
    let world = World::new(RULES);
    let config = world.path("mail.toml");
    let run = rblmap([
        "check",
        "--config",
        &config,
        "192.0.2.1",
        "::ffff:192.0.2.3",
        "198.51.100.1",
        "2001:db8:bad:0::9",
        "203.0.113.1",
    ]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    let text =
        "550 5.7.1 Service unavailable; client [192.0.2.1] is listed in ops.example: see 192.0.2.1";
    let lines: Vec<&str> = run.stdout.lines().collect();
    let text6 = text.replace("192.0.2.1", "2001:db8:bad::9");
    let expected = [
        format!("192.0.2.1\treject\t0\t{text}\tops.example reject"),
        format!(
            "192.0.2.3\tallowed\t0\t\tops.example reject; listed, but allowed here ({config}:10)"
        ),
        "198.51.100.1\tlog\t0\t\tdul.example log; would reject".to_owned(),
        format!("2001:db8:bad::9\treject\t0\t{text6}\tops.example reject"),
        "203.0.113.1\tpass\t0\t\t".to_owned(),
    ];
    assert_eq!(lines, expected);
    let run = rblmap_with_input(
        [
            "check",
            "--config",
            &config,
            "--json",
            "--recipient",
            "Postmaster",
        ],
        b"192.0.2.1\n\n",
    );
    let line: Value = serde_json::from_str(&run.stdout).unwrap();
    for (field, value) in [
        ("address", "192.0.2.1"),
        ("action", "exempt"),
        ("reply", ""),
        ("terms", "ops.example reject; exempt: recipient postmaster"),
    ] {
        assert_eq!(line[field], value, "{field}");
    }
    assert_eq!(
        (&line["score"], &line["zones"][0]["a"]),
        (&Value::from(0), &Value::from("127.0.0.2"))
    );
}

#[test]
fn check_says_the_sum() {
    let rules = format!(
        "{}[score]\nreject = 5\n",
        RULES.replacen("weight", "codes = \"127.0.0.2\"\nweight", 1)
    );
    let world = World::new(&rules);
    let run = rblmap(["check", "--config", &world.path("mail.toml"), "192.0.2.5"]);
    assert!(
        run.stdout.starts_with("192.0.2.5\treject\t5\t550 5.7.1 "),
        "{}",
        run.stdout
    );
    assert!(
        run.stdout
            .ends_with("\tops.example 5 = 5 >= 5 (reject); dul.example log\n"),
        "{}",
        run.stdout
    );
}

#[test]
fn what_check_cannot_use_is_in_its_exit_code() {
    let world = World::new(RULES);
    let config = world.path("mail.toml");
    let run = rblmap(["check", "--config", &config, "192.0.2.300", "192.0.2.1"]);
    assert_eq!((run.code, run.stdout.lines().count()), (3, 1));
    assert!(
        run.stderr.contains("192.0.2.300: not an address"),
        "{}",
        run.stderr
    );
    std::fs::write(world.path("dul.rbl"), "damaged").unwrap();
    let run = rblmap(["check", "--config", &config, "192.0.2.1"]);
    assert_eq!(run.code, 3);
    assert!(
        run.stdout.starts_with("192.0.2.1\treject\t") && run.stdout.contains("dul.example damaged"),
        "{}",
        run.stdout
    );
    assert!(
        run.stderr.contains("dul.example: no opinion: damaged"),
        "{}",
        run.stderr
    );
    std::fs::remove_file(world.path("dul.rbl")).unwrap();
    assert_eq!(rblmap(["check", "--config", &config, "192.0.2.1"]).code, 3);
    let bad = world.policy("bad.toml", &RULES.replacen("mode", "moed", 1));
    for command in [
        vec!["check", "--config", &bad, "192.0.2.1"],
        vec!["serve", "--config", &bad],
    ] {
        let run = rblmap(&command);
        assert_eq!(run.code, 3, "{command:?}");
        assert!(
            run.stderr.contains("bad.toml:4: ") && run.stderr.contains("did you mean `mode`?"),
            "{}",
            run.stderr
        );
    }
    assert_eq!(
        rblmap(["check", "--config", &world.path("none.toml"), "192.0.2.1"]).code,
        3
    );
}

#[test]
fn two_policies_are_compared_over_a_log() {
    let world = World::new(RULES);
    let old = world.path("mail.toml");
    let new = world.policy(
        "new.toml",
        &RULES.replace("[[allow]]", "mode = \"reject\"\n[[allow]]"),
    );
    let log = world.path("log");
    let text = "connect from unknown[198.51.100.7]\nclient=x[192.0.2.1], x\nconnect from unknown[198.51.100.7]\nno address\n";
    std::fs::write(&log, text).unwrap();
    let run = rblmap([
        "check",
        "--config",
        &old,
        "--config",
        &new,
        "--against",
        &log,
    ]);
    assert_eq!(
        (run.code, run.stdout.as_str()),
        (0, "198.51.100.7\tlog\treject\t2\n")
    );
    assert!(
        run.stderr.contains("1 lines without an address"),
        "{}",
        run.stderr
    );
    let run = rblmap([
        "check",
        "--config",
        &old,
        "--against",
        &new,
        "198.51.100.7",
        "192.0.2.1",
    ]);
    assert_eq!(
        (run.code, run.stdout.as_str()),
        (0, "198.51.100.7\tlog\treject\t1\n")
    );
    assert_eq!(
        rblmap(["check", "--config", &old, "--config", &new]).code,
        2
    );
}

#[test]
fn root_is_refused_unless_allowed() {
    let world = World::new(&format!("[listen]\nquery = [\"unix:DIR/query\"]\n{RULES}"));
    let id = Command::new("id").arg("-u").output().unwrap();
    if id.stdout.trim_ascii() != b"0" {
        println!("skipped: serve as root (not root)");
        return;
    }
    let run = rblmap(["serve", "--config", &world.path("mail.toml")]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("--allow-root"), "{}", run.stderr);
    assert!(!Path::new(&world.path("query")).exists());
}

/// The quick part of `scripts/mta`: Postfix (policy, milter, socketmap) and Exim (readsocket,
/// dlfunc), installed into overlay roots.
#[test]
fn postfix_and_exim_refuse_with_the_text() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let output = Command::new(root.join("scripts/mta"))
        .arg("--quick")
        .arg(env!("CARGO_BIN_EXE_rblmap"))
        .env(
            "RBLMAP_NPM",
            Path::new(env!("CARGO_TARGET_TMPDIR")).join("../npm"),
        )
        .output()
        .unwrap();
    let (said, errors) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{said}\n{errors}");
    for reason in said.lines().filter(|line| line.starts_with("skipped: ")) {
        println!("{reason}");
        if reason.starts_with("skipped: mail servers") {
            return;
        }
    }
    assert!(said.contains(" cases, 0 failed"), "{said}\n{errors}");
}
