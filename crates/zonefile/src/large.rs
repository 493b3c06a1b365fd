//! Large sources: read piece by piece on all cores, into memory that is used again and again. Fresh
//! memory for a whole source costs more than reading its lines.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use memmap2::MmapMut;
use rayon::prelude::*;

use crate::dataset::Rules;
use crate::line::PIECE_BYTES;
use crate::piece::Piece;
use crate::reading;
use crate::value::TRIAL;

/// How much is read at once to find the end of a piece's last line.
const TAIL: usize = 4096;
/// A piece with more values than this is kept, instead of each text on its own. Where most values are
/// new, so many are met before it is known, and from then on most need no source.
const FEW_VALUES: usize = 2 * TRIAL as usize;

/// A file that is not read yet.
#[derive(Debug)]
pub(crate) struct Large {
    file: File,
    len: usize,
    /// Bytes of a piece.
    size: usize,
    /// The texts of pieces that other things refer to.
    kept: Vec<OnceLock<Vec<u8>>>,
    /// Whether a piece had to be kept for its texts: then others will have to.
    keep: AtomicBool,
}

impl Large {
    /// A file of so many bytes, to be read in pieces of `size` bytes.
    pub(crate) fn new(file: File, len: usize, size: usize) -> Large {
        let kept = (0..len.div_ceil(size)).map(|_| OnceLock::new());
        Large {
            file,
            len,
            size,
            kept: kept.collect(),
            keep: AtomicBool::new(false),
        }
    }

    /// The first bytes, at most so many.
    pub(crate) fn head(&self, len: usize) -> io::Result<Vec<u8>> {
        head(&self.file, len)
    }

    /// All of it, for a type that reads no pieces, in pages of its own: memory of the allocator would
    /// not go when the text does. Zeros behind it if the file is shorter by now.
    pub(crate) fn whole(&self) -> io::Result<MmapMut> {
        let mut text = MmapMut::map_anon(self.len)?;
        fill(&self.file, &mut text)?;
        Ok(text)
    }

    /// Keeps a text that other things refer to.
    pub(crate) fn keep(&self, text: &[u8]) -> &[u8] {
        let kept = self.kept.first();
        kept.map_or(&[], |kept| kept.get_or_init(|| text.to_vec()))
    }

    /// The lines, in pieces.
    pub(crate) fn pieces(&self, rules: &Rules<'_>) -> io::Result<Vec<Piece<'_>>> {
        (0..self.kept.len())
            .into_par_iter()
            .map_init(Vec::new, |buffer, index| self.piece(index, rules, buffer))
            .collect()
    }

    fn piece<'s>(
        &'s self,
        index: usize,
        rules: &Rules<'_>,
        buffer: &mut Vec<u8>,
    ) -> io::Result<Piece<'s>> {
        let text = self.lines_of(index, buffer)?;
        if !self.keep.load(Ordering::Relaxed) {
            let piece = reading::read(text, rules);
            if piece.values.len() > FEW_VALUES {
                self.keep.store(true, Ordering::Relaxed);
            } else if let Some(piece) = piece.into_owned() {
                return Ok(piece);
            }
        }
        let kept = self
            .kept
            .get(index)
            .map(|kept| kept.get_or_init(|| text.to_vec()));
        Ok(reading::read(kept.map_or(&[], Vec::as_slice), rules))
    }

    /// Reads the lines that begin in a piece.
    fn lines_of<'b>(&self, index: usize, buffer: &'b mut Vec<u8>) -> io::Result<&'b [u8]> {
        let (from, to) = (index * self.size, (index + 1) * self.size);
        // One byte more: a line begins where the byte before ends one.
        let start = from.saturating_sub(1);
        buffer.resize(to - start, 0);
        let read = read_at(&self.file, buffer, start)?;
        buffer.truncate(read);
        let begin = match index {
            0 => Some(0),
            _ => memchr::memchr(b'\n', buffer.get(..to - 1 - start).unwrap_or(buffer))
                .map(|at| at + 1),
        };
        let Some(begin) = begin else {
            return Ok(&[]);
        };
        while buffer.last() != Some(&b'\n') {
            let (len, at) = (buffer.len(), start + buffer.len());
            buffer.resize(len + TAIL, 0);
            let tail = buffer.get_mut(len..).unwrap_or_default();
            let read = read_at(&self.file, tail, at)?;
            let end = memchr::memchr(b'\n', tail.get(..read).unwrap_or_default());
            buffer.truncate(len + end.map_or(read, |end| end + 1));
            if read == 0 {
                break;
            }
        }
        Ok(buffer.get(begin..).unwrap_or_default())
    }
}

/// The length of a file that is worth reading in pieces: no pipe, and of more than a few pieces.
pub(crate) fn large_len(metadata: &Metadata) -> Option<usize> {
    let len = usize::try_from(metadata.len()).ok()?;
    (metadata.is_file() && len >= 8 * PIECE_BYTES).then_some(len)
}

/// The first bytes of a file, at most so many.
pub(crate) fn head(file: &File, len: usize) -> io::Result<Vec<u8>> {
    let mut head = vec![0; len];
    let read = read_at(file, &mut head, 0)?;
    head.truncate(read);
    Ok(head)
}

/// Reads a file into a text of its length, on all cores: giving out the memory takes longer than the
/// copy. How many bytes, which are fewer if the file is shorter by now.
pub(crate) fn fill(file: &File, text: &mut [u8]) -> io::Result<usize> {
    let parts = text.par_chunks_mut(PIECE_BYTES).enumerate();
    let read: Vec<usize> = parts
        .map(|(index, part)| read_at(file, part, index * PIECE_BYTES))
        .collect::<io::Result<_>>()?;
    let full = read.iter().take_while(|&&read| read == PIECE_BYTES).count();
    Ok(full * PIECE_BYTES + read.get(full).unwrap_or(&0))
}

/// Reads until the buffer is full or the file at its end: how much.
fn read_at(file: &File, buffer: &mut [u8], at: usize) -> io::Result<usize> {
    let mut done = 0;
    while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, (at + done) as u64) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::io::Write as _;

    use super::*;
    use crate::dataset_type::DatasetType;
    use crate::piece::Said;
    use crate::spec::Options;

    /// Lines of addresses, comments longer than pieces, values, and defaults.
    fn text(rng: &mut fastrand::Rng, ended: bool) -> String {
        let mut text = String::new();
        for number in 0..400u32 {
            let address = std::net::Ipv4Addr::from_bits(number << 8 | rng.u32(..256));
            let line = match rng.u8(..20) {
                0 => format!("#{}", "c".repeat(rng.usize(..300))),
                1 => String::new(),
                2 => format!(":{}:text {number}", number % 50 + 1),
                3..6 => format!("{address} :{}:text {}", number % 50 + 1, rng.u8(..4)),
                _ => address.to_string(),
            };
            let _ = writeln!(text, "{line}");
        }
        text.truncate(text.len() - usize::from(!ended));
        text
    }

    fn seen(pieces: &[Piece<'_>]) -> (u32, Vec<u32>, Vec<String>) {
        let lines = pieces.iter().map(|piece| piece.lines).sum();
        let singles = pieces.iter().flat_map(|piece| piece.v4.singles.clone());
        let values = pieces.iter().flat_map(|piece| {
            let groups = piece.v4.by_value();
            let stated = groups.map(|(_, singles, value)| {
                let Said::Value(value) = value else {
                    unreachable!()
                };
                let (_, value) = &piece.values.values[value as usize];
                vec![format!("{value:?}"); singles.len()]
            });
            stated.flatten().collect::<Vec<_>>()
        });
        (lines, singles.collect(), values.collect())
    }

    #[test]
    fn pieces_say_what_the_whole_says() {
        let options = Options::default();
        let rules = Rules::of(DatasetType::Ip4set, &options);
        for seed in 0..60 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let text = text(&mut rng, seed % 2 == 0);
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(text.as_bytes()).unwrap();
            let opened = File::open(file.path()).unwrap();
            let size = rng.usize(20..200);
            let large = Large::new(opened, text.len(), size);
            let pieces = large.pieces(&rules).unwrap();
            let whole = [reading::read(text.as_bytes(), &rules)];
            assert_eq!(seen(&pieces), seen(&whole), "seed {seed}, pieces of {size}");
        }
    }
}
