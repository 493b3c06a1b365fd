//! What was found at one time of image and status page, and what is found at the next look.

use std::ffi::{CStr, CString};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind};
use crate::image::Image;
use crate::owned::OwnedZone;
use crate::status::{Freshness, StatusPage};
use crate::zone::Zone;

use super::cell::Cell;
use super::folder::{Folder, Identity, Now};
use super::page::{self, Page};

/// The pause before a failed image is tried again, doubled with every failure.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// How often it is doubled: up to 51 seconds.
const DOUBLINGS: u32 = 9;
/// Who waits for an image that is not there asks this often at least.
const WAITING_PAUSE: Duration = Duration::from_millis(250);
/// Callers that name the same second look at the folder this often at most, in milliseconds.
const LOOK_PAUSE: u64 = 20;

/// All that the readers of a list share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) place: Place,
    /// The version of the state in the cell.
    version: AtomicU64,
    /// The second that a caller named at the last look, and when that was, in milliseconds since
    /// `began`.
    looked: [AtomicU64; 2],
    began: Instant,
    pub(super) state: Cell<State>,
}

/// Where image and page are, by name.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) image: CString,
    pub(super) page: Option<CString>,
    pub(super) zone: Option<String>,
    pub(super) copies: bool,
}

/// What was found at one time; never changed, only replaced.
#[derive(Debug)]
pub(super) struct State {
    /// The base zone, which keeps the image.
    base: Arc<OwnedZone>,
    /// Which file the image is of; none while there is no image yet.
    file: Option<Identity>,
    pub(super) page: PageState,
    generation: u64,
    version: u64,
    /// What [`Shared::version`] is compared with: the version, or a number that it never has while
    /// there is something to try again.
    seen: u64,
    folder: Arc<Folder>,
    problem: Option<Error>,
    trouble: Trouble,
}

/// Why the image in place is not in use, as far as that decides what is tried next.
#[derive(Debug, Clone, Copy)]
enum Trouble {
    Nothing,
    /// This file holds what is no image for us: it is not read again while it stays the same.
    Refused(Identity),
    /// It could not be opened so many times, the last time with this file, if one was there.
    /// Lookups do not try again before this moment.
    Failed(u32, Instant, Option<Identity>),
}

/// The status page, as far as there is one.
#[derive(Debug)]
pub(super) enum PageState {
    /// There never was one.
    Absent,
    Here(Arc<Page>, Identity),
    /// There is one that cannot be used, or there was one; with what it said last.
    Lost(Option<StatusPage>, Error),
}

/// Why somebody looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// A lookup that sees another generation, or that something may be tried again.
    Lookup,
    /// Somebody asks whether answers count.
    Freshness,
    /// Somebody asks for a look, whatever was tried before.
    Refresh,
}

impl Shared {
    pub(super) fn new(place: Place, folder: Folder, wait: bool) -> Result<Shared, Error> {
        let state = State::first(&place, folder, wait)?;
        Ok(Shared {
            place,
            version: AtomicU64::new(state.version),
            looked: [const { AtomicU64::new(u64::MAX) }; 2],
            began: Instant::now(),
            state: Cell::new(state),
        })
    }

    /// The state after a look, waiting for a thread that looks already.
    pub(super) fn renew(&self) -> Arc<State> {
        self.state.update(|old| self.look(old, Why::Refresh))
    }

    /// Whether a look is due for somebody who asks at `now` whether answers count: the first time
    /// in each second that he names, and a few dozen times a second at most.
    pub(super) fn is_look_due(&self, now: u64) -> bool {
        let millis = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let [second, at] = &self.looked;
        let recent = millis.saturating_sub(at.load(Ordering::Relaxed)) < LOOK_PAUSE;
        if recent && second.load(Ordering::Relaxed) == now {
            return false;
        }
        second.store(now, Ordering::Relaxed);
        at.store(millis, Ordering::Relaxed);
        true
    }

    /// What there is now; `None` if it is what was known.
    pub(super) fn look(&self, old: &State, why: Why) -> Option<State> {
        if why == Why::Lookup && !old.is_due(self) {
            return None;
        }
        let Some(found) = old.next(&self.place, why) else {
            // A process that was forked between the two lines below has the version of a state that
            // never came into its cell; lookups would look for it for ever.
            self.version.store(old.version, Ordering::Release);
            return None;
        };
        // Readers that see the new version find the state in the cell, or keep what they have until
        // the lock is free.
        self.version.store(found.version, Ordering::Release);
        Some(found)
    }
}

impl State {
    fn first(place: &Place, folder: Folder, wait: bool) -> Result<State, Error> {
        let folder = Arc::new(folder);
        let page = place.page(&folder, &PageState::Absent);
        let generation = page.generation();
        let found = place.image(&folder, None, Why::Refresh);
        let image = match (found.image, &found.problem) {
            (None, Some(error)) if !wait => return Err(error.clone()),
            (image, _) => image.unwrap_or_else(Image::none),
        };
        Ok(State {
            base: Arc::new(OwnedZone::base(&Arc::new(image))),
            file: found.file,
            page,
            generation,
            version: 1,
            seen: 1,
            folder,
            problem: None,
            trouble: found.trouble,
        }
        .with_problem(found.problem))
    }

    /// The state after a look, if it differs.
    fn next(&self, place: &Place, why: Why) -> Option<State> {
        let (folder, gone) = match self.folder.now() {
            Now::Same => (Arc::clone(&self.folder), None),
            Now::Other(folder) => (Arc::new(folder), None),
            Now::Gone(error) => (Arc::clone(&self.folder), Some(error)),
        };
        let moved = !Arc::ptr_eq(&folder, &self.folder);
        let page = match &gone {
            // A mapped page shows by itself what the mirror writes.
            None if why == Why::Lookup && !moved && self.page.is_mapped() => self.page.clone(),
            None => place.page(&folder, &self.page),
            Some(_) => self.page.clone(),
        };
        // In this order: an image found later than a generation is at least as new.
        let generation = page.generation();
        let found = match gone {
            Some(error) => {
                let error = Error::from(error).at(&folder.path_of(&place.image));
                Found::nothing(Some(self), None, error)
            }
            None => place.image(&folder, Some(self), why),
        };
        let base = match found.image {
            Some(image) => Arc::new(OwnedZone::base(&Arc::new(image))),
            None => Arc::clone(&self.base),
        };
        let version = self.version + 1;
        let next = State {
            base,
            file: found.file,
            page,
            generation,
            version,
            seen: version,
            folder,
            problem: None,
            trouble: found.trouble,
        }
        .with_problem(found.problem);
        (!next.says_the_same_as(self)).then_some(next)
    }

    fn with_problem(mut self, problem: Option<Error>) -> State {
        self.problem = problem;
        if matches!(self.trouble, Trouble::Failed(..)) || self.file.is_none() {
            self.seen = u64::MAX;
        }
        self
    }

    fn says_the_same_as(&self, old: &State) -> bool {
        let kind = |state: &State| state.problem.as_ref().map(|error| error.kind().clone());
        Arc::ptr_eq(&self.base, &old.base)
            && Arc::ptr_eq(&self.folder, &old.folder)
            && self.page.says_the_same_as(&old.page)
            && self.generation == old.generation
            && self.trouble.failures() == old.trouble.failures()
            && kind(self) == kind(old)
    }

    /// Whether this is all there is, by two loads from memory.
    #[inline]
    pub(super) fn is_current(&self, shared: &Shared) -> bool {
        self.page.generation() == self.generation
            && shared.version.load(Ordering::Acquire) == self.seen
    }

    /// Whether a lookup has something to do: another thread found something, there is another
    /// generation, or what failed may be tried again.
    pub(super) fn is_due(&self, shared: &Shared) -> bool {
        self.page.generation() != self.generation
            || shared.version.load(Ordering::Acquire) != self.version
            || !self.trouble.is_resting()
                && (self.file.is_none() || matches!(self.trouble, Trouble::Failed(..)))
    }

    /// Whether there is no image yet.
    pub(super) fn is_waiting(&self) -> bool {
        self.file.is_none()
    }

    /// The image that answers; an empty one while there is none.
    #[inline]
    pub(super) fn image(&self) -> &Arc<Image> {
        self.base.image()
    }

    /// The base zone.
    #[inline]
    pub(super) fn base(&self) -> &Zone<'_> {
        self.base.zone()
    }

    /// What the status page says now, or said last.
    pub(super) fn page_now(&self) -> Option<StatusPage> {
        match &self.page {
            PageState::Absent => None,
            PageState::Here(page, _) => page.now().ok(),
            PageState::Lost(last, _) => *last,
        }
    }

    /// Why the image in place is not the one that answers, or why the mirror is not heard.
    pub(super) fn problem(&self) -> Option<Error> {
        let of_page = || match &self.page {
            PageState::Absent => None,
            PageState::Here(page, _) => page.now().err(),
            PageState::Lost(_, error) => Some(error.clone()),
        };
        self.problem.clone().or_else(of_page)
    }

    /// Whether answers of a zone count that is expired or not by its own time.
    pub(super) fn freshness_at(&self, now: u64, expired: bool) -> Freshness {
        if self.is_waiting() {
            return Freshness::Waiting;
        }
        let at = |page: StatusPage| page.freshness_at(now);
        let of_page = match &self.page {
            PageState::Absent => Freshness::Fresh,
            PageState::Here(page, _) => page.now().map_or(Freshness::Stale, at),
            PageState::Lost(last, _) => last.map_or(Freshness::Fresh, at).max(Freshness::Stale),
        };
        let known = match self.problem {
            None => Freshness::Fresh,
            Some(_) => Freshness::Stale,
        };
        let own = if expired {
            Freshness::Expired
        } else {
            Freshness::Fresh
        };
        of_page.max(known).max(own)
    }
}

impl Trouble {
    /// Whether what failed is not to be tried again yet.
    fn is_resting(self) -> bool {
        matches!(self, Trouble::Failed(_, until, _) if Instant::now() < until)
    }

    /// Whether there is no use in opening this file: it was refused as it is, or failed lately.
    fn stands(self, file: Identity, why: Why) -> bool {
        match self {
            Trouble::Nothing => false,
            Trouble::Refused(refused) => refused.same(file),
            Trouble::Failed(_, _, failed) => {
                let is_the_same = failed.is_some_and(|failed| failed.same(file));
                why == Why::Freshness && is_the_same && self.is_resting()
            }
        }
    }

    fn failures(self) -> u32 {
        match self {
            Trouble::Failed(times, ..) => times,
            Trouble::Nothing | Trouble::Refused(_) => 0,
        }
    }

    fn after_failure(self, error: &Error, file: Option<Identity>) -> Trouble {
        let times = self.failures();
        let pause = FIRST_PAUSE * (1 << times.min(DOUBLINGS));
        let pause = if *error.kind() == ErrorKind::NotFound {
            pause.min(WAITING_PAUSE)
        } else {
            pause
        };
        Trouble::Failed(times.saturating_add(1), Instant::now() + pause, file)
    }
}

impl PageState {
    #[inline]
    fn generation(&self) -> u64 {
        match self {
            PageState::Here(page, _) => page.generation(),
            PageState::Absent | PageState::Lost(..) => 0,
        }
    }

    fn is_mapped(&self) -> bool {
        matches!(self, PageState::Here(page, _) if page.is_mapped())
    }

    fn says_the_same_as(&self, old: &PageState) -> bool {
        match (self, old) {
            (PageState::Absent, PageState::Absent) => true,
            (PageState::Here(page, _), PageState::Here(old, _)) => {
                Arc::ptr_eq(page, old) || !page.is_mapped() && page.now().ok() == old.now().ok()
            }
            (PageState::Lost(last, error), PageState::Lost(old_last, old)) => {
                last == old_last && error.kind() == old.kind()
            }
            _ => false,
        }
    }
}

impl Clone for PageState {
    fn clone(&self) -> PageState {
        match self {
            PageState::Absent => PageState::Absent,
            PageState::Here(page, identity) => PageState::Here(Arc::clone(page), *identity),
            PageState::Lost(last, error) => PageState::Lost(*last, error.clone()),
        }
    }
}

/// What a look at the image has found.
struct Found {
    /// A new image, if there is one.
    image: Option<Image>,
    file: Option<Identity>,
    trouble: Trouble,
    problem: Option<Error>,
}

impl Default for Found {
    fn default() -> Found {
        Found {
            image: None,
            file: None,
            trouble: Trouble::Nothing,
            problem: None,
        }
    }
}

impl Found {
    /// No new image: this file, if there is one, cannot be opened.
    fn nothing(old: Option<&State>, file: Option<Identity>, error: Error) -> Found {
        let known = old.and_then(|old| old.file);
        let trouble = match file {
            Some(file) if error.is_of_the_bytes() && known.is_some() => Trouble::Refused(file),
            _ => {
                let before = old.map_or(Trouble::Nothing, |old| old.trouble);
                before.after_failure(&error, file)
            }
        };
        Found {
            image: None,
            file: known,
            trouble,
            problem: Some(error),
        }
    }
}

impl Place {
    /// Looks at the image in place.
    fn image(&self, folder: &Folder, old: Option<&State>, why: Why) -> Found {
        let known = old.and_then(|old| old.file);
        let path = folder.path_of(&self.image);
        let at = |error: Error| error.at(&path);
        let opened = folder.named_file(&self.image);
        let (file, identity) = match opened {
            Ok(opened) => opened,
            Err(error) => return Found::nothing(old, None, at(error.into())),
        };
        let detached = (identity.names == 0).then(|| at(ErrorKind::Detached.into()));
        if known.is_some_and(|known| known.same(identity)) {
            return Found {
                file: known,
                problem: detached,
                ..Found::default()
            };
        }
        if let Some(old) = old.filter(|old| old.trouble.stands(identity, why)) {
            return Found {
                image: None,
                file: known,
                trouble: old.trouble,
                problem: old.problem.clone(),
            };
        }
        match self.open(file, identity) {
            Ok(image) => Found {
                image: Some(image),
                file: Some(identity),
                problem: detached,
                ..Found::default()
            },
            Err(error) => Found::nothing(old, Some(identity), at(error)),
        }
    }

    fn open(&self, file: std::fs::File, identity: Identity) -> Result<Image, Error> {
        let image = if self.copies {
            copy(file)?
        } else {
            Image::map_file(&file, identity.len)?
        };
        if let Some(zone) = self.zone.as_ref().filter(|&zone| zone != image.name()) {
            return Err(Error::new(ErrorKind::OtherZone {
                found: image.name().to_owned(),
                expected: zone.to_owned(),
            }));
        }
        // A zone that cannot be opened would show at a lookup, when there is no way back.
        image.zones().try_for_each(|zone| zone.map(|_| ()))?;
        Ok(image)
    }

    /// Looks at the status page in place.
    fn page(&self, folder: &Folder, old: &PageState) -> PageState {
        let Some(name) = &self.page else {
            return PageState::Absent;
        };
        match self.read_page(folder, name, old) {
            Ok(page) => page,
            Err(error) => {
                let last = match old {
                    PageState::Absent if *error.kind() == ErrorKind::NotFound => {
                        return PageState::Absent;
                    }
                    PageState::Absent => None,
                    PageState::Here(page, _) => page.now().ok(),
                    PageState::Lost(last, _) => *last,
                };
                PageState::Lost(last, error.at(&folder.path_of(name)))
            }
        }
    }

    fn read_page(&self, folder: &Folder, name: &CStr, old: &PageState) -> Result<PageState, Error> {
        let (file, identity) = folder.named_file(name)?;
        if identity.names == 0 {
            return Err(ErrorKind::Detached.into());
        }
        let same = match old {
            PageState::Here(page, known) if page.is_mapped() && known.same_file(identity) => {
                Some(page)
            }
            _ => None,
        };
        let said = match page::read(&file) {
            // A sandbox that lets nobody read does no harm to a page that is mapped.
            Err(error) if same.is_some() && *error.kind() == ErrorKind::Permission => {
                return Ok(old.clone());
            }
            said => said?,
        };
        // A file that says something else than its mapping was copied up by an overlay.
        let mapped = same.filter(|page| page.now().is_ok_and(|now| now == said));
        if mapped.is_some() {
            return Ok(old.clone());
        }
        let page = if self.copies {
            Page::Copied(said)
        } else {
            Page::map(&file)?
        };
        Ok(PageState::Here(Arc::new(page), identity))
    }
}

/// A copy counts only if it is whole: it may have been taken while somebody wrote the file.
fn copy(file: std::fs::File) -> Result<Image, Error> {
    let image = Image::read_file(file)?;
    #[cfg(feature = "verify")]
    image.verify()?;
    Ok(image)
}
