//! The zones that a DNS listener serves, as one thread sees them.

use std::sync::Arc;

use rblmap::{Image, ImageSet, Zone};
use rblmap_format::facts::Facts;
use rblmap_policy::{Policy, Trouble, ZoneReader};

use super::facts::DnsFacts;
use super::name::QueryName;

/// The zones of one thread. Each has its own hold on the newest image.
#[derive(Debug)]
pub(crate) struct Zones {
    /// Those with the longest names first, so that the first that fits is the right one.
    zones: Vec<ServedZone>,
}

/// A zone that is served.
#[derive(Debug)]
pub(crate) struct ServedZone {
    /// Its place in the policy.
    number: usize,
    apex: QueryName,
    reader: ZoneReader,
    loaded: Option<Loaded>,
    /// When its health was looked at last, in seconds since 1970.
    looked_at: u64,
    /// Why it does not answer, whatever its image says.
    trouble: Option<Trouble>,
}

/// An image in use, and what DNS needs of it at every query.
#[derive(Debug)]
pub(crate) struct Loaded {
    image: Arc<Image>,
    /// The base zone alone: to open a zone anew for each query costs as much as its answer.
    base: ImageSet,
    facts: DnsFacts,
    /// The facts of subzones that have rows, by the keys of their names, in order: those of the
    /// others are read when they are asked for.
    rows: Vec<(Box<[u8]>, DnsFacts)>,
    /// How many labels the name of the base has.
    base_labels: usize,
    has_subzones: bool,
}

impl Zones {
    /// The zones of a policy, for one thread.
    pub(crate) fn new(policy: &Policy) -> Zones {
        let zones = policy.zones.iter().enumerate();
        let zones = zones.map(|(number, zone)| ServedZone {
            number,
            apex: QueryName::of_zone(zone.name()),
            reader: zone.followed.reader(),
            loaded: None,
            looked_at: 0,
            trouble: None,
        });
        let mut zones: Vec<ServedZone> = zones.collect();
        zones.sort_by_key(|zone| std::cmp::Reverse(zone.apex.label_count()));
        Zones { zones }
    }

    /// Takes up new images, and looks once a second whether those in use still count. Costs a few
    /// loads from memory a zone where nothing is new.
    pub(crate) fn renew(&mut self, now: u64) {
        self.zones.iter_mut().for_each(|zone| zone.renew(now));
    }

    /// The zone with the longest name that a name is in.
    pub(crate) fn of_name(&self, name: &QueryName) -> Option<&ServedZone> {
        self.zones.iter().find(|zone| name.is_within(&zone.apex))
    }
}

impl ServedZone {
    /// Its place in the policy.
    pub(crate) fn number(&self) -> usize {
        self.number
    }

    /// What it answers from, or why it does not.
    pub(crate) fn loaded(&self) -> Result<&Loaded, Trouble> {
        match (self.trouble, &self.loaded) {
            // That the zone lists 127.0.0.1 is a matter of the policy: rbldnsd answers.
            (None | Some(Trouble::ListsItself), Some(loaded)) => Ok(loaded),
            (Some(trouble), _) => Err(trouble),
            (None, None) => Err(Trouble::Missing),
        }
    }

    /// Why the policy would have no opinion.
    pub(crate) fn trouble(&self) -> Option<Trouble> {
        self.trouble
    }

    fn renew(&mut self, now: u64) {
        let kept = &mut self.loaded;
        match self.reader.image_after(|| *kept = None) {
            Err(trouble) => {
                self.loaded = None;
                self.trouble = Some(trouble);
                return;
            }
            Ok(image) => {
                let is_same = |loaded: &Loaded| Arc::ptr_eq(&loaded.image, image);
                if !kept.as_ref().is_some_and(is_same) {
                    self.loaded = Loaded::new(image);
                    self.looked_at = 0;
                }
            }
        }
        if self.looked_at != now {
            self.looked_at = now;
            let trouble = self.reader.current(now).err();
            // The expiry of content is a matter of each zone in the image: an own one below an
            // expired one may go on.
            let base = self.loaded.as_ref().and_then(Loaded::base);
            let by_content = base.is_some_and(|base| base.expired_at(now));
            self.trouble = trouble.filter(|&trouble| trouble != Trouble::Expired || !by_content);
        }
    }
}

impl Loaded {
    fn new(image: &Arc<Image>) -> Option<Loaded> {
        let mut base = ImageSet::new();
        base.add(image, "@").ok()?;
        let facts = DnsFacts::read(base.zone(0)?.facts());
        let subzones = image.zones().skip(1).flatten();
        let rows = subzones.filter(|zone| Facts::has_rows(zone.facts()));
        let rows = rows.map(|zone| (zone.name().as_bytes().into(), DnsFacts::read(zone.facts())));
        Some(Loaded {
            image: Arc::clone(image),
            base,
            facts,
            rows: rows.collect(),
            base_labels: QueryName::of_zone(image.name()).label_count(),
            has_subzones: image.zones().len() > 1,
        })
    }

    pub(crate) fn image(&self) -> &Image {
        &self.image
    }

    pub(crate) fn base(&self) -> Option<&Zone<'_>> {
        self.base.zone(0)
    }

    /// The facts of a zone of the image; `slot` keeps those that are read now.
    pub(crate) fn facts_of<'f>(
        &'f self,
        zone: &Zone<'_>,
        slot: &'f mut Option<DnsFacts>,
    ) -> &'f DnsFacts {
        // To read a name costs as much as a lookup.
        if !self.has_subzones {
            return &self.facts;
        }
        let name = zone.name();
        if name.label_count() == 0 {
            return &self.facts;
        }
        let known = |(key, _): &(Box<[u8]>, DnsFacts)| (**key).cmp(name.as_bytes());
        let at = self.rows.binary_search_by(known).ok();
        match at.and_then(|at| self.rows.get(at)) {
            Some((_, facts)) => facts,
            None => slot.insert(DnsFacts::read(zone.facts())),
        }
    }

    pub(crate) fn base_labels(&self) -> usize {
        self.base_labels
    }

    pub(crate) fn has_subzones(&self) -> bool {
        self.has_subzones
    }

    /// The serial of the SOA record where the source leaves it to the server. rbldnsd takes the
    /// newest time of the files; here it is the time at which the content was published, else its
    /// serial.
    pub(crate) fn serial(&self) -> u32 {
        let created = self.image.created();
        let serial = if created == 0 {
            self.image.serial()
        } else {
            created
        };
        // Serials of DNS wrap around (RFC 1982).
        u32::try_from(serial & u64::from(u32::MAX)).unwrap_or_default()
    }
}
