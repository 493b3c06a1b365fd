//! Packed logs, and those that come through a pipe: one thread unpacks, another counts.

use std::io::{self, BufRead, Read};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};

use crate::input::lines::Lines;
use crate::tally::Tally;

/// How a file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    None,
    Gzip,
    Zstd,
    /// Its first bytes have not been seen.
    Unknown,
}

/// Where reading ended before its time.
#[derive(Debug)]
pub(super) struct Cut {
    pub(super) bytes: u64,
    pub(super) source: io::Error,
}

impl Packing {
    pub(super) fn what_is_wrong(self) -> &'static str {
        match self {
            Packing::Gzip => "the gzip data are cut or damaged",
            Packing::Zstd => "the zstd data are cut or damaged",
            Packing::None | Packing::Unknown => "reading failed",
        }
    }
}

/// What is counted at a time: it stays in the processor's cache between the two threads.
const BLOCK: usize = 1 << 18;
/// So many blocks are on their way.
const AHEAD: usize = 4;

/// Counts all lines of a file.
pub(super) fn count(
    file: impl BufRead + Send,
    packing: Packing,
    log: usize,
    tally: &Tally,
) -> Result<(), Cut> {
    let (full, filled) = sync_channel::<Vec<u8>>(AHEAD);
    let (empty, emptied) = channel::<Vec<u8>>();
    let (read, bytes) = std::thread::scope(|scope| {
        let unpack = move || unpack(file, packing, &full, &emptied);
        let reader = match std::thread::Builder::new().spawn_scoped(scope, unpack) {
            Ok(reader) => reader,
            Err(error) => return (Err(error), 0),
        };
        let mut lines = Lines::new(tally.counting(), log, 0);
        for block in filled {
            lines.block(&block);
            // The reader may have come to its end.
            let _ = empty.send(block);
        }
        let bytes = lines.position();
        lines.finish();
        let read = reader
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (read, bytes)
    });
    read.map_err(|source| Cut { bytes, source })
}

fn unpack(
    file: impl BufRead + Send,
    packing: Packing,
    full: &SyncSender<Vec<u8>>,
    emptied: &Receiver<Vec<u8>>,
) -> io::Result<()> {
    let mut text: Box<dyn Read> = match packing {
        Packing::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(file)),
        Packing::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(file)?),
        Packing::None | Packing::Unknown => Box::new(file),
    };
    loop {
        let mut block = emptied.try_recv().unwrap_or_default();
        block.resize(BLOCK, 0);
        let mut len = 0;
        let mut result = Ok(());
        while let Some(room) = block.get_mut(len..).filter(|room| !room.is_empty()) {
            match text.read(room) {
                Ok(0) => break,
                Ok(read) => len += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
        }
        let is_end = len < BLOCK;
        block.truncate(len);
        // Nobody stops to receive before the end.
        let sent = full.send(block);
        if is_end || sent.is_err() {
            return result;
        }
    }
}
