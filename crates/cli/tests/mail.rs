//! `rblmap check` and `rblmap serve` as commands, and real mail servers where they can be run.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic, and says what it skips"
)]

mod common;

use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

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

/// What a reply says of since when: nothing without a history, then a day.
#[test]
fn a_reply_says_since_when_if_the_history_knows() {
    let rules = "[[zone]]\nname = \"ops.example\"\nfrom = \"DIR/mirror\"\nmode = \"reject\"\n\
        reply = \"550 5.7.1 listed since [%s], see %u\"\nurl = \"https://x.example/#a=%a&z=%z&s=%s\"\n\
        [[zone]]\nname = \"sub.ops.example\"\nfrom = \"DIR/mirror\"\nmode = \"reject\"\n\
        reply = \"550 5.7.1 since [%s]\"\n";
    let world = World::new(rules);
    let reply = |client: &str| {
        let run = rblmap(["check", "--config", &world.path("mail.toml"), client]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        run.stdout.split('\t').nth(3).unwrap().to_owned()
    };
    let [image, feed, mirror] = ["mail.rbl", "feed", "mirror"].map(|name| world.path(name));
    let publish = |list: &str, sub: &str, created: &str| {
        let [base, below] = ["base.txt", "below.txt"].map(|name| world.path(name));
        std::fs::write(&base, list).unwrap();
        std::fs::write(&below, sub).unwrap();
        let specs = [
            format!("ops.example:plain:{base}"),
            format!("sub.ops.example:plain:{below}"),
        ];
        let build = ["build", "-q", "--created", created, "-o", &image];
        let build = [&build[..], &[&specs[0], &specs[1]]].concat();
        let [key, public] = ["k.key", "k.pub"].map(|name| world.path(name));
        for args in [
            build,
            vec!["publish", "-q", &feed, &image, "--key", &key],
            vec!["mirror", "-q", &feed, &mirror, "--key", &public],
        ] {
            let run = rblmap(&args);
            assert_eq!(run.code, 0, "{args:?}: {}", run.stderr);
        }
    };
    assert_eq!(rblmap(["keygen", "-q", "-o", &world.path("k")]).code, 0);
    // Recent days, for a mirror forgets what is older than 90 days.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let days_ago = |days: u64| (now.as_secs() - days * 86_400).to_string();
    // The day of the newest event that the history tells of a key.
    let day = |client: &str| {
        let run = rblmap(["history", &mirror, "ops.example", client]);
        let lines: Vec<&str> = run.stdout.lines().collect();
        lines.iter().rev().nth(1).unwrap()[..10].to_owned()
    };
    publish("192.0.2.1\n", "192.0.2.7\n", &days_ago(9));
    let history = Path::new(&mirror).join("ops.example.history");
    let aside = Path::new(&mirror).join("aside");
    std::fs::rename(&history, &aside).unwrap();
    let url = "https://x.example/#a=192.0.2.1&z=ops.example&s=";
    let told = format!("550 5.7.1 listed since [], see {url}");
    assert_eq!(reply("192.0.2.1"), told, "there is no history");
    std::fs::rename(&aside, &history).unwrap();
    let first = day("192.0.2.1");
    let told = format!("550 5.7.1 listed since [before {first}], see {url}before%20{first}");
    assert_eq!(reply("192.0.2.1"), told);
    publish(
        "192.0.2.1\n192.0.2.0/29\n",
        "192.0.2.7\n2001:db8::/64\n",
        &days_ago(6),
    );
    assert_eq!(reply("192.0.2.1"), told);
    let second = day("192.0.2.6");
    assert_ne!(first, second);
    let told = format!("550 5.7.1 listed since [{second}], see {url}{second}");
    let told = told.replace("192.0.2.1", "192.0.2.6");
    assert_eq!(reply("192.0.2.6"), told);
    let sub = format!("550 5.7.1 since [{second}]");
    assert_eq!(reply("2001:db8::9"), sub);
    publish("198.51.100.1\n192.0.2.6\n", "", &days_ago(3));
    assert_eq!(reply("192.0.2.6"), told, "a wider network went away");
    publish("198.51.100.1\n", "192.0.2.7\n", &days_ago(2));
    publish("198.51.100.1\n192.0.2.6\n", "192.0.2.7\n", &days_ago(1));
    let last = day("192.0.2.6");
    assert_ne!(last, second);
    let told = told.replace(&second, &last);
    assert_eq!(reply("192.0.2.6"), told, "it was gone for a day");
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
