//! Addresses of feeds, and the secrets in them.

use std::fmt;
use std::path::PathBuf;

use crate::error::Error;

/// Where a feed is served.
///
/// See the example of [`Source::parse`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A folder.
    Local(PathBuf),
    /// A module of an rsync daemon, `rsync://[USER[:PASSWORD]@]HOST[:PORT]/MODULE[/PATH]`.
    Rsync(Remote),
    /// A folder of a web server, `http(s)://[USER[:PASSWORD]@]HOST[:PORT][/PATH]`.
    Http(Remote),
}

/// An address on another machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    pub(crate) scheme: &'static str,
    /// Host, port and path: what may be shown.
    pub(crate) place: String,
    /// As it stands in the address, percent-encoded.
    pub(crate) user: Option<String>,
    /// As it stands in the address, percent-encoded.
    pub(crate) password: Option<Secret>,
}

/// A password: never printed.
///
/// See the example of [`Options`](crate::Options).
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a password.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

impl Remote {
    /// The address without user and password.
    pub(crate) fn name(&self) -> String {
        format!("{}://{}", self.scheme, self.place)
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
    /// assert!(Source::parse("feed.example::ops").is_err());
    /// # Ok::<(), rblmap_feed::Error>(())
    /// ```
    ///
    /// # Errors
    /// A URL of another kind, or one that is not well formed; rsync's and ssh's other ways to write
    /// an address.
    pub fn parse(text: &str) -> Result<Source, Error> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return local(text);
        };
        let (user_part, rest) = match rest.split_once('/') {
            Some((host, path)) => match host.rsplit_once('@') {
                Some((user, host)) => (Some(user), format!("{host}/{path}")),
                None => (None, rest.to_owned()),
            },
            None => match rest.rsplit_once('@') {
                Some((user, host)) => (Some(user), host.to_owned()),
                None => (None, rest.to_owned()),
            },
        };
        let bad = || Error::BadSource {
            text: format!("{scheme}://{rest}"),
            hint: "not rsync://HOST/MODULE…, http(s)://HOST… or a path".to_owned(),
        };
        let plain = |b: u8| (33..127).contains(&b) && !matches!(b, b'\\' | b'"' | b'?' | b'#');
        let place = rest.trim_end_matches('/').to_owned();
        let (host, path) = place.split_once('/').unwrap_or((&place, ""));
        let user_fits = user_part.is_none_or(|user| user.bytes().all(plain));
        let well_formed =
            place.bytes().all(plain) && user_fits && !host.is_empty() && !host.starts_with('-');
        if !well_formed || path.split('/').any(|part| part == "..") {
            return Err(bad());
        }
        let (user, password) =
            match user_part.map(|part| part.split_once(':').unwrap_or((part, ""))) {
                Some((user, password)) => (
                    (!user.is_empty()).then(|| user.to_owned()),
                    (!password.is_empty()).then(|| Secret::new(password)),
                ),
                None => (None, None),
            };
        let has_path = !path.is_empty();
        let remote = |scheme| Remote {
            scheme,
            place,
            user,
            password,
        };
        match scheme {
            "http" => Ok(Source::Http(remote("http"))),
            "https" => Ok(Source::Http(remote("https"))),
            "rsync" if has_path => Ok(Source::Rsync(remote("rsync"))),
            _ => Err(bad()),
        }
    }

    /// How the source is called in messages, files and metrics: without user and password.
    ///
    /// ```
    /// let source = rblmap_feed::Source::parse("http://isp:s3cret@feed.example/ops")?;
    /// assert_eq!(source.name(), "http://feed.example/ops");
    /// # Ok::<(), rblmap_feed::Error>(())
    /// ```
    pub fn name(&self) -> String {
        match self {
            Source::Local(path) => path.display().to_string(),
            Source::Rsync(remote) | Source::Http(remote) => remote.name(),
        }
    }
}

impl Source {
    /// Whether each request is a session of its own, so that files are better asked for together.
    pub(crate) fn is_rsync(&self) -> bool {
        matches!(self, Source::Rsync(_))
    }

    /// Whether something on the way may keep what it has seen.
    pub(crate) fn has_caches(&self) -> bool {
        matches!(self, Source::Http(_))
    }
}

/// A path, unless it is one of rsync's or ssh's ways to write an address.
fn local(text: &str) -> Result<Source, Error> {
    let bad = |hint: String| {
        // Whoever writes `user:password@host` has it shown nowhere either.
        let text = text
            .rsplit_once('@')
            .map_or(text, |(_, rest)| rest)
            .to_owned();
        Err(Error::BadSource { text, hint })
    };
    let head = text.split('/').next().unwrap_or_default();
    if text.is_empty() {
        return bad("an empty path".to_owned());
    }
    if let Some((host, module)) = text.split_once("::")
        && head.contains("::")
    {
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        return bad(format!(
            "an rsync daemon's module is written rsync://{host}/{module}"
        ));
    }
    if head.contains(':') {
        return bad(
            "a folder of another machine is fetched from an rsync daemon, rsync://HOST/MODULE, or a \
             web server, http(s)://HOST/PATH, not over ssh (a path with a colon in it: ./PATH)"
                .to_owned(),
        );
    }
    Ok(Source::Local(text.into()))
}

/// Undoes percent-encoding.
pub(super) fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let number = digits.and_then(|two| u8::from_str_radix(two, 16).ok());
        match (first, number) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            (byte, _) => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Percent-encodes what may not stand in the user part of an address.
pub(super) fn encoded(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    let byte = |b: u8| match plain(b) {
        true => char::from(b).to_string(),
        false => format!("%{b:02X}"),
    };
    text.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_urls_or_paths() {
        for good in [
            "rsync://h/m",
            "rsync://h:873/m/sub/",
            "rsync://[::1]:873/m",
            "rsync://isp@h/m",
            "feed",
            "/srv/feed",
            "./rsync",
            "./a:b",
            "/a/b:c",
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
            "rsync://u@-e/m",
            "rsync://h/m/../x",
            "http://h/../x",
            "https://",
            "rsync://h/m x",
            "rsync://h/m\n",
            "h::m",
            "isp@h::m/x",
            "isp@h:/srv/feed",
            "h:feed",
        ] {
            assert!(Source::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn users_and_passwords_are_shown_nowhere() {
        for address in [
            "http://isp:s3cret@h/feed",
            "rsync://isp:s3cret@h/feed",
            "https://isp:s3cr%65t@h",
        ] {
            let source = Source::parse(address).unwrap();
            let shown = format!("{source:?} {}", source.name());
            assert!(!shown.contains("s3cr"), "{shown}");
            assert!(!source.name().contains("isp"), "{}", source.name());
        }
        for slip in [
            "ftp://isp:s3cret@h/feed",
            "isp:s3cret@h::feed",
            "http://isp:s3cret@/x",
        ] {
            let error = Source::parse(slip).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
        }
        assert_eq!(decoded("s3cr%65t%"), "s3cret%");
        assert_eq!(encoded("a b:"), "a%20b%3A");
    }
}
