//! A feed on a web server, by HTTP or HTTPS.
//!
//! TLS is courtesy here: what is trusted is signed. Redirects are followed within the origin alone.
//! Downloads that broke off go on by range, pointers are asked for with the ETag of the last time.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::sync::OnceLock;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use ureq::http::{HeaderMap, Response};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body};

use super::pace::Pace;
use super::source::{Remote, encoded};
use super::{Options, Partials, Remarks, Spool, Want, WantKind, make_parent};
use crate::access::Access;
use crate::digest::FileHash;
use crate::disk::Dir;
use crate::error::{Error, Reach, writing};

/// Connections that live as long as the options that hold them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Client {
    agent: OnceLock<Agent>,
}

const REDIRECTS: usize = 3;
const BUFFER: usize = 64 << 10;
/// In the lasting folder: pointers with their ETags.
const CACHE: &str = ".http-cache";
/// A pointer and two lines.
const CACHE_LIMIT: u64 = 8 << 10;
/// How often a transfer looks whether it is to stop.
const TICK: Duration = Duration::from_millis(50);
/// Where systems keep the authorities that they trust.
const SYSTEM_AUTHORITIES: [&str; 3] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
];

/// Gets files, one after the other over one connection.
pub(super) fn fetch(
    remote: &Remote,
    wants: &[Want],
    spool: Spool<'_>,
    options: &Options,
) -> Result<Remarks, Error> {
    let agent = options.http.agent.get_or_init(|| agent(options));
    let mut get = Get {
        agent,
        remote,
        options,
        spool,
        partials: Partials::new(spool.lasting, &remote.name()),
        remarks: Remarks::default(),
    };
    wants.iter().try_for_each(|want| get.file(want))?;
    Ok(get.remarks)
}

fn agent(options: &Options) -> Agent {
    let mut config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_connect(Some(options.timeout))
        .timeout_recv_response(Some(options.timeout))
        // Says nothing that a server of files needs: an update is to take few bytes.
        .accept("")
        .accept_encoding("")
        .user_agent("rblmap");
    let given = options.authorities.clone();
    if let Some(certificates) = given.or_else(of_system).map(|pem| certificates(&pem))
        && !certificates.is_empty()
    {
        let roots = RootCerts::new_with_certs(&certificates);
        config = config.tls_config(TlsConfig::builder().root_certs(roots).build());
    }
    config.build().new_agent()
}

/// The authorities that this machine trusts: those that `SSL_CERT_FILE` names, else the system's.
fn of_system() -> Option<Vec<u8>> {
    if let Some(path) = std::env::var_os("SSL_CERT_FILE") {
        return std::fs::read(path).ok();
    }
    let mut there = SYSTEM_AUTHORITIES.iter();
    there.find_map(|path| std::fs::read(path).ok())
}

fn certificates(pem: &[u8]) -> Vec<Certificate<'static>> {
    let items = parse_pem(pem).filter_map(Result::ok);
    let certificate = |item| match item {
        PemItem::Certificate(certificate) => Some(certificate),
        _ => None,
    };
    items.filter_map(certificate).collect()
}

impl Options {
    /// Trusts the certificates of a PEM text in place of those of this machine.
    ///
    /// # Errors
    /// A text without a certificate.
    pub fn trust_authorities(&mut self, pem: Vec<u8>) -> Result<(), &'static str> {
        if certificates(&pem).is_empty() {
            return Err("no certificate in it (PEM is wanted)");
        }
        self.authorities = Some(pem);
        Ok(())
    }
}

struct Get<'a> {
    agent: &'a Agent,
    remote: &'a Remote,
    options: &'a Options,
    spool: Spool<'a>,
    partials: Partials<'a>,
    remarks: Remarks,
}

/// A pointer as it was served the last time.
struct Cached {
    etag: String,
    body: Vec<u8>,
}

/// What the thread that talks to the server hands over.
enum Piece {
    Head(u16, HeaderMap),
    Bytes(Vec<u8>),
    End,
    Failed(String),
}

/// An answer that is coming in.
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Receiver<Piece>,
}

/// One request.
struct Request<'r> {
    want: &'r Want,
    /// To go on after so many bytes.
    resume: Option<u64>,
    etag: Option<&'r str>,
}

impl Get<'_> {
    fn file(&mut self, want: &Want) -> Result<(), Error> {
        let (folder, name) = make_parent(self.spool.dir, &want.path)?;
        let part = format!("{name}.part");
        let fixed = want.kind == WantKind::Fixed;
        let have = match fixed {
            true => self.partials.take(&want.path, &folder, &part),
            false => 0,
        };
        let resume = (have > 0 && have < want.limit).then_some(have);
        let cached = (want.kind == WantKind::Pointer).then(|| self.cached(want));
        let cached = cached.flatten();
        let answer = self.call(&Request {
            want,
            resume,
            etag: cached.as_ref().map(|cached| cached.etag.as_str()),
        })?;
        let at = folder.path().join(name);
        match (answer.status, cached) {
            (304, Some(cached)) => {
                let put = folder
                    .create(name)
                    .and_then(|mut file| file.write_all(&cached.body));
                return put.map_err(writing(at));
            }
            (404 | 410, _) => {
                let status = answer.status;
                let said = format!("no such file there (HTTP status {status})");
                self.remarks.add(want.path.as_str(), said);
                return Ok(());
            }
            (200, _) => self.save(want, &answer, &folder, &part, 0)?,
            (206, _) if starts_at(&answer, resume) => {
                self.save(want, &answer, &folder, &part, resume.unwrap_or(0))?;
            }
            (206 | 416, _) if resume.is_some() => {
                let _ = folder.remove_all(&part);
                let anew = Want {
                    kind: WantKind::Anew,
                    ..want.clone()
                };
                return self.file(&anew);
            }
            (status, _) => return Err(self.refused(want, &answer, status)),
        }
        folder.rename(&part, &folder, name).map_err(writing(at))?;
        if matches!(want.kind, WantKind::Pointer | WantKind::FreshPointer) {
            self.remember(want, &answer, &folder, name);
        }
        Ok(())
    }

    /// Asks for a file, through redirects within the origin.
    fn call(&self, request: &Request<'_>) -> Result<Answer, Error> {
        let want = request.want;
        let mut url = format!("{}/{}", self.remote.name(), want.path);
        for _ in 0..=REDIRECTS {
            let answer = self.once(&url, request)?;
            if !matches!(answer.status, 301 | 302 | 303 | 307 | 308) {
                return Ok(answer);
            }
            let target = answer.header("location").unwrap_or_default();
            url = within_origin(&url, target).ok_or_else(|| {
                let what = format!("{}: a redirect to another origin: {target:?}", want.path);
                self.failed(what, Reach::Source)
            })?;
        }
        let what = format!("{}: too many redirects", want.path);
        Err(self.failed(what, Reach::Source))
    }

    /// One request: a thread of its own talks to the server, so that silence, a drip and a stop are
    /// noticed here at once.
    fn once(&self, url: &str, request: &Request<'_>) -> Result<Answer, Error> {
        let want = request.want;
        let mut call = self.agent.get(self.with_user(url));
        if let Some(from) = request.resume {
            call = call.header("Range", format!("bytes={from}-"));
        }
        if matches!(want.kind, WantKind::Pointer | WantKind::FreshPointer) {
            call = call.header("Cache-Control", "no-cache");
        }
        if want.kind == WantKind::FreshPointer {
            call = call.header("Pragma", "no-cache");
        }
        if let Some(etag) = request.etag {
            call = call.header("If-None-Match", etag);
        }
        let (tell, told) = mpsc::sync_channel(4);
        let limit = want.limit.saturating_add(1);
        // Ends by itself: with its last piece, with nobody to take it, or with a time limit.
        let begun = thread::Builder::new().spawn(move || match call.call() {
            Ok(response) => pump(response, limit, &tell),
            Err(error) => drop(tell.send(Piece::Failed(error.to_string()))),
        });
        begun.map_err(|error| self.failed(format!("no thread: {error}"), Reach::Source))?;
        // Looking up a name, connecting and answering each have the timeout; all three, twice.
        let deadline = Instant::now() + self.options.timeout * 2;
        loop {
            match self.next(&told)? {
                Some(Piece::Head(status, headers)) => {
                    return Ok(Answer {
                        status,
                        headers,
                        body: told,
                    });
                }
                Some(Piece::Failed(what)) => {
                    let what = format!("{}: {what}", want.path);
                    return Err(self.failed(what, Reach::Source));
                }
                Some(Piece::Bytes(_) | Piece::End) | None if Instant::now() >= deadline => {
                    let what = format!("{}: timeout: no answer", want.path);
                    return Err(self.failed(what, Reach::Source));
                }
                Some(Piece::Bytes(_) | Piece::End) | None => {}
            }
        }
    }

    /// The next piece, if it comes within a moment.
    fn next(&self, told: &Receiver<Piece>) -> Result<Option<Piece>, Error> {
        self.options.stop.check()?;
        match told.recv_timeout(TICK) {
            Ok(piece) => Ok(Some(piece)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => {
                Ok(Some(Piece::Failed("the transfer ended".to_owned())))
            }
        }
    }

    /// The address with user and password, which nobody else sees.
    fn with_user(&self, url: &str) -> String {
        let Some(user) = &self.remote.user else {
            return url.to_owned();
        };
        let given = self.options.password.as_ref();
        let given = given.map(|password| encoded(password.text()));
        let own = self.remote.password.as_ref();
        let password = own.map(|password| password.text().to_owned()).or(given);
        let password = password.unwrap_or_default();
        match url.split_once("://") {
            Some((scheme, rest)) => format!("{scheme}://{user}:{password}@{rest}"),
            None => url.to_owned(),
        }
    }

    /// Writes a body after the first `have` bytes, at most a byte over the limit.
    fn save(
        &self,
        want: &Want,
        answer: &Answer,
        folder: &Dir,
        part: &str,
        have: u64,
    ) -> Result<(), Error> {
        let path = folder.path().join(part);
        let mut file = match have {
            0 => folder.create(part),
            _ => folder.open_write(part).and_then(at_end),
        }
        .map_err(writing(&path))?;
        let saved = self.body(want, answer, &mut file, have);
        if let Err(Error::Transport { .. } | Error::Stopped) = &saved
            && want.kind == WantKind::Fixed
        {
            self.partials.keep(&want.path, folder, part);
        }
        saved
    }

    fn body(&self, want: &Want, answer: &Answer, file: &mut File, have: u64) -> Result<(), Error> {
        let failed = |what: String| {
            let what = format!("{}: {what}", want.path);
            self.failed(what, Reach::File)
        };
        let mut pace = Pace::new(self.options);
        let (started, mut saved) = (Instant::now(), 0u64);
        loop {
            match self.next(&answer.body)? {
                Some(Piece::Bytes(bytes)) => {
                    let room = (want.limit + 1).saturating_sub(have + saved);
                    let taken = bytes.get(..usize::try_from(room).unwrap_or(usize::MAX));
                    let taken = taken.unwrap_or(&bytes);
                    let written = file.write_all(taken);
                    written.map_err(writing(self.spool.dir.path()))?;
                    saved += taken.len() as u64;
                    if taken.len() < bytes.len() || have + saved > want.limit {
                        return Ok(());
                    }
                    self.wait_for_bandwidth(saved, started);
                    pace.came(bytes.len() as u64);
                }
                Some(Piece::End) => return Ok(()),
                Some(Piece::Failed(what)) => return Err(failed(what)),
                Some(Piece::Head(..)) | None => {}
            }
            if let Some(why) = pace.given_up() {
                return Err(failed(why));
            }
        }
    }

    /// Waits until so many bytes may have come.
    fn wait_for_bandwidth(&self, bytes: u64, started: Instant) {
        let Some(limit) = self.options.bandwidth else {
            return;
        };
        let due = Duration::from_millis(bytes.saturating_mul(1000) / limit.max(1));
        while started.elapsed() < due && !self.options.stop.is_set() {
            thread::sleep(TICK.min(due.saturating_sub(started.elapsed())));
        }
    }

    fn cache_name(&self, want: &Want) -> String {
        let url = format!("{}/{}", self.remote.name(), want.path);
        FileHash::of(url.as_bytes()).to_string()
    }

    fn cached(&self, want: &Want) -> Option<Cached> {
        let cache = self.spool.lasting?.child(CACHE).ok()?;
        let bytes = cache.read(&self.cache_name(want), CACHE_LIMIT).ok()??;
        let mut parts = bytes.splitn(3, |&byte| byte == b'\n');
        let etag = std::str::from_utf8(parts.next()?).ok()?.to_owned();
        let hash = std::str::from_utf8(parts.next()?).ok()?;
        let body = parts.next()?.to_vec();
        (FileHash::of(&body).to_string() == hash).then_some(Cached { etag, body })
    }

    /// Keeps a pointer for the next time. Losing it costs a transfer of its bytes, no more.
    fn remember(&self, want: &Want, answer: &Answer, folder: &Dir, name: &str) {
        let Some(lasting) = self.spool.lasting else {
            return;
        };
        let Ok(cache) = lasting.make_child(CACHE) else {
            return;
        };
        let kept = self.cache_name(want);
        // Servers make ETags of length and second. A pointer that was written in this very second
        // may be written once more in it, with the same ETag.
        let fresh = answer.header("last-modified") == answer.header("date");
        let body = folder.read(name, CACHE_LIMIT / 2);
        let (Some(etag), Ok(Some(body)), false) = (answer.header("etag"), body, fresh) else {
            let _ = cache.remove(&kept);
            return;
        };
        let mut bytes = format!("{etag}\n{}\n", FileHash::of(&body)).into_bytes();
        bytes.extend(body);
        let _ = cache.place(&kept, &bytes, &Access::private());
    }

    fn refused(&self, want: &Want, answer: &Answer, status: u16) -> Error {
        let hint = match (status, &self.remote.user) {
            (401 | 403, None) => ": a user and a password may be wanted (help mirror)",
            (401 | 403, Some(_)) => ": user and password are not those that it knows",
            _ => "",
        };
        let reach = match status {
            // About this request; the rest of the feed may be well.
            400..=499 if !matches!(status, 401 | 403 | 407 | 429) => Reach::File,
            _ => Reach::Source,
        };
        Error::Transport {
            source_name: self.remote.name(),
            what: format!("{}: HTTP status {status}{hint}", want.path),
            retry_after: answer.header("retry-after").and_then(seconds_until),
            reach,
        }
    }

    fn failed(&self, what: String, reach: Reach) -> Error {
        Error::Transport {
            source_name: self.remote.name(),
            what: readable(what),
            retry_after: None,
            reach,
        }
    }
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Hands an answer over, at most `limit` bytes of its body.
fn pump(mut response: Response<Body>, limit: u64, tell: &SyncSender<Piece>) {
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    if tell.send(Piece::Head(status, headers)).is_err() {
        return;
    }
    let mut body = response.body_mut().as_reader().take(limit);
    loop {
        let mut buffer = vec![0; BUFFER];
        let piece = match body.read(&mut buffer) {
            Ok(0) => Piece::End,
            Ok(read) => {
                buffer.truncate(read);
                Piece::Bytes(buffer)
            }
            Err(error) => Piece::Failed(error.to_string()),
        };
        let last = !matches!(piece, Piece::Bytes(_));
        if tell.send(piece).is_err() || last {
            return;
        }
    }
}

/// Goes to the end of a file that is gone on with.
fn at_end(mut file: File) -> std::io::Result<File> {
    file.seek(SeekFrom::End(0))?;
    Ok(file)
}

/// Says of certificates what to do about them.
fn readable(what: String) -> String {
    let about_trust = [
        "UnknownIssuer",
        "CaUsedAsEndEntity",
        "invalid peer certificate",
    ];
    match about_trust.iter().any(|word| what.contains(word)) {
        true => format!("{what} (--ca FILE trusts an authority of your own)"),
        false => what,
    }
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

/// Whether a partial answer begins where it should.
fn starts_at(answer: &Answer, from: Option<u64>) -> bool {
    let range = answer.header("content-range");
    let range = range.and_then(|text| text.strip_prefix("bytes "));
    let start = range.and_then(|range| range.split('-').next()?.parse::<u64>().ok());
    start.is_some() && start == from
}

/// Scheme, host and port of a URL.
fn origin(url: &str) -> Option<&str> {
    let host = url.find("://")? + 3;
    let len = url.get(host..)?.find('/').unwrap_or(url.len() - host);
    url.get(..host + len)
}

/// Where a redirect leads, if it stays within the origin; `target` may be relative (RFC 9110,
/// section 10.2.2).
fn within_origin(url: &str, target: &str) -> Option<String> {
    let origin = origin(url)?;
    if target.starts_with('/') && !target.starts_with("//") {
        return Some(format!("{origin}{target}"));
    }
    if let Some(rest) = target.strip_prefix(origin) {
        return rest.starts_with('/').then(|| target.to_owned());
    }
    let relative = !target.is_empty() && !target.contains(':') && !target.starts_with("//");
    relative.then(|| {
        let (folder, _) = url.rsplit_once('/').unwrap_or((url, ""));
        let mut parts: Vec<&str> = folder
            .strip_prefix(origin)
            .unwrap_or("")
            .split('/')
            .collect();
        for part in target.split('/') {
            match part {
                "." => {}
                ".." => drop(parts.pop()),
                part => parts.push(part),
            }
        }
        let path: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        format!("{origin}/{}", path.join("/"))
    })
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
        for (target, path) in [
            ("c", "/a/c"),
            ("../c", "/c"),
            ("../../../c/d", "/c/d"),
            ("./c", "/a/c"),
        ] {
            let full = format!("https://feed.example:8443{path}");
            assert_eq!(within(target), Some(full), "{target}");
        }
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
            "file:///etc/passwd",
            "",
        ] {
            assert_eq!(within(elsewhere), None, "{elsewhere}");
        }
    }
}
