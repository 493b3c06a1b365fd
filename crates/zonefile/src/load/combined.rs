//! `combined`: finds where the datasets inside begin and end.

use rblmap::NameKey;

use super::{Loader, Place};
use crate::dataset_type::DatasetType;
use crate::directive::{self, Directive, Seen};
use crate::error::Error;
use crate::line::{self, Line, word};
use crate::source::{Source, SourceText};
use crate::warning::Class;

/// Lines that belong together.
struct Section<'t> {
    text: &'t [u8],
    lines_before: u64,
    dataset: Option<usize>,
    /// The dataset that a directive at the head of a further file opens again.
    reopen: Option<usize>,
}

impl<'t> Loader<'t, '_> {
    /// Reads all files of a combined dataset.
    pub(super) fn combined(&mut self, sources: &'t [Source]) -> Result<(), Error> {
        for source in sources {
            let before = self.said();
            self.crlf_noted = false;
            let SourceText::Whole(whole) = &source.text else {
                debug_assert!(false, "combined datasets are opened whole");
                continue;
            };
            let mut section = Section {
                text: whole,
                lines_before: 0,
                dataset: None,
                reopen: self.loaded.datasets.len().checked_sub(1),
            };
            let mut rest: &'t [u8] = whole;
            let mut lines = 0u64;
            while !rest.is_empty() {
                let (line, after, _) = line::split(rest);
                if let Line::Directive(text) = line::classify(line) {
                    self.border(&mut section, source, text, (rest, lines), after)?;
                }
                rest = after;
                lines += 1;
            }
            self.segment(section.dataset, source, section.text, section.lines_before)?;
            self.check_yield(DatasetType::Combined, source, before);
        }
        Ok(())
    }

    /// Ends a section where a directive changes the dataset.
    fn border(
        &mut self,
        section: &mut Section<'t>,
        source: &Source,
        text: &'t [u8],
        (here, lines): (&'t [u8], u64),
        after: &'t [u8],
    ) -> Result<(), Error> {
        let header = match directive::parse(text, Seen::default()) {
            Some(Directive::Dataset(header)) => Some(header),
            _ => None,
        };
        if header.is_none() && section.reopen.is_none() {
            return Ok(());
        }
        let len = section.text.len().saturating_sub(here.len());
        let before = section.text.get(..len).unwrap_or_default();
        self.segment(section.dataset, source, before, section.lines_before)?;
        (section.text, section.lines_before) = (here, lines);
        let reopened = section.reopen.take();
        match header {
            None => section.dataset = reopened,
            Some(header) => {
                let place = Place {
                    source,
                    lines_before: lines,
                };
                section.dataset = self.header(header, place)?;
                (section.text, section.lines_before) = (after, lines + 1);
            }
        }
        Ok(())
    }

    /// Reads what follows `$DATASET`.
    fn header(&mut self, text: &[u8], place: Place<'_>) -> Result<Option<usize>, Error> {
        self.position = self.position.saturating_add(1);
        self.stated += 1;
        let mut words = Vec::new();
        let mut rest = text;
        while !matches!(rest, [] | [b'#' | b';', ..]) {
            let (first, after) = word(rest);
            words.push(first);
            rest = after;
        }
        let Some((kind, names)) = words.split_first() else {
            self.warn(1, Class::BadSpecial, place);
            return Ok(None);
        };
        let kind = inner_type(kind).map_err(|class| place.refusal(1, class))?;
        let mut subzones: Vec<NameKey> = Vec::new();
        for name in names {
            match subzone(name) {
                Some(key) if subzones.contains(&key) => {}
                Some(key) => subzones.push(key),
                None => self.warn(1, Class::BadName, place),
            }
        }
        if names.is_empty() {
            self.warn(1, Class::NoSubzone, place);
        }
        Ok(Some(self.open(kind, subzones)))
    }
}

/// The type before an optional `:` and a name for logs.
fn inner_type(text: &[u8]) -> Result<DatasetType, Class> {
    let kind = text.split(|&b| b == b':').next().unwrap_or_default();
    let kind = std::str::from_utf8(kind).map_err(|_| Class::UnknownType)?;
    match kind.parse() {
        Ok(DatasetType::Combined) | Err(Error::Acl | Error::Aclkey) => Err(Class::NestedType),
        Ok(kind) if !kind.is_list() => Ok(kind),
        _ => Err(Class::UnknownType),
    }
}

/// `@` is the zone itself, and so is a name without labels.
fn subzone(name: &[u8]) -> Option<NameKey> {
    match name {
        b"@" => Some(NameKey::ROOT),
        name => NameKey::parse(name).ok(),
    }
}
