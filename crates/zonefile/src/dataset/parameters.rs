//! Parameters of an entry, as the rbldnsd of rspamd has them: `@ key=value;key=value` behind the
//! value. Nobody is asked at build time, so only what the time decides can be applied.

use crate::directive;
use crate::line::{is_space, trim};

/// Splits a value from the parameters behind it; none if what follows the `@` is no list of
/// parameters, and so a part of a text.
pub(super) fn split(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut before = None;
    let at = rest.iter().position(|&byte| {
        let begins = byte == b'@' && before.is_none_or(is_space);
        before = Some(byte);
        begins
    })?;
    let (value, parameters) = rest.split_at_checked(at)?;
    let parameters = without_comment(parameters.get(1..)?);
    let mut pairs = pairs(parameters).peekable();
    let are_parameters = pairs.peek().is_some() && pairs.all(|pair| pair.is_some());
    are_parameters.then(|| (trim(value), trim(parameters)))
}

/// Whether an entry with these parameters is not answered at this time, by whoever asks without a
/// key: it demands one, or its time has not come yet.
pub(super) fn hold_back(parameters: &[u8], now: u64) -> bool {
    let (mut made, mut delay) = (None, None);
    for (key, value) in pairs(parameters).flatten() {
        match key {
            b"key" if value == b"require" => return true,
            b"ts" => {
                made = std::str::from_utf8(value)
                    .ok()
                    .and_then(|ts| ts.parse().ok())
            }
            b"delay" => {
                let time = directive::time(value).filter(|(_, rest)| trim(rest).is_empty());
                delay = time.map(|(seconds, _)| u64::from(seconds)).or(delay);
            }
            _ => {}
        }
    }
    made.zip(delay)
        .is_some_and(|(made, delay): (u64, u64)| now < made.saturating_add(delay))
}

/// The parameters, each as key and value; none for what is no parameter.
fn pairs(text: &[u8]) -> impl Iterator<Item = Option<(&[u8], &[u8])>> {
    let parts = text.split(|byte| matches!(byte, b':' | b';')).map(trim);
    parts.filter(|part| !part.is_empty()).map(|part| {
        let at = part.iter().position(|&byte| byte == b'=')?;
        let (key, value) = part.split_at_checked(at)?;
        let in_key = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
        let key = trim(key);
        (!key.is_empty() && key.iter().all(in_key))
            .then(|| (key, trim(value.get(1..).unwrap_or_default())))
    })
}

/// What stands before a comment, which begins at the start or after white space.
fn without_comment(text: &[u8]) -> &[u8] {
    let begins = |at: usize| {
        let mark = text.get(at).is_some_and(|byte| *byte == b'#');
        mark && (at == 0 || text.get(at - 1).is_some_and(|&byte| is_space(byte)))
    };
    let end = (0..text.len()).find(|&at| begins(at));
    text.get(..end.unwrap_or(text.len())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_told_from_texts() {
        let split = |text: &'static str| split(text.as_bytes());
        assert_eq!(
            split(":2:x @ ts=5;delay=60s"),
            Some((&b":2:x"[..], &b"ts=5;delay=60s"[..]))
        );
        assert_eq!(
            split("@ key=require # c"),
            Some((&b""[..], &b"key=require"[..]))
        );
        assert_eq!(split("mail abuse@a.example"), None);
        assert_eq!(split("mail abuse @ a.example"), None);
        assert_eq!(split("see me @"), None);
    }

    #[test]
    fn an_entry_waits_for_its_time() {
        assert!(hold_back(b"ts=1000;delay=60s", 1059));
        assert!(!hold_back(b"ts=1000;delay=60s", 1060));
        assert!(!hold_back(b"ts=1000", 1) && !hold_back(b"delay=1h", 1));
        assert!(hold_back(b"delay=1h:key=require", 1));
        assert!(!hold_back(b"key=nodelay", 1));
    }
}
