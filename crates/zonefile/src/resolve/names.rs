//! Names: an exact table and one for the names below, in which the longest suffix answers.

use rayon::prelude::*;
use rblmap::{NameKey, NameRule, ValueId};
use rblmap_content::{NameScope, NameTable};

use super::unions::Unions;
use crate::dataset_type::DatasetType;
use crate::error::Error;
use crate::load::Placed;
use crate::piece::{NameEntry, Piece, Said};

/// Points of the tree of names in key order, each once. A rule of nothing excludes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    table: NameTable,
    /// The first line that speaks of each point.
    positions: Vec<u32>,
}

/// One point in place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) key: &'a [u8],
    /// What is said of the name itself; nothing of its own if `None`. 0 excludes.
    pub(crate) exact: Option<u32>,
    /// What is said of the names below it.
    pub(crate) below: Option<u32>,
    /// The first line that speaks of it.
    pub(crate) position: u32,
}

impl<'a> View<'a> {
    fn new(key: &'a [u8], exact: NameRule, below: NameRule, position: u32) -> View<'a> {
        View {
            key,
            exact: told(exact),
            below: told(below),
            position,
        }
    }
}

impl Names {
    pub(crate) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = View<'_>> {
        let points = self.table.iter().zip(&self.positions);
        points.map(|(point, at)| View::new(point.key, point.exact, point.below, *at))
    }

    /// The points as content has them.
    pub(crate) fn into_table(self) -> NameTable {
        self.table
    }

    /// Leaves out the points whose keys are not wanted.
    pub(crate) fn retain(&mut self, wanted: impl Fn(&[u8]) -> bool) {
        let mut kept = Names::default();
        let points = self.iter().filter(|view| wanted(view.key));
        points.for_each(|view| kept.push(view));
        *self = kept;
    }

    /// The points at and below a name.
    pub(crate) fn within<'a>(&'a self, prefix: &'a [u8]) -> impl Iterator<Item = View<'a>> {
        let inside = (self.table.lower_bound(prefix)..).map_while(|index| self.view(index));
        inside.take_while(move |view| view.key.starts_with(prefix))
    }

    /// What the names above a name say of it, and which of them does.
    pub(crate) fn says_below(&self, name: &NameKey) -> Option<(NameKey, u32)> {
        let mut above = name.parent();
        while let Some(key) = above {
            let own = self.table.find(key.as_bytes());
            if let Some(value) = own.and_then(|point| told(point.below)) {
                return Some((key, value));
            }
            above = key.parent();
        }
        None
    }

    fn view(&self, index: usize) -> Option<View<'_>> {
        let point = self.table.get(index)?;
        let position = *self.positions.get(index)?;
        Some(View::new(point.key, point.exact, point.below, position))
    }

    /// Changes the values.
    pub(crate) fn map_values(
        &mut self,
        new: impl FnMut(u32) -> Result<u32, Error>,
    ) -> Result<(), Error> {
        map_values(&mut self.table, new)
    }

    fn len(&self) -> usize {
        self.table.len()
    }

    /// Adds the points of others behind these.
    fn append(&mut self, more: &Names) {
        self.table.append(&more.table);
        self.positions.extend_from_slice(&more.positions);
    }

    /// Adds a point behind the others.
    pub(crate) fn push(&mut self, view: View<'_>) {
        self.table
            .push(view.key, name_rule(view.exact), name_rule(view.below));
        self.positions.push(view.position);
    }
}

/// Changes the values of names, where 0 excludes. No point goes: none comes to inherit.
pub(crate) fn map_values(
    table: &mut NameTable,
    mut new: impl FnMut(u32) -> Result<u32, Error>,
) -> Result<(), Error> {
    let mut map =
        |rule| -> Result<NameRule, Error> { Ok(name_rule(told(rule).map(&mut new).transpose()?)) };
    table.rewrite(|_, point| Ok([map(point.exact)?, map(point.below)?]))
}

/// The name rule for what a table says.
fn name_rule(value: Option<u32>) -> NameRule {
    match value {
        None => NameRule::Inherit,
        Some(id) => ValueId::new(id).map_or(NameRule::Nothing, NameRule::Value),
    }
}

/// What a name rule says.
fn told(rule: NameRule) -> Option<u32> {
    match rule {
        NameRule::Inherit => None,
        NameRule::Nothing => Some(0),
        NameRule::Value(id) => Some(id.get()),
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
    /// Eight bytes of the key behind those that all keys of its range begin with, so that few keys need
    /// to be compared whole.
    head: u64,
    key: &'a [u8],
    value: u32,
    position: u32,
    exact: bool,
    below: bool,
    /// Whether it takes nothing but its own kind of entry away.
    takes_back: bool,
}

/// Names that are brought into order at once, at least: less is not worth sharing.
const RANGE: usize = 1 << 15;
/// Into so many ranges of keys names are cut at most.
const RANGES: usize = 256;

/// Keys are asked for so many entries ahead: in order of keys they lie anywhere.
const AHEAD: usize = 12;

/// Resolves the names of a dataset.
///
/// The names of each piece are put together by ranges of keys, where they lie. Then one range after
/// the other is brought into order, so that no second list of all names is ever in memory.
pub(crate) fn resolve(
    pieces: &mut [Placed<'_>],
    equal: Equal,
    unions: &mut Unions<'_>,
) -> Result<Names, Error> {
    let ranges = Ranges::of(pieces);
    let mut resolving = Resolving {
        equal,
        names: Names::default(),
        excepted: None,
    };
    let count = ranges.count;
    // While one thread puts the names of a wave of ranges together, the others bring the next one into
    // order and copy its keys, which lie anywhere: that takes longest.
    let wave = rayon::current_num_threads() * 2;
    let told = |from: usize| -> Vec<Told> {
        let range = from..count.min(from + wave);
        let told = |at| Told::of(&ranges.sorted(at), equal);
        range.into_par_iter().map(told).collect()
    };
    let mut next = told(0);
    let mut from = wave;
    while !next.is_empty() {
        let now = next;
        let (done, after) = rayon::join(
            || {
                now.into_iter()
                    .try_for_each(|told| resolving.add(told, unions))
            },
            || told(from),
        );
        done?;
        next = after;
        from += wave;
    }
    Ok(resolving.names)
}

/// Names of pieces, put together by ranges of keys.
struct Ranges<'p, 't> {
    pieces: &'p [Placed<'t>],
    /// How many ranges there are.
    count: usize,
    /// For each piece, where each range ends in it.
    ends: Vec<Vec<usize>>,
    /// For each range, how many bytes all its keys begin with.
    common: Vec<usize>,
}

impl<'p, 't> Ranges<'p, 't> {
    /// Cuts the names of pieces into ranges of about equal size.
    fn of(pieces: &'p mut [Placed<'t>]) -> Ranges<'p, 't> {
        let total: usize = pieces.iter().map(|placed| placed.piece.names.len()).sum();
        let wanted = total.div_ceil(RANGE).min(RANGES);
        // Sixteen samples a range make ranges of about the same size.
        let step = total.div_ceil(wanted.max(1) * 16).max(1);
        let mut samples: Vec<Vec<u8>> = Vec::new();
        for Placed { piece, .. } in &*pieces {
            let names = piece.names.iter().step_by(step);
            samples.extend(names.map(|entry| entry.key(&piece.arena).to_vec()));
        }
        samples.sort_unstable();
        let starts = (1..wanted).filter_map(|end| samples.get(samples.len() * end / wanted));
        let starts: Vec<Vec<u8>> = starts.cloned().collect();
        let ends = pieces
            .par_iter_mut()
            .map(|placed| put_together(&mut placed.piece, &starts))
            .collect();
        // The first range has no start, and the last one no end.
        let common = (0..=starts.len()).map(|at| {
            let start = at.checked_sub(1).and_then(|at| starts.get(at));
            let (Some(start), Some(end)) = (start, starts.get(at)) else {
                return 0;
            };
            start.iter().zip(end).take_while(|(a, b)| a == b).count()
        });
        Ranges {
            count: starts.len() + 1,
            ends,
            common: common.collect(),
            pieces,
        }
    }

    /// What a range says, in order.
    fn sorted(&self, range: usize) -> Vec<Entry<'p>> {
        let common = self.common.get(range).copied().unwrap_or_default();
        let mut said = Vec::new();
        for (placed, ends) in self.pieces.iter().zip(&self.ends) {
            let from = range.checked_sub(1).and_then(|before| ends.get(before));
            let from = from.copied().unwrap_or_default();
            let to = ends.get(range).copied().unwrap_or_default();
            let names = placed.piece.names.get(from..to).unwrap_or_default();
            let names = names.iter();
            said.extend(names.filter_map(|entry| Entry::of(placed, entry, common)));
        }
        said.sort_unstable();
        said
    }
}

/// Puts the names of a piece together by ranges that begin with these keys: where each range ends.
fn put_together(piece: &mut Piece<'_>, starts: &[Vec<u8>]) -> Vec<usize> {
    let Piece { names, arena, .. } = piece;
    if starts.is_empty() {
        return vec![names.len()];
    }
    let range_of = |entry: &NameEntry| {
        let key = entry.key(arena);
        starts.partition_point(|start| start.as_slice() <= key)
    };
    let ranges: Vec<usize> = names.iter().map(range_of).collect();
    let mut places = vec![0; starts.len() + 1];
    for range in &ranges {
        if let Some(count) = places.get_mut(*range) {
            *count += 1;
        }
    }
    let mut before = 0;
    for place in &mut places {
        before += std::mem::replace(place, before);
    }
    let mut together = names.clone();
    for (entry, range) in names.iter().zip(ranges) {
        if let Some(place) = places.get_mut(range)
            && let Some(to) = together.get_mut(*place)
        {
            *to = *entry;
            *place += 1;
        }
    }
    *names = together;
    places
}

/// What a range says, name by name.
#[derive(Debug, Default)]
struct Told {
    names: Names,
    /// Where several values are one: by the name's index, those for itself and those below it. Names
    /// have the first of them until then.
    several: Vec<(usize, [Vec<u32>; 2])>,
}

impl Told {
    /// Of the entries of a range, in order.
    fn of(said: &[Entry<'_>], equal: Equal) -> Told {
        let mut told = Told::default();
        // The values of one name: memory for the next one.
        let mut values = [Vec::new(), Vec::new()];
        let mut ahead = said.iter().skip(AHEAD);
        for group in said.chunk_by(|a, b| a.key == b.key) {
            let Some(first) = group.first() else { continue };
            let later = ahead.by_ref().take(group.len());
            later.for_each(|entry| rblmap_format::prefetch(entry.key.as_ptr()));
            for (values, below) in values.iter_mut().zip([false, true]) {
                values.clear();
                equal.choose(group, below, values);
                values.dedup();
                // Not listed, whatever the others say.
                if values.first() == Some(&0) {
                    values.truncate(1);
                }
            }
            if values.iter().all(Vec::is_empty) {
                continue;
            }
            if values.iter().any(|values| values.len() > 1) {
                told.several.push((told.names.len(), values.clone()));
            }
            let [exact, below] = values.each_ref().map(|values| values.first().copied());
            let position = group.iter().map(|entry| entry.position).min();
            told.names.push(View {
                key: first.key,
                exact,
                below,
                position: position.unwrap_or(first.position),
            });
        }
        told
    }
}

/// The names of a dataset, as far as they are resolved.
struct Resolving {
    equal: Equal,
    names: Names,
    /// The name that nothing below is listed of.
    excepted: Option<Vec<u8>>,
}

impl Resolving {
    /// Adds the names that follow, in order.
    fn add(&mut self, mut told: Told, unions: &mut Unions<'_>) -> Result<(), Error> {
        if self.equal == Equal::Excepted {
            self.except(&mut told);
        }
        for (index, values) in &told.several {
            let [exact, below] = values.each_ref().map(|values| match values.as_slice() {
                [] => Ok(None),
                values => unions.of(values).map(Some),
            });
            let (exact, below) = (name_rule(exact?), name_rule(below?));
            told.names.table.set(*index, exact, below);
        }
        self.names.append(&told.names);
        Ok(())
    }

    /// Takes the names away that lie below an exception.
    fn except(&mut self, told: &mut Told) {
        let all = std::mem::take(told);
        let mut several = all.several.into_iter().peekable();
        for (index, view) in all.names.iter().enumerate() {
            let values = several.next_if(|(of, _)| *of == index);
            let is_excepted = |above: &Vec<u8>| view.key.starts_with(above);
            if self.excepted.as_ref().is_some_and(is_excepted) {
                continue;
            }
            if view.below == Some(0) {
                self.excepted = Some(view.key.to_vec());
            }
            let values = values.map(|(_, values)| (told.names.len(), values));
            told.several.extend(values);
            told.names.push(view);
        }
    }
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
    fn of(placed: &'a Placed<'_>, entry: &NameEntry, common: usize) -> Option<Entry<'a>> {
        let said = entry.said();
        let key = entry.key(&placed.piece.arena);
        let value = super::id_of(placed, said);
        // A record with neither A nor text says nothing; only an exclusion excludes.
        let excludes = matches!(said, Said::Excluded | Said::HeldBack);
        (value != 0 || excludes).then(|| Entry {
            head: head(key.get(common..).unwrap_or_default()),
            key,
            value,
            position: placed.position + entry.line,
            exact: entry.scope != NameScope::Below,
            below: entry.scope != NameScope::Exact,
            takes_back: said == Said::Excluded,
        })
    }
}

/// The first eight bytes as a number, zeros behind a shorter key: what it puts in order is in order.
fn head(key: &[u8]) -> u64 {
    match key.first_chunk() {
        Some(bytes) => u64::from_le_bytes(*bytes).swap_bytes(),
        None => {
            let bytes = key.iter().chain(&[0; 8]).take(8);
            bytes.fold(0, |head, byte| head << 8 | u64::from(*byte))
        }
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
