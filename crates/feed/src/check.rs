//! The checks of design and `docs/feed.md` between a pointer and a decision, in their order.

use std::path::Path;

use rblmap_content::ZoneName;

use crate::digest::FileHash;
use crate::error::Error;
use crate::keyset::KeySet;
use crate::manifest::{INDEX_LIMIT, Index, MANIFEST_LIMIT, Manifest, statement_of};
use crate::names::FeedPath;
use crate::pointer::{POINTER_LIMIT, Pointer, Publisher};
use crate::state::{Seen, SeenIndex, State};
use crate::transport::{Options, Source, Want};

/// How far ahead of our clock a publisher's may be, seconds.
const CLOCK_AHEAD: u64 = 600;

/// A source, and where what comes from it goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fetcher<'a> {
    pub(crate) source: &'a Source,
    pub(crate) spool: &'a Path,
    pub(crate) options: &'a Options,
}

/// A document that passed all checks but those of its content.
#[derive(Debug)]
pub(crate) struct Checked<T> {
    pub(crate) document: T,
    /// The keys after what the document says of them.
    pub(crate) keys: KeySet,
    pub(crate) hash: FileHash,
}

/// What a look at a pointer finds.
#[derive(Debug)]
pub(crate) enum Look<T> {
    /// What was followed before.
    Same,
    /// Something newer.
    New(Box<Checked<T>>),
}

/// What was followed before, of a zone or an index.
struct Line<'a> {
    publisher: &'a Publisher,
    issue: u64,
    hash: FileHash,
    generated: u64,
}

/// What is followed now.
struct Next<'a> {
    publisher: &'a Publisher,
    issue: u64,
    hash: FileHash,
    generated: u64,
    expires: u64,
}

impl Checked<Manifest> {
    /// What to remember of it; `updated` is when the running image was put in place.
    pub(crate) fn seen(&self, updated: u64) -> Seen {
        let manifest = &self.document;
        let edges = manifest.steps.iter().chain(&manifest.squashes);
        Seen {
            publisher: manifest.publisher.clone(),
            epoch: manifest.epoch,
            issue: manifest.issue,
            hash: self.hash,
            serial: manifest.serial,
            content: manifest.content,
            generated: manifest.generated,
            expires: manifest.expires,
            poll: manifest.poll,
            counts: manifest.counts,
            edges: edges.copied().collect(),
            texts: manifest.texts.clone(),
            retired: manifest.retired.clone(),
            updated,
        }
    }
}

impl Checked<Index> {
    /// What to remember of it.
    pub(crate) fn seen(&self) -> SeenIndex {
        let index = &self.document;
        SeenIndex {
            publisher: index.publisher.clone(),
            issue: index.issue,
            hash: self.hash,
            generated: index.generated,
            expires: index.expires,
            zones: index.zones.iter().map(|zone| zone.zone.clone()).collect(),
        }
    }
}

impl Fetcher<'_> {
    /// Fetches one file.
    pub(crate) fn get(&self, path: &FeedPath, limit: u64) -> Result<Vec<u8>, Error> {
        self.get_want(Want {
            path: path.clone(),
            limit,
            changes: false,
        })
    }

    fn get_want(&self, want: Want) -> Result<Vec<u8>, Error> {
        self.source
            .fetch(std::slice::from_ref(&want), self.spool, self.options)?;
        self.source.take(&want, self.spool)
    }

    /// Fetches a pointer; pointers are the only files that change under their names.
    pub(crate) fn pointer(&self, path: &FeedPath) -> Result<Pointer, Error> {
        let want = Want {
            path: path.clone(),
            limit: POINTER_LIMIT,
            changes: true,
        };
        Pointer::read(path, &self.get_want(want)?)
    }

    fn behind(&self, found: u64, known: u64) -> Error {
        Error::Behind {
            source_name: self.source.name(),
            found,
            known,
        }
    }
}

/// Looks at the pointer of a zone.
pub(crate) fn zone(
    fetcher: Fetcher<'_>,
    zone: &ZoneName,
    state: &State,
    now: u64,
) -> Result<Look<Manifest>, Error> {
    let path = FeedPath::pointer(zone);
    let pointer = fetcher.pointer(&path)?;
    let comment = pointer.comment();
    let found = comment
        .zone
        .as_ref()
        .map_or("the index", |line| line.zone.as_str());
    if found != zone.as_str() {
        return Err(other(&path, "zone", zone.as_str(), found));
    }
    if let Some(seen) = &state.seen {
        if comment.issue == seen.issue && comment.hash == seen.hash {
            expiry(&path, seen.expires, now)?;
            clock(&path, seen.generated, now)?;
            return Ok(Look::Same);
        }
        // Nothing is decided by this but not to waste a transfer on what would be refused.
        if comment.issue < seen.issue {
            return Err(fetcher.behind(comment.issue, seen.issue));
        }
    }
    let target = comment.target();
    let bytes = fetcher.get(&target, MANIFEST_LIMIT)?;
    let (keys, hash) = verify(&pointer, &target, &bytes, &state.keys)?;
    let manifest = Manifest::read(&target, &bytes, comment)?;
    if manifest.zone.0 != *zone {
        return Err(other(
            &target,
            "zone",
            zone.as_str(),
            manifest.zone.0.as_str(),
        ));
    }
    let next = Next {
        publisher: &manifest.publisher,
        issue: manifest.issue,
        hash,
        generated: manifest.generated,
        expires: manifest.expires,
    };
    line(
        fetcher,
        &target,
        state.seen.as_ref().map(Seen::line),
        &next,
        now,
    )?;
    if let Some(seen) = &state.seen {
        serial(&target, seen, &manifest)?;
    }
    let mut keys = keys;
    keys.announce(manifest.next_key.as_ref(), manifest.issue, now);
    Ok(Look::New(Box::new(Checked {
        document: manifest,
        keys,
        hash,
    })))
}

/// Looks at the pointer of the index.
pub(crate) fn index(
    fetcher: Fetcher<'_>,
    keys: &KeySet,
    seen: Option<&SeenIndex>,
    now: u64,
) -> Result<Look<Index>, Error> {
    let path = FeedPath::index_pointer();
    let pointer = fetcher.pointer(&path)?;
    let comment = pointer.comment();
    if let Some(line) = &comment.zone {
        return Err(other(&path, "zone", "the index", line.zone.as_str()));
    }
    if let Some(seen) = seen {
        if comment.issue == seen.issue && comment.hash == seen.hash {
            expiry(&path, seen.expires, now)?;
            return Ok(Look::Same);
        }
        if comment.issue < seen.issue {
            return Err(fetcher.behind(comment.issue, seen.issue));
        }
    }
    let target = comment.target();
    let bytes = fetcher.get(&target, INDEX_LIMIT)?;
    let (mut keys, hash) = verify(&pointer, &target, &bytes, keys)?;
    let index = Index::read(&target, &bytes, comment)?;
    let next = Next {
        publisher: &index.publisher,
        issue: index.issue,
        hash,
        generated: index.generated,
        expires: index.expires,
    };
    line(fetcher, &target, seen.map(SeenIndex::line), &next, now)?;
    keys.announce(index.next_key.as_ref(), index.issue, now);
    Ok(Look::New(Box::new(Checked {
        document: index,
        keys,
        hash,
    })))
}

/// Compares the bytes with the hash in the comment and the signature with the keys, those of a
/// statement by the offline key included: it is signed by itself.
fn verify(
    pointer: &Pointer,
    path: &FeedPath,
    bytes: &[u8],
    keys: &KeySet,
) -> Result<(KeySet, FileHash), Error> {
    let hash = FileHash::of(bytes);
    if hash != pointer.comment().hash {
        let what = "hash";
        let path = path.to_string();
        return Err(Error::Hash { path, what });
    }
    let mut keys = keys.clone();
    if let Some(statement) = statement_of(bytes) {
        keys.obey(&statement);
    }
    pointer.verify(bytes, keys.keys())?;
    Ok((keys, hash))
}

/// Publisher, issue, expiry and clock.
fn line(
    fetcher: Fetcher<'_>,
    path: &FeedPath,
    seen: Option<Line<'_>>,
    next: &Next<'_>,
    now: u64,
) -> Result<(), Error> {
    if let Some(seen) = &seen {
        if next.publisher != seen.publisher {
            let (expected, found) = (seen.publisher.as_str(), next.publisher.as_str());
            return Err(other(path, "publisher", expected, found));
        }
        if next.issue < seen.issue {
            return Err(fetcher.behind(next.issue, seen.issue));
        }
        if next.issue == seen.issue && next.hash != seen.hash {
            return Err(Error::Equivocation {
                path: path.to_string(),
                what: "issue",
                number: next.issue,
            });
        }
        clock(path, seen.generated, now)?;
    }
    expiry(path, next.expires, now)?;
    clock(path, next.generated, now)
}

/// Within a line of serials: none goes back, none has two contents, no delta is made anew.
fn serial(path: &FeedPath, seen: &Seen, manifest: &Manifest) -> Result<(), Error> {
    if manifest.epoch != seen.epoch {
        return Ok(());
    }
    if manifest.serial < seen.serial {
        return Err(Error::SerialBack {
            path: path.to_string(),
            found: manifest.serial,
            known: seen.serial,
        });
    }
    let equivocation = |number| Error::Equivocation {
        path: path.to_string(),
        what: "serial",
        number,
    };
    if manifest.serial == seen.serial && manifest.content != seen.content {
        return Err(equivocation(manifest.serial));
    }
    let known = |edge: &&crate::manifest::Edge| {
        let same = seen
            .edges
            .iter()
            .find(|k| (k.from, k.to) == (edge.from, edge.to));
        same.is_some_and(|known| known.hash != edge.hash)
    };
    match manifest.steps.iter().chain(&manifest.squashes).find(known) {
        Some(edge) => Err(equivocation(edge.to)),
        None => Ok(()),
    }
}

fn expiry(path: &FeedPath, expires: u64, now: u64) -> Result<(), Error> {
    if expires > now {
        return Ok(());
    }
    Err(Error::ExpiredPointer {
        path: path.to_string(),
        ago: now - expires,
    })
}

/// Nothing was made later than now: else the clock here was set back, or the publisher's is wrong.
fn clock(path: &FeedPath, generated: u64, now: u64) -> Result<(), Error> {
    if generated <= now.saturating_add(CLOCK_AHEAD) {
        return Ok(());
    }
    Err(Error::Clock {
        path: path.to_string(),
        generated,
        now,
    })
}

fn other(path: &FeedPath, what: &'static str, expected: &str, found: &str) -> Error {
    Error::Other {
        path: path.to_string(),
        what,
        expected: expected.to_owned(),
        found: found.to_owned(),
    }
}

impl Seen {
    fn line(&self) -> Line<'_> {
        Line {
            publisher: &self.publisher,
            issue: self.issue,
            hash: self.hash,
            generated: self.generated,
        }
    }
}

impl SeenIndex {
    fn line(&self) -> Line<'_> {
        Line {
            publisher: &self.publisher,
            issue: self.issue,
            hash: self.hash,
            generated: self.generated,
        }
    }
}
