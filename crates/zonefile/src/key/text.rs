//! Names as lists write them, also in UTF-8 (UTS 46).

use std::borrow::Cow;

use rblmap::NameKey;

use super::{Key, KeyRules};
use rblmap_content::NameScope;

/// The last labels of the owner names in a response policy zone that are no names.
const POLICY_LABELS: [&[u8]; 4] = [b"rpz-ip", b"rpz-client-ip", b"rpz-nsip", b"rpz-nsdname"];

/// Reads `name`, `*.name` or `.name`.
pub(super) fn name(text: &[u8], rules: &KeyRules) -> Option<Key> {
    let (scope, name) = match text {
        [b'*', b'.', name @ ..] => (NameScope::Below, name),
        [b'.', name @ ..] => (NameScope::Both, name),
        name => return plain_name(name, rules),
    };
    read(name, 1, scope)
}

/// Reads a name without anything before it.
pub(super) fn plain_name(text: &[u8], rules: &KeyRules) -> Option<Key> {
    read(text, rules.labels, rules.names)
}

fn read(name: &[u8], labels: usize, scope: NameScope) -> Option<Key> {
    let name = ascii(name)?;
    if !is_name(&name, labels) {
        return None;
    }
    let key = NameKey::parse(&name).ok()?;
    Some(Key::Name(Box::new(key), scope))
}

/// The A-labels of a name in UTF-8.
fn ascii(name: &[u8]) -> Option<Cow<'_, [u8]>> {
    if name.is_ascii() {
        return Some(Cow::Borrowed(name));
    }
    let name = idna::domain_to_ascii(std::str::from_utf8(name).ok()?).ok()?;
    Some(Cow::Owned(name.into_bytes()))
}

/// Whether this is a name of at least so many labels. The last one is not a number: what ends in
/// a number is an address that went wrong.
fn is_name(text: &[u8], least: usize) -> bool {
    let text = text.strip_suffix(b".").unwrap_or(text);
    let mut labels = 0;
    let mut last: &[u8] = &[];
    for label in text.split(|&b| b == b'.') {
        if !is_label(label) {
            return false;
        }
        labels += 1;
        last = label;
    }
    let is_policy = || {
        POLICY_LABELS
            .iter()
            .any(|label| last.eq_ignore_ascii_case(label))
    };
    labels >= least && !last.iter().all(u8::is_ascii_digit) && !is_policy()
}

/// Whether a hosts file can have this behind an address: a name of any number of labels, also in
/// UTF-8.
pub(crate) fn is_host(text: &[u8]) -> bool {
    ascii(text).is_some_and(|name| is_name(&name, 1))
}

/// Whether this can be a label of a name in a list.
pub(crate) fn is_label(label: &[u8]) -> bool {
    let good = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    !label.is_empty() && label.iter().all(good)
}
