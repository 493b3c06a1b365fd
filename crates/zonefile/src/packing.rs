//! Compressed sources: which packing it is, by the first bytes, and what is in it.

use std::io::{self, Read};
use std::path::Path;

use flate2::bufread::{GzDecoder, MultiGzDecoder};

use crate::error::Error;

/// So many bytes tell the packing.
pub(crate) const MAGIC_BYTES: usize = 16;

/// Flags of a gzip header that mean nothing yet; rbldnsd refuses files that have them.
const RESERVED_FLAGS: u8 = 0xe0;

/// How a source is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    Gzip,
    Zstd,
    /// Known, but not read: its name, and what unpacks it.
    Other(&'static str, &'static str),
}

/// How much of a gzip file counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Members {
    First,
    All,
}

impl Packing {
    /// The packing of a file that begins with these bytes; none for a text.
    pub(crate) fn of(head: &[u8]) -> Option<Packing> {
        Some(match head {
            [0x1f, 0x8b, ..] => Packing::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Packing::Zstd,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Packing::Other("xz", "xz -d FILE"),
            [b'P', b'K', 3, 4, ..] => Packing::Other("zip", "unzip FILE"),
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, ..] => {
                Packing::Other("bzip2", "bzip2 -d FILE")
            }
            _ => return None,
        })
    }

    /// Unpacks; also how many bytes were left unread.
    pub(crate) fn unpack(
        self,
        path: &Path,
        bytes: &[u8],
        members: Members,
        limit: u64,
    ) -> Result<(Vec<u8>, usize), Error> {
        match self {
            Packing::Gzip => gunzip(path, bytes, members, limit),
            Packing::Zstd => unzstd(path, bytes, limit).map(|text| (text, 0)),
            Packing::Other(kind, command) => Err(Error::Packed {
                path: path.to_path_buf(),
                kind,
                command,
            }),
        }
    }
}

fn gunzip(
    path: &Path,
    bytes: &[u8],
    members: Members,
    limit: u64,
) -> Result<(Vec<u8>, usize), Error> {
    let damaged = |source| Error::Gzip {
        path: path.to_path_buf(),
        source,
    };
    let flags = bytes.get(3).copied().unwrap_or_default();
    if flags & RESERVED_FLAGS != 0 {
        let what = "reserved header bits are set";
        return Err(damaged(io::Error::new(io::ErrorKind::InvalidData, what)));
    }
    match members {
        Members::First => {
            let mut decoder = GzDecoder::new(bytes);
            let text = limited(path, &mut decoder, limit, damaged)?;
            Ok((text, decoder.into_inner().len()))
        }
        Members::All => {
            let mut padding = bytes;
            while let [rest @ .., 0] = padding {
                padding = rest;
            }
            // A member may end in zeros: they are padding only where the last one is whole before.
            let whole = limited(path, &mut MultiGzDecoder::new(bytes), limit, damaged);
            match whole {
                Err(Error::Gzip { .. }) if padding.len() < bytes.len() => {
                    unpadded(path, bytes, limit)
                }
                whole => Ok((whole?, 0)),
            }
        }
    }
}

/// Members, and zeros behind the last of them.
fn unpadded(path: &Path, bytes: &[u8], limit: u64) -> Result<(Vec<u8>, usize), Error> {
    let damaged = |source| Error::Gzip {
        path: path.to_path_buf(),
        source,
    };
    let mut text = Vec::new();
    let mut rest = bytes;
    while !rest.iter().all(|&byte| byte == 0) {
        let mut decoder = GzDecoder::new(rest);
        let left = limit - text.len() as u64;
        text.extend(limited(path, &mut decoder, left, damaged)?);
        rest = decoder.into_inner();
    }
    Ok((text, 0))
}

/// All frames, one behind the other.
fn unzstd(path: &Path, bytes: &[u8], limit: u64) -> Result<Vec<u8>, Error> {
    let damaged = |source| Error::Zstd {
        path: path.to_path_buf(),
        source,
    };
    let mut decoder = zstd::Decoder::with_buffer(bytes).map_err(damaged)?;
    limited(path, &mut decoder, limit, damaged)
}

fn limited(
    path: &Path,
    decoder: &mut impl Read,
    limit: u64,
    damaged: impl Fn(io::Error) -> Error,
) -> Result<Vec<u8>, Error> {
    let mut text = Vec::new();
    decoder
        .take(limit.saturating_add(1))
        .read_to_end(&mut text)
        .map_err(damaged)?;
    if text.len() as u64 > limit {
        return Err(Error::SourceTooLarge {
            path: path.to_path_buf(),
            limit,
        });
    }
    Ok(text)
}
