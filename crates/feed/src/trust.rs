//! Whom a mirror or relay trusts for a feed: one file for all zones of it, whatever the sources
//! that it is fetched from.
//!
//! A zone that begins later starts with what is known here, so a removed key stays removed
//! everywhere. The file is found again by any of the keys it ever had, or by any source.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::access::Access;
use crate::digest::FileHash;
use crate::disk::Dir;
use crate::error::Error;
use crate::ids::Zone;
use crate::key::{PublicKey, Role};
use crate::keyset::KeySet;
use crate::pointer::Publisher;
use crate::state::{self, Failure};

/// What is remembered of a feed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Trust {
    /// Whom to trust.
    pub keys: KeySet,
    /// The keys of all key files that were given for it.
    #[serde(default)]
    pub given: Vec<PublicKey>,
    /// The sources that it was fetched from, without their passwords.
    #[serde(default)]
    pub sources: BTreeSet<String>,
    /// The last index that was followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<SeenIndex>,
    /// Why the index could not be had, until it can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// The last index that was followed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SeenIndex {
    /// Who publishes.
    pub publisher: Publisher,
    /// The issue.
    pub issue: u64,
    /// Hash of the index.
    pub hash: FileHash,
    /// The key that signed it.
    pub key: PublicKey,
    /// When it was made, seconds since 1970.
    pub generated: u64,
    /// Until when it holds, seconds since 1970.
    pub expires: u64,
    /// The zones.
    pub zones: Vec<Zone>,
}

/// The trust of a feed and the file that it lies in.
#[derive(Debug)]
pub(crate) struct TrustFile {
    name: String,
    pub(crate) trust: Trust,
    written: Option<Trust>,
    /// Whether `--new-trust` replaced what was there.
    pub(crate) replaced: bool,
    /// The file was damaged, and its copy was taken.
    pub(crate) restored: Option<String>,
}

const PREFIX: &str = ".trust-";
const END: &str = ".json";
/// A second copy of the trust, for when the first is damaged.
const COPY: &str = ".copy";

impl TrustFile {
    /// The trust of the feed that these keys and sources belong to; a new one if there is none.
    ///
    /// # Errors
    /// A file that cannot be read; one that is damaged together with its copy.
    pub(crate) fn find(
        dir: &Dir,
        keys: &[(PublicKey, Role)],
        sources: &[String],
        new_trust: bool,
    ) -> Result<TrustFile, Error> {
        let mut by_source = None;
        let mut by_key = None;
        for (name, trust, restored) in all(dir)? {
            let known = |key: &PublicKey| trust.keys.knows(key) || trust.given.contains(key);
            if keys.iter().any(|(key, _)| known(key)) {
                by_key = by_key.or(Some((name, trust, restored)));
            } else if sources.iter().any(|source| trust.sources.contains(source)) {
                by_source = by_source.or(Some((name, trust, restored)));
            }
        }
        let found = match new_trust {
            // The new keys are for the feed of these sources, whatever other feed has them.
            true => by_source.or(by_key),
            false => by_key.or(by_source),
        };
        let first = keys.first().map(|(key, _)| key.id()).unwrap_or_default();
        let mut file = match found {
            Some((name, trust, restored)) => TrustFile {
                name,
                written: Some(trust.clone()),
                trust,
                replaced: false,
                restored,
            },
            None => TrustFile {
                name: format!("{PREFIX}{first}{END}"),
                trust: Trust::default(),
                written: None,
                replaced: false,
                restored: None,
            },
        };
        if new_trust && file.written.is_some() {
            file.replaced = true;
            let old: Vec<PublicKey> = file.trust.keys.keys().cloned().collect();
            file.trust = Trust {
                keys: KeySet::in_place_of(keys.iter().cloned(), old),
                sources: std::mem::take(&mut file.trust.sources),
                ..Trust::default()
            };
        }
        let trust = &mut file.trust;
        if trust.keys.is_empty() {
            trust.keys = KeySet::new(keys.iter().cloned());
        }
        for (key, _) in keys {
            if !trust.given.contains(key) {
                trust.given.push(key.clone());
            }
        }
        Ok(file)
    }

    /// What the lock of this feed is called.
    pub(crate) fn lock_name(&self) -> String {
        let name = self.name.strip_suffix(END).unwrap_or(&self.name);
        format!("{name}.lock")
    }

    /// The name by which the states of zones say which feed they belong to.
    pub(crate) fn id(&self) -> &str {
        let name = self.name.strip_prefix(PREFIX).unwrap_or(&self.name);
        name.strip_suffix(END).unwrap_or(name)
    }

    /// Whether it was there before this run.
    pub(crate) fn is_known(&self) -> bool {
        self.written.is_some() && !self.replaced
    }

    /// Writes it, if it changed or was damaged. The copy says the same and is written first: one
    /// from before the offline key removed a key would bring that key back.
    pub(crate) fn write(&mut self, dir: &Dir) -> Result<(), Error> {
        if self.written.as_ref() == Some(&self.trust) && self.restored.is_none() {
            return Ok(());
        }
        let bytes = state::to_bytes(&self.trust);
        let copy = format!("{}{COPY}", self.name);
        dir.place(&copy, &bytes, &Access::public())?;
        dir.place(&self.name, &bytes, &Access::public())?;
        self.written = Some(self.trust.clone());
        self.restored = None;
        Ok(())
    }
}

/// All trusts of a folder, with the names of their files; and of one that was read from its copy,
/// why.
pub(crate) fn all(dir: &Dir) -> Result<Vec<(String, Trust, Option<String>)>, Error> {
    let mut found = Vec::new();
    for name in dir.names()? {
        if !name.starts_with(PREFIX) || !name.ends_with(END) {
            continue;
        }
        match state::read_in::<Trust>(dir, &name) {
            Ok(Some(trust)) => found.push((name, trust, None)),
            Ok(None) => {}
            Err(damage) => {
                let copy = state::read_in::<Trust>(dir, &format!("{name}{COPY}"));
                match copy {
                    Ok(Some(trust)) => found.push((name, trust, Some(damage.to_string()))),
                    Ok(None) | Err(_) => return Err(lost(dir, &name, &damage)),
                }
            }
        }
    }
    Ok(found)
}

/// Both copies are damaged: which keys were removed is not known any more, so a person decides.
fn lost(dir: &Dir, name: &str, damage: &Error) -> Error {
    match damage {
        Error::Config { what, .. } => Error::Config {
            path: dir.path().join(name),
            what: format!("{what}, and so is its copy; --new-trust begins anew from --key"),
        },
        _ => {
            crate::error::reading(dir.path().join(name))(std::io::Error::other(damage.to_string()))
        }
    }
}
