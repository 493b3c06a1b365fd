//! Names that a list must never hold: those of a file that the configuration names.
//!
//! That one of them is listed is more likely a mistake than news, and is refused as an empty list is.
//! A new name that only looks like one of them may be the very thing that the list is for, so it goes
//! out and is told.

use std::fs;

use rblmap::{Image, NameKey};
use rblmap_content::ZoneName;
use rblmap_history::names::Lookalikes;
use rblmap_history::{Change, Place, Says, changes};
use serde::Serialize;

use crate::error::{Error, reading};
use crate::toml_file::wrong;

use super::FeedConfig;
use super::content::Prepared;

/// So many new names are searched at once: a first publication may bring millions.
const AT_ONCE: usize = 1 << 16;

/// The names of the file.
#[derive(Debug, Clone, Default)]
pub(super) struct Critical {
    names: Vec<Name>,
}

#[derive(Debug, Clone)]
struct Name {
    text: String,
    key: NameKey,
}

/// A new name that looks like a critical one.
///
/// See the example of [`publish`](crate::publish).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Lookalike {
    /// The critical name.
    pub critical: String,
    /// The name that is new, as it is stored.
    pub listed: String,
    /// How many edits lie between them once letters that look alike are one: 0 to 2.
    pub distance: u8,
}

impl Critical {
    /// Reads the file of a configuration, if it names one: a name a line, comments after `#`.
    pub(super) fn of(config: &FeedConfig) -> Result<Critical, Error> {
        let Some(path) = &config.critical else {
            return Ok(Critical::default());
        };
        let text = fs::read_to_string(path).map_err(reading(path))?;
        let mut names = Vec::new();
        for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let name = line.split('#').next().unwrap_or_default().trim();
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            if name.is_empty() {
                continue;
            }
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
            let key = NameKey::parse(name.as_bytes()).ok();
            match key.filter(|_| name.bytes().all(is_name)) {
                Some(key) => names.push(Name { text: name, key }),
                None => {
                    let what = "not a name (letters of other alphabets are written as xn--…)";
                    return Err(wrong(path, Some(number + 1), what));
                }
            }
        }
        Ok(Critical { names })
    }

    /// Looks at what is new: gives the look-alikes, and refuses a critical name itself unless it is
    /// forced.
    pub(super) fn judge(&self, prepared: &Prepared, force: bool) -> Result<Vec<Lookalike>, Error> {
        if self.names.is_empty() || !prepared.new_content {
            return Ok(Vec::new());
        }
        let (old, new) = (prepared.old.as_ref(), &prepared.image);
        if !force {
            self.refuse(prepared.zone(), old, new)?;
        }
        let found = self.search(old, new);
        found.map_err(|error| Error::NotPossible {
            zone: prepared.zone().clone(),
            what: format!("its names cannot be compared: {error}"),
        })
    }

    fn refuse(&self, zone: &ZoneName, old: Option<&Image>, new: &Image) -> Result<(), Error> {
        let listed = |image: &Image, key: &NameKey| image.base().lookup_name(key).is_listed();
        let is_new =
            |name: &&Name| listed(new, &name.key) && !old.is_some_and(|old| listed(old, &name.key));
        match self.names.iter().find(is_new) {
            None => Ok(()),
            Some(name) => Err(Error::UnlikelyContent {
                zone: zone.clone(),
                what: format!("{} is listed, which is critical", name.text),
            }),
        }
    }

    fn search(
        &self,
        old: Option<&Image>,
        new: &Image,
    ) -> Result<Vec<Lookalike>, rblmap_history::Error> {
        let (mut names, mut found) = (Vec::new(), Vec::new());
        let mut failed = Ok(());
        changes(old, new, |change| {
            names.extend(begins(&change));
            if names.len() >= AT_ONCE && failed.is_ok() {
                failed = self.among(std::mem::take(&mut names), &mut found);
            }
        })?;
        failed?;
        self.among(names, &mut found)?;
        found.sort();
        found.dedup();
        Ok(found)
    }

    fn among(
        &self,
        names: Vec<String>,
        found: &mut Vec<Lookalike>,
    ) -> Result<(), rblmap_history::Error> {
        let set = Lookalikes::new(names)?;
        for name in &self.names {
            // That the name itself is new was refused, or is wanted.
            let alike = set.like(&name.text).into_iter();
            let alike = alike.filter(|near| near.listed != name.text);
            found.extend(alike.map(|near| Lookalike {
                critical: name.text.clone(),
                listed: near.listed,
                distance: near.distance,
            }));
        }
        Ok(())
    }
}

/// The name that a change begins to list, if it does.
fn begins(change: &Change<'_>) -> Option<String> {
    let is_new = matches!(change.is, Says::Value(_)) && !matches!(change.was, Says::Value(_));
    match change.place {
        Place::Name(name, _) if is_new => Some(name.to_string()),
        Place::Name(..) | Place::Network(_) => None,
    }
}
