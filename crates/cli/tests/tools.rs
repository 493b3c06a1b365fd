//! What `dump` writes for other programs, in these programs: nft, ipset and mmdblookup.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests may panic, and say what they skip"
)]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::{build, rblmap};
use tempfile::TempDir;

const LIST: &str = "192.0.2.0/24\n192.0.2.7 127.0.0.9\n198.51.100.1-198.51.100.9\n0.0.0.0/1\n\
    2001:db8::/32\n2001:db8::1 127.0.0.3\nname.example\n";

/// Writes the list in a format.
fn dump(dir: &TempDir, format: &str) -> PathBuf {
    let image = build(dir, "list", "plain", LIST, &[]);
    let out = dir.path().join(format);
    let file = std::fs::File::create(&out).unwrap();
    let mut command = common::command(["dump", "-q", "--format", format, image.to_str().unwrap()]);
    assert!(command.stdout(file).status().unwrap().success());
    out
}

/// Whether a program is there.
fn has(program: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&paths).chain(["/usr/sbin".into(), "/sbin".into()]);
    let found = folders.any(|folder| folder.join(program).is_file());
    if !found {
        println!("skipped: {program} is not installed");
    }
    found
}

/// Runs a program in a network of its own, in which it may do what it wants.
fn apart(program: &str, args: &[&str], file: &Path) {
    let path = format!(
        "{}:/usr/sbin:/sbin",
        std::env::var("PATH").unwrap_or_default()
    );
    let run = |flags: &str| {
        let mut unshare = Command::new("unshare");
        let unshare = unshare.args([flags, program]).args(args).arg(file);
        unshare.env("PATH", &path).output().unwrap()
    };
    // In a changed root nobody gets users of their own, and whoever is root there needs none.
    let own = run("-rn");
    let refused = String::from_utf8_lossy(&own.stderr).contains("unshare failed");
    let run = if refused { run("-n") } else { own };
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{program}: {said}");
}

#[test]
fn nft_takes_a_dump() {
    if has("nft") {
        let dir = TempDir::new().unwrap();
        apart("nft", &["-c", "-f"], &dump(&dir, "nft"));
    }
}

#[test]
fn ipset_takes_a_dump() {
    if has("ipset") {
        let dir = TempDir::new().unwrap();
        apart("ipset", &["restore", "-file"], &dump(&dir, "ipset"));
    }
}

#[test]
fn libmaxminddb_reads_a_dump() {
    if !has("mmdblookup") {
        return;
    }
    let dir = TempDir::new().unwrap();
    let database = dump(&dir, "mmdb");
    let ask = |ip: &str| {
        let run = Command::new("mmdblookup")
            .args([
                "--file",
                database.to_str().unwrap(),
                "--ip",
                ip,
                "codes",
                "0",
            ])
            .output()
            .unwrap();
        String::from_utf8_lossy(&run.stdout).trim().to_owned()
    };
    assert_eq!(ask("192.0.2.1"), "\"127.0.0.2\" <utf8_string>");
    assert_eq!(ask("192.0.2.7"), "\"127.0.0.9\" <utf8_string>");
    assert_eq!(ask("::ffff:192.0.2.7"), "\"127.0.0.9\" <utf8_string>");
    assert_eq!(ask("2001:db8::1"), "\"127.0.0.3\" <utf8_string>");
    assert_eq!(ask("203.0.113.1"), "");
}

#[test]
fn what_a_dump_leaves_out_is_counted() {
    let dir = TempDir::new().unwrap();
    let image = build(&dir, "list", "plain", LIST, &[]);
    let run = rblmap(["dump", "--format", "nft", image.to_str().unwrap()]);
    assert_eq!(
        run.stderr,
        "left out: 2 values (other than 127.0.0.2 without a text)\nleft out: 1 names\n"
    );
}
