//! A zone that keeps its image.

use std::sync::Arc;

use crate::error::Error;
use crate::image::Image;
use crate::zone::Zone;

/// A zone together with the image that it is of: to keep in a struct, and to send to threads.
///
/// ```
/// use std::sync::Arc;
/// use rblmap::{Image, OwnedZone};
///
/// let image = Arc::new(Image::read("testdata/three.rbl")?);
/// let kept = OwnedZone::base(&image);
/// drop(image);
/// assert!(kept.zone().lookup([192, 0, 2, 1]).is_listed());
/// # Ok::<(), rblmap::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct OwnedZone {
    /// Of `image`: handed out for as long as this is borrowed, never for longer.
    zone: Zone<'static>,
    image: Arc<Image>,
}

impl OwnedZone {
    /// The base zone of an image.
    pub fn base(image: &Arc<Image>) -> OwnedZone {
        let image = Arc::clone(image);
        OwnedZone {
            zone: forever(&image).base(),
            image,
        }
    }

    /// A zone by its name relative to the base; none if the image has no such zone.
    ///
    /// # Errors
    /// As for [`Image::zone`].
    pub fn new(image: &Arc<Image>, name: &str) -> Result<Option<OwnedZone>, Error> {
        let image = Arc::clone(image);
        let zone = forever(&image).zone(name)?;
        Ok(zone.map(|zone| OwnedZone { zone, image }))
    }

    /// The zone, for as long as this value is borrowed.
    #[inline]
    pub fn zone(&self) -> &Zone<'_> {
        &self.zone
    }

    /// The image that the zone is of.
    #[inline]
    pub fn image(&self) -> &Arc<Image> {
        &self.image
    }
}

/// The image without its lifetime, for values that keep the image beside what they have of it.
pub(crate) fn forever(image: &Arc<Image>) -> &'static Image {
    #[expect(unsafe_code, reason = "zones and their images in one value")]
    // SAFETY: the caller keeps a count of the image for as long as it has anything of it, and does
    // not hand it out: while there is that count nobody gets the image by `&mut` or by value, so
    // neither it nor its bytes move or change.
    unsafe {
        &*Arc::as_ptr(image)
    }
}
