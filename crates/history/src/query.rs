//! Questions to a history.

use std::net::IpAddr;

use ipnet::IpNet;
use rblmap::{NameKey, Value};

use crate::change::{Place, Says};
use crate::error::Error;
use crate::key::{self, Decoded, Scope};
use crate::segment::{Said, Segment, Step, Version};

/// What is asked about.
///
/// See the example of [`History`].
#[expect(clippy::large_enum_variant, reason = "one at a time, on the stack")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// One address: every network that holds it.
    Address(IpAddr),
    /// A network: those that hold it, and those within it.
    Network(IpNet),
    /// A name: what it says of itself, and what the names above it say of it.
    Name(NameKey),
}

/// One change that the subject saw.
///
/// See the example of [`History`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event<'h> {
    /// The content that it came with.
    pub serial: u64,
    /// When that was made, in seconds since 1970.
    pub time: u64,
    /// What changed.
    pub place: Place,
    /// What was said before.
    pub was: Says<'h>,
    /// What is said after.
    pub is: Says<'h>,
}

/// Contents of which nothing is known.
///
/// See the example of [`History`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The last content before.
    pub after: Version,
    /// The first content that is known again.
    pub until: Version,
}

/// A log, open for questions.
///
/// ```
/// use rblmap::{Image, NameKey};
/// use rblmap_history::{Log, Place, Retention, Says, Scope, Subject};
///
/// let dir = tempfile::tempdir()?;
/// let log = Log::new(dir.path().join("ops.example.history"));
/// # let old = rblmap_content::Draft::new("ops.example".parse()?).finish()?;
/// # let old = rblmap_image::encode(&old, rblmap_image::Stamp { serial: 0, created: 0 })?;
/// # let old = Image::from_vec(old)?;
/// let image = Image::read("testdata/three.rbl")?;
/// let appended = log.append(Some(&old), &image, 1_700_000_000, &Retention::default())?;
/// assert!(appended.changes > 0 && appended.failed.is_empty());
///
/// let history = log.open()?;
/// assert!(history.gaps().is_empty());
/// assert_eq!(history.last().map(|version| version.serial), Some(image.serial()));
/// for event in history.events(&NameKey::ROOT, &Subject::Name(NameKey::parse(b"mail.example")?)) {
///     if let (Place::Name(name, Scope::Exact), Says::Value(_)) = (event.place, event.is) {
///         println!("{name} is listed since {}", event.time);
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct History {
    segments: Vec<Segment>,
    failed: Vec<Error>,
}

impl History {
    pub(crate) fn new(segments: Vec<Segment>, failed: Vec<Error>) -> History {
        History { segments, failed }
    }

    /// The segments, oldest first.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Why segments could not be read; what they know is missing.
    pub fn failed(&self) -> &[Error] {
        &self.failed
    }

    /// The first content that is known, if anything is.
    pub fn first(&self) -> Option<Version> {
        self.segments.first().map(Segment::base)
    }

    /// The last content that is known.
    pub fn last(&self) -> Option<Version> {
        self.segments.last().map(Segment::last)
    }

    /// All contents that are known, oldest first.
    pub fn versions(&self) -> Vec<Version> {
        let each = self.segments.iter();
        let mut versions: Vec<Version> = each
            .flat_map(|segment| std::iter::once(segment.base()).chain(segment.versions()))
            .collect();
        versions.dedup();
        versions
    }

    /// Where segments are missing.
    pub fn gaps(&self) -> Vec<Gap> {
        let pairs = self.segments.array_windows::<2>();
        pairs
            .map(|[one, next]| Gap {
                after: one.last(),
                until: next.base(),
            })
            .filter(|gap| gap.after.serial < gap.until.serial)
            .collect()
    }

    /// The content from which on nothing is missing, if anything is known. What was before a gap says
    /// nothing about what is now.
    pub fn begins(&self) -> Option<Version> {
        let gap = self.gaps().last().map(|gap| gap.until);
        gap.or_else(|| self.first())
    }

    /// What happened to a subject in a zone ([`NameKey::ROOT`] is the base), oldest first. For an
    /// address this takes some look-ups in each segment, a microsecond or two each.
    pub fn events(&self, zone: &NameKey, subject: &Subject) -> Vec<Event<'_>> {
        let zone = key::prefix_of_zone(zone);
        let mut events = Vec::new();
        for segment in &self.segments {
            let begun = events.len();
            let mut add = |place: Place, steps: &[Step]| {
                events.extend(steps.iter().map(|step| event(segment, place, step)));
            };
            match subject {
                Subject::Address(address) => around(segment, &zone, *address, None, &mut add),
                Subject::Network(net) => {
                    let len = Some(net.prefix_len());
                    around(segment, &zone, net.network(), len, &mut add);
                    within(segment, &zone, net, &mut add);
                }
                Subject::Name(name) => of_name(segment, &zone, name, &mut add),
            }
            if let Some(new) = events.get_mut(begun..) {
                // Of one update, wide networks and names come first.
                new.sort_by_key(|event: &Event<'_>| event.serial);
            }
        }
        events
    }

    /// Every change of the updates after `from` up to `to`, in no order, with its zone.
    pub fn between<'h>(&'h self, from: u64, to: u64, mut see: impl FnMut(&NameKey, &Event<'h>)) {
        let all = self.segments.iter();
        for segment in all.filter(|s| s.last().serial > from && s.base().serial < to) {
            segment.each(|key, steps| {
                let Some((zone, decoded)) = key::decode(key) else {
                    return;
                };
                let place = match decoded {
                    Decoded::Network(net) => Place::Network(net),
                    Decoded::Name(name, scope) => Place::Name(name, scope),
                };
                for step in steps {
                    let event = event(segment, place, step);
                    if event.serial > from && event.serial <= to {
                        see(&zone, &event);
                    }
                }
            });
        }
    }
}

fn event<'h>(segment: &'h Segment, place: Place, step: &Step) -> Event<'h> {
    let Version { serial, time } = segment.version(step.version);
    let says = |said: Said| match said {
        Said::Inherits => Says::Inherits,
        Said::Nothing => Says::Nothing,
        Said::Value(id) => Says::Value(segment.value(id)),
    };
    Event {
        serial,
        time,
        place,
        was: says(step.was),
        is: says(step.is),
    }
}

impl<'v> Says<'v> {
    /// The records, if they list anything: a text alone does not.
    pub fn listing(&self) -> Option<Value<'v>> {
        match self {
            Says::Value(value) => Some(*value).filter(Value::is_listed),
            Says::Inherits | Says::Nothing => None,
        }
    }
}

/// The networks that hold an address, shorter than `below` if that is given.
fn around(
    segment: &Segment,
    zone: &[u8],
    address: IpAddr,
    below: Option<u8>,
    add: &mut impl FnMut(Place, &[Step]),
) {
    let width = if address.is_ipv4() { 32 } else { 128 };
    let lengths = (0..=width).take_while(|len| below.is_none_or(|below| *len < below));
    for len in lengths.filter(|len| segment.has_length(width, *len)) {
        let Ok(net) = IpNet::new(address, len) else {
            continue;
        };
        let net = net.trunc();
        let steps = segment.steps(&key::of_network(zone, &net));
        if !steps.is_empty() {
            add(Place::Network(net), &steps);
        }
    }
}

/// The networks within one, itself included.
fn within(segment: &Segment, zone: &[u8], net: &IpNet, add: &mut impl FnMut(Place, &[Step])) {
    let width = net.max_prefix_len();
    let lengths = net.prefix_len()..=width;
    for len in lengths.filter(|len| segment.has_length(width, *len)) {
        let first = key::of_prefix(zone, len, net.network());
        let last = key::of_prefix(zone, len, net.broadcast());
        segment.each_between(&first, &last, |key, steps| {
            if let Some((_, Decoded::Network(found))) = key::decode(key)
                && net.contains(&found)
            {
                add(Place::Network(found), steps);
            }
        });
    }
}

/// What a name and the names above it say of the name.
fn of_name(segment: &Segment, zone: &[u8], name: &NameKey, add: &mut impl FnMut(Place, &[Step])) {
    let mut ask = |name: &NameKey, scope| {
        let steps = segment.steps(&key::of_name(zone, name, scope));
        if !steps.is_empty() {
            add(Place::Name(*name, scope), &steps);
        }
    };
    let above = std::iter::successors(name.parent(), NameKey::parent);
    let above: Vec<NameKey> = above.collect();
    for parent in above.iter().rev() {
        ask(parent, Scope::Below);
        ask(parent, Scope::Both);
    }
    // What it says of those below it means nothing for itself.
    ask(name, Scope::Exact);
    ask(name, Scope::Both);
}
