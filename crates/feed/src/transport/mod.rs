//! Gets files of a feed from where they are served into a spool of the run's own.
//!
//! Whatever the transport: files are asked for by their exact names, each with a limit on its size,
//! and land in the spool under the same names. Nothing that comes from outside is trusted here, not
//! even a size.

mod http;
mod local;
mod pace;
mod partial;
mod rsync;
mod source;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::disk::Dir;
use crate::error::{Error, writing};
use crate::path::FeedPath;

pub(crate) use partial::Partials;
pub use source::{Secret, Source};

/// How to fetch.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::AtomicBool;
/// use std::time::Duration;
/// use rblmap_feed::{Options, Secret, Stop};
///
/// let asked_to_stop = Arc::new(AtomicBool::new(false)); // a signal handler sets it
/// let mut options = Options::default();
/// options.timeout = Duration::from_secs(20);
/// options.bandwidth = Some(1_000_000);
/// options.password = Some(Secret::new("s3cret"));
/// options.stop = Stop::new(Arc::clone(&asked_to_stop));
/// assert!(!format!("{options:?}").contains("s3cret"));
/// ```
#[derive(Debug, Clone)]
pub struct Options {
    /// How long a source may stay silent.
    pub timeout: Duration,
    /// Most bytes a second, if limited.
    pub bandwidth: Option<u64>,
    /// Certificates in PEM that HTTPS trusts; none: those of this machine, else those that browsers
    /// trust.
    pub authorities: Option<Vec<u8>>,
    /// The password for sources whose address has a user and none.
    pub password: Option<Secret>,
    /// Set to end a transfer.
    pub stop: Stop,
    pub(crate) http: http::Client,
}

/// Asks a run to end: it gives its transfer up within a tenth of a second.
///
/// See the example of [`Options`].
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

/// A file that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Want {
    /// Its name.
    pub(crate) path: FeedPath,
    /// Its length, or the most that is taken.
    pub(crate) limit: u64,
    /// How it is treated on the way.
    pub(crate) kind: WantKind,
}

/// What kind of file is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WantKind {
    /// A pointer, which changes under its name: caches are asked to ask.
    Pointer,
    /// A pointer, past all caches: what they had is past its time.
    FreshPointer,
    /// A file that never changes; a part of it that came before is gone on with.
    Fixed,
    /// The same, from its beginning.
    Anew,
}

/// What a source said of files that it did not give, in its own words.
#[derive(Debug, Clone, Default)]
pub(crate) struct Remarks(Vec<(String, String)>);

/// Where files of a source land.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spool<'a> {
    /// A private folder of this run and source.
    pub(crate) dir: &'a Dir,
    /// The folder in which pointers with their ETags and parts of downloads outlive a run; none
    /// where nothing does.
    pub(crate) lasting: Option<&'a Dir>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            timeout: Duration::from_secs(30),
            bandwidth: None,
            authorities: None,
            password: None,
            stop: Stop::default(),
            http: http::Client::default(),
        }
    }
}

impl Stop {
    /// A stop that is set once `flag` is.
    pub fn new(flag: Arc<AtomicBool>) -> Stop {
        Stop(flag)
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        match self.is_set() {
            true => Err(Error::Stopped),
            false => Ok(()),
        }
    }
}

impl Remarks {
    fn add(&mut self, path: &str, said: impl Into<String>) {
        self.0.push((path.to_owned(), said.into()));
    }

    fn of(&self, path: &str) -> Option<&str> {
        let found = self.0.iter().find(|(name, _)| name == path);
        found.map(|(_, said)| said.as_str())
    }
}

impl Source {
    /// Brings files into the spool. Files that the source does not have are missing there
    /// afterwards: [`Source::take`] says so.
    ///
    /// # Errors
    /// A source that cannot be reached or gives up; a spool that cannot be written.
    pub(crate) fn fetch(
        &self,
        wants: &[Want],
        spool: Spool<'_>,
        options: &Options,
    ) -> Result<Remarks, Error> {
        options.stop.check()?;
        if wants.is_empty() {
            return Ok(Remarks::default());
        }
        // What was fetched before must not look like what is fetched now.
        for want in wants {
            remove(spool.dir, &want.path)?;
        }
        match self {
            Source::Local(root) => local::fetch(root, &self.name(), wants, spool.dir),
            Source::Rsync(remote) => rsync::fetch(remote, wants, spool, options),
            Source::Http(remote) => http::fetch(remote, wants, spool, options),
        }
    }

    /// Reads a file that was fetched.
    ///
    /// # Errors
    /// A file that the source did not have, or that is longer than the limit; something else in
    /// place of a file of a feed.
    pub(crate) fn take(
        &self,
        want: &Want,
        spool: &Dir,
        remarks: &Remarks,
    ) -> Result<Vec<u8>, Error> {
        let path = want.path.to_string();
        let not_there = |what: String| Error::NotAFeed {
            source_name: self.name(),
            path: path.clone(),
            what,
        };
        let said = || match remarks.of(&path) {
            Some(said) => said.to_owned(),
            None => "no such file there, or a longer one than it may be".to_owned(),
        };
        // Whatever lies there in place of a regular file is the source's doing.
        let (folder, name) = open_parent(spool, &want.path).map_err(|_| not_there(said()))?;
        let limit = want.limit.saturating_add(1);
        let bytes = match folder.read(name, limit) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Err(not_there(said())),
            Err(_) => return Err(not_there("not a regular file".to_owned())),
        };
        if bytes.len() as u64 > want.limit {
            let what = "longer than it may be";
            return Err(Error::Hash { path, what });
        }
        match looks_like(&want.path, &bytes) {
            true => Ok(bytes),
            false => Err(not_there(in_its_place(&bytes))),
        }
    }
}

/// The folder of a file in the spool, and its name there.
fn open_parent<'p>(spool: &Dir, path: &'p FeedPath) -> Result<(Dir, &'p str), Error> {
    parent(spool, path, Dir::child)
}

/// The same; the folders are made.
fn make_parent<'p>(spool: &Dir, path: &'p FeedPath) -> Result<(Dir, &'p str), Error> {
    parent(spool, path, Dir::make_child)
}

fn parent<'p>(
    spool: &Dir,
    path: &'p FeedPath,
    enter: fn(&Dir, &str) -> Result<Dir, Error>,
) -> Result<(Dir, &'p str), Error> {
    let path = path.as_str();
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
    let mut folder = spool.child(".")?;
    for part in folders.split('/').filter(|part| !part.is_empty()) {
        folder = enter(&folder, part)?;
    }
    Ok((folder, name))
}

/// Removes a file of the spool, or whatever a source put in its place.
fn remove(spool: &Dir, path: &FeedPath) -> Result<(), Error> {
    let Ok((folder, name)) = open_parent(spool, path) else {
        return Ok(());
    };
    folder
        .remove_all(name)
        .map_err(writing(folder.path().join(name)))
}

/// Whether the first bytes are those of a file of this kind: else captive portals, proxies and
/// error pages stand in its place, which is no attack.
fn looks_like(path: &FeedPath, bytes: &[u8]) -> bool {
    match path.as_str().rsplit_once('.').map_or("", |(_, end)| end) {
        "minisig" => bytes.starts_with(b"untrusted comment:"),
        "json" => {
            let format = b"\"format\":";
            bytes.starts_with(b"{") && bytes.windows(format.len()).any(|at| at == format)
        }
        // Snapshot and delta: their magic but for the byte that tells them apart.
        _ => bytes.starts_with(b"\x89rb"),
    }
}

fn in_its_place(bytes: &[u8]) -> String {
    let text = bytes.trim_ascii_start();
    let what = if bytes.is_empty() {
        "an empty file"
    } else if text.starts_with(b"<") {
        "an HTML page"
    } else if bytes.starts_with(b"\x1f\x8b") {
        "a gzip file"
    } else if text.starts_with(b"{") || text.starts_with(b"[") {
        "other JSON"
    } else {
        "something else"
    };
    format!("{what}, not a file of a feed")
}
