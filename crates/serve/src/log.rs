//! Lines for standard error, written by a thread of their own: whoever reads them slowly, or not at
//! all, must not hold up mail.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Bytes that may wait; what comes beyond is counted and said later.
const LIMIT: usize = 4 << 20;
/// How long a line waits for others to be written with it.
const GATHER: Duration = Duration::from_millis(5);

/// A handle for one thread or many.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    shared: Arc<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: Mutex<Lines>,
    more: Condvar,
    lost: AtomicU64,
}

#[derive(Debug, Default)]
struct Lines {
    text: String,
    ends: bool,
}

/// How important a line is, as systemd reads it from the start of a line (sd-daemon(3)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// Somebody should look.
    Warning,
    /// So that it is known.
    Info,
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Level::Warning => "level=warning ",
            Level::Info => "level=info ",
        }
    }
}

/// The writing thread; when it is dropped, what waits is written, for two seconds at most.
#[derive(Debug)]
pub(crate) struct LogWriter {
    log: Log,
    thread: Option<JoinHandle<()>>,
}

impl Log {
    /// Starts the thread that writes to standard error.
    pub(crate) fn start() -> std::io::Result<(Log, LogWriter)> {
        let log = Log {
            shared: Arc::default(),
        };
        let shared = Arc::clone(&log.shared);
        let thread = std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write_lines(&shared))?;
        let writer = LogWriter {
            log: log.clone(),
            thread: Some(thread),
        };
        Ok((log, writer))
    }

    /// A log that nobody writes: lines are lost when it is full.
    #[cfg(feature = "fuzz")]
    pub(crate) fn of_nobody() -> Log {
        Log {
            shared: Arc::default(),
        }
    }

    /// Says one line of `key=value` words.
    pub(crate) fn say(&self, level: Level, line: &str) {
        let mut lines = lock(&self.shared.lines);
        if lines.text.len() + line.len() > LIMIT {
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let first = lines.text.is_empty();
        lines.text.push_str(level.word());
        lines.text.push_str(line);
        lines.text.push('\n');
        drop(lines);
        // The thread waits only while there is no line.
        if first {
            self.shared.more.notify_one();
        }
    }

    /// How many lines were lost since the start.
    pub(crate) fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::Relaxed)
    }
}

impl Drop for LogWriter {
    fn drop(&mut self) {
        lock(&self.log.shared.lines).ends = true;
        self.log.shared.more.notify_one();
        let Some(thread) = self.thread.take() else {
            return;
        };
        // Where nobody reads standard error the thread hangs, and the process ends without it.
        for _ in 0..200 {
            if thread.is_finished() {
                // A panic in it was printed already.
                let _ = thread.join();
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn write_lines(shared: &Waiting) {
    let mut told = 0;
    // Two buffers take turns, so that lines are not copied while a text grows.
    let mut text = String::new();
    loop {
        let mut lines = lock(&shared.lines);
        while lines.text.is_empty() && !lines.ends {
            lines = shared
                .more
                .wait(lines)
                .unwrap_or_else(PoisonError::into_inner);
        }
        if !lines.ends {
            // Under load, many lines are one write and one change of threads.
            drop(lines);
            std::thread::sleep(GATHER);
            lines = lock(&shared.lines);
        }
        let ends = lines.ends;
        text.clear();
        std::mem::swap(&mut lines.text, &mut text);
        drop(lines);
        let lost = shared.lost.load(Ordering::Relaxed);
        if lost > told {
            text.push_str(&format!(
                "level=warning event=log-lines-lost lines={}\n",
                lost - told
            ));
            told = lost;
        }
        // Whoever closed standard error does not want to know.
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
        if ends {
            return;
        }
    }
}

fn lock(lines: &Mutex<Lines>) -> MutexGuard<'_, Lines> {
    // A line is there whole or not at all, whatever happened to another thread.
    lines.lock().unwrap_or_else(PoisonError::into_inner)
}
