//! What a text asks for: an address or a domain name, by the strict rules of mail.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::ops::Deref;
use std::str::FromStr;

use rblmap_format::NameKey;

use crate::answer::Answer;
use crate::zone::Zone;

/// A domain name as people write it: labels of letters, digits, `-` and `_`, none empty, at most 63
/// bytes each and 255 in all, with or without a dot at the end; not digits and dots alone. Names
/// with other characters are to be written as A-labels (`xn--`) first. As a [`NameKey`] it is
/// looked up.
///
/// ```
/// use rblmap::{Name, QueryError};
///
/// let name: Name = "Mail.Example.".parse()?;
/// assert_eq!(name.to_string(), "mail.example");
/// assert_eq!("bücher.example".parse::<Name>(), Err(QueryError::NotAscii));
/// assert_eq!("mail..example".parse::<Name>(), Err(QueryError::NotAName));
/// # Ok::<(), QueryError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(NameKey);

/// What a text asks for.
///
/// ```
/// use std::net::IpAddr;
/// use rblmap::Query;
///
/// let address: IpAddr = "192.0.2.1".parse()?;
/// for text in ["192.0.2.1", "[192.0.2.1]"] {
///     assert_eq!(Query::parse(text)?, Query::Address(address));
/// }
/// assert!(matches!(Query::parse("fe80::1%eth0")?, Query::Address(_)));
/// assert!(matches!(Query::parse("mx.example.com")?, Query::Name(_)));
/// assert!(Query::parse("192.0.2.1 ").is_err() && Query::parse("0177.0.0.1").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[expect(
    clippy::large_enum_variant,
    reason = "lookups do not allocate, and queries are not kept"
)]
pub enum Query {
    /// An address: in its usual form, in brackets as an address literal of SMTP (RFC 5321 section
    /// 4.1.3), or with the zone of a link-local one (RFC 4007 section 11), which is dropped.
    Address(IpAddr),
    /// A domain name.
    Name(Name),
}

/// Why a text asks for nothing.
///
/// See the example of [`Name`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum QueryError {
    /// Neither an address nor a domain name.
    NotAName,
    /// It has other characters than ASCII: an internationalized name is to be written as A-labels.
    NotAscii,
    /// A label of more than 63 bytes, or a name of more than 255.
    TooLong,
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            QueryError::NotAName => "neither an address nor a domain name",
            QueryError::NotAscii => {
                "not in ASCII: an internationalized name is to be written as A-labels (xn--)"
            }
            QueryError::TooLong => "a label has at most 63 bytes, a name 255",
        })
    }
}

impl std::error::Error for QueryError {}

impl Query {
    /// Reads a text.
    ///
    /// # Errors
    /// A text that is neither, by the rules of [`Query::Address`] and [`Name`]. What mail software
    /// often hands over is refused rather than guessed: blanks around it, an address with a port, a
    /// network, addresses in octal, hexadecimal or with fewer than four numbers.
    pub fn parse(text: &str) -> Result<Query, QueryError> {
        match address(text) {
            Some(address) => Ok(Query::Address(address)),
            None => Ok(Query::Name(text.parse()?)),
        }
    }

    /// Looks it up in a zone.
    ///
    /// ```
    /// # let image = rblmap::Image::read("testdata/three.rbl")?;
    /// let query: rblmap::Query = "mx.mail.example".parse()?;
    /// assert!(query.lookup(&image.base()).is_listed());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn lookup<'q>(&'q self, zone: &Zone<'q>) -> Answer<'q> {
        match self {
            Query::Address(address) => zone.lookup(*address),
            Query::Name(name) => zone.lookup_name(name),
        }
    }
}

impl FromStr for Query {
    type Err = QueryError;

    fn from_str(text: &str) -> Result<Query, QueryError> {
        Query::parse(text)
    }
}

impl FromStr for Name {
    type Err = QueryError;

    fn from_str(text: &str) -> Result<Name, QueryError> {
        if !text.is_ascii() {
            return Err(QueryError::NotAscii);
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        let label_ok = |label: &str| !label.is_empty() && label.bytes().all(allowed);
        let is_numeric = name.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        if is_numeric || !name.split('.').all(label_ok) {
            return Err(QueryError::NotAName);
        }
        NameKey::parse(name.as_bytes())
            .map(Name)
            .map_err(|_| QueryError::TooLong)
    }
}

impl TryFrom<&str> for Name {
    type Error = QueryError;

    fn try_from(text: &str) -> Result<Name, QueryError> {
        text.parse()
    }
}

impl Deref for Name {
    type Target = NameKey;

    fn deref(&self) -> &NameKey {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Name {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// An address in any of the forms that [`Query::Address`] names.
fn address(text: &str) -> Option<IpAddr> {
    if let Some(literal) = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
    {
        return match literal.get(..5) {
            Some(tag) if tag.eq_ignore_ascii_case("IPv6:") => {
                literal.get(5..)?.parse::<Ipv6Addr>().ok().map(IpAddr::from)
            }
            _ => literal.parse().ok(),
        };
    }
    match text.split_once('%') {
        Some((address, zone)) => {
            let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
            let is_zone = !zone.is_empty() && zone.bytes().all(allowed);
            let address = address.parse::<Ipv6Addr>().ok().filter(|_| is_zone)?;
            Some(address.into())
        }
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_address_and_no_name_is_refused_rather_than_called_not_listed() {
        for text in [
            "192.0.2.1 ",
            " 192.0.2.1",
            "192.0.2.1\n",
            "0177.0.0.1",
            "192.0.2.01",
            "1.2.3",
            "3221225985",
            "192.0.2.1:25",
            "192.0.2.0/24",
            "192.0.2.1.",
            "",
            ".",
            "a..b",
            ".a",
            "a b",
            "[example.com]",
            "[IPv6:192.0.2.1]",
            "fe80::1%",
            "fe80::1%a b",
            "192.0.2.1%1",
            "user@evil.example",
            "http://evil.example/",
            "*.evil.example",
            "192.0.2.1\0.good",
        ] {
            assert_eq!(Query::parse(text), Err(QueryError::NotAName), "{text:?}");
        }
        assert_eq!(Query::parse("１９２.0.2.1"), Err(QueryError::NotAscii));
        assert_eq!(Query::parse(&"a".repeat(64)), Err(QueryError::TooLong));
    }

    #[test]
    fn addresses_are_read_in_the_forms_of_mail() {
        let forms = [
            ("192.0.2.1", "192.0.2.1"),
            ("[192.0.2.1]", "192.0.2.1"),
            ("[IPv6:2001:db8::1]", "2001:db8::1"),
            ("[2001:DB8::1]", "2001:db8::1"),
            ("fe80::1%eth0", "fe80::1"),
            ("fe80::1%2", "fe80::1"),
        ];
        for (text, address) in forms {
            let address = address.parse().unwrap();
            assert_eq!(Query::parse(text), Ok(Query::Address(address)), "{text}");
        }
    }
}
