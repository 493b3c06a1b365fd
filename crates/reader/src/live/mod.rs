//! The newest image of a zone, in a process that goes on running while a mirror swaps images.
//!
//! No thread is started. A reader compares one number of the mapped status page with the one it
//! knows; only if they differ it opens the new image, once per process and swap. Whether the page
//! itself was replaced only the file system knows: it is asked when somebody asks whether answers
//! count.

mod atomics {
    //! What the cell is made of; the model in `tests/cell.rs` has its own.
    pub(super) use std::sync::Arc;
    pub(super) use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
    pub(super) use std::thread::yield_now;
}
mod cell;
mod folder;
mod fork;
mod page;
mod reader;
mod set;
mod state;

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, ErrorKind};
use crate::image::Image;
use crate::status::{Freshness, StatusPage};
use crate::time::Timestamp;

use folder::Folder;
use state::{Place, Shared, Why};

pub use reader::{Current, LiveReader};
pub use set::{LiveAnswers, LiveSet};

/// The newest image of a zone; shared by all threads, and by children after `fork`.
///
/// The folder is kept open: `chroot` and dropped rights afterwards do no harm, as long as the
/// process may still read the files in it. An image that disappears, is damaged or has a newer
/// format leaves the last good one in use: then answers are [`Freshness::Stale`] at best, and
/// [`Current::problem`] says why. What failed for a while, such as for want of descriptors, is
/// tried again, after pauses of 0.1 to 51 seconds.
///
/// A status page that was replaced, removed, cut or made unreadable, another folder under the same
/// path, and another image than before are noticed when somebody asks for the freshness
/// ([`LiveReader::current`]), for the [`Live::status`], or by [`Live::refresh`].
///
/// ```
/// # let folder = std::env::temp_dir().join(format!("rblmap-live-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # std::fs::copy("testdata/three.rbl", folder.join("ops.example.rbl"))?;
/// use rblmap::{Freshness, Live, Timestamp};
///
/// // SAFETY: `rblmap mirror` replaces images by rename only, and nobody else writes there.
/// let live = unsafe { Live::builder(&folder, "ops.example").map() }?;
/// let mut reader = live.reader(); // one per thread
/// let current = reader.current(Timestamp::now());
/// if current.freshness() < Freshness::Expired {
///     assert!(current.base().lookup([192, 0, 2, 1]).is_listed());
/// }
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Live {
    shared: Arc<Shared>,
}

/// How a [`Live`] is to be opened.
///
/// ```
/// use rblmap::Live;
///
/// let live = Live::builder_of_image("testdata/three.rbl").read()?;
/// assert_eq!(live.reader().image().name(), "ops.example");
/// assert!(Live::builder("/no/such/folder", "ops.example").read().is_err());
/// # Ok::<(), rblmap::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "a builder opens nothing before `map` or `read`"]
pub struct LiveBuilder {
    folder: PathBuf,
    /// The name of the zone, or of the image.
    target: Target,
    wait: bool,
}

#[derive(Debug, Clone)]
enum Target {
    Zone(String),
    Image(PathBuf),
}

/// Where things stand: of the image in use, the status page, and what hinders a newer image.
///
/// ```
/// use rblmap::{Freshness, Live};
/// let live = Live::builder_of_image("testdata/three.rbl").read()?;
/// let status = live.status(1_700_000_000);
/// assert_eq!((status.image.serial(), status.freshness), (1, Freshness::Fresh));
/// assert!(status.page.is_none() && status.problem.is_none());
/// # Ok::<(), rblmap::Error>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Status {
    /// The image that answers; one that holds nothing while there is none.
    pub image: Arc<Image>,
    /// Whether the answers of its base zone count, at the time that was asked for.
    pub freshness: Freshness,
    /// What the status page says, or said last, if there is or was one.
    pub page: Option<StatusPage>,
    /// Why the image in place is not the one that answers, or why the status page cannot be read.
    pub problem: Option<Error>,
}

impl Live {
    /// Begins to open `ZONE.rbl` in a mirror's folder, and `ZONE.status` beside it.
    pub fn builder(folder: impl AsRef<Path>, zone: &str) -> LiveBuilder {
        LiveBuilder {
            folder: folder.as_ref().to_owned(),
            target: Target::Zone(zone.to_owned()),
            wait: false,
        }
    }

    /// Begins to open an image by its path, whatever its zone. If it is called `NAME.rbl`, the
    /// status page `NAME.status` beside it counts.
    pub fn builder_of_image(path: impl AsRef<Path>) -> LiveBuilder {
        let path = path.as_ref();
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
        LiveBuilder {
            folder: folder.unwrap_or(Path::new(".")).to_owned(),
            target: Target::Image(path.to_owned()),
            wait: false,
        }
    }

    /// Looks at the folder at once: whether there is another image or another status page than
    /// before, and whether what failed before works now. For copies and for folders without a
    /// status page, where a program asks for no freshness; every few seconds, from any thread, but
    /// not from a signal handler. About ten system calls; lookups in other threads go on.
    ///
    /// Gives whether another image answers than before.
    ///
    /// # Errors
    /// Why the image in place cannot be used, or why the status page cannot be read. The last good
    /// image goes on answering.
    pub fn refresh(&self) -> Result<bool, Error> {
        let before = self.shared.state.load();
        let after = self.shared.renew();
        match after.problem() {
            Some(problem) => Err(problem),
            None => Ok(!Arc::ptr_eq(before.image(), after.image())),
        }
    }

    /// A reader for one thread.
    pub fn reader(&self) -> LiveReader {
        LiveReader::new(self.shared.state.load(), Arc::clone(&self.shared))
    }

    /// Where things stand at `now`, after a look as by [`Live::refresh`]. The image is at least as
    /// new as the page says.
    pub fn status(&self, now: impl Into<Timestamp>) -> Status {
        let now = now.into().seconds();
        // In this order: an image looked for later than a generation is at least as new.
        let page = self.shared.renew().page_now();
        let state = self
            .shared
            .state
            .update(|old| self.shared.look(old, Why::Lookup));
        Status {
            freshness: state.freshness_at(now, state.base().expired_at(now)),
            page,
            problem: state.problem(),
            image: Arc::clone(state.image()),
        }
    }
}

impl LiveBuilder {
    /// Opens even if there is no image yet, or none that can be used: answers then are not listed
    /// and [`Freshness::Waiting`] until the first image comes, which is noticed as any other.
    pub fn wait(mut self) -> LiveBuilder {
        self.wait = true;
        self
    }

    /// Opens the list, mapping its images and its status page.
    ///
    /// # Safety
    /// As for [`Image::map`], for every image that comes; and nobody cuts the status page short
    /// while it is mapped. `rblmap mirror` keeps both promises.
    ///
    /// # Errors
    /// A folder or image that cannot be opened, or an image of another zone; not where
    /// [`LiveBuilder::wait`] was called. A bad name of a zone in any case.
    #[expect(
        unsafe_code,
        reason = "a promise about the files is asked of the caller"
    )]
    pub unsafe fn map(self) -> Result<Live, Error> {
        self.open(false)
    }

    /// Opens the list, copying its images and its status page into memory: asks for no promise, and
    /// a file that is cut or written over does no harm. A copy is compared with the digests in the
    /// image, so that one that was taken of a half-written file is refused; that reads 1 to 3 GB a
    /// second.
    ///
    /// Nothing is mapped, so lookups see no swap by themselves: new images come with
    /// [`LiveReader::current`] and [`Live::refresh`].
    ///
    /// # Errors
    /// As for [`LiveBuilder::map`]; a file that is not what its digests say.
    #[cfg(feature = "verify")]
    pub fn read(self) -> Result<Live, Error> {
        self.open(true)
    }

    fn open(self, copies: bool) -> Result<Live, Error> {
        let place = self.place(copies)?;
        let folder = if self.wait {
            Folder::awaited(&self.folder)
        } else {
            Folder::open(&self.folder)
        };
        let folder = folder.map_err(|error| Error::from(error).at(&self.folder))?;
        let shared = Shared::new(place, folder, self.wait)?;
        Ok(Live {
            shared: Arc::new(shared),
        })
    }

    fn place(&self, copies: bool) -> Result<Place, Error> {
        let (image, page, zone) = match &self.target {
            Target::Zone(zone) => {
                let name = |suffix| CString::new(format!("{zone}.{suffix}"));
                let bad = || ErrorKind::ZoneName { name: zone.clone() };
                if !is_zone_name(zone) {
                    return Err(bad().into());
                }
                let image = name("rbl").map_err(|_| bad())?;
                (image, name("status").ok(), Some(zone.clone()))
            }
            Target::Image(path) => {
                let no_file = || Error::new(ErrorKind::NotAFile).at(path);
                let name = path.file_name().ok_or_else(no_file)?.as_bytes();
                let page = name
                    .strip_suffix(b".rbl")
                    .map(|zone| [zone, b".status"].concat());
                let image = CString::new(name).map_err(|_| no_file())?;
                (image, page.and_then(|page| CString::new(page).ok()), None)
            }
        };
        Ok(Place {
            image,
            page,
            zone,
            copies,
        })
    }
}

/// Names of zones become names of files.
fn is_zone_name(zone: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b);
    !zone.is_empty() && !zone.starts_with('.') && !zone.ends_with('.') && zone.bytes().all(allowed)
}
