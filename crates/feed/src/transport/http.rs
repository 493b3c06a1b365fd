//! A feed on a web server, by HTTP or HTTPS.
//!
//! TLS is courtesy here: what is trusted is signed. Redirects are followed within the origin alone.
//! Downloads that broke off go on by range, pointers are asked for with the ETag of the last time.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use ureq::http::Response;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body};

use super::{Options, Want, in_spool, make_parent};
use crate::digest::FileHash;
use crate::error::{Error, writing};

/// Connections that live as long as the options that hold them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Client {
    agent: OnceLock<Agent>,
}

const REDIRECTS: usize = 3;
const BUFFER: usize = 64 << 10;
/// Beside the spool: pointers with their ETags.
const CACHE: &str = ".http-cache";
/// A pointer and two lines.
const CACHE_LIMIT: u64 = 8 << 10;

/// Gets files, one after the other over one connection.
pub(super) fn fetch(
    base: &str,
    wants: &[Want],
    spool: &Path,
    options: &Options,
) -> Result<(), Error> {
    let agent = options.http.agent.get_or_init(|| agent(options));
    let get = Get {
        agent,
        base,
        options,
        cache: spool.with_file_name(CACHE),
    };
    wants.iter().try_for_each(|want| get.file(want, spool))
}

fn agent(options: &Options) -> Agent {
    let mut config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_connect(Some(options.timeout))
        .timeout_recv_response(Some(options.timeout))
        .user_agent(concat!("rblmap/", env!("CARGO_PKG_VERSION")));
    if let Some(pem) = &options.authorities {
        let items = parse_pem(pem).filter_map(Result::ok);
        let certificates: Vec<Certificate<'static>> = items
            .filter_map(|item| match item {
                PemItem::Certificate(certificate) => Some(certificate),
                _ => None,
            })
            .collect();
        let roots = RootCerts::new_with_certs(&certificates);
        config = config.tls_config(TlsConfig::builder().root_certs(roots).build());
    }
    config.build().new_agent()
}

struct Get<'a> {
    agent: &'a Agent,
    base: &'a str,
    options: &'a Options,
    cache: PathBuf,
}

/// A pointer as it was served the last time.
struct Cached {
    etag: String,
    body: Vec<u8>,
}

impl Get<'_> {
    fn file(&self, want: &Want, spool: &Path) -> Result<(), Error> {
        let to = in_spool(spool, &want.path);
        make_parent(&to)?;
        let partial = partial(&to);
        let have = fs::metadata(&partial).map_or(0, |file| file.len());
        let resume = (have > 0 && have < want.limit && !want.changes).then_some(have);
        let cached = if want.changes {
            self.cached(want)
        } else {
            None
        };
        let mut response = self.call(want, resume, cached.as_ref())?;
        match (response.status().as_u16(), cached) {
            (304, Some(cached)) => return fs::write(&to, cached.body).map_err(writing(&to)),
            (404 | 410, _) => return Ok(()),
            (200, _) => self.save(want, &mut response, &partial, 0)?,
            (206, _) if starts_at(&response, resume) => {
                self.save(want, &mut response, &partial, resume.unwrap_or(0))?;
            }
            (416, _) if resume.is_some() => {
                fs::remove_file(&partial).map_err(writing(&partial))?;
                return self.file(want, spool);
            }
            (status, _) => return Err(self.refused(want, &response, status)),
        }
        fs::rename(&partial, &to).map_err(writing(&to))?;
        if want.changes {
            self.remember(want, &response, &to)?;
        }
        Ok(())
    }

    /// Asks for a file, through redirects within the origin.
    fn call(
        &self,
        want: &Want,
        resume: Option<u64>,
        cached: Option<&Cached>,
    ) -> Result<Response<Body>, Error> {
        let mut url = format!("{}/{}", self.base, want.path);
        for _ in 0..=REDIRECTS {
            let mut request = self.agent.get(&url);
            if let Some(from) = resume {
                request = request.header("Range", format!("bytes={from}-"));
            }
            if let Some(cached) = cached {
                request = request.header("If-None-Match", &cached.etag);
            }
            let deadline = self.options.deadline(want.limit);
            let request = request.config().timeout_global(Some(deadline)).build();
            let response = request
                .call()
                .map_err(|error| self.failed(&want_error(want, &error)))?;
            if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok(response);
            }
            let target = header(&response, "location").unwrap_or_default();
            url = within_origin(&url, target).ok_or_else(|| {
                self.failed(&format!(
                    "{}: a redirect to another origin: {target:?}",
                    want.path
                ))
            })?;
        }
        Err(self.failed(&format!("{}: too many redirects", want.path)))
    }

    /// Writes a body after the first `have` bytes, at most a byte over the limit.
    fn save(
        &self,
        want: &Want,
        response: &mut Response<Body>,
        partial: &Path,
        have: u64,
    ) -> Result<(), Error> {
        let mut file = match have {
            0 => File::create(partial),
            _ => OpenOptions::new().append(true).open(partial),
        }
        .map_err(writing(partial))?;
        let mut body = response.body_mut().as_reader().take(want.limit + 1 - have);
        let mut buffer = vec![0; BUFFER];
        let (started, mut saved) = (Instant::now(), 0u64);
        loop {
            let read = match body.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.failed(&format!("{}: {error}", want.path))),
            };
            let bytes = buffer.get(..read).unwrap_or_default();
            file.write_all(bytes).map_err(writing(partial))?;
            saved += read as u64;
            self.pace(saved, started);
        }
    }

    /// Waits until so many bytes may have come.
    fn pace(&self, bytes: u64, started: Instant) {
        if let Some(limit) = self.options.bandwidth {
            let due = Duration::from_millis(bytes.saturating_mul(1000) / limit.max(1));
            thread::sleep(due.saturating_sub(started.elapsed()));
        }
    }

    fn cache_path(&self, want: &Want) -> PathBuf {
        let url = format!("{}/{}", self.base, want.path);
        self.cache.join(FileHash::of(url.as_bytes()).to_string())
    }

    fn cached(&self, want: &Want) -> Option<Cached> {
        let bytes = crate::folder::read_limited(&self.cache_path(want), CACHE_LIMIT).ok()?;
        let mut parts = bytes.splitn(3, |&byte| byte == b'\n');
        let etag = std::str::from_utf8(parts.next()?).ok()?.to_owned();
        let hash = std::str::from_utf8(parts.next()?).ok()?;
        let body = parts.next()?.to_vec();
        (FileHash::of(&body).to_string() == hash).then_some(Cached { etag, body })
    }

    /// Keeps a pointer for the next time. Losing it costs a transfer of its bytes, no more.
    fn remember(&self, want: &Want, response: &Response<Body>, to: &Path) -> Result<(), Error> {
        // Servers make ETags of length and second. A pointer that was written in this very second
        // may be written once more in it, with the same ETag.
        let fresh = header(response, "last-modified") == header(response, "date");
        let Some(etag) = header(response, "etag").filter(|_| !fresh) else {
            return Ok(());
        };
        let body = fs::read(to).map_err(writing(to))?;
        let mut bytes = format!("{etag}\n{}\n", FileHash::of(&body)).into_bytes();
        bytes.extend(body);
        fs::create_dir_all(&self.cache).map_err(writing(&self.cache))?;
        let path = self.cache_path(want);
        fs::write(&path, bytes).map_err(writing(&path))
    }

    fn refused(&self, want: &Want, response: &Response<Body>, status: u16) -> Error {
        let after = header(response, "retry-after").and_then(seconds_until);
        Error::Transport {
            source_name: self.base.to_owned(),
            what: format!("{}: HTTP status {status}", want.path),
            retry_after: after,
        }
    }

    fn failed(&self, what: &str) -> Error {
        Error::Transport {
            source_name: self.base.to_owned(),
            what: what.to_owned(),
            retry_after: None,
        }
    }
}

fn want_error(want: &Want, error: &ureq::Error) -> String {
    format!("{}: {error}", want.path)
}

/// What `Retry-After` says (RFC 9110, section 10.2.3): seconds, or a date. One that has passed means
/// now.
fn seconds_until(text: &str) -> Option<u64> {
    let text = text.trim();
    text.parse().ok().or_else(|| {
        let date = httpdate::parse_http_date(text).ok()?;
        let left = date.duration_since(SystemTime::now()).unwrap_or_default();
        Some(left.as_secs())
    })
}

fn partial(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

fn header<'r>(response: &'r Response<Body>, name: &str) -> Option<&'r str> {
    response.headers().get(name)?.to_str().ok()
}

/// Whether a partial answer begins where it should.
fn starts_at(response: &Response<Body>, from: Option<u64>) -> bool {
    let range = header(response, "content-range").and_then(|text| text.strip_prefix("bytes "));
    let start = range.and_then(|range| range.split('-').next()?.parse::<u64>().ok());
    start.is_some() && start == from
}

/// Scheme, host and port of a URL.
fn origin(url: &str) -> Option<&str> {
    let host = url.find("://")? + 3;
    let len = url.get(host..)?.find('/').unwrap_or(url.len() - host);
    url.get(..host + len)
}

/// Where a redirect leads, if it stays within the origin.
fn within_origin(url: &str, target: &str) -> Option<String> {
    let origin = origin(url)?;
    if target.starts_with('/') && !target.starts_with("//") {
        return Some(format!("{origin}{target}"));
    }
    let rest = target.strip_prefix(origin)?;
    rest.starts_with('/').then(|| target.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_say_when_to_come_back_in_seconds_or_by_a_date() {
        assert_eq!(seconds_until(" 120 "), Some(120));
        let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(600));
        assert!(
            (590..=600).contains(&seconds_until(&date).unwrap()),
            "{date}"
        );
        assert_eq!(seconds_until("Wed, 21 Oct 2015 07:28:00 GMT"), Some(0));
        assert_eq!(seconds_until("soon"), None);
        assert_eq!(seconds_until("-1"), None);
    }

    #[test]
    fn redirects_stay_within_the_origin() {
        let url = "https://feed.example:8443/a/b";
        let within = |target| within_origin(url, target);
        assert_eq!(within("/c"), Some("https://feed.example:8443/c".to_owned()));
        assert_eq!(
            within("https://feed.example:8443/c").as_deref(),
            Some("https://feed.example:8443/c")
        );
        for elsewhere in [
            "http://feed.example:8443/c",
            "https://feed.example/c",
            "https://feed.example:84430/c",
            "https://feed.example:8443.evil.example/c",
            "//evil.example/c",
            "c",
            "",
        ] {
            assert_eq!(within(elsewhere), None, "{elsewhere}");
        }
    }
}
