//! Many lists asked together, each with its own zone, freshness and trouble.

use std::net::IpAddr;
use std::sync::Arc;

use crate::answer::Answer;
use crate::error::{Error, ErrorKind};
use crate::image::Image;
use crate::owned::OwnedZone;
use crate::set::ImageSet;
use crate::status::{Freshness, StatusPage};
use crate::text::Query;
use crate::time::Timestamp;
use crate::zone::Zone;
use rblmap_format::name::NameKey;

use super::Live;
use super::reader::LiveReader;

/// The zones that a mail server asks about every client, from any number of lists that are
/// followed: the zones stay ready to answer until their image is swapped. For one thread at a time.
///
/// ```
/// # let ops = rblmap::Live::builder_of_image("testdata/three.rbl").read()?;
/// # let dul = rblmap::Live::builder_of_image("testdata/three.rbl").read()?;
/// use rblmap::{Freshness, LiveSet, Timestamp};
///
/// let mut set = LiveSet::new();
/// set.add(&ops, "@")?;
/// set.add(&dul, "@")?;
/// let now = Timestamp::now();
/// let counts: Vec<bool> = (0..set.len())
///     .map(|index| set.freshness(index, now).is_some_and(|f| f < Freshness::Expired))
///     .collect();
/// for (answer, counts) in set.lookup([192, 0, 2, 1]).zip(counts) {
///     assert!(counts && answer.is_some_and(|answer| answer.is_listed()));
/// }
/// # Ok::<(), rblmap::Error>(())
/// ```
///
/// A zone that the newest image of its list lacks has no answer and no freshness; the other zones
/// go on.
#[derive(Debug, Default)]
pub struct LiveSet {
    lists: Vec<LiveReader>,
    members: Vec<Member>,
    /// The zones of the members, in their order; an empty one for a member that has none.
    zones: ImageSet,
}

#[derive(Debug)]
struct Member {
    /// Which of the lists.
    list: usize,
    /// Relative to the base of the list.
    name: String,
    has_zone: bool,
}

impl LiveSet {
    /// How many zones a set holds at most.
    pub const MOST: usize = 256;

    /// A set without zones.
    pub fn new() -> LiveSet {
        LiveSet::default()
    }

    /// Adds a zone of a list, `@` for its base, and gives its index. While the list waits for its
    /// first image any name will do.
    ///
    /// # Errors
    /// [`ErrorKind::NoSuchZone`], [`ErrorKind::TooMany`].
    pub fn add(&mut self, live: &Live, zone: &str) -> Result<usize, Error> {
        if self.members.len() == LiveSet::MOST {
            let most = LiveSet::MOST;
            return Err(ErrorKind::TooMany { most }.into());
        }
        let mut reader = live.reader();
        if reader.image().zone(zone)?.is_none() && !reader.state().is_waiting() {
            let name = zone.to_owned();
            return Err(ErrorKind::NoSuchZone { name }.into());
        }
        let known = self.lists.iter().position(|list| list.is_of(&live.shared));
        let list = known.unwrap_or_else(|| {
            self.lists.push(reader);
            self.lists.len() - 1
        });
        self.members.push(Member {
            list,
            name: zone.to_owned(),
            has_zone: false,
        });
        self.rebuild();
        Ok(self.members.len() - 1)
    }

    /// How many zones the set has.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether the set has no zones.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// As [`LiveSet::lookup`] and [`LiveSet::lookup_name`], of the zones as of the last one of these.
    pub fn answer<'q>(&'q self, index: usize, query: &'q Query) -> Option<Answer<'q>> {
        Some(query.lookup(self.zone(index)?))
    }

    /// Looks an address up in all zones: the answers in the order of the zones, none for a zone
    /// that its list does not have. Allocates nothing, but for a thread's first lookup after a
    /// swap.
    #[inline]
    pub fn lookup(&mut self, address: impl Into<IpAddr>) -> LiveAnswers<'_> {
        self.renew();
        LiveAnswers {
            members: self.members.iter(),
            answers: self.zones.lookup(address),
        }
    }

    /// Looks a name up in all zones: the answers in the order of the zones, none for a zone that
    /// its list does not have.
    pub fn lookup_name<'q>(
        &'q mut self,
        name: &'q NameKey,
    ) -> impl ExactSizeIterator<Item = Option<Answer<'q>>> {
        self.renew();
        let zones = self.zones.as_slice().iter();
        self.members
            .iter()
            .zip(zones)
            .map(|(member, zone)| member.has_zone.then(|| zone.lookup_name(name)))
    }

    /// Whether the answers of a zone count at `now`; none for a zone that its list does not have.
    /// Takes a new image and looks at the folder as [`LiveReader::current`] does.
    pub fn freshness(&mut self, index: usize, now: impl Into<Timestamp>) -> Option<Freshness> {
        let now = now.into().seconds();
        let list = self.members.get(index)?.list;
        self.renew_list(list, Some(now));
        let state = self.lists.get(list)?.state();
        let member = self.members.get(index)?;
        let zone = self.zones.zone(index).filter(|_| member.has_zone);
        match zone {
            Some(zone) => Some(state.freshness_at(now, zone.expired_at(now))),
            None if state.is_waiting() => Some(Freshness::Waiting),
            None => None,
        }
    }

    /// Why the list of a zone does not follow its mirror, as of the last look.
    pub fn problem(&self, index: usize) -> Option<Error> {
        let member = self.members.get(index)?;
        let state = self.lists.get(member.list)?.state();
        let missing = || {
            let gone = !member.has_zone && !state.is_waiting();
            let name = member.name.clone();
            gone.then(|| Error::from(ErrorKind::NoSuchZone { name }))
        };
        state.problem().or_else(missing)
    }

    /// What the status page of the list of a zone says, or said last, if there is or was one.
    pub fn page(&self, index: usize) -> Option<StatusPage> {
        let member = self.members.get(index)?;
        self.lists.get(member.list)?.state().page_now()
    }

    /// The image of the list of a zone, as of the last look; one that holds nothing while there is
    /// none.
    pub fn image(&self, index: usize) -> Option<&Arc<Image>> {
        let member = self.members.get(index)?;
        Some(self.lists.get(member.list)?.state().image())
    }

    /// Whether the list of a zone waits for its first image.
    pub fn is_waiting(&self, index: usize) -> bool {
        let member = self.members.get(index);
        let list = member.and_then(|member| self.lists.get(member.list));
        list.is_some_and(|list| list.state().is_waiting())
    }

    /// A zone as of the last lookup together with its image, to keep.
    pub fn owned_zone(&self, index: usize) -> Option<OwnedZone> {
        let member = self.members.get(index).filter(|member| member.has_zone)?;
        OwnedZone::new(self.image(index)?, &member.name).ok()?
    }

    /// A zone as of the last lookup, without a copy of it; none for a zone that its list does not
    /// have.
    #[inline]
    pub fn zone(&self, index: usize) -> Option<&Zone<'_>> {
        let member = self.members.get(index)?;
        self.zones.zone(index).filter(|_| member.has_zone)
    }

    /// Whether [`LiveSet::renew`] would find nothing to do.
    #[doc(hidden)]
    #[inline]
    pub fn is_current(&self) -> bool {
        self.lists.iter().all(LiveReader::is_current)
    }

    /// Takes the newest images; lookups do it by themselves. Only after a swap is there more to do
    /// than to compare.
    #[inline]
    pub fn renew(&mut self) {
        for list in 0..self.lists.len() {
            self.renew_list(list, None);
        }
    }

    #[inline]
    fn renew_list(&mut self, list: usize, now: Option<u64>) {
        let (zones, mut released) = (&mut self.zones, false);
        let Some(reader) = self.lists.get_mut(list) else {
            return;
        };
        let release = || {
            *zones = ImageSet::new();
            released = true;
        };
        match now {
            Some(now) => reader.renew_at(now, release),
            None => reader.renew(release),
        }
        if released {
            self.rebuild();
        }
    }

    #[cold]
    fn rebuild(&mut self) {
        let mut zones = ImageSet::new();
        for member in &mut self.members {
            let image = self.lists.get(member.list).map(|list| list.state().image());
            // The zones of an image are looked through when it is opened: none is damaged.
            let added = image.map(|image| zones.add(image, &member.name));
            member.has_zone = matches!(added, Some(Ok(true)))
                && self
                    .lists
                    .get(member.list)
                    .is_some_and(|list| !list.state().is_waiting());
            if !matches!(added, Some(Ok(true))) {
                zones.add_nothing();
            }
        }
        self.zones = zones;
    }
}

/// The answers of the zones of a [`LiveSet`].
///
/// See the example of [`LiveSet`].
#[derive(Debug, Clone)]
pub struct LiveAnswers<'a> {
    members: std::slice::Iter<'a, Member>,
    answers: crate::set::Answers<'a>,
}

impl<'a> Iterator for LiveAnswers<'a> {
    type Item = Option<Answer<'a>>;

    #[inline]
    fn next(&mut self) -> Option<Option<Answer<'a>>> {
        let (member, answer) = (self.members.next()?, self.answers.next()?);
        Some(Some(answer).filter(|_| member.has_zone))
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.answers.size_hint()
    }
}

impl ExactSizeIterator for LiveAnswers<'_> {}
