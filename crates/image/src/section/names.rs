//! Writes names: ends of keys, what each name says of itself and of those below, keys.

use super::push_id;
use crate::error::Error;
use rblmap_content::NameTable;

/// The section's bytes; its parameter is the number of names.
pub(crate) fn encode(names: &NameTable, width: usize) -> Result<Vec<u8>, Error> {
    let key_len: u64 = names.iter().map(|point| point.key.len() as u64).sum();
    if u32::try_from(key_len).is_err() {
        let limit = u32::MAX.into();
        return Err(Error::TooLarge {
            what: "keys of names",
            size: key_len,
            limit,
        });
    }
    let mut out = Vec::new();
    let mut end = 0u32;
    for point in names.iter() {
        // The sum fits, so does each.
        end += u32::try_from(point.key.len()).unwrap_or(0);
        out.extend(end.to_le_bytes());
    }
    names
        .iter()
        .for_each(|point| push_id(&mut out, width, point.exact.code()));
    names
        .iter()
        .for_each(|point| push_id(&mut out, width, point.below.code()));
    names
        .iter()
        .for_each(|point| out.extend_from_slice(point.key));
    Ok(out)
}
