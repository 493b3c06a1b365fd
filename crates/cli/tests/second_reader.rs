//! The reader in `docs/second-reader`, written from `docs/format.md` alone, agrees with ours: it
//! verifies every image, works out the same content id from all entries that it walks, and gives
//! the same answers.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests may panic, and say what they skip"
)]

mod common;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use common::{finish, rblmap, testdata};
use rblmap::{Image, NameKey, Zone};
use tempfile::TempDir;

/// Python with a blake3, or why there is none.
fn python() -> Result<PathBuf, &'static str> {
    let ready = |python: &Path| {
        let mut command = Command::new(python);
        command.args(["-c", "import blake3"]);
        command.output().is_ok_and(|output| output.status.success())
    };
    let system = PathBuf::from("python3");
    if ready(&system) {
        return Ok(system);
    }
    let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join("second-reader");
    let python = venv.join("bin/python3");
    if ready(&python) {
        return Ok(python);
    }
    let mut make = Command::new("python3");
    make.args(["-m", "venv"]).arg(&venv);
    if !make.output().is_ok_and(|output| output.status.success()) {
        return Err("second reader: python3 -m venv does not work here");
    }
    let mut install = Command::new(venv.join("bin/pip"));
    install.args([
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "blake3",
    ]);
    let installed = install.output().is_ok_and(|out| out.status.success());
    let reason = "second reader: pip cannot install blake3";
    if installed { Ok(python) } else { Err(reason) }
}

/// Python, or a line that says what was not tested.
fn python_or_skip() -> Option<PathBuf> {
    // Tests that run at the same time must not make the environment twice.
    static PYTHON: OnceLock<Result<PathBuf, &str>> = OnceLock::new();
    let python = PYTHON.get_or_init(python).clone();
    python
        .inspect_err(|reason| println!("skipped: {reason}"))
        .ok()
}

/// What is asked of an image: the ends of its runs and what lies beside them, its names and those
/// beside, above and below, and as many random keys of each kind. Of many, every n-th.
fn keys(image: &Image, seed: u64) -> Vec<String> {
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut v4, mut v6, mut names) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for zone in image.zones() {
        let zone = zone.unwrap();
        let step = zone.v4_runs().count() / 1000 + 1;
        for run in zone.v4_runs().skip(random.usize(..step)).step_by(step) {
            v4.extend([run.start.wrapping_sub(1), run.start, run.end]);
            v4.extend([run.end.wrapping_add(1), random.u32(run.start..=run.end)]);
        }
        let step = zone.v6_runs().count() / 1000 + 1;
        for run in zone.v6_runs().skip(random.usize(..step)).step_by(step) {
            v6.extend([run.start.wrapping_sub(1), run.start, run.end]);
            v6.extend([run.end.wrapping_add(1), random.u128(run.start..=run.end)]);
            v6.insert(run.start ^ 1 << random.u32(..128));
        }
        let step = zone.name_count() / 1000 + 1;
        for point in zone.names().skip(random.usize(..step)).step_by(step) {
            let name = point.key.to_string();
            let above = name.split_once('.').map(|(_, above)| above.to_owned());
            names.extend([format!("below.{name}"), format!("x{name}"), name]);
            names.extend(above);
        }
    }
    for _ in 0..100 {
        v4.insert(random.u32(..));
        v6.extend([random.u128(..), u128::from(random.u32(..)) | 0xffff << 32]);
        v6.insert(0x2002 << 112 | random.u128(..) >> 16);
        names.insert(format!("{:x}.{:x}.example", random.u8(..), random.u8(..)));
    }
    for address in v4.iter().copied().take(50).collect::<Vec<u32>>() {
        v6.insert(u128::from(address) | 0xffff << 32);
        v6.insert(0x2002 << 112 | u128::from(address) << 80);
    }
    let v4 = v4.into_iter().map(|address| format!("4 {address:x}"));
    let v6 = v6.into_iter().map(|address| format!("6 {address:x}"));
    let names = names
        .into_iter()
        .filter(|name| NameKey::parse(name.as_bytes()).is_ok());
    v4.chain(v6)
        .chain(names.map(|name| format!("n {name}")))
        .collect()
}

/// The line that `read.py` prints for a key.
fn answered(zone: &Zone<'_>, label: &str, line: &str) -> String {
    let (kind, key) = line.split_once(' ').unwrap();
    let name;
    let answer = match kind {
        "4" => zone.lookup_v4(u32::from_str_radix(key, 16).unwrap()),
        "6" => zone.lookup_v6(u128::from_str_radix(key, 16).unwrap()),
        _ => {
            name = NameKey::parse(key.as_bytes()).unwrap();
            zone.lookup_name(&name)
        }
    };
    let (mut shown, mut texts): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    let mut buffer = rblmap::TextBuf::new();
    for record in answer.records() {
        let a = record.a().map(|a| a.to_string());
        if let Some(a) = a.filter(|a| !shown.contains(a)) {
            shown.push(a);
        }
        if let Some(text) = record.txt(&mut buffer) {
            let mut hex = String::new();
            for byte in text {
                write!(hex, "{byte:02x}").unwrap();
            }
            let hex = if hex.is_empty() { "-".to_owned() } else { hex };
            if !texts.contains(&hex) {
                texts.push(hex);
            }
        }
    }
    format!("{label}\t{line}\t{}\t{}", shown.join(" "), texts.join(" "))
}

fn hex(bytes: [u8; 32]) -> String {
    let mut text = String::new();
    for byte in bytes {
        write!(text, "{byte:02x}").unwrap();
    }
    text
}

/// Both readers, the same image, the same keys.
fn agree(python: &Path, path: &Path, seed: u64) {
    let image = Image::read(path).unwrap();
    let keys = keys(&image, seed);
    let id = hex(image.content_id());
    let mut wanted = vec![
        format!(
            "verified\t{}\t{id}\t{}\t{}",
            image.name(),
            image.serial(),
            image.created()
        ),
        format!("walked\t{id}"),
    ];
    for zone in image.zones() {
        let zone = zone.unwrap();
        let name = zone.name();
        let label = if name == NameKey::ROOT {
            "@".to_owned()
        } else {
            name.to_string()
        };
        wanted.extend(keys.iter().map(|key| answered(&zone, &label, key)));
    }
    let mut command = Command::new(python);
    command.arg(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/second-reader/read.py"
    ));
    command
        .arg(path)
        .arg("--walk")
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let run = finish(command, (keys.join("\n") + "\n").as_bytes());
    assert_eq!(run.code, 0, "{}: {}", path.display(), run.stderr);
    let told: Vec<&str> = run.stdout.lines().collect();
    for (wanted, told) in wanted.iter().zip(&told) {
        assert_eq!(wanted, told, "{}", path.display());
    }
    assert_eq!(wanted.len(), told.len(), "{}", path.display());
}

/// Builds an image of specs; `None` if the source is one that is refused.
fn built(dir: &TempDir, specs: &[String], more: &[&str]) -> Option<PathBuf> {
    let image = dir.path().join("image.rbl");
    let mut args = vec![
        "build",
        "-q",
        "--now",
        "1780000000",
        "-o",
        image.to_str().unwrap(),
    ];
    args.extend(more);
    args.extend(specs.iter().map(String::as_str));
    (rblmap(&args).code == 0).then_some(image)
}

/// Snapshots, and what `snapshot.py` must print of them: the header, and the content id worked out
/// from what is in it.
#[derive(Default)]
struct Snapshots {
    paths: Vec<PathBuf>,
    wanted: String,
}

impl Snapshots {
    fn add(&mut self, path: PathBuf, image: &Image) {
        let (name, id) = (image.name(), hex(image.content_id()));
        let (serial, created) = (image.serial(), image.created());
        let lines = format!("header\t{name}\t{serial}\t{created}\t{id}\ncontent\t{id}\n");
        self.wanted.push_str(&lines);
        self.paths.push(path);
    }

    fn pack(&mut self, dir: &TempDir, image: &Path) {
        let path = dir.path().join(format!("{}.rbs", self.paths.len()));
        let run = rblmap([
            "pack",
            "-q",
            image.to_str().unwrap(),
            "-o",
            path.to_str().unwrap(),
        ]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        self.add(path, &Image::read(image).unwrap());
    }

    fn unpack_alike(&self, python: &Path) {
        let script = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../docs/second-reader/snapshot.py"
        );
        let mut command = Command::new(python);
        command.arg(script).args(&self.paths);
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        let run = finish(command, b"");
        assert_eq!(run.stdout, self.wanted, "{}", run.stderr);
        assert_eq!(run.code, 0, "{}", run.stderr);
    }
}

#[test]
fn snapshots_unpack_to_the_same_content() {
    let Some(python) = python_or_skip() else {
        return;
    };
    let golden = Image::read(testdata("golden/three.rbl")).unwrap();
    let mut snapshots = Snapshots::default();
    snapshots.add(testdata("golden/three.rbs"), &golden);
    let dir = TempDir::new().unwrap();
    let mut random = fastrand::Rng::with_seed(29);
    // The model of texts takes milliseconds a byte in Python: few names and texts.
    for part in [
        "country-ipv4/2025-09-04T0500Z",
        "country-ipv6/2025-09-04T0500Z",
        "ipsum/2026-08-22T0103Z",
    ] {
        let spec = format!(
            "ops.example:plain:{}",
            testdata("part").join(part).display()
        );
        snapshots.pack(
            &dir,
            &built(&dir, &[format!("{spec}.txt")], &["--text"]).unwrap(),
        );
    }
    for values in [1, 20] {
        let mut text: Vec<String> = large(&mut random, values)
            .lines()
            .map(str::to_owned)
            .collect();
        random.shuffle(&mut text);
        text.truncate(3000);
        let names = text.iter().filter(|line| line.contains('h')).take(20);
        let mut chosen: Vec<&str> = names.map(String::as_str).collect();
        chosen.extend(
            text.iter()
                .filter(|line| line.contains('/'))
                .map(String::as_str),
        );
        let source = dir.path().join("mixed.txt");
        std::fs::write(&source, chosen.join("\n") + "\n").unwrap();
        let spec = format!("ops.example:plain:{}", source.display());
        snapshots.pack(&dir, &built(&dir, &[spec], &[]).unwrap());
    }
    snapshots.unpack_alike(&python);
}

#[test]
fn golden_images_and_the_vectors_zones_are_read_alike() {
    let Some(python) = python_or_skip() else {
        return;
    };
    agree(&python, &testdata("golden/three.rbl"), 1);
    let dir = TempDir::new().unwrap();
    let root = testdata("vectors/rbldnsd");
    let text = std::fs::read_to_string(root.join("cases.json")).unwrap();
    let cases: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut snapshots = Snapshots::default();
    let mut read = 0;
    for (case, seed) in cases.as_array().unwrap().iter().zip(0..) {
        let specs = case["specs"].as_array().unwrap().iter().map(|spec| {
            let files = spec["files"].as_array().unwrap().iter();
            let files: Vec<String> = files
                .map(|file| {
                    root.join("zones")
                        .join(file.as_str().unwrap())
                        .display()
                        .to_string()
                })
                .collect();
            format!(
                "bl.test:{}:{}",
                spec["type"].as_str().unwrap(),
                files.join(",")
            )
        });
        if let Some(image) = built(&dir, &specs.collect::<Vec<String>>(), &[]) {
            agree(&python, &image, seed);
            snapshots.pack(&dir, &image);
            read += 1;
        }
    }
    snapshots.unpack_alike(&python);
    assert!(read >= 50, "{read} of the vectors' cases were read");
}

#[test]
fn real_lists_are_read_alike() {
    let Some(python) = python_or_skip() else {
        return;
    };
    let dir = TempDir::new().unwrap();
    let mut lists = 0;
    for folder in std::fs::read_dir(testdata("part")).unwrap() {
        for list in std::fs::read_dir(folder.unwrap().path()).unwrap() {
            let spec = format!("ops.example:plain:{}", list.unwrap().path().display());
            agree(&python, &built(&dir, &[spec], &["--text"]).unwrap(), lists);
            lists += 1;
        }
    }
    for (file, kind) in [
        ("02-hosts-format/hosts", "hosts"),
        ("16-ipfilter/p2p.txt", "ranges"),
        ("17-tor-rir/exit-addresses", "tor"),
        ("21-drop-txt/drop.txt", "plain"),
        ("23-dollar-in-data/d.txt", "plain"),
        ("24-adblock/abp.txt", "adblock"),
    ] {
        let spec = format!(
            "ops.example:{kind}:{}",
            testdata("lists").join(file).display()
        );
        agree(&python, &built(&dir, &[spec], &["--text"]).unwrap(), lists);
        lists += 1;
    }
    assert!(lists >= 15, "{lists} lists");
}

/// A list large enough for lines of all three kinds, with as many values as are asked for.
fn large(random: &mut fastrand::Rng, values: u32) -> String {
    let mut text = String::new();
    let mut said = |key: std::fmt::Arguments<'_>, random: &mut fastrand::Rng| {
        let value = random.u32(..values);
        writeln!(text, "{key} :127.0.{}.2:{value} is listed, $", value & 3).unwrap();
    };
    let ordinary = random.u32(1..1 << 24) << 8;
    for i in 0..140_000_u32 {
        // Most lie near each other, some alone; some are networks, in which others may lie.
        let near =
            ordinary.wrapping_add(random.u32(..1 << 21)) & !(random.u32(..2) * random.u32(..64));
        let address = if i % 8 == 0 { random.u32(..) } else { near };
        let bits = [32, 32, 32, 32, 30, 29, 26, 24, 22, 15][random.usize(..10)];
        let bits = if i % 50 == 0 { bits } else { 32 };
        let address = std::net::Ipv4Addr::from_bits(address & u32::MAX << (32 - bits));
        said(format_args!("{address}/{bits}"), random);
    }
    for i in 0..6_000_u128 {
        let net = 0x2001_0000 + random.u128(..if i % 3 == 0 { 1 << 14 } else { 40 });
        let low = if i % 4 == 0 {
            random.u128(..40)
        } else {
            random.u128(..1 << 64)
        };
        let bits = [4, 12, 32][random.usize(..3)];
        let address = net << 96 | random.u128(..1 << bits) << 64 | low;
        let bits = [128, 128, 128, 126, 64, 64, 64, 56, 48, 40, 32, 29][random.usize(..12)];
        let address = std::net::Ipv6Addr::from_bits(address & u128::MAX << (128 - bits));
        said(format_args!("{address}/{bits}"), random);
    }
    for i in 0..6_000 {
        let mark = ["", "", "*.", "."][random.usize(..4)];
        let above = ["example", "test", "mail.example", "dyn.test"][random.usize(..4)];
        let long = "long-label-".repeat(if i % 100 == 0 { 5 } else { 0 });
        said(
            format_args!("{mark}{long}h{i}-{:x}.{above}", random.u16(..)),
            random,
        );
    }
    text
}

#[test]
fn large_images_of_each_id_width_are_read_alike() {
    let Some(python) = python_or_skip() else {
        return;
    };
    let dir = TempDir::new().unwrap();
    let mut random = fastrand::Rng::with_seed(28);
    for (values, more) in [
        (1, &[][..]),
        (200, &["--no-name-index"][..]),
        (5_000, &[][..]),
        (500_000, &[][..]),
    ] {
        let source = dir.path().join("large.txt");
        std::fs::write(&source, large(&mut random, values)).unwrap();
        let spec = format!("ops.example:plain:{}", source.display());
        let image = built(&dir, &[spec], more).unwrap();
        agree(&python, &image, u64::from(values));
    }
}

/// A byte of an image that was changed is found, whichever it is.
#[test]
fn the_second_reader_finds_damage() {
    let Some(python) = python_or_skip() else {
        return;
    };
    let dir = TempDir::new().unwrap();
    let mut bytes = Vec::new();
    let golden = testdata("golden/three.rbl");
    std::fs::File::open(golden)
        .unwrap()
        .read_to_end(&mut bytes)
        .unwrap();
    for at in [
        0, 8, 10, 16, 24, 40, 41, 320, 352, 384, 512, 530, 704, 768, 900, 1030,
    ] {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x11;
        let path = dir.path().join("damaged.rbl");
        std::fs::write(&path, damaged).unwrap();
        let mut command = Command::new(&python);
        command.arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../docs/second-reader/read.py"
        ));
        command.arg(&path).env("PYTHONDONTWRITEBYTECODE", "1");
        assert_ne!(finish(command, b"").code, 0, "byte {at}");
    }
}
