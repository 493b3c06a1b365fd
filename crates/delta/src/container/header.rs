//! The header of snapshots and deltas, and the check that finds damage. `docs/delta.md` describes
//! every byte.

use rblmap_content::{ContentId, ZoneName};
use rblmap_format::varint::{push_uv, take_uv};
use rblmap_image::Stamp;

use crate::container::ids::{IMAGE_FORMAT, IdPrefix, ImageRoot, Session};
use crate::error::Error;

const SNAPSHOT: [u8; 4] = *b"\x89rbs";
const DELTA: [u8; 4] = *b"\x89rbd";
const FORMAT_AT: usize = 4;
const FORMAT: u8 = 4;
const CHECK_AT: usize = 5;
const CHECK_END: usize = CHECK_AT + CHECK;
const CHECK: usize = 8;

/// Snapshot or delta.
///
/// See the example of [`Header`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Content whole.
    Snapshot,
    /// The change from one content to another.
    Delta {
        /// The content it applies to.
        base: IdPrefix,
        /// That content's serial.
        from_serial: u64,
    },
}

/// What a snapshot or delta says of itself.
///
/// ```
/// # use rblmap_delta::{Session, Header, Kind, pack};
/// let image = rblmap::Image::read("testdata/three.rbl")?;
/// let header = Header::read(&pack(&image, Session(7))?)?;
/// assert_eq!(header.zone.as_str(), "ops.example");
/// assert_eq!((header.kind, header.session, header.to_serial), (Kind::Snapshot, Session(7), 1));
/// assert_eq!(header.result.as_bytes(), &image.content_id());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Snapshot or delta.
    pub kind: Kind,
    /// The zone's name.
    pub zone: ZoneName,
    /// The line of serials.
    pub session: Session,
    /// The serial of the result.
    pub to_serial: u64,
    /// When the result was made, in seconds since 1970.
    pub created: u64,
    /// The content of the result.
    pub result: ContentId,
    /// The image of the result; none if whoever wrote the file had it in another format or layout.
    /// Whoever makes an image of this one need not work the content id out.
    pub image: Option<ImageRoot>,
}

impl Header {
    /// Reads the header and compares the check with all bytes: damage anywhere in the file shows
    /// here. One pass of blake3.
    ///
    /// # Errors
    /// Bytes that are no snapshot or delta, of a newer format, or not as they were written.
    pub fn read(bytes: &[u8]) -> Result<Header, Error> {
        split(bytes).map(|(header, _)| header)
    }

    /// The serial of the base; 0 for a snapshot.
    pub fn from_serial(&self) -> u64 {
        match self.kind {
            Kind::Snapshot => 0,
            Kind::Delta { from_serial, .. } => from_serial,
        }
    }

    /// Serial and creation time of the result.
    pub fn stamp(&self) -> Stamp {
        Stamp {
            serial: self.to_serial,
            created: self.created,
        }
    }

    /// The header, then the frame, and the check over both.
    pub(crate) fn seal(&self, frame: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(frame.len() + 400);
        out.extend(match self.kind {
            Kind::Snapshot => SNAPSHOT,
            Kind::Delta { .. } => DELTA,
        });
        out.push(FORMAT);
        out.extend([0; CHECK]);
        // A zone name has at most 253 bytes.
        out.push(u8::try_from(self.zone.as_str().len()).unwrap_or(u8::MAX));
        out.extend(self.zone.as_str().as_bytes());
        push_uv(&mut out, self.session.0);
        push_uv(&mut out, self.to_serial);
        push_uv(&mut out, self.created);
        out.extend(self.result.as_bytes());
        match self.image {
            Some(root) => {
                out.push(IMAGE_FORMAT);
                out.extend(root.0);
            }
            None => out.push(0),
        }
        if let Kind::Delta { base, from_serial } = self.kind {
            push_uv(&mut out, from_serial);
            out.extend(base.0);
        }
        out.extend(frame);
        let check = check(&out);
        if let Some(place) = out.get_mut(CHECK_AT..CHECK_END) {
            place.copy_from_slice(&check);
        }
        out
    }
}

/// Header and frame of a file whose check holds.
pub(crate) fn split(bytes: &[u8]) -> Result<(Header, &[u8]), Error> {
    let snapshot = check_start(bytes)?;
    let mut cursor = Cursor {
        rest: bytes.get(CHECK_END..).unwrap_or_default(),
        len: bytes.len(),
    };
    let zone = cursor.field("zone name", take_zone)?;
    let session = Session(cursor.field("session", take_uv)?);
    let to_serial = cursor.field("serial", take_uv)?;
    let created = cursor.field("creation time", take_uv)?;
    let result = ContentId::from_bytes(cursor.field("content id", take)?);
    let [format] = cursor.field("image format", take)?;
    let mut image = None;
    if format != 0 {
        let root = cursor.field("image root", take)?;
        // No image that is made here has the root of one in another format.
        image = (format == IMAGE_FORMAT).then_some(ImageRoot(root));
    }
    let kind = if snapshot {
        Kind::Snapshot
    } else {
        let from_serial = cursor.field("serial of the base", take_uv)?;
        let base = IdPrefix(cursor.field("content id of the base", take)?);
        Kind::Delta { base, from_serial }
    };
    let header = Header {
        kind,
        zone,
        session,
        to_serial,
        created,
        result,
        image,
    };
    Ok((header, cursor.rest))
}

/// Looks at what stands before the fields: the first bytes, the format and the check. Whether it is a
/// snapshot.
fn check_start(bytes: &[u8]) -> Result<bool, Error> {
    let known = [SNAPSHOT, DELTA];
    let head = bytes.get(..FORMAT_AT.min(bytes.len())).unwrap_or_default();
    if head.is_empty() || !known.iter().any(|magic| magic.starts_with(head)) {
        return Err(Error::Foreign);
    }
    let damaged = || Error::Damaged {
        len: bytes.len() as u64,
    };
    let known = FORMAT;
    match *bytes.get(FORMAT_AT).ok_or_else(damaged)? {
        FORMAT => {}
        0 => return Err(damaged()),
        found @ ..FORMAT => return Err(Error::OlderFormat { found, known }),
        found => return Err(Error::NewerFormat { found, known }),
    }
    if bytes.get(CHECK_AT..CHECK_END) != Some(check(bytes).as_slice()) {
        return Err(damaged());
    }
    Ok(head == SNAPSHOT)
}

/// What is left of a file.
struct Cursor<'a> {
    rest: &'a [u8],
    /// The length of the file.
    len: usize,
}

impl<'a> Cursor<'a> {
    /// Takes a field off.
    ///
    /// # Errors
    /// If it is not there, or nobody writes it so.
    fn field<T>(
        &mut self,
        what: &'static str,
        take: impl Fn(&mut &'a [u8]) -> Option<T>,
    ) -> Result<T, Error> {
        let offset = (self.len - self.rest.len()) as u64;
        take(&mut self.rest).ok_or(Error::Field { what, offset })
    }
}

/// The last bytes of blake3 over all bytes but the check itself.
fn check(bytes: &[u8]) -> [u8; CHECK] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(bytes.get(..CHECK_AT).unwrap_or_default());
    hasher.update(bytes.get(CHECK_END..).unwrap_or_default());
    let digest = hasher.finalize();
    let (_, last) = digest.as_bytes().split_at(32 - CHECK);
    last.try_into().unwrap_or_default()
}

fn take_zone(rest: &mut &[u8]) -> Option<ZoneName> {
    let (&len, after) = rest.split_first()?;
    let (name, after) = after.split_at_checked(len.into())?;
    let name = std::str::from_utf8(name).ok()?;
    *rest = after;
    // A name is written in one way only.
    name.parse()
        .ok()
        .filter(|zone: &ZoneName| zone.as_str() == name)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (bytes, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_come_back_and_damage_shows() {
        let header = Header {
            kind: Kind::Delta {
                base: IdPrefix([3; 8]),
                from_serial: 41,
            },
            zone: "ops.example".parse().unwrap(),
            session: Session(5),
            to_serial: 300,
            created: 1_790_000_000,
            result: ContentId::from_bytes([9; 32]),
            image: Some(ImageRoot([5; 16])),
        };
        let bytes = header.seal(b"frame");
        assert_eq!(split(&bytes).unwrap(), (header, &b"frame"[..]));
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let error = Header::read(&damaged).unwrap_err();
            let expected = match bit / 8 {
                0..FORMAT_AT => matches!(error, Error::Foreign | Error::Damaged { .. }),
                FORMAT_AT => matches!(
                    error,
                    Error::NewerFormat { .. } | Error::OlderFormat { .. } | Error::Damaged { .. }
                ),
                _ => matches!(error, Error::Damaged { .. }),
            };
            assert!(expected, "bit {bit}: {error}");
        }
        let mut older = bytes.clone();
        older[FORMAT_AT] = FORMAT - 1;
        let error = Header::read(&older).unwrap_err();
        assert!(matches!(error, Error::OlderFormat { .. }), "{error}");
        for cut in 0..bytes.len() {
            let error = Header::read(&bytes[..cut]).unwrap_err();
            assert_eq!(
                matches!(error, Error::Foreign),
                cut == 0,
                "cut {cut}: {error}"
            );
        }
    }
}
