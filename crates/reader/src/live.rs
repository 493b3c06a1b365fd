//! The newest image of a zone, in a process that goes on running while a mirror swaps images.
//!
//! No thread is started. A reader compares one number of the mapped status page with the one it
//! knows; only if they differ it opens the new image, once per process and swap.

use std::ffi::CString;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::Error;
use crate::image::Image;
use crate::live_cell::Cell;
use crate::live_folder::Folder;
use crate::status::{Freshness, Page, StatusPage};

/// The newest image of a zone; shared by all threads, and by children after `fork`.
///
/// The folder is kept open: `chroot` and dropped rights afterwards do no harm, as long as the
/// process may still read the files in it. An image that disappears, is damaged or has a newer
/// format leaves the last good one in use, and [`Live::status`] says why.
///
/// ```
/// # let folder = std::env::temp_dir().join(format!("rblmap-live-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # std::fs::copy("../../testdata/golden/three.rbl", folder.join("ops.example.rbl"))?;
/// use rblmap::{Freshness, Live};
///
/// let live = Live::open(&folder, "ops.example")?;
/// let mut reader = live.reader(); // one per thread
/// let zone = reader.image().base();
/// assert!(zone.lookup("192.0.2.1".parse::<std::net::IpAddr>()?).is_listed());
/// assert_eq!(reader.freshness_at(1_700_000_000), Freshness::Fresh);
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Live {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    folder: Folder,
    image: CString,
    page: Option<CString>,
    zone: Option<String>,
    copies: bool,
    /// Rises when [`Live::refresh`] finds something new.
    nudges: AtomicU64,
    state: Cell<State>,
}

/// What was found at one time; never changed, only replaced.
#[derive(Debug)]
struct State {
    image: Arc<Image>,
    identity: Identity,
    page: Option<(Arc<Page>, Identity)>,
    generation: u64,
    nudges: u64,
    problem: Option<Arc<Error>>,
}

/// What tells one file from another that has its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
    modified: (i64, i64),
    len: u64,
}

/// Where things stand: of the image in use, the status page, and what hinders a newer image.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Status {
    /// The image that answers.
    pub image: Arc<Image>,
    /// Whether its answers count, at the time that was asked for.
    pub freshness: Freshness,
    /// What the status page says, if there is one.
    pub page: Option<StatusPage>,
    /// Why the image in place is not the one that answers.
    pub problem: Option<Arc<Error>>,
}

impl Live {
    /// Opens `ZONE.rbl` in a mirror's folder, and `ZONE.status` if there is one. Maps the image:
    /// asks the same promise as [`Image::map`].
    ///
    /// # Errors
    /// A folder or image that cannot be opened, or an image of another zone.
    pub fn open(folder: impl AsRef<Path>, zone: &str) -> Result<Live, Error> {
        Live::of_zone(folder.as_ref(), zone, false)
    }

    /// The same, with images copied into memory as by [`Image::read`]: for disks that cannot keep
    /// the promise. Nothing is mapped, so new images come with [`Live::refresh`] only.
    ///
    /// # Errors
    /// As for [`Live::open`].
    pub fn open_copied(folder: impl AsRef<Path>, zone: &str) -> Result<Live, Error> {
        Live::of_zone(folder.as_ref(), zone, true)
    }

    /// Opens an image by its path, whatever its zone and without a status page. New images come
    /// with [`Live::refresh`] only.
    ///
    /// # Errors
    /// An image that cannot be opened.
    pub fn open_file(path: impl AsRef<Path>, copied: bool) -> Result<Live, Error> {
        let path = path.as_ref();
        let name = path.file_name().ok_or_else(not_a_file)?;
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
        let folder = Folder::open(folder.unwrap_or(Path::new(".")))?;
        let image = CString::new(name.as_bytes()).map_err(|_| not_a_file())?;
        Live::with(folder, image, None, None, copied)
    }

    /// Looks at the folder: whether there is another image or another status page than before. For
    /// folders without a status page, and for copies; call it every few seconds. Two or three
    /// system calls; lookups in other threads go on.
    ///
    /// # Errors
    /// Why the image in place cannot be used. The last good one goes on answering.
    pub fn refresh(&self) -> Result<bool, Error> {
        let before = self.shared.state.load();
        self.shared.nudges.fetch_add(1, Ordering::AcqRel);
        let after = self.shared.renew();
        match &after.problem {
            Some(problem) => Err(Error::Live(Arc::clone(problem))),
            None => Ok(!Arc::ptr_eq(&before.image, &after.image)),
        }
    }

    /// A reader for one thread.
    pub fn reader(&self) -> Reader {
        Reader {
            state: self.shared.state.load(),
            shared: Arc::clone(&self.shared),
        }
    }

    /// Where things stand at `now`, in seconds since 1970, with the image in place: waits for a
    /// thread that opens it already. The image is at least as new as the page says.
    pub fn status(&self, now: u64) -> Status {
        // In this order: an image looked for later than a generation is at least as new.
        let page = self.shared.renew().page_now();
        let state = self.shared.renew();
        Status {
            freshness: state.freshness_at(now),
            page,
            problem: state.problem.clone(),
            image: Arc::clone(&state.image),
        }
    }

    fn of_zone(folder: &Path, zone: &str, copies: bool) -> Result<Live, Error> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b);
        if zone.is_empty() || zone.starts_with('.') || !zone.bytes().all(allowed) {
            return Err(not_a_file());
        }
        let name = |suffix| CString::new(format!("{zone}.{suffix}")).map_err(|_| not_a_file());
        let folder = Folder::open(folder)?;
        let page = Some(name("status")?);
        Live::with(folder, name("rbl")?, page, Some(zone.to_owned()), copies)
    }

    fn with(
        folder: Folder,
        image: CString,
        page: Option<CString>,
        zone: Option<String>,
        copies: bool,
    ) -> Result<Live, Error> {
        let place = Place {
            folder: &folder,
            image: &image,
            page: page.as_deref(),
            zone: zone.as_deref(),
            copies,
        };
        let status = place.page();
        let generation = status.as_ref().map_or(0, |(page, _)| page.generation());
        let (found, identity) = place.image(None)?;
        let state = State {
            image: Arc::new(found.ok_or(Error::Foreign)?),
            identity,
            page: status,
            generation,
            nudges: 0,
            problem: None,
        };
        let shared = Shared {
            folder,
            image,
            page,
            zone,
            copies,
            nudges: AtomicU64::new(0),
            state: Cell::new(state),
        };
        Ok(Live {
            shared: Arc::new(shared),
        })
    }
}

/// A thread's hold on a [`Live`]. After `fork` parent and child may both go on with theirs.
#[derive(Debug, Clone)]
pub struct Reader {
    state: Arc<State>,
    shared: Arc<Shared>,
}

impl Reader {
    /// The newest image: two loads from memory if it is still the same. After a swap the first
    /// reader of a process opens the new image, the others meanwhile keep the old one; none waits.
    ///
    /// The image stays as long as it is borrowed; clone the `Arc` to keep it longer.
    #[inline]
    pub fn image(&mut self) -> &Arc<Image> {
        self.image_after(|| ())
    }

    /// The same for whoever keeps the image, or a set with it: `release` is called before another
    /// one takes its place, so that no thread holds two.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # let path = "../../testdata/golden/three.rbl";
    /// let mut reader = rblmap::Live::open_file(path, false)?.reader();
    /// let mut kept = Some(Arc::clone(reader.image()));
    /// let newest = Arc::clone(reader.image_after(|| kept = None));
    /// assert!(kept.is_some_and(|kept| Arc::ptr_eq(&kept, &newest)), "there was no other");
    /// # Ok::<(), rblmap::Error>(())
    /// ```
    #[inline]
    pub fn image_after(&mut self, release: impl FnOnce()) -> &Arc<Image> {
        if !self.state.is_current(&self.shared) {
            self.swap(release);
        }
        &self.state.image
    }

    /// Whether the answers of the image count at `now`, in seconds since 1970: by the status page,
    /// and by the expiry of the base zone. Reads memory only.
    pub fn freshness_at(&self, now: u64) -> Freshness {
        self.state.freshness_at(now)
    }

    #[cold]
    fn swap(&mut self, release: impl FnOnce()) {
        let shared = &self.shared;
        shared
            .state
            .try_update(&mut self.state, release, |old| shared.look(old));
    }
}

impl State {
    /// What the status page says now.
    fn page_now(&self) -> Option<StatusPage> {
        let page = self.page.as_ref();
        page.and_then(|(page, _)| page.now().ok())
    }

    fn freshness_at(&self, now: u64) -> Freshness {
        let page = self.page_now();
        let fresh = page.map_or(Freshness::Fresh, |page| page.freshness_at(now));
        if self.image.base().expired_at(now) {
            fresh.max(Freshness::Expired)
        } else {
            fresh
        }
    }

    #[inline]
    fn is_current(&self, shared: &Shared) -> bool {
        let generation = self.page.as_ref().map_or(0, |(page, _)| page.generation());
        generation == self.generation && shared.nudges.load(Ordering::Acquire) == self.nudges
    }
}

impl Shared {
    fn place(&self) -> Place<'_> {
        Place {
            folder: &self.folder,
            image: &self.image,
            page: self.page.as_deref(),
            zone: self.zone.as_deref(),
            copies: self.copies,
        }
    }

    /// The state after a look, waiting for a thread that looks already.
    fn renew(&self) -> Arc<State> {
        self.state.update(|old| self.look(old))
    }

    /// What there is now; `None` if the state is what there is.
    fn look(&self, old: &State) -> Option<State> {
        if old.is_current(self) {
            return None;
        }
        // In this order: an image found later than a generation is at least as new.
        let nudges = self.nudges.load(Ordering::Acquire);
        let page = if nudges == old.nudges {
            old.page.clone()
        } else {
            self.place().page_or(old.page.clone())
        };
        let generation = page.as_ref().map_or(0, |(page, _)| page.generation());
        let found = self.place().image(Some(old.identity));
        let (image, identity, problem) = match found {
            Ok((Some(image), identity)) => (Arc::new(image), identity, None),
            Ok((None, identity)) => (Arc::clone(&old.image), identity, None),
            Err(error) => (Arc::clone(&old.image), old.identity, Some(Arc::new(error))),
        };
        Some(State {
            image,
            identity,
            page,
            generation,
            nudges,
            problem,
        })
    }
}

/// Where image and page are, by name.
struct Place<'a> {
    folder: &'a Folder,
    image: &'a CString,
    page: Option<&'a std::ffi::CStr>,
    zone: Option<&'a str>,
    copies: bool,
}

impl Place<'_> {
    /// The image in place, or `None` if it is the one of which `known` is the identity.
    fn image(&self, known: Option<Identity>) -> Result<(Option<Image>, Identity), Error> {
        let (file, identity) = self.file(self.image)?;
        if known == Some(identity) {
            return Ok((None, identity));
        }
        let image = if self.copies {
            Image::read_file(file)?
        } else {
            Image::map_file(&file)?
        };
        if let Some(zone) = self.zone.filter(|&zone| zone != image.name()) {
            return Err(Error::OtherZone {
                found: image.name().to_owned(),
                expected: zone.to_owned(),
            });
        }
        // A zone that cannot be opened would show at a lookup, when there is no way back.
        image.zones().try_for_each(|zone| zone.map(|_| ()))?;
        Ok((Some(image), identity))
    }

    fn page(&self) -> Option<(Arc<Page>, Identity)> {
        self.page_or(None)
    }

    /// The page in place, or the one there was if none can be read or it is the same.
    fn page_or(&self, old: Option<(Arc<Page>, Identity)>) -> Option<(Arc<Page>, Identity)> {
        let Some((mut file, identity)) = self.page.and_then(|name| self.file(name).ok()) else {
            return old;
        };
        let page = if self.copies {
            Page::copy(&mut file)
        } else if old
            .as_ref()
            .is_some_and(|(_, known)| known.same_file(identity))
        {
            return old;
        } else {
            Page::map(file)
        };
        page.ok().map(|page| (Arc::new(page), identity)).or(old)
    }

    fn file(&self, name: &std::ffi::CStr) -> Result<(File, Identity), Error> {
        let file = self.folder.file(name)?;
        let facts = file.metadata()?;
        if !facts.is_file() {
            return Err(not_a_file());
        }
        let identity = Identity {
            device: facts.dev(),
            inode: facts.ino(),
            modified: (facts.mtime(), facts.mtime_nsec()),
            len: facts.len(),
        };
        Ok((file, identity))
    }
}

impl Identity {
    /// Whether both are one file, written to or not.
    fn same_file(self, other: Identity) -> bool {
        self.device == other.device && self.inode == other.inode
    }
}

fn not_a_file() -> Error {
    let text = "not a regular file";
    std::io::Error::new(std::io::ErrorKind::InvalidInput, text).into()
}
