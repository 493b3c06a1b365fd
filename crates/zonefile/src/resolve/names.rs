//! Names: an exact table and one for the names below, in which the longest suffix answers.

use rayon::prelude::*;
use rblmap::{NameKey, NameRule, ValueId};

use super::unions::Unions;
use crate::dataset_type::DatasetType;
use crate::error::Error;
use crate::load::Placed;
use crate::piece::{NameEntry, Said};
use crate::spec::NameScope;

/// Points of the tree of names in key order, each once. Value 0 excludes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    keys: Vec<u8>,
    points: Vec<Point>,
}

#[derive(Debug, Clone, Copy)]
struct Point {
    start: usize,
    len: u16,
    exact: Told,
    below: Told,
    position: u32,
}

/// An optional value in four bytes: there are a million points. No value has the number of none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Told(u32);

impl Told {
    const NONE: Told = Told(u32::MAX);

    fn of(value: Option<u32>) -> Told {
        value.map_or(Told::NONE, Told)
    }

    fn get(self) -> Option<u32> {
        (self != Told::NONE).then_some(self.0)
    }
}

impl Point {
    fn key<'a>(&self, keys: &'a [u8]) -> &'a [u8] {
        let end = self.start + usize::from(self.len);
        keys.get(self.start..end).unwrap_or_default()
    }
}

/// One point in place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) key: &'a [u8],
    /// What is said of the name itself; nothing of its own if `None`.
    pub(crate) exact: Option<u32>,
    /// What is said of the names below it.
    pub(crate) below: Option<u32>,
    /// The first line that speaks of it.
    pub(crate) position: u32,
}

impl Names {
    pub(crate) fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = View<'_>> {
        self.points.iter().map(|point| self.view(point))
    }

    /// Leaves out the points whose keys are not wanted.
    pub(crate) fn retain(&mut self, wanted: impl Fn(&[u8]) -> bool) {
        let keys = &self.keys;
        let wanted = |point: &Point| wanted(point.key(keys));
        self.points.retain(wanted);
    }

    /// The points at and below a name.
    pub(crate) fn within<'a>(&'a self, prefix: &'a [u8]) -> impl Iterator<Item = View<'a>> {
        let before = |point: &Point| point.key(&self.keys) < prefix;
        let first = self.points.partition_point(before);
        let rest = self.points.get(first..).unwrap_or_default();
        let inside = rest.iter().map(|point| self.view(point));
        inside.take_while(move |view| view.key.starts_with(prefix))
    }

    /// What the names above a name say of it, and which of them does.
    pub(crate) fn says_below(&self, name: &NameKey) -> Option<(NameKey, u32)> {
        let mut above = name.parent();
        while let Some(key) = above {
            let own = self.within(key.as_bytes()).next();
            let own = own.filter(|view| view.key == key.as_bytes());
            if let Some(value) = own.and_then(|view| view.below) {
                return Some((key, value));
            }
            above = key.parent();
        }
        None
    }

    fn view(&self, point: &Point) -> View<'_> {
        View {
            key: point.key(&self.keys),
            exact: point.exact.get(),
            below: point.below.get(),
            position: point.position,
        }
    }

    /// Changes the values.
    pub(crate) fn map_values(
        &mut self,
        mut new: impl FnMut(u32) -> Result<u32, Error>,
    ) -> Result<(), Error> {
        for point in &mut self.points {
            point.exact = Told::of(point.exact.get().map(&mut new).transpose()?);
            point.below = Told::of(point.below.get().map(&mut new).transpose()?);
        }
        Ok(())
    }

    /// Adds a point behind the others.
    pub(crate) fn push(&mut self, view: View<'_>) {
        let start = self.keys.len();
        self.keys.extend_from_slice(view.key);
        self.points.push(Point {
            start,
            // A key has at most 510 bytes.
            len: u16::try_from(view.key.len()).unwrap_or(u16::MAX),
            exact: Told::of(view.exact),
            below: Told::of(view.below),
            position: view.position,
        });
    }
}

/// The name rule for what a table says.
pub(crate) fn name_rule(value: Option<u32>) -> NameRule {
    match value {
        None => NameRule::Inherit,
        Some(id) => ValueId::new(id).map_or(NameRule::Nothing, NameRule::Value),
    }
}

/// Which of several entries of one name answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Equal {
    /// All of them together, unless one excludes.
    All,
    /// The first line.
    First,
    /// The last line; below a name, an exclusion only takes away what it says.
    Last,
    /// All of them together, and an exception holds for all names below it.
    Excepted,
}

impl Equal {
    pub(crate) fn of(kind: DatasetType) -> Equal {
        match kind {
            DatasetType::Dnhash => Equal::Last,
            DatasetType::Postfix => Equal::First,
            DatasetType::Adblock => Equal::Excepted,
            _ => Equal::All,
        }
    }
}

/// What one line says of a name, of those below it, or of both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry<'a> {
    key: &'a [u8],
    value: u32,
    position: u32,
    exact: bool,
    below: bool,
    /// Whether it takes nothing but its own kind of entry away.
    takes_back: bool,
}

/// Resolves the names of a dataset.
pub(crate) fn resolve(
    pieces: &mut [Placed<'_>],
    equal: Equal,
    unions: &mut Unions<'_>,
) -> Result<Names, Error> {
    let count = pieces.iter().map(|placed| placed.piece.names.len()).sum();
    let mut said: Vec<Entry<'_>> = Vec::with_capacity(count);
    for placed in pieces {
        // Where the keys are is known from here on, so that it need not be kept twice.
        let names = std::mem::take(&mut placed.piece.names);
        let placed: &Placed<'_> = placed;
        said.extend(names.iter().filter_map(|entry| Entry::of(placed, entry)));
    }
    if !said.is_sorted() {
        said.par_sort_unstable();
    }
    let mut names = Names::default();
    let mut values = Vec::new();
    let mut excepted: Option<&[u8]> = None;
    for group in said.chunk_by(|a, b| a.key == b.key) {
        let Some(first) = group.first() else { continue };
        if excepted.is_some_and(|above| first.key.starts_with(above)) {
            continue;
        }
        let mut table = |below: bool| -> Result<Option<u32>, Error> {
            values.clear();
            equal.choose(group, below, &mut values);
            values.dedup();
            match values.as_slice() {
                [] => Ok(None),
                values => unions.of(values).map(Some),
            }
        };
        let (exact, below) = (table(false)?, table(true)?);
        if equal == Equal::Excepted && below == Some(0) {
            excepted = Some(first.key);
        }
        if (exact, below) == (None, None) {
            continue;
        }
        let position = group.iter().map(|entry| entry.position).min();
        names.push(View {
            key: first.key,
            exact,
            below,
            position: position.unwrap_or(first.position),
        });
    }
    Ok(names)
}

impl Equal {
    /// The values that count of those that a name has for itself or below itself.
    fn choose(self, group: &[Entry<'_>], below: bool, values: &mut Vec<u32>) {
        let own = group
            .iter()
            .filter(|entry| if below { entry.below } else { entry.exact });
        match self {
            Equal::All | Equal::Excepted => values.extend(own.map(|entry| entry.value)),
            Equal::First => values.extend(own.min_by_key(|e| e.position).map(|e| e.value)),
            Equal::Last => {
                let last = own.max_by_key(|entry| entry.position);
                let last = last.filter(|last| !(below && last.takes_back));
                values.extend(last.map(|last| last.value));
            }
        }
    }
}

impl<'a> Entry<'a> {
    /// What an entry of a piece says; none if that is nothing.
    fn of(placed: &'a Placed<'_>, entry: &NameEntry) -> Option<Entry<'a>> {
        let end = entry.start + usize::from(entry.len);
        let value = super::id_of(placed, entry.value);
        // A record with neither A nor text says nothing; only an exclusion excludes.
        let excludes = matches!(entry.value, Said::Excluded | Said::HeldBack);
        (value != 0 || excludes).then(|| Entry {
            key: placed.piece.arena.get(entry.start..end).unwrap_or_default(),
            value,
            position: placed.position + entry.line,
            exact: entry.scope != NameScope::Below,
            below: entry.scope != NameScope::Exact,
            takes_back: entry.value == Said::Excluded,
        })
    }
}

/// A dataset in the walk over the points of several: what holds below the names on the way.
struct Walk<'a> {
    points: std::iter::Peekable<Box<dyn Iterator<Item = View<'a>> + 'a>>,
    above: Vec<(NameKey, u32)>,
}

/// Unites the names of several datasets: at each point any of them holds, what all of them say.
pub(crate) fn unite(mut tables: Vec<Names>, unions: &mut Unions<'_>) -> Result<Names, Error> {
    if tables.len() < 2 {
        return Ok(tables.pop().unwrap_or_default());
    }
    let mut walks: Vec<Walk<'_>> = tables
        .iter()
        .map(|names| Walk {
            points: (Box::new(names.iter()) as Box<dyn Iterator<Item = View<'_>>>).peekable(),
            above: Vec::new(),
        })
        .collect();
    let mut out = Names::default();
    let next = |walks: &mut Vec<Walk<'_>>| {
        let keys = walks.iter_mut().filter_map(|walk| walk.points.peek());
        keys.map(|view| view.key.to_vec()).min()
    };
    while let Some(key) = next(&mut walks) {
        // Keys come from names; one that is none could not be asked for.
        let Ok(name) = NameKey::from_key(&key) else {
            for walk in &mut walks {
                walk.points.next_if(|view| view.key == key);
            }
            continue;
        };
        let (mut exact, mut below) = (0, 0);
        let mut position = u32::MAX;
        for walk in &mut walks {
            let said = walk.step(&name, unions)?;
            exact = unions.either(exact, said.0)?;
            below = unions.either(below, said.1)?;
            position = position.min(said.2);
        }
        out.push(View {
            key: &key,
            exact: Some(exact),
            below: Some(below),
            position,
        });
    }
    Ok(out)
}

impl Walk<'_> {
    /// What this dataset answers for a name and for the names right below it.
    fn step(&mut self, name: &NameKey, unions: &mut Unions<'_>) -> Result<(u32, u32, u32), Error> {
        while self
            .above
            .last()
            .is_some_and(|(key, _)| !name.is_within(key))
        {
            self.above.pop();
        }
        let inherited = match self.above.last() {
            Some((key, value)) => {
                // A name has at most 127 labels.
                let labels = name.label_count() - key.label_count();
                from_above(*value, u8::try_from(labels).unwrap_or(u8::MAX), unions)?
            }
            None => 0,
        };
        let own = self.points.next_if(|view| view.key == name.as_bytes());
        let exact = own.and_then(|view| view.exact).unwrap_or(inherited);
        let below = match own.and_then(|view| view.below) {
            Some(value) => {
                self.above.push((*name, value));
                value
            }
            None => inherited,
        };
        let position = own.map_or(u32::MAX, |view| view.position);
        Ok((exact, below, position))
    }
}

/// A value as a name with more labels sees it: the key in its texts is the shorter name.
fn from_above(value: u32, labels: u8, unions: &mut Unions<'_>) -> Result<u32, Error> {
    if value == 0 || labels == 0 {
        return Ok(value);
    }
    let seen = rblmap_content::ValueBuf::seen_from_below(unions.get(value), labels);
    unions.intern(&seen)
}
