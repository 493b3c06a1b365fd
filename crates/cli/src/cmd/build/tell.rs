//! What a build says: warnings, each kind ten times and then counted, and a summary.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use rblmap_zonefile::{Built, Class, Error, Warning};

use crate::cmd::write;
use crate::failure::Failure;
use crate::output::Output;

/// So often the same is said; more than that nobody reads.
const REPEATS: u64 = 10;

/// Says what was found, and keeps it for the file of warnings.
pub(super) struct Told {
    rows: Option<String>,
}

impl Told {
    /// `keeps`: whether all warnings are written to a file in the end.
    pub(super) fn new(keeps: bool) -> Told {
        Told {
            rows: keeps.then(String::new),
        }
    }

    /// Takes what came of a build.
    pub(super) fn built(&mut self, built: &Built, output: &Output) {
        for note in &built.notes {
            output.note(note);
        }
        say(&built.warnings, output);
        for warning in &built.warnings {
            self.row(&warning.file, warning.line, warning.class);
        }
        output.note(summary(built));
        if is_empty(built) {
            // Also for those who want to hear of errors only: who serves this lists nobody.
            eprintln!("rblmap: {}: nothing is listed", built.content.name());
        }
    }

    /// Takes the line for which sources were refused.
    pub(super) fn refused(&mut self, error: &Error) {
        if let Some((class, file, line)) = error.refusal() {
            self.row(file, line, class);
        }
    }

    /// Writes the file of warnings, if one is asked for.
    pub(super) fn write(&self, path: Option<&Path>) -> Result<(), Failure> {
        match (path, &self.rows) {
            (Some(path), Some(rows)) => write::file(path, rows.as_bytes()),
            _ => Ok(()),
        }
    }

    fn row(&mut self, file: &Path, line: u64, class: Class) {
        if let Some(rows) = &mut self.rows {
            // Writing to a string cannot fail.
            let _ = writeln!(rows, "{}\t{line}\t{}", file.display(), class.as_str());
        }
    }
}

fn say(warnings: &[Warning], output: &Output) {
    let mut said: BTreeMap<Class, u64> = BTreeMap::new();
    let mut more: BTreeMap<(Class, PathBuf), u64> = BTreeMap::new();
    for warning in warnings {
        let times = said.entry(warning.class).or_default();
        *times += 1;
        if *times <= REPEATS || output.is_verbose() {
            output.note(warning);
        } else {
            let file = warning.file.to_path_buf();
            *more.entry((warning.class, file)).or_default() += 1;
        }
    }
    for ((class, file), count) in more {
        let file = file.display();
        output.note(format_args!("{file}: {count} more: {}", class.message()));
    }
}

fn is_empty(built: &Built) -> bool {
    built
        .content
        .zones()
        .iter()
        .all(|zone| zone.v4().is_empty() && zone.v6().is_empty() && zone.names().is_empty())
}

fn summary(built: &Built) -> String {
    let counts = built.counts;
    let mut text = format!(
        "{}: {} lines, {} entries, {} warnings",
        built.content.name(),
        counts.lines,
        counts.entries,
        built.warnings.len()
    );
    let mut classes: BTreeMap<Class, u64> = BTreeMap::new();
    for warning in &built.warnings {
        *classes.entry(warning.class).or_default() += 1;
    }
    for (class, count) in classes {
        // Writing to a string cannot fail.
        let _ = write!(text, ", {} {count}", class.as_str());
    }
    for (count, what) in [
        (counts.ports, "keys with a port, which is not read"),
        (counts.urls, "keys that are the hosts of URLs"),
    ] {
        if count > 0 {
            let _ = write!(text, ", {count} {what}");
        }
    }
    text
}
