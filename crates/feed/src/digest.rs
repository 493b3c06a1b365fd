//! The hash in the names of feed files.

use std::fmt;
use std::str::FromStr;

/// The first 20 hex digits of a file's blake3: what `b3sum` prints, cut.
///
/// See the example of [`Health`](crate::Health).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct FileHash([u8; 10]);

impl FileHash {
    /// The hash of these bytes.
    pub fn of(bytes: &[u8]) -> FileHash {
        let hash = blake3::hash(bytes);
        let (first, _) = hash.as_bytes().split_at(10);
        FileHash(first.try_into().unwrap_or_default())
    }
}

impl fmt::Display for FileHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for FileHash {
    type Err = String;

    fn from_str(text: &str) -> Result<FileHash, String> {
        let bad = || format!("{text:?} is not 20 hex digits");
        let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() != 20 || !text.bytes().all(digit) {
            return Err(bad());
        }
        let mut bytes = [0; 10];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| bad())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| bad())?;
        }
        Ok(FileHash(bytes))
    }
}

impl TryFrom<String> for FileHash {
    type Error = String;

    fn try_from(text: String) -> Result<FileHash, String> {
        text.parse()
    }
}

impl From<FileHash> for String {
    fn from(hash: FileHash) -> String {
        hash.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_what_b3sum_prints() {
        // b3sum of "abc", published with the BLAKE3 test vectors of other implementations.
        let hash = FileHash::of(b"abc");
        assert_eq!(hash.to_string(), "6437b3ac38465133ffb6");
        assert_eq!("6437b3ac38465133ffb6".parse(), Ok(hash));
        assert!("6437B3ac38465133ffb6".parse::<FileHash>().is_err());
        assert!("6437".parse::<FileHash>().is_err());
    }
}
