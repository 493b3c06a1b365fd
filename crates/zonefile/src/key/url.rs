//! The authority of a URL (RFC 3986, section 3.2), and the port behind a host.

use crate::line::digits;

/// What stands between `scheme://` and the path, the query or the fragment.
pub(super) fn authority(text: &[u8]) -> Option<&[u8]> {
    let at = memchr::memmem::find(text, b"://")?;
    let (scheme, rest) = text.split_at_checked(at)?;
    let good = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
    if !scheme.first().is_some_and(u8::is_ascii_alphabetic) || !scheme.iter().all(good) {
        return None;
    }
    let rest = rest.get(3..)?;
    let authority = rest.split(|b| matches!(b, b'/' | b'?' | b'#')).next()?;
    // Browsers end it at a backslash, RFC 3986 allows none: who is meant is not known.
    (!authority.contains(&b'\\')).then_some(authority)
}

/// The host of an authority: without user information, which ends at the last `@`, and without the
/// port, which may be empty.
pub(super) fn host(authority: &[u8]) -> Option<&[u8]> {
    let host = authority.rsplit(|&b| b == b'@').next()?;
    let host = host.strip_suffix(b":").unwrap_or(host);
    let (host, _) = without_port(host);
    (!host.is_empty()).then_some(host)
}

/// Takes a port off; whether there was one.
pub(super) fn without_port(text: &[u8]) -> (&[u8], bool) {
    let Some(at) = memchr::memrchr(b':', text) else {
        return (text, false);
    };
    let (host, port) = text.split_at_checked(at).unwrap_or((text, &[]));
    let port = port.get(1..).unwrap_or_default();
    let good = !port.is_empty()
        && port.len() <= 5
        && digits(port).is_some_and(|(number, rest)| number <= 0xffff && rest.is_empty());
    if good { (host, true) } else { (text, false) }
}
