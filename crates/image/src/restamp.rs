//! The same image with another serial and time.

use rblmap::{Image, root_digest};
use rblmap_format::bytes::put_bytes;
use rblmap_format::sections::{self as layout, kind};

use crate::decode::decode;
use crate::encode::{Layout, encode};
use crate::error::Error;
use crate::stamp::Stamp;

/// The bytes of the same image with another serial and creation time: what [`encode`] makes of its
/// content with that stamp.
///
/// Both stand in the header, which only the root covers: the rest is copied, and nothing but the
/// header, the section table and the digests is hashed. An image of an older format, or one without
/// the order of its names, is decoded and encoded, since a mirror makes the whole one. The caller has
/// verified the image.
///
/// ```
/// # use rblmap_content::Draft;
/// # use rblmap_image::{Stamp, encode, restamp};
/// let content = Draft::new("ops.example".parse()?).finish()?;
/// let image = rblmap::Image::from_vec(encode(&content, Stamp::default())?)?;
/// let stamp = Stamp { serial: 7, created: 1_700_000_000 };
/// assert_eq!(restamp(&image, stamp)?, encode(&content, stamp)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Those of [`decode`] and [`encode`], for an image that is not copied.
pub fn restamp(image: &Image, stamp: Stamp) -> Result<Vec<u8>, Error> {
    let digests = image
        .sections()
        .find(|section| (section.zone, section.kind) == (0, kind::DIGESTS));
    let copied = image.format() == layout::FORMAT && Layout::of(image) == Layout::default();
    let Some(digests) = digests.filter(|_| copied) else {
        return encode(&decode(image)?, stamp);
    };
    let mut bytes = image.as_bytes().to_vec();
    put_bytes(&mut bytes, layout::SERIAL_AT, &stamp.serial.to_le_bytes());
    put_bytes(&mut bytes, layout::CREATED_AT, &stamp.created.to_le_bytes());
    let table_end = layout::HEADER_LEN + image.sections().len() * layout::SECTION_LEN;
    let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
    let range = place(digests.offset)..place(digests.offset.saturating_add(digests.len));
    let covered = bytes.get(range).unwrap_or_default();
    // Sections lie within the image and behind the table: checked when it was opened.
    let root = root_digest(&bytes, table_end, covered);
    if let Some(root) = root {
        put_bytes(&mut bytes, layout::ROOT_AT, &root);
    }
    Ok(bytes)
}
