//! A feed in a folder of this machine.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use super::{Want, in_spool, make_parent};
use crate::error::{Error, writing};

/// Copies files, each up to a byte over its limit.
pub(super) fn fetch(root: &Path, name: &str, wants: &[Want], spool: &Path) -> Result<(), Error> {
    if !root.is_dir() {
        return Err(unreachable_source(name, "no such folder"));
    }
    for want in wants {
        let from = root.join(want.path.as_str());
        let file = match File::open(&from) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(unreachable_source(name, &format!("{}: {error}", want.path))),
        };
        let to = in_spool(spool, &want.path);
        make_parent(&to)?;
        let mut bytes = Vec::new();
        let read = file.take(want.limit + 1).read_to_end(&mut bytes);
        read.map_err(|error| unreachable_source(name, &format!("{}: {error}", want.path)))?;
        fs::write(&to, bytes).map_err(writing(&to))?;
    }
    Ok(())
}

fn unreachable_source(name: &str, what: &str) -> Error {
    Error::Transport {
        source_name: name.to_owned(),
        what: what.to_owned(),
        retry_after: None,
    }
}
