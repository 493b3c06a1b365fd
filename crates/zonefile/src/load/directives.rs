//! What directives mean where they stand.

use rblmap_content::{DEFAULT_TTL, NameServers};

use super::{Loader, Place, or_else};
use crate::dataset_type::DatasetType;
use crate::directive::{self, Directive, Seen, Timestamp};
use crate::error::Error;
use crate::template::Settings;
use crate::warning::Class;

impl<'t> Loader<'t, '_> {
    pub(super) fn directive(
        &mut self,
        dataset: Option<usize>,
        text: &'t [u8],
        line: u32,
        place: Place<'_>,
    ) -> Result<(), Error> {
        let seen = Seen {
            soa: self.loaded.facts.soa.is_some(),
            ns: self.loaded.facts.ns.is_some(),
        };
        match directive::parse(text, seen) {
            None | Some(Directive::Dataset(_)) => self.warn(line, Class::BadSpecial, place),
            Some(Directive::Ignored) => {}
            Some(Directive::Soa(mut soa)) => {
                soa.ttl = or_else(soa.ttl, self.own_ttl(dataset));
                self.loaded.facts.soa = Some(soa);
            }
            Some(Directive::Ns(mut ns)) => {
                ns.ttl = self.ns_ttl(dataset, ns.ttl);
                self.loaded.facts.ns = Some(ns);
            }
            Some(Directive::NsOff { ttl }) => self.off_ns_ttl = self.ns_ttl(dataset, ttl),
            Some(Directive::BrokenNs(names)) => {
                let ttl = self.off_ns_ttl;
                self.loaded.facts.ns = Some(NameServers { ttl, names });
                self.warn(line, Class::BadSpecial, place);
            }
            Some(Directive::Ttl(ttl)) => match self.dataset_mut(dataset) {
                Some(dataset) => {
                    dataset.ttl = ttl;
                    let is_generic = dataset.kind == DatasetType::Generic;
                    self.loaded.tally.ttls += u64::from(is_generic);
                }
                None => self.outer_ttl = ttl,
            },
            Some(Directive::MaxRange4(most)) => match self.max_range {
                Some(now) if now < most => self.warn(line, Class::MaxrangeUp, place),
                _ => self.max_range = Some(most),
            },
            Some(Directive::Timestamp(stamp)) => return self.timestamp(stamp, line, place),
            Some(Directive::Variable(number, text)) => {
                if let Err(class) = self.settings_mut(dataset).set(number, text) {
                    self.warn(line, class, place);
                }
            }
            Some(Directive::Base(text)) => {
                if let Err(class) = self.settings_mut(dataset).set_base(text) {
                    self.warn(line, class, place);
                }
            }
        }
        Ok(())
    }

    fn timestamp(&mut self, stamp: Timestamp, line: u32, place: Place<'_>) -> Result<(), Error> {
        if stamp.made.is_some_and(|made| made > self.options.now) {
            return Err(place.refusal(line, Class::Future));
        }
        let Some(expires) = stamp.expires else {
            return Ok(());
        };
        if expires < self.options.now {
            self.warn(line, Class::Expired, place);
        }
        let earliest = self
            .loaded
            .expires
            .map_or(expires, |other| other.min(expires));
        self.loaded.expires = Some(earliest);
        Ok(())
    }

    /// The TTL that directives fall back on: in a combined file, that of the file, whatever the
    /// dataset inside says.
    fn own_ttl(&mut self, dataset: Option<usize>) -> u32 {
        let outer = self.outer_ttl;
        match self.dataset_mut(dataset) {
            Some(dataset) if !dataset.is_inside => dataset.ttl,
            _ => outer,
        }
    }

    /// The TTL of a `$NS` that says this one.
    fn ns_ttl(&mut self, dataset: Option<usize>, ttl: u32) -> u32 {
        let own = or_else(self.own_ttl(dataset), DEFAULT_TTL);
        or_else(ttl, own)
    }

    fn settings_mut(&mut self, dataset: Option<usize>) -> &mut Settings<'t> {
        match dataset.and_then(|index| self.loaded.datasets.get_mut(index)) {
            Some(dataset) => &mut dataset.settings,
            None => &mut self.outer,
        }
    }
}
