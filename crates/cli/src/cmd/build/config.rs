//! `--config lists.toml`: all zones of a feed, with their sources, from one file.

use std::path::{Path, PathBuf};

use rblmap_zonefile::{Mask, Options, Spec};
use serde::Deserialize;

use super::{Args, Job, options};
use crate::cmd::source_args::SourceArgs;
use crate::exit::Exit;
use crate::failure::Failure;

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lists {
    /// The folder for images, relative to the file.
    output: Option<PathBuf>,
    #[serde(default)]
    zone: Vec<toml::Spanned<Zone>>,
}

/// One zone, and so one image.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Zone {
    name: String,
    /// The image: `NAME.rbl` if not given.
    output: Option<PathBuf>,
    #[serde(default)]
    test_points: bool,
    /// `ZONE=BIT,...` as --mask has it, of the zones of the sources.
    mask: Option<String>,
    #[serde(default)]
    source: Vec<toml::Spanned<Source>>,
}

/// One source.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    /// The zone that it is for, if not the one it stands in: a subzone, or one of the mask.
    zone: Option<String>,
    r#type: String,
    /// Read as if joined.
    files: OneOrMany,
    host_bits: Option<bool>,
    names: Option<String>,
    value: Option<String>,
    text: Option<bool>,
    text_after: Option<String>,
    templates: Option<bool>,
    min_count: Option<u64>,
    padded: Option<bool>,
    json_key: Option<OneOrMany>,
    json_text: Option<String>,
    column: Option<NameOrNumber>,
    text_column: Option<NameOrNumber>,
    header: Option<bool>,
    delimiter: Option<String>,
}

#[derive(Deserialize, Clone)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum NameOrNumber {
    Number(u64),
    Name(String),
}

impl OneOrMany {
    fn list(&self) -> Vec<String> {
        match self {
            OneOrMany::One(one) => vec![one.clone()],
            OneOrMany::Many(many) => many.clone(),
        }
    }
}

impl NameOrNumber {
    fn text(&self) -> String {
        match self {
            NameOrNumber::Number(number) => number.to_string(),
            NameOrNumber::Name(name) => name.clone(),
        }
    }
}

/// The images that the file asks for.
pub(super) fn jobs(path: &Path, args: &Args) -> Result<Vec<Job>, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| Failure::reading(path, &error))?;
    let file = File { path, text: &text };
    let lists: Lists = toml::from_str(&text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        file.bad(at, error.message())
    })?;
    if lists.zone.is_empty() {
        return Err(file.bad(0, "no [[zone]]: nothing to build"));
    }
    let folder = match &args.output {
        Some(folder) => folder.clone(),
        None => file.beside(lists.output.as_deref().unwrap_or(Path::new(""))),
    };
    let mut jobs: Vec<Job> = Vec::new();
    for zone in &lists.zone {
        let at = zone.span().start;
        let job = file.job(zone.get_ref(), at, &folder, args)?;
        if let Some(image) = &job.image
            && jobs
                .iter()
                .any(|before| before.image.as_ref() == Some(image))
        {
            let what = format!("a zone before it writes {} already", image.display());
            return Err(file.bad(at, &what));
        }
        jobs.push(job);
    }
    Ok(jobs)
}

/// The file that is being read, for what is said of it.
struct File<'f> {
    path: &'f Path,
    text: &'f str,
}

impl File<'_> {
    /// What is wrong at an offset.
    fn bad(&self, at: usize, what: &str) -> Failure {
        let before = self.text.as_bytes().get(..at).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let what = what.trim_end().replace('\n', " ");
        Failure::new(
            Exit::BadInput,
            format!("{}:{line}: {what}", self.path.display()),
        )
    }

    /// A path of the file, which is relative to it.
    fn beside(&self, path: &Path) -> PathBuf {
        self.path.parent().unwrap_or(Path::new("")).join(path)
    }

    fn job(&self, zone: &Zone, at: usize, folder: &Path, args: &Args) -> Result<Job, Failure> {
        if zone.source.is_empty() {
            return Err(self.bad(at, "a zone without a [[zone.source]]"));
        }
        let specs = zone.source.iter().map(|source| {
            let at = source.span().start;
            self.spec(source.get_ref(), zone, at)
        });
        let mask = zone
            .mask
            .as_deref()
            .map(|bits| Mask::parse(bits, &zone.name));
        let mask = mask
            .transpose()
            .map_err(|error| self.bad(at, &error.to_string()))?;
        let mut specs: Vec<Spec> = specs.collect::<Result<_, _>>()?;
        if mask.is_none() {
            // The first spec names the image.
            let own = specs
                .iter()
                .position(|spec| spec.zone.as_str() == zone.name);
            let own = own.ok_or_else(|| self.bad(at, "no source is for the zone itself"))?;
            specs.get_mut(..=own).unwrap_or_default().rotate_right(1);
        }
        let image = match &zone.output {
            Some(path) => folder.join(path),
            None => folder.join(format!("{}.rbl", zone.name)),
        };
        let common = options(args);
        Ok(Job {
            specs,
            options: Options {
                mask,
                test_points: zone.test_points || common.test_points,
                ..common
            },
            image: (!args.check).then_some(image),
        })
    }

    fn spec(&self, source: &Source, zone: &Zone, at: usize) -> Result<Spec, Failure> {
        let bad = |error: &dyn std::fmt::Display| self.bad(at, &error.to_string());
        let name = source.zone.as_ref().unwrap_or(&zone.name);
        let files = source.files.list();
        if files.is_empty() {
            return Err(bad(&"no files"));
        }
        let reading = source.args().map_err(|what| bad(&what))?.reading();
        Ok(Spec {
            zone: name.parse().map_err(|error| bad(&error))?,
            kind: source.r#type.parse().map_err(|error| bad(&error))?,
            files: files
                .iter()
                .map(|file| self.beside(file.as_ref()))
                .collect(),
            reading: Some(Box::new(reading)),
        })
    }
}

impl Source {
    /// The options as the command line would have them.
    fn args(&self) -> Result<SourceArgs, String> {
        fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
            key: &str,
            text: Option<&String>,
        ) -> Result<Option<T>, String> {
            let parsed = text.map(|text| text.parse());
            parsed
                .transpose()
                .map_err(|error| format!("{key}: {error}"))
        }
        Ok(SourceArgs {
            host_bits: self.host_bits.unwrap_or_default(),
            names: parsed("names", self.names.as_ref())?,
            value: parsed("value", self.value.as_ref())?,
            text: self.text.unwrap_or_default(),
            text_after: self.text_after.clone(),
            templates: self.templates.unwrap_or_default(),
            min_count: self.min_count,
            padded: self.padded.unwrap_or_default(),
            json_key: self
                .json_key
                .as_ref()
                .map_or_else(Vec::new, OneOrMany::list),
            json_text: self.json_text.clone(),
            column: self.column.as_ref().map(NameOrNumber::text),
            text_column: self.text_column.as_ref().map(NameOrNumber::text),
            header: self.header.unwrap_or_default(),
            delimiter: parsed("delimiter", self.delimiter.as_ref())?,
        })
    }
}
