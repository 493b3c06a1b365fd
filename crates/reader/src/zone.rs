//! A zone of an image: where lookups happen.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::answer::Answer;
use crate::image::Image;
use crate::time::Timestamp;
use rblmap_format::Key;
use rblmap_format::name::NameKey;
use rblmap_format::names::Names;
use rblmap_format::names::walk::NameWalk;
use rblmap_format::prefetch;
use rblmap_format::sections::{NAMES_REACH_V4, NAMES_REACH_V6, kind};
use rblmap_format::v4::V4;
use rblmap_format::v6::V6;
use rblmap_format::{NameRules, Run, ValueId};

/// One zone of an image, ready to answer.
///
/// Getting a zone costs a few dozen nanoseconds; keep it while you look up.
///
/// See the example of [`Zone::lookup`].
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub struct Zone<'a> {
    // In the order of need: a cold lookup of an IPv4 address reads the first lines of memory.
    pub(crate) image: &'a Image,
    /// Ids up to this one are known to be of values with an A record.
    pub(crate) listing: u32,
    /// Which zone of the image.
    pub(crate) index: u32,
    pub(crate) flags: u8,
    pub(crate) v4: V4<'a>,
    pub(crate) v6: V6<'a>,
    pub(crate) names: Names<'a>,
    pub(crate) expires: u64,
    pub(crate) facts: &'a [u8],
    pub(crate) name: NameKey,
}

/// How many lines of memory of a [`Zone`] a lookup of an IPv4 address reads at most.
const HANDLE_LINES: usize = 4;

/// 2002::/16 holds an IPv4 address in the 32 bits after it (RFC 3056).
const SIX_TO_FOUR: u128 = 0x2002;
/// `::ffff:0:0/96` holds an IPv4 address in its last 32 bits (RFC 4291 section 2.5.5.2).
const MAPPED: u128 = 0xffff;

impl<'a> Zone<'a> {
    /// The name relative to the image's base, [`NameKey::ROOT`] for the base.
    pub fn name(&self) -> NameKey {
        self.name
    }

    /// When the content stops being valid, in seconds since 1970.
    pub fn expires(&self) -> Option<u64> {
        Some(self.expires).filter(|&expires| expires != 0)
    }

    /// Whether the content is no longer valid at `now` (seconds since 1970). Lookups do not look at
    /// the clock: an expired zone goes on answering, and what its answers are worth is the
    /// caller's decision.
    pub fn expired_at(&self, now: impl Into<Timestamp>) -> bool {
        let now = now.into().seconds();
        self.expires().is_some_and(|expires| expires < now)
    }

    /// TTL, SOA and NS, as `docs/format.md` encodes them.
    pub fn facts(&self) -> &'a [u8] {
        self.facts
    }

    /// Looks an address up.
    ///
    /// ```
    /// # use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
    /// # let image = rblmap::Image::read("testdata/three.rbl")?;
    /// let zone = image.base();
    /// let client: IpAddr = "192.0.2.1".parse()?;
    /// assert!(zone.lookup(client).is_listed());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn lookup(&self, address: impl Into<IpAddr>) -> Answer<'a> {
        match address.into() {
            IpAddr::V4(address) => self.lookup_v4(address.to_bits()),
            IpAddr::V6(address) => self.lookup_v6(address.to_bits()),
        }
    }

    /// Looks an IPv4 address in host order up: 192.0.2.1 is `0xc000_0201`. Touches one or two cache
    /// lines beyond the first tables, does not allocate, lock or call the system.
    ///
    /// ```
    /// # let image = rblmap::Image::read("testdata/three.rbl")?;
    /// let zone = image.base();
    /// assert!(zone.lookup_v4(0xc000_0201).is_listed());
    /// assert!(!zone.lookup_v4(0xc000_0202).is_listed());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn lookup_v4(&self, address: u32) -> Answer<'a> {
        self.answer_v4(address, self.v4_id(address))
    }

    /// Whether an IPv4 address in host order is listed: `lookup_v4(address).is_listed()`.
    ///
    /// ```
    /// # let image = rblmap::Image::read("testdata/three.rbl")?;
    /// assert!(image.base().contains_v4(0xc000_0201));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn contains_v4(&self, address: u32) -> bool {
        self.lookup_v4(address).is_listed()
    }

    /// The answer for an IPv4 address that was asked for by `name`.
    pub(crate) fn lookup_v4_as<'q>(&self, address: u32, name: &'q [u8]) -> Answer<'q>
    where
        'a: 'q,
    {
        let run = self.part(self.v4_id(address), Key::V4(address));
        Answer::new(
            self.image,
            self.index,
            self.listing,
            [run, None, self.name_listing(name)],
        )
    }

    /// Looks an IPv6 address up. An address that holds an IPv4 address (2002::/16 and
    /// `::ffff:0:0/96`) is answered with what that one is listed with, too.
    ///
    /// ```
    /// # let image = rblmap::Image::read("testdata/three.rbl")?;
    /// let zone = image.base();
    /// assert!(zone.lookup_v6(0x2001_0db8 << 96 | 1).is_listed());
    /// assert!(zone.lookup_v6(0xffff_c000_0201).is_listed());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn lookup_v6(&self, address: u128) -> Answer<'a> {
        let id = match &self.v6 {
            V6::Lines(lines) => lines.lookup(address),
            _ => self.small_v6_id(address),
        };
        let run = self.part(id, Key::V6(address));
        // The casts cut the embedded address out.
        #[expect(clippy::cast_possible_truncation, reason = "the low 32 bits are meant")]
        let inner = if address >> 112 == SIX_TO_FOUR {
            Some((address >> 80) as u32)
        } else if address >> 32 == MAPPED {
            Some(address as u32)
        } else {
            None
        };
        let inner = inner.and_then(|v4| self.part(self.inner_id(v4), Key::V4(v4)));
        let name = self.name_part(NAMES_REACH_V6, Ipv6Addr::from_bits(address));
        Answer::new(self.image, self.index, self.listing, [run, inner, name])
    }

    /// Looks a name up: the name itself, else the longest name above that lists what is below it.
    /// The answer keeps the name: it is what the texts show. Touches one or two cache lines beyond the
    /// first tables in most large zones; in small ones, at most one binary search for each label.
    ///
    /// ```
    /// # let image = rblmap::Image::read("testdata/three.rbl")?;
    /// use rblmap::NameKey;
    /// let zone = image.base();
    /// assert!(zone.lookup_name(&NameKey::parse(b"mx.Mail.example")?).is_listed());
    /// assert!(!zone.lookup_name(&NameKey::parse(b"example")?).is_listed());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn lookup_name<'q>(&self, name: &'q NameKey) -> Answer<'q>
    where
        'a: 'q,
    {
        self.lookup_key(name.as_bytes())
    }

    /// As [`Zone::lookup_name`], of the bytes of a key.
    #[inline]
    pub(crate) fn lookup_key<'q>(&self, key: &'q [u8]) -> Answer<'q>
    where
        'a: 'q,
    {
        Answer::new(
            self.image,
            self.index,
            self.listing,
            [self.name_listing(key), None, None],
        )
    }

    /// The IPv4 runs in address order; no two that touch have one value.
    ///
    /// ```
    /// # let image = rblmap::Image::read("testdata/three.rbl")?;
    /// for run in image.base().v4_runs() {
    ///     println!("{:08x}-{:08x} {:?}", run.start, run.end, image.value(run.value));
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn v4_runs(&self) -> impl Iterator<Item = Run<u32>> + use<'a> {
        self.v4.runs()
    }

    /// The IPv6 runs in address order; no two that touch have one value.
    pub fn v6_runs(&self) -> impl Iterator<Item = Run<u128>> + use<'a> {
        self.v6.runs()
    }

    /// The names in key order.
    ///
    /// Reads one line after the other, in no order; an image built without the order of names has
    /// them sorted in memory first (about 30 bytes a name and its key).
    pub fn names(&self) -> impl Iterator<Item = NameRules> + use<'a> {
        NameWalk::new(self.names)
    }

    /// The name and those below it, as far as they are listed or say something, in key order. As
    /// costly as [`Zone::names`] where the image has no order of names, else a fifth of a
    /// millisecond more than what it gives.
    ///
    /// ```
    /// # let image = rblmap::Image::read("testdata/three.rbl")?;
    /// use rblmap::NameKey;
    /// let mut names = image.base().names_within(&NameKey::parse(b"example")?);
    /// assert_eq!(names.next().unwrap().key.to_string(), "mail.example");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn names_within(&self, name: &NameKey) -> impl Iterator<Item = NameRules> + use<'a> {
        NameWalk::within(self.names, name)
    }

    /// How many names the zone has, without walking them.
    pub fn name_count(&self) -> usize {
        self.names.len()
    }

    /// The answer for an address of which the run is known.
    #[inline]
    pub(crate) fn answer_v4(&self, address: u32, id: u32) -> Answer<'a> {
        let run = self.part(id, Key::V4(address));
        let name = self.name_part(NAMES_REACH_V4, Ipv4Addr::from_bits(address));
        Answer::new(self.image, self.index, self.listing, [run, None, name])
    }

    /// The IPv6 data as it lies in the image, for `rblmap info --bytes`.
    #[doc(hidden)]
    pub fn v6(&self) -> V6<'a> {
        self.v6
    }

    /// The names as they lie in the image, for `rblmap info --bytes`.
    #[doc(hidden)]
    pub fn name_data(&self) -> Names<'a> {
        self.names
    }

    /// The IPv4 data as it lies in the image, for crates that write images.
    #[doc(hidden)]
    pub fn v4(&self) -> V4<'a> {
        self.v4
    }

    /// How many runs there are, as it lies in the image (V4_RUN_COUNTS), for crates that write images; empty
    /// if the zone has no lines.
    #[doc(hidden)]
    pub fn v4_run_counts(&self) -> &'a [u8] {
        let section = self.image.find(self.index, kind::V4_RUN_COUNTS);
        section.map_or(&[], |section| self.image.bytes_of(&section))
    }

    /// The same zone, read with what any machine can do: for tests and benches.
    #[doc(hidden)]
    pub fn portable(mut self) -> Zone<'a> {
        if let V4::Lines(lines) = self.v4 {
            self.v4 = V4::Lines(lines.portable());
        }
        if let V6::Lines(lines) = self.v6 {
            self.v6 = V6::Lines(lines.portable());
        }
        self
    }

    /// Asks for what a lookup of an IPv4 address reads of this value itself.
    #[inline(always)]
    pub(crate) fn prefetch_handle(&self) {
        let place = std::ptr::from_ref(self).cast::<[u8; 64]>();
        (0..HANDLE_LINES).for_each(|line| prefetch(place.wrapping_add(line)));
    }

    /// Asks for what a lookup of an IPv4 address reads first.
    #[inline(always)]
    pub(crate) fn prefetch_v4(&self, address: u32) {
        match &self.v4 {
            V4::Lines(lines) => lines.prefetch_block(address),
            V4::Sorted(section) => section.prefetch(address),
            V4::Empty => {}
        }
    }

    /// Whether an IPv4 address may be listed by a name that spells it backwards.
    #[inline]
    pub(crate) fn names_reach_v4(&self) -> bool {
        self.flags & NAMES_REACH_V4 != 0
    }

    /// What a name that spells an IPv4 address backwards says.
    pub(crate) fn name_value_v4(&self, address: u32) -> Option<ValueId> {
        let (id, _) = self.name_part(NAMES_REACH_V4, Ipv4Addr::from_bits(address))?;
        Some(id)
    }

    #[inline]
    fn v4_id(&self, address: u32) -> u32 {
        match &self.v4 {
            V4::Lines(lines) => lines.lookup(address),
            _ => self.small_v4_id(address),
        }
    }

    /// As [`Zone::v4_id`], for zones without lines. A function of its own: what lies between the code
    /// of other lookups is read with it, from memory where lookups are rare.
    #[inline(never)]
    fn small_v4_id(&self, address: u32) -> u32 {
        match &self.v4 {
            V4::Sorted(section) => section.lookup(address),
            V4::Empty | V4::Lines(_) => 0,
        }
    }

    /// As [`Zone::small_v4_id`].
    #[inline(never)]
    fn small_v6_id(&self, address: u128) -> u32 {
        match &self.v6 {
            V6::Sorted(section) => section.lookup(address),
            V6::Empty | V6::Lines(_) => 0,
        }
    }

    /// As [`Zone::v4_id`], of the address inside an IPv6 one, as few clients have.
    #[cold]
    #[inline(never)]
    fn inner_id(&self, address: u32) -> u32 {
        self.v4_id(address)
    }

    /// Whether a name says something of an address by spelling it backwards.
    pub(crate) fn is_spelled(&self, flag: u8, address: IpAddr) -> bool {
        self.name_part(flag, address).is_some()
    }

    #[inline]
    fn part(&self, id: u32, key: Key<'a>) -> Option<(ValueId, Key<'a>)> {
        ValueId::new(id).map(|id| (id, key))
    }

    #[inline]
    fn name_part(&self, flag: u8, address: impl Into<IpAddr>) -> Option<(ValueId, Key<'a>)> {
        if self.flags & flag == 0 {
            return None;
        }
        let address = address.into();
        let (id, labels) = self.spelled(address)?;
        Some((id, Key::Spelled { address, labels }))
    }

    /// What the name says that spells an address, and how many labels the one that said it has. Few
    /// zones have such names.
    #[cold]
    #[inline(never)]
    fn spelled(&self, address: IpAddr) -> Option<(ValueId, u8)> {
        let name = NameKey::spelled(address);
        let (id, len) = self.names.lookup(name.as_bytes())?;
        let labels = name.as_bytes().iter().take(len);
        // At most 32.
        let labels = u8::try_from(labels.filter(|&&byte| byte == 0).count()).unwrap_or(u8::MAX);
        Some((id, labels))
    }

    #[inline]
    fn name_listing<'q>(&self, key: &'q [u8]) -> Option<(ValueId, Key<'q>)> {
        let (id, len) = self.names.lookup(key)?;
        Some((id, Key::Name(key.get(..len).unwrap_or_default())))
    }
}
