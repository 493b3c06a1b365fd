//! A module of an rsync daemon, by the real rsync program.
//!
//! Its arguments are an array, no shell is near. Links, devices and in-place writes are shut off;
//! partial files are kept for the next try, which may go on with them since names are hashes.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::{Options, Want};
use crate::error::Error;

/// As much as is kept of what rsync says.
const STDERR_LIMIT: u64 = 64 << 10;
/// How long it may take to say it after its end.
const LAST_WORDS: Duration = Duration::from_secs(2);
const PARTIAL: &str = "--partial-dir=.partial";

/// Runs rsync once for all files.
pub(super) fn fetch(
    url: &str,
    wants: &[Want],
    spool: &Path,
    options: &Options,
) -> Result<(), Error> {
    let failed = |what: String| Error::Transport {
        source_name: url.to_owned(),
        what,
        retry_after: None,
    };
    let mut child = command(url, wants, spool, options)
        .spawn()
        .map_err(|error| failed(format!("rsync could not be started: {error}")))?;
    let names: String = wants
        .iter()
        .map(|want| format!("{}\n", want.path))
        .collect();
    let stdin = child.stdin.take();
    let stderr = child.stderr.take();
    let bytes = wants.iter().map(|want| want.limit).sum();
    let deadline = Instant::now() + options.deadline(bytes);
    // Threads that nobody has to wait for: an rsync that is killed may leave a child of its own behind
    // which keeps the pipes open for a while.
    thread::spawn(move || {
        // An rsync that ended early says why itself.
        let _ = stdin.map(|mut stdin| stdin.write_all(names.as_bytes()));
    });
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let mut said = Vec::new();
        let stderr = stderr.map(|stderr| stderr.take(STDERR_LIMIT));
        let _ = stderr.map(|mut stderr| stderr.read_to_end(&mut said));
        // Who gave up does not listen any more.
        let _ = tell.send(said);
    });
    let status = wait(&mut child, deadline);
    let said = told.recv_timeout(LAST_WORDS).unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    match status {
        Ok(Some(code)) => judge(code, &said, url, spool),
        Ok(None) => Err(failed("too slow, given up".to_owned())),
        Err(error) => Err(failed(format!("rsync: {error}"))),
    }
}

fn command(url: &str, wants: &[Want], spool: &Path, options: &Options) -> Command {
    let largest = wants.iter().map(|want| want.limit).max().unwrap_or(0);
    let seconds = options.timeout.as_secs().max(1);
    let mut command = Command::new("rsync");
    command.args(["--times", "--files-from=-", "--no-motd", PARTIAL]);
    command.args(["--no-links", "--no-devices", "--no-specials", "--compress"]);
    command.arg(format!("--max-size={largest}"));
    command.arg(format!("--contimeout={seconds}"));
    command.arg(format!("--timeout={seconds}"));
    if let Some(limit) = options.bandwidth {
        command.arg(format!("--bwlimit={}", limit.div_ceil(1024)));
    }
    command.arg(format!("{url}/"));
    command.arg(spool);
    command.env("LC_ALL", "C");
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// The exit code, once it ends; none if it was killed, by us at the deadline or by others.
fn wait(child: &mut Child, deadline: Instant) -> std::io::Result<Option<i32>> {
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status.code());
        }
        if Instant::now() >= deadline {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

/// What an exit code means: done, the peer's fault, or the disk's here.
fn judge(code: i32, said: &str, url: &str, spool: &Path) -> Result<(), Error> {
    let first = said
        .lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default();
    let disk = [
        "No space left",
        "Read-only file system",
        "Disk quota exceeded",
    ];
    if disk.iter().any(|text| said.contains(text)) || (code == 11 && !said.contains("[sender]")) {
        return Err(Error::Write {
            path: spool.to_owned(),
            source: std::io::Error::other(format!("rsync exit code {code}: {first}")),
        });
    }
    // 23 and 24: some files could not be had. Which, the spool shows.
    if matches!(code, 0 | 23 | 24) {
        return Ok(());
    }
    let meaning = match code {
        5 => "the server refused: ",
        10 => "no connection: ",
        12 => "the connection broke off: ",
        30 => "silent for too long: ",
        35 => "no answer to the connection: ",
        _ => "",
    };
    Err(Error::Transport {
        source_name: url.to_owned(),
        what: format!("{meaning}rsync exit code {code}: {first}"),
        retry_after: None,
    })
}
