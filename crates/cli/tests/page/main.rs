//! The page for the person whose mail bounced, in a real browser and as a module.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may panic, and says what it skips"
)]

#[path = "../common/mod.rs"]
mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rblmap_wasm::{Reply, Session};
use serde_json::json;
use tempfile::TempDir;

use common::{build, rblmap, testdata};

const CONFIG: &str = r#"
[site]
name = "Example Lists"
url = "https://lists.example/"
contact = "postmaster@lists.example"
languages = ["en", "de", "fr", "es", "ar"]
[[zone]]
name = "ops.example"
title = "Open proxies"
lists = "Computers that forward mail for everybody."
why = { en = "Spammers hide behind them.", de = "Spammer verstecken sich dahinter." }
since = "30 days after the last sighting."
removal_url = "https://lists.example/remove?ip=%a"
removal_by = "the owner of the address, at once"
evidence_url = "https://lists.example/evidence/%a"
[[zone]]
name = "old.example"
title = "An old list"
[[zone]]
name = "cut.example"
title = "A cut list"
[[zone]]
name = "big.example"
title = "A large list"
image = "snapshot"
[[zone]]
name = "torn.example"
title = "A torn list"
image = "snapshot"
"#;

/// A text that a contributor would like to be run, or to be more of a link than it is.
const HOSTILE: &str = "<img src=x onerror=alert(1)> javascript:alert(1) \
                       http://a.example/?\"onclick=alert(1) <script>alert(1)</script>";

/// A mirror's folder with a good list, an expired one and one that the site will have cut.
fn folder() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let text = [
        "--value",
        "127.0.0.2:Open proxy, see https://lists.example/?q=$",
    ];
    let good = format!(
        "192.0.2.1\n2001:db8::/32\n.bad.example\n198.51.100.0/24 127.0.0.3\n\
         203.0.113.66 :127.0.0.4:{HOSTILE}\n"
    );
    let old = "$TIMESTAMP 2001-01-01 2001-02-01\n192.0.2.1\n";
    fs::rename(
        build(&dir, "good", "plain", &good, &text),
        dir.path().join("ops.example.rbl"),
    )
    .unwrap();
    fs::rename(
        build(&dir, "old", "ip4set", old, &[]),
        dir.path().join("old.example.rbl"),
    )
    .unwrap();
    fs::rename(
        build(&dir, "cut", "plain", &good, &text),
        dir.path().join("cut.example.rbl"),
    )
    .unwrap();
    for name in ["big", "torn"] {
        let image = build(&dir, name, "plain", &good, &text);
        fs::rename(image, dir.path().join(format!("{name}.example.rbl"))).unwrap();
    }
    fs::write(dir.path().join("page.toml"), CONFIG).unwrap();
    dir
}

/// Networks that split and merge, of both families, and names that hide in each other.
fn random_list(random: &mut fastrand::Rng) -> String {
    let keys = [
        "192.0.2.0/24",
        "192.0.2.0/25",
        "192.0.2.64/26",
        "192.0.2.77",
        "192.0.2.78/31",
        "2001:db8::/32",
        "2001:db8::/48",
        "2001:db8::7",
        "a.example.com",
        "*.example.com",
        "b.example.com",
        ".example.com",
        "*.b.example.com",
        "x.b.example.com",
        ".org",
    ];
    let mut lines: Vec<String> = Vec::new();
    for key in keys {
        if random.u8(..3) == 0 {
            let value = random.choice(["", " 127.0.0.3"]).unwrap();
            lines.push(format!("{key}{value}\n"));
        }
    }
    lines.concat()
}

/// Adds a zone with a history to a mirror's folder, and gives what the page should say of each key:
/// what `rblmap history` says.
fn with_history(dir: &TempDir, zone: &str, seed: u64) -> Vec<serde_json::Value> {
    let mut random = fastrand::Rng::with_seed(seed);
    let log = rblmap_history::Log::new(dir.path().join(format!("{zone}.history")));
    let path = dir.path().join(format!("{zone}.rbl"));
    let mut before = None;
    for serial in 1..=7u64 {
        let source = dir.path().join("source");
        fs::write(
            &source,
            format!("203.0.113.5\n{}", random_list(&mut random)),
        )
        .unwrap();
        let spec = format!("{zone}:plain:{}", source.display());
        let time = 1_700_000_000 + serial * 3600;
        let stamp = [serial.to_string(), time.to_string()];
        let out = path.to_str().unwrap();
        let numbers = ["--serial", &stamp[0], "--created", &stamp[1]];
        let run = rblmap([&["build", "-q", "-o", out, &spec][..], &numbers].concat());
        assert_eq!(run.code, 0, "{}", run.stderr);
        let image = rblmap::Image::read(&path).unwrap();
        let keep = rblmap_history::Retention::default();
        log.append(before.as_ref(), &image, time, &keep).unwrap();
        before = Some(image);
    }
    let keys = [
        "203.0.113.5",
        "192.0.2.1",
        "192.0.2.70",
        "192.0.2.77",
        "192.0.2.79",
        "192.0.2.200",
        "::ffff:192.0.2.77",
        "2001:db8::7",
        "2001:DB8:0:5::",
        "2001:db8:7::1",
        "a.example.com",
        "example.com",
        "c.example.com",
        "b.example.com",
        "x.b.example.com",
        "y.b.example.com",
        "Some.Org.",
    ];
    let mut told = Vec::new();
    for key in keys {
        let plain = key.trim_start_matches("::ffff:").trim_end_matches('.');
        let run = rblmap(["history", dir.path().to_str().unwrap(), zone, plain]);
        let words = run.stdout.lines().last().unwrap().to_owned();
        let Some((_, since)) = words.split_once(" has been listed since ") else {
            continue;
        };
        let least = since.starts_with("at least ");
        let time = since.trim_start_matches("at least ");
        let time = format!("{} {} UTC", &time[..10], &time[11..16]);
        let says = match least {
            true => format!("listed at least since {time}"),
            false => format!("listed since {time}."),
        };
        told.push(json!({"key": key, "zone": zone, "says": says}));
    }
    assert!(told.len() > 4, "seed {seed}");
    told
}

/// An image of a million addresses, to see how long the module takes for it.
fn million(dir: &TempDir) -> PathBuf {
    let mut random = fastrand::Rng::with_seed(5);
    let mut list = String::new();
    for _ in 0..1_000_000 {
        let address = std::net::Ipv4Addr::from(random.u32(0x0100_0000..0xe000_0000));
        list.push_str(&format!("{address}\n"));
    }
    build(dir, "million", "plain", &list, &[])
}

fn page(dir: &TempDir, site: &str, more: &[&str]) -> PathBuf {
    let site = dir.path().join(site);
    let config = dir.path().join("page.toml");
    let mut args = vec!["page", "-q", dir.path().to_str().unwrap(), "--config"];
    args.extend([config.to_str().unwrap(), "-o", site.to_str().unwrap()]);
    args.extend(more);
    let run = rblmap(&args);
    assert_eq!(run.code, 0, "{}", run.stderr);
    site
}

/// The folder of packages of npm that `scripts/install` makes, with a browser beside them.
fn browser() -> Option<PathBuf> {
    let modules = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../npm");
    let has_node = Command::new("node").arg("--version").output().is_ok();
    if has_node
        && modules.join("node_modules/axe-core").is_dir()
        && Path::new("/usr/bin/chromium").exists()
    {
        return Some(modules);
    }
    println!(
        "skipped: the page in a browser (node, chromium, or playwright-core and axe-core of npm are missing)"
    );
    None
}

#[test]
fn the_page_answers_by_keyboard_and_tells_nobody() {
    let Some(modules) = browser() else { return };
    let dir = folder();
    let zones = ["one.example", "two.example", "three.example"];
    let mut config = CONFIG.to_owned();
    let mut since = Vec::new();
    for (zone, seed) in zones.iter().zip(3..) {
        since.extend(with_history(&dir, zone, seed));
        let form = if *zone == "two.example" {
            "snapshot"
        } else {
            "whole"
        };
        config.push_str(&format!(
            "[[zone]]\nname = \"{zone}\"\nimage = \"{form}\"\n"
        ));
    }
    fs::write(dir.path().join("page.toml"), config).unwrap();
    let (site, local) = (page(&dir, "site", &[]), page(&dir, "local", &["--inline"]));
    let torn = site.join("torn.example.rbl.gz");
    let bytes = fs::read(&torn).unwrap();
    fs::write(&torn, bytes.get(..bytes.len() / 2).unwrap()).unwrap();
    let cut = site.join("cut.example.rbl");
    let bytes = fs::read(&cut).unwrap();
    fs::write(&cut, bytes.get(..bytes.len() / 2).unwrap()).unwrap();
    fs::rename(million(&dir), site.join("million.rbl")).unwrap();
    let plan = json!({
        "timing": "million.rbl",
        "loading": ["Loading the list…", "Die Liste wird geladen…"],
        "headers": headers(),
        "questions": [
            {"key": "192.0.2.1", "says": "192.0.2.1 is listed in Open proxies"},
            {"key": "192.0.2.1", "says": "see https://lists.example/?q=192.0.2.1"},
            {"key": "192.0.2.1", "says": "If you only sent a mail, you need not do anything on this page"},
            {"key": "192.0.2.1", "says": "If 192.0.2.1 is yours"},
            {"key": "192.0.2.2", "says": "192.0.2.2 is not listed in Open proxies"},
            {"key": "2001:db8::5", "says": "2001:db8::5 is listed"},
            {"key": "mail.bad.example", "says": "mail.bad.example is listed"},
            {"key": "good.example", "says": "good.example is not listed"},
            {"key": "203.0.113.66", "says": HOSTILE},
            {"key": "no such thing", "says": "neither an address nor a name", "status": "bad"},
            {"key": "192.0.2.1", "says": "The copy of An old list on this page is too old", "page": "old.example.html"},
            {"key": "192.0.2.1", "says": "The copy of A cut list on this page is damaged", "page": "cut.example.html"},
            {"key": "192.0.2.1", "says": "192.0.2.1 is listed in A large list", "page": "big.example.html"},
            {"key": "192.0.2.1", "says": "The copy of A torn list on this page is damaged", "page": "torn.example.html"},
            {"key": "192.0.2.1", "says": "192.0.2.1 steht auf der Liste Open proxies", "page": "de/index.html"},
        ],
        "links": [
            {"hash": "a=192.0.2.1&z=ops.example", "says": "192.0.2.1 is listed in Open proxies"},
            {"hash": "a=192.0.2.77&z=ops.example", "says": "192.0.2.77 is not listed"},
        ],
        "since": since,
        "local_since": since.first(),
        "not_said": "edition 0",
        "contact": "postmaster@lists.example",
        "secret": ["192.0.2", "2001", "bad.example"],
        "reports": [
            ["Save a report (XARF)", "report.xarf.json", "192.0.2.1"],
            ["Save a report (ARF)", "report.eml", "Feedback-Type: not-spam"],
        ],
        "pages": ["index.html#a=192.0.2.1", "lookup.html", "ops.example.html", "providers.html",
                  "de/index.html", "fr/index.html", "es/index.html", "ar/index.html"],
        "hostile": "a=203.0.113.66&z=ops.example",
        "shot": "#a=192.0.2.1",
        "local": local,
    });
    let plan_file = dir.path().join("plan.json");
    fs::write(&plan_file, plan.to_string()).unwrap();
    let run = Command::new("node")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page/browser.mjs"))
        .args([&site, &plan_file, &modules])
        .args(std::env::var_os("RBLMAP_SCREENSHOTS"))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&run.stdout);
    assert!(
        run.status.success(),
        "{told}\n{}",
        String::from_utf8_lossy(&run.stderr)
    );
    assert!(
        told.lines().filter(|line| line.starts_with("ok: ")).count() > 50,
        "{told}"
    );
}

#[test]
fn the_report_of_impact_reads_on_a_phone_and_prints() {
    let Some(modules) = browser() else { return };
    let dir = folder();
    let log = dir.path().join("mail.log");
    let report = dir.path().join("report.html");
    let lines = (0..200).map(|n| {
        format!("Nov 28 17:45:19 mx postfix/smtpd[1]: connect from a.example[198.51.100.{n}]\n")
    });
    fs::write(&log, lines.collect::<String>()).unwrap();
    let image = dir.path().join("ops.example.rbl");
    let (image, log, html) = (
        image.to_str().unwrap(),
        log.to_str().unwrap(),
        report.to_str().unwrap(),
    );
    let run = rblmap(["impact", "--image", image, "--html", html, log]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let run = Command::new("node")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page/report.mjs"))
        .args([&report, &modules])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&run.stdout);
    assert!(
        run.status.success() && told.ends_with("0 failed\n"),
        "{told}\n{}",
        String::from_utf8_lossy(&run.stderr)
    );
}

/// The headers that the page asks web servers to send, for the test's own server.
fn headers() -> serde_json::Value {
    let run = rblmap(["page", "--headers", "nginx"]);
    let headers = run.stdout.lines().filter_map(|line| {
        let (name, value) = line.strip_prefix("add_header ")?.split_once(' ')?;
        Some((
            name.to_owned(),
            value.trim_end_matches(" always;").trim_matches('"').into(),
        ))
    });
    let headers: serde_json::Map<String, serde_json::Value> = headers.collect();
    assert!(headers.contains_key("Content-Security-Policy"));
    headers.into()
}

#[test]
fn a_page_in_one_language_stays_under_100_kilobytes_without_its_lists() {
    let dir = folder();
    let one = CONFIG.replace(r#"["en", "de", "fr", "es", "ar"]"#, r#"["en"]"#);
    fs::write(dir.path().join("page.toml"), one).unwrap();
    let site = page(&dir, "site", &[]);
    let size = |path: &Path| fs::metadata(path).unwrap().len();
    assert!(size(&site.join("reader.wasm")) <= 48 * 1024);
    let files: Vec<PathBuf> = fs::read_dir(&site)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let without_lists = files
        .iter()
        .filter(|path| path.extension().is_none_or(|e| e != "rbl"));
    let bytes: u64 = without_lists.map(|path| size(path)).sum();
    assert!(bytes <= 100 * 1024, "{bytes} bytes");
}

/// Who reads an ISP's page must not have to guess that "the provider" is that ISP.
#[test]
fn a_providers_page_names_the_provider_as_who_decided() {
    let dir = folder();
    let site = page(&dir, "site", &[]);
    let index = fs::read_to_string(site.join("index.html")).unwrap();
    assert!(index.contains("Only Example Lists can make an exception."));
    let key = dir.path().join("k");
    let (key, feed) = (key.to_str().unwrap(), dir.path().join("feed"));
    let (image, feed) = (dir.path().join("ops.example.rbl"), feed.to_str().unwrap());
    let private = format!("{key}.key");
    let publish = [
        "publish",
        "-q",
        feed,
        image.to_str().unwrap(),
        "--key",
        &private,
    ];
    for args in [&["keygen", "-q", "-o", key][..], &publish] {
        let run = rblmap(args);
        assert_eq!(run.code, 0, "{}", run.stderr);
    }
    let config = dir.path().join("one.toml");
    let one = CONFIG
        .split("[[zone]]\nname = \"old.example\"")
        .next()
        .unwrap();
    fs::write(&config, one).unwrap();
    let out = dir.path().join("of-feed");
    let (config, to) = (config.to_str().unwrap(), out.to_str().unwrap());
    let run = rblmap(["page", "-q", feed, "--config", config, "-o", to]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let index = fs::read_to_string(out.join("index.html")).unwrap();
    assert!(index.contains("only that provider can make an exception."));
}

#[test]
fn a_page_of_nothing_is_told_and_writes_nothing() {
    let dir = folder();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let run = |config: &str, source: &str| {
        rblmap([
            "page",
            &path(source),
            "--config",
            &path(config),
            "-o",
            &path("none"),
        ])
    };
    fs::write(path("typo.toml"), CONFIG.replace("why", "wy")).unwrap();
    let typo = run("typo.toml", ".");
    assert_eq!(typo.code, 3);
    assert!(
        typo.stderr.contains("typo.toml:11: unknown field `wy`"),
        "{}",
        typo.stderr
    );
    assert_eq!(run("page.toml", "nowhere").code, 3);
    assert_eq!(run("no.toml", ".").code, 3);
    fs::write(path("old.example.rbl"), "<!doctype html>").unwrap();
    assert_eq!(run("page.toml", ".").code, 3);
    assert!(!Path::new(&path("none")).exists());
}

#[test]
fn the_module_answers_as_the_reader_does() {
    if Command::new("node").arg("--version").output().is_err() {
        println!("skipped: the WebAssembly module (node is missing)");
        return;
    }
    let dir = folder();
    for image in [
        testdata("golden/three.rbl"),
        dir.path().join("ops.example.rbl"),
    ] {
        let keys = random_keys(50_000);
        let key_file = dir.path().join("keys");
        fs::write(&key_file, keys.join("\n")).unwrap();
        let run = Command::new("node")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page/module.mjs"))
            .args([&image, &key_file])
            .output()
            .unwrap();
        assert!(
            run.status.success(),
            "{}",
            String::from_utf8_lossy(&run.stderr)
        );
        let module = String::from_utf8(run.stdout).unwrap();
        let mut native = Session::default();
        assert_eq!(native.open(fs::read(&image).unwrap()), Reply::NotListed);
        let mut listed = 0;
        for (key, line) in keys.iter().zip(module.lines()) {
            let reply = native.lookup(0, key.as_bytes(), 0);
            let hex: String = native
                .out()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            assert_eq!(
                format!("{} {hex}", reply as i32),
                line,
                "{}: {key}",
                image.display()
            );
            listed += usize::from(reply == Reply::Listed);
        }
        assert_eq!(module.lines().count(), keys.len());
        assert!(
            listed > 100,
            "{}: only {listed} of the keys were listed",
            image.display()
        );
    }
}

/// Addresses and names, half of them near to what the lists hold.
fn random_keys(count: usize) -> Vec<String> {
    let mut random = fastrand::Rng::with_seed(9);
    let near = ["192.0.2.", "198.51.100.", "10.0.0."];
    let mut keys: Vec<String> = (0..count)
        .map(|_| match random.u8(..6) {
            0..=2 => format!("{}{}", random.choice(near).unwrap(), random.u8(..)),
            3 => std::net::Ipv4Addr::from(random.u32(..)).to_string(),
            4 => std::net::Ipv6Addr::from((0x2001_0db8_u128 << 96) | u128::from(random.u64(..)))
                .to_string(),
            _ => format!(
                "{}.{}",
                random.alphanumeric(),
                random.choice(["bad.example", "example", "x"]).unwrap()
            ),
        })
        .collect();
    keys.extend(
        [
            "",
            "nonsense",
            "1.2.3",
            "::ffff:192.0.2.1",
            "2002:c000:201::1",
        ]
        .map(String::from),
    );
    keys
}
