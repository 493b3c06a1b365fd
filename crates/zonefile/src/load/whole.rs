//! Sources of one type: what is read of each as a whole, and what is said of one that yields nothing.

use std::fs::Metadata;
use std::path::Path;

use rblmap::NameKey;

use super::{Loader, NOTHING, check_text};
use crate::dataset::Rules;
use crate::dataset_type::DatasetType;
use crate::error::Error;
use crate::large::Large;
use crate::list::{self, Part};
use crate::reading;
use crate::source::{Source, SourceText, check_unchanged};
use crate::warning::{Class, Warning};

/// How much of a large source that yields nothing is looked at, to say what it may be.
const HINT_WITHIN: usize = 1024 * 1024;

impl<'t> Loader<'t, '_> {
    /// Reads one source of a type that is not `combined`, into the first dataset.
    pub(super) fn source(&mut self, kind: DatasetType, source: &'t Source) -> Result<(), Error> {
        self.start_file(0);
        let before = self.said();
        match &source.text {
            SourceText::Whole(text) if kind.reads_whole() => self.whole(source, text)?,
            SourceText::Whole(text) => self.segment(Some(0), source, text, 0)?,
            SourceText::Large(large, before) if kind.reads_whole() => {
                self.large_whole(source, (large, before))?;
            }
            SourceText::Large(large, before) => self.large(Some(0), source, (large, before))?,
        }
        self.check_yield(kind, source, before);
        Ok(())
    }

    /// How much was said so far: entries, and what else counts for types that have it.
    pub(super) fn said(&self) -> (u64, u64) {
        (self.loaded.entries, self.stated)
    }

    /// Tells that nothing in a source was an entry. A file of rbldnsd that has only directives or
    /// defaults is the head of another one.
    pub(super) fn check_yield(&mut self, kind: DatasetType, source: &Source, before: (u64, u64)) {
        let (entries, stated) = self.said();
        if entries > before.0 || !kind.is_list() && stated > before.1 {
            return;
        }
        let hint = match (&source.text, kind) {
            (_, DatasetType::PlainJson) => {
                "plain-json takes one object a line (jq -c '.data[]' makes lines of a document) \
                 with a field that --json-key names; or take the type json"
                    .to_owned()
            }
            (SourceText::Whole(text), DatasetType::Json) => list::json::hint(text, self.options),
            (SourceText::Whole(text), _) => list::auto::hint(text, kind, self.options),
            (SourceText::Large(large, _), _) => {
                let head = large.head(HINT_WITHIN).unwrap_or_default();
                let end = memchr::memrchr(b'\n', &head).unwrap_or(head.len());
                list::auto::hint(head.get(..end).unwrap_or_default(), kind, self.options)
            }
        };
        self.warnings.push(Warning {
            detail: (!hint.is_empty()).then(|| hint.into()),
            ..Warning::new(source.path.clone(), 0, Class::Empty)
        });
    }

    /// Reads a source of a type in which a line may depend on others.
    fn whole(&mut self, source: &Source, text: &'t [u8]) -> Result<(), Error> {
        check_text(source, text)?;
        let parts = parts(text, &source.path, &self.rules(Some(0)))?;
        self.place_parts(parts, source)
    }

    /// The same of a large source, which is not kept while its entries are put in order.
    fn large_whole(
        &mut self,
        source: &Source,
        (large, before): (&'t Large, &Metadata),
    ) -> Result<(), Error> {
        let text = large.whole().map_err(|error| Error::Read {
            path: source.path.to_path_buf(),
            source: error,
        })?;
        check_unchanged(&source.path, before)?;
        check_text(source, &text)?;
        let read = parts(&text, &source.path, &self.rules(Some(0)))?;
        let owned: Option<Vec<Part<'t>>> = read.into_iter().map(Part::into_owned).collect();
        match owned {
            Some(parts) => self.place_parts(parts, source),
            None => self.whole(source, large.keep(&text)),
        }
    }

    fn place_parts(&mut self, parts: Vec<Part<'t>>, source: &Source) -> Result<(), Error> {
        let mut lines_before = 0;
        for part in parts {
            let Some(subzone) = part.subzone else {
                let lines = part.piece.lines;
                self.place_at(Some(0), part.piece, source, lines_before)?;
                lines_before += u64::from(lines);
                continue;
            };
            let is_base = subzone == NameKey::ROOT;
            let dataset = self.rows_of(subzone);
            let lines = self.loaded.lines;
            self.place_at(Some(dataset), part.piece, source, 0)?;
            if !is_base {
                // The lines of a dump are counted once, not for each zone in it.
                self.loaded.lines = lines;
            }
        }
        Ok(())
    }

    /// The dataset for rows of a zone.
    fn rows_of(&mut self, subzone: NameKey) -> usize {
        let known = self
            .loaded
            .datasets
            .iter()
            .position(|dataset| dataset.rows && dataset.subzones == [subzone]);
        known.unwrap_or_else(|| {
            let index = self.open(DatasetType::Csv, vec![subzone]);
            if let Some(dataset) = self.loaded.datasets.get_mut(index) {
                dataset.rows = true;
                dataset.default = NOTHING;
            }
            index
        })
    }
}

/// Reads a source of a type in which a line may depend on lines far from it.
fn parts<'t>(text: &'t [u8], path: &Path, rules: &Rules<'_>) -> Result<Vec<Part<'t>>, Error> {
    let text = list::words::without_bom(text);
    Ok(match rules.kind {
        DatasetType::Csv => list::csv::read(text, path, rules.options)?,
        DatasetType::Json => list::json::whole(text, path, rules)?,
        DatasetType::Rpz => list::rpz::read(text, rules.options),
        DatasetType::Postfix => list::postfix::read(text, rules.options),
        DatasetType::Nft => Part::of_all(list::nft::read(text, rules.options)),
        _ => Part::of_all(reading::read(text, rules)),
    })
}
