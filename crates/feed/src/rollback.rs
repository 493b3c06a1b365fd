//! What people decide about a zone on their own machine: back to the image before, or on with an
//! update that a guard refused.

use std::time::Duration;

use rblmap::StatusPage;
use rblmap_content::{ContentId, ZoneName};

use crate::disk::{Dir, Hold, LOCK, Lock};
use crate::error::{Error, reading, writing};
use crate::folder::{Folder, image_name, map_image, previous_name, status_name};
use crate::ids::Id;
use crate::state::{Held, State};
use crate::status_page;

/// The fewest digits by which a refused update may be named.
const DIGITS: usize = 12;

/// A zone whose folder is locked.
struct Decided {
    dir: Dir,
    _lock: Lock,
    state: State,
}

/// Puts the image before in place of the one that runs, and holds it there: the mirror goes on
/// looking, but does not change it until it is released. Gives the serial of the image.
///
/// ```
/// # use rblmap_feed::{Folder, PublishOptions, Settings, SigningKey, Source};
/// # use rblmap_feed::{keygen, mirror, publish, read_public};
/// use std::time::Duration;
/// use rblmap_feed::{release, rollback};
/// # let dir = tempfile::tempdir()?;
/// # let dir = dir.path();
/// # let now = 1_790_000_000;
/// # let keys = keygen(&dir.join("ops"), None)?;
/// # let key = SigningKey::read(&keys.online, None)?;
/// # let folder = Folder::new(dir.join("mirror"));
/// # let settings = Settings::new(vec![Source::Local(dir.join("feed"))], read_public(&keys.public)?);
/// # let next = rblmap_image::decode(&rblmap::Image::read("testdata/three.rbl")?)?;
/// # let mut next = next.into_draft();
/// # next.zone_mut(&rblmap::NameKey::ROOT).v4.clear();
/// # let next = rblmap_image::encode(&next.finish()?, Default::default())?;
/// # std::fs::write(dir.join("next.rbl"), next)?;
/// # for (image, now) in [("testdata/three.rbl".into(), now), (dir.join("next.rbl"), now + 60)] {
/// #     publish(&dir.join("feed"), &[image], &key, &PublishOptions::default(), now)?;
/// #     mirror(&folder, &settings, now)?;
/// # }
/// let zone = "ops.example".parse()?;
/// assert_eq!(rollback(&folder, &zone, now + 120, Duration::ZERO)?, 1);
/// // The mirror leaves the image of serial 1 in place, until:
/// release(&folder, &zone, Duration::ZERO)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// No image before; a folder that cannot be written or is locked by another run.
pub fn rollback(folder: &Folder, zone: &ZoneName, now: u64, wait: Duration) -> Result<u64, Error> {
    let Decided {
        dir,
        _lock,
        mut state,
    } = open(folder, zone, wait)?;
    let running = map_image(&folder.image(zone))
        .ok()
        .map(|image| ContentId::from_bytes(image.content_id()));
    let path = folder.previous(zone);
    let before = map_image(&path).and_then(|image| image.verify().map(|()| image));
    let before = before.map_err(|error| {
        let (path, error) = (path.display(), error.without_path());
        not_possible(zone, format!("no image before: {path}: {error}"))
    })?;
    if before.name() != zone.as_str() {
        let what = format!("the image before is of zone {}", before.name());
        return Err(not_possible(zone, what));
    }
    let seen = state.seen.as_ref().map(|seen| seen.content);
    let from = running.map(Id).or(seen);
    let from = from.ok_or_else(|| not_possible(zone, "no image runs".to_owned()))?;
    if from.0 == ContentId::from_bytes(before.content_id()) {
        return Err(not_possible(
            zone,
            "the image before is the one that runs".to_owned(),
        ));
    }
    state.held = Some(Held { since: now, from });
    state.accepted = None;
    state.whole = None;
    // Held before moved: killed in between, the newer image is held and the next try succeeds.
    state.write(&dir, zone)?;
    let (name, previous) = (image_name(zone), previous_name(zone));
    let moved = dir.rename(&previous, &dir, &name).and_then(|()| dir.sync());
    moved.map_err(writing(dir.path().join(name)))?;
    mark(&dir, zone, |page| {
        page.held = true;
        page.serial = before.serial();
        page.generation += 1;
    })?;
    Ok(before.serial())
}

/// Lets the mirror go on from the image that a rollback holds, with its next run.
///
/// See the example of [`rollback`].
///
/// # Errors
/// An image that is not held; a folder that cannot be written or is locked by another run.
pub fn release(folder: &Folder, zone: &ZoneName, wait: Duration) -> Result<(), Error> {
    let mut decided = open(folder, zone, wait)?;
    if decided.state.held.take().is_none() {
        return Err(not_possible(zone, "not held by a rollback".to_owned()));
    }
    decided.state.write(&decided.dir, zone)?;
    mark(&decided.dir, zone, |page| page.held = false)
}

/// Takes the update that a guard refused as it is, with the next run: this one as a whole, and no
/// other. `id` is the id that the refusal names, or at least its first 12 digits. Ends a hold, too.
///
/// ```
/// # use rblmap_feed::{Folder, PublishOptions, Settings, SigningKey, Source};
/// # use rblmap_feed::{keygen, publish, read_public};
/// use std::time::Duration;
/// use rblmap_feed::{Class, Error, Network, Outcome, Refusal, accept, mirror};
/// # let dir = tempfile::tempdir()?;
/// # let dir = dir.path();
/// # let now = 1_790_000_000;
/// # let keys = keygen(&dir.join("ops"), None)?;
/// # let key = SigningKey::read(&keys.online, None)?;
/// # publish(&dir.join("feed"), &["testdata/three.rbl".into()], &key, &PublishOptions::default(), now)?;
/// # let folder = Folder::new(dir.join("mirror"));
/// # let sources = vec![Source::Local(dir.join("feed"))];
/// let mut settings = Settings::new(sources, read_public(&keys.public)?);
/// settings.guards.never = vec![Network::parse("192.0.2.0/24").ok_or("a network")?];
/// let reports = mirror(&folder, &settings, now)?;
/// let error = reports[0].result.as_ref().unwrap_err();
/// assert_eq!(error.class(), Class::Guard);
/// let Error::Refused { zone, refusal, id } = error else { panic!("{error}") };
/// let Refusal::Never { range, .. } = &**refusal else { panic!("{refusal}") };
/// assert_eq!(range.0.to_string(), "192.0.2.1");
///
/// accept(&folder, zone, id, Duration::ZERO)?;
/// let reports = mirror(&folder, &settings, now + 60)?;
/// assert!(matches!(reports[0].result, Ok(Outcome::Updated(_))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// An id that is not that of the refused update; a folder that cannot be written or is locked by
/// another run.
pub fn accept(folder: &Folder, zone: &ZoneName, id: &str, wait: Duration) -> Result<(), Error> {
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if !(DIGITS..=64).contains(&id.len()) || !id.bytes().all(hex) {
        let what = format!("{id:?} is not {DIGITS} or more digits of a refused update's id");
        return Err(not_possible(zone, what));
    }
    let mut decided = open(folder, zone, wait)?;
    let refused = decided.state.refused.clone();
    let refused = refused.filter(|refused| refused.id.starts_with(id));
    let refused = refused.ok_or_else(|| {
        let what = match &decided.state.refused {
            Some(other) => format!(
                "the update that was refused is {}, not {id}",
                other.id.get(..DIGITS).unwrap_or_default()
            ),
            None => "no update was refused".to_owned(),
        };
        not_possible(zone, what)
    })?;
    decided.state.accepted = Some(refused);
    decided.state.write(&decided.dir, zone)
}

fn open(folder: &Folder, zone: &ZoneName, wait: Duration) -> Result<Decided, Error> {
    if !folder.path().is_dir() {
        let missing = std::io::ErrorKind::NotFound.into();
        return Err(reading(folder.path())(missing));
    }
    let dir = Dir::open(folder.path())?;
    let lock = dir.lock(LOCK, Hold::Alone, wait)?;
    let state = State::read(&dir, zone)?;
    let state = state.ok_or_else(|| not_possible(zone, "not mirrored here".to_owned()))?;
    Ok(Decided {
        dir,
        _lock: lock,
        state,
    })
}

fn mark(dir: &Dir, zone: &ZoneName, change: impl FnOnce(&mut StatusPage)) -> Result<(), Error> {
    let name = status_name(zone);
    let mut page = status_page::read(dir, &name)?.unwrap_or_default();
    change(&mut page);
    status_page::write(dir, &name, &page)
}

fn not_possible(zone: &ZoneName, what: String) -> Error {
    let zone = zone.clone();
    Error::NotPossible { zone, what }
}
