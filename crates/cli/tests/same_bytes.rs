//! The same entries give the same image: whatever the order of lines, the number of threads, or
//! how often one builds.

#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod common;

use std::path::Path;

use common::{command, finish, rblmap, testdata};

const LISTS: [&str; 4] = [
    "part/openproxy-30d/2026-08-22T1700Z.txt",
    "part/ipsum/2026-08-22T0103Z.txt",
    "part/country-ipv6/2025-09-04T0500Z.txt",
    "part/disposable-8k/2026-08-20T0658Z.txt",
];

fn build(source: &Path, image: &Path, threads: Option<&str>) -> Vec<u8> {
    let spec = format!("ops.example:plain:{}", source.display());
    let mut command = command(["build", "-q", "-o", image.to_str().unwrap(), &spec]);
    if let Some(threads) = threads {
        command.env("RAYON_NUM_THREADS", threads);
    }
    let run = finish(command, b"");
    assert_eq!(run.code, 0, "{}", run.stderr);
    std::fs::read(image).unwrap()
}

#[test]
fn threads_repetition_and_order_do_not_matter() {
    let dir = tempfile::tempdir().unwrap();
    let mut rng = fastrand::Rng::with_seed(7);
    for list in LISTS {
        let source = testdata(list);
        let image = dir.path().join("a.rbl");
        let first = build(&source, &image, None);
        assert!(first == build(&source, &image, None), "{list}: again");
        assert!(
            first == build(&source, &image, Some("1")),
            "{list}: threads"
        );
        let text = std::fs::read_to_string(&source).unwrap();
        let mut lines: Vec<&str> = text.lines().collect();
        rng.shuffle(&mut lines);
        let shuffled = dir.path().join("shuffled.txt");
        std::fs::write(&shuffled, lines.join("\n") + "\n").unwrap();
        assert!(first == build(&shuffled, &image, None), "{list}: shuffled");
    }
}

#[test]
fn serial_and_creation_time_are_in_the_image_and_nothing_else_of_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let source = testdata(LISTS[0]);
    let spec = format!("ops.example:plain:{}", source.display());
    let build = |name: &str, serial: &str| {
        let image = dir.path().join(name);
        let path = image.to_str().unwrap();
        let args = [
            "build",
            "-q",
            "-o",
            path,
            "--serial",
            serial,
            "--created",
            "9",
            &spec,
        ];
        assert_eq!(rblmap(args).code, 0);
        rblmap::Image::read(image).unwrap()
    };
    let (one, two) = (build("1.rbl", "1"), build("2.rbl", "2"));
    assert_eq!((one.serial(), two.serial(), one.created()), (1, 2, 9));
    assert_eq!(one.content_id(), two.content_id());
}
