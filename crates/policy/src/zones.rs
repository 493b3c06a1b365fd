//! The images of the zones, followed while they change. Nothing else in this crate opens an image.
//!
//! A zone comes from a mirror's folder or from a file. A folder with a status page is followed by
//! that page: its images are mapped, since the mirror replaces them by rename only and has verified
//! them. Any other file is copied into memory and verified, since nobody promises how it changes.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rblmap::{Freshness, Image, ImageSet, Live, NameKey};

use crate::since::SinceWhen;

/// Why a zone has no opinion now.
///
/// See the example of [`FollowedZone`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Trouble {
    /// There is no image yet.
    Missing,
    /// The image cannot be used: it is damaged, of another zone, or of another format.
    Damaged,
    /// The publisher has not been heard of for too long, or the list is past its own end.
    Expired,
    /// The publisher has given the zone up.
    Retired,
    /// The zone lists 127.0.0.1, which no list may (RFC 5782 section 5): it lists everybody.
    ListsItself,
}

impl Trouble {
    /// All of them, for metrics.
    pub const ALL: [Trouble; 5] = [
        Trouble::Missing,
        Trouble::Damaged,
        Trouble::Expired,
        Trouble::Retired,
        Trouble::ListsItself,
    ];

    /// The word for it in logs, metrics and reports.
    pub fn word(self) -> &'static str {
        match self {
            Trouble::Missing => "missing",
            Trouble::Damaged => "damaged",
            Trouble::Expired => "expired",
            Trouble::Retired => "retired",
            Trouble::ListsItself => "lists-127.0.0.1",
        }
    }
}

/// How a zone stands at one time.
///
/// See the example of [`FollowedZone`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Health {
    /// Why it has no opinion, if it has none.
    pub trouble: Option<Trouble>,
    /// What hinders a newer image, or any, in words.
    pub problem: Option<String>,
    /// The serial of the image that answers.
    pub serial: u64,
    /// The mirror has not heard from the publisher in time. The zone still answers.
    pub stale: bool,
    /// One of the test points of RFC 5782 is listed: 127.0.0.2, ::ffff:7f00:2 or `test`.
    pub test_point: bool,
}

/// A zone of the configuration, and where its image comes from. Shared by all threads.
///
/// ```
/// use std::sync::Arc;
/// use rblmap_policy::{FollowedZone, Trouble};
///
/// let now = 1_700_000_000;
/// let zone = Arc::new(FollowedZone::new("ops.example", "testdata/three.rbl".as_ref()));
/// let mut reader = zone.reader(); // one for each thread
/// assert_eq!(reader.current(now).err(), Some(Trouble::Missing));
///
/// zone.look(); // in a thread that may wait for the disk
/// let current = reader.current(now).expect("an image is there now");
/// assert!(current.zone.lookup([192, 0, 2, 1]).is_listed());
/// assert!(current.facts.names && !current.stale);
/// assert_eq!(zone.health(now).trouble, None);
/// ```
#[derive(Debug)]
pub struct FollowedZone {
    name: String,
    from: PathBuf,
    /// Rises when `source` is another one.
    generation: AtomicU64,
    source: Mutex<Source>,
    since_when: Mutex<Option<Arc<dyn SinceWhen>>>,
}

#[derive(Debug, Clone)]
enum Source {
    /// Nothing yet, and why.
    None(Trouble, String),
    /// A mirror's folder with a status page.
    Folder(Live, FileIdentity),
    /// An image that was copied; `Some` text if the file in place cannot be used.
    File(Arc<Image>, FileIdentity, Option<String>),
}

/// What tells one file from another that has its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileIdentity {
    device: u64,
    inode: u64,
    modified: (i64, i64),
    len: u64,
}

impl FollowedZone {
    /// A zone by its full name, from a mirror's folder or an image file. Nothing is opened before
    /// [`FollowedZone::look`].
    pub fn new(name: &str, from: &Path) -> FollowedZone {
        let why = format!("{} was not looked at yet", from.display());
        FollowedZone {
            name: name.to_owned(),
            from: from.to_owned(),
            generation: AtomicU64::new(1),
            source: Mutex::new(Source::None(Trouble::Missing, why)),
            since_when: Mutex::new(None),
        }
    }

    /// The full name, such as `ops.example` or `proxies.ops.example`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The folder or file.
    pub fn from(&self) -> &Path {
        &self.from
    }

    /// Looks for another image. Call it every few seconds, in a thread that may wait for the disk;
    /// readers in other threads go on meanwhile. What cannot be used leaves the last good image.
    pub fn look(&self) {
        let before = self.lock().clone();
        let after = self.find(&before);
        let Some(after) = after else { return };
        *self.lock() = after;
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// What knows since when the zone lists a client, if anything does.
    pub fn since_when(&self) -> Option<Arc<dyn SinceWhen>> {
        let known = self.since_when.lock();
        known.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Gives what knows since when, or takes it away.
    pub fn set_since_when(&self, known: Option<Arc<dyn SinceWhen>>) {
        let mut place = self
            .since_when
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *place = known;
    }

    /// A reader for one thread.
    pub fn reader(self: &Arc<Self>) -> ZoneReader {
        ZoneReader {
            zone: Arc::clone(self),
            generation: 0,
            held: Held::None(Trouble::Missing),
            facts: None,
        }
    }

    /// How the zone stands at `now`, in seconds since 1970.
    pub fn health(self: &Arc<Self>, now: u64) -> Health {
        let problem = match &*self.lock() {
            Source::None(_, why) => Some(why.clone()),
            Source::Folder(live, _) => live.status(now).problem.map(|problem| chain(&problem)),
            Source::File(_, _, problem) => problem.clone(),
        };
        let mut reader = self.reader();
        match reader.current(now) {
            Ok(current) => Health {
                trouble: None,
                problem,
                serial: current.image.serial(),
                stale: current.stale,
                test_point: current.facts.test_point,
            },
            Err(trouble) => Health {
                trouble: Some(trouble),
                problem,
                ..Health::default()
            },
        }
    }

    /// What there is now, or `None` if it is what there was.
    fn find(&self, before: &Source) -> Option<Source> {
        let place = self.place();
        if let (Some(page), Some(folder)) = (&place.page, &place.folder)
            && page.exists()
        {
            return self.find_in_folder(before, folder, &place.base);
        }
        let identity = match identity(&place.image) {
            Ok(identity) => identity,
            Err(error) => return self.not_there(before, &place.image, &error),
        };
        if let Source::File(_, known, None) = before
            && *known == identity
        {
            return None;
        }
        match read(&place.image, &place.base, &self.name) {
            Ok(image) => Some(Source::File(Arc::new(image), identity, None)),
            Err(why) => match before {
                // A damaged file is looked at again only when it changes.
                Source::File(_, known, Some(_)) if *known == identity => None,
                Source::File(image, _, _) => {
                    Some(Source::File(Arc::clone(image), identity, Some(why)))
                }
                Source::Folder(..) | Source::None(..) => Some(Source::None(Trouble::Damaged, why)),
            },
        }
    }

    fn find_in_folder(&self, before: &Source, folder: &Path, base: &str) -> Option<Source> {
        let here = identity(folder).ok();
        if let Source::Folder(live, known) = before
            && here.is_none_or(|here| here.same_file(known))
        {
            // What is wrong is told by `health`.
            let _ = live.refresh();
            return None;
        }
        match follow(folder, base) {
            Ok(live) => here.map(|here| Source::Folder(live, here)),
            Err(error) => match before {
                Source::None(..) => {
                    let image = folder.join(format!("{base}.rbl"));
                    let path = error.path().unwrap_or(&image).display().to_string();
                    let class = class(&error);
                    let why = format!("{path}: {}", chain(&error.without_path()));
                    Some(Source::None(class, why))
                }
                // The old folder or file goes on.
                Source::Folder(..) | Source::File(..) => None,
            },
        }
    }

    fn not_there(&self, before: &Source, path: &Path, error: &io::Error) -> Option<Source> {
        let why = format!("{}: cannot be read: {error}", path.display());
        match before {
            Source::None(..) => Some(Source::None(Trouble::Missing, why)),
            Source::File(image, known, _) => {
                Some(Source::File(Arc::clone(image), *known, Some(why)))
            }
            // The folder is open; its images are in use until others are there.
            Source::Folder(..) => None,
        }
    }

    /// Where the image is. A subzone lies in the image of the nearest zone above it that the folder
    /// has an image of.
    fn place(&self) -> Place {
        if !self.from.is_dir() {
            return Place {
                folder: None,
                page: None,
                image: self.from.clone(),
                base: String::new(),
            };
        }
        let mut base = self.name.as_str();
        loop {
            if self.from.join(format!("{base}.rbl")).exists() {
                break;
            }
            match base.split_once('.') {
                Some((_, above)) if !above.is_empty() => base = above,
                _ => {
                    base = self.name.as_str();
                    break;
                }
            }
        }
        Place {
            folder: Some(self.from.clone()),
            page: Some(self.from.join(format!("{base}.status"))),
            image: self.from.join(format!("{base}.rbl")),
            base: base.to_owned(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Source> {
        // The source is replaced whole, so it is right whatever happened to another thread.
        self.source.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Place {
    folder: Option<PathBuf>,
    page: Option<PathBuf>,
    image: PathBuf,
    /// The zone of the image in a folder; empty for a file, which may be of any zone above.
    base: String,
}

/// One thread's hold on a zone.
///
/// See the example of [`FollowedZone`].
#[derive(Debug)]
pub struct ZoneReader {
    zone: Arc<FollowedZone>,
    generation: u64,
    held: Held,
    facts: Option<Known>,
}

/// An image, the zone of it that is asked, and what was asked of it once: to find the zone anew for
/// each decision costs as much as the lookup.
#[derive(Debug)]
struct Known {
    image: Arc<Image>,
    zone: ImageSet,
    facts: Facts,
}

#[derive(Debug)]
enum Held {
    None(Trouble),
    Folder(rblmap::LiveReader),
    File(Arc<Image>),
}

/// What is asked once of each image.
///
/// See the example of [`FollowedZone`].
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    /// Whether the zone holds names, so that names are worth looking up.
    pub names: bool,
    /// One of the test points of RFC 5782 is listed.
    pub test_point: bool,
    lists_itself: bool,
}

/// An image that answers now.
///
/// See the example of [`FollowedZone`].
#[derive(Debug, Clone, Copy)]
pub struct Current<'r> {
    /// The image.
    pub image: &'r Arc<Image>,
    /// The zone in it.
    pub zone: rblmap::Zone<'r>,
    /// What was asked of the image once.
    pub facts: Facts,
    /// The mirror has not heard from the publisher in time.
    pub stale: bool,
}

impl ZoneReader {
    /// The zone that this reads.
    pub fn zone(&self) -> &Arc<FollowedZone> {
        &self.zone
    }

    /// The image that answers at `now`, in seconds since 1970. A few loads from memory, unless
    /// there is a new image.
    ///
    /// # Errors
    /// Why there is no opinion.
    pub fn current(&mut self, now: u64) -> Result<Current<'_>, Trouble> {
        let (image, freshness) = self.image(now)?;
        let is_known = |known: &Known| Arc::ptr_eq(&known.image, &image);
        if !self.facts.as_ref().is_some_and(is_known) {
            self.facts = Some(Known::of(&image, self.zone.name())?);
        }
        let Some(Known { image, zone, facts }) = &self.facts else {
            return Err(Trouble::Missing);
        };
        let (zone, facts) = (*zone.zone(0).ok_or(Trouble::Damaged)?, *facts);
        let freshness = if zone.expired_at(now) {
            freshness.max(Freshness::Expired)
        } else {
            freshness
        };
        let stale = match freshness {
            Freshness::Fresh => false,
            Freshness::Stale => true,
            Freshness::Expired => return Err(Trouble::Expired),
            Freshness::Retired => return Err(Trouble::Retired),
            Freshness::Waiting => return Err(Trouble::Missing),
            // What later versions find wrong is no reason to count an answer.
            _ => return Err(Trouble::Damaged),
        };
        if facts.lists_itself {
            return Err(Trouble::ListsItself);
        }
        Ok(Current {
            image,
            zone,
            facts,
            stale,
        })
    }

    /// The newest image whatever its health, for those who ask it bare: two loads from memory, unless
    /// there is a new one. `release` is called before another one takes its place, as in
    /// [`rblmap::LiveReader::image_after`].
    ///
    /// # Errors
    /// Why there is no image.
    pub fn image_after(&mut self, release: impl FnOnce()) -> Result<&Arc<Image>, Trouble> {
        if self.zone.generation.load(Ordering::Acquire) != self.generation {
            release();
            self.facts = None;
            self.take_up();
            return match &mut self.held {
                Held::None(trouble) => Err(*trouble),
                Held::Folder(reader) => Ok(reader.image()),
                Held::File(image) => Ok(image),
            };
        }
        match &mut self.held {
            Held::None(trouble) => Err(*trouble),
            Held::Folder(reader) => Ok(reader.image_after(|| {
                self.facts = None;
                release();
            })),
            Held::File(image) => Ok(image),
        }
    }

    fn take_up(&mut self) {
        self.generation = self.zone.generation.load(Ordering::Acquire);
        self.held = match &*self.zone.lock() {
            Source::None(trouble, _) => Held::None(*trouble),
            Source::Folder(live, _) => Held::Folder(live.reader()),
            Source::File(image, _, _) => Held::File(Arc::clone(image)),
        };
    }

    fn image(&mut self, now: u64) -> Result<(Arc<Image>, Freshness), Trouble> {
        let generation = self.zone.generation.load(Ordering::Acquire);
        if generation != self.generation {
            self.take_up();
        }
        match &mut self.held {
            Held::None(trouble) => Err(*trouble),
            Held::Folder(reader) => {
                let current = reader.current(now);
                Ok((Arc::clone(current.image()), current.freshness()))
            }
            Held::File(image) => Ok((Arc::clone(image), Freshness::Fresh)),
        }
    }
}

impl Known {
    fn of(image: &Arc<Image>, name: &str) -> Result<Known, Trouble> {
        let below = name_below(image.name(), name).ok_or(Trouble::Damaged)?;
        let mut set = ImageSet::new();
        match set.add(image, below) {
            Ok(true) => {}
            Ok(false) | Err(_) => return Err(Trouble::Damaged),
        }
        let facts = Facts::of(set.zone(0).ok_or(Trouble::Damaged)?);
        Ok(Known {
            image: Arc::clone(image),
            zone: set,
            facts,
        })
    }
}

impl Facts {
    fn of(zone: &rblmap::Zone<'_>) -> Facts {
        let mapped = |last: u8| Ipv4Addr::new(127, 0, 0, last).to_ipv6_mapped();
        let listed = |address: IpAddr| zone.lookup(address).is_listed();
        let listed_both = |last: u8| {
            listed(IpAddr::V4(Ipv4Addr::new(127, 0, 0, last))) || listed(IpAddr::V6(mapped(last)))
        };
        let listed_name = |name: &[u8]| {
            NameKey::parse(name).is_ok_and(|name| zone.lookup_name(&name).is_listed())
        };
        let names = zone.name_count() > 0;
        Facts {
            names,
            test_point: listed_both(2) || (names && listed_name(b"test")),
            lists_itself: listed_both(1),
        }
    }
}

/// The name of a zone below the base of an image; `@` for the base itself.
fn name_below<'n>(base: &str, name: &'n str) -> Option<&'n str> {
    if name.eq_ignore_ascii_case(base) {
        return Some("@");
    }
    name.strip_suffix(base)?.strip_suffix('.')
}

/// Follows a zone in a mirror's folder.
fn follow(folder: &Path, base: &str) -> Result<Live, rblmap::Error> {
    #[expect(unsafe_code, reason = "mapping is a promise about the files")]
    // SAFETY: the mirror replaces images by rename and never cuts its status page (docs/feed.md).
    let live = unsafe { Live::builder(folder, base).map() }?;
    // The mirror verifies what it puts there; what has happened to the disk since, it cannot know.
    live.reader().image().verify()?;
    Ok(live)
}

fn read(path: &Path, base: &str, name: &str) -> Result<Image, String> {
    let told = |what: String| format!("{}: {what}", path.display());
    let image = Image::read(path).map_err(|error| told(chain(&error.without_path())))?;
    image.verify().map_err(|error| told(chain(&error)))?;
    if !base.is_empty() && image.name() != base {
        return Err(told(format!("image of {}, not of {base}", image.name())));
    }
    let below = name_below(image.name(), name);
    let is_there = |below: &str| matches!(image.zone(below), Ok(Some(_)));
    if !below.is_some_and(is_there) {
        return Err(told(format!("image of {}, without {name}", image.name())));
    }
    Ok(image)
}

fn class(error: &rblmap::Error) -> Trouble {
    match error.io() {
        Some(_) => Trouble::Missing,
        None => Trouble::Damaged,
    }
}

fn identity(path: &Path) -> io::Result<FileIdentity> {
    let facts = std::fs::metadata(path)?;
    Ok(FileIdentity {
        device: facts.dev(),
        inode: facts.ino(),
        modified: (facts.mtime(), facts.mtime_nsec()),
        len: facts.len(),
    })
}

impl FileIdentity {
    fn same_file(&self, other: &FileIdentity) -> bool {
        self.device == other.device && self.inode == other.inode
    }
}

/// An error and its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
