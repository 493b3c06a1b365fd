//! Owner names of a response policy zone, relative to its apex, and what they trigger on.

use crate::address4::Range;
use crate::key::{Key, v4_address, v6_address};
use crate::line::digits;

/// The owner of the entry at hand, and what it is relative to.
#[derive(Debug, Clone, Default)]
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
        let mut owner = std::mem::take(&mut self.owner);
        self.resolve(word, &mut owner);
        self.owner = owner;
    }

    /// Takes a new origin. The first one is the apex, if no SOA has told it.
    pub(super) fn set_origin(&mut self, word: &[u8]) {
        let mut origin = Owner::default();
        self.resolve(word, &mut origin);
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
    pub(super) fn relative(&self) -> Option<&[u8]> {
        let name = self.owner.name.as_slice();
        if !self.owner.absolute {
            return Some(name);
        }
        let apex = self.apex.as_deref()?;
        match name.strip_suffix(apex)? {
            above if apex.is_empty() || above.is_empty() => Some(above),
            [above @ .., b'.'] => Some(above),
            _ => None,
        }
    }

    /// What a word stands for, in lower case.
    fn resolve(&self, word: &[u8], owner: &mut Owner) {
        owner.name.clear();
        owner.absolute = true;
        if let Some(name) = word.strip_suffix(b".") {
            owner.name.extend_from_slice(name);
        } else {
            if word != b"@" {
                owner.name.extend_from_slice(word);
            }
            match &self.origin {
                Some(origin) => {
                    if !owner.name.is_empty() && !origin.is_empty() {
                        owner.name.push(b'.');
                    }
                    owner.name.extend_from_slice(origin);
                }
                None => owner.absolute = false,
            }
        }
        owner.name.make_ascii_lowercase();
    }
}

/// What an owner triggers on.
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
    match owner.rsplit(|&byte| byte == b'.').next() {
        Some(b"rpz-ip") => {
            let network = network4(owner).or_else(|| network(owner));
            network.map_or(Trigger::Malformed, Trigger::Network)
        }
        Some(b"rpz-client-ip" | b"rpz-nsip" | b"rpz-nsdname") => Trigger::Other,
        _ => Trigger::Name,
    }
}

/// A prefix length and an IPv4 address from its end: `24.0.2.0.192.rpz-ip`.
fn network4(owner: &[u8]) -> Option<Key> {
    let (bits, rest) = digits(owner.strip_suffix(b".rpz-ip")?)?;
    let start = v4_address(rest.strip_prefix(b".")?)?.swap_bytes();
    let host = u32::MAX.checked_shr(bits).unwrap_or(0);
    let good = bits <= 32 && start & host == 0;
    let end = start | host;
    good.then_some(Key::V4(Range { start, end }))
}

/// The same of an IPv6 address: `32.zz.db8.2001.rpz-ip`.
fn network(owner: &[u8]) -> Option<Key> {
    let labels: Vec<&[u8]> = owner.split(|&byte| byte == b'.').collect();
    let [bits, words @ .., _] = labels.as_slice() else {
        return None;
    };
    let (bits, []) = digits(bits)? else {
        return None;
    };
    let words: Vec<&[u8]> = words.iter().rev().copied().collect();
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
