//! The checks of `docs/feed.md` between a pointer and a decision, in their order.

use rblmap_content::ZoneName;

use crate::delta_file::DeltaFile;
use crate::digest::FileHash;
use crate::error::Error;
use crate::fetcher::Fetcher;
use crate::key::PublicKey;
use crate::keyset::{Announcement, KeySet};
use crate::manifest::{INDEX_LIMIT, Index, MANIFEST_LIMIT, Manifest, statement_of};
use crate::path::FeedPath;
use crate::pointer::Pointer;
use crate::state::{Seen, State};
use crate::time::DAY;
use crate::trust::{SeenIndex, Trust};

/// How far ahead of our clock a publisher's may be, seconds.
const CLOCK_AHEAD: u64 = 600;
/// How far an issue may be ahead of the clock, in minutes, and of the one before.
pub(crate) const ISSUE_AHEAD: u64 = 1 << 16;
/// How long a pointer may hold, seconds.
pub const HOLDS_AT_MOST: u64 = 30 * DAY;

/// A document that passed all checks but those of its content.
#[derive(Debug)]
pub(crate) struct Checked<T> {
    pub(crate) document: T,
    /// The key that signed it.
    pub(crate) key: PublicKey,
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

/// The last pointer that was followed, of a zone or of the index.
#[derive(Debug, Clone, Copy)]
struct Last {
    issue: u64,
    hash: FileHash,
    generated: u64,
}

/// The pointer that is looked at now.
#[derive(Debug, Clone, Copy)]
struct Next {
    issue: u64,
    hash: FileHash,
    generated: u64,
    expires: u64,
}

impl Checked<Manifest> {
    /// What to remember of it; `updated` is when the running image was put in place.
    pub(crate) fn seen(&self, updated: u64) -> Seen {
        let manifest = &self.document;
        let deltas = manifest.deltas.iter().chain(&manifest.merged);
        Seen {
            publisher: manifest.publisher.clone(),
            session: manifest.session,
            issue: manifest.issue,
            hash: self.hash,
            key: self.key.clone(),
            serial: manifest.serial,
            created: manifest.created,
            content: manifest.content,
            generated: manifest.generated,
            expires: manifest.expires,
            poll: manifest.poll,
            counts: manifest.counts,
            deltas: deltas.copied().collect(),
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
            key: self.key.clone(),
            generated: index.generated,
            expires: index.expires,
            zones: index.zones.iter().map(|zone| zone.zone.clone()).collect(),
        }
    }
}

impl State {
    /// The last manifest, unless the offline key has since removed the key that signed it: what only
    /// that key said is forgotten.
    pub(crate) fn seen_by(&self, keys: &KeySet) -> Option<&Seen> {
        self.seen
            .as_ref()
            .filter(|seen| !keys.has_removed(&seen.key))
    }
}

impl Trust {
    /// As [`State::seen_by`], of the index.
    pub(crate) fn seen_index(&self) -> Option<&SeenIndex> {
        let seen = self.index.as_ref();
        seen.filter(|seen| !self.keys.has_removed(&seen.key))
    }
}

/// Looks at the pointer of a zone. The trust changes where the offline key says so, whatever
/// becomes of the rest, and where a manifest that passes announces a key.
pub(crate) fn zone(
    fetcher: Fetcher<'_>,
    zone: &ZoneName,
    trust: &mut Trust,
    state: &State,
    now: u64,
) -> Result<Look<Manifest>, Error> {
    let path = FeedPath::pointer(zone);
    with_fresh_pointer(fetcher, &path, |pointer| {
        zone_pointer(fetcher, pointer, zone, trust, state, now)
    })
}

fn zone_pointer(
    fetcher: Fetcher<'_>,
    pointer: &Pointer,
    zone: &ZoneName,
    trust: &mut Trust,
    state: &State,
    now: u64,
) -> Result<Look<Manifest>, Error> {
    let path = FeedPath::pointer(zone);
    let comment = pointer.comment();
    let found = comment
        .zone
        .as_ref()
        .map_or("the index", |line| line.zone.as_str());
    if found != zone.as_str() {
        return Err(wrong_zone(&path, zone.as_str(), found));
    }
    if let Some(seen) = state.seen_by(&trust.keys)
        && (comment.issue, comment.hash) == (seen.issue, seen.hash)
    {
        expiry(&path, seen.expires, now)?;
        clock(&path, seen.generated, now)?;
        return Ok(Look::Same);
    }
    let target = comment.target();
    let bytes = fetcher.get(&target, MANIFEST_LIMIT)?;
    obey(pointer, &target, &bytes, &mut trust.keys)?;
    let seen = state.seen_by(&trust.keys);
    if let Some(seen) = seen.filter(|seen| comment.issue < seen.issue) {
        return Err(fetcher.behind(comment.issue, seen.issue));
    }
    let key = pointer.verify(&bytes, trust.keys.keys())?.clone();
    let manifest = Manifest::read(&target, &bytes, comment)?;
    if manifest.zone.0 != *zone {
        return Err(wrong_zone(&target, zone.as_str(), manifest.zone.0.as_str()));
    }
    let next = Next {
        issue: manifest.issue,
        hash: comment.hash,
        generated: manifest.generated,
        expires: manifest.expires,
    };
    in_line(fetcher, &target, seen.map(Seen::last), next, now)?;
    if let Some(seen) = seen {
        content_in_line(fetcher, &target, seen, &manifest, now)?;
    }
    announce(
        trust,
        manifest.next_key.as_ref(),
        &key,
        manifest.generated,
        now,
    );
    Ok(Look::New(Box::new(Checked {
        document: manifest,
        key,
        hash: comment.hash,
    })))
}

/// Looks at the pointer of the index.
pub(crate) fn index(
    fetcher: Fetcher<'_>,
    trust: &mut Trust,
    now: u64,
) -> Result<Look<Index>, Error> {
    let path = FeedPath::index_pointer();
    with_fresh_pointer(fetcher, &path, |pointer| {
        index_pointer(fetcher, pointer, trust, now)
    })
}

fn index_pointer(
    fetcher: Fetcher<'_>,
    pointer: &Pointer,
    trust: &mut Trust,
    now: u64,
) -> Result<Look<Index>, Error> {
    let path = FeedPath::index_pointer();
    let comment = pointer.comment();
    if let Some(line) = &comment.zone {
        return Err(wrong_zone(&path, "the index", line.zone.as_str()));
    }
    if let Some(seen) = trust.seen_index()
        && (comment.issue, comment.hash) == (seen.issue, seen.hash)
    {
        expiry(&path, seen.expires, now)?;
        clock(&path, seen.generated, now)?;
        return Ok(Look::Same);
    }
    let target = comment.target();
    let bytes = fetcher.get(&target, INDEX_LIMIT)?;
    obey(pointer, &target, &bytes, &mut trust.keys)?;
    if let Some(seen) = trust.seen_index().filter(|seen| comment.issue < seen.issue) {
        return Err(fetcher.behind(comment.issue, seen.issue));
    }
    let key = pointer.verify(&bytes, trust.keys.keys())?.clone();
    let index = Index::read(&target, &bytes, comment)?;
    let next = Next {
        issue: index.issue,
        hash: comment.hash,
        generated: index.generated,
        expires: index.expires,
    };
    in_line(
        fetcher,
        &target,
        trust.seen_index().map(SeenIndex::last),
        next,
        now,
    )?;
    announce(trust, index.next_key.as_ref(), &key, index.generated, now);
    Ok(Look::New(Box::new(Checked {
        document: index,
        key,
        hash: comment.hash,
    })))
}

/// Fetches a pointer and looks at it. One that is past its time may come from a cache on the way,
/// so it is asked for once more, past all caches.
fn with_fresh_pointer<T>(
    fetcher: Fetcher<'_>,
    path: &FeedPath,
    mut look: impl FnMut(&Pointer) -> Result<Look<T>, Error>,
) -> Result<Look<T>, Error> {
    let pointer = fetcher.pointer(path)?;
    match look(&pointer) {
        Err(Error::ExpiredPointer { .. }) if fetcher.source.has_caches() => {
            let fresh = fetcher.fresh_pointer(path)?;
            look(&fresh)
        }
        looked => looked,
    }
}

/// Compares the bytes with the hash in the comment, and obeys a statement of the offline key in
/// them: it is signed by itself, whoever signed the rest.
fn obey(pointer: &Pointer, path: &FeedPath, bytes: &[u8], keys: &mut KeySet) -> Result<(), Error> {
    if FileHash::of(bytes) != pointer.comment().hash {
        let what = "hash";
        let path = path.to_string();
        return Err(Error::Hash { path, what });
    }
    if let Some(statement) = statement_of(bytes) {
        keys.obey(&statement);
    }
    Ok(())
}

fn announce(
    trust: &mut Trust,
    next: Option<&PublicKey>,
    signer: &PublicKey,
    generated: u64,
    now: u64,
) {
    let said = Announcement {
        next,
        signer,
        generated,
    };
    trust.keys.announce(said, now);
}

/// Issue, bounds, expiry and clock.
fn in_line(
    fetcher: Fetcher<'_>,
    path: &FeedPath,
    last: Option<Last>,
    next: Next,
    now: u64,
) -> Result<(), Error> {
    if let Some(last) = last {
        if next.issue < last.issue {
            return Err(fetcher.behind(next.issue, last.issue));
        }
        if next.issue == last.issue && next.hash != last.hash {
            return Err(Error::Equivocation {
                path: path.to_string(),
                what: "issue",
                number: next.issue,
            });
        }
        clock(path, last.generated, now)?;
    }
    clock(path, next.generated, now)?;
    let out_of_bounds = |what, found, limit| Error::OutOfBounds {
        path: path.to_string(),
        what,
        found,
        limit,
    };
    let highest = last.map_or(0, |last| last.issue).max(now / 60);
    let limit = highest.saturating_add(ISSUE_AHEAD);
    if next.issue > limit {
        return Err(out_of_bounds("issue", next.issue, limit));
    }
    let limit = next.generated.saturating_add(HOLDS_AT_MOST);
    if next.expires > limit {
        return Err(out_of_bounds("expiry", next.expires, limit));
    }
    expiry(path, next.expires, now)
}

/// Within a session no serial goes back, none has two contents, no delta is made anew. Another
/// session may not bring content that is older than what was seen.
fn content_in_line(
    fetcher: Fetcher<'_>,
    path: &FeedPath,
    seen: &Seen,
    manifest: &Manifest,
    now: u64,
) -> Result<(), Error> {
    if manifest.session != seen.session {
        // A time that nobody can have made content at is no floor.
        let known = seen.created;
        let sane = known <= now.saturating_add(CLOCK_AHEAD);
        return match sane && manifest.created < known {
            true => Err(Error::OlderContent {
                source_name: fetcher.source.name(),
                path: path.to_string(),
                found: manifest.created,
                known,
            }),
            false => Ok(()),
        };
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
    let made_anew = |delta: &&DeltaFile| {
        let same = seen
            .deltas
            .iter()
            .find(|known| (known.from, known.to) == (delta.from, delta.to));
        same.is_some_and(|known| known.hash != delta.hash)
    };
    let mut deltas = manifest.deltas.iter().chain(&manifest.merged);
    match deltas.find(made_anew) {
        Some(delta) => Err(equivocation(delta.to)),
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

fn wrong_zone(path: &FeedPath, expected: &str, found: &str) -> Error {
    Error::WrongZone {
        path: path.to_string(),
        expected: expected.to_owned(),
        found: found.to_owned(),
    }
}

impl Seen {
    fn last(&self) -> Last {
        Last {
            issue: self.issue,
            hash: self.hash,
            generated: self.generated,
        }
    }
}

impl SeenIndex {
    fn last(&self) -> Last {
        Last {
            issue: self.issue,
            hash: self.hash,
            generated: self.generated,
        }
    }
}
