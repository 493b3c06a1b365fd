//! Reads logs: plain ones in parts by several threads, packed ones by a thread that unpacks and one
//! that counts.

mod lines;
mod packed;
mod plain;
mod progress;

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::Error;
use crate::tally::Tally;
use packed::Packing;
pub use progress::Progress;

/// Bytes of all files together; 0 for those whose size is not known before they are read.
pub fn total_bytes(logs: &[PathBuf]) -> u64 {
    let sizes = logs.iter().filter_map(|log| std::fs::metadata(log).ok());
    sizes
        .filter(std::fs::Metadata::is_file)
        .map(|file| file.len())
        .sum()
}

/// Counts logs into a tally with so many threads. A path of `-` is standard input. What is packed
/// with gzip or zstd is seen by the first bytes, not by the name.
///
/// Gives the logs that could not be read to their end, in order; what was read of them is counted,
/// and so are all the others.
///
/// ```
/// use rblmap_report::{Tally, input};
/// let dir = tempfile::tempdir()?;
/// let log = dir.path().join("mail.log");
/// std::fs::write(&log, "192.0.2.1\n198.51.100.7\nnonsense\n")?;
/// let tally = Tally::new();
/// let failed = input::count(&[log, dir.path().join("none")], 2, &tally, &Default::default());
/// assert_eq!((tally.totals().lines, tally.totals().unread, failed.len()), (3, 1, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn count(logs: &[PathBuf], threads: usize, tally: &Tally, progress: &Progress) -> Vec<Error> {
    let failed = Mutex::new(Vec::new());
    let fail = |log: usize, error: Error| {
        tally.add_unreadable();
        // The lock is never held by a thread that panics.
        if let Ok(mut failed) = failed.lock() {
            failed.push((log, error));
        }
    };
    let mut tasks = Vec::new();
    for (log, path) in logs.iter().enumerate() {
        match tasks_of(log, path) {
            Ok(more) => tasks.extend(more),
            Err(error) => fail(log, error),
        }
    }
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(task) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(error) = task.run(tally, progress) {
                fail(task.log, error);
            }
        }
    };
    std::thread::scope(|scope| {
        let others = 1..threads.min(tasks.len());
        others.for_each(|_| {
            // Where none can be had, the others do its share.
            let _ = std::thread::Builder::new().spawn_scoped(scope, work);
        });
        work();
    });
    let mut failed = failed.into_inner().unwrap_or_default();
    failed.sort_by_key(|(log, _)| *log);
    failed.into_iter().map(|(_, error)| error).collect()
}

/// What one thread reads at a time.
#[derive(Debug)]
struct Task {
    log: usize,
    path: PathBuf,
    what: What,
}

#[derive(Debug)]
enum What {
    /// The lines that begin in a part of a plain file.
    Part {
        start: u64,
        end: u64,
    },
    /// All lines of a file that is packed, or that has no length.
    Whole(Packing),
    Stdin,
}

/// A part of a plain file.
const PART: u64 = 32 << 20;
/// So many bytes are looked at to tell what a file is.
const HEAD: usize = 4096;

fn tasks_of(log: usize, path: &Path) -> Result<Vec<Task>, Error> {
    let task = |what| Task {
        log,
        path: path.to_owned(),
        what,
    };
    if path.as_os_str() == "-" {
        return Ok(vec![task(What::Stdin)]);
    }
    let reading = |source| Error::Read {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(reading)?;
    let metadata = file.metadata().map_err(reading)?;
    if metadata.is_dir() {
        return Err(reading(io::ErrorKind::IsADirectory.into()));
    }
    if !metadata.is_file() {
        return Ok(vec![task(What::Whole(Packing::Unknown))]);
    }
    let mut head = [0; HEAD];
    let len = file.read_at(&mut head, 0).map_err(reading)?;
    let packing = packing(path, head.get(..len).unwrap_or_default())?;
    if packing != Packing::None {
        return Ok(vec![task(What::Whole(packing))]);
    }
    let len = metadata.len();
    let parts = (0..len.div_ceil(PART)).map(|part| What::Part {
        start: part * PART,
        end: len.min((part + 1) * PART),
    });
    Ok(parts.map(task).collect())
}

/// How a file is packed, by its first bytes.
fn packing(path: &Path, head: &[u8]) -> Result<Packing, Error> {
    let not_a_log = |what| {
        Err(Error::NotALog {
            path: path.to_owned(),
            what,
        })
    };
    match head {
        [0x1f, 0x8b, ..] => Ok(Packing::Gzip),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Ok(Packing::Zstd),
        [0xfd, b'7', b'z', b'X', b'Z', ..] => {
            not_a_log("packed with xz, which is not read; use: xz -dc FILE | rblmap impact … -")
        }
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => not_a_log(
            "packed with bzip2, which is not read; use: bzip2 -dc FILE | rblmap impact … -",
        ),
        _ if head.contains(&0) => not_a_log("not a text: it has NUL bytes"),
        _ => Ok(Packing::None),
    }
}

impl Task {
    fn run(&self, tally: &Tally, progress: &Progress) -> Result<(), Error> {
        let open = || {
            File::open(&self.path).map_err(|source| Error::Read {
                path: self.path.clone(),
                source,
            })
        };
        match self.what {
            What::Part { start, end } => {
                let file = open()?;
                let read = plain::count(&file, start..end, self.log, tally, progress);
                read.map_err(|source| Error::Read {
                    path: self.path.clone(),
                    source,
                })
            }
            What::Whole(packing) => self.whole(Box::new(open()?), packing, tally, progress),
            What::Stdin => self.whole(Box::new(io::stdin()), Packing::Unknown, tally, progress),
        }
    }

    fn whole(
        &self,
        file: Box<dyn Read + Send>,
        packing: Packing,
        tally: &Tally,
        progress: &Progress,
    ) -> Result<(), Error> {
        let mut file = io::BufReader::with_capacity(1 << 18, Counted { file, progress });
        let packing = match packing {
            Packing::Unknown => {
                let head = io::BufRead::fill_buf(&mut file).map_err(|source| Error::Read {
                    path: self.path.clone(),
                    source,
                })?;
                self::packing(&self.path, head.get(..HEAD).unwrap_or(head))?
            }
            known => known,
        };
        packed::count(file, packing, self.log, tally).map_err(|cut| Error::Cut {
            path: self.path.clone(),
            what: packing.what_is_wrong(),
            bytes: cut.bytes,
            source: cut.source,
        })
    }
}

/// Tells how much was read.
struct Counted<'p> {
    file: Box<dyn Read + Send>,
    progress: &'p Progress,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.progress.done.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
