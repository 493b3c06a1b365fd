//! `list`, `similar`, `watch` and `map`.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use common::{build, rblmap};
use serde_json::Value;

const NAMES: &str =
    "paypa1.com\n.evil.example\n*.wild.example.org\nrnicrosoft.com\nxn--pypal-4ve.com\n";

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn names_in_order_below_a_name_and_by_expression() {
    let dir = tempfile::tempdir().unwrap();
    let image = build(&dir, "n", "plain", NAMES, &[]);
    let run = rblmap(["list", text(&image)]);
    assert_eq!(
        run.stdout,
        "paypa1.com\nrnicrosoft.com\nxn--pypal-4ve.com\n.evil.example\n*.wild.example.org\n"
    );
    let run = rblmap(["list", text(&image), "--under", "example.org"]);
    assert_eq!(run.stdout, "*.wild.example.org\n");
    let run = rblmap(["list", text(&image), "--match", "^paypa[l1i]"]);
    assert_eq!((run.stdout.as_str(), run.code), ("paypa1.com\n", 0));
    assert_eq!(rblmap(["list", text(&image), "--match", "nothing"]).code, 1);
    assert_eq!(rblmap(["list", text(&image), "--match", "("]).code, 2);
    assert_eq!(rblmap(["list", text(&image), "--count"]).stdout, "5\n");
}

#[test]
fn listed_names_that_look_like_mine() {
    let dir = tempfile::tempdir().unwrap();
    let image = build(&dir, "n", "plain", NAMES, &[]);
    let run = rblmap(["similar", text(&image), "paypal.com"]);
    assert_eq!(
        run.stdout,
        "paypal.com\tpaypa1.com\t0\npaypal.com\txn--pypal-4ve.com\t0\n"
    );
    let brands = dir.path().join("brands.txt");
    fs::write(&brands, "# mine\nmicrosoft.com\nexample.net\n").unwrap();
    let run = rblmap(["similar", "--json", text(&image), "--file", text(&brands)]);
    let line: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(line["listed"], "rnicrosoft.com");
    assert_eq!(rblmap(["similar", text(&image), "unlike.example"]).code, 1);
}

#[test]
fn what_of_mine_was_listed_since_last_time() {
    let dir = tempfile::tempdir().unwrap();
    let mine = dir.path().join("mine.txt");
    fs::write(&mine, "192.0.2.0/24 # office\n198.51.100.7\n").unwrap();
    let names = dir.path().join("names.txt");
    fs::write(&names, "example.org\n").unwrap();
    let atom = dir.path().join("feed.xml");
    let folder = text(dir.path());
    let watch = |more: &[&str]| {
        let args = [
            "watch",
            folder,
            "--networks",
            text(&mine),
            "--names",
            text(&names),
            "--atom",
            text(&atom),
        ];
        rblmap([&args[..], more].concat())
    };
    let update = |serial: &str, list: &str| {
        let image = build(
            &dir,
            "ops.example",
            "plain",
            list,
            &["--serial", serial, "--created", "1700000000"],
        );
        assert!(image.exists());
    };
    update("1", "192.0.2.5\n203.0.113.0/24\n");
    let run = watch(&[]);
    let line = "2023-11-14T22:13:20Z\tops.example\tlisted\t192.0.2.5\t127.0.0.2\t1\n";
    assert_eq!((run.stdout.as_str(), run.code), (line, 0), "{}", run.stderr);
    assert_eq!((watch(&[]).stdout.as_str(), watch(&[]).code), ("", 1));
    update("2", "192.0.0.0/16 127.0.0.3\n.example.org\n");
    let run = watch(&["--json"]);
    let events: Vec<(String, String)> = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|line| {
            (
                line["event"].as_str().unwrap().to_owned(),
                line["key"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    for (event, key) in [
        ("listed", "192.0.2.0/24"),
        ("listed", "example.org"),
        ("delisted", "192.0.2.5"),
    ] {
        assert!(
            events.contains(&(event.to_owned(), key.to_owned())),
            "{events:?}"
        );
    }
    let feed = fs::read_to_string(&atom).unwrap();
    assert!(
        feed.contains("<title>192.0.2.5 delisted in ops.example</title>"),
        "{feed}"
    );
    // A hook that fails sees the change again.
    update("3", "192.0.2.9\n");
    let hook = dir.path().join("hook");
    fs::write(&hook, "#!/bin/sh\nexit 1\n").unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(watch(&["--hook", text(&hook)]).code, 10);
    fs::write(&hook, format!("#!/bin/sh\ncat > {}/seen\n", folder)).unwrap();
    assert_eq!(watch(&["--hook", text(&hook)]).code, 0);
    let seen = fs::read_to_string(dir.path().join("seen")).unwrap();
    assert!(seen.contains("listed\t192.0.2.9"), "{seen}");
}

/// Width, height and colour of a PNG as `map` writes it.
struct Picture {
    width: usize,
    pixels: Vec<u8>,
    palette: Vec<u8>,
}

fn picture(path: &Path) -> Picture {
    let decoder = png::Decoder::new(std::io::BufReader::new(fs::File::open(path).unwrap()));
    let mut reader = decoder.read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    Picture {
        width: info.width as usize,
        pixels,
        palette: reader.info().palette.clone().unwrap().into_owned(),
    }
}

impl Picture {
    fn at(&self, x: usize, y: usize) -> [u8; 3] {
        let color = usize::from(self.pixels[y * self.width + x]) * 3;
        self.palette[color..color + 3].try_into().unwrap()
    }
}

#[test]
fn corners_zoom_and_difference_of_a_map() {
    let dir = tempfile::tempdir().unwrap();
    let list = "0.128.0.0/9\n1.0.0.0/8\n255.0.0.0/8\n192.0.2.1\n";
    let image = build(&dir, "a", "plain", list, &[]);
    let out = dir.path().join("map.png");
    let run = rblmap(["map", text(&image), "-o", text(&out), "--size", "256"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(
        run.stdout.contains("1.0.0.0/8\t16777216\n"),
        "{}",
        run.stdout
    );
    assert!(run.stdout.contains("192.0.0.0/8\t1\n"), "{}", run.stdout);
    let map = picture(&out);
    let ground = map.at(40, 40);
    let full = map.at(24, 8);
    assert_ne!(full, ground, "1/8 is right of 0/8");
    assert_eq!(map.at(248, 8), full, "255/8 is at the top right");
    let first = (0..16).flat_map(|y| (0..16).map(move |x| (x, y)));
    let half = first.filter(|&(x, y)| map.at(x, y) == full).count();
    assert!(
        (120..=128).contains(&half),
        "half of 0/8, at the top left: {half}"
    );

    let run = rblmap([
        "map",
        text(&image),
        "-o",
        text(&out),
        "--size",
        "64",
        "--net",
        "192.0.0.0/12",
    ]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let map = picture(&out);
    let ground = map.at(41, 41);
    let grid = map.at(4, 1);
    let lit = (0..64 * 64).filter(|&at| ![ground, grid].contains(&map.at(at % 64, at / 64)));
    assert_eq!(lit.count(), 1, "a single address can be seen");

    let new = build(&dir, "b", "plain", "1.0.0.0/8\n2.0.0.0/8\n", &[]);
    let run = rblmap([
        "map",
        text(&new),
        "--old",
        text(&image),
        "-o",
        text(&out),
        "--size",
        "256",
    ]);
    assert!(
        run.stdout.contains("2.0.0.0/8\t16777216\t16777216\t0\n"),
        "{}",
        run.stdout
    );
    assert!(
        run.stdout.contains("255.0.0.0/8\t0\t0\t16777216\n"),
        "{}",
        run.stdout
    );
    let map = picture(&out);
    let (kept, added, removed) = (map.at(24, 8), map.at(24, 24), map.at(248, 8));
    assert!(kept != added && added != removed && kept != removed);

    let svg = dir.path().join("map.svg");
    assert_eq!(rblmap(["map", text(&image), "-o", text(&svg)]).code, 0);
    let svg = fs::read_to_string(svg).unwrap();
    assert!(svg.contains("<title") && svg.contains("role=\"img\"") && svg.contains(">255</text>"));
    let names = build(&dir, "n", "plain", "a.example\n", &[]);
    assert_eq!(rblmap(["map", text(&names), "-o", text(&out)]).code, 3);
    let six = build(&dir, "s", "plain", "2001:db8::/32\n", &[]);
    let run = rblmap(["map", text(&six), "-o", text(&out), "--v6"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.ends_with("\t1\n"), "{}", run.stdout);
}

/// An image whose texts are labels.
fn labels(dir: &tempfile::TempDir, name: &str, kind: &str, table: &str) -> PathBuf {
    let source = dir.path().join(format!("{name}.tsv"));
    fs::write(&source, table).unwrap();
    let image = dir.path().join(format!("{name}.rbl"));
    let spec = format!("labels:{kind}:{}", source.display());
    let run = rblmap(["build", "-q", "--text", "-o", text(&image), &spec]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    image
}

#[test]
fn a_map_by_label_counts_each_part_of_a_network() {
    let dir = tempfile::tempdir().unwrap();
    let list = "198.51.0.0/16\n203.0.113.7\n10.0.0.1\n";
    let image = build(&dir, "image", "ip4set", list, &[]);
    let table = "198.51.100.0/24\tFR\n198.51.0.0/18\tDE\n203.0.113.0/24\tDE\n";
    let labels = labels(&dir, "labels", "plain", table);
    let out = dir.path().join("map.png");
    let asked = ["map", "--labels", text(&labels), "-o", text(&out)];
    let run = rblmap([&asked[..], &["--size", "256", text(&image)]].concat());
    let (de, fr) = ((1 << 14) + 1, 256);
    let expected = format!("-\t{}\nDE\t{de}\nFR\t{fr}\n", (1 << 16) + 2 - de - fr);
    assert_eq!((run.code, run.stdout), (0, expected), "{}", run.stderr);
    let zoom = ["--net", "198.51.0.0/16", "--size", "64", text(&image)];
    let run = rblmap([&asked[..], &zoom].concat());
    assert_eq!((run.code, run.stdout.lines().count()), (0, 3));
    let map = picture(&out);
    // A pixel is a /28: 16 of them are called FR, a quarter of all DE.
    let mut colors = std::collections::BTreeMap::new();
    for at in 0..64 * 64 {
        *colors.entry(map.at(at % 64, at / 64)).or_insert(0) += 1;
    }
    let mut counts: Vec<i32> = colors.into_values().collect();
    counts.sort_unstable();
    assert_eq!(counts, [16, 1024, 4096 - 16 - 1024]);
    // Beside an older image the rows say what came and went.
    let list = "198.51.0.0/17\n10.0.0.2\n";
    let old = build(&dir, "old", "ip4set", list, &[]);
    let more = ["--old", text(&old), text(&image)];
    let run = rblmap([&asked[..], &more].concat());
    let expected = format!(
        "-\t{}\t{}\t1\nDE\t{de}\t1\t0\nFR\t{fr}\t0\t0\n",
        (1 << 16) + 2 - de - fr,
        (1 << 15) + 1
    );
    assert_eq!((run.code, run.stdout), (0, expected), "{}", run.stderr);
    // Without labels there is nothing to colour by.
    let run = rblmap(["map", "--by", "label", text(&image), "-o", text(&out)]);
    assert_eq!(run.code, 3, "{}", run.stderr);
}

#[test]
fn changes_with_the_labels_that_others_publish() {
    let dir = tempfile::tempdir().unwrap();
    let old = build(&dir, "old", "ip4set", "192.0.2.0/24\n", &[]);
    let new = build(
        &dir,
        "new",
        "ip4set",
        "192.0.2.0/24 :3:\n198.51.100.7\n203.0.113.1\n",
        &[],
    );
    let registry = "2|ripencc|20261129|3|19830705|20261129|+0100\n\
        ripencc|DE|ipv4|192.0.2.0|256|20100101|allocated\n\
        ripencc|FR|ipv4|198.51.100.0|512|20100101|assigned\n";
    let countries = labels(&dir, "countries", "rir", registry);
    let run = rblmap([
        "diff",
        "--list",
        "--labels",
        text(&countries),
        text(&old),
        text(&new),
    ]);
    let expected = "changed\t192.0.2.0/24\t127.0.0.3\t127.0.0.2\tDE\n\
        added\t198.51.100.7\t127.0.0.2\tFR\n\
        added\t203.0.113.1\t127.0.0.2\t-\n";
    assert_eq!(
        (run.code, run.stdout.as_str()),
        (0, expected),
        "{}",
        run.stderr
    );
    let networks = "198.51.100.0\t198.51.100.255\t64500\tFR\tEXAMPLE-NET\n";
    let networks = labels(&dir, "networks", "ranges", networks);
    let run = rblmap([
        "diff",
        "--json",
        "--labels",
        text(&networks),
        text(&old),
        text(&new),
    ]);
    let line = run.stdout.lines().nth(1).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["label"], "64500\tFR\tEXAMPLE-NET");
    let run = rblmap([
        "diff",
        text(&old),
        text(&new),
        "--labels",
        text(&networks),
        "-o",
        "d",
    ]);
    assert_eq!(run.code, 2, "{}", run.stderr);
}
