//! The head of a line that syslog wrote.

/// A line with a program and its process: `… PROGRAM[PID]: MESSAGE`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tagged<'l> {
    /// `postfix/smtpd`, `sm-mta`.
    pub(super) program: &'l [u8],
    pub(super) message: &'l [u8],
}

/// A process id has at most this many digits.
const PID_DIGITS: usize = 10;

impl<'l> Tagged<'l> {
    /// Finds the tag by its form, not by its column: what stands before it differs between
    /// syslog's formats, containers and time zones. The first bracket of the line must be the
    /// tag's, so that no text of a client can be taken for one.
    #[inline]
    pub(super) fn find(line: &'l [u8]) -> Option<Tagged<'l>> {
        let open = memchr::memchr(b'[', line)?;
        let after = line.get(open + 1..)?;
        let digits = after
            .iter()
            .take(PID_DIGITS + 1)
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let message = after.get(digits..)?.strip_prefix(b"]:")?;
        let before = line.get(..open)?;
        let start = before
            .iter()
            .rposition(|&byte| byte == b' ' || byte == b'\t')
            .map_or(0, |space| space + 1);
        let program = before.get(start..)?;
        // A JSON object has its brackets elsewhere.
        if digits == 0 || program.is_empty() || line.first() == Some(&b'{') {
            return None;
        }
        let message = message.strip_prefix(b" ").unwrap_or(message);
        Some(Tagged { program, message })
    }
}

/// Whether a line begins as syslog's do: `<22>`, `Nov 28 17:45:19 ` or `2026-11-28T17:45:19`.
pub(super) fn dated(line: &[u8]) -> bool {
    let line = match line.strip_prefix(b"<") {
        Some(rest) => {
            let end = rest.iter().take(4).position(|&byte| byte == b'>');
            end.and_then(|end| rest.get(end + 1..)).unwrap_or(line)
        }
        None => line,
    };
    is_form(line, b"aaa x0 00:00:00 ") || is_form(line, b"0000-00-00T00:00:00")
}

/// Whether `text` begins as `form` says: `a` a letter, `0` a digit, `x` a digit or a space, else
/// the byte itself.
pub(super) fn is_form(text: &[u8], form: &[u8]) -> bool {
    text.len() >= form.len()
        && text.iter().zip(form).all(|(&byte, &form)| match form {
            b'a' => byte.is_ascii_alphabetic(),
            b'0' => byte.is_ascii_digit(),
            b'x' => byte.is_ascii_digit() || byte == b' ',
            _ => byte == form,
        })
}
