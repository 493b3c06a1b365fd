//! The zones of an image: finds the sections of each, in whichever layout.

use crate::error::{Error, ErrorKind};
use crate::image::{Image, bad};
use crate::zone::Zone;
use rblmap_format::NameKey;
use rblmap_format::names::Names;
use rblmap_format::names::lines::{NameLines, Parts};
use rblmap_format::names::sorted::SortedNames;
use rblmap_format::sections::{self as layout, kind};
use rblmap_format::sorted::Sorted;
use rblmap_format::v4::Lines;
use rblmap_format::v4::V4;
use rblmap_format::v6::Lines6;
use rblmap_format::v6::V6;
use rblmap_format::zones::ZoneRecord;

impl Image {
    /// The zone that the image is named after.
    ///
    /// ```
    /// # let image = rblmap::Image::read("testdata/three.rbl")?;
    /// assert!(image.base().lookup("192.0.2.1".parse::<std::net::IpAddr>()?).is_listed());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn base(&self) -> Zone<'_> {
        self.zone_at(0)
            .unwrap_or_else(|_| self.empty_zone(NameKey::ROOT))
    }

    /// A zone by its name relative to the base, `proxies`; `@` or nothing for the base itself.
    /// `None`: there is no such zone, which is not the same as not listed.
    ///
    /// ```
    /// # let image = rblmap::Image::read("testdata/three.rbl")?;
    /// assert!(image.zone("@")?.is_some());
    /// assert!(image.zone("proxies")?.is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Sections that do not fit together.
    pub fn zone(&self, name: &str) -> Result<Option<Zone<'_>>, Error> {
        let name = if name == "@" { "" } else { name };
        let Ok(key) = NameKey::parse(name.as_bytes()) else {
            return Ok(None);
        };
        self.zone_of_key(&key)
    }

    /// All zones, the base first, then in the order of their names; damaged ones as errors.
    pub fn zones(&self) -> impl ExactSizeIterator<Item = Result<Zone<'_>, Error>> {
        (0..self.zone_count()).map(|index| self.zone_at(index))
    }

    pub(crate) fn zone_of_key(&self, key: &NameKey) -> Result<Option<Zone<'_>>, Error> {
        let (mut low, mut high) = (0, self.zone_count());
        while low < high {
            let mid = low.midpoint(high);
            let record = self.zone_record(mid)?;
            match record.key.cmp(key.as_bytes()) {
                std::cmp::Ordering::Less => low = mid + 1,
                std::cmp::Ordering::Greater => high = mid,
                std::cmp::Ordering::Equal => return self.zone_at(mid).map(Some),
            }
        }
        Ok(None)
    }

    pub(crate) fn zone_at(&self, index: usize) -> Result<Zone<'_>, Error> {
        let record = self.zone_record(index)?;
        let name = NameKey::from_key(record.key).map_err(|_| {
            Error::new(ErrorKind::Field {
                what: "zone name",
                offset: 0,
            })
        })?;
        let mut zone = self.empty_zone(name);
        zone.expires = record.expires;
        zone.flags = record.flags;
        zone.facts = record.facts;
        let number = u32::try_from(index).unwrap_or(u32::MAX);
        let width = layout::id_width(u32::try_from(self.value_count()).unwrap_or(u32::MAX));
        let rule_width = layout::rule_width(u32::try_from(self.value_count()).unwrap_or(u32::MAX));
        zone.index = number;
        zone.v4 = self.v4(number, width)?;
        zone.v6 = self.v6(number, width)?;
        zone.names = self.names(number, rule_width)?;
        Ok(zone)
    }

    pub(crate) fn zone_record(&self, index: usize) -> Result<ZoneRecord<'_>, Error> {
        let section = self
            .find(0, kind::ZONES)
            .ok_or(Error::new(ErrorKind::NotAnImage))?;
        let bytes = self.bytes_of(&section);
        ZoneRecord::read(bytes, index).ok_or(Error::new(ErrorKind::Section {
            what: "zones",
            offset: section.offset,
            len: section.len,
        }))
    }

    fn zone_count(&self) -> usize {
        let zones = self
            .find(0, kind::ZONES)
            .map_or(0, |section| section.parameter);
        usize::try_from(zones).unwrap_or(0)
    }

    fn empty_zone(&self, name: NameKey) -> Zone<'_> {
        Zone {
            image: self,
            listing: self.listing(),
            index: 0,
            name,
            expires: 0,
            flags: 0,
            facts: &[],
            v4: V4::Empty,
            v6: V6::Empty,
            names: Names::Empty,
        }
    }

    fn v4(&self, zone: u32, width: usize) -> Result<V4<'_>, Error> {
        if let Some(section) = self.find(zone, kind::V4_SORTED) {
            let sorted = Sorted::new::<u32>(self.bytes_of(&section), section.parameter, width);
            return Ok(V4::Sorted(sorted.ok_or(bad(&section))?));
        }
        let Some(top) = self.find(zone, kind::V4_TOP) else {
            return Ok(V4::Empty);
        };
        let part = |kind| self.find(zone, kind).map(|section| self.bytes_of(&section));
        let lines = Lines::new(
            self.bytes_of(&top),
            part(kind::V4_STARTS).unwrap_or_default(),
            part(kind::V4_COUNTS).unwrap_or_default(),
            part(kind::V4_BITS),
            part(kind::V4_LINES).unwrap_or_default(),
            width,
        );
        Ok(V4::Lines(lines.ok_or(bad(&top))?))
    }

    /// The IPv6 sections of a zone; ids have `width` bytes.
    pub(crate) fn v6(&self, zone: u32, width: usize) -> Result<V6<'_>, Error> {
        if let Some(section) = self.find(zone, kind::V6_SORTED) {
            let sorted = Sorted::new::<u128>(self.bytes_of(&section), section.parameter, width);
            return Ok(V6::Sorted(sorted.ok_or(bad(&section))?));
        }
        let Some(top) = self.find(zone, kind::V6_TOP) else {
            return Ok(V6::Empty);
        };
        let part = |kind| {
            let section = self.find(zone, kind);
            section.map_or(&[][..], |section| self.bytes_of(&section))
        };
        let lines = Lines6::new(
            self.bytes_of(&top),
            part(kind::V6_RANGES),
            part(kind::V6_STARTS),
            part(kind::V6_LINES),
            part(kind::V6_INSIDE_64),
            width,
        );
        Ok(V6::Lines(lines.ok_or(bad(&top))?))
    }

    /// The sections of a zone's names; name rules have `width` bytes.
    pub(crate) fn names(&self, zone: u32, width: usize) -> Result<Names<'_>, Error> {
        let sorted = |kind| -> Result<Option<SortedNames<'_>>, Error> {
            let Some(section) = self.find(zone, kind) else {
                return Ok(None);
            };
            let names = SortedNames::new(self.bytes_of(&section), section.parameter, width);
            names.map(Some).ok_or(bad(&section))
        };
        if let Some(names) = sorted(kind::NAMES_SORTED)? {
            return Ok(Names::Sorted(names));
        }
        let Some(model) = self.find(zone, kind::NAMES_MODEL) else {
            return Ok(Names::Empty);
        };
        let part = |kind| {
            let section = self.find(zone, kind);
            section.map_or(&[][..], |section| self.bytes_of(&section))
        };
        let suffixes = self.find(zone, kind::NAMES_COMMON_SUFFIXES);
        let order = self.find(zone, kind::NAMES_ORDER);
        let parts = Parts {
            model: self.bytes_of(&model),
            suffixes: part(kind::NAMES_COMMON_SUFFIXES),
            suffix_places: suffixes.map_or(0, |section| section.parameter),
            filter: part(kind::NAMES_FILTER),
            lines: part(kind::NAMES_LINES),
            count: model.parameter,
            overflow: sorted(kind::NAMES_OVERFLOW)?,
            order: order.map(|section| self.bytes_of(&section)),
        };
        let lines = NameLines::new(parts, width);
        Ok(Names::Lines(lines.ok_or(bad(&model))?))
    }
}
