//! A part of a plain file. Read with `pread`, not mapped: logs are cut while they are read, and a
//! mapping would then end the process.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::atomic::Ordering;

use memchr::memchr;

use crate::input::lines::Lines;
use crate::input::progress::Progress;
use crate::tally::Tally;

const BLOCK: u64 = 1 << 19;

/// Counts the lines that begin in `part`.
pub(super) fn count(
    file: &File,
    part: Range<u64>,
    log: usize,
    tally: &Tally,
    progress: &Progress,
) -> io::Result<()> {
    // The byte before the part tells whether a line begins at its start.
    let mut position = part.start.saturating_sub(1);
    let mut skipping = part.start > 0;
    let mut lines = Lines::new(tally.counting(), log, 0);
    let mut buffer = vec![0; usize::try_from(BLOCK).unwrap_or(1 << 16)];
    loop {
        let past_end = position >= part.end;
        let want = if past_end {
            BLOCK
        } else {
            BLOCK.min(part.end - position)
        };
        let want = usize::try_from(want).unwrap_or(buffer.len());
        let room = buffer.get_mut(..want).unwrap_or_default();
        let read = read_at(file, room, position)?;
        if read == 0 {
            break;
        }
        position += read as u64;
        progress.done.fetch_add(read as u64, Ordering::Relaxed);
        let mut block = buffer.get(..read).unwrap_or_default();
        if skipping {
            let newline = memchr(b'\n', block);
            if past_end {
                // No line begins in this part.
                break;
            }
            let Some(newline) = newline else {
                continue;
            };
            skipping = false;
            block = block.get(newline + 1..).unwrap_or_default();
            let begin = position - block.len() as u64;
            lines = Lines::new(tally.counting(), log, begin);
        }
        if past_end {
            // Only the line is left that began before the end.
            if !lines.has_begun() {
                break;
            }
            let newline = memchr(b'\n', block);
            lines.block(newline.map_or(block, |at| block.get(..=at).unwrap_or(block)));
            if newline.is_some() {
                break;
            }
            continue;
        }
        lines.block(block);
    }
    lines.finish();
    Ok(())
}

fn read_at(file: &File, buffer: &mut [u8], position: u64) -> io::Result<usize> {
    loop {
        match file.read_at(buffer, position) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}
