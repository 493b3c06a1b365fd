//! Finds the sections that say what a zone does of IPv6 addresses and names, in whichever layout.

use crate::error::Error;
use crate::image::{Image, bad};
use rblmap_format::names::Names;
use rblmap_format::names::lines::{NameLines, Parts};
use rblmap_format::names::sorted::SortedNames;
use rblmap_format::sections::kind;
use rblmap_format::sorted::Sorted;
use rblmap_format::v6::Lines6;
use rblmap_format::v6::V6;

impl Image {
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
