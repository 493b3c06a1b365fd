//! The walk over the pieces of a dataset in the order of its files: here defaults, limits and
//! directives get their meaning.

mod combined;
mod directives;
mod whole;
mod wide;

use std::fs::Metadata;
use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;
use rblmap::NameKey;
use rblmap_content::{DEFAULT_TTL, Facts};

use crate::dataset::{Rules, Taken};
use crate::dataset_type::DatasetType;
use crate::dump::v4_key;
use crate::error::Error;
use crate::large::Large;
use crate::line::cut;
use crate::list;
use crate::list::json::Paths;
use crate::piece::{Event, Piece, Said, Tally, What};
use crate::reading;
use crate::source::{Source, check_unchanged};
use crate::spec::{Options, Spec};
use crate::template::Settings;
use crate::value::{Ids, Stated, Text, Whole, Words};
use crate::warning::{Class, Note, Warning, excerpt};

/// What the sources of one spec say, line by line resolved but not yet as a whole.
#[derive(Debug)]
pub(crate) struct Loaded<'t> {
    pub(crate) datasets: Vec<Dataset<'t>>,
    pub(crate) facts: Facts,
    pub(crate) expires: Option<u64>,
    pub(crate) lines: u64,
    pub(crate) entries: u64,
    pub(crate) tally: Tally,
}

/// The entries of a dataset, in pieces.
#[derive(Debug)]
pub(crate) struct Dataset<'t> {
    pub(crate) kind: DatasetType,
    /// Relative to the zone of the spec.
    pub(crate) subzones: Vec<NameKey>,
    pub(crate) settings: Settings<'t>,
    pub(crate) pieces: Vec<Placed<'t>>,
    default: Whole<'t>,
    /// Types with one default for all entries have it from here on.
    default_fixed: bool,
    pub(crate) ttl: u32,
    /// Whether it stands in a combined file.
    is_inside: bool,
    /// Whether the entries are rows of a dump, which say all there is to say.
    rows: bool,
    pub(crate) taken: Taken,
}

/// A piece and where it stands.
#[derive(Debug)]
pub(crate) struct Placed<'t> {
    pub(crate) piece: Piece<'t>,
    pub(crate) file: Arc<Path>,
    /// How many lines of the file stand before it.
    pub(crate) lines_before: u64,
    /// How many lines of the dataset's sources stand before it.
    pub(crate) position: u32,
    /// The defaults that hold in it, one after the other.
    defaults: Vec<Whole<'t>>,
    /// From ids of the piece to ids of the draft, once the values are known there.
    pub(crate) ids: Ids,
}

/// Reads the sources of a spec.
pub(crate) fn load<'t>(
    spec: &Spec,
    sources: &'t [Source],
    (options, taken): (&Options, Taken),
    warnings: &mut Vec<Warning>,
) -> Result<Loaded<'t>, Error> {
    let paths = Paths::of(&options.reading.json);
    let mut loader = Loader {
        options,
        taken,
        paths: &paths,
        warnings,
        loaded: Loaded {
            datasets: Vec::new(),
            facts: Facts::default(),
            expires: None,
            lines: 0,
            entries: 0,
            tally: Tally::default(),
        },
        outer: Settings::default(),
        outer_ttl: 0,
        off_ns_ttl: 0,
        is_combined: spec.kind == DatasetType::Combined,
        max_range: None,
        position: 0,
        crlf_noted: false,
        stated: 0,
    };
    if spec.kind == DatasetType::Combined {
        loader.combined(sources)?;
    } else {
        loader.open(spec.kind, vec![NameKey::ROOT]);
        for source in sources {
            loader.source(spec.kind, source)?;
        }
    }
    Ok(loader.loaded)
}

struct Loader<'t, 'a> {
    options: &'a Options,
    taken: Taken,
    paths: &'a Paths,
    warnings: &'a mut Vec<Warning>,
    loaded: Loaded<'t>,
    outer: Settings<'t>,
    outer_ttl: u32,
    /// Of the last `$NS` whose names are all turned off; else 0.
    off_ns_ttl: u32,
    is_combined: bool,
    max_range: Option<u32>,
    position: u32,
    crlf_noted: bool,
    /// How many lines said something that is no entry: directives and defaults.
    stated: u64,
}

/// Where a piece stands, for what is said about it.
#[derive(Clone, Copy)]
struct Place<'a> {
    source: &'a Source,
    lines_before: u64,
}

impl Place<'_> {
    fn line(&self, line: u32) -> u64 {
        self.lines_before + u64::from(line)
    }

    fn refusal(&self, line: u32, class: Class) -> Error {
        Error::Refused {
            path: self.source.path.to_path_buf(),
            line: self.line(line),
            class,
        }
    }
}

impl<'t, 'a> Loader<'t, 'a> {
    /// Starts a dataset with what is known outside of it.
    fn open(&mut self, kind: DatasetType, subzones: Vec<NameKey>) -> usize {
        self.loaded.datasets.push(Dataset {
            kind,
            subzones,
            settings: self.outer,
            pieces: Vec::new(),
            default: first_default(kind, self.options),
            default_fixed: false,
            ttl: self.outer_ttl,
            is_inside: self.is_combined,
            rows: false,
            taken: self.taken,
        });
        self.loaded.datasets.len() - 1
    }

    /// The default ends with its file, except where one rules all.
    fn start_file(&mut self, index: usize) {
        self.crlf_noted = false;
        let options = self.options;
        if let Some(dataset) = self.loaded.datasets.get_mut(index)
            && !is_tset(dataset.kind)
        {
            dataset.default = if dataset.rows {
                NOTHING
            } else {
                first_default(dataset.kind, options)
            };
        }
    }

    /// Reads lines that belong together into a dataset, or outside of any.
    fn segment(
        &mut self,
        dataset: Option<usize>,
        source: &Source,
        text: &'t [u8],
        lines_before: u64,
    ) -> Result<(), Error> {
        let rules = self.rules(dataset);
        if rules.kind.is_list() {
            check_text(source, text)?;
            list::json::check_lines(text, &source.path, rules.kind)?;
        }
        let texts = cut(text);
        let pieces: Vec<Piece<'t>> = texts
            .into_par_iter()
            .map(|text| reading::read(text, &rules))
            .collect();
        self.place_all(dataset, pieces, source, lines_before)
    }

    /// Reads a large file into a dataset.
    fn large(
        &mut self,
        dataset: Option<usize>,
        source: &Source,
        (large, before): (&'t Large, &Metadata),
    ) -> Result<(), Error> {
        let fail = |error| Error::Read {
            path: source.path.to_path_buf(),
            source: error,
        };
        let rules = self.rules(dataset);
        if rules.kind.is_list() {
            let head = large.head(NUL_WITHIN).map_err(fail)?;
            check_text(source, &head)?;
            list::json::check_lines(&head, &source.path, rules.kind)?;
        }
        let pieces = large.pieces(&rules).map_err(fail)?;
        // Before anything is said about lines that may be half of one file, half of another.
        check_unchanged(&source.path, before)?;
        self.place_all(dataset, pieces, source, 0)
    }

    fn rules(&self, dataset: Option<usize>) -> Rules<'a> {
        let kind = dataset
            .and_then(|index| self.loaded.datasets.get(index))
            .map_or(DatasetType::Combined, |dataset| dataset.kind);
        Rules {
            kind,
            options: self.options,
            paths: self.paths,
            entries: dataset.is_some(),
            taken: self.taken,
        }
    }

    fn place_all(
        &mut self,
        dataset: Option<usize>,
        pieces: Vec<Piece<'t>>,
        source: &Source,
        mut lines_before: u64,
    ) -> Result<(), Error> {
        for piece in pieces {
            let lines = piece.lines;
            self.place_at(dataset, piece, source, lines_before)?;
            lines_before += u64::from(lines);
        }
        Ok(())
    }

    fn place_at(
        &mut self,
        dataset: Option<usize>,
        piece: Piece<'t>,
        source: &Source,
        lines_before: u64,
    ) -> Result<(), Error> {
        let place = Place {
            source,
            lines_before,
        };
        self.place(dataset, piece, place)
    }

    fn place(
        &mut self,
        dataset: Option<usize>,
        mut piece: Piece<'t>,
        place: Place<'_>,
    ) -> Result<(), Error> {
        let first = dataset.and_then(|index| self.loaded.datasets.get(index));
        let mut defaults = vec![first.map_or(Whole::BUILT_IN, Dataset::first_default)];
        let mut limits = vec![(0, self.max_range)];
        for event in std::mem::take(&mut piece.events) {
            let nets = event.nets;
            self.event(dataset, event, place, &mut defaults)?;
            if limits
                .last()
                .is_none_or(|(_, limit)| *limit != self.max_range)
            {
                limits.push((nets, self.max_range));
            }
        }
        let skipped = apply_limits(&mut piece, &limits);
        // What is too large is skipped before its value is looked at.
        let unread = |note: &Note| {
            let of_value = matches!(note.class, Class::TxtCut | Class::CommentInValue);
            let skipped = skipped.binary_search_by_key(&note.line, |skipped| skipped.line);
            of_value && skipped.is_ok()
        };
        piece.notes.retain(|note| !unread(note));
        self.take_notes(std::mem::take(&mut piece.notes), place);
        self.take_notes(skipped, place);
        if self.options.check.is_none() {
            self.take_notes(wide::wide(&piece), place);
        }
        self.count(&piece)?;
        let position = self.position;
        self.position = position
            .checked_add(piece.lines)
            .ok_or(Error::TooManyEntries {
                limit: u64::from(u32::MAX),
            })?;
        let Some(dataset) = dataset.and_then(|index| self.loaded.datasets.get_mut(index)) else {
            return Ok(());
        };
        if let Some(last) = defaults.last()
            && !is_tset(dataset.kind)
        {
            dataset.default = last.clone();
        }
        dataset.pieces.push(Placed {
            piece,
            file: place.source.path.clone(),
            lines_before: place.lines_before,
            position,
            defaults,
            ids: Ids::default(),
        });
        Ok(())
    }

    fn event(
        &mut self,
        dataset: Option<usize>,
        event: Event<'t>,
        place: Place<'_>,
        defaults: &mut Vec<Whole<'t>>,
    ) -> Result<(), Error> {
        self.stated += 1;
        let line = event.line;
        match event.what {
            What::Refuse(class) => return Err(place.refusal(line, class)),
            What::Directive(text) => {
                self.directive(dataset, text, line, place)?;
                if self.rules(dataset).directives_are_defaults()
                    && let Some(dataset) = self.dataset_mut(dataset)
                {
                    defaults.push(dataset.first_default());
                }
            }
            What::Default(stated, cut) => {
                let whole = default_of(stated);
                defaults.push(whole.clone());
                if self.fix_default(dataset, whole) && cut {
                    self.warn(line, Class::TxtCut, place);
                }
            }
            What::BadDefault(class) => {
                let fixed = dataset
                    .and_then(|index| self.loaded.datasets.get(index))
                    .is_some_and(|dataset| is_tset(dataset.kind) && dataset.default_fixed);
                if !fixed {
                    self.warn(line, class, place);
                }
            }
        }
        Ok(())
    }

    /// Takes a default for types that have one for all; whether the line was read at all.
    fn fix_default(&mut self, dataset: Option<usize>, default: Whole<'t>) -> bool {
        let dataset = dataset.and_then(|index| self.loaded.datasets.get_mut(index));
        match dataset {
            Some(dataset) if is_tset(dataset.kind) => {
                let first = !dataset.default_fixed;
                if first {
                    dataset.default = default;
                    dataset.default_fixed = true;
                }
                first
            }
            _ => true,
        }
    }

    fn dataset_mut(&mut self, dataset: Option<usize>) -> Option<&mut Dataset<'t>> {
        dataset.and_then(|index| self.loaded.datasets.get_mut(index))
    }

    fn count(&mut self, piece: &Piece<'_>) -> Result<(), Error> {
        self.loaded.lines += u64::from(piece.lines);
        self.loaded.entries += piece.entries() as u64;
        let tally = &mut self.loaded.tally;
        tally.ports += piece.tally.ports;
        tally.urls += piece.tally.urls;
        tally.texts += piece.tally.texts;
        tally.ttls += piece.tally.ttls;
        let limit = self.options.limits.entries;
        if self.loaded.entries > limit {
            return Err(Error::TooManyEntries { limit });
        }
        Ok(())
    }

    fn take_notes(&mut self, notes: Vec<Note>, place: Place<'_>) {
        for note in notes {
            // A file with CR LF has it on each line: once is enough.
            if note.class != Class::Crlf || !self.crlf_noted {
                self.crlf_noted |= note.class == Class::Crlf;
                let line = place.line(note.line);
                self.warnings.push(Warning {
                    detail: note.detail,
                    ..Warning::new(place.source.path.clone(), line, note.class)
                });
            }
        }
    }

    fn warn(&mut self, line: u32, class: Class, place: Place<'_>) {
        let file = place.source.path.clone();
        self.warnings
            .push(Warning::new(file, place.line(line), class));
    }
}

impl<'t> Dataset<'t> {
    /// What holds for the next entry that leaves something to the default.
    fn first_default(&self) -> Whole<'t> {
        match (self.taken, self.kind) {
            (Taken::Ttls, DatasetType::Generic) => Whole {
                a: Some(or_else(self.ttl, DEFAULT_TTL)),
                text: None,
            },
            _ => self.default.clone(),
        }
    }

    /// Whether values that were encoded when they were read say what they said then, as nearly always.
    pub(crate) fn leaves_literals(&self) -> bool {
        self.taken == Taken::Records && self.settings.leaves_literals()
    }

    /// What the values of a piece that are not encoded come to under its defaults.
    pub(crate) fn wholes(&self, placed: &Placed<'t>) -> impl Iterator<Item = Whole<'t>> {
        let of_all = is_tset(self.kind).then(|| self.default.clone());
        placed
            .piece
            .values
            .values
            .iter()
            .map(move |(seen, stated)| match &of_all {
                Some(default) => default.clone(),
                None => {
                    let default = placed.defaults.get(*seen as usize);
                    Whole::of(stated, default.unwrap_or(&Whole::BUILT_IN))
                }
            })
    }
}

/// A TTL of 0 is another one.
fn or_else(ttl: u32, other: u32) -> u32 {
    if ttl == 0 { other } else { ttl }
}

fn is_tset(kind: DatasetType) -> bool {
    matches!(kind, DatasetType::Ip4tset | DatasetType::Ip6tset)
}

/// A default that says nothing.
const NOTHING: Whole<'static> = Whole {
    a: None,
    text: None,
};

fn first_default(kind: DatasetType, options: &Options) -> Whole<'static> {
    let plain = &options.reading.plain;
    match kind {
        DatasetType::Generic => NOTHING,
        kind if kind.is_list() => Whole {
            a: Some(plain.a.to_bits()),
            text: plain
                .template
                .clone()
                .map(|text| Words::Template(text.into())),
        },
        _ => Whole::BUILT_IN,
    }
}

/// Drops networks that are too large where they stand or whose values are bad, and says so, in the
/// order of lines.
fn apply_limits(piece: &mut Piece<'_>, limits: &[(usize, Option<u32>)]) -> Vec<Note> {
    let mut notes = Vec::new();
    let is_limited = limits.iter().any(|(_, limit)| limit.is_some());
    if !is_limited && !piece.v4.nets.iter().any(|net| net.value.is_bad()) {
        return notes;
    }
    let mut index = 0;
    piece.v4.nets.retain(|net| {
        let at = limits.partition_point(|(from, _)| *from <= index);
        index += 1;
        let limit = at.checked_sub(1).and_then(|at| limits.get(at)?.1);
        let class = match (limit, net.value) {
            (Some(limit), _) if net.end - net.start >= limit => Class::TooLarge,
            (_, Said::BadA) => Class::BadA,
            (_, Said::BadValue) => Class::BadValue,
            _ => return true,
        };
        notes.push(Note {
            line: net.line,
            class,
            detail: Some(excerpt(v4_key(net.start, net.end).as_bytes(), "")),
        });
        false
    });
    notes
}

/// A default line replaces both parts: what it does not give is not there.
fn default_of<'t>(stated: Stated<'t>) -> Whole<'t> {
    Whole {
        a: stated.a,
        text: match stated.text {
            Text::Words(words) => Some(words),
            Text::Default | Text::None => None,
        },
    }
}

/// How near the head a NUL means that this is no list.
const NUL_WITHIN: usize = 64 * 1024;

/// Refuses what is no text.
pub(crate) fn check_text(source: &Source, text: &[u8]) -> Result<(), Error> {
    let head = text.get(..text.len().min(NUL_WITHIN)).unwrap_or_default();
    match memchr::memchr(0, head) {
        Some(offset) => Err(Error::NotText {
            path: source.path.to_path_buf(),
            offset,
        }),
        None => Ok(()),
    }
}
