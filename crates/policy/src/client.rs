//! The address of a client, as mail servers write it.

use std::net::{IpAddr, Ipv6Addr};

/// Reads an address as any mail server writes it: `192.0.2.1`, `[192.0.2.1]`, `2001:db8::1` in any
/// of its spellings, `IPv6:2001:db8::1` (Sendmail), `[2001:db8::1]:25` and `192.0.2.1:25`
/// (OpenSMTPD), `fe80::1%eth0`. A mapped address is its IPv4 address. Anything else, such as
/// `unknown`, `unspec` or a socket's path, is no address.
///
/// ```
/// use rblmap_policy::client_address;
/// assert_eq!(client_address("::ffff:192.0.2.1"), client_address("192.0.2.1"));
/// assert_eq!(client_address("IPv6:2001:db8:0:0:0:0:0:5"), client_address("[2001:db8::5]:25"));
/// assert_eq!(client_address("unknown"), None);
/// ```
pub fn client_address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let text = match text.get(..5) {
        Some(prefix) if prefix.eq_ignore_ascii_case("ipv6:") => text.get(5..)?,
        Some(_) | None => text,
    };
    let bare = match text.strip_prefix('[') {
        Some(inside) => {
            let (address, after) = inside.split_once(']')?;
            let port = after.strip_prefix(':').unwrap_or("0");
            port.parse::<u16>()
                .ok()
                .filter(|_| after.is_empty() || after.starts_with(':'))?;
            match address.get(..5) {
                Some(prefix) if prefix.eq_ignore_ascii_case("ipv6:") => address.get(5..)?,
                Some(_) | None => address,
            }
        }
        None => without_port(text),
    };
    let bare = match bare.split_once('%') {
        Some((address, _scope)) if address.contains(':') => address,
        Some(_) | None => bare,
    };
    bare.parse()
        .ok()
        .map(|address: IpAddr| address.to_canonical())
}

/// An IPv4 address without the port that may stand after it; an IPv6 address has more colons.
fn without_port(text: &str) -> &str {
    match text.split_once(':') {
        Some((address, port)) if port.parse::<u16>().is_ok() && address.contains('.') => address,
        Some(_) | None => text,
    }
}

/// An address as the 128 bits of IPv6, IPv4 ones as mapped ones.
pub(crate) fn bits(address: IpAddr) -> u128 {
    let wide: Ipv6Addr = match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    };
    wide.to_bits()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_mail_servers_is_read() {
        let v4: IpAddr = "192.0.2.1".parse().unwrap();
        for text in [
            "192.0.2.1",
            " 192.0.2.1 ",
            "[192.0.2.1]",
            "192.0.2.1:2525",
            "[192.0.2.1]:25",
            "::ffff:192.0.2.1",
            "::ffff:c000:201",
            "IPv6:::ffff:192.0.2.1",
            "[IPv6:::ffff:192.0.2.1]",
        ] {
            assert_eq!(client_address(text), Some(v4), "{text}");
        }
        let v6: IpAddr = "2001:db8:bad::5".parse().unwrap();
        for text in [
            "2001:db8:bad::5",
            "2001:db8:bad:0:0:0:0:5",
            "IPv6:2001:DB8:BAD::5",
            "ipv6:2001:db8:bad:0:0:0:0:5",
            "[2001:db8:bad::5]",
            "[2001:db8:bad::5]:25",
            "2001:db8:bad::5%eth0",
        ] {
            assert_eq!(client_address(text), Some(v6), "{text}");
        }
        for text in [
            "",
            "unknown",
            "unspec",
            "local",
            "/run/socket",
            "192.0.2",
            "192.0.2.1:x",
            "[192.0.2.1",
            "[192.0.2.1]x",
            "192.0.2.1.example",
            "ü",
            "IPv6:",
            "[]",
            "1:2",
        ] {
            assert_eq!(client_address(text), None, "{text}");
        }
    }
}
