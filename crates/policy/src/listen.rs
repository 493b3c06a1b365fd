//! Where `rblmap serve` listens.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The listeners of the file's table `[listen]`. Every list may be empty.
///
/// See the example of [`Policy`](crate::Policy).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listen {
    /// Postfix's policy delegation.
    pub policy: Vec<ListenOn>,
    /// Postfix's and Sendmail's socketmap.
    pub socketmap: Vec<ListenOn>,
    /// The milter protocol.
    pub milter: Vec<ListenOn>,
    /// One line in, the reply text out, then closed.
    pub query: Vec<ListenOn>,
    /// DNS over UDP and TCP, at internet addresses only.
    pub dns: Vec<ListenOn>,
    /// Metrics over HTTP.
    pub metrics: Vec<ListenOn>,
    /// DNS may listen at addresses beyond loopback.
    pub dns_public: bool,
    /// Allow-lists, codes and modes of the policy hold for DNS too.
    pub dns_policy: bool,
    /// What DNS answers for names that are not listed and have listed names below.
    pub ent: Ent,
    /// DNS answers of listed names come without the zone's NS records, as with rbldnsd's option -a.
    pub dns_minimal: bool,
    /// DNS tells its version at `version.bind` in class CH.
    pub dns_version: bool,
    /// Threads that answer DNS over UDP at each address, at least 1.
    pub dns_workers: usize,
    /// DNS replies a second over UDP to each client network; `None`: any number.
    pub dns_rate: Option<u32>,
    /// DNS clients over TCP at once at each address, at least 1.
    pub dns_tcp_clients: usize,
    /// One of so many DNS queries is written to the log; 0: none.
    pub dns_log: u64,
}

/// What [`Listen::dns_rate`] is without another word where DNS is public.
pub(crate) const DEFAULT_DNS_RATE: u32 = 1000;
/// What [`Listen::dns_tcp_clients`] is without another word.
pub(crate) const DEFAULT_DNS_TCP_CLIENTS: u32 = 128;

/// How DNS answers for an empty non-terminal (RFC 8020).
///
/// See the example of [`Policy`](crate::Policy).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ent {
    /// NXDOMAIN, as rbldnsd.
    #[default]
    Nxdomain,
    /// NOERROR without records, as the RFC wants it.
    Noerror,
}

/// One listener, and the line of the file that names it.
///
/// See the example of [`Policy`](crate::Policy).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenOn {
    /// Where.
    pub address: ListenAddress,
    /// The line of the file, from 1.
    pub line: usize,
}

/// Where a listener waits.
///
/// See the example of [`ListenAddress::parse`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ListenAddress {
    /// A unix socket.
    Unix(UnixAddress),
    /// An internet address with a port.
    Tcp(SocketAddr),
}

/// A unix socket's path, and who may use it.
///
/// See the example of [`Policy`](crate::Policy).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UnixAddress {
    /// Where the socket is made.
    pub path: PathBuf,
    /// Its permissions, 660 in octal without another word.
    pub mode: u32,
    /// The group that owns it, by name or number.
    pub group: Option<String>,
}

/// The longest path of a unix socket, without the NUL at its end (unix(7)).
const MAX_PATH: usize = 107;
const DEFAULT_MODE: u32 = 0o660;

impl ListenAddress {
    /// Reads `unix:PATH`, `unix:PATH?mode=660&group=postfix` or `ADDRESS:PORT`, also with `inet:`
    /// before it.
    ///
    /// ```
    /// use rblmap_policy::ListenAddress;
    /// let address = ListenAddress::parse("unix:/run/rblmap/policy?mode=666&group=mail")?;
    /// assert_eq!(address.to_string(), "unix:/run/rblmap/policy");
    /// assert!(ListenAddress::parse("127.0.0.1:10040").is_ok());
    /// assert!(ListenAddress::parse("localhost").is_err());
    /// # Ok::<(), String>(())
    /// ```
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str) -> Result<ListenAddress, String> {
        if let Some(rest) = text.strip_prefix("unix:") {
            return unix(rest)
                .map(ListenAddress::Unix)
                .map_err(|why| format!("\"{text}\": {why}"));
        }
        let address = text.strip_prefix("inet:").unwrap_or(text);
        address.parse().map(ListenAddress::Tcp).map_err(|_| {
            format!(
                "\"{text}\": neither unix:PATH nor an address with a port, such as 127.0.0.1:10040"
            )
        })
    }

    /// Whether only this machine reaches it.
    pub fn is_local(&self) -> bool {
        match self {
            ListenAddress::Unix(_) => true,
            ListenAddress::Tcp(address) => address.ip().to_canonical().is_loopback(),
        }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListenAddress::Unix(unix) => write!(f, "unix:{}", unix.path.display()),
            ListenAddress::Tcp(address) => address.fmt(f),
        }
    }
}

fn unix(text: &str) -> Result<UnixAddress, String> {
    let (path, options) = text.split_once('?').unwrap_or((text, ""));
    if !Path::new(path).is_absolute() || path.ends_with('/') {
        return Err("the path of a socket begins with / and ends with its name".to_owned());
    }
    if path.len() > MAX_PATH || path.contains('\0') {
        return Err(format!(
            "the path of a socket has at most {MAX_PATH} bytes and no NUL"
        ));
    }
    let mut address = UnixAddress {
        path: path.into(),
        mode: DEFAULT_MODE,
        group: None,
    };
    for option in options.split('&').filter(|option| !option.is_empty()) {
        match option.split_once('=') {
            Some(("mode", digits)) => {
                let mode = u32::from_str_radix(digits, 8)
                    .ok()
                    .filter(|mode| *mode <= 0o777);
                address.mode = mode.ok_or("mode is three octal digits, such as 660")?;
            }
            Some(("group", group)) if !group.is_empty() => address.group = Some(group.to_owned()),
            Some(_) | None => {
                return Err(format!(
                    "\"{option}\": only mode=660 and group=NAME are known"
                ));
            }
        }
    }
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        let ListenAddress::Unix(unix) =
            ListenAddress::parse("unix:/a/b?mode=640&group=postfix").unwrap()
        else {
            panic!("a unix socket");
        };
        assert_eq!((unix.path.to_str(), unix.mode), (Some("/a/b"), 0o640));
        assert_eq!(unix.group.as_deref(), Some("postfix"));
        assert!(ListenAddress::parse("[::1]:53").unwrap().is_local());
        assert!(ListenAddress::parse("inet:127.0.0.9:0").unwrap().is_local());
        assert!(!ListenAddress::parse("0.0.0.0:53").unwrap().is_local());
    }

    #[test]
    fn slips_are_refused() {
        let long = format!("unix:/{}", "x".repeat(200));
        for text in [
            "",
            "unix:",
            "unix:a",
            "unix:/a?mode=9",
            "unix:/a?mode=7777",
            "unix:/a?group=",
            "unix:/a?owner=x",
            "unix:/a/",
            "127.0.0.1",
            "127.0.0.1:99999",
            "localhost:25",
            &long,
        ] {
            assert!(ListenAddress::parse(text).is_err(), "{text}");
        }
    }
}
