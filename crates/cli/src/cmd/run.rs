//! What long runs have in common: signals that end them, a watchdog that is fed, and the arguments
//! that say how to fetch.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rblmap_feed::{Options, Secret, Source, Stop, notify};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::exit::Exit;
use crate::failure::Failure;

/// How often it is looked whether the run is to end.
const TICK: Duration = Duration::from_millis(50);
/// How often systemd hears that a run goes on, and how much time it is asked for.
const ALIVE: Duration = Duration::from_secs(5);
const ALIVE_WORDS: &str = "WATCHDOG=1\nEXTEND_TIMEOUT_USEC=60000000";
/// A run that was asked to stop is given so long to end by itself.
const GRACE: Duration = Duration::from_millis(700);

/// The signals that end a run.
#[derive(Debug)]
pub(crate) struct Signals {
    stop: Arc<AtomicBool>,
    which: Arc<AtomicUsize>,
}

impl Signals {
    pub(crate) fn register() -> Result<Signals, Failure> {
        let signals = Signals {
            stop: Arc::default(),
            which: Arc::default(),
        };
        for signal in [SIGTERM, SIGINT] {
            let number = usize::try_from(signal).unwrap_or(0);
            let which = signals.which.clone();
            signal_hook::flag::register_usize(signal, which, number)
                .and_then(|_| signal_hook::flag::register(signal, signals.stop.clone()))
                .map_err(|error| Failure::new(Exit::Disk, error))?;
        }
        Ok(signals)
    }

    /// What tells a transfer to end.
    pub(crate) fn stop(&self) -> Stop {
        Stop::new(self.stop.clone())
    }

    pub(crate) fn is_set(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Ends the process as the signal does that it was asked to end by.
    pub(crate) fn end(&self) -> Result<Exit, Failure> {
        let signal = i32::try_from(self.which.load(Ordering::Relaxed)).unwrap_or(SIGTERM);
        let ended = signal_hook::low_level::emulate_default_handler(signal);
        ended.map_err(|error| Failure::new(Exit::Disk, error))?;
        Ok(Exit::Transport)
    }
}

/// Does work in a thread of its own and waits for it; with `watched`, systemd hears meanwhile that
/// it goes on. None if the run was asked to end and the work did not come to one: whatever it was
/// about, the next run finds the old or the new.
pub(crate) fn supervised<T: Send>(
    signals: &Signals,
    watched: bool,
    work: impl FnOnce() -> T + Send,
) -> Option<T> {
    let (tell, told) = mpsc::channel();
    let work = Mutex::new(Some(work));
    let take = || work.lock().ok().and_then(|mut work| work.take());
    std::thread::scope(|scope| {
        let begun = std::thread::Builder::new().spawn_scoped(scope, move || {
            // Nobody listens any more once the process ends.
            let _ = take().map(|work| tell.send(work()));
        });
        if begun.is_err() {
            // No thread can be had: the work is done here, and a signal waits for its end.
            return take().map(|work| work());
        }
        let mut said = Instant::now();
        let mut asked: Option<Instant> = None;
        loop {
            match told.recv_timeout(TICK) {
                Ok(done) if asked.is_none() => return Some(done),
                // It was asked to end, and did.
                Ok(_) | Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if watched && said.elapsed() >= ALIVE {
                notify(ALIVE_WORDS);
                said = Instant::now();
            }
            if signals.is_set() {
                let asked = asked.get_or_insert_with(Instant::now);
                if asked.elapsed() >= GRACE {
                    if watched {
                        notify("STOPPING=1");
                        std::process::exit(0);
                    }
                    let _ = signals.end();
                    std::process::exit(1);
                }
            }
        }
    })
}

/// Waits, and feeds systemd's watchdog. False once the run is to end.
pub(crate) fn wait(seconds: u64, signals: &Signals) -> bool {
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut said = Instant::now();
    while Instant::now() < end && !signals.is_set() {
        if said.elapsed() >= ALIVE {
            notify("WATCHDOG=1");
            said = Instant::now();
        }
        std::thread::sleep(TICK);
    }
    !signals.is_set()
}

/// The folder that an argument names: a slip of the hand must not make one called `rsync:`.
pub(crate) fn folder_named(text: &str) -> Result<&str, Failure> {
    let remote = text.contains("://") || Source::parse(text).is_err();
    match remote {
        false => Ok(text),
        true => Err(Failure::new(
            Exit::Usage,
            format!(
                "the last argument is the folder to keep the copy in, but {text:?} names a source: DIR is missing"
            ),
        )),
    }
}

/// The password for sources, if one is given.
pub(crate) fn source_password(file: Option<&Path>) -> Result<Option<Secret>, Failure> {
    let password = super::secret(file, "RBLMAP_SOURCE_PASSWORD")?;
    Ok(password.map(Secret::new))
}

/// Trusts the authorities of a file.
pub(crate) fn authorities(options: &mut Options, ca: Option<&Path>) -> Result<(), Failure> {
    let Some(path) = ca else {
        return Ok(());
    };
    let pem = std::fs::read(path).map_err(|error| Failure::reading(path, &error))?;
    options.trust_authorities(pem).map_err(|what| {
        let what = format!("{}: {what}", path.display());
        Failure::new(Exit::BadInput, what)
    })
}
