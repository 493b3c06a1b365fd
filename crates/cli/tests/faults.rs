//! Faults of disks, of other processes and of other users, brought about by strace and setpriv. Each
//! test is named for what went wrong once.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests may panic, and say what they skip"
)]

mod common;
mod peers;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use common::{Run, files, finish, rblmap};
use peers::{Feed, is_root, rsyncd_with};

/// Whether processes may be traced here; says so if not.
fn may_trace() -> bool {
    let run = Command::new("strace")
        .args(["-qq", "-o", "/dev/null", "true"])
        .output();
    let may = run.is_ok_and(|run| run.status.success());
    if !may {
        println!("skipped: faults at system calls (no strace, or no permission to trace)");
    }
    may
}

/// Runs the command under strace.
fn traced(options: &[&str], args: &[&str]) -> Run {
    let mut run = Command::new("strace");
    run.args(["-qq", "-f"]).args(options);
    run.arg(env!("CARGO_BIN_EXE_rblmap")).args(args);
    finish(run, b"")
}

#[test]
fn a_build_that_was_killed_leaves_nothing_after_the_next() {
    if !may_trace() {
        return;
    }
    let feed = Feed::new();
    fs::write(feed.path("list"), "192.0.2.1\n").unwrap();
    let spec = format!("ops.example:plain:{}", feed.arg("list"));
    let out = feed.arg("out/ops.rbl");
    fs::create_dir(feed.path("out")).unwrap();
    let build = ["build", "-q", "-o", &out, &spec];
    for _ in 0..3 {
        let calls = "renameat,renameat2,rename";
        let (trace, inject) = (
            format!("trace={calls}"),
            format!("inject={calls}:signal=KILL:when=1"),
        );
        traced(&["-o", "/dev/null", "-e", &trace, "-e", &inject], &build);
        assert!(!feed.path("out/ops.rbl").exists());
    }
    assert!(!files(&feed.path("out")).is_empty(), "nobody was killed");
    assert_eq!(rblmap(build).code, 0);
    assert_eq!(files(&feed.path("out")), ["ops.rbl"]);
}

#[test]
fn a_disk_that_cannot_be_read_is_no_bad_input() {
    if !may_trace() {
        return;
    }
    let feed = Feed::new();
    feed.publish(100);
    let image = feed.arg("built.rbl");
    for error in ["EIO", "EMFILE", "ENOMEM"] {
        let inject = format!("inject=openat:error={error}");
        let options = [
            "-o",
            "/dev/null",
            "-e",
            "trace=openat",
            "-P",
            &image,
            "-e",
            &inject,
        ];
        let run = traced(&options, &["lookup", &image, "192.0.2.1"]);
        assert_eq!(run.code, 6, "{error}: {}", run.stderr);
    }
}

#[test]
fn a_page_whose_configuration_cannot_be_read_is_no_bad_input() {
    if !may_trace() {
        return;
    }
    let feed = Feed::new();
    feed.publish(100);
    let (config, site) = (feed.arg("page.toml"), feed.arg("site"));
    fs::write(&config, "").unwrap();
    for error in ["EIO", "EMFILE", "ENOMEM"] {
        let inject = format!("inject=openat:error={error}");
        let options = ["-o", "/dev/null", "-e", "trace=openat", "-P", &config];
        let options = [&options[..], &["-e", &inject]].concat();
        let page = ["page", &feed.arg("feed"), "--config", &config, "-o", &site];
        let run = traced(&options, &page);
        assert_eq!(run.code, 6, "{error}: {}", run.stderr);
    }
}

/// Runs the command with an error at calls of one kind on one file, or on all.
fn with_fault(call: &str, file: Option<&str>, fault: &str, args: &[&str]) -> Run {
    let (trace, inject) = (format!("trace={call}"), format!("inject={call}:{fault}"));
    let mut options = vec!["-o", "/dev/null", "-e", &trace, "-e", &inject];
    options.extend(file.into_iter().flat_map(|file| ["-P", file]));
    traced(&options, args)
}

#[test]
fn a_page_is_not_made_without_a_history_that_the_disk_does_not_give() {
    if !may_trace() {
        return;
    }
    let feed = Feed::new();
    feed.publish(100);
    let (config, site) = (feed.arg("page.toml"), feed.arg("site"));
    let text = "[site]\nname = \"L\"\nurl = \"https://lists.example/\"\n\
        contact = \"a@lists.example\"\n[[zone]]\nname = \"ops.example\"\n";
    fs::write(&config, text).unwrap();
    let page = ["page", &feed.arg("feed"), "--config", &config, "-o", &site];
    let history = feed.path("feed/.state/ops.example.history");
    let segment = history.join(&files(&history)[0]).display().to_string();
    for file in [&segment, &history.display().to_string()] {
        let run = with_fault("openat", Some(file), "error=EIO", &page);
        assert_eq!(run.code, 6, "{file}: {}", run.stderr);
        assert!(!Path::new(&site).exists());
    }
    assert_eq!(rblmap(page).code, 0);
}

#[test]
fn a_manifest_that_the_disk_does_not_give_is_not_called_lost() {
    if !may_trace() {
        return;
    }
    let feed = Feed::new();
    feed.publish(100);
    let (root, image, key) = (feed.arg("feed"), feed.arg("built.rbl"), feed.arg("ops.key"));
    let pointer = feed.arg("feed/ops.example/current.minisig");
    let publish = ["publish", &root, &image, "--key", &key];
    let run = with_fault("read", Some(&pointer), "error=EIO", &publish);
    assert_eq!(run.code, 6, "{}", run.stderr);
    assert!(!run.stderr.contains("--new-session"), "{}", run.stderr);
    assert_eq!(rblmap(publish).code, 0);
}

/// Whether the history of the mirror has the second content without a gap.
fn history_is_whole(feed: &Feed) -> bool {
    let history = ["history", &feed.arg("mirror"), "ops.example", "10.0.6.76"];
    let run = rblmap(history);
    run.stdout.contains("\t2\tlisted") && !run.stderr.contains("nothing is known")
}

#[test]
fn a_lack_of_descriptors_does_not_take_the_image_and_its_history_away() {
    if !may_trace() {
        return;
    }
    for error in ["EMFILE", "ENOMEM"] {
        let feed = Feed::new();
        feed.publish(100);
        assert_eq!(feed.mirror().code, 0);
        feed.publish(101);
        let image = feed.arg("mirror/ops.example.rbl");
        let (source, folder, key) = (feed.arg("feed"), feed.arg("mirror"), feed.arg("ops.pub"));
        let mirror = ["mirror", &source, &folder, "--key", &key];
        let fault = format!("error={error}:when=1");
        let run = with_fault("openat", Some(&image), &fault, &mirror);
        assert_eq!(run.code, 6, "{error}: {}", run.stderr);
        assert_eq!(rblmap(mirror).code, 0);
        assert!(history_is_whole(&feed), "{error}");
    }
}

#[test]
fn an_image_before_that_cannot_be_read_now_leaves_no_gap_in_the_history() {
    if !may_trace() {
        return;
    }
    let feed = Feed::new();
    feed.publish(100);
    assert_eq!(feed.mirror().code, 0);
    feed.publish(101);
    let before = feed.arg("mirror/ops.example.prev.rbl");
    let (source, folder, key) = (feed.arg("feed"), feed.arg("mirror"), feed.arg("ops.pub"));
    let mirror = ["mirror", &source, &folder, "--key", &key];
    let run = with_fault("openat", Some(&before), "error=EIO", &mirror);
    assert_eq!(run.code, 6, "{}", run.stderr);
    assert_eq!(rblmap(mirror).code, 0);
    assert!(history_is_whole(&feed));
}

#[test]
fn a_mirror_without_room_leaves_no_spool() {
    if !may_trace() {
        return;
    }
    let feed = Feed::new();
    feed.publish(100);
    assert_eq!(feed.mirror().code, 0);
    let (source, folder, key) = (feed.arg("feed"), feed.arg("mirror"), feed.arg("ops.pub"));
    let mirror = ["mirror", &source, &folder, "--key", &key];
    let run = with_fault("mkdirat", None, "error=ENOSPC:when=2", &mirror);
    assert_eq!(run.code, 6, "{}", run.stderr);
    feed.is_clean();
}

#[test]
fn new_folders_are_synced_into_the_folders_above_them() {
    if !may_trace() {
        return;
    }
    let feed = Feed::new();
    feed.publish(100);
    fs::remove_dir_all(feed.path("feed")).unwrap();
    let trace = feed.arg("trace");
    let options = ["-y", "-o", &trace, "-e", "trace=mkdir,mkdirat,fsync"];
    let (root, image, key) = (feed.arg("feed"), feed.arg("built.rbl"), feed.arg("ops.key"));
    let (mirror, public) = (feed.arg("mirror"), feed.arg("ops.pub"));
    for args in [
        &["publish", &root, &image, "--key", &key][..],
        &["mirror", &root, &mirror, "--key", &public],
    ] {
        let run = traced(&options, args);
        assert_eq!(run.code, 0, "{}", run.stderr);
        let text = fs::read_to_string(&trace).unwrap();
        let mut waiting: BTreeSet<String> = BTreeSet::new();
        let mut made = 0;
        for line in text.lines().filter(|line| line.ends_with("= 0")) {
            if line.contains("mkdir") {
                let name = line.split('"').nth(1).unwrap();
                // A spool is of its run alone.
                if name.contains(".rblmap-") || line.contains("/.rblmap-") {
                    continue;
                }
                made += 1;
                let within = line
                    .split(['<', '>'])
                    .nth(1)
                    .filter(|_| !name.starts_with('/'));
                let whole = match within {
                    Some(folder) => format!("{folder}/{name}"),
                    None => name.to_owned(),
                };
                let parent = Path::new(&whole).parent().unwrap();
                waiting.insert(parent.display().to_string());
            } else if let Some(folder) = line.split(['<', '>']).nth(1) {
                waiting.remove(folder);
            }
        }
        assert!(made > 0, "{text}");
        assert!(waiting.is_empty(), "not synced: {waiting:?}\n{text}");
    }
}

#[test]
fn an_image_of_somebody_else_is_copied_where_it_may_not_be_linked() {
    if !is_root() {
        println!("skipped: a mirror as another user (needs root)");
        return;
    }
    let feed = Feed::new();
    feed.publish(500);
    assert_eq!(feed.mirror().code, 0);
    feed.publish(600);
    // The folder of the service's user, in which root brought the image: fs.protected_hardlinks.
    let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode));
    mode(feed.dir.path(), 0o755).unwrap();
    let binary = feed.path("rblmap");
    fs::copy(env!("CARGO_BIN_EXE_rblmap"), &binary).unwrap();
    mode(&binary, 0o755).unwrap();
    let give = |path: &Path| {
        let given = Command::new("chown")
            .arg("-R")
            .arg("65534")
            .arg(path)
            .status();
        assert!(given.unwrap().success());
    };
    give(&feed.path("mirror"));
    let image = feed.path("mirror/ops.example.rbl");
    let back = Command::new("chown").arg("0").arg(&image).status();
    assert!(back.unwrap().success());
    mode(&image, 0o644).unwrap();
    let mut run = Command::new("setpriv");
    run.args(["--reuid=65534", "--clear-groups"]).arg(&binary);
    run.args(["mirror", &feed.arg("feed"), &feed.arg("mirror")]);
    run.args(["--key", &feed.arg("ops.pub")]);
    let run = finish(run, b"");
    assert_eq!(run.code, 0, "{}", run.stderr);
    let owner = |name: &str| fs::metadata(feed.path("mirror").join(name)).unwrap().uid();
    assert_eq!(owner("ops.example.prev.rbl"), 65534);
    feed.answers();
}

#[test]
fn a_key_file_that_an_editor_of_another_system_saved_is_read() {
    let feed = Feed::new();
    feed.publish(100);
    let key = fs::read_to_string(feed.path("ops.pub")).unwrap();
    let saved = format!("\u{feff}{}", key.replace('\n', "\r\n"));
    fs::write(feed.path("ops.pub"), saved).unwrap();
    let run = feed.mirror();
    assert_eq!(run.code, 0, "{}", run.stderr);
}

#[test]
fn a_daemon_that_wants_a_password_is_told_it_and_nobody_else() {
    let feed = Feed::new();
    feed.publish(500);
    let secrets = feed.path("secrets");
    fs::write(&secrets, "isp:s3cr3t\n").unwrap();
    fs::set_permissions(&secrets, fs::Permissions::from_mode(0o600)).unwrap();
    let more = format!("auth users = isp\nsecrets file = {}\n", secrets.display());
    let server = rsyncd_with(feed.dir.path(), &feed.path("feed"), &more);
    let url = |user: &str| format!("rsync://{user}127.0.0.1:{}/feed", server.port);
    let run = feed.mirror_from(&url("isp@"), &["--timeout", "5s"]);
    assert_eq!(run.code, 5, "{}", run.stderr);
    assert!(run.stderr.contains("--password-file"), "{}", run.stderr);
    fs::write(feed.path("password"), "s3cr3t\n").unwrap();
    let run = feed.mirror_from(&url("isp@"), &["--password-file", &feed.arg("password")]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let run = feed.mirror_from(&url("isp:s3cr3t@"), &["-v", "--json"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(!(run.stdout + &run.stderr).contains("s3cr3t"));
}

#[test]
fn threads_that_cannot_be_had_are_told_and_are_no_panic() {
    if !may_trace() {
        return;
    }
    let feed = Feed::new();
    fs::write(feed.path("list"), "127.0.0.2\n192.0.2.1\n").unwrap();
    let (spec, image) = (
        format!("ops.example:plain:{}", feed.arg("list")),
        feed.arg("ops.rbl"),
    );
    let (source, folder) = (feed.arg("feed"), feed.arg("mirror"));
    let (key, public) = (feed.arg("ops.key"), feed.arg("ops.pub"));
    let commands: [&[&str]; 3] = [
        &["build", "-q", "-o", &image, &spec],
        &["publish", "-q", &source, &image, "--key", &key],
        &["mirror", "-q", &source, &folder, "--key", &public],
    ];
    // From the first thread on, from the second, ...: none at all, those for the work and no more.
    for command in commands {
        for from in 1..=6 {
            let inject = format!("inject=clone,clone3:error=EAGAIN:when={from}+");
            let run = traced(
                &["-o", "/dev/null", "-e", "trace=clone,clone3", "-e", &inject],
                command,
            );
            assert!(!run.stderr.contains("panicked"), "{from}: {}", run.stderr);
            match run.code {
                0 => {}
                6 => assert!(
                    run.stderr.contains("no thread can be had"),
                    "{}",
                    run.stderr
                ),
                code => panic!("{from}: {code}: {}", run.stderr),
            }
            assert!(
                from > 1 || run.code == 6,
                "{command:?}: no thread was wanted"
            );
        }
        assert_eq!(rblmap(command).code, 0);
    }
}
