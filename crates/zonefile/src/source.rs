//! Sources: the bytes of a file, gunzipped if need be.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::ops::Deref;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use flate2::bufread::GzDecoder;
use memmap2::MmapMut;
use rayon::prelude::*;

use crate::error::Error;
use crate::spec::Options;
use crate::warning::{Class, Warning};

/// The text of a file, and whose it is.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) path: Arc<Path>,
    pub(crate) text: SourceText,
}

/// The bytes of a source.
#[derive(Debug)]
pub(crate) enum SourceText {
    /// Of a small source, or one whose length was not known before.
    Small(Vec<u8>),
    /// Of a large one: memory of its own, in large pages where the system has them.
    Large(MmapMut),
}

impl Deref for SourceText {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            SourceText::Small(bytes) => bytes,
            SourceText::Large(bytes) => bytes,
        }
    }
}

/// From here on sources are read on all cores, in parts of this size.
const LARGE: usize = 4 * 1024 * 1024;

/// Flags of a gzip header that mean nothing yet; rbldnsd refuses files that have them.
const RESERVED_FLAGS: u8 = 0xe0;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

impl Source {
    /// Reads a file whole. It is not mapped: lists are often rewritten in place, and a mapping of
    /// a file that someone cuts short ends the program.
    pub(crate) fn read(
        path: &Path,
        options: &Options,
        warnings: &mut Vec<Warning>,
    ) -> Result<Source, Error> {
        let text = read_unchanged(path, options.limits.source_bytes)?;
        let path: Arc<Path> = path.into();
        if !text.starts_with(&GZIP_MAGIC) {
            return Ok(Source { path, text });
        }
        if options.refuse_gzip {
            return Err(Error::Compressed {
                path: path.to_path_buf(),
            });
        }
        let (plain, left) = gunzip(&path, &text, options.limits.source_bytes)?;
        if left > 0 {
            warnings.push(Warning {
                file: path.clone(),
                line: 0,
                class: Class::GzipTrailing,
                message: Class::GzipTrailing.message(),
            });
        }
        let text = SourceText::Small(plain);
        Ok(Source { path, text })
    }
}

/// Reads a file and sees to it that size and time stay as they were.
fn read_unchanged(path: &Path, limit: u64) -> Result<SourceText, Error> {
    let fail = |source| Error::Read {
        path: path.to_path_buf(),
        source,
    };
    let mut file = File::open(path).map_err(fail)?;
    let before = file.metadata().map_err(fail)?;
    if before.len() > limit {
        return Err(too_large(path, limit));
    }
    let text = match large_len(&before) {
        Some(len) => read_large(&file, len).map_err(fail)?,
        None => {
            let mut text = Vec::new();
            let mut limited = (&mut file).take(limit.saturating_add(1));
            limited.read_to_end(&mut text).map_err(fail)?;
            if text.len() as u64 > limit {
                return Err(too_large(path, limit));
            }
            Some(SourceText::Small(text))
        }
    };
    let after = fs::metadata(path).map_err(fail)?;
    let same = before.len() == after.len() && before.modified().ok() == after.modified().ok();
    text.filter(|_| same).ok_or_else(|| Error::Changed {
        path: path.to_path_buf(),
    })
}

fn too_large(path: &Path, limit: u64) -> Error {
    Error::SourceTooLarge {
        path: path.to_path_buf(),
        limit,
    }
}

/// The length of a large file. A pipe has none.
fn large_len(metadata: &Metadata) -> Option<usize> {
    let len = usize::try_from(metadata.len()).ok()?;
    (metadata.is_file() && len >= LARGE).then_some(len)
}

/// Reads a file on all cores; none if it has become shorter.
fn read_large(file: &File, len: usize) -> io::Result<Option<SourceText>> {
    let mut text = MmapMut::map_anon(len)?;
    #[cfg(target_os = "linux")]
    // A wish: without large pages it is slower, not wrong.
    let _ = text.advise(memmap2::Advice::HugePage);
    let read = text
        .par_chunks_mut(LARGE)
        .enumerate()
        .try_for_each(|(index, part)| file.read_exact_at(part, (index * LARGE) as u64));
    match read {
        Ok(()) => Ok(Some(SourceText::Large(text))),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

/// Unpacks the first member; also how many bytes stand after it.
fn gunzip(path: &Path, bytes: &[u8], limit: u64) -> Result<(Vec<u8>, usize), Error> {
    let damaged = |source| Error::Gzip {
        path: path.to_path_buf(),
        source,
    };
    if bytes
        .get(3)
        .is_some_and(|flags| flags & RESERVED_FLAGS != 0)
    {
        return Err(damaged(io::Error::new(
            io::ErrorKind::InvalidData,
            "reserved header bits are set",
        )));
    }
    let mut text = Vec::new();
    let mut decoder = GzDecoder::new(bytes);
    (&mut decoder)
        .take(limit.saturating_add(1))
        .read_to_end(&mut text)
        .map_err(damaged)?;
    if text.len() as u64 > limit {
        return Err(Error::SourceTooLarge {
            path: path.to_path_buf(),
            limit,
        });
    }
    Ok((text, decoder.into_inner().len()))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn read(bytes: &[u8], options: &Options) -> Result<(Vec<u8>, usize), Error> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), bytes).unwrap();
        let mut warnings = Vec::new();
        Source::read(file.path(), options, &mut warnings)
            .map(|source| (source.text.to_vec(), warnings.len()))
    }

    #[test]
    fn the_first_gzip_member_is_the_source() {
        let options = Options::default();
        let one = packed(b"1.2.3.4\n");
        assert_eq!(read(&one, &options).unwrap(), (b"1.2.3.4\n".to_vec(), 0));
        let two = [one.clone(), packed(b"5.6.7.8\n")].concat();
        assert_eq!(read(&two, &options).unwrap(), (b"1.2.3.4\n".to_vec(), 1));
    }

    #[test]
    fn damage_refuses_the_source() {
        let options = Options::default();
        let good = packed(&b"1.2.3.4\n".repeat(50));
        for cut in 2..good.len() {
            let cut = read(&good[..cut], &options);
            assert!(matches!(cut, Err(Error::Gzip { .. })));
        }
        let mut bad = good.clone();
        let crc = bad.len() - 6;
        bad[crc] ^= 1;
        assert!(matches!(read(&bad, &options), Err(Error::Gzip { .. })));
        let mut bad = good;
        bad[3] |= 0x20;
        assert!(matches!(read(&bad, &options), Err(Error::Gzip { .. })));
    }

    #[test]
    fn a_bomb_ends_at_the_limit() {
        let mut options = Options::default();
        options.limits.source_bytes = 1_000;
        let bomb = packed(&vec![b'\n'; 100_000]);
        let refused = read(&bomb, &options);
        assert!(matches!(refused, Err(Error::SourceTooLarge { .. })));
        let large = read(&vec![b'\n'; 1_001], &options);
        assert!(matches!(large, Err(Error::SourceTooLarge { .. })));
        options.refuse_gzip = true;
        let refused = read(&bomb[..900.min(bomb.len())], &options);
        assert!(matches!(refused, Err(Error::Compressed { .. })));
    }
}
