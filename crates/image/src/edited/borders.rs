//! Runs that go over the ends of /16s.

use rblmap::Run;

/// Adds the runs of a /16, or of several, behind those before them, of which the first is at `from`: what goes
/// over the border is one run.
pub(crate) fn append(out: &mut Vec<Run<u32>>, from: usize, mut runs: &[Run<u32>]) {
    if let Some(last) = out.get_mut(from..).and_then(<[_]>::last_mut)
        && let Some((first, rest)) = runs.split_first()
        && last.end.checked_add(1) == Some(first.start)
        && last.value == first.value
    {
        last.end = first.end;
        runs = rest;
    }
    out.extend_from_slice(runs);
}

/// Lets a run that reaches the end of its /16 go on as far as it does. `first_of` gives the first run of a
/// /16.
pub(super) fn extend(run: &mut Run<u32>, mut first_of: impl FnMut(u16) -> Option<Run<u32>>) {
    while run.end & 0xffff == 0xffff
        && let Some(next) = run.end.checked_add(1)
        && let Ok(block) = u16::try_from(next >> 16)
        && let Some(first) = first_of(block)
        && (first.start, first.value) == (next, run.value)
    {
        run.end = first.end;
    }
}
