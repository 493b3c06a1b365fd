//! `ZONE.status`: the page that readers map to learn of a new image and of its age.
//!
//! One page, made once, never renamed or cut; fields are eight bytes, aligned, little-endian and
//! written one at a time, the generation last. `docs/feed.md` has the layout.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

use rblmap::layout::status::{
    CHECKED_AT, EXPIRED_FROM_AT, GENERATION_AT, HELD, MAGIC, PAGE_LEN, RETIRED, SERIAL_AT,
    STALE_FROM_AT, VERSION, VERSION_AT,
};
use rblmap_image::place;

use crate::error::{Error, reading, writing};

/// What the page says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Status {
    /// The publisher gave the zone up: nothing is listed.
    pub retired: bool,
    /// A rollback holds the image.
    pub held: bool,
    /// Rises with every new image.
    pub generation: u64,
    /// From when on the data is stale, seconds since 1970; 0 for never.
    pub stale_from: u64,
    /// From when on it is expired; 0 for never.
    pub expired_from: u64,
    /// Serial of the image.
    pub serial: u64,
    /// The last check that succeeded.
    pub checked: u64,
}

impl Status {
    /// Reads a page; none if there is none, or it is no page of a version that is known.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn read(path: &Path) -> Result<Option<Status>, Error> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(reading(path)(error)),
        };
        let mut page = [0; 64];
        if file.read_exact_at(&mut page, 0).is_err() {
            return Ok(None);
        }
        let number = |at: usize| {
            let bytes = page.get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
            bytes.map_or(0, u64::from_le_bytes)
        };
        if number(0) != u64::from_le_bytes(MAGIC)
            || number(VERSION_AT) & 0xffff_ffff != u64::from(VERSION)
        {
            return Ok(None);
        }
        let flags = number(VERSION_AT) >> 32;
        Ok(Some(Status {
            retired: flags & u64::from(RETIRED) != 0,
            held: flags & u64::from(HELD) != 0,
            generation: number(GENERATION_AT),
            stale_from: number(STALE_FROM_AT),
            expired_from: number(EXPIRED_FROM_AT),
            serial: number(SERIAL_AT),
            checked: number(CHECKED_AT),
        }))
    }

    /// Writes what differs from the page at `path`, which is made if there is none.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let Some(old) = Status::read(path)? else {
            return place(path, &self.page()).map_err(writing(path));
        };
        let file = OpenOptions::new().write(true).open(path);
        let file = file.map_err(writing(path))?;
        let put = |at: usize, old: u64, new: u64| match old == new {
            true => Ok(()),
            false => file.write_all_at(&new.to_le_bytes(), at as u64),
        };
        let fields = [
            (VERSION_AT, old.head(), self.head()),
            (STALE_FROM_AT, old.stale_from, self.stale_from),
            (EXPIRED_FROM_AT, old.expired_from, self.expired_from),
            (SERIAL_AT, old.serial, self.serial),
            (CHECKED_AT, old.checked, self.checked),
            (GENERATION_AT, old.generation, self.generation),
        ];
        let mut fields = fields.into_iter();
        let written = fields.try_for_each(|(at, old, new)| put(at, old, new));
        written.map_err(writing(path))
    }

    /// Version, zero and flags.
    fn head(&self) -> u64 {
        let bit = |is: bool, bit: u32| if is { u64::from(bit) } else { 0 };
        let flags = bit(self.retired, RETIRED) | bit(self.held, HELD);
        u64::from(VERSION) | flags << 32
    }

    fn page(&self) -> Vec<u8> {
        let mut page = Vec::with_capacity(PAGE_LEN);
        page.extend(MAGIC);
        for field in [
            self.head(),
            self.generation,
            self.stale_from,
            self.expired_from,
            self.serial,
            self.checked,
        ] {
            page.extend(field.to_le_bytes());
        }
        page.resize(PAGE_LEN, 0);
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_made_once_and_written_in_place() {
        use std::os::unix::fs::MetadataExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ops.example.status");
        assert_eq!(Status::read(&path).unwrap(), None);
        let mut status = Status {
            generation: 1,
            stale_from: 2,
            expired_from: 3,
            serial: 4,
            checked: 5,
            ..Status::default()
        };
        status.write(&path).unwrap();
        let made = std::fs::metadata(&path).unwrap();
        assert_eq!(Status::read(&path).unwrap(), Some(status));
        status.retired = true;
        status.held = true;
        status.generation = 2;
        status.checked = u64::MAX;
        status.write(&path).unwrap();
        assert_eq!(Status::read(&path).unwrap(), Some(status));
        let now = std::fs::metadata(&path).unwrap();
        assert_eq!((now.ino(), now.len()), (made.ino(), PAGE_LEN as u64));
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(bytes[..16], *b"\x89rblstat\x01\0\0\0\x03\0\0\0");
        assert_eq!(bytes[16..24], 2u64.to_le_bytes());
    }
}
