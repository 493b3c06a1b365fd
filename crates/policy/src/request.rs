//! What is known of a client when it names a recipient.

use std::net::IpAddr;

use crate::choice::Choice;
use crate::client::client_address;

/// One question: a client, what it said, and whom it writes to. What is not known is empty.
///
/// See the example of [`Decider`](crate::Decider).
#[derive(Debug, Clone, Copy, Default)]
pub struct Request<'a> {
    /// The client's address, IPv4 where it is a mapped one.
    pub client: Option<IpAddr>,
    /// The name of HELO or EHLO.
    pub helo: &'a str,
    /// The envelope's sender, with or without angle brackets.
    pub sender: &'a str,
    /// The name that the client's address leads to in DNS.
    pub rdns: &'a str,
    /// The same, if it leads back to the address; only such a name can be allowed.
    pub verified: &'a str,
    /// The envelope's recipient, with or without angle brackets.
    pub recipient: &'a str,
    /// The client has logged in.
    pub authenticated: bool,
    /// The port of the server that the client came to.
    pub port: Option<u16>,
    /// Which zones are asked.
    pub zones: Choice<'a>,
}

impl<'a> Request<'a> {
    /// A client of which only the address is known, in any spelling of mail servers.
    ///
    /// ```
    /// use rblmap_policy::Request;
    /// assert!(Request::of_client("IPv6:2001:db8::1").client.is_some());
    /// assert!(Request::of_client("unknown").client.is_none());
    /// ```
    pub fn of_client(address: &str) -> Request<'a> {
        Request {
            client: client_address(address),
            ..Request::default()
        }
    }

    /// The domain of the sender; empty for bounces.
    pub(crate) fn sender_domain(&self) -> &'a str {
        let bare = crate::recipients::bare(self.sender);
        bare.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

/// A name as a mail server gives it, or nothing if that is a word for "no name" or an address.
pub(crate) fn host_name(name: &str) -> &str {
    let name = name.trim();
    let name = name.strip_suffix('.').unwrap_or(name);
    let none =
        name.is_empty() || name.starts_with(['[', '<']) || name.eq_ignore_ascii_case("unknown");
    if none || name.parse::<IpAddr>().is_ok() {
        return "";
    }
    name
}
