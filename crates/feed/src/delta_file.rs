//! A delta of a feed, as manifests and delta indexes name it.

use rblmap_content::ZoneName;
use serde::{Deserialize, Serialize};

use crate::digest::FileHash;
use crate::path::FeedPath;

/// A delta in the folder `d`. In JSON it is the name of its file and its length,
/// `"FROM-TO-HASH:BYTES"`: a manifest names some twenty of them, and is read at every update.
///
/// See the example of [`Health`](crate::Health).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DeltaFile {
    /// The serial it applies to.
    pub from: u64,
    /// The serial it leads to.
    pub to: u64,
    /// Length of the file.
    pub bytes: u64,
    /// Hash of the file.
    pub hash: FileHash,
}

impl DeltaFile {
    /// Where the file is.
    pub(crate) fn path(&self, zone: &ZoneName) -> FeedPath {
        FeedPath::delta(zone, self.from, self.to, self.hash)
    }
}

impl TryFrom<String> for DeltaFile {
    type Error = String;

    fn try_from(text: String) -> Result<DeltaFile, String> {
        let parse = || {
            let (name, bytes) = text.split_once(':')?;
            let mut parts = name.splitn(3, '-');
            let delta = DeltaFile {
                from: parts.next()?.parse().ok()?,
                to: parts.next()?.parse().ok()?,
                hash: parts.next()?.parse().ok()?,
                bytes: bytes.parse().ok()?,
            };
            // One spelling for one delta.
            (String::from(delta) == text).then_some(delta)
        };
        parse().ok_or_else(|| format!("{text:?} is not FROM-TO-HASH:BYTES"))
    }
}

impl From<DeltaFile> for String {
    fn from(delta: DeltaFile) -> String {
        let DeltaFile {
            from,
            to,
            bytes,
            hash,
        } = delta;
        format!("{from}-{to}-{hash}:{bytes}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deltas_come_back_from_their_one_spelling() {
        let text = "18-19-6e1b20d22bd501c5ba28:119";
        let delta = DeltaFile::try_from(text.to_owned()).unwrap();
        assert_eq!((delta.from, delta.to, delta.bytes), (18, 19, 119));
        assert_eq!(String::from(delta), text);
        for bad in [
            "018-19-6e1b20d22bd501c5ba28:119",
            "18-19-6e1b20d22bd501c5ba28:+119",
            "18-19-6e1b20d22bd501c5ba2:119",
            "18-19-6e1b20d22bd501c5ba28",
            "18--19-6e1b20d22bd501c5ba28:1",
            "../x:1",
            "",
        ] {
            assert!(DeltaFile::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
