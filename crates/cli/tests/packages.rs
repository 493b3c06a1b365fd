//! What a published crate must carry: its own README, both licences, and doc examples that name no
//! file outside of the package. `scripts/check-packages` builds the packages themselves. Then what the
//! Debian packages carry: units, dashboard and alert rules.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests may panic, and say what they skip"
)]

mod common;

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{command, files, rblmap, testdata};
use tempfile::TempDir;

fn crates() -> Vec<(PathBuf, toml::Table)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if let Ok(text) = std::fs::read_to_string(path.join("Cargo.toml")) {
            found.push((path, text.parse().unwrap()));
        }
    }
    found
}

fn published(manifest: &toml::Table) -> bool {
    manifest["package"]
        .get("publish")
        .and_then(toml::Value::as_bool)
        != Some(false)
}

#[test]
fn every_published_crate_has_its_readme_and_both_licences() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut count = 0;
    for (path, manifest) in crates().iter().filter(|(_, manifest)| published(manifest)) {
        let readme = path.join(manifest["package"]["readme"].as_str().unwrap());
        assert!(std::fs::read_to_string(readme).unwrap().starts_with("# "));
        for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
            let here = std::fs::read(path.join(licence)).unwrap();
            assert_eq!(
                here,
                std::fs::read(root.join(licence)).unwrap(),
                "{}",
                path.display()
            );
        }
        count += 1;
    }
    assert!(count >= 12, "{count} crates are published");
}

#[test]
fn doc_examples_of_published_crates_name_no_file_outside_of_the_package() {
    let mut read = 0;
    for (path, _) in crates().iter().filter(|(_, manifest)| published(manifest)) {
        let mut folders = vec![path.join("src")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let text = std::fs::read_to_string(&path).unwrap_or_default();
                for (line, number) in text.lines().zip(1..) {
                    let doc = ["///", "//!"]
                        .iter()
                        .any(|mark| line.trim_start().starts_with(mark));
                    assert!(
                        !(doc && line.contains("../../testdata")),
                        "{}:{number}: {line}",
                        path.display()
                    );
                }
                read += 1;
            }
        }
    }
    assert!(read > 100, "{read} files were read");
}

/// Names of metrics in a text, without what a histogram puts behind its name.
fn metrics(text: &str) -> BTreeSet<String> {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let mut names = BTreeSet::new();
    for (at, _) in text.match_indices("rblmap_") {
        let name: String = text[at..].chars().take_while(|c| word(*c)).collect();
        let histogram = ["_bucket", "_sum", "_count"];
        let name = histogram
            .iter()
            .find_map(|end| name.strip_suffix(end))
            .unwrap_or(&name);
        names.insert(name.to_owned());
    }
    names
}

/// The names that the program prints under `# TYPE`.
fn typed(text: &str) -> BTreeSet<String> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    lines
        .map(|line| line.split(' ').next().unwrap().to_owned())
        .collect()
}

/// What `serve` prints at /metrics once it has found a listed client and read its policy again:
/// some names are printed only when there is something to count.
fn served(dir: &TempDir) -> String {
    let free = || {
        TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
    };
    let (metrics, dns) = (free(), free());
    let (config, socket) = (dir.path().join("mail.toml"), dir.path().join("query"));
    let text = format!(
        "[listen]\nmetrics = [\"{metrics}\"]\ndns = [\"{dns}\"]\nquery = [\"unix:{}\"]\n\
         [[zone]]\nname = \"ops.example\"\nfrom = \"{}\"\n",
        socket.display(),
        testdata("golden/three.rbl").display()
    );
    std::fs::write(&config, text).unwrap();
    let mut serve = command([
        "serve",
        "--allow-root",
        "--config",
        config.to_str().unwrap(),
    ]);
    let mut child = serve
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut answer = String::new();
    for _ in 0..200 {
        std::thread::sleep(Duration::from_millis(50));
        if let Ok(mut query) = UnixStream::connect(&socket) {
            query.write_all(b"* 192.0.2.1\n").unwrap();
            query.read_to_string(&mut answer).unwrap();
            let mut hang_up = Command::new("kill");
            hang_up
                .args(["-HUP", &child.id().to_string()])
                .status()
                .unwrap();
            std::thread::sleep(Duration::from_millis(300));
            let mut stream = TcpStream::connect(metrics).unwrap();
            stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
            stream.read_to_string(&mut answer).unwrap();
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    answer
}

/// The words of a page that stand between backquotes, outside of its blocks.
fn quoted(page: &str) -> String {
    let prose = page.split("```").step_by(2).collect::<String>();
    let quoted: Vec<&str> = prose.split('`').skip(1).step_by(2).collect();
    quoted.join("\n")
}

#[test]
fn every_metric_of_dashboard_alerts_and_pages_is_printed() {
    let dir = TempDir::new().unwrap();
    let mut printed = typed(&served(&dir));
    assert!(printed.contains("rblmap_zone_serial"), "{printed:?}");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let at = |name: &str| dir.path().join(name).display().to_string();
    let golden = testdata("golden/three.rbl").display().to_string();
    for args in [
        vec!["keygen", "-q", "-o", &at("ops")],
        vec![
            "publish",
            "-q",
            &at("feed"),
            &golden,
            "--key",
            &at("ops.key"),
        ],
        vec![
            "mirror",
            "-q",
            &at("feed"),
            &at("mirror"),
            "--key",
            &at("ops.pub"),
        ],
    ] {
        let run = rblmap(&args);
        assert_eq!(run.code, 0, "{args:?}: {}", run.stderr);
    }
    let status = rblmap(["status", &at("mirror"), "--prometheus"]);
    printed.extend(typed(&status.stdout));
    for (file, least) in [
        ("packaging/grafana.json", 6),
        ("packaging/alerts.yml", 6),
        ("docs/isp.md", 1),
        ("docs/mirror.md", 4),
        ("docs/mail.md", 12),
        ("docs/dns.md", 4),
        ("docs/reliability.md", 3),
    ] {
        let mut text = std::fs::read_to_string(root.join(file)).unwrap();
        if file.ends_with(".md") {
            text = quoted(&text);
        }
        let named = metrics(&text);
        assert!(named.len() >= least, "{file} names {named:?}");
        let missing: Vec<&String> = named.difference(&printed).collect();
        assert!(
            missing.is_empty(),
            "{file} names what is not printed: {missing:?}"
        );
    }
    let json = std::fs::read_to_string(root.join("packaging/grafana.json")).unwrap();
    serde_json::from_str::<serde_json::Value>(&json).unwrap();
}

/// Who gets an alarm finds it in the table of docs/isp.md.
#[test]
fn every_alarm_is_in_the_guide_and_every_one_there_is_an_alarm() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let rules = std::fs::read_to_string(root.join("packaging/alerts.yml")).unwrap();
    let alarms = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "));
    let alarms: BTreeSet<&str> = alarms.collect();
    let guide = std::fs::read_to_string(root.join("docs/isp.md")).unwrap();
    let named = guide
        .split('`')
        .filter(|word| word.starts_with("Rblmap"))
        .collect();
    assert_eq!(alarms, named);
    assert!(alarms.len() >= 10, "{alarms:?}");
}

/// The units are what systemd understands, and as closed as `docs/mail.md` says.
#[test]
fn units_pass_systemd_and_their_exposure_is_at_most_one_and_a_half() {
    let analyze = |args: &[&str], file: &Path| {
        let mut command = Command::new("systemd-analyze");
        command.args(args).arg(file).output()
    };
    let dir = TempDir::new().unwrap();
    let units = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/units");
    let mut read = 0;
    for entry in std::fs::read_dir(units).unwrap() {
        let unit = entry.unwrap().path();
        let text = std::fs::read_to_string(&unit).unwrap();
        let copy = dir.path().join(unit.file_name().unwrap());
        let text = text.replace("/usr/bin/rblmap", env!("CARGO_BIN_EXE_rblmap"));
        std::fs::write(&copy, text).unwrap();
    }
    for unit in files(dir.path()) {
        let unit = dir.path().join(unit);
        let Ok(verified) = analyze(&["verify", "--man=no"], &unit) else {
            println!("skipped: units (systemd-analyze is not here)");
            return;
        };
        let said = String::from_utf8_lossy(&verified.stderr).into_owned();
        assert!(
            verified.status.success() && said.is_empty(),
            "{}: {said}",
            unit.display()
        );
        if unit.extension().is_some_and(|end| end == "service") {
            let args = ["security", "--offline=true", "--threshold=15"];
            let exposure = analyze(&args, &unit).unwrap();
            assert!(exposure.status.success(), "{}", unit.display());
        }
        read += 1;
    }
    assert_eq!(read, 4);
}
