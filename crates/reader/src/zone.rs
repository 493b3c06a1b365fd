//! A zone of an image: where lookups happen.

use std::net::IpAddr;

use crate::answer::Answer;
use crate::image::Image;
use crate::iterate::{LineStretches, Runs, SortedStretches, V4Stretches};
use crate::layout::{NAMES_REACH_V4, NAMES_REACH_V6};
use crate::name::NameKey;
use crate::names::Names;
use crate::run::{NamePoint, Run, ValueId};
use crate::sorted::Sorted;
use crate::v4_lines::Lines;
use crate::v6_lines::Lines6;
use crate::v6_walk::LineStretches6;
use crate::value::Key;

/// One zone of an image, ready to answer.
///
/// Getting a zone costs a few dozen nanoseconds; keep it while you look up.
#[derive(Debug, Clone, Copy)]
pub struct Zone<'a> {
    pub(crate) image: &'a Image,
    pub(crate) name: NameKey,
    pub(crate) expires: u64,
    pub(crate) flags: u8,
    pub(crate) facts: &'a [u8],
    pub(crate) v4: V4<'a>,
    pub(crate) v6: V6<'a>,
    pub(crate) names: Option<Names<'a>>,
}

/// The layouts of IPv4 data.
#[derive(Debug, Clone, Copy)]
pub(crate) enum V4<'a> {
    Empty,
    Sorted(Sorted<'a>),
    Lines(Lines<'a>),
}

/// The layouts of IPv6 data.
#[derive(Debug, Clone, Copy)]
pub(crate) enum V6<'a> {
    Empty,
    Sorted(Sorted<'a>),
    Lines(Lines6<'a>),
}

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
    pub fn expired_at(&self, now: u64) -> bool {
        self.expires().is_some_and(|expires| expires < now)
    }

    /// TTL, SOA and NS, as `docs/format.md` encodes them.
    pub fn facts(&self) -> &'a [u8] {
        self.facts
    }

    /// Looks an address up.
    ///
    /// ```
    /// # use std::net::IpAddr;
    /// # let image = rblmap::Image::open("../../testdata/golden/three.rbl")?;
    /// let zone = image.base();
    /// let client: IpAddr = "192.0.2.1".parse()?;
    /// assert!(zone.lookup(client).is_listed());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn lookup(&self, address: IpAddr) -> Answer<'a> {
        match address {
            IpAddr::V4(address) => self.lookup_v4(address.to_bits()),
            IpAddr::V6(address) => self.lookup_v6(address.to_bits()),
        }
    }

    /// Looks an IPv4 address in host order up: 192.0.2.1 is `0xc000_0201`. Touches one or two cache
    /// lines beyond the first tables, does not allocate, lock or call the system.
    ///
    /// ```
    /// # let image = rblmap::Image::open("../../testdata/golden/three.rbl")?;
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
    /// # let image = rblmap::Image::open("../../testdata/golden/three.rbl")?;
    /// assert!(image.base().contains_v4(0xc000_0201));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn contains_v4(&self, address: u32) -> bool {
        self.lookup_v4(address).is_listed()
    }

    /// The answer for an IPv4 address that was asked for by `name`.
    pub(crate) fn lookup_v4_as(&self, address: u32, name: &NameKey) -> Answer<'a> {
        let run = self.part(self.v4_id(address), Key::V4(address));
        Answer::new(self.image, [run, None, self.name_listing(name)])
    }

    /// Looks an IPv6 address up. An address that holds an IPv4 address (2002::/16 and
    /// `::ffff:0:0/96`) is answered with what that one is listed with, too.
    ///
    /// ```
    /// # let image = rblmap::Image::open("../../testdata/golden/three.rbl")?;
    /// let zone = image.base();
    /// assert!(zone.lookup_v6(0x2001_0db8 << 96 | 1).is_listed());
    /// assert!(zone.lookup_v6(0xffff_c000_0201).is_listed());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn lookup_v6(&self, address: u128) -> Answer<'a> {
        let id = match &self.v6 {
            V6::Empty => 0,
            V6::Sorted(section) => section.lookup(address),
            V6::Lines(lines) => lines.lookup(address),
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
        let inner = inner.and_then(|v4| self.part(self.v4_id(v4), Key::V4(v4)));
        let name = self.name_part(NAMES_REACH_V6, || spelled_v6(address));
        Answer::new(self.image, [run, inner, name])
    }

    /// Looks a name up: the name itself, else the longest name above that lists what is below it.
    /// At most one binary search for each label.
    ///
    /// ```
    /// # let image = rblmap::Image::open("../../testdata/golden/three.rbl")?;
    /// use rblmap::NameKey;
    /// let zone = image.base();
    /// assert!(zone.lookup_name(&NameKey::parse(b"mx.Mail.example")?).is_listed());
    /// assert!(!zone.lookup_name(&NameKey::parse(b"example")?).is_listed());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn lookup_name(&self, name: &NameKey) -> Answer<'a> {
        Answer::new(self.image, [self.name_listing(name), None, None])
    }

    /// The IPv4 runs in address order; no two that touch have one value.
    ///
    /// ```
    /// # let image = rblmap::Image::open("../../testdata/golden/three.rbl")?;
    /// for run in image.base().v4_runs() {
    ///     println!("{:08x}-{:08x} {:?}", run.start, run.end, image.value(run.value));
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn v4_runs(&self) -> impl Iterator<Item = Run<u32>> + use<'a> {
        let stretches = match self.v4 {
            V4::Empty => None,
            V4::Sorted(section) => Some(V4Stretches::Sorted(SortedStretches::new(section))),
            V4::Lines(lines) => Some(V4Stretches::Lines(LineStretches::new(lines))),
        };
        Runs::new(stretches.into_iter().flatten())
    }

    /// The IPv6 runs in address order; no two that touch have one value.
    pub fn v6_runs(&self) -> impl Iterator<Item = Run<u128>> + use<'a> {
        let (sorted, lines) = match self.v6 {
            V6::Empty => (None, None),
            V6::Sorted(section) => (Some(SortedStretches::new(section)), None),
            V6::Lines(lines) => (None, Some(LineStretches6::new(lines))),
        };
        let lines = lines.into_iter().flatten();
        Runs::new(sorted.into_iter().flatten().chain(lines))
    }

    /// The names in key order.
    pub fn names(&self) -> impl Iterator<Item = NamePoint<'a>> + use<'a> {
        let names = self.names;
        (0..).map_while(move |index| names?.point(index))
    }

    /// The answer for an address of which the run is known.
    #[inline]
    pub(crate) fn answer_v4(&self, address: u32, id: u32) -> Answer<'a> {
        let run = self.part(id, Key::V4(address));
        let name = self.name_part(NAMES_REACH_V4, || spelled_v4(address));
        Answer::new(self.image, [run, None, name])
    }

    /// The same zone, read with what any machine can do: for tests and benches.
    #[doc(hidden)]
    pub fn portable(mut self) -> Zone<'a> {
        if let V4::Lines(lines) = self.v4 {
            self.v4 = V4::Lines(lines.portable());
        }
        self
    }

    /// Whether an IPv4 address may be listed by a name that spells it backwards.
    #[inline]
    pub(crate) fn names_reach_v4(&self) -> bool {
        self.flags & NAMES_REACH_V4 != 0
    }

    /// What a name that spells an IPv4 address backwards says.
    pub(crate) fn name_value_v4(&self, address: u32) -> Option<ValueId> {
        let (id, _) = self.name_part(NAMES_REACH_V4, || spelled_v4(address))?;
        Some(id)
    }

    #[inline]
    fn v4_id(&self, address: u32) -> u32 {
        match &self.v4 {
            V4::Empty => 0,
            V4::Sorted(section) => section.lookup(address),
            V4::Lines(lines) => lines.lookup(address),
        }
    }

    #[inline]
    fn part(&self, id: u32, key: Key<'a>) -> Option<(ValueId, Key<'a>)> {
        ValueId::new(id).map(|id| (id, key))
    }

    fn name_part(&self, flag: u8, spelled: impl FnOnce() -> NameKey) -> Option<(ValueId, Key<'a>)> {
        if self.flags & flag == 0 {
            return None;
        }
        self.name_listing(&spelled())
    }

    fn name_listing(&self, name: &NameKey) -> Option<(ValueId, Key<'a>)> {
        let (id, key) = self.names?.lookup(name.as_bytes())?;
        Some((id, Key::Name(key)))
    }
}

/// An IPv4 address as DNS asks for it, octets from the last to the first (RFC 5782 section 2.1).
fn spelled_v4(address: u32) -> NameKey {
    let mut name = NameKey::ROOT;
    for octet in std::net::Ipv4Addr::from_bits(address).octets() {
        // Four labels of at most three bytes always fit.
        let _ = name.push_label(octet.to_string().as_bytes());
    }
    name
}

/// An IPv6 address as DNS asks for it, nibbles from the last to the first (RFC 5782 section 2.4).
fn spelled_v6(address: u128) -> NameKey {
    let mut name = NameKey::ROOT;
    for nibble in (0..32).rev() {
        let digit = char::from_digit((address >> (4 * nibble) & 0xf) as u32, 16).unwrap_or('0');
        // Thirty-two labels of one byte always fit.
        let _ = name.push_label(digit.to_string().as_bytes());
    }
    name
}
