//! Scripts of this repository that once went on after a failure, or left something behind.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic, and say what they skip"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

fn script(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts")).join(name)
}

fn program(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Runs `scripts/bench-scale` of a thousand entries where the first `command` of rblmap fails, with large
/// lists from `whole` entries on. Gives the exit code, what was said, and which commands ran.
fn bench_scale(command: &str, whole: u32) -> (i32, String, String) {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let text = fs::read_to_string(script("bench-scale")).unwrap();
    let small = text.replace("\nwhole=200000000 ", &format!("\nwhole={whole} "));
    let small = small.replace("\npart=25000000 ", "\npart=300 ");
    assert_eq!(small.matches(&format!("\nwhole={whole} ")).count(), 1);
    assert_eq!(small.matches("\npart=300 ").count(), 1);
    program(&at("scripts/bench-scale"), &small);
    program(&at("scripts/install"), "#!/bin/sh\n");
    program(&at("bin/cargo"), "#!/bin/sh\n");
    let clustered =
        "awk \"BEGIN { for (; i < $1; i++) printf \\\"10.0.%d.%d\\\\n\\\", i / 256, i % 256 }\"";
    let clustered = format!("#!/bin/sh\n{clustered}\n");
    program(&at("target/release/clustered"), &clustered);
    let rblmap = format!(
        "#!/bin/sh\necho \"$1\" >> '{}'\n[ \"$1\" = {command} ] && exit 6\nexec '{}' \"$@\"\n",
        at("ran").display(),
        env!("CARGO_BIN_EXE_rblmap")
    );
    program(&at("target/release/rblmap"), &rblmap);
    let path = format!("{}:{}", at("bin").display(), std::env::var("PATH").unwrap());
    let run = Command::new(at("scripts/bench-scale"))
        .arg("1000")
        .env("PATH", path)
        .env("CARGO_TARGET_DIR", at("target"))
        .env("TMPDIR", dir.path())
        .output()
        .unwrap();
    let ran = fs::read_to_string(at("ran")).unwrap();
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    assert_eq!(String::from_utf8_lossy(&run.stdout), "", "figures");
    (run.status.code().unwrap(), said, ran)
}

#[test]
fn a_bench_ends_with_the_first_step_that_fails_and_names_it() {
    if !Path::new("/usr/bin/time").exists() {
        println!("skipped: bench-scale (no GNU time)");
        return;
    }
    for (command, whole, step, last) in [
        ("verify", 200_000_000, "verify", "build\nverify\n"),
        ("diff", 200_000_000, "diff", "unpack\ndiff\n"),
        // By parts: this one went on with the next part.
        ("edit", 100, "build by parts", "build\nedit\n"),
        ("pack", 100, "pack", "verify\npack\n"),
    ] {
        let (code, said, ran) = bench_scale(command, whole);
        assert_eq!(code, 6, "{command}: {said}");
        let told = format!("bench-scale: {step}, 1000 entries: exit code 6\n");
        assert!(said.ends_with(&told), "{command}: {said}");
        assert!(ran.ends_with(last), "{command}: {ran}");
    }
}

/// What is found of a run of `scripts/mta`.
struct Roots {
    folder: PathBuf,
    /// The namespace that its mounts are in.
    namespace: PathBuf,
}

/// A run of `scripts/mta` that has mounted its first root, with a name of a program that no other run has.
fn mounted(run: &mut Child, program: &Path) -> Option<Roots> {
    let began = Instant::now();
    loop {
        if let Some(ended) = run.try_wait().unwrap() {
            assert!(ended.success(), "it ended by itself: {ended}");
            return None;
        }
        for process in processes() {
            let line = fs::read(process.join("cmdline")).unwrap_or_default();
            let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
            let within = words.iter().position(|word| *word == b"within");
            let Some(at) =
                within.filter(|_| words.contains(&program.as_os_str().as_encoded_bytes()))
            else {
                continue;
            };
            let folder = String::from_utf8(words[at + 1].to_vec()).unwrap();
            let mounts = fs::read_to_string(process.join("mounts")).unwrap_or_default();
            if mounts.contains(&format!(" {folder}/postfix/root ")) {
                let namespace = fs::read_link(process.join("ns/mnt")).unwrap();
                let folder = folder.into();
                return Some(Roots { folder, namespace });
            }
        }
        assert!(began.elapsed() < Duration::from_secs(60), "nothing mounted");
        sleep(Duration::from_millis(20));
    }
}

fn processes() -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let paths = entries.map(|entry| entry.path());
    paths.filter(|path| path.join("ns/mnt").exists())
}

#[test]
fn mail_servers_that_are_killed_leave_no_mount_and_no_process() {
    let dir = tempfile::tempdir().unwrap();
    // The servers never come to call it.
    let program = dir.path().canonicalize().unwrap().join("rblmap");
    for (signal, code) in [("TERM", Some(143)), ("HUP", Some(129)), ("KILL", None)] {
        // Under nohup HUP is ignored, and a shell cannot catch what was ignored when it began.
        let mut run = Command::new("env");
        let run = run.arg("--default-signal=HUP").arg(script("mta"));
        let run = run.arg("--quick").arg(&program);
        let mut run = run
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let Some(roots) = mounted(&mut run, &program) else {
            println!("skipped: mail servers (scripts/mta says why)");
            return;
        };
        let (id, signal) = (run.id().to_string(), format!("-{signal}"));
        assert!(
            Command::new("kill")
                .args([&signal, &id])
                .status()
                .unwrap()
                .success()
        );
        assert_eq!(run.wait().unwrap().code(), code, "{signal}");
        let here = fs::read_to_string("/proc/mounts").unwrap();
        let folder = roots.folder.to_str().unwrap();
        assert!(!here.contains(folder), "{signal}: {here}");
        // Mounts are there as long as a process of their namespace.
        let is_in =
            |path: PathBuf| fs::read_link(path.join("ns/mnt")).is_ok_and(|n| n == roots.namespace);
        let killed = Instant::now();
        while processes().any(is_in) {
            assert!(
                killed.elapsed() < Duration::from_secs(20),
                "{signal}: a process is left"
            );
            sleep(Duration::from_millis(20));
        }
        if code.is_some() {
            assert!(!roots.folder.exists(), "{signal}: {folder} is left");
        } else {
            fs::remove_dir_all(&roots.folder).unwrap();
        }
    }
}
