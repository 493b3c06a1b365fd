//! Looks one address up in several zones, with the memory accesses of all under way together.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use crate::answer::Answer;
use crate::compare::{Compare, Level, Task};
use crate::error::Error;
use crate::image::Image;
use crate::v4_lines::Block;
use crate::zone::{V4, Zone};

/// The zones that a mail server asks about every client, from any number of images.
///
/// One lookup in a set takes less time than one after the other in each zone: all zones wait for
/// memory at once.
///
/// ```
/// # use std::net::IpAddr;
/// use rblmap::ImageSet;
///
/// let three = "../../testdata/golden/three.rbl";
/// let set = ImageSet::open([three, three])?;
/// let client: IpAddr = "192.0.2.1".parse()?;
/// for (zone, answer) in set.zones().zip(set.lookup(client)) {
///     assert!(answer.is_listed(), "{}", zone.name());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ImageSet {
    /// Of `images`: handed out for as long as the set is borrowed, never for longer.
    zones: Vec<Zone<'static>>,
    images: Vec<Arc<Image>>,
    level: Level,
}

impl Default for ImageSet {
    fn default() -> ImageSet {
        ImageSet::new()
    }
}

impl ImageSet {
    /// A set without zones.
    pub fn new() -> ImageSet {
        ImageSet {
            zones: Vec::new(),
            images: Vec::new(),
            level: Level::best(),
        }
    }

    /// Maps images, and takes the base zone of each. Asks the same promise as [`Image::open`].
    ///
    /// # Errors
    /// The path of the first image that cannot be opened, and why.
    pub fn open<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> Result<ImageSet, Error> {
        let mut set = ImageSet::new();
        for path in paths {
            let path = path.as_ref();
            let of_path = |cause| Error::Of {
                path: path.to_owned(),
                cause: Box::new(cause),
            };
            let image = Image::open(path).map_err(of_path)?;
            set.add(&Arc::new(image), "@").map_err(of_path)?;
        }
        Ok(set)
    }

    /// Adds a zone of an image, `@` for its base; whether there is such a zone.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// use rblmap::{Image, ImageSet};
    ///
    /// let image = Arc::new(Image::open("../../testdata/golden/three.rbl")?);
    /// let mut set = ImageSet::new();
    /// assert!(set.add(&image, "@")?);
    /// assert!(!set.add(&image, "proxies")?);
    /// assert_eq!(set.lookup("192.0.2.1".parse()?).len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Image::zone`].
    pub fn add(&mut self, image: &Arc<Image>, zone: &str) -> Result<bool, Error> {
        let image = Arc::clone(image);
        #[expect(unsafe_code, reason = "zones and their images in one value")]
        // SAFETY: `images` keeps the image: it only grows, is not handed out, and goes after
        // `zones`, which has nothing to drop. While it has this count nobody gets the image by
        // `&mut` or by value, so neither it nor its bytes move or change. Zones leave the set as
        // `Zone<'s>` with the set borrowed for `'s`.
        let forever: &'static Image = unsafe { &*Arc::as_ptr(&image) };
        let Some(zone) = forever.zone(zone)? else {
            return Ok(false);
        };
        self.images.push(image);
        self.zones.push(zone);
        Ok(true)
    }

    /// The same set, read with what any machine can do: for tests and benches.
    #[doc(hidden)]
    pub fn portable(mut self) -> ImageSet {
        self.level = Level::Scalar;
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
    pub fn lookup(&self, address: IpAddr) -> Answers<'_> {
        Answers {
            zones: &self.zones,
            level: self.level,
            address,
            ids: [0; AT_ONCE],
            next: 0,
        }
    }
}

/// How many zones wait together; more are asked in groups of this many.
const AT_ONCE: usize = 16;

/// The answers of the zones of an [`ImageSet`].
#[derive(Debug, Clone)]
pub struct Answers<'a> {
    zones: &'a [Zone<'a>],
    level: Level,
    address: IpAddr,
    /// What the runs of the current group say, for IPv4.
    ids: [u32; AT_ONCE],
    next: usize,
}

impl<'a> Iterator for Answers<'a> {
    type Item = Answer<'a>;

    #[inline]
    fn next(&mut self) -> Option<Answer<'a>> {
        let zone = *self.zones.get(self.next)?;
        let place = self.next % AT_ONCE;
        let IpAddr::V4(address) = self.address else {
            self.next += 1;
            return Some(zone.lookup(self.address));
        };
        let address = address.to_bits();
        if place == 0 {
            let zones = self.zones.get(self.next..).unwrap_or_default();
            let ids = &mut self.ids;
            self.level.run(Together {
                zones,
                address,
                ids,
            });
        }
        self.next += 1;
        Some(zone.answer_v4(address, self.ids.get(place).copied().unwrap_or(0)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.zones.len() - self.next;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Answers<'_> {}

/// An IPv4 address in up to [`AT_ONCE`] zones.
struct Together<'s, 'a> {
    zones: &'s [Zone<'a>],
    address: u32,
    ids: &'s mut [u32; AT_ONCE],
}

/// How far the lookup in one zone is.
#[derive(Clone, Copy)]
enum State {
    Known(u32),
    /// The entry of the /16.
    Block(u32),
    Line(usize),
}

impl Task for Together<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run(self, compare: impl Compare) {
        let Together {
            zones,
            address,
            ids,
        } = self;
        for zone in zones.iter().take(AT_ONCE) {
            match &zone.v4 {
                V4::Lines(lines) => lines.prefetch_block(address),
                V4::Sorted(section) => section.prefetch(address),
                V4::Empty => {}
            }
        }
        let mut states = [State::Known(0); AT_ONCE];
        for (zone, state) in zones.iter().zip(&mut states) {
            if let V4::Lines(lines) = &zone.v4 {
                *state = match lines.block(address) {
                    Block::Known(id) => State::Known(id),
                    Block::Units(entry) => {
                        lines.prefetch_unit(entry);
                        lines.prefetch_guess(entry, address);
                        State::Block(entry)
                    }
                };
            }
        }
        for (zone, state) in zones.iter().zip(&mut states) {
            match (&zone.v4, *state) {
                (V4::Lines(lines), State::Block(entry)) => {
                    let line = lines.unit(entry, address, compare);
                    lines.prefetch_line(line);
                    *state = State::Line(line);
                }
                (V4::Sorted(section), _) => *state = State::Known(section.lookup(address)),
                _ => {}
            }
        }
        for ((zone, state), id) in zones.iter().zip(states).zip(ids) {
            *id = match (&zone.v4, state) {
                (V4::Lines(lines), State::Line(line)) => lines.id(line, address, compare),
                (_, State::Known(id)) => id,
                _ => 0,
            };
        }
    }
}
