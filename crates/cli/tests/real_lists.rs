//! Every list of the shared data goes in as it is: each entry that it states, none that it does not,
//! and no warning; and comes back from what `dump` writes.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

mod common;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use common::{rblmap, shared, unpacked};
use rblmap::{Image, NameKey};
use tempfile::TempDir;

/// The versions of each list, oldest first.
fn lists(data: &Path) -> Vec<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![data.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let (below, files): (Vec<PathBuf>, Vec<PathBuf>) = entries.partition(|path| path.is_dir());
        folders.extend(below);
        let mut versions: Vec<PathBuf> = files
            .into_iter()
            .filter(|path| path.extension() == Some("zst".as_ref()))
            .collect();
        versions.sort();
        if !versions.is_empty() {
            found.push(versions);
        }
    }
    found.sort();
    found
}

/// A naive reading of a line: its key alone.
fn key_of(line: &str) -> Option<&str> {
    let line = line.split(['#', ';']).next().unwrap();
    let key = line.split_whitespace().next()?;
    Some(key.rsplit_once("://").map_or(key, |(_, rest)| rest))
}

#[test]
fn every_list_goes_in_as_it_is() {
    let Some(shared) = shared() else { return };
    let dir = TempDir::new().unwrap();
    for list in lists(&shared.join("data")).iter().flatten() {
        let text = unpacked(list);
        let source = dir.path().join("source.txt");
        std::fs::write(&source, &text).unwrap();
        let image = dir.path().join("list.rbl");
        let spec = format!("ops.example:plain:{}", source.display());
        build(&dir, &["--text"], &image, &spec, list);
        let text = String::from_utf8(text).unwrap();
        let keys: BTreeSet<&str> = text.lines().filter_map(key_of).collect();
        states_these(list, &Image::read(&image).unwrap(), &keys);
        comes_back(list, &dir, &image);
    }
}

/// What the image lists is what the keys say, no less and no more.
fn states_these(list: &Path, image: &Image, keys: &BTreeSet<&str>) {
    let mut v4: Vec<(u32, u32)> = Vec::new();
    let mut v6: Vec<(u128, u128)> = Vec::new();
    let mut names = 0;
    for key in keys {
        let (address, bits) = key.split_once('/').unwrap_or((key, "128"));
        let bits: u32 = bits.parse().unwrap();
        let host = address.split_once(':').filter(|_| address.contains('.'));
        let address = host.map_or(address, |(host, _)| host);
        if let Ok(address) = address.parse::<std::net::Ipv4Addr>() {
            let host = u32::MAX.checked_shr(bits).unwrap_or(0);
            v4.push((address.to_bits(), address.to_bits() | host));
        } else if let Ok(address) = address.parse::<std::net::Ipv6Addr>() {
            let host = u128::MAX.checked_shr(bits).unwrap_or(0);
            v6.push((address.to_bits(), address.to_bits() | host));
        } else {
            names += 1;
            let name = NameKey::parse(key.as_bytes()).unwrap();
            assert!(
                image.base().lookup_name(&name).is_listed(),
                "{}: {key}",
                list.display()
            );
        }
    }
    let runs = image
        .base()
        .v4_runs()
        .map(|run| (run.start.into(), run.end.into()));
    assert_eq!(
        joined(v4.into_iter().map(|(a, b)| (a.into(), b.into()))),
        joined(runs),
        "{}",
        list.display()
    );
    let runs = image.base().v6_runs().map(|run| (run.start, run.end));
    assert_eq!(joined(v6.into_iter()), joined(runs), "{}", list.display());
    assert_eq!(image.base().names().count(), names, "{}", list.display());
}

fn joined(ranges: impl Iterator<Item = (u128, u128)>) -> Vec<(u128, u128)> {
    let mut ranges: Vec<(u128, u128)> = ranges.collect();
    ranges.sort_unstable();
    let mut out: Vec<(u128, u128)> = Vec::new();
    for (start, end) in ranges {
        match out.last_mut() {
            Some(last) if start <= last.1.saturating_add(1) => last.1 = last.1.max(end),
            _ => out.push((start, end)),
        }
    }
    out
}

/// Builds without a warning but for width, as lists of countries have networks as wide as a /6, and
/// for the end of a last line, which some lists lack.
fn build(dir: &TempDir, options: &[&str], image: &Path, spec: &str, list: &Path) {
    let warnings = dir.path().join("warnings.tsv");
    let [image, tsv] = [image, &warnings].map(|path| path.to_str().unwrap());
    let mut args = vec!["build", "-o", image, "--warnings", tsv];
    args.extend(options);
    args.push(spec);
    let run = rblmap(&args);
    assert_eq!(run.code, 0, "{}: {}", list.display(), run.stderr);
    let warnings = std::fs::read_to_string(&warnings).unwrap();
    let other = warnings
        .lines()
        .find(|line| !matches!(line.split('\t').nth(2), Some("wide" | "no-newline")));
    assert_eq!(other, None, "{}: {}", list.display(), run.stderr);
}

/// What `dump` writes builds the same image.
fn comes_back(list: &Path, dir: &TempDir, image: &Path) {
    let dumped = rblmap(["dump", image.to_str().unwrap()]);
    assert_eq!(dumped.code, 0, "{}", dumped.stderr);
    let source = dir.path().join("dumped.zone");
    std::fs::write(&source, dumped.stdout).unwrap();
    let again = dir.path().join("again.rbl");
    let spec = format!("ops.example:combined:{}", source.display());
    build(dir, &[], &again, &spec, list);
    let same = std::fs::read(image).unwrap() == std::fs::read(again).unwrap();
    assert!(same, "{}: not the same image", list.display());
}
