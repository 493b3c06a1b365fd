//! Compares an image with the digests that it carries.

use crate::error::{Error, ErrorKind};
use crate::image::Image;
use rblmap_format::bytes::array_at;
use rblmap_format::sections::{self as layout, kind};

impl Image {
    /// Reads the whole image and compares every chunk of 64 KiB with its digest, and the digests,
    /// header and section table with the root. About a second for every 3 GB, on one core.
    ///
    /// This finds damage. That the image is the one a publisher signed, only the mirror knows;
    /// whether the content is what the content id says, `rblmap verify` computes.
    ///
    /// ```
    /// # let image = rblmap::Image::read("testdata/three.rbl")?;
    /// image.verify()?;
    /// let mut bytes = image.as_bytes().to_vec();
    /// bytes[700] ^= 1;
    /// assert!(rblmap::Image::from_vec(bytes)?.verify().is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The offset of the first chunk that differs; an image without digests.
    pub fn verify(&self) -> Result<(), Error> {
        let bytes = self.as_bytes();
        let Some(section) = self.find(0, kind::DIGESTS) else {
            return Err(Error::new(ErrorKind::Section {
                what: "digests",
                offset: 0,
                len: 0,
            }));
        };
        let digests = self.bytes_of(&section);
        let table_end = layout::HEADER_LEN + self.sections().len() * layout::SECTION_LEN;
        if root(bytes, table_end, digests) != array_at(bytes, layout::ROOT_AT) {
            return Err(Error::new(ErrorKind::Digest { offset: 0 }));
        }
        let end = usize::try_from(section.offset).unwrap_or(usize::MAX);
        let covered = bytes.get(table_end..end).unwrap_or_default();
        let (digests, rest) = digests.as_chunks::<32>();
        let chunks = covered.chunks(layout::CHUNK);
        if !rest.is_empty() || digests.len() != chunks.len() {
            return Err(Error::new(ErrorKind::Section {
                what: "digests",
                offset: section.offset,
                len: section.len,
            }));
        }
        for (index, (chunk, digest)) in chunks.zip(digests).enumerate() {
            if blake3::hash(chunk).as_bytes() != digest {
                let offset = (table_end + index * layout::CHUNK) as u64;
                return Err(Error::new(ErrorKind::Digest { offset }));
            }
        }
        Ok(())
    }

    /// The root of the digests, as the header has it: names these bytes.
    pub fn root(&self) -> [u8; 32] {
        array_at(self.as_bytes(), layout::ROOT_AT).unwrap_or_default()
    }
}

/// The root over header (with the root itself zero), section table and digests.
///
/// ```
/// use rblmap_format::sections::{HEADER_LEN, SECTION_LEN, kind};
/// let image = rblmap::Image::read("testdata/three.rbl")?;
/// let table_end = HEADER_LEN + image.sections().len() * SECTION_LEN;
/// let digests = image.sections().find(|section| section.kind == kind::DIGESTS);
/// let digests = &image.as_bytes()[digests.expect("images have them").offset as usize..];
/// assert_eq!(rblmap::root_digest(image.as_bytes(), table_end, digests), Some(image.root()));
/// # Ok::<(), rblmap::Error>(())
/// ```
pub fn root(image: &[u8], table_end: usize, digests: &[u8]) -> Option<[u8; 32]> {
    let mut hasher = blake3::Hasher::new_derive_key(layout::ROOT_CONTEXT);
    hasher.update(image.get(..layout::ROOT_AT)?);
    hasher.update(&[0; 32]);
    hasher.update(image.get(layout::ROOT_END..table_end)?);
    hasher.update(digests);
    Some(*hasher.finalize().as_bytes())
}
