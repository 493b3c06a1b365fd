//! Gets files of a feed from where they are served into the mirror's spool.
//!
//! Whatever the transport: files are asked for by their exact names, each with a limit on its size,
//! and land in the spool under the same names. Nothing that comes from outside is trusted here, not
//! even a size.

mod http;
mod local;
mod rsync;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Error, writing};
use crate::folder::read_limited;
use crate::names::FeedPath;

/// Where a feed is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A folder.
    Local(PathBuf),
    /// A module of an rsync daemon, `rsync://HOST[:PORT]/MODULE[/PATH]`.
    Rsync(String),
    /// A folder of a web server, `http(s)://HOST[:PORT][/PATH]`.
    Http(String),
}

/// How to fetch.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long a source may stay silent.
    pub timeout: Duration,
    /// Most bytes a second, if limited.
    pub bandwidth: Option<u64>,
    /// Certificates in PEM that HTTPS trusts; none: those that browsers trust.
    pub authorities: Option<Vec<u8>>,
    pub(crate) http: http::Client,
}

/// A file that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Want {
    /// Its name.
    pub path: FeedPath,
    /// Its length, or the most that is taken.
    pub limit: u64,
    /// Whether it changes under its name, as pointers do.
    pub changes: bool,
}

/// Slower sources than this are given up, bytes a second.
const SLOWEST: u64 = 1000;

impl Default for Options {
    fn default() -> Options {
        Options {
            timeout: Duration::from_secs(30),
            bandwidth: None,
            authorities: None,
            http: http::Client::default(),
        }
    }
}

impl Options {
    /// How long a transfer of so many bytes may take in all.
    fn deadline(&self, bytes: u64) -> Duration {
        let rate = self
            .bandwidth
            .map_or(SLOWEST, |limit| SLOWEST.min(limit / 2).max(1));
        self.timeout * 2 + Duration::from_secs(bytes / rate)
    }
}

impl Source {
    /// Reads an address of a feed; what is no URL is a path.
    ///
    /// ```
    /// use rblmap_feed::Source;
    /// assert!(matches!(Source::parse("rsync://feed.example/ops")?, Source::Rsync(_)));
    /// assert!(matches!(Source::parse("/srv/feed")?, Source::Local(_)));
    /// assert!(Source::parse("ftp://feed.example/").is_err());
    /// # Ok::<(), rblmap_feed::Error>(())
    /// ```
    ///
    /// # Errors
    /// A URL of another kind, or one that is not well formed.
    pub fn parse(text: &str) -> Result<Source, Error> {
        let bad = || Error::BadSource(text.to_owned());
        if text.is_empty() {
            return Err(bad());
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Ok(Source::Local(text.into()));
        };
        let plain = |b: u8| (33..127).contains(&b) && !matches!(b, b'\\' | b'"' | b'?' | b'#');
        let rest = rest.trim_end_matches('/');
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let well_formed = rest.bytes().all(plain) && !host.is_empty() && !host.starts_with('-');
        if !well_formed || path.split('/').any(|part| part == "..") {
            return Err(bad());
        }
        match scheme {
            "http" | "https" => Ok(Source::Http(format!("{scheme}://{rest}"))),
            "rsync" if !path.is_empty() => Ok(Source::Rsync(format!("rsync://{rest}"))),
            _ => Err(bad()),
        }
    }

    /// How the source is called in messages and metrics.
    pub fn name(&self) -> String {
        match self {
            Source::Local(path) => path.display().to_string(),
            Source::Rsync(url) | Source::Http(url) => url.clone(),
        }
    }

    /// Brings files into the spool. Files that the source does not have are missing there
    /// afterwards: [`Source::take`] says so.
    ///
    /// # Errors
    /// A source that cannot be reached or gives up; a spool that cannot be written.
    pub fn fetch(&self, wants: &[Want], spool: &Path, options: &Options) -> Result<(), Error> {
        if wants.is_empty() {
            return Ok(());
        }
        fs::create_dir_all(spool).map_err(writing(spool))?;
        // An older pointer there may look like the new one to rsync, to the size and second.
        for want in wants.iter().filter(|want| want.changes) {
            let path = in_spool(spool, &want.path);
            if path.exists() {
                fs::remove_file(&path).map_err(writing(&path))?;
            }
        }
        match self {
            Source::Local(root) => local::fetch(root, &self.name(), wants, spool),
            Source::Rsync(url) => rsync::fetch(url, wants, spool, options),
            Source::Http(url) => http::fetch(url, wants, spool, options),
        }
    }

    /// Reads a file that was fetched.
    ///
    /// # Errors
    /// A file that the source did not have, or that is longer than the limit; an HTML page.
    pub fn take(&self, want: &Want, spool: &Path) -> Result<Vec<u8>, Error> {
        let not_there = |what| Error::NotAFeed {
            source_name: self.name(),
            path: want.path.to_string(),
            what,
        };
        let path = in_spool(spool, &want.path);
        match read_limited(&path, want.limit) {
            Ok(bytes) if is_page(&bytes) => Err(not_there("an HTML page, not a file of a feed")),
            Ok(bytes) => Ok(bytes),
            Err(Error::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => Err(
                not_there("no such file there, or a longer one than it may be"),
            ),
            Err(Error::Read { source, .. }) if source.kind() == io::ErrorKind::Other => {
                Err(Error::Hash {
                    path: want.path.to_string(),
                    what: "longer than it may be",
                })
            }
            Err(error) => Err(error),
        }
    }
}

/// Where a file lands.
pub(crate) fn in_spool(spool: &Path, path: &FeedPath) -> PathBuf {
    spool.join(path.as_str())
}

/// Makes the folder that a file of the spool lies in.
fn make_parent(path: &Path) -> Result<(), Error> {
    let parent = path.parent().unwrap_or(path);
    fs::create_dir_all(parent).map_err(writing(parent))
}

/// What captive portals, proxies and error pages send in place of a file. No file of a feed begins
/// with `<`.
fn is_page(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().starts_with(b"<")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_urls_or_paths() {
        for good in [
            "rsync://h/m",
            "rsync://h:873/m/sub/",
            "feed",
            "/srv/feed",
            "./rsync",
        ] {
            Source::parse(good).unwrap();
        }
        for bad in [
            "",
            "ftp://h/x",
            "rsync://",
            "rsync:///m",
            "rsync://h",
            "rsync://-e/m",
            "rsync://h/m/../x",
            "http://h/../x",
            "https://",
            "rsync://h/m x",
            "rsync://h/m\n",
        ] {
            assert!(Source::parse(bad).is_err(), "{bad:?}");
        }
    }
}
