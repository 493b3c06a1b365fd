//! Owner names of a response policy zone, relative to its apex, and what they trigger on.

use crate::address4::Range;
use crate::key::{Key, v4_address, v6_address};
use crate::line::digits;

/// The owner of the entry at hand, and what it is relative to.
#[derive(Debug, Default)]
pub(super) struct Owners {
    /// Absolute, without the last point; none as long as the file names no origin.
    origin: Option<Vec<u8>>,
    apex: Option<Vec<u8>>,
    owner: Owner,
}

#[derive(Debug, Default, Clone)]
struct Owner {
    name: Vec<u8>,
    /// Whether the name is a whole one.
    absolute: bool,
}

impl Owners {
    /// Takes a new owner.
    pub(super) fn set(&mut self, word: &[u8]) {
        self.owner = self.resolved(word);
    }

    /// Takes a new origin. The first one is the apex, if no SOA has told it.
    pub(super) fn set_origin(&mut self, word: &[u8]) {
        let origin = self.resolved(word);
        if origin.absolute {
            self.apex.get_or_insert_with(|| origin.name.clone());
            self.origin = Some(origin.name);
        }
    }

    /// The owner at hand is that of the SOA.
    pub(super) fn found_apex(&mut self) {
        if self.owner.absolute {
            self.apex = Some(self.owner.name.clone());
        }
    }

    /// The owner without the apex, in lower case; empty for the apex, none for a name elsewhere.
    pub(super) fn relative(&self) -> Option<Vec<u8>> {
        if !self.owner.absolute {
            return Some(self.owner.name.clone());
        }
        let apex = self.apex.as_deref()?;
        if self.owner.name == apex {
            return Some(Vec::new());
        }
        let above = self.owner.name.strip_suffix(apex)?;
        match above {
            above if apex.is_empty() => Some(above.to_vec()),
            [above @ .., b'.'] => Some(above.to_vec()),
            _ => None,
        }
    }

    fn resolved(&self, word: &[u8]) -> Owner {
        let word = word.to_ascii_lowercase();
        if let Some(name) = word.strip_suffix(b".") {
            return Owner {
                name: name.to_vec(),
                absolute: true,
            };
        }
        let relative = if word == b"@" { &[][..] } else { &word };
        match &self.origin {
            None => Owner {
                name: relative.to_vec(),
                absolute: false,
            },
            Some(origin) => {
                let dot: &[u8] = if relative.is_empty() || origin.is_empty() {
                    b""
                } else {
                    b"."
                };
                Owner {
                    name: [relative, dot, origin].concat(),
                    absolute: true,
                }
            }
        }
    }
}

/// What an owner triggers on.
#[expect(clippy::large_enum_variant, reason = "one at a time, on the stack")]
pub(super) enum Trigger {
    /// The name that is asked for.
    Name,
    /// The addresses of a network.
    Network(Key),
    /// An `rpz-ip` that is none.
    Malformed,
    /// The client, or a name server.
    Other,
}

/// What a relative owner triggers on.
pub(super) fn trigger(owner: &[u8]) -> Trigger {
    let mut labels: Vec<&[u8]> = owner.split(|&byte| byte == b'.').collect();
    match labels.last() {
        Some(&b"rpz-ip") => {
            labels.pop();
            network(&labels).map_or(Trigger::Malformed, Trigger::Network)
        }
        Some(&(b"rpz-client-ip" | b"rpz-nsip" | b"rpz-nsdname")) => Trigger::Other,
        _ => Trigger::Name,
    }
}

/// A prefix length and an address from its end: `24.0.2.0.192`, `32.zz.db8.2001`.
fn network(labels: &[&[u8]]) -> Option<Key> {
    let (bits, words) = labels.split_first()?;
    let (bits, rest) = digits(bits)?;
    if !rest.is_empty() {
        return None;
    }
    let words: Vec<&[u8]> = words.iter().rev().copied().collect();
    if words.len() == 4
        && let Some(start) = v4_address(&words.join(&b'.'))
    {
        let host = u32::MAX.checked_shr(bits).unwrap_or(0);
        let good = bits <= 32 && start & host == 0;
        let range = Range {
            start,
            end: start | host,
        };
        return good.then_some(Key::V4(range));
    }
    let start = v6_words(&words)?;
    let host = u128::MAX.checked_shr(bits).unwrap_or(0);
    let good = bits <= 128 && start & host == 0;
    let end = start | host;
    good.then_some(Key::V6 { start, end })
}

/// Words from the left, with `zz` for a row of zeros.
fn v6_words(words: &[&[u8]]) -> Option<u128> {
    let gap = words
        .iter()
        .position(|word| word.eq_ignore_ascii_case(b"zz"));
    let text = match gap {
        None => words.join(&b':'),
        Some(at) => {
            let (head, tail) = words.split_at_checked(at)?;
            let tail = tail.get(1..)?;
            [head.join(&b':'), tail.join(&b':')].join(&b"::"[..])
        }
    };
    v6_address(&text)
}
