//! Looks one address up in several zones, with the memory accesses of all under way together.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use crate::answer::Answer;
use crate::error::Error;
use crate::image::Image;
use crate::owned::forever;
use crate::zone::Zone;

/// The zones that a mail server asks about every client, from any number of images.
///
/// One lookup in a set takes less time than one after the other in each zone: all zones wait for
/// memory at once.
///
/// ```
/// # use std::net::IpAddr;
/// use rblmap::ImageSet;
///
/// let three = "testdata/three.rbl";
/// let set = ImageSet::read([three, three])?;
/// let client: IpAddr = "192.0.2.1".parse()?;
/// for (zone, answer) in set.zones().zip(set.lookup(client)) {
///     assert!(answer.is_listed(), "{}", zone.name());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct ImageSet {
    /// Of `images`: handed out for as long as the set is borrowed, never for longer.
    zones: Vec<Zone<'static>>,
    images: Vec<Arc<Image>>,
}

impl ImageSet {
    /// A set without zones.
    pub fn new() -> ImageSet {
        ImageSet::default()
    }

    /// Copies images into memory, and takes the base zone of each. An image that you map joins a
    /// set by [`ImageSet::add`].
    ///
    /// # Errors
    /// The path of the first image that cannot be opened, and why.
    pub fn read<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> Result<ImageSet, Error> {
        let mut set = ImageSet::new();
        for path in paths {
            let path = path.as_ref();
            let image = Image::read(path)?;
            let added = set.add(&Arc::new(image), "@");
            added.map_err(|error| error.at(path))?;
        }
        Ok(set)
    }

    /// Adds a zone of an image, `@` for its base; whether there is such a zone.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// use rblmap::{Image, ImageSet};
    ///
    /// let image = Arc::new(Image::read("testdata/three.rbl")?);
    /// let mut set = ImageSet::new();
    /// assert!(set.add(&image, "@")?);
    /// assert!(!set.add(&image, "proxies")?);
    /// assert_eq!(set.lookup("192.0.2.1".parse::<std::net::IpAddr>()?).len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Image::zone`].
    pub fn add(&mut self, image: &Arc<Image>, zone: &str) -> Result<bool, Error> {
        let image = Arc::clone(image);
        // `images` keeps the image: it only grows and is not handed out. Zones leave the set as
        // `Zone<'s>` with the set borrowed for `'s`.
        let Some(zone) = forever(&image).zone(zone)? else {
            return Ok(false);
        };
        self.images.push(image);
        self.zones.push(zone);
        Ok(true)
    }

    /// Adds a zone in which nothing is listed.
    #[cfg(unix)]
    pub(crate) fn add_nothing(&mut self) {
        let image = Arc::new(Image::none());
        self.zones.push(forever(&image).base());
        self.images.push(image);
    }

    /// The zones, one after the other.
    #[cfg(unix)]
    pub(crate) fn as_slice(&self) -> &[Zone<'_>] {
        &self.zones
    }

    /// The same set, read with what any machine can do: for tests and benches.
    #[doc(hidden)]
    pub fn portable(mut self) -> ImageSet {
        self.zones
            .iter_mut()
            .for_each(|zone| *zone = zone.portable());
        self
    }

    /// The zones, in the order in which they came.
    pub fn zones(&self) -> impl ExactSizeIterator<Item = Zone<'_>> {
        self.zones.iter().copied()
    }

    /// The zone at a place, without a copy of it.
    #[inline]
    pub fn zone(&self, index: usize) -> Option<&Zone<'_>> {
        self.zones.get(index)
    }

    /// Looks an address up in all zones: the answers in the order of the zones. Allocates nothing.
    #[inline]
    pub fn lookup(&self, address: impl Into<IpAddr>) -> Answers<'_> {
        let address = address.into();
        let zones = &self.zones;
        if let IpAddr::V4(address) = address {
            let zones = zones.get(..AT_ONCE).unwrap_or(zones);
            prefetch_v4(zones, address.to_bits());
        }
        Answers {
            zones: zones.iter(),
            address,
        }
    }
}

/// Memory is asked for in no more zones than this before the first is read: a core has a few dozen
/// misses under way at once, and each zone asks for a few.
const AT_ONCE: usize = 8;

/// Asks for what the lookups read first in each zone, so that the first of them waits for all. The
/// processor runs ahead to what they read next: to take all zones step by step is slower.
#[inline]
fn prefetch_v4(zones: &[Zone<'_>], address: u32) {
    zones.iter().for_each(Zone::prefetch_handle);
    zones.iter().for_each(|zone| zone.prefetch_v4(address));
}

/// The answers of the zones of an [`ImageSet`].
///
/// See the example of [`ImageSet`].
#[derive(Debug, Clone)]
pub struct Answers<'a> {
    zones: std::slice::Iter<'a, Zone<'a>>,
    address: IpAddr,
}

impl<'a> Iterator for Answers<'a> {
    type Item = Answer<'a>;

    #[inline]
    fn next(&mut self) -> Option<Answer<'a>> {
        Some(self.zones.next()?.lookup(self.address))
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.zones.size_hint()
    }
}

impl ExactSizeIterator for Answers<'_> {}
