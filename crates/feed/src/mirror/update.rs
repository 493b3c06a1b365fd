//! From a checked manifest to a checked image.

use rblmap::Image;
use rblmap_content::{ContentId, ZoneName};
use rblmap_delta::Limits;

use crate::chain::{self, Chain};
use crate::check::{self, Checked, Look};
use crate::counts::Counts;
use crate::delta_file::DeltaFile;
use crate::digest::FileHash;
use crate::error::{Class, Error};
use crate::fetcher::Fetcher;
use crate::guard::{self, Before, Measured};
use crate::manifest::{DeltaIndex, INDEX_LIMIT, Manifest, Retired};
use crate::path::FeedPath;
use crate::state::{RefusedUpdate, Seen, State};
use crate::status_page;
use crate::transport::{Want, WantKind};
use crate::trust::Trust;

use super::audit::{content_of, false_content, hash_of};
use super::install::{self, Settled};
use super::running::running;
use super::unfold::{Unplaced, Ways, result, same_bytes, unfold, wants};
use super::{Outcome, Run, Update, events};

/// Room that is left beside what an update needs, bytes.
const MARGIN: u64 = 64 << 10;
/// So many ways are tried at most.
const WAYS: usize = 6;

/// Tries to bring a zone up to date from one source. The state changes on success, or where a
/// guard refused.
pub(super) fn attempt(
    run: &Run<'_>,
    fetcher: Fetcher<'_>,
    zone: &ZoneName,
    trust: &mut Trust,
    state: &mut State,
    trouble: &mut Vec<Error>,
) -> Result<Outcome, Error> {
    let running = running(run, zone, state, trouble)?;
    let look = check::zone(fetcher, zone, trust, state, run.now)?;
    let checked = match look {
        Look::Same => match settled(run, zone, state, running.as_ref())? {
            Some(outcome) => return Ok(outcome),
            // The same manifest, but its image is not there: as if it were new.
            None => {
                let anew = State {
                    seen: None,
                    ..state.clone()
                };
                match check::zone(fetcher, zone, trust, &anew, run.now)? {
                    Look::New(checked) => checked,
                    Look::Same => return Err(no_manifest(zone)),
                }
            }
        },
        Look::New(checked) => checked,
    };
    let follow = Follow {
        run,
        fetcher,
        zone,
        trust,
        running: running.as_ref(),
        checked: &checked,
    };
    follow.follow(state, trouble)
}

fn no_manifest(zone: &ZoneName) -> Error {
    Error::NotPossible {
        zone: zone.clone(),
        what: "no manifest to follow".to_owned(),
    }
}

/// What to say if the manifest is the one that was followed before; none if its image is missing.
fn settled(
    run: &Run<'_>,
    zone: &ZoneName,
    state: &mut State,
    running: Option<&Image>,
) -> Result<Option<Outcome>, Error> {
    let Some(seen) = &state.seen else {
        return Ok(None);
    };
    let outcome = match (running, &seen.retired, &state.held) {
        (_, Some(retired), _) => Outcome::Retired {
            url: retired.url.clone(),
        },
        (Some(image), _, Some(_)) if state.accepted.is_none() => Outcome::Held {
            serial: image.serial(),
            waiting: seen.serial,
        },
        (Some(image), _, _) if is_content(image, seen) => Outcome::Current {
            serial: image.serial(),
        },
        _ => return Ok(None),
    };
    install::mark(run, zone, state, running)?;
    Ok(Some(outcome))
}

fn is_content(image: &Image, seen: &Seen) -> bool {
    (image.content_id(), image.serial()) == (*seen.content.0.as_bytes(), seen.serial)
}

/// A checked manifest that is followed.
struct Follow<'a> {
    run: &'a Run<'a>,
    fetcher: Fetcher<'a>,
    zone: &'a ZoneName,
    trust: &'a Trust,
    running: Option<&'a Image>,
    checked: &'a Checked<Manifest>,
}

impl Follow<'_> {
    fn follow(&self, state: &mut State, trouble: &mut Vec<Error>) -> Result<Outcome, Error> {
        let manifest = &self.checked.document;
        self.floor(state)?;
        let updated = state
            .seen
            .as_ref()
            .map_or(self.run.now, |seen| seen.updated);
        let seen = self.checked.seen(updated);
        if let Some(outcome) = self.without_a_swap(state, &seen)? {
            let recovered = state.seen.as_ref().is_some_and(|before| {
                before.content != seen.content && matches!(outcome, Outcome::Current { .. })
            });
            let mut next = state.clone();
            next.seen = Some(seen);
            if !matches!(outcome, Outcome::Held { .. }) {
                next.refused = None;
                next.accepted = None;
            }
            let settled = Settled {
                running: self.running,
                swapped: recovered,
            };
            self.measure(&mut next)?;
            install::settle(self.run, self.zone, &mut next, settled)?;
            *state = next;
            return Ok(outcome);
        }
        let before = state.seen.as_ref();
        let same_session = before.is_none_or(|seen| seen.session == manifest.session);
        let mut next = state.clone();
        let base = self.running.filter(|_| same_session);
        let (new, chain) = self.fetch(base, &mut next, trouble)?;
        let size = self.guard(state, &new.image)?;
        let update = update(self.run, self.fetcher, manifest, &chain, self.running);
        next.event = Some(events::updated(&update, &manifest.content.0.short()));
        next.seen = Some(Seen {
            updated: self.run.now,
            ..seen
        });
        if state.accepted.is_some() {
            // A person said that this is the size to go on from.
            next.sizes.clear();
        }
        guard::remember(&mut next.sizes, size);
        next.refused = None;
        next.accepted = None;
        next.held = None;
        next.totals.updates += 1;
        let (run, zone, old) = (self.run, self.zone, self.running);
        install::install(run, zone, &mut next, old, new, &update)?;
        *state = next;
        Ok(Outcome::Updated(update))
    }

    /// What there is to say where no image is fetched; none where one is.
    fn without_a_swap(&self, state: &mut State, seen: &Seen) -> Result<Option<Outcome>, Error> {
        let manifest = &self.checked.document;
        if let Some(retired) = &manifest.retired {
            self.may_retire(state, retired)?;
            let url = retired.url.clone();
            return Ok(Some(Outcome::Retired { url }));
        }
        if let Some(image) = self.running.filter(|image| is_content(image, seen)) {
            let serial = image.serial();
            return Ok(Some(Outcome::Current { serial }));
        }
        if let (Some(image), Some(_), None) = (self.running, &state.held, &state.accepted) {
            return Ok(Some(Outcome::Held {
                serial: image.serial(),
                waiting: manifest.serial,
            }));
        }
        Ok(None)
    }

    /// A zone that answers is given up by the word of the offline key, or by that of a person here:
    /// else a thief of the online key could empty the list everywhere.
    fn may_retire(&self, state: &mut State, retired: &Retired) -> Result<(), Error> {
        let manifest = &self.checked.document;
        let id = retirement_id(self.zone, retired);
        let before = state.seen.as_ref().and_then(|seen| seen.retired.as_ref());
        let accepted = state
            .accepted
            .as_ref()
            .is_some_and(|update| update.id == id);
        let keys = &self.trust.keys;
        let by_offline_key =
            keys.is_offline(&self.checked.key) || keys.says_retired(&manifest.zone);
        if self.running.is_none() || before.is_some() || accepted || by_offline_key {
            return Ok(());
        }
        let refused = RefusedUpdate {
            at: self.run.now,
            id: id.clone(),
            image: None,
            serial: manifest.serial,
            why: format!("given up by its publisher, see {}", retired.url),
        };
        remember_refusal(state, refused);
        Err(Error::RetirementRefused {
            zone: self.zone.clone(),
            url: retired.url.clone(),
            id: id.get(..12).unwrap_or_default().to_owned(),
        })
    }

    /// The size of the image that runs, where it was never measured.
    fn measure(&self, next: &mut State) -> Result<(), Error> {
        if let Some(image) = self.running.filter(|_| next.sizes.is_empty()) {
            let size = Measured::of(image, self.run.now);
            next.sizes
                .push(size.map_err(|error| result(self.zone, &error))?);
        }
        Ok(())
    }

    /// Without a memory, the running image is the floor; but not where the memory is of a key that
    /// the offline key removed.
    fn floor(&self, state: &State) -> Result<(), Error> {
        let manifest = &self.checked.document;
        let Some(image) = self.running.filter(|_| state.seen.is_none()) else {
            return Ok(());
        };
        if manifest.created < image.created() && manifest.serial < image.serial() {
            return Err(Error::SerialBack {
                path: FeedPath::pointer(self.zone).to_string(),
                found: manifest.serial,
                known: image.serial(),
            });
        }
        Ok(())
    }

    /// Fetches what the cheapest chain needs and makes the image. A file that is missing or damaged
    /// is done without, as long as another way leads there; deltas that lead elsewhere are given up
    /// for the snapshot.
    fn fetch(
        &self,
        base: Option<&Image>,
        next: &mut State,
        trouble: &mut Vec<Error>,
    ) -> Result<(Unplaced<'_>, Chain), Error> {
        let mut ways = Ways::new(base, &self.checked.document);
        let mut failed = None;
        for _ in 0..WAYS {
            let chain = match self.plan(&ways) {
                Ok(chain) => chain,
                Err(error) => return Err(failed.unwrap_or(error)),
            };
            let error = match self.make(ways.base, &chain) {
                Ok(made) => {
                    let snapshot = chain.snapshot.map_or(0, |snapshot| snapshot.bytes);
                    next.totals.snapshot_bytes += snapshot;
                    next.totals.delta_bytes += chain.bytes() - snapshot;
                    trouble.extend(failed);
                    return Ok((made, chain));
                }
                Err(error) => error,
            };
            if !may_be_mended(&error) || !ways.without(self.zone, &chain, &error) {
                trouble.extend(failed);
                return Err(error);
            }
            next.totals.fallbacks += 1;
            trouble.extend(failed.replace(error));
        }
        Err(failed.unwrap_or_else(|| no_manifest(self.zone)))
    }

    /// The cheapest chain; older deltas are looked up only where those in the manifest do not
    /// suffice.
    fn plan(&self, ways: &Ways<'_>) -> Result<Chain, Error> {
        let manifest = &self.checked.document;
        let (from, to, snapshot) = (ways.base.map(Image::serial), manifest.serial, ways.snapshot);
        let mut deltas: Vec<DeltaFile> = [&manifest.deltas[..], &manifest.merged[..]].concat();
        deltas.retain(|delta| !ways.avoided.contains(delta));
        let near = chain::plan(from, to, snapshot, &deltas);
        if let Some(chain) = near.as_ref().filter(|chain| chain.snapshot.is_none()) {
            return Ok(chain.clone());
        }
        let useful = from.unwrap_or(manifest.snapshot.serial).min(to);
        if let Some(file) = manifest.delta_index.filter(|file| {
            file.from <= useful || (near.is_none() && file.from <= manifest.snapshot.serial)
        }) {
            let path = file.path(&manifest.zone.0);
            let bytes = self.fetcher.get(&path, file.bytes.min(INDEX_LIMIT));
            let more = bytes.and_then(|bytes| {
                same_bytes(&path, &bytes, file.bytes, file.hash)?;
                DeltaIndex::read(&path, &bytes, manifest)
            });
            match (more, &near) {
                (Ok(index), _) => {
                    let known = index.deltas.into_iter();
                    deltas.extend(known.filter(|delta| !ways.avoided.contains(delta)));
                }
                // There is a way without it.
                (Err(error), Some(_)) if may_be_mended(&error) => {}
                (Err(error), _) => return Err(error),
            }
        }
        chain::plan(from, to, snapshot, &deltas).ok_or_else(|| Error::Manifest {
            path: FeedPath::pointer(&manifest.zone.0).to_string(),
            what: "no way from the snapshot to the serial".to_owned(),
        })
    }

    fn make(&self, base: Option<&Image>, chain: &Chain) -> Result<Unplaced<'_>, Error> {
        let manifest = &self.checked.document;
        let zone = self.zone;
        room(self.run, chain, manifest)?;
        let wants = wants(zone, chain);
        let plain: Vec<Want> = wants.iter().map(|(want, _)| want.clone()).collect();
        let remarks = self.fetcher.fetch(&plain)?;
        let mut files = Vec::new();
        for (want, hash) in &wants {
            let taken = self.fetcher.take(want, &remarks);
            let whole = taken.and_then(|bytes| {
                same_bytes(&want.path, &bytes, want.limit, *hash)?;
                Ok(bytes)
            });
            files.push(match whole {
                // It may have begun with what another run had of it.
                Err(Error::Hash { .. }) => self.anew(want, *hash)?,
                whole => whole?,
            });
        }
        let limits = self.limits(base);
        let made = unfold(
            self.fetcher.spool,
            &limits,
            zone,
            base,
            chain,
            &files,
            &wants,
        )?;
        check_result(manifest, &made.image)?;
        Ok(made)
    }

    /// Fetches a file once more, from its beginning.
    fn anew(&self, want: &Want, hash: FileHash) -> Result<Vec<u8>, Error> {
        let want = Want {
            kind: WantKind::Anew,
            ..want.clone()
        };
        let remarks = self.fetcher.fetch(std::slice::from_ref(&want))?;
        let bytes = self.fetcher.take(&want, &remarks)?;
        same_bytes(&want.path, &bytes, want.limit, hash)?;
        Ok(bytes)
    }

    /// What unpacking may take: what the manifest says that comes of it, with room.
    fn limits(&self, base: Option<&Image>) -> Limits {
        let old = base.map_or(0, |image| image.as_bytes().len() as u64);
        let most = Limits::for_image(self.checked.document.counts.image.max(old));
        let given = self.run.settings.limits;
        Limits {
            payload: given.payload.min(most.payload),
            entries: given.entries.min(most.entries),
            zones: given.zones.min(most.zones),
        }
    }

    /// What the guards say; the size of the new image. A content that was accepted passes as a
    /// whole, and only if it is what it calls itself.
    fn guard(&self, state: &mut State, image: &Image) -> Result<Measured, Error> {
        let (run, zone) = (self.run, self.zone);
        let hash = hash_of(image);
        let claimed = ContentId::from_bytes(image.content_id());
        if state.false_root.as_ref() == Some(&hash) {
            return Err(result(zone, &"the content is not what it calls itself"));
        }
        let page = status_page::read(run.dir, &crate::folder::status_name(zone))?;
        let before = Before {
            image: self.running,
            size: self.size_before(state)?,
            checked: page.map_or(0, |page| page.checked),
        };
        let checked = run.settings.guards.check(before, image, run.now);
        let (refusal, size) = checked.map_err(|error| result(zone, &error))?;
        let Some(refusal) = refusal else {
            return Ok(size);
        };
        let found = content_of(image).map_err(|error| result(zone, &error))?;
        if found != claimed {
            return Err(false_content(zone, &found, &claimed));
        }
        let id = claimed.to_string();
        let accepted = state.accepted.as_ref();
        if accepted.is_some_and(|update| update.id == id && update.image.as_ref() == Some(&hash)) {
            return Ok(size);
        }
        let refused = RefusedUpdate {
            at: run.now,
            id,
            image: Some(hash),
            serial: image.serial(),
            why: refusal.to_string(),
        };
        remember_refusal(state, refused);
        Err(Error::Refused {
            zone: zone.clone(),
            refusal: Box::new(refusal),
            id: claimed.short(),
        })
    }

    /// What the zone listed a day ago; what it lists, where that is not remembered.
    fn size_before(&self, state: &State) -> Result<Option<Measured>, Error> {
        let known = guard::a_day_ago(&state.sizes, self.run.now);
        match (known, self.running) {
            (None, Some(image)) => {
                let size = Measured::of(image, self.run.now);
                size.map(Some).map_err(|error| result(self.zone, &error))
            }
            (known, _) => Ok(known),
        }
    }
}

/// Whether another way may do: files are missing, damaged or lead elsewhere.
fn may_be_mended(error: &Error) -> bool {
    matches!(error, Error::NotAFeed { .. }) || error.class() == Class::Damaged
}

/// Counts a refusal once.
fn remember_refusal(state: &mut State, refused: RefusedUpdate) {
    let same = |known: &RefusedUpdate| (&known.id, &known.image) == (&refused.id, &refused.image);
    if !state.refused.as_ref().is_some_and(same) {
        state.totals.refusals += 1;
        state.refused = Some(refused);
    }
}

/// What `accept` names of the end of a zone.
fn retirement_id(zone: &ZoneName, retired: &Retired) -> String {
    let text = format!("rblmap retired {zone} {} {}", retired.at, retired.url);
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

fn update(
    run: &Run<'_>,
    fetcher: Fetcher<'_>,
    manifest: &Manifest,
    chain: &Chain,
    running: Option<&Image>,
) -> Update {
    let elapsed = run.started.elapsed().as_millis();
    Update {
        from: running.map(Image::serial),
        to: manifest.serial,
        source: fetcher.source.name(),
        snapshot: chain.snapshot.is_some(),
        deltas: chain.deltas.len(),
        bytes: chain.bytes(),
        counts: manifest.counts,
        milliseconds: u64::try_from(elapsed).unwrap_or(u64::MAX),
    }
}

/// The image is what the manifest says, to the count.
fn check_result(manifest: &Manifest, image: &Image) -> Result<(), Error> {
    let zone = &manifest.zone.0;
    let found = (
        image.name(),
        image.content_id(),
        image.serial(),
        image.created(),
    );
    let id = *manifest.content.0.as_bytes();
    if found != (zone.as_str(), id, manifest.serial, manifest.created) {
        return Err(result(
            zone,
            &"name, content id, serial or time of creation",
        ));
    }
    image.verify().map_err(|error| result(zone, &error))?;
    let counts = Counts::of(image).map_err(|error| result(zone, &error))?;
    // Another version of the image format may be of another length, with the same content.
    let expected = Counts {
        image: counts.image,
        ..manifest.counts
    };
    match counts == expected {
        true => Ok(()),
        false => Err(result(zone, &"counts")),
    }
}

/// Refuses early what would fill the disk: the files, the image, and the one before it.
fn room(run: &Run<'_>, chain: &Chain, manifest: &Manifest) -> Result<(), Error> {
    // Deltas from a snapshot lead from the image that is unpacked to another one.
    let images = match chain.snapshot.is_some() && !chain.deltas.is_empty() {
        true => 2,
        false => 1,
    };
    let needed = chain
        .bytes()
        .saturating_add(manifest.counts.image.saturating_mul(images))
        .saturating_add(MARGIN);
    let free = run.dir.free_space()?;
    if free >= needed {
        return Ok(());
    }
    Err(Error::Full {
        path: run.dir.path().to_owned(),
        needed,
        free,
    })
}
