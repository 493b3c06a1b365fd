//! Sources: the bytes of a file, gunzipped if need be.

use std::fs::{self, File, Metadata};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use crate::dataset_type::DatasetType;
use crate::error::Error;
use crate::large::{self, Large};
use crate::line::PIECE_BYTES;
use crate::packing::{MAGIC_BYTES, Members, Packing};
use crate::spec::Options;
use crate::warning::{Class, Warning};

/// A file, and what is known of its text.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) path: Arc<Path>,
    pub(crate) text: SourceText,
}

/// The text of a source.
#[derive(Debug)]
pub(crate) enum SourceText {
    Whole(Vec<u8>),
    /// Still to be read; and how the file was found.
    Large(Large, Metadata),
}

/// How much of a file has to be known before its lines are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// All of it: what a line means depends on lines far from it.
    Whole,
    /// Large files are read when their lines are: piece by piece, or at once and not kept.
    Later,
}

impl Source {
    /// Opens a file, and reads it unless it is a large one that can be read in pieces. It is not
    /// mapped: lists are often rewritten in place, and a mapping of a file that someone cuts short
    /// ends the program.
    pub(crate) fn open(
        path: &Path,
        kind: DatasetType,
        options: &Options,
        warnings: &mut Vec<Warning>,
    ) -> Result<Source, Error> {
        let access = if kind.reads_whole() && !kind.owns_texts() {
            Access::Whole
        } else {
            Access::Later
        };
        let limit = options.limits.source_bytes;
        let text = read_unchanged(path, access, limit)?;
        let path: Arc<Path> = path.into();
        let SourceText::Whole(packed) = text else {
            return Ok(Source { path, text });
        };
        let Some(packing) = Packing::of(&packed) else {
            let text = SourceText::Whole(packed);
            return Ok(Source { path, text });
        };
        if options.refuse_gzip && matches!(packing, Packing::Gzip | Packing::Zstd) {
            return Err(Error::Compressed {
                path: path.to_path_buf(),
            });
        }
        // rbldnsd reads the first member alone; whoever packs lists of other kinds means all.
        let members = if kind.is_list() {
            Members::All
        } else {
            Members::First
        };
        let (text, left) = packing.unpack(&path, &packed, members, limit)?;
        if left > 0 {
            warnings.push(Warning::new(path.clone(), 0, Class::GzipTrailing));
        }
        let text = SourceText::Whole(text);
        Ok(Source { path, text })
    }
}

/// Reads a file and sees to it that size and time stay as they were.
fn read_unchanged(path: &Path, access: Access, limit: u64) -> Result<SourceText, Error> {
    let fail = |source| Error::Read {
        path: path.to_path_buf(),
        source,
    };
    let too_large = || Error::SourceTooLarge {
        path: path.to_path_buf(),
        limit,
    };
    let mut file = File::open(path).map_err(fail)?;
    let before = file.metadata().map_err(fail)?;
    if before.len() > limit {
        return Err(too_large());
    }
    let len = large::large_len(&before);
    if access == Access::Later
        && let Some(len) = len
        && Packing::of(&large::head(&file, MAGIC_BYTES).map_err(fail)?).is_none()
    {
        let large = Large::new(file, len, PIECE_BYTES);
        return Ok(SourceText::Large(large, before));
    }
    let text = match len {
        Some(len) => {
            let mut text = vec![0; len];
            let read = large::fill(&file, &mut text).map_err(fail)?;
            text.truncate(read);
            text
        }
        // Not by its length: a pipe has none.
        None => {
            let mut text = Vec::new();
            let mut limited = (&mut file).take(limit.saturating_add(1));
            limited.read_to_end(&mut text).map_err(fail)?;
            text
        }
    };
    if text.len() as u64 > limit {
        return Err(too_large());
    }
    check_unchanged(path, &before)?;
    Ok(SourceText::Whole(text))
}

/// Sees to it that the file at a path has still the size and time that it had before.
pub(crate) fn check_unchanged(path: &Path, before: &Metadata) -> Result<(), Error> {
    let after = fs::metadata(path).map_err(|source| Error::Read {
        path: path.to_path_buf(),
        source,
    })?;
    let same = before.len() == after.len() && before.modified().ok() == after.modified().ok();
    if same {
        Ok(())
    } else {
        Err(Error::Changed {
            path: path.to_path_buf(),
        })
    }
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
        read_as(DatasetType::Ip4set, bytes, options)
    }

    fn read_as(
        kind: DatasetType,
        bytes: &[u8],
        options: &Options,
    ) -> Result<(Vec<u8>, usize), Error> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), bytes).unwrap();
        let mut warnings = Vec::new();
        let source = Source::open(file.path(), kind, options, &mut warnings)?;
        let SourceText::Whole(text) = source.text else {
            panic!("small files are read whole");
        };
        Ok((text, warnings.len()))
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
    fn all_gzip_members_are_a_list() {
        let options = Options::default();
        let plain = |bytes: &[u8]| read_as(DatasetType::Plain, bytes, &options);
        let both = (b"1.2.3.4\n5.6.7.8\n".to_vec(), 0);
        let two = [packed(b"1.2.3.4\n"), packed(b"5.6.7.8\n")].concat();
        assert_eq!(plain(&two).unwrap(), both);
        // Tapes are padded with zeros (gzip(1)); anything else behind a member is damage.
        let padded = [two.clone(), vec![0; 9]].concat();
        assert_eq!(plain(&padded).unwrap(), both);
        for tail in [&b"x"[..], b"\x1f\x8b", b"1.2.3.4\n"] {
            let damaged = [two.clone(), tail.to_vec()].concat();
            assert!(matches!(plain(&damaged), Err(Error::Gzip { .. })));
        }
    }

    #[test]
    fn zstd_is_read_and_other_packings_are_named() {
        let options = Options::default();
        let plain = |bytes: &[u8]| read_as(DatasetType::Plain, bytes, &options);
        let frame = |text: &[u8]| zstd::encode_all(text, 3).unwrap();
        let two = [frame(b"1.2.3.4\n"), frame(b"5.6.7.8\n")].concat();
        assert_eq!(plain(&two).unwrap(), (b"1.2.3.4\n5.6.7.8\n".to_vec(), 0));
        assert!(matches!(
            plain(&two[..two.len() - 3]),
            Err(Error::Zstd { .. })
        ));
        for (magic, name) in [
            (&b"\xfd7zXZ\0\0\x04"[..], "xz"),
            (b"PK\x03\x04\x14\0", "zip"),
            (b"BZh91AY&SY", "bzip2"),
        ] {
            let error = plain(magic).unwrap_err().to_string();
            assert!(
                error.contains(&format!("compressed with {name}")),
                "{error}"
            );
        }
    }

    #[test]
    fn a_file_that_changed_is_seen() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let before = file.as_file().metadata().unwrap();
        assert!(check_unchanged(file.path(), &before).is_ok());
        file.write_all(b"x").unwrap();
        let changed = check_unchanged(file.path(), &before);
        assert!(matches!(changed, Err(Error::Changed { .. })));
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
