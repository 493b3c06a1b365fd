//! Lets each system call of a command that touches its files fail, one run for each call and error: no
//! room, a bad disk, no descriptor, no memory, a disk that stays full. Afterwards there is the old or
//! the new, whole; success was told only for the new; the next run succeeds and nothing is left over.
//!
//! `RBLMAP_FAULTS=all` takes every call (`scripts/inject-faults`); else some of them, spread over all.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests may panic, and say what they skip"
)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../peers/mod.rs"]
mod peers;
mod tracer;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::{Run, rblmap};
use nix::errno::Errno;
use nix::libc;
use peers::Feed;
use tracer::{Fault, Faulted};

/// Calls that take room.
const WRITING: &[i64] = &[
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_pwrite64,
    libc::SYS_ftruncate,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_copy_file_range,
    libc::SYS_rename,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_link,
    libc::SYS_linkat,
    libc::SYS_mkdir,
    libc::SYS_mkdirat,
];
/// Calls that wait for the disk.
const OF_DISK: &[i64] = &[
    libc::SYS_write,
    libc::SYS_pwrite64,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_ftruncate,
    libc::SYS_rename,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_linkat,
    libc::SYS_openat,
    libc::SYS_read,
    libc::SYS_pread64,
    libc::SYS_getdents64,
];
/// What fails, and how.
const KINDS: [(Errno, &[i64], bool); 5] = [
    (Errno::ENOSPC, WRITING, false),
    (Errno::ENOSPC, WRITING, true),
    (Errno::EIO, OF_DISK, false),
    (Errno::EMFILE, &[libc::SYS_openat], false),
    (Errno::ENOMEM, &[libc::SYS_mmap, libc::SYS_openat], false),
];

/// How many of the calls fail in turn without `RBLMAP_FAULTS=all`.
const SOME: usize = 3;

/// A command and what it is to do.
struct Scene<'a> {
    name: &'static str,
    /// Everything as it is before the command, in a folder that stays as it is.
    before: &'a Path,
    /// Where the command works: a copy of that folder.
    work: &'a Path,
    args: Vec<String>,
    /// Whether the effect is there.
    found: &'a dyn Fn() -> Result<Found, String>,
}

/// What is there after a run; an error if it is neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Old,
    /// The new, and something that goes with it is missing.
    Part,
    New,
}

/// A copy of a folder in place of another.
fn renew(from: &Path, to: &Path) {
    if to.exists() {
        fs::remove_dir_all(to).unwrap();
    }
    let copied = Command::new("cp").arg("-a").args([from, to]).status();
    assert!(copied.unwrap().success());
}

/// Names below a folder that only unfinished files have.
fn left_over(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with(".rblmap-") || name.starts_with(".tmp") {
            names.push(path.display().to_string());
        }
        if path.is_dir() && !path.is_symlink() {
            names.extend(left_over(&path));
        }
    }
    names
}

impl Scene<'_> {
    /// Every call, with every error; says how many runs there were.
    fn play(&self) {
        let all = std::env::var("RBLMAP_FAULTS").is_ok_and(|text| text == "all");
        let (mut runs, mut wrong) = (0, Vec::new());
        for (error, calls, stays) in KINDS {
            let fault = |at| Fault {
                error,
                calls,
                at,
                stays,
            };
            renew(self.before, self.work);
            let most = tracer::run(&self.args, self.work, fault(usize::MAX)).calls;
            assert!(most > 0, "{}: no call to let fail", self.name);
            let step = if all { 1 } else { most.div_ceil(SOME) };
            for at in (1..=most).step_by(step) {
                renew(self.before, self.work);
                let faulted = tracer::run(&self.args, self.work, fault(at));
                runs += 1;
                if let Err(what) = self.holds(error, &faulted) {
                    let call = faulted.failed.unwrap_or_default();
                    let said = faulted.run.stderr;
                    let stays = if stays { " and on" } else { "" };
                    wrong.push(format!(
                        "{} call {at}{stays}, {error:?} at {call}: {what}\n  {said}",
                        self.name
                    ));
                }
            }
        }
        println!("{}: {runs} faults", self.name);
        assert!(
            wrong.is_empty(),
            "{} of {runs}:\n{}",
            wrong.len(),
            wrong.join("\n")
        );
    }

    fn holds(&self, error: Errno, faulted: &Faulted) -> Result<(), String> {
        let Run { code, stderr, .. } = &faulted.run;
        if stderr.contains("panicked") || *code >= 100 || *code < 0 {
            return Err(format!("it ended with {code}"));
        }
        let found = (self.found)()?;
        // An image that the disk does not give back is replaced, and what it said is not known.
        let failed = faulted.failed.as_deref().unwrap_or_default();
        let lost = error == Errno::EIO && failed.ends_with("/mirror/ops.example.rbl");
        let whole = |found| found == Found::New || lost && found == Found::Part;
        if *code == 0 && !whole(found) {
            return Err(format!("it said that it was done: {found:?}"));
        }
        if *code != 0 && stderr.is_empty() {
            return Err(format!("exit {code} without a word"));
        }
        if ![0, 5, 6].contains(code) {
            return Err(format!("exit {code} for {error:?}"));
        }
        // What a bad disk does not let be removed, the next run removes.
        let left = left_over(self.work);
        if !left.is_empty() && error == Errno::ENOSPC {
            return Err(format!("left over: {left:?}"));
        }
        let next = rblmap(&self.args);
        if next.code != 0 {
            return Err(format!("the next run: {}: {}", next.code, next.stderr));
        }
        let found = (self.found)()?;
        if !whole(found) {
            return Err(format!("after the next run: {found:?}"));
        }
        let left = left_over(self.work);
        match left.is_empty() {
            true => Ok(()),
            false => Err(format!("left over after the next run: {left:?}")),
        }
    }
}

/// Whether a file is the new one or the old one.
fn file(path: &Path, old: &[u8], new: &[u8]) -> Result<Found, String> {
    let found = fs::read(path).unwrap();
    match () {
        () if found == new => Ok(Found::New),
        () if found == old => Ok(Found::Old),
        () => Err(format!("{}: neither old nor new", path.display())),
    }
}

/// Two images, `old.rbl` and `new.rbl`, and what else the commands begin with.
struct Stage {
    feed: Feed,
}

impl Stage {
    fn new() -> Stage {
        let feed = Feed::new();
        fs::create_dir(feed.path("before")).unwrap();
        let stage = Stage { feed };
        stage.image("old", 300);
        stage.image("new", 310);
        stage
    }

    fn image(&self, name: &str, count: u32) {
        let lines =
            (0..count).map(|n| format!("10.{}.{}.{}\n", n >> 12, n >> 4 & 255, n << 4 & 255));
        let list = self.feed.path(&format!("{name}.txt"));
        fs::write(&list, lines.collect::<String>()).unwrap();
        let image = self.feed.arg(&format!("{name}.rbl"));
        self.run(&[
            "build",
            "-q",
            "-o",
            &image,
            &format!("ops.example:plain:{}", list.display()),
        ]);
    }

    fn run(&self, args: &[&str]) {
        let run = rblmap(args);
        assert_eq!(run.code, 0, "{args:?}: {}", run.stderr);
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.feed.path(name)).unwrap()
    }

    /// A command in the folder `work`, which begins as a copy of `before`.
    fn play(&self, name: &'static str, args: &[&str], found: &dyn Fn() -> Result<Found, String>) {
        let scene = Scene {
            name,
            before: &self.feed.path("before"),
            work: &self.feed.path("work"),
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            found,
        };
        scene.play();
    }
}

#[test]
fn a_build_whose_calls_fail_leaves_the_old_image_or_the_new() {
    let stage = Stage::new();
    let feed = &stage.feed;
    fs::copy(feed.path("old.rbl"), feed.path("before/out.rbl")).unwrap();
    let (old, new) = (stage.read("old.rbl"), stage.read("new.rbl"));
    let out = feed.arg("work/out.rbl");
    let spec = format!("ops.example:plain:{}", feed.arg("work/new.txt"));
    fs::copy(feed.path("new.txt"), feed.path("before/new.txt")).unwrap();
    stage.play("build", &["build", "-q", "-o", &out, &spec], &|| {
        file(Path::new(&out), &old, &new)
    });
}

#[test]
fn an_apply_whose_calls_fail_leaves_the_old_image_or_the_new() {
    let stage = Stage::new();
    let feed = &stage.feed;
    let (delta, out) = (feed.arg("before/change.rbd"), feed.arg("work/old.rbl"));
    stage.run(&[
        "diff",
        "-q",
        &feed.arg("old.rbl"),
        &feed.arg("new.rbl"),
        "-o",
        &delta,
    ]);
    fs::copy(feed.path("old.rbl"), feed.path("before/old.rbl")).unwrap();
    fs::copy(feed.path("old.rbl"), feed.path("before/base.rbl")).unwrap();
    let (old, new) = (stage.read("old.rbl"), stage.read("new.rbl"));
    let args = [
        "apply",
        "-q",
        &feed.arg("work/base.rbl"),
        &feed.arg("work/change.rbd"),
        "-o",
        &out,
    ];
    stage.play("apply", &args, &|| file(Path::new(&out), &old, &new));
}

/// The content of an image, which must be whole.
fn content(image: &Path) -> Result<String, String> {
    let image = image.to_str().unwrap();
    let verified = rblmap(["verify", image]);
    let info = rblmap(["info", "--json", image]).stdout;
    match (verified.code, info.split_once("\"content_id\":\"")) {
        (0, Some((_, id))) => Ok(id[..64].to_owned()),
        _ => Err(format!("{}{info}", verified.stderr)),
    }
}

/// Which of the two contents an image has.
fn image(path: &Path, [old, new]: &[String; 2]) -> Result<Found, String> {
    match content(path)? {
        found if found == *new => Ok(Found::New),
        found if found == *old => Ok(Found::Old),
        found => Err(format!("neither old nor new: {found}")),
    }
}

/// Whether the history of a folder has the second image, and no gap.
fn with_history(folder: &str, found: Found) -> Found {
    let said = rblmap(["history", folder, "ops.example", "10.0.19.80"]);
    let known = said.stdout.contains("\t2\tlisted") && !said.stderr.contains("nothing is known");
    match found {
        Found::New if !known => Found::Part,
        found => found,
    }
}

/// A feed at its first image, and a mirror of it.
fn with_feed(stage: &Stage) -> [String; 2] {
    let feed = &stage.feed;
    let (first, key, public) = (
        feed.arg("before/feed"),
        feed.arg("ops.key"),
        feed.arg("ops.pub"),
    );
    let old = feed.arg("old.rbl");
    stage.run(&["publish", "-q", &first, &old, "--key", &key]);
    let mirror = feed.arg("before/mirror");
    stage.run(&["mirror", "-q", &first, &mirror, "--key", &public]);
    ["old.rbl", "new.rbl"].map(|name| content(&feed.path(name)).unwrap())
}

#[test]
fn a_publication_whose_calls_fail_leaves_the_old_feed_or_the_new() {
    let stage = Stage::new();
    let ids = with_feed(&stage);
    let feed = &stage.feed;
    let (key, public) = (feed.arg("ops.key"), feed.arg("ops.pub"));
    let published = feed.arg("work/feed");
    let new = feed.arg("new.rbl");
    let args = ["publish", "-q", &published, &new, "--key", &key];
    stage.play("publish", &args, &|| {
        // A mirror that is behind, and a new one.
        renew(&feed.path("work/mirror"), &feed.path("behind"));
        let _ = fs::remove_dir_all(feed.path("fresh"));
        let found = ["behind", "fresh"].map(|name| {
            let run = rblmap([
                "mirror",
                "-q",
                &published,
                &feed.arg(name),
                "--key",
                &public,
            ]);
            match run.code {
                0 => image(&feed.path(name).join("ops.example.rbl"), &ids),
                code => Err(format!("a mirror {name}: {code}: {}", run.stderr)),
            }
        });
        match found {
            [Ok(behind), Ok(fresh)] if behind == fresh => Ok(with_history(&published, behind)),
            other => Err(format!("two mirrors: {other:?}")),
        }
    });
}

#[test]
fn a_mirror_whose_calls_fail_keeps_the_old_image_or_the_new() {
    let stage = Stage::new();
    let ids = with_feed(&stage);
    let feed = &stage.feed;
    let (key, new) = (feed.arg("ops.key"), feed.arg("new.rbl"));
    stage.run(&[
        "publish",
        "-q",
        &feed.arg("before/feed"),
        &new,
        "--key",
        &key,
    ]);
    let (source, folder) = (feed.arg("work/feed"), feed.arg("work/mirror"));
    let public = feed.arg("ops.pub");
    let args = ["mirror", "-q", &source, &folder, "--key", &public];
    stage.play("mirror", &args, &|| {
        let found = image(&feed.path("work/mirror/ops.example.rbl"), &ids)?;
        Ok(with_history(&folder, found))
    });
}

#[test]
fn a_page_whose_calls_fail_is_whole_after_the_next_run() {
    let stage = Stage::new();
    with_feed(&stage);
    let feed = &stage.feed;
    let config = "[site]\nname = \"Lists\"\nurl = \"https://lists.example/\"\n\
        contact = \"postmaster@lists.example\"\n[[zone]]\nname = \"ops.example\"\n";
    fs::write(feed.path("before/page.toml"), config).unwrap();
    let site = feed.path("work/site");
    let args = |folder: &str| {
        [
            "page",
            "-q",
            &feed.arg(&format!("{folder}/feed")),
            "--config",
        ]
        .map(str::to_owned)
        .into_iter()
        .chain([feed.arg(&format!("{folder}/page.toml")), "-o".to_owned()])
        .chain([feed.arg(&format!("{folder}/site"))])
        .collect::<Vec<String>>()
    };
    // What a whole site is.
    renew(&feed.path("before"), &feed.path("whole"));
    assert_eq!(rblmap(args("whole")).code, 0);
    let whole = common::files(&feed.path("whole/site"));
    let args = args("work");
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    stage.play("page", &args, &|| {
        let same = |name: &String| {
            let there = fs::read(site.join(name));
            there.is_ok_and(|there| there == fs::read(feed.path("whole/site").join(name)).unwrap())
        };
        let is_file = |name: &&String| feed.path("whole/site").join(name).is_file();
        let whole = site.is_dir() && whole.iter().filter(is_file).all(same);
        Ok(if whole { Found::New } else { Found::Old })
    });
}
