//! A module of an rsync daemon, by the real rsync program.
//!
//! Its arguments are an array, no shell is near. Links, devices and in-place writes are shut off,
//! folders are made by us with modes of ours, and what it writes is bounded by us, whatever the
//! sender claims: each file by a limit of the process, all of them by a look at the spool.

use std::io::{self, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit};

use super::pace::Pace;
use super::source::{Remote, decoded};
use super::{Options, Partials, Remarks, Spool, Want, WantKind, make_parent};
use crate::disk::Dir;
use crate::error::{Error, Reach};

/// As much as is kept of what rsync says.
const STDERR_LIMIT: u64 = 64 << 10;
/// How long it may take to say it after its end.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// In the spool: what was received of a file that broke off.
const PARTIAL: &str = ".part";
/// A file may be so much longer than its limit before rsync is stopped: that it is longer is said
/// by the length of what came.
const SLACK: u64 = 4 << 10;
/// How often the spool is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// How a run of rsync ended.
enum End {
    /// By itself, with an exit code; none if somebody killed it.
    Code(Option<i32>),
    /// We stopped it.
    GivenUp(String),
    /// It sent more than was asked for.
    TooMuch,
}

/// Runs rsync once for all files.
pub(super) fn fetch(
    remote: &Remote,
    wants: &[Want],
    spool: Spool<'_>,
    options: &Options,
) -> Result<Remarks, Error> {
    let name = remote.name();
    let failed = |what: String, reach| Error::Transport {
        source_name: name.clone(),
        what,
        retry_after: None,
        reach,
    };
    let partials = Partials::new(spool.lasting, &name);
    prepare(wants, spool.dir, &partials)?;
    let mut child = command(remote, wants, spool.dir, options)
        .spawn()
        .map_err(|error| {
            let what = format!("the program rsync could not be started: {error}");
            failed(what, Reach::Source)
        })?;
    bound(&child, wants);
    let told = match talk(&mut child, wants) {
        Ok(told) => told,
        Err(error) => {
            // It may have ended already.
            let _ = child.kill();
            let _ = child.wait();
            return Err(failed(format!("no thread: {error}"), Reach::Source));
        }
    };
    let ended = watch(&mut child, wants, spool.dir, options);
    let said = told.recv_timeout(LAST_WORDS).unwrap_or_default();
    let said = String::from_utf8_lossy(&said).into_owned();
    let done = match ended {
        Ok(End::Code(Some(code))) => judge(code, &said, &failed, spool.dir),
        Ok(End::Code(None)) => Err(failed("rsync was killed".to_owned(), Reach::Source)),
        Ok(End::GivenUp(why)) => Err(failed(why, Reach::File)),
        Ok(End::TooMuch) => {
            let what = "sent more than was asked for".to_owned();
            Err(failed(what, Reach::File))
        }
        Err(error) => Err(error),
    };
    if let Err(Error::Transport { .. } | Error::Stopped) = &done {
        keep(wants, spool.dir, &partials);
    }
    done?;
    Ok(remarks(&said, wants))
}

/// Makes the folders of the files, and puts parts of a broken transfer where rsync goes on with
/// them.
fn prepare(wants: &[Want], spool: &Dir, partials: &Partials<'_>) -> Result<(), Error> {
    for want in wants {
        let (folder, name) = make_parent(spool, &want.path)?;
        if want.kind == WantKind::Fixed
            && let Ok(parts) = folder.make_child(PARTIAL)
        {
            partials.take(&want.path, &parts, name);
        }
    }
    Ok(())
}

/// Keeps the parts of files that did not come whole.
fn keep(wants: &[Want], spool: &Dir, partials: &Partials<'_>) {
    for want in wants.iter().filter(|want| want.kind == WantKind::Fixed) {
        let parts = make_parent(spool, &want.path)
            .and_then(|(folder, name)| Ok((folder.child(PARTIAL)?, name)));
        if let Ok((parts, name)) = parts {
            partials.keep(&want.path, &parts, name);
        }
    }
}

fn command(remote: &Remote, wants: &[Want], spool: &Dir, options: &Options) -> Command {
    let largest = wants.iter().map(|want| want.limit).max().unwrap_or(0);
    let seconds = options.timeout.as_secs().max(1);
    let mut command = Command::new("rsync");
    command.args(["--times", "--files-from=-", "--no-motd"]);
    command.arg(format!("--partial-dir={PARTIAL}"));
    command.args(["--no-links", "--no-devices", "--no-specials"]);
    // Folders are ours, with modes of ours: one that the sender closed could not be removed.
    command.args(["--no-implied-dirs", "--chmod=D700,F600"]);
    command.arg(format!("--max-size={largest}"));
    command.arg(format!("--contimeout={seconds}"));
    command.arg(format!("--timeout={seconds}"));
    if let Some(limit) = options.bandwidth {
        command.arg(format!("--bwlimit={}", limit.div_ceil(1024)));
    }
    let user = remote
        .user
        .as_ref()
        .map(|user| format!("{}@", decoded(user)));
    let user = user.unwrap_or_default();
    command.arg(format!("rsync://{user}{}/", remote.place));
    // The spool itself, whatever becomes of its name meanwhile.
    command.arg(".");
    command.current_dir(spool.inherited_path());
    command.env("LC_ALL", "C");
    let own = remote
        .password
        .as_ref()
        .map(|password| decoded(password.text()));
    let given = || {
        options
            .password
            .as_ref()
            .map(|password| password.text().to_owned())
    };
    match own.or_else(given) {
        Some(password) => drop(command.env("RSYNC_PASSWORD", password)),
        // Else it would ask a terminal for one, and wait.
        None if std::env::var_os("RSYNC_PASSWORD").is_none() => {
            command.env("RSYNC_PASSWORD", "");
        }
        None => {}
    }
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// Bounds the length of each file that the process and its children write.
fn bound(child: &Child, wants: &[Want]) {
    let largest = wants.iter().map(|want| want.limit).max().unwrap_or(0);
    let limit = Some(largest.saturating_add(SLACK));
    let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let limit = Rlimit {
        current: limit,
        maximum: limit,
    };
    // The spool is watched as well.
    let _ = id.map(|id| rustix::process::prlimit(Some(id), Resource::Fsize, limit));
}

/// Tells rsync the names, and listens to what it says. By threads that nobody has to wait for: an
/// rsync that is killed may leave a child of its own behind which keeps the pipes open for a while.
fn talk(child: &mut Child, wants: &[Want]) -> io::Result<mpsc::Receiver<Vec<u8>>> {
    let names: String = wants
        .iter()
        .map(|want| format!("{}\n", want.path))
        .collect();
    let stdin = child.stdin.take();
    let stderr = child.stderr.take();
    let (tell, told) = mpsc::channel();
    thread::Builder::new().spawn(move || {
        // An rsync that ended early says why itself.
        let _ = stdin.map(|mut stdin| stdin.write_all(names.as_bytes()));
    })?;
    thread::Builder::new().spawn(move || {
        let mut said = Vec::new();
        let stderr = stderr.map(|stderr| stderr.take(STDERR_LIMIT));
        let _ = stderr.map(|mut stderr| stderr.read_to_end(&mut said));
        // Who gave up does not listen any more.
        let _ = tell.send(said);
    })?;
    Ok(told)
}

/// Waits for its end, and brings it about where it stops coming, sends too much or is to stop.
fn watch(child: &mut Child, wants: &[Want], spool: &Dir, options: &Options) -> Result<End, Error> {
    let most: u64 = wants
        .iter()
        .map(|want| want.limit.saturating_add(SLACK))
        .fold(0, u64::saturating_add);
    let mut pace = Pace::new(options);
    let (mut before, mut looked) = (0, Instant::now());
    let mut pause = Duration::from_millis(1);
    let failed = |error| crate::error::reading(spool.path())(error);
    let before_run = size(spool);
    loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            return Ok(End::Code(status.code()));
        }
        let mut end = None;
        if looked.elapsed() >= LOOK {
            looked = Instant::now();
            let now = size(spool).saturating_sub(before_run);
            pace.came(now.saturating_sub(before));
            before = now;
            end = (now > most).then_some(End::TooMuch);
            end = end.or_else(|| pace.given_up().map(End::GivenUp));
        }
        let stopped = options.stop.is_set();
        if end.is_some() || stopped {
            // Both fail only for a child that is gone.
            let _ = child.kill();
            let _ = child.wait();
            options.stop.check()?;
            return Ok(end.unwrap_or(End::Code(None)));
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

/// Bytes of all files in a folder and below.
fn size(folder: &Dir) -> u64 {
    let mut bytes = 0u64;
    for name in folder.names().unwrap_or_default() {
        match folder.stat(&name) {
            Some(stat) => bytes += u64::try_from(stat.st_size).unwrap_or(0),
            None => bytes += folder.child(&name).map_or(0, |child| size(&child)),
        }
    }
    bytes
}

/// What an exit code means: done, the peer's fault, or the disk's here.
fn judge(
    code: i32,
    said: &str,
    failed: &dyn Fn(String, Reach) -> Error,
    spool: &Dir,
) -> Result<(), Error> {
    let mut lines = said.lines().filter(|line| !line.trim().is_empty());
    let first = lines.next().unwrap_or_default();
    // Of the sender's making: what it claimed was shorter than what it sent.
    if said.contains("File too large") || said.contains("SIGXFSZ") {
        let what = "sent more than was asked for".to_owned();
        return Err(failed(what, Reach::File));
    }
    let disk = [
        "No space left",
        "Read-only file system",
        "Disk quota exceeded",
    ];
    if disk.iter().any(|text| said.contains(text)) || (code == 11 && !said.contains("[sender]")) {
        return Err(Error::Write {
            path: spool.path().to_owned(),
            source: io::Error::other(format!("rsync exit code {code}: {first}")),
        });
    }
    // 23 and 24: some files could not be had. Which, the spool shows.
    if matches!(code, 0 | 23 | 24) {
        return Ok(());
    }
    let meaning = match code {
        5 if said.contains("auth failed") => {
            "the server refused user or password (RSYNC_PASSWORD or --password-file gives one): "
        }
        5 => "the server refused: ",
        10 if said.contains("is configured to refuse") => "the server refuses an option: ",
        10 => "no connection: ",
        12 => "the connection broke off: ",
        30 => "silent for too long: ",
        35 => "no answer to the connection: ",
        _ => "",
    };
    let what = format!("{meaning}rsync exit code {code}: {first}");
    Err(failed(what, Reach::Source))
}

/// What rsync said of single files, by their names.
fn remarks(said: &str, wants: &[Want]) -> Remarks {
    let mut remarks = Remarks::default();
    for want in wants {
        let name = want.path.as_str();
        if let Some(line) = said.lines().find(|line| line.contains(name)) {
            let (_, why) = line.rsplit_once(": ").unwrap_or(("", line));
            remarks.add(name, readable(why));
        }
    }
    remarks
}

/// The system's words for what is usual, with our own before them.
fn readable(why: &str) -> String {
    match why.starts_with("No such file") {
        true => "no such file there".to_owned(),
        false => format!("not given by the server: {why}"),
    }
}
