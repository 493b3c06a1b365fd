//! A feed in a folder of this machine.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use super::{Remarks, Want, make_parent};
use crate::disk::Dir;
use crate::error::{Error, Reach, writing};

/// Copies files, each up to a byte over its limit.
pub(super) fn fetch(
    root: &Path,
    name: &str,
    wants: &[Want],
    spool: &Dir,
) -> Result<Remarks, Error> {
    if !root.is_dir() {
        return Err(Error::Transport {
            source_name: name.to_owned(),
            what: "no such folder".to_owned(),
            retry_after: None,
            reach: Reach::Source,
        });
    }
    let mut remarks = Remarks::default();
    for want in wants {
        match read(&root.join(want.path.as_str()), want.limit) {
            Ok(bytes) => {
                let (folder, name) = make_parent(spool, &want.path)?;
                let put = folder
                    .create(name)
                    .and_then(|mut file| file.write_all(&bytes));
                put.map_err(writing(folder.path().join(name)))?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                remarks.add(want.path.as_str(), "no such file there");
            }
            Err(error) => remarks.add(want.path.as_str(), error.to_string()),
        }
    }
    Ok(remarks)
}

/// Reads a regular file; one that is none must not hold us up.
fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}
