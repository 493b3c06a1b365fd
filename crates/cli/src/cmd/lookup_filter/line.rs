//! The key of a line. `crates/fuzz` takes this file too, since a command is no library.

use memchr::{memchr, memrchr};

/// A line that is longer has no key that could be read.
const LONGEST: usize = 1 << 20;

/// A column by its number, from either end.
pub(crate) fn column(line: &[u8], delimiter: u8, number: i32) -> Option<&[u8]> {
    if line.len() > LONGEST {
        return None;
    }
    let place = usize::try_from(number.unsigned_abs())
        .ok()?
        .checked_sub(1)?;
    let (mut line, is_first) = (line, number > 0);
    let find = if is_first { memchr } else { memrchr };
    for _ in 0..place {
        let at = find(delimiter, line)?;
        let (before, after) = line.split_at_checked(at)?;
        line = if is_first { after.get(1..)? } else { before };
    }
    let Some(at) = find(delimiter, line) else {
        return Some(line);
    };
    let (before, after) = line.split_at_checked(at)?;
    if is_first {
        Some(before)
    } else {
        after.get(1..)
    }
}
