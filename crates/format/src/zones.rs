//! The ZONES section: which zones an image has, and what is said of each beside its content.
//!
//! Offsets of the records first, four bytes each, then the records: key length (2), key, expiry (8),
//! flags (1), length of the facts (4), facts.

use crate::bytes::u32_at;
use crate::error::{TooLarge, u32_of};

/// What the section says of one zone.
///
/// ```
/// use rblmap_format::zones::{ZoneRecord, write};
/// let section = write(&[ZoneRecord { key: b"", expires: 1_800_000_000, flags: 0, facts: b"" }])?;
/// assert_eq!(ZoneRecord::read(&section, 0).map(|base| base.expires), Some(1_800_000_000));
/// assert!(ZoneRecord::read(&section, 1).is_none());
/// # Ok::<(), rblmap_format::TooLarge>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ZoneRecord<'a> {
    /// The name relative to the image's base, as [`crate::NameKey::as_bytes`] gives it.
    pub key: &'a [u8],
    /// When the content stops being valid, in seconds since 1970; 0 for never.
    pub expires: u64,
    /// [`NAMES_REACH_V4`](crate::sections::NAMES_REACH_V4) and
    /// [`NAMES_REACH_V6`](crate::sections::NAMES_REACH_V6).
    pub flags: u8,
    /// TTL, SOA and NS, as `docs/format.md` encodes them.
    pub facts: &'a [u8],
}

impl<'a> ZoneRecord<'a> {
    /// The record of the zone of this number; `None` if it is not within the section.
    pub fn read(section: &'a [u8], index: usize) -> Option<ZoneRecord<'a>> {
        let at = u32_at(section.get(index.checked_mul(4)?..)?, 0) as usize;
        let record = section.get(at..)?;
        let (key_len, rest) = record.split_first_chunk::<2>()?;
        let (key, rest) = rest.split_at_checked(u16::from_le_bytes(*key_len).into())?;
        let (expires, rest) = rest.split_first_chunk::<8>()?;
        let (&flags, rest) = rest.split_first()?;
        let (facts_len, rest) = rest.split_first_chunk::<4>()?;
        let facts = rest.get(..u32::from_le_bytes(*facts_len) as usize)?;
        Some(ZoneRecord {
            key,
            expires: u64::from_le_bytes(*expires),
            flags,
            facts,
        })
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<(), TooLarge> {
        let key_len = u16::try_from(self.key.len()).expect("keys have at most 510 bytes");
        out.extend(key_len.to_le_bytes());
        out.extend(self.key);
        out.extend(self.expires.to_le_bytes());
        out.push(self.flags);
        out.extend(u32_of("zone facts", self.facts.len())?.to_le_bytes());
        out.extend(self.facts);
        Ok(())
    }
}

/// Writes the section. The records come in the order of their keys.
///
/// # Errors
/// 4 GiB of records or more.
pub fn write(records: &[ZoneRecord<'_>]) -> Result<Vec<u8>, TooLarge> {
    let head = records.len() * 4;
    let mut bytes = Vec::new();
    let mut out = Vec::with_capacity(head);
    for record in records {
        out.extend(u32_of("zone records", head + bytes.len())?.to_le_bytes());
        record.write(&mut bytes)?;
    }
    out.append(&mut bytes);
    Ok(out)
}
