//! What a header names things by: session, first bytes of content ids, roots of images.

use std::fmt;

use rblmap::Image;
use rblmap_content::ContentId;
use rblmap_format::sections as layout;
use rblmap_image::Layout;

/// The format of the images that roots are of.
pub(crate) const IMAGE_FORMAT: u8 = {
    assert!(layout::FORMAT < 256, "one byte");
    layout::FORMAT.to_le_bytes()[0]
};

/// The identity of a line of serials (RRDP's `session_id`): a new one tells mirrors to begin from a
/// snapshot. 0 stands for unpublished.
///
/// See the example of [`Header`](crate::Header).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Session(pub u64);

/// The first 8 bytes of a content id: enough that no delta is taken for that of another base by
/// mistake.
///
/// ```
/// use rblmap_delta::{Header, Kind, Session, diff};
/// # use rblmap_content::{ContentId, Draft};
/// # use rblmap_image::{Stamp, encode};
/// # let content = Draft::new("ops.example".parse()?).finish()?;
/// # let old = rblmap::Image::from_vec(encode(&content, Stamp { serial: 0, created: 1 })?)?;
/// # let new = rblmap::Image::read("testdata/three.rbl")?;
/// let header = Header::read(&diff(&old, &new, Session(1))?)?;
/// let Kind::Delta { base, .. } = header.kind else { panic!("not a delta") };
/// assert!(base.matches(&ContentId::from_bytes(old.content_id())));
/// assert_eq!(header.image.map(|root| root.as_bytes().len()), Some(16));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct IdPrefix(pub(crate) [u8; 8]);

/// The first 16 bytes of the root of the digests of an image of the newest format, with the order of
/// its names: no other bytes have it. Header, content id and all that the image says are under it.
///
/// See the example of [`IdPrefix`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ImageRoot(pub(crate) [u8; 16]);

impl IdPrefix {
    /// The first bytes of an id.
    pub fn of(id: &ContentId) -> IdPrefix {
        IdPrefix(id.as_bytes().first_chunk().copied().unwrap_or_default())
    }

    /// Whether an id begins with these bytes.
    pub fn matches(&self, id: &ContentId) -> bool {
        *self == IdPrefix::of(id)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

impl ImageRoot {
    /// That of an image, whole, of this content; none if the image has no order of names, or says
    /// that it is of another content.
    pub(crate) fn of(image: &Image, content: &ContentId) -> Option<ImageRoot> {
        let is_of = content.as_bytes() == &image.content_id();
        let has_order = Layout::of(image) == Layout::default();
        (is_of && has_order).then(|| ImageRoot::in_header(image.as_bytes()))
    }

    /// That which the header of an image says.
    pub(crate) fn in_header(image: &[u8]) -> ImageRoot {
        let root = image.get(layout::ROOT_AT..).and_then(<[u8]>::first_chunk);
        ImageRoot::from_root(root.unwrap_or(&[0; 32]))
    }

    /// That of an image with this root.
    pub(crate) fn from_root(root: &[u8; 32]) -> ImageRoot {
        ImageRoot(root.first_chunk().copied().unwrap_or_default())
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for IdPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for IdPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IdPrefix({self})")
    }
}

impl fmt::Display for ImageRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ImageRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ImageRoot({self})")
    }
}
