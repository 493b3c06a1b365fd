//! Counts addresses by cell: the /24s that a picture shows, or its pixels where these are smaller.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use ipnet::IpNet;
use rblmap::{Image, ValueId, Zone};
use rblmap_history::{Place, Says, changes};

use crate::error::Error;
use crate::map::named::{CLASSES, Named, Sums, slash32s};
use crate::map::{Beside, By, Settings, TableRow, label};

/// What is counted in each cell.
#[derive(Debug)]
pub(super) struct Cells {
    /// So many bits of an address are inside of a cell.
    pub(super) bits: u32,
    /// The first address that is drawn.
    first: u32,
    /// Listed addresses; beside an old image, those that are listed in both.
    pub(super) listed: Vec<u16>,
    /// Beside an old image: what came and went.
    pub(super) added: Vec<u16>,
    pub(super) removed: Vec<u16>,
    /// The class of a cell, from 1, where colours tell classes.
    pub(super) class: Vec<u8>,
    /// What each class is called, and how many addresses it has.
    pub(super) classes: Vec<(String, u64)>,
    /// Exact sums for the table, by 256th of the picture: listed, added, removed.
    sums: Vec<Sums>,
    /// The same by label, where there are labels.
    named: Option<Named>,
}

impl Cells {
    pub(super) fn count(
        image: &Image,
        beside: Beside<'_>,
        settings: &Settings,
    ) -> Result<Cells, Error> {
        let old = beside.old;
        let host_bits = 32 - u32::from(settings.net.prefix_len());
        let pixel_bits = host_bits - 2 * settings.size.trailing_zeros();
        let bits = pixel_bits.min(8);
        let count = 1usize << (host_bits - bits);
        let mut cells = Cells {
            bits,
            first: settings.net.network().to_bits(),
            listed: vec![0; count],
            added: Vec::new(),
            removed: Vec::new(),
            class: Vec::new(),
            classes: Vec::new(),
            sums: vec![[0; 3]; 256],
            named: beside.labels.map(|labels| Named::of(labels, settings.v6)),
        };
        if settings.by != By::Density && old.is_none() {
            cells.class = vec![0; count];
        }
        if let Some(old) = old {
            cells.added = vec![0; count];
            cells.removed = vec![0; count];
            cells.count_changes(image, old, settings)?;
        }
        if settings.by == By::Label && old.is_none() {
            cells.class_labels(image, settings.v6);
        }
        let mut any = old.is_some();
        for zone in image.zones() {
            let zone = zone?;
            if settings.by != By::Zone && zone.name() != rblmap::NameKey::ROOT {
                continue;
            }
            any |= cells.count_zone(image, &zone, settings);
        }
        if !any {
            return Err(Error::NothingToDraw(if settings.v6 {
                "IPv6"
            } else {
                "IPv4"
            }));
        }
        Ok(cells)
    }

    fn count_zone(&mut self, image: &Image, zone: &Zone<'_>, settings: &Settings) -> bool {
        let mut codes: BTreeMap<String, u8> = BTreeMap::new();
        let zone_name = match zone.name().label_count() {
            0 => image.name().to_owned(),
            _ => format!("{}.{}", zone.name(), image.name()),
        };
        let mut any = false;
        each_listed(image, zone, settings.v6, |start, end, a| {
            any = true;
            let class = match settings.by {
                By::Density => 0,
                By::Zone => self.class_of(&zone_name, &mut codes),
                By::Code => self.class_of(&a.to_string(), &mut codes),
                By::Label => return self.add_labelled(start, end),
            };
            self.add(start, end, class);
        });
        any
    }

    /// Gives the labels that most listed addresses have classes of their own.
    fn class_labels(&mut self, image: &Image, v6: bool) {
        let Some(mut named) = self.named.take() else {
            return;
        };
        each_listed(image, &image.base(), v6, |start, end, _| {
            if let Some((from, to)) = self.inside(start, end) {
                named.add(0, self.first + from, self.first + to);
            }
        });
        self.classes = named.classes();
        self.named = Some(named);
    }

    /// Adds listed addresses, each part of them in the class of its label.
    fn add_labelled(&mut self, start: u32, end: u32) {
        let mut parts = Vec::new();
        if let Some(named) = &self.named {
            named.split(start, end, |part| parts.push(part));
        }
        for part in parts {
            let class = self
                .named
                .as_ref()
                .map_or(0, |named| named.class(part.label));
            self.add(part.start, part.end, class);
        }
    }

    fn count_changes(
        &mut self,
        image: &Image,
        old: &Image,
        settings: &Settings,
    ) -> Result<(), Error> {
        let listed = |says: Says<'_>| says.listing().is_some();
        changes(Some(old), image, |change| {
            let (Place::Network(IpNet::V4(net)), false) = (change.place, settings.v6) else {
                return;
            };
            let (first, last) = (net.network().to_bits(), net.broadcast().to_bits());
            match (listed(change.was), listed(change.is)) {
                (false, true) => self.add_to(1, first, last),
                (true, false) => self.add_to(2, first, last),
                _ => {}
            }
        })?;
        Ok(())
    }

    fn class_of(&mut self, name: &str, known: &mut BTreeMap<String, u8>) -> u8 {
        if let Some(class) = known.get(name) {
            return *class;
        }
        let found = self.classes.iter().position(|(class, _)| class == name);
        let place = found.unwrap_or_else(|| {
            if self.classes.len() + 1 < CLASSES {
                self.classes.push((name.to_owned(), 0));
            } else if self.classes.len() < CLASSES {
                self.classes.push(("others".to_owned(), 0));
            }
            self.classes.len() - 1
        });
        let class = u8::try_from(place + 1).unwrap_or(u8::MAX);
        known.insert(name.to_owned(), class);
        class
    }

    /// Adds listed addresses to their cells.
    fn add(&mut self, start: u32, end: u32, class: u8) {
        self.add_to(0, start, end);
        let Some((from, to)) = self.inside(start, end) else {
            return;
        };
        if let Some((_, count)) = usize::from(class)
            .checked_sub(1)
            .and_then(|c| self.classes.get_mut(c))
        {
            *count += u64::from(to - from) + 1;
        }
        let (first, last) = (from >> self.bits, to >> self.bits);
        let range = as_index(first)..=as_index(last);
        for cell in self.class.get_mut(range).unwrap_or_default() {
            // Where several lie in a cell the one shows that comes first.
            if *cell == 0 {
                *cell = class;
            }
        }
    }

    /// The part of a range that is drawn, counted from the first address that is.
    fn inside(&self, start: u32, end: u32) -> Option<(u32, u32)> {
        let len = (self.listed.len() as u64) << self.bits;
        let last = u32::try_from(u64::from(self.first) + len - 1).unwrap_or(u32::MAX);
        let (from, to) = (start.max(self.first), end.min(last));
        (from <= to).then(|| (from - self.first, to - self.first))
    }

    fn add_to(&mut self, what: usize, start: u32, end: u32) {
        let Some((from, to)) = self.inside(start, end) else {
            return;
        };
        let bits = self.bits;
        let table = match what {
            0 => &mut self.listed,
            1 => &mut self.added,
            _ => &mut self.removed,
        };
        let span = 1u64 << bits;
        for cell in (from >> bits)..=(to >> bits) {
            let begin = u64::from(cell) << bits;
            let first = u64::from(from).max(begin);
            let last = u64::from(to).min(begin + span - 1);
            if let Some(count) = table.get_mut(as_index(cell)) {
                *count += u16::try_from(last - first + 1).unwrap_or(u16::MAX);
            }
        }
        if let Some(named) = &mut self.named {
            named.add(what, self.first + from, self.first + to);
        }
        let part_bits = self.listed.len().trailing_zeros() + bits - 8;
        for part in (from >> part_bits)..=(to >> part_bits) {
            let begin = u64::from(part) << part_bits;
            let first = u64::from(from).max(begin);
            let last = u64::from(to).min(begin + (1u64 << part_bits) - 1);
            if let Some(sums) = self.sums.get_mut(as_index(part))
                && let Some(sum) = sums.get_mut(what)
            {
                *sum += last - first + 1;
            }
        }
    }

    /// The table: each 256th of the picture with anything in it, or each label.
    pub(super) fn rows(&self, settings: &Settings) -> Vec<TableRow> {
        if let Some(named) = &self.named {
            return named.rows();
        }
        let len = settings.net.prefix_len() + 8;
        let part_bits = 32 - u32::from(len);
        (0u32..)
            .zip(&self.sums)
            .filter(|(_, sums)| **sums != [0; 3])
            .map(|(part, &[listed, added, removed])| TableRow {
                name: label(self.first + (part << part_bits), len, settings.v6),
                listed,
                added,
                removed,
            })
            .collect()
    }
}

/// Sees the ranges that a zone lists, and their first A record; of IPv6 the /32s, each once,
/// whatever is listed in it.
fn each_listed(image: &Image, zone: &Zone<'_>, v6: bool, mut see: impl FnMut(u32, u32, Ipv4Addr)) {
    let mut listed = |start: u32, end: u32, value: ValueId| {
        if let Some(a) = image.value(value).records().find_map(|record| record.a) {
            see(start, end, a);
        }
    };
    if !v6 {
        return zone
            .v4_runs()
            .for_each(|run| listed(run.start, run.end, run.value));
    }
    let mut next = 0;
    for run in zone.v6_runs() {
        if let Some((start, end)) = slash32s(&run, &mut next) {
            listed(start, end, run.value);
        }
    }
}

fn as_index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
