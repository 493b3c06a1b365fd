//! `ZONE.status`: the page that readers map to learn of a new image and of its age.
//!
//! One page, made once, never renamed or cut; fields are eight bytes, aligned, little-endian and
//! written one at a time, the generation last. `docs/feed.md` has the layout.

use std::os::unix::fs::FileExt;

use rblmap::StatusPage;
use rblmap::status_layout::{
    CHECKED_AT, EXPIRED_FROM_AT, GENERATION_AT, HELD, MAGIC, PAGE_LEN, RETIRED, SERIAL_AT,
    STALE_FROM_AT, VERSION, VERSION_AT,
};

use crate::access::Access;
use crate::disk::Dir;
use crate::error::{Error, writing};

/// Reads a page; none if there is none, or it is no page of a version that is known.
///
/// # Errors
/// A file that cannot be read.
pub(crate) fn read(dir: &Dir, name: &str) -> Result<Option<StatusPage>, Error> {
    match dir.stat(name) {
        // One that was cut or that grew is no page any more.
        Some(stat) if stat.st_size == PAGE_LEN as i64 => {
            let bytes = dir.read(name, PAGE_LEN as u64)?;
            Ok(bytes.and_then(|bytes| StatusPage::read(&bytes).ok()))
        }
        _ => Ok(None),
    }
}

/// Writes what differs from the page that is there, which is made if there is none.
///
/// # Errors
/// A file that cannot be written.
pub(crate) fn write(dir: &Dir, name: &str, page: &StatusPage) -> Result<(), Error> {
    let Some(old) = read(dir, name)? else {
        return dir.place(name, &bytes(page), &Access::public());
    };
    let failed = writing(dir.path().join(name));
    let put = || -> std::io::Result<()> {
        let file = dir.open_write(name)?;
        for (at, old, new) in [
            (VERSION_AT, head(&old), head(page)),
            (STALE_FROM_AT, old.stale_from, page.stale_from),
            (EXPIRED_FROM_AT, old.expired_from, page.expired_from),
            (SERIAL_AT, old.serial, page.serial),
            (CHECKED_AT, old.checked, page.checked),
            (GENERATION_AT, old.generation, page.generation),
        ] {
            if old != new {
                file.write_all_at(&new.to_le_bytes(), at as u64)?;
            }
        }
        Ok(())
    };
    put().map_err(failed)
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
        use std::fs;
        use std::os::unix::fs::MetadataExt;
        let folder = tempfile::tempdir().unwrap();
        let dir = Dir::open(folder.path()).unwrap();
        let name = "ops.example.status";
        let path = folder.path().join(name);
        assert_eq!(read(&dir, name).unwrap(), None);
        let mut status = StatusPage {
            generation: 1,
            stale_from: 2,
            expired_from: 3,
            serial: 4,
            checked: 5,
            ..StatusPage::default()
        };
        write(&dir, name, &status).unwrap();
        let made = fs::metadata(&path).unwrap();
        assert_eq!(read(&dir, name).unwrap(), Some(status));
        status.retired = true;
        status.held = true;
        status.generation = 2;
        status.checked = u64::MAX;
        write(&dir, name, &status).unwrap();
        assert_eq!(read(&dir, name).unwrap(), Some(status));
        let now = fs::metadata(&path).unwrap();
        assert_eq!((now.ino(), now.len()), (made.ino(), PAGE_LEN as u64));
        let bytes = fs::read(&path).unwrap();
        assert_eq!(bytes[..16], *b"\x89rblstat\x01\0\0\0\x03\0\0\0");
        assert_eq!(bytes[16..24], 2u64.to_le_bytes());
        // A page that was cut or wiped is made again.
        for damaged in [vec![0; PAGE_LEN], vec![1; 100], Vec::new()] {
            fs::write(&path, damaged).unwrap();
            assert_eq!(read(&dir, name).unwrap(), None);
            write(&dir, name, &status).unwrap();
            assert_eq!(read(&dir, name).unwrap(), Some(status));
        }
    }
}
