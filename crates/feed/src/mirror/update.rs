//! From a checked manifest to a checked image.

use rblmap::Image;
use rblmap_content::ZoneName;

use crate::check::{self, Checked, Fetcher, Look};
use crate::counts::Counts;
use crate::digest::FileHash;
use crate::error::Error;
use crate::folder::free_space;
use crate::manifest::{Edge, INDEX_LIMIT, Ladder, Manifest};
use crate::names::FeedPath;
use crate::route::{self, Route};
use crate::state::{RefusedUpdate, Seen, State};
use crate::transport::{Source, Want};

use super::install;
use super::{Outcome, Run, Update};

/// Room that is left beside what an update needs, bytes.
const MARGIN: u64 = 64 << 10;

/// Tries to bring a zone up to date from one source. The state changes on success, or where a
/// guard refused.
pub(super) fn attempt(
    run: &Run<'_>,
    source: &Source,
    zone: &ZoneName,
    state: &mut State,
    trouble: &mut Vec<Error>,
) -> Result<Outcome, Error> {
    let fetcher = run.fetcher(source);
    let running = install::running(run.folder, zone);
    let look = check::zone(fetcher, zone, state, run.now)?;
    let checked = match look {
        Look::Same => match settled(run, zone, state, running.as_ref())? {
            Some(outcome) => return Ok(outcome),
            // The same manifest, but its image is not there: as if it were new.
            None => {
                let anew = State {
                    seen: None,
                    ..state.clone()
                };
                match check::zone(fetcher, zone, &anew, run.now)? {
                    Look::New(checked) => checked,
                    Look::Same => return Err(no_image(zone)),
                }
            }
        },
        Look::New(checked) => checked,
    };
    follow(
        run,
        fetcher,
        zone,
        state,
        running.as_ref(),
        *checked,
        trouble,
    )
}

fn no_image(zone: &ZoneName) -> Error {
    Error::NotPossible {
        zone: zone.clone(),
        what: "no manifest to follow".to_owned(),
    }
}

/// What to say if the manifest is the one that was followed before; none if its image is missing.
fn settled(
    run: &Run<'_>,
    zone: &ZoneName,
    state: &State,
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
    install::mark(run, zone, state, running, false)?;
    Ok(Some(outcome))
}

fn is_content(image: &Image, seen: &Seen) -> bool {
    (image.content_id(), image.serial()) == (*seen.content.0.as_bytes(), seen.serial)
}

fn follow(
    run: &Run<'_>,
    fetcher: Fetcher<'_>,
    zone: &ZoneName,
    state: &mut State,
    running: Option<&Image>,
    checked: Checked<Manifest>,
    trouble: &mut Vec<Error>,
) -> Result<Outcome, Error> {
    let manifest = &checked.document;
    floor(zone, state, running, manifest)?;
    let same_epoch = state
        .seen
        .as_ref()
        .is_none_or(|seen| seen.epoch == manifest.epoch);
    let updated = state.seen.as_ref().map_or(run.now, |seen| seen.updated);
    let seen = checked.seen(updated);
    let mut next = State {
        keys: checked.keys.clone(),
        ..state.clone()
    };
    let id = manifest.content.0.to_string();
    let accepted = state
        .accepted
        .as_ref()
        .is_some_and(|accepted| id.starts_with(accepted));
    let outcome = if let Some(retired) = &manifest.retired {
        let url = retired.url.clone();
        Some(Outcome::Retired { url })
    } else if let Some(image) = running.filter(|image| is_content(image, &seen)) {
        next.refused = None;
        let serial = image.serial();
        Some(Outcome::Current { serial })
    } else if let (Some(image), Some(_), false) = (running, &state.held, accepted) {
        Some(Outcome::Held {
            serial: image.serial(),
            waiting: manifest.serial,
        })
    } else {
        None
    };
    if let Some(outcome) = outcome {
        let recovered = state.seen.as_ref().is_some_and(|before| {
            before.content != seen.content && matches!(outcome, Outcome::Current { .. })
        });
        next.seen = Some(seen);
        install::settle(run, zone, &next, running, recovered)?;
        *state = next;
        return Ok(outcome);
    }
    let base = running.filter(|_| same_epoch);
    let (image, route) = fetch(run, fetcher, manifest, base, &mut next, trouble)?;
    guard(run, zone, state, running, &image, accepted)?;
    next.seen = Some(Seen {
        updated: run.now,
        ..seen
    });
    next.refused = None;
    next.accepted = None;
    next.held = None;
    next.totals.updates += 1;
    let update = update(run, fetcher, manifest, &route, running);
    install::install(run, zone, &next, &image, &update)?;
    *state = next;
    Ok(Outcome::Updated(update))
}

fn update(
    run: &Run<'_>,
    fetcher: Fetcher<'_>,
    manifest: &Manifest,
    route: &Route,
    running: Option<&Image>,
) -> Update {
    let elapsed = run.started.elapsed().as_millis();
    Update {
        from: running.map(Image::serial),
        to: manifest.serial,
        source: fetcher.source.name(),
        snapshot: route.snapshot.is_some(),
        deltas: route.deltas.len(),
        bytes: route.bytes(),
        counts: manifest.counts,
        milliseconds: u64::try_from(elapsed).unwrap_or(u64::MAX),
    }
}

/// Without a memory, the running image is the floor.
fn floor(
    zone: &ZoneName,
    state: &State,
    running: Option<&Image>,
    manifest: &Manifest,
) -> Result<(), Error> {
    let Some(image) = running.filter(|_| state.seen.is_none()) else {
        return Ok(());
    };
    if manifest.created < image.created() && manifest.serial < image.serial() {
        return Err(Error::SerialBack {
            path: FeedPath::pointer(zone).to_string(),
            found: manifest.serial,
            known: image.serial(),
        });
    }
    Ok(())
}

/// Fetches what the cheapest route needs and makes the image; if deltas do not lead there, from
/// the snapshot.
fn fetch(
    run: &Run<'_>,
    fetcher: Fetcher<'_>,
    manifest: &Manifest,
    running: Option<&Image>,
    next: &mut State,
    trouble: &mut Vec<Error>,
) -> Result<(Image, Route), Error> {
    let route = plan(fetcher, manifest, running)?;
    let made = make(run, fetcher, manifest, running, &route);
    let (image, route) = match made {
        Err(error) if route.snapshot.is_none() && error.reason() == "damaged" => {
            next.totals.fallbacks += 1;
            trouble.push(error);
            let route = plan(fetcher, manifest, None)?;
            (make(run, fetcher, manifest, None, &route)?, route)
        }
        made => (made?, route),
    };
    let snapshot = route.snapshot.map_or(0, |snapshot| snapshot.bytes);
    next.totals.snapshot_bytes += snapshot;
    next.totals.delta_bytes += route.bytes() - snapshot;
    Ok((image, route))
}

/// The cheapest route; older deltas are looked up only where those in the manifest do not suffice.
fn plan(
    fetcher: Fetcher<'_>,
    manifest: &Manifest,
    running: Option<&Image>,
) -> Result<Route, Error> {
    let from = running.map(Image::serial);
    let mut edges: Vec<Edge> = [&manifest.steps[..], &manifest.squashes[..]].concat();
    let to = manifest.serial;
    let near = route::plan(from, to, manifest.snapshot, &edges);
    if let Some(route) = near.as_ref().filter(|route| route.snapshot.is_none()) {
        return Ok(route.clone());
    }
    let useful = from.unwrap_or(manifest.snapshot.serial).min(to);
    if let Some(file) = manifest.ladder.filter(|file| {
        file.from <= useful || (near.is_none() && file.from <= manifest.snapshot.serial)
    }) {
        let path = file.path(&manifest.zone.0);
        let bytes = fetcher.get(&path, file.bytes.min(INDEX_LIMIT))?;
        same_bytes(&path, &bytes, file.bytes, file.hash)?;
        edges.extend(Ladder::read(&path, &bytes, manifest)?.edges);
    }
    route::plan(from, to, manifest.snapshot, &edges).ok_or_else(|| Error::Manifest {
        path: FeedPath::pointer(&manifest.zone.0).to_string(),
        what: "no way from the snapshot to the serial".to_owned(),
    })
}

fn make(
    run: &Run<'_>,
    fetcher: Fetcher<'_>,
    manifest: &Manifest,
    running: Option<&Image>,
    route: &Route,
) -> Result<Image, Error> {
    let zone = &manifest.zone.0;
    room(run, route.bytes(), manifest)?;
    let wants = wants(zone, route);
    let plain: Vec<Want> = wants.iter().map(|(want, _)| want.clone()).collect();
    fetcher
        .source
        .fetch(&plain, fetcher.spool, fetcher.options)?;
    let mut files = Vec::new();
    for (want, hash) in &wants {
        let bytes = fetcher.source.take(want, fetcher.spool)?;
        same_bytes(&want.path, &bytes, want.limit, *hash).inspect_err(|_| {
            // A partial file that went wrong must not be gone on with.
            let _ = std::fs::remove_file(crate::transport::in_spool(fetcher.spool, &want.path));
        })?;
        files.push(bytes);
    }
    let bytes = unfold(run, zone, running, route, &files, &wants)?;
    let image = Image::from_vec(bytes).map_err(|error| result(zone, &error))?;
    check_result(manifest, &image)?;
    Ok(image)
}

/// The files of a route, in its order.
fn wants(zone: &ZoneName, route: &Route) -> Vec<(Want, FileHash)> {
    let snapshot = route
        .snapshot
        .iter()
        .map(|snapshot| (want(snapshot.path(zone), snapshot.bytes), snapshot.hash));
    let deltas = route
        .deltas
        .iter()
        .map(|edge| (want(edge.path(zone), edge.bytes), edge.hash));
    snapshot.chain(deltas).collect()
}

fn want(path: FeedPath, limit: u64) -> Want {
    let changes = false;
    Want {
        path,
        limit,
        changes,
    }
}

/// Snapshot and deltas to the bytes of an image.
fn unfold(
    run: &Run<'_>,
    zone: &ZoneName,
    running: Option<&Image>,
    route: &Route,
    files: &[Vec<u8>],
    wants: &[(Want, FileHash)],
) -> Result<Vec<u8>, Error> {
    let limits = &run.settings.limits;
    let named = |index: usize| {
        wants
            .get(index)
            .map_or(String::new(), |(w, _)| w.path.to_string())
    };
    let unpacked;
    let (base, deltas) = match (route.snapshot, running, files.split_first()) {
        (Some(_), _, Some((snapshot, deltas))) => {
            let bytes = rblmap_delta::unpack(snapshot, limits);
            let bytes = bytes.map_err(|source| Error::Delta {
                path: named(0),
                source,
            })?;
            if deltas.is_empty() {
                return Ok(bytes);
            }
            unpacked = Image::from_vec(bytes).map_err(|error| result(zone, &error))?;
            (&unpacked, deltas)
        }
        (None, Some(image), _) => (image, files),
        _ => return Err(result(zone, &"nothing to begin from")),
    };
    let deltas: Vec<&[u8]> = deltas.iter().map(Vec::as_slice).collect();
    rblmap_delta::apply(base, &deltas, limits).map_err(|source| Error::Delta {
        path: named(wants.len().saturating_sub(1)),
        source,
    })
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

fn same_bytes(path: &FeedPath, bytes: &[u8], len: u64, hash: FileHash) -> Result<(), Error> {
    let what = if bytes.len() as u64 != len {
        "length"
    } else if FileHash::of(bytes) != hash {
        "hash"
    } else {
        return Ok(());
    };
    let path = path.to_string();
    Err(Error::Hash { path, what })
}

/// Refuses early what would fill the disk: the files, the image, and the one before it.
fn room(run: &Run<'_>, files: u64, manifest: &Manifest) -> Result<(), Error> {
    let needed = files
        .saturating_add(manifest.counts.image)
        .saturating_add(MARGIN);
    let free = free_space(run.folder.path())?;
    if free >= needed {
        return Ok(());
    }
    Err(Error::Full {
        path: run.folder.path().to_owned(),
        needed,
        free,
    })
}

fn guard(
    run: &Run<'_>,
    zone: &ZoneName,
    state: &mut State,
    running: Option<&Image>,
    image: &Image,
    accepted: bool,
) -> Result<(), Error> {
    if accepted {
        return Ok(());
    }
    let updated = state.seen.as_ref().map_or(run.now, |seen| seen.updated);
    let elapsed = run.now.saturating_sub(updated);
    let refusal = run.settings.guards.check(running, image, elapsed);
    let Some(refusal) = refusal.map_err(|error| result(zone, &error))? else {
        return Ok(());
    };
    let content = rblmap_content::ContentId::from_bytes(image.content_id());
    let known = state
        .refused
        .as_ref()
        .is_some_and(|refused| refused.content.0 == content);
    if !known {
        state.totals.refusals += 1;
        state.refused = Some(RefusedUpdate {
            at: run.now,
            content: crate::manifest::Id(content),
            why: refusal.to_string(),
        });
    }
    Err(Error::Refused {
        zone: zone.clone(),
        refusal: Box::new(refusal),
        id: content.short(),
    })
}

fn result(zone: &ZoneName, what: &dyn std::fmt::Display) -> Error {
    Error::Result {
        zone: zone.clone(),
        what: what.to_string(),
    }
}
