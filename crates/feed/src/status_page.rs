//! `ZONE.status`: the page that readers map to learn of a new image and of its age.
//!
//! One page, made once, never renamed or cut; fields are eight bytes, aligned, little-endian and
//! written one at a time, the generation last. `docs/feed.md` has the layout.

use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rblmap::StatusPage;
use rblmap::status_layout::{
    CHECKED_AT, EXPIRED_FROM_AT, GENERATION_AT, HELD, MAGIC, PAGE_LEN, RETIRED, SERIAL_AT,
    STALE_FROM_AT, VERSION, VERSION_AT,
};
use rblmap_image::place;

use crate::error::{Error, reading, writing};

/// Reads a page; none if there is none, or it is no page of a version that is known.
///
/// # Errors
/// A file that cannot be read.
pub(crate) fn read(path: &Path) -> Result<Option<StatusPage>, Error> {
    match fs::read(path) {
        Ok(bytes) => Ok(StatusPage::read(&bytes).ok()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(reading(path)(error)),
    }
}

/// Writes what differs from the page at `path`, which is made if there is none.
///
/// # Errors
/// A file that cannot be written.
pub(crate) fn write(path: &Path, page: &StatusPage) -> Result<(), Error> {
    let Some(old) = read(path)? else {
        return place(path, &bytes(page)).map_err(writing(path));
    };
    let file = OpenOptions::new().write(true).open(path);
    let file = file.map_err(writing(path))?;
    let put = |at: usize, old: u64, new: u64| match old == new {
        true => Ok(()),
        false => file.write_all_at(&new.to_le_bytes(), at as u64),
    };
    let fields = [
        (VERSION_AT, head(&old), head(page)),
        (STALE_FROM_AT, old.stale_from, page.stale_from),
        (EXPIRED_FROM_AT, old.expired_from, page.expired_from),
        (SERIAL_AT, old.serial, page.serial),
        (CHECKED_AT, old.checked, page.checked),
        (GENERATION_AT, old.generation, page.generation),
    ];
    let mut fields = fields.into_iter();
    let written = fields.try_for_each(|(at, old, new)| put(at, old, new));
    written.map_err(writing(path))
}

/// Version, zero and flags.
fn head(page: &StatusPage) -> u64 {
    let bit = |is: bool, bit: u32| if is { u64::from(bit) } else { 0 };
    let flags = bit(page.retired, RETIRED) | bit(page.held, HELD);
    u64::from(VERSION) | flags << 32
}

fn bytes(page: &StatusPage) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(PAGE_LEN);
    bytes.extend(MAGIC);
    for field in [
        head(page),
        page.generation,
        page.stale_from,
        page.expired_from,
        page.serial,
        page.checked,
    ] {
        bytes.extend(field.to_le_bytes());
    }
    bytes.resize(PAGE_LEN, 0);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_made_once_and_written_in_place() {
        use std::os::unix::fs::MetadataExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ops.example.status");
        assert_eq!(read(&path).unwrap(), None);
        let mut status = StatusPage {
            generation: 1,
            stale_from: 2,
            expired_from: 3,
            serial: 4,
            checked: 5,
            ..StatusPage::default()
        };
        write(&path, &status).unwrap();
        let made = fs::metadata(&path).unwrap();
        assert_eq!(read(&path).unwrap(), Some(status));
        status.retired = true;
        status.held = true;
        status.generation = 2;
        status.checked = u64::MAX;
        write(&path, &status).unwrap();
        assert_eq!(read(&path).unwrap(), Some(status));
        let now = fs::metadata(&path).unwrap();
        assert_eq!((now.ino(), now.len()), (made.ino(), PAGE_LEN as u64));
        let bytes = fs::read(&path).unwrap();
        assert_eq!(bytes[..16], *b"\x89rblstat\x01\0\0\0\x03\0\0\0");
        assert_eq!(bytes[16..24], 2u64.to_le_bytes());
    }
}
