//! Since when what a zone lists is listed: a small file that the browser loads beside the image.
//! `docs/page.md` describes every byte.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::Ipv6Addr;
use std::path::Path;

use ipnet::IpNet;
use rblmap::{Image, NameKey, NameRule};
use rblmap_history::{Event, History, Log, Parts, Place, Says, Scope, Span};

use super::error::Error;

const MAGIC: &[u8; 8] = b"RBLSINC1";
/// A zone lists addresses by names, so nothing is said of addresses.
const NAMES_ONLY: u32 = 1;
/// The bit of a name's number of time that says that the names below it are meant.
const BELOW: u32 = 1 << 31;

/// Reads the history of a zone, if the feed or folder has one that leads up to this image, and says
/// since when the base of the zone lists what it lists.
///
/// # Errors
/// A history that cannot be read; zones of the image that cannot.
pub(super) fn of(source: &Path, zone: &str, image: &Image) -> Result<Option<Vec<u8>>, Error> {
    let folders = [source.to_owned(), source.join(".state")];
    let logs = folders.map(|folder| Log::new(folder.join(format!("{zone}.history"))));
    for log in &logs {
        let history = log.open()?;
        is_read(&history)?;
        if history
            .last()
            .is_some_and(|last| last.serial == image.serial())
        {
            return Ok(Some(Since::of(&history, image).bytes(image.serial())));
        }
    }
    Ok(None)
}

/// What is missing for good is told by the page as a later beginning; a disk that cannot be read now
/// is an error.
fn is_read(history: &History) -> Result<(), Error> {
    for failed in history.failed() {
        if let rblmap_history::Error::Read { path, source } = failed {
            return Err(Error::Reading {
                path: path.clone(),
                cause: io::Error::new(source.kind(), source.to_string()),
            });
        }
    }
    Ok(())
}

/// What is listed now and was not all the time, and since when.
struct Since {
    /// When the history begins: what is not told here has been listed for as long at least.
    begins: u64,
    v4: Vec<Listed>,
    v6: Vec<Listed>,
    names: BTreeMap<Point, u64>,
    names_only: bool,
}

/// Addresses that are listed, and since when.
type Listed = (Span, u64);

/// A name, or those below it, in the order in which the file has them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Point {
    text: String,
    below: bool,
}

/// Whether addresses are listed, and since when.
#[derive(Clone, Copy, PartialEq)]
enum State {
    Listed(u64),
    NotListed,
}

impl Since {
    fn of(history: &History, image: &Image) -> Since {
        let first = history.begins();
        let (from, begins) = first.map_or((0, 0), |first| (first.serial, first.time));
        let mut events = Vec::new();
        history.between(from, u64::MAX, |zone, event| {
            if *zone == NameKey::ROOT {
                events.push(event.clone());
            }
        });
        events.sort_by_key(|event| event.serial);
        let (v4, v6) = addresses(&events, begins);
        let names = Names::of(&events, image);
        Since {
            begins,
            v4,
            v6,
            names_only: names.any_spells_an_address(),
            names: names.since(begins),
        }
    }

    fn bytes(&self, serial: u64) -> Vec<u8> {
        let mut times = vec![self.begins];
        let spans = self.v4.iter().chain(&self.v6).map(|(_, time)| *time);
        times.extend(spans.chain(self.names.values().copied()));
        times.sort_unstable();
        times.dedup();
        let place = |time: u64| number(times.binary_search(&time).unwrap_or(0));
        let texts: usize = self.names.keys().map(|point| point.text.len()).sum();
        let mut out = MAGIC.to_vec();
        out.extend(serial.to_le_bytes());
        out.extend(self.begins.to_le_bytes());
        let counts = [
            times.len(),
            self.v4.len(),
            self.v6.len(),
            self.names.len(),
            texts,
        ];
        let flags = if self.names_only { NAMES_ONLY } else { 0 };
        let counts = counts.into_iter().map(number).chain([flags]);
        out.extend(counts.flat_map(u32::to_le_bytes));
        out.extend(times.iter().flat_map(|time| time.to_le_bytes()));
        let v4 = |address: u128| u32::try_from(address).unwrap_or(u32::MAX).to_le_bytes();
        out.extend(self.v4.iter().flat_map(|(span, _)| v4(span.first)));
        out.extend(self.v4.iter().flat_map(|(span, _)| v4(span.last)));
        out.extend(
            self.v4
                .iter()
                .flat_map(|(_, time)| place(*time).to_le_bytes()),
        );
        out.extend(
            self.v6
                .iter()
                .flat_map(|(span, _)| Ipv6Addr::from_bits(span.first).octets()),
        );
        out.extend(
            self.v6
                .iter()
                .flat_map(|(span, _)| Ipv6Addr::from_bits(span.last).octets()),
        );
        out.extend(
            self.v6
                .iter()
                .flat_map(|(_, time)| place(*time).to_le_bytes()),
        );
        let mut end = 0;
        for point in self.names.keys() {
            end += point.text.len();
            out.extend(number(end).to_le_bytes());
        }
        for (point, time) in &self.names {
            let below = if point.below { BELOW } else { 0 };
            out.extend((place(*time) | below).to_le_bytes());
        }
        out.extend(self.names.keys().flat_map(|point| point.text.bytes()));
        out
    }
}

/// A browser has no room for more than 4 billion of anything.
fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Spans that are listed and changed since the beginning, IPv4 and IPv6.
fn addresses(events: &[Event<'_>], begins: u64) -> (Vec<Listed>, Vec<Listed>) {
    let (mut v4, mut v6) = (Parts::new(), Parts::new());
    for event in events {
        let Place::Network(net) = event.place else {
            continue;
        };
        let parts = match net {
            IpNet::V4(_) => &mut v4,
            IpNet::V6(_) => &mut v6,
        };
        let was_listed = event.was.listing().is_some();
        let is_listed = event.is.listing().is_some();
        parts.update(Span::of(&net), |known| match (is_listed, known) {
            (false, _) => State::NotListed,
            (true, Some(State::Listed(since))) => State::Listed(since),
            (true, None) if was_listed => State::Listed(begins),
            (true, _) => State::Listed(event.time),
        });
    }
    let listed = |parts: Parts<State>| {
        let spans = parts.each().into_iter();
        let listed = spans.filter_map(|(span, state)| match state {
            State::Listed(since) if since != begins => Some((span, since)),
            State::Listed(_) | State::NotListed => None,
        });
        listed.collect()
    };
    (listed(v4), listed(v6))
}

/// What a rule says of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    Inherits,
    Hides,
    Lists,
}

impl Rule {
    fn of_event(says: Says<'_>) -> Rule {
        match says {
            Says::Inherits => Rule::Inherits,
            Says::Value(_) if says.listing().is_some() => Rule::Lists,
            Says::Nothing | Says::Value(_) => Rule::Hides,
        }
    }

    fn of_image(image: &Image, rule: NameRule) -> Rule {
        match rule {
            NameRule::Inherit => Rule::Inherits,
            NameRule::Nothing => Rule::Hides,
            NameRule::Value(id) if image.value(id).is_listed() => Rule::Lists,
            NameRule::Value(_) => Rule::Hides,
        }
    }
}

/// The rule of a point: what it said when the history begins, and each change.
#[derive(Debug, Clone)]
struct Course {
    begun: Rule,
    changes: Vec<(u64, u64, Rule)>,
}

/// The rules of all names that matter.
struct Names {
    courses: BTreeMap<Point, Course>,
}

impl Names {
    fn of(events: &[Event<'_>], image: &Image) -> Names {
        let mut courses: BTreeMap<Point, Course> = BTreeMap::new();
        for event in events {
            let Place::Name(name, scope) = event.place else {
                continue;
            };
            for below in [false, true] {
                let other = if below { Scope::Exact } else { Scope::Below };
                if scope == other {
                    continue;
                }
                let text = name.to_string();
                let course = courses
                    .entry(Point { text, below })
                    .or_insert_with(|| Course {
                        begun: Rule::of_event(event.was),
                        changes: Vec::new(),
                    });
                let rule = Rule::of_event(event.is);
                course.changes.push((event.serial, event.time, rule));
            }
        }
        if !courses.is_empty() {
            add_unchanged(&mut courses, image);
        }
        Names { courses }
    }

    /// Whether a name is an address in reversed spelling, as rbldnsd asks for them: its last label
    /// is an octet or a digit of an IPv6 address.
    fn any_spells_an_address(&self) -> bool {
        self.courses.keys().any(|point| {
            let last = point.text.rsplit('.').next().unwrap_or_default();
            let octet = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
            octet || last.len() == 1 && last.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
    }

    /// The points that are listed and told of: those that were not listed all the time, and those
    /// that would else be taken for one of these.
    fn since(&self, begins: u64) -> BTreeMap<Point, u64> {
        let mut since = BTreeMap::new();
        for point in self.courses.keys() {
            let chain = self.chain(point);
            if chain.iter().all(|course| course.changes.is_empty()) {
                continue;
            }
            if let Some(time) = listed_since(&chain, begins) {
                since.insert(point.clone(), time);
            }
        }
        since
    }

    /// The courses that have a say about a point, the nearest first.
    fn chain(&self, point: &Point) -> Vec<&Course> {
        let own = self.courses.get(point).into_iter();
        let parents = above(&point.text).filter_map(|parent| {
            self.courses.get(&Point {
                text: parent.to_owned(),
                below: true,
            })
        });
        own.chain(parents).collect()
    }
}

/// The names above a name, the nearest first; the last one is the root, which has no text.
fn above(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(parent(name), |name| parent(name))
}

fn parent(name: &str) -> Option<&str> {
    match name.split_once('.') {
        Some((_, parent)) => Some(parent),
        None => (!name.is_empty()).then_some(""),
    }
}

/// Adds the rules of the image that never changed and matter beside those that did: above a point
/// that changed, or below one.
fn add_unchanged(courses: &mut BTreeMap<Point, Course>, image: &Image) {
    let changed: Vec<Point> = courses.keys().cloned().collect();
    let parents = changed.iter().flat_map(|point| above(&point.text));
    let parents: BTreeSet<&str> = parents.collect();
    let wild: BTreeSet<&str> = changed
        .iter()
        .filter(|point| point.below)
        .map(|point| point.text.as_str())
        .collect();
    for rules in image.base().names() {
        let text = rules.key.to_string();
        let is_below = above(&text).any(|parent| wild.contains(parent));
        let is_wild = wild.contains(text.as_str());
        for (below, rule) in [(false, rules.exact), (true, rules.below)] {
            let begun = Rule::of_image(image, rule);
            let matters = is_below || is_wild || below && parents.contains(text.as_str());
            if begun == Rule::Inherits || !matters {
                continue;
            }
            let text = text.clone();
            let changes = Vec::new();
            let course = Course { begun, changes };
            courses.entry(Point { text, below }).or_insert(course);
        }
    }
}

/// Since when the nearest rule that is there lists, if it does now.
fn listed_since(chain: &[&Course], begins: u64) -> Option<u64> {
    let mut changes: Vec<(u64, u64)> = chain
        .iter()
        .flat_map(|course| course.changes.iter().map(|change| (change.0, change.1)))
        .collect();
    changes.sort_unstable();
    changes.dedup();
    let listed = |serial: u64| {
        let at = |course: &&Course| {
            let before = course
                .changes
                .iter()
                .rev()
                .find(|change| change.0 <= serial);
            before.map_or(course.begun, |change| change.2)
        };
        let rule = chain.iter().map(at).find(|rule| *rule != Rule::Inherits);
        rule == Some(Rule::Lists)
    };
    let mut since = listed(0).then_some(begins);
    for (serial, time) in changes {
        since = match (since, listed(serial)) {
            (_, false) => None,
            (None, true) => Some(time),
            (Some(since), true) => Some(since),
        };
    }
    since
}
