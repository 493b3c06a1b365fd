//! Events as bytes, and numbers as bytes.

use crate::error::Error;

/// What was or is said of a key, with the id of the value in its segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    Inherits,
    Nothing,
    Value(u32),
}

/// One change of one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    /// Which update, by its place in the segment.
    pub(crate) version: u32,
    pub(crate) was: Said,
    pub(crate) is: Said,
}

const LAST: u64 = 4;
/// The kinds of events: from inheriting to a value, back, from value to value, all others.
const ADDED: u64 = 0;
const REMOVED: u64 = 1;
const CHANGED: u64 = 2;
const OTHER: u64 = 3;

impl Said {
    fn code(self) -> u64 {
        match self {
            Said::Inherits => 0,
            Said::Nothing => 1,
            Said::Value(id) => u64::from(id) + 2,
        }
    }

    fn of_code(code: u64) -> Said {
        match code {
            0 => Said::Inherits,
            1 => Said::Nothing,
            more => Said::Value(u32::try_from(more - 2).unwrap_or(u32::MAX)),
        }
    }
}

impl Step {
    /// What the step is called in counts.
    pub(crate) fn word(&self) -> &'static str {
        match (self.was, self.is) {
            (Said::Value(_), Said::Value(_)) => "changed",
            (Said::Value(_), _) => "delisted",
            (_, Said::Value(_)) => "listed",
            _ => "hidden",
        }
    }

    /// The step in a segment that has so many updates before, and calls the values so.
    pub(super) fn moved(&self, before: u32, ids: &[u32]) -> Step {
        let new = |said| match said {
            Said::Value(id) => {
                let found = usize::try_from(id).ok().and_then(|id| ids.get(id));
                Said::Value(found.copied().unwrap_or(id))
            }
            Said::Inherits | Said::Nothing => said,
        };
        Step {
            version: self.version.saturating_add(before),
            was: new(self.was),
            is: new(self.is),
        }
    }
}

/// Appends the steps of one key. Where a segment has one value at most, its id is not written.
pub(super) fn push_steps(out: &mut Vec<u8>, steps: &[Step], values: usize) {
    let id = |out: &mut Vec<u8>, id: u32| {
        if values > 1 {
            push(out, id.into());
        }
    };
    let mut before = 0;
    for (place, step) in steps.iter().enumerate() {
        let last = if place + 1 == steps.len() { LAST } else { 0 };
        let head = u64::from(step.version - before) << 3 | last;
        before = step.version;
        match (step.was, step.is) {
            (Said::Inherits, Said::Value(is)) => {
                push(out, head | ADDED);
                id(out, is);
            }
            (Said::Value(was), Said::Inherits) => {
                push(out, head | REMOVED);
                id(out, was);
            }
            (Said::Value(was), Said::Value(is)) => {
                push(out, head | CHANGED);
                id(out, is);
                id(out, was);
            }
            (was, is) => {
                push(out, head | OTHER);
                push(out, was.code());
                push(out, is.code());
            }
        }
    }
}

/// Reads the steps of one key into `found`. Bytes that are none give nothing.
pub(super) fn pull_steps(rest: &mut &[u8], values: usize, found: &mut Vec<Step>) -> Option<()> {
    found.clear();
    while !pull_step(rest, values, found)? {}
    Some(())
}

/// Reads one step, and whether it is the last of its key.
fn pull_step(rest: &mut &[u8], values: usize, found: &mut Vec<Step>) -> Option<bool> {
    let head = pull(rest)?;
    let mut id = || {
        let id = if values > 1 { pull(rest)? } else { 0 };
        u32::try_from(id).ok().map(Said::Value)
    };
    let (was, is) = match head & 3 {
        ADDED => (Said::Inherits, id()?),
        REMOVED => (id()?, Said::Inherits),
        CHANGED => {
            let is = id()?;
            (id()?, is)
        }
        _ => (Said::of_code(pull(rest)?), Said::of_code(pull(rest)?)),
    };
    let before = found.last().map_or(0, |step| step.version);
    let version = before.checked_add(u32::try_from(head >> 3).ok()?)?;
    found.push(Step { version, was, is });
    Some(head & LAST != 0)
}

/// Seven bits a byte from the lowest, the top bit set in all but the last (LEB128).
pub(super) fn push(out: &mut Vec<u8>, mut number: u64) {
    loop {
        let low = number.to_le_bytes()[0] & 0x7f;
        number >>= 7;
        if number == 0 {
            return out.push(low);
        }
        out.push(low | 0x80);
    }
}

pub(super) fn pull(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        number |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

/// A number that a segment holds in 4 bytes.
pub(super) fn small(number: usize, what: &'static str) -> Result<u32, Error> {
    u32::try_from(number).map_err(|_| Error::TooLarge(what))
}
