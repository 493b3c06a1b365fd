//! Postfix's policy delegation (SMTPD_POLICY_README): `name=value` lines up to an empty line.

use super::Frame;

/// The longest request. Postfix sends about 700 bytes.
pub(crate) const MAX_REQUEST: usize = 16 * 1024;

/// The attributes that count, as bytes of the request; what is missing is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Attributes<'a> {
    /// `smtpd_access_policy`, or something else that is not for us.
    pub(crate) request: &'a [u8],
    /// The client's address.
    pub(crate) client_address: &'a [u8],
    /// The client's name, if it leads back to the address; else `unknown`.
    pub(crate) client_name: &'a [u8],
    /// The name that the client's address leads to.
    pub(crate) reverse_client_name: &'a [u8],
    /// The name of HELO or EHLO.
    pub(crate) helo_name: &'a [u8],
    /// The envelope's sender.
    pub(crate) sender: &'a [u8],
    /// The envelope's recipient.
    pub(crate) recipient: &'a [u8],
    /// Who has logged in.
    pub(crate) sasl_username: &'a [u8],
    /// The port of the server.
    pub(crate) server_port: &'a [u8],
    /// There is a line without `=`.
    pub(crate) malformed: bool,
}

/// Reads a request. Attributes come in any order, unknown ones are passed over, the last of equal
/// ones counts. A line may end with CRLF.
pub(crate) fn read(input: &[u8]) -> Frame<Attributes<'_>> {
    let mut attributes = Attributes::default();
    let mut at = 0;
    while let Some(length) = input.get(at..).and_then(|rest| memchr::memchr(b'\n', rest)) {
        let line = input.get(at..at + length).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        at += length + 1;
        if at > MAX_REQUEST {
            return Frame::Broken;
        }
        if line.is_empty() {
            return Frame::Whole(attributes, at);
        }
        attributes.take(line);
    }
    if input.len() > MAX_REQUEST {
        Frame::Broken
    } else {
        Frame::Partial
    }
}

impl<'a> Attributes<'a> {
    fn take(&mut self, line: &'a [u8]) {
        let Some(equals) = memchr::memchr(b'=', line) else {
            self.malformed = true;
            return;
        };
        let (name, value) = line.split_at(equals);
        let value = value.get(1..).unwrap_or_default();
        let field = match name {
            b"request" => &mut self.request,
            b"client_address" => &mut self.client_address,
            b"client_name" => &mut self.client_name,
            b"reverse_client_name" => &mut self.reverse_client_name,
            b"helo_name" => &mut self.helo_name,
            b"sender" => &mut self.sender,
            b"recipient" => &mut self.recipient,
            b"sasl_username" => &mut self.sasl_username,
            b"server_port" => &mut self.server_port,
            _ => return,
        };
        *field = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_read_from_the_front() {
        let input = b"request=smtpd_access_policy\nclient_address=192.0.2.1\n\nrequest=";
        let Frame::Whole(attributes, used) = read(input) else {
            panic!()
        };
        assert_eq!(
            (attributes.client_address, used),
            (&b"192.0.2.1"[..], input.len() - 8)
        );
        assert_eq!(read(b"request=smtpd"), Frame::Partial);
    }

    #[test]
    fn requests_come_in_any_pieces() {
        let whole = b"request=smtpd_access_policy\r\nsender=a=b@c\r\nfoo\r\n\r\n";
        for end in 0..whole.len() {
            assert_eq!(read(&whole[..end]), Frame::Partial, "{end}");
        }
        let Frame::Whole(attributes, used) = read(whole) else {
            panic!("whole")
        };
        assert_eq!(
            (attributes.sender, attributes.malformed),
            (&b"a=b@c"[..], true)
        );
        assert_eq!(used, whole.len());
    }

    #[test]
    fn what_never_ends_is_broken() {
        assert_eq!(read(&[b'a'; MAX_REQUEST]), Frame::Partial);
        assert_eq!(read(&[b'a'; MAX_REQUEST + 1]), Frame::Broken);
        assert_eq!(read(&b"a=b\n".repeat(MAX_REQUEST / 4 + 1)), Frame::Broken);
    }
}
