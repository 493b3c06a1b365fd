//! A thread's hold on a list.

use std::sync::Arc;

use crate::error::Error;
use crate::image::Image;
use crate::status::{Freshness, StatusPage};
use crate::time::Timestamp;
use crate::zone::Zone;

use super::state::{Shared, State, Why};

/// A thread's hold on a [`Live`](crate::Live). It may move between threads, but one uses it at a
/// time. After `fork` parent and child may both go on with theirs.
///
/// Whoever holds several lists, or a subzone, takes a [`LiveSet`](crate::LiveSet).
///
/// See the example of [`Live`](crate::Live).
#[derive(Debug, Clone)]
pub struct LiveReader {
    state: Arc<State>,
    shared: Arc<Shared>,
}

/// The newest image of a list, and whether it counts at a time: both of one moment.
///
/// See the example of [`Live`](crate::Live).
#[derive(Debug, Clone, Copy)]
pub struct Current<'a> {
    state: &'a State,
    now: u64,
}

impl LiveReader {
    pub(super) fn new(state: Arc<State>, shared: Arc<Shared>) -> LiveReader {
        LiveReader { state, shared }
    }

    /// The newest image, and whether its answers count at `now`: what to ask for once for each
    /// connection. The first call in a second that `now` names also looks at the folder, as
    /// [`Live::refresh`](crate::Live::refresh) does (a later one too if 20 ms have passed since),
    /// unless another thread does.
    ///
    /// ```
    /// # let live = rblmap::Live::builder_of_image("testdata/three.rbl").read()?;
    /// use rblmap::{Freshness, Timestamp};
    ///
    /// let mut reader = live.reader();
    /// let current = reader.current(Timestamp::now());
    /// assert_eq!(current.freshness(), Freshness::Fresh);
    /// assert!(current.base().lookup([192, 0, 2, 1]).is_listed());
    /// # Ok::<(), rblmap::Error>(())
    /// ```
    #[inline]
    pub fn current(&mut self, now: impl Into<Timestamp>) -> Current<'_> {
        let now = now.into().seconds();
        self.renew_at(now, || ());
        Current {
            state: &self.state,
            now,
        }
    }

    /// The newest image: two loads from memory if it is still the same. After a swap the first
    /// reader of a process opens the new image, the others meanwhile keep the old one; none waits.
    /// While there is no image yet, one that holds nothing.
    ///
    /// The image stays as long as it is borrowed; clone the `Arc` to keep it longer.
    #[inline]
    pub fn image(&mut self) -> &Arc<Image> {
        self.image_after(|| ())
    }

    /// The base zone of the newest image, ready to answer.
    #[inline]
    pub fn base(&mut self) -> &Zone<'_> {
        self.renew(|| ());
        self.state.base()
    }

    /// The newest image, for whoever keeps the image or a set with it: `release` is called before
    /// another one takes its place, so that no thread holds two.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # let path = "testdata/three.rbl";
    /// let mut reader = rblmap::Live::builder_of_image(path).read()?.reader();
    /// let mut kept = Some(Arc::clone(reader.image()));
    /// let newest = Arc::clone(reader.image_after(|| kept = None));
    /// assert!(kept.is_some_and(|kept| Arc::ptr_eq(&kept, &newest)), "there was no other");
    /// # Ok::<(), rblmap::Error>(())
    /// ```
    #[inline]
    pub fn image_after(&mut self, release: impl FnOnce()) -> &Arc<Image> {
        self.renew(release);
        self.state.image()
    }

    #[inline]
    pub(super) fn is_current(&self) -> bool {
        self.state.is_current(&self.shared)
    }

    #[inline]
    pub(super) fn renew(&mut self, release: impl FnOnce()) {
        if !self.state.is_current(&self.shared) {
            self.look(Why::Lookup, release);
        }
    }

    /// As [`LiveReader::renew`], with a look at the folder if one is due.
    #[inline]
    pub(super) fn renew_at(&mut self, now: u64, release: impl FnOnce()) {
        if self.shared.is_look_due(now) {
            self.look(Why::Freshness, release);
        } else {
            self.renew(release);
        }
    }

    pub(super) fn is_of(&self, shared: &Arc<Shared>) -> bool {
        Arc::ptr_eq(&self.shared, shared)
    }

    /// What this thread has, without a look.
    #[inline]
    pub(super) fn state(&self) -> &State {
        &self.state
    }

    #[cold]
    fn look(&mut self, why: Why, release: impl FnOnce()) {
        let shared = &self.shared;
        if why == Why::Lookup && !self.state.is_due(shared) {
            return;
        }
        shared
            .state
            .try_update(&mut self.state, release, |old| shared.look(old, why));
    }
}

impl<'a> Current<'a> {
    /// Whether answers of the base zone count.
    pub fn freshness(&self) -> Freshness {
        self.freshness_of(self.state.base())
    }

    /// Whether answers of a zone of this image count: a subzone may have an expiry of its own.
    pub fn freshness_of(&self, zone: &Zone<'_>) -> Freshness {
        self.state.freshness_at(self.now, zone.expired_at(self.now))
    }

    /// The base zone.
    pub fn base(&self) -> &'a Zone<'a> {
        self.state.base()
    }

    /// A zone by its name relative to the base; none if the image has no such zone.
    ///
    /// # Errors
    /// As for [`Image::zone`].
    pub fn zone(&self, name: &str) -> Result<Option<Zone<'a>>, Error> {
        self.state.image().zone(name)
    }

    /// The image; one that holds nothing while there is none.
    pub fn image(&self) -> &'a Arc<Image> {
        self.state.image()
    }

    /// What the status page says, or said last, if there is or was one.
    pub fn page(&self) -> Option<StatusPage> {
        self.state.page_now()
    }

    /// Why the image in place is not the one that answers, or why the status page cannot be read.
    pub fn problem(&self) -> Option<Error> {
        self.state.problem()
    }
}
