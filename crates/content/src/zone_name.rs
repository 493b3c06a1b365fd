//! The name of a zone as it stands in file names, headers and messages.

use std::fmt;
use std::str::FromStr;

/// A zone's name: labels of `a-z`, `0-9` and `-` between dots, at most 253 bytes. It becomes part
/// of paths, so nothing else is let in.
///
/// ```
/// use rblmap_content::ZoneName;
/// let zone: ZoneName = "Ops.Example.".parse()?;
/// assert_eq!(zone.as_str(), "ops.example");
/// assert!("../etc".parse::<ZoneName>().is_err());
/// # Ok::<(), rblmap_content::ZoneNameError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ZoneName(String);

/// The text is no zone name.
///
/// See the example of [`ZoneName`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("zone name {0:?}: not labels of a-z, 0-9 and - between dots, at most 253 bytes in all")]
pub struct ZoneNameError(String);

impl ZoneName {
    /// The name, in lower case, without a dot at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ZoneName {
    type Err = ZoneNameError;

    fn from_str(text: &str) -> Result<ZoneName, ZoneNameError> {
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let label_ok = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(allowed);
        if name.len() > 253 || !name.split('.').all(label_ok) {
            return Err(ZoneNameError(text.to_owned()));
        }
        Ok(ZoneName(name))
    }
}

impl fmt::Display for ZoneName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
