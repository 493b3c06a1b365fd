//! Lets calls fail or be the last: no room, a bad disk, no descriptor, no memory, half a write, a kill.

use nix::errno::Errno;
use nix::libc;

use crate::common::Run;
use crate::record::CHANGING;
use crate::scenes::{Found, Scene, renew};
use crate::tracer::{self, Answer, Call, Watch};

/// Calls that take room.
const WRITING: &[i64] = &[
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_pwrite64,
    libc::SYS_fallocate,
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
    libc::SYS_open,
    libc::SYS_openat,
    libc::SYS_read,
    libc::SYS_pread64,
    libc::SYS_getdents64,
];
const OPENING: &[i64] = &[libc::SYS_open, libc::SYS_openat];
const DATA: &[i64] = &[libc::SYS_write, libc::SYS_pwrite64];
const MAPPING: &[i64] = &[libc::SYS_mmap, libc::SYS_open, libc::SYS_openat];
const MEMORY: &[i64] = &[libc::SYS_mmap, libc::SYS_brk];

/// What becomes of calls.
#[derive(Debug, Clone, Copy)]
struct Kind {
    name: &'static str,
    answer: Answer,
    calls: &'static [i64],
    /// The calls after it too: a disk that stays full.
    stays: bool,
}

const KINDS: [Kind; 10] = [
    kind("no room", Answer::Fail(Errno::ENOSPC), WRITING, false),
    kind(
        "no room from here on",
        Answer::Fail(Errno::ENOSPC),
        WRITING,
        true,
    ),
    kind("a bad disk", Answer::Fail(Errno::EIO), OF_DISK, false),
    kind("no descriptor", Answer::Fail(Errno::EMFILE), OPENING, false),
    kind(
        "no memory for a file",
        Answer::Fail(Errno::ENOMEM),
        MAPPING,
        false,
    ),
    kind("no memory", Answer::Fail(Errno::ENOMEM), MEMORY, false),
    kind("half a write", Answer::Half, DATA, false),
    kind("every write a half", Answer::Half, DATA, true),
    kind("killed before", Answer::Kill, CHANGING, false),
    kind("killed after", Answer::KillAfter, CHANGING, false),
];

const fn kind(name: &'static str, answer: Answer, calls: &'static [i64], stays: bool) -> Kind {
    Kind {
        name,
        answer,
        calls,
        stays,
    }
}

/// How many of the calls are disturbed in turn where not all are.
const SOME: usize = 2;

/// Disturbs the call of a number.
struct Disturber {
    kind: Kind,
    /// The number of the call, from 1.
    at: usize,
    /// How many calls there were that could have been disturbed.
    calls: usize,
    /// The first one that was.
    disturbed: Option<String>,
}

impl Watch for Disturber {
    fn wants(&self, number: i64) -> bool {
        self.kind.calls.contains(&number)
    }

    fn begins(&mut self, call: &Call) -> Answer {
        let of_memory = self.kind.calls == MEMORY;
        let halves = self.kind.answer == Answer::Half;
        if call.path.is_some() == of_memory || halves && call.length() < 2 {
            return Answer::Let;
        }
        self.calls += 1;
        if self.calls != self.at && !(self.kind.stays && self.calls > self.at) {
            return Answer::Let;
        }
        let path = call.path.as_deref().unwrap_or("".as_ref());
        let what = format!("{} {}", tracer::name(call.number), path.display());
        self.disturbed.get_or_insert(what);
        self.kind.answer
    }
}

fn run(scene: &Scene, kind: Kind, at: usize) -> (Run, Disturber) {
    renew(&scene.before(), &scene.work());
    let mut disturber = Disturber {
        kind,
        at,
        calls: 0,
        disturbed: None,
    };
    let run = tracer::run(&scene.args, &scene.work(), &mut disturber);
    (run, disturber)
}

/// Disturbs every call in every way; says how many runs there were.
pub(crate) fn play(scene: &Scene) {
    let (mut runs, mut wrong) = (0, Vec::new());
    for kind in KINDS {
        let most = run(scene, kind, usize::MAX).1.calls;
        // Some commands ask the system for no memory.
        let may_be_none = kind.calls == MEMORY;
        assert!(
            most > 0 || may_be_none,
            "{}: no call: {}",
            scene.name,
            kind.name
        );
        let step = if crate::all() {
            1
        } else {
            most.div_ceil(SOME).max(1)
        };
        for at in (1..=most).step_by(step) {
            let (run, disturber) = run(scene, kind, at);
            runs += 1;
            let call = disturber.disturbed.unwrap_or_default();
            if let Err(what) = holds(scene, kind, &run, &call) {
                let (scene, kind) = (scene.name, kind.name);
                wrong.push(format!(
                    "{scene}, {kind}, call {at}, {call}: {what}\n  {}",
                    run.stderr
                ));
            }
        }
    }
    println!("{}: {runs} runs disturbed", scene.name);
    assert!(
        wrong.is_empty(),
        "{} of {runs}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

fn holds(scene: &Scene, kind: Kind, run: &Run, call: &str) -> Result<(), String> {
    ended(kind, run)?;
    let found = scene.found()?;
    // An image that the disk does not give back is replaced, and what it said is not known.
    let bad_disk = kind.answer == Answer::Fail(Errno::EIO);
    let lost = bad_disk && call.ends_with("/mirror/ops.example.rbl");
    let whole = |found| found == Found::New || lost && found == Found::Part;
    if run.code == 0 && !whole(found) {
        return Err(format!("it said that it was done: {found:?}"));
    }
    // What a bad disk does not let be removed, the next run removes; so it is after a kill.
    let left = scene.left_over();
    if !left.is_empty() && kind.answer == Answer::Fail(Errno::ENOSPC) {
        return Err(format!("left over: {left:?}"));
    }
    scene.next_run(whole)
}

/// Whether the run ended as it may.
fn ended(kind: Kind, run: &Run) -> Result<(), String> {
    let Run { code, stderr, .. } = run;
    let no_memory = kind.calls == MEMORY && *code == ABORTED;
    let codes: &[i32] = match kind.answer {
        Answer::Kill | Answer::KillAfter => &[KILLED],
        Answer::Half | Answer::Let => &[0],
        Answer::Fail(_) => &[0, 5, 6],
    };
    match () {
        // Rust ends a process that gets no memory, and one whose new thread gets none.
        () if no_memory && STARVED.iter().any(|words| stderr.contains(words)) => Ok(()),
        () if stderr.contains("panicked") => Err(format!("it panicked, {code}")),
        () if !codes.contains(code) => Err(format!("exit {code}")),
        () if [5, 6].contains(code) && stderr.is_empty() => {
            Err(format!("exit {code} without a word"))
        }
        () => Ok(()),
    }
}

const STARVED: [&str; 2] = [
    "memory allocation",
    "failed to allocate an alternative stack",
];
const KILLED: i32 = 128 + libc::SIGKILL;
const ABORTED: i32 = 128 + libc::SIGABRT;
