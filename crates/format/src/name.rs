//! Domain names as keys: lower case, from the root down, in one byte order.
//!
//! A [`NameKey`] is the form in which names are sorted, stored and compared. Labels are written
//! from the root (`mail.example.com` as `com`, `example`, `mail`), each closed by a 00 byte; inside
//! a label 00 is written 01 01 and 01 is written 01 02, since a label may hold any byte (RFC 2181
//! section 11). Byte order of keys is then the order of the tree: a name stands right before the
//! names below it.

use std::fmt;
use std::net::IpAddr;

/// The longest name, in its wire form of RFC 1035: length bytes and the root included.
pub const MAX_WIRE: usize = 255;
const MAX_LABEL: usize = 63;
/// Every label byte escaped, and every label closed: no key is longer.
pub const MAX_KEY: usize = 2 * MAX_WIRE;

/// A domain name as a sorted key; holds no heap memory.
///
/// ```
/// use rblmap_format::NameKey;
/// let name = NameKey::parse(b"Mail.Example.COM")?;
/// assert_eq!(name.as_bytes(), b"com\0example\0mail\0");
/// assert_eq!(name.to_string(), "mail.example.com");
/// assert_eq!(name.parent().unwrap().to_string(), "example.com");
/// # Ok::<(), rblmap_format::NameError>(())
/// ```
#[derive(Clone, Copy)]
pub struct NameKey {
    bytes: [u8; MAX_KEY],
    len: usize,
    labels: u8,
}

/// Why a text is no domain name.
///
/// ```
/// use rblmap_format::{NameError, NameKey};
/// assert_eq!(NameKey::parse(&[b'a'; 64]), Err(NameError::LabelTooLong));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameError {
    /// A label of more than 63 bytes.
    LabelTooLong,
    /// More than 255 bytes in wire form.
    NameTooLong,
    /// `\` and a number over 255.
    BadEscape,
    /// Bytes that are not a key as this module writes it.
    BadKey,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NameError::LabelTooLong => "label of more than 63 bytes",
            NameError::NameTooLong => "name of more than 255 bytes",
            NameError::BadEscape => "escape of more than 255",
            NameError::BadKey => "bytes that are no name key",
        })
    }
}

impl std::error::Error for NameError {}

impl NameKey {
    /// The empty name, the root of all keys.
    pub const ROOT: NameKey = NameKey {
        bytes: [0; MAX_KEY],
        len: 0,
        labels: 0,
    };

    /// Reads a name as rbldnsd's zone files write it: labels between dots, empty ones dropped,
    /// `\` before a byte to take it as it is, `\` and up to three digits for the byte of that
    /// number; A to Z are folded to lower case. `*` and `@` are ordinary bytes here.
    ///
    /// # Errors
    /// A label over 63 bytes, a name over 255 bytes in wire form, a number over 255.
    pub fn parse(text: &[u8]) -> Result<NameKey, NameError> {
        match NameKey::plain(text) {
            Some(key) => Ok(key),
            None => NameKey::escaped(text),
        }
    }

    /// A name without escapes, as nearly all are; none for others, and where something is wrong.
    fn plain(text: &[u8]) -> Option<NameKey> {
        if text.contains(&b'\\') || cfg!(target_family = "wasm") {
            return None;
        }
        let mut key = NameKey::ROOT;
        for label in text.rsplit(|&byte| byte == b'.') {
            if !label.is_empty() {
                key.push_label(label).ok()?;
            }
        }
        Some(key)
    }

    /// Appends the key of a name to others, and returns how many labels it has: for whoever reads millions
    /// of names, and holds each only in a list. None, and nothing is appended, for a name with a byte that
    /// is escaped in its text or its key, as few have, and where something is wrong:
    /// [`NameKey::parse`] then says what.
    ///
    /// ```
    /// use rblmap_format::NameKey;
    /// let mut keys = Vec::new();
    /// assert_eq!(NameKey::append_plain(b"Mail.Example.COM", &mut keys), Some(3));
    /// assert_eq!(NameKey::append_plain(b"\\109ail", &mut keys), None);
    /// assert_eq!(keys, b"com\0example\0mail\0");
    /// ```
    pub fn append_plain(text: &[u8], keys: &mut Vec<u8>) -> Option<usize> {
        let start = keys.len();
        let mut labels = 0;
        for label in text.rsplit(|&byte| byte == b'.') {
            if label.is_empty() {
                continue;
            }
            let is_plain = label.iter().all(|&byte| byte > 1 && byte != b'\\');
            // The root has a length byte in wire form.
            if !is_plain
                || label.len() > MAX_LABEL
                || keys.len() - start + label.len() + 2 > MAX_WIRE
            {
                keys.truncate(start);
                return None;
            }
            let from = keys.len();
            keys.extend_from_slice(label);
            let pushed = keys.get_mut(from..);
            pushed.unwrap_or_default().make_ascii_lowercase();
            keys.push(0);
            labels += 1;
        }
        Some(labels)
    }

    fn escaped(text: &[u8]) -> Result<NameKey, NameError> {
        let mut wire = [0u8; MAX_WIRE];
        // Where each label starts in `wire`, and how long it is.
        let mut starts = [(0usize, 0usize); MAX_WIRE / 2 + 1];
        let (mut used, mut count, mut label) = (0usize, 0usize, 0usize);
        for next in (Written { rest: text }).chain([Ok(Byte::Dot)]) {
            let byte = match next? {
                Byte::Of(byte) => byte,
                Byte::Dot => {
                    if label > 0 {
                        if let Some(place) = starts.get_mut(count) {
                            *place = (used - label, label);
                        }
                        count += 1;
                        label = 0;
                    }
                    continue;
                }
            };
            label += 1;
            if label > MAX_LABEL {
                return Err(NameError::LabelTooLong);
            }
            // Each label has a length byte in wire form, and the root one more.
            if used + 1 + count + 1 + 1 > MAX_WIRE {
                return Err(NameError::NameTooLong);
            }
            if let Some(place) = wire.get_mut(used) {
                *place = byte.to_ascii_lowercase();
            }
            used += 1;
        }
        let mut key = NameKey::ROOT;
        for &(start, len) in starts.iter().take(count).rev() {
            key.push_label(wire.get(start..start + len).unwrap_or_default())?;
        }
        Ok(key)
    }

    /// Takes a key that [`NameKey::as_bytes`] gave, checking it.
    ///
    /// # Errors
    /// [`NameError::BadKey`] for bytes that no name has as its key; lengths as in `parse`.
    pub fn from_key(key: &[u8]) -> Result<NameKey, NameError> {
        let labels = NameKey::check(key)?;
        let mut name = NameKey::ROOT;
        name.push_bytes(key);
        // A name has at most 127.
        name.labels = u8::try_from(labels).unwrap_or(u8::MAX);
        Ok(name)
    }

    /// How many labels a key has, which is checked as [`NameKey::from_key`] does.
    ///
    /// ```
    /// use rblmap_format::{NameError, NameKey};
    /// assert_eq!(NameKey::check(b"com\0example\0"), Ok(2));
    /// assert_eq!(NameKey::check(b"com"), Err(NameError::BadKey));
    /// ```
    ///
    /// # Errors
    /// As for [`NameKey::from_key`].
    pub fn check(key: &[u8]) -> Result<usize, NameError> {
        // The root has a length byte in wire form.
        let (mut labels, mut wire, mut len, mut escaped) = (0, 1, 0, false);
        for &byte in key {
            match (escaped, byte) {
                (false, 0) if len == 0 => return Err(NameError::BadKey),
                (false, 0) => {
                    wire += len + 1;
                    if wire > MAX_WIRE {
                        return Err(NameError::NameTooLong);
                    }
                    labels += 1;
                    len = 0;
                    continue;
                }
                (false, 1) => {
                    escaped = true;
                    continue;
                }
                (false, b'A'..=b'Z') => return Err(NameError::BadKey),
                (false, _) | (true, 1 | 2) => {}
                (true, _) => return Err(NameError::BadKey),
            }
            escaped = false;
            if len == MAX_LABEL {
                return Err(NameError::LabelTooLong);
            }
            len += 1;
        }
        if len > 0 || escaped {
            return Err(NameError::BadKey);
        }
        Ok(labels)
    }

    /// An address as DNS asks for it: octets or nibbles from the last to the first (RFC 5782
    /// sections 2.1 and 2.4).
    ///
    /// ```
    /// let name = rblmap_format::NameKey::spelled("192.0.2.1".parse()?);
    /// assert_eq!(name.to_string(), "1.2.0.192");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn spelled(address: IpAddr) -> NameKey {
        let mut name = NameKey::ROOT;
        // Four labels of at most three bytes, or 32 of one, always fit.
        match address {
            IpAddr::V4(address) => {
                for octet in address.octets() {
                    let digits = decimal(octet);
                    let zeros = digits.iter().take(2).take_while(|&&b| b == b'0').count();
                    let _ = name.push_label(digits.get(zeros..).unwrap_or_default());
                }
            }
            IpAddr::V6(address) => {
                let bits = address.to_bits();
                for nibble in (0..32).rev() {
                    let digit = b"0123456789abcdef".get((bits >> (4 * nibble)) as usize & 15);
                    let _ = name.push_label(digit.map_or(&[], std::slice::from_ref));
                }
            }
        }
        name
    }

    /// Adds a label in front: `push_label(b"mail")` makes `mail.example.com` of `example.com`.
    ///
    /// # Errors
    /// An empty label counts as [`NameError::BadKey`]; lengths as in `parse`.
    pub fn push_label(&mut self, label: &[u8]) -> Result<(), NameError> {
        if label.is_empty() {
            return Err(NameError::BadKey);
        }
        if label.len() > MAX_LABEL {
            return Err(NameError::LabelTooLong);
        }
        // A key is no shorter than its name in wire form without the root, and most are short.
        let too_long = |len: usize| len + 1 + label.len() + 1 > MAX_WIRE;
        if too_long(self.len) && too_long(self.wire_len() - 1) {
            return Err(NameError::NameTooLong);
        }
        if label.iter().all(|&byte| byte > 1) {
            let start = self.len;
            self.push_bytes(label);
            let pushed = self.bytes.get_mut(start..self.len);
            pushed.unwrap_or_default().make_ascii_lowercase();
        } else {
            for byte in label {
                match byte {
                    0 => self.push_bytes(&[1, 1]),
                    1 => self.push_bytes(&[1, 2]),
                    other => self.push_bytes(&[other.to_ascii_lowercase()]),
                }
            }
        }
        self.push_bytes(&[0]);
        self.labels += 1;
        Ok(())
    }

    /// The key: labels from the root, each closed by 00.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// How many labels the name has; 0 for the empty name.
    pub fn label_count(&self) -> usize {
        usize::from(self.labels)
    }

    /// The name without its first label: `example.com` for `mail.example.com`.
    pub fn parent(&self) -> Option<NameKey> {
        let shorter = parent_key(self.as_bytes())?;
        Some(NameKey {
            bytes: self.bytes,
            len: shorter.len(),
            labels: self.labels - 1,
        })
    }

    /// Whether this name is `other` or below it.
    pub fn is_within(&self, other: &NameKey) -> bool {
        self.as_bytes().starts_with(other.as_bytes())
    }

    /// The labels from the root down, each without its closing byte and its escapes undone.
    pub fn labels(&self) -> Vec<Vec<u8>> {
        key_labels(self.as_bytes())
    }

    fn wire_len(&self) -> usize {
        // A label's closing byte stands for its length byte.
        unescape(self.as_bytes()).count() + 1
    }

    fn push_bytes(&mut self, bytes: &[u8]) {
        if let Some(slot) = self.bytes.get_mut(self.len..self.len + bytes.len()) {
            slot.copy_from_slice(bytes);
            self.len += bytes.len();
        }
    }
}

/// A byte of a name as zone files write it.
enum Byte {
    /// The end of a label.
    Dot,
    /// A byte of a label.
    Of(u8),
}

/// Reads the bytes of a name, escapes undone.
struct Written<'a> {
    rest: &'a [u8],
}

impl Iterator for Written<'_> {
    type Item = Result<Byte, NameError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (byte, after) = match self.rest {
            // A lone backslash at the end is dropped.
            [] | [b'\\'] => return None,
            [b'.', after @ ..] => (Byte::Dot, after),
            [b'\\', after @ ..] => {
                let digits = after
                    .iter()
                    .take(3)
                    .take_while(|byte| byte.is_ascii_digit());
                let (count, number) = digits.fold((0, 0u16), |(count, number), digit| {
                    (count + 1, number * 10 + u16::from(digit - b'0'))
                });
                match (count, after) {
                    (0, [byte, after @ ..]) => (Byte::Of(*byte), after),
                    _ => {
                        let Ok(byte) = u8::try_from(number) else {
                            self.rest = &[];
                            return Some(Err(NameError::BadEscape));
                        };
                        (Byte::Of(byte), after.get(count..).unwrap_or_default())
                    }
                }
            }
            [byte, after @ ..] => (Byte::Of(*byte), after),
        };
        self.rest = after;
        Some(Ok(byte))
    }
}

impl PartialEq for NameKey {
    fn eq(&self, other: &NameKey) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for NameKey {}

impl PartialOrd for NameKey {
    fn partial_cmp(&self, other: &NameKey) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for NameKey {
    fn cmp(&self, other: &NameKey) -> std::cmp::Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl std::hash::Hash for NameKey {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl fmt::Debug for NameKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NameKey({self})")
    }
}

/// The name as rbldnsd prints it: `"`, `.`, `;`, `\`, `@` and `$` inside a label behind a `\`,
/// bytes up to 32 and from 127 as `\ddd`; nothing for the empty name.
impl NameKey {
    /// How a subzone is called in messages: its name, or `@` for the base.
    ///
    /// ```
    /// use rblmap_format::NameKey;
    /// assert_eq!(NameKey::ROOT.or_at().to_string(), "@");
    /// assert_eq!(NameKey::parse(b"proxies")?.or_at().to_string(), "proxies");
    /// # Ok::<(), rblmap_format::NameError>(())
    /// ```
    pub fn or_at(&self) -> impl fmt::Display {
        OrAt(*self)
    }
}

/// A name in messages, where the empty one is `@`.
struct OrAt(NameKey);

impl fmt::Display for OrAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.label_count() {
            0 => f.write_str("@"),
            _ => self.0.fmt(f),
        }
    }
}

impl fmt::Display for NameKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print_key(self.as_bytes(), 0, f)
    }
}

/// The key of the name one label shorter; `None` for the empty key.
pub fn parent_key(key: &[u8]) -> Option<&[u8]> {
    let (_, inner) = key.split_last()?;
    let cut = inner.iter().rposition(|&b| b == 0).map_or(0, |at| at + 1);
    key.get(..cut)
}

/// The labels of a key from the root down, escapes undone. Bytes that are no key give some labels.
pub fn key_labels(key: &[u8]) -> Vec<Vec<u8>> {
    let mut labels: Vec<Vec<u8>> = key
        .split(|&b| b == 0)
        .map(|label| unescape(label).collect())
        .collect();
    labels.pop();
    labels
}

/// Writes a key in dotted form, without its first `skip` labels, as [`NameKey`] is displayed.
/// All that it writes is ASCII.
pub fn print_key(key: &[u8], skip: usize, out: &mut impl fmt::Write) -> fmt::Result {
    let key = key.strip_suffix(&[0]).unwrap_or(key);
    if key.is_empty() {
        return Ok(());
    }
    let mut first = true;
    for label in key.rsplit(|&b| b == 0).skip(skip) {
        if !first {
            out.write_char('.')?;
        }
        first = false;
        for byte in unescape(label) {
            match byte {
                b'"' | b'.' | b';' | b'\\' | b'@' | b'$' => {
                    out.write_char('\\')?;
                    out.write_char(byte.into())?;
                }
                0..=32 | 127..=255 => {
                    out.write_char('\\')?;
                    for digit in decimal(byte) {
                        out.write_char(digit.into())?;
                    }
                }
                plain => out.write_char(plain.into())?,
            }
        }
    }
    Ok(())
}

/// The three decimal digits of a byte.
fn decimal(byte: u8) -> [u8; 3] {
    [byte / 100, byte / 10 % 10, byte % 10].map(|digit| b'0' + digit)
}

fn unescape(label: &[u8]) -> impl Iterator<Item = u8> {
    let mut bytes = label.iter();
    std::iter::from_fn(move || match bytes.next()? {
        1 => Some(bytes.next().map_or(0, |b| b.saturating_sub(1))),
        other => Some(*other),
    })
}

#[cfg(test)]
mod tests;
