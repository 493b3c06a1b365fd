//! The files of a chain: which they are, whether they are those that were published, and what comes
//! of them.

use rblmap::Image;
use rblmap_content::ZoneName;
use rblmap_delta::Limits;
use rblmap_image::Put;

use crate::chain::Chain;
use crate::delta_file::DeltaFile;
use crate::digest::FileHash;
use crate::disk::{Dir, NewFile};
use crate::error::{Error, writing};
use crate::folder::map_image;
use crate::manifest::{Manifest, Snapshot};
use crate::path::FeedPath;
use crate::transport::{Want, WantKind};

/// From where a chain may begin, and over which files it does not lead.
#[derive(Debug)]
pub(super) struct Ways<'a> {
    /// The image that runs, as long as deltas are tried from it.
    pub(super) base: Option<&'a Image>,
    /// The snapshot, as long as it is not known to be missing or damaged.
    pub(super) snapshot: Option<Snapshot>,
    /// Deltas that are missing or damaged.
    pub(super) avoided: Vec<DeltaFile>,
}

impl<'a> Ways<'a> {
    pub(super) fn new(base: Option<&'a Image>, manifest: &Manifest) -> Ways<'a> {
        Ways {
            base,
            snapshot: Some(manifest.snapshot),
            avoided: Vec::new(),
        }
    }

    /// Leaves out what made a chain fail; whether that leaves another chain to try.
    pub(super) fn without(&mut self, zone: &ZoneName, chain: &Chain, error: &Error) -> bool {
        // The delta is as it was published, and the image is not what it is for: it is damaged, or of
        // another session, and the zone was given up when this one began.
        if chain.snapshot.is_none() && is_for_another_base(error) {
            return self.base.take().is_some();
        }
        let file = error.file_of_feed();
        let is_it = |path: FeedPath| file == Some(path.as_str());
        if chain
            .snapshot
            .is_some_and(|snapshot| is_it(snapshot.path(zone)))
        {
            self.snapshot = None;
            return true;
        }
        if let Some(delta) = chain.deltas.iter().find(|delta| is_it(delta.path(zone))) {
            self.avoided.push(*delta);
            return true;
        }
        // Each file is as it was published, and they lead elsewhere.
        self.base.take().is_some() && chain.snapshot.is_none()
    }
}

fn is_for_another_base(error: &Error) -> bool {
    let Error::Delta { source, .. } = error else {
        return false;
    };
    matches!(
        source,
        rblmap_delta::Error::Base { .. } | rblmap_delta::Error::OldImage(_)
    )
}

/// The files of a chain, in its order.
pub(super) fn wants(zone: &ZoneName, chain: &Chain) -> Vec<(Want, FileHash)> {
    let snapshot = chain
        .snapshot
        .iter()
        .map(|snapshot| (want(snapshot.path(zone), snapshot.bytes), snapshot.hash));
    let deltas = chain
        .deltas
        .iter()
        .map(|delta| (want(delta.path(zone), delta.bytes), delta.hash));
    snapshot.chain(deltas).collect()
}

fn want(path: FeedPath, limit: u64) -> Want {
    let kind = WantKind::Fixed;
    Want { path, limit, kind }
}

/// An image that is written and mapped, and not in its place yet.
pub(super) struct Unplaced<'d> {
    pub(super) image: Image,
    pub(super) file: NewFile<'d>,
}

/// Snapshot and deltas to an image, in the spool of the run: no other run removes it there.
pub(super) fn unfold<'d>(
    spool: &'d Dir,
    limits: &Limits,
    zone: &ZoneName,
    running: Option<&Image>,
    chain: &Chain,
    files: &[Vec<u8>],
    wants: &[(Want, FileHash)],
) -> Result<Unplaced<'d>, Error> {
    let mut paths = wants.iter().map(|(want, _)| &want.path);
    let unpacked;
    let (base, deltas) = match (chain.snapshot, running, files.split_first()) {
        (Some(_), _, Some((snapshot, deltas))) => {
            let path = paths.next().map_or(String::new(), FeedPath::to_string);
            let failed = |source| Error::Delta { path, source };
            let make = |put: &Put<'_>| rblmap_delta::unpack_to(snapshot, limits, put);
            let image = write(spool, zone, make, failed)?;
            if deltas.is_empty() {
                return Ok(image);
            }
            unpacked = image;
            (&unpacked.image, deltas)
        }
        (None, Some(image), _) => (image, files),
        _ => return Err(result(zone, &"nothing to begin from")),
    };
    let deltas: Vec<&[u8]> = deltas.iter().map(Vec::as_slice).collect();
    let make = |put: &Put<'_>| rblmap_delta::apply_to(base, &deltas, limits, put);
    let failed = |error| Error::of_deltas(error, paths);
    write(spool, zone, make, failed)
}

/// Writes what comes of files of the feed: no image is held in memory. `failed` says which of them
/// cannot be used.
fn write<'d>(
    spool: &'d Dir,
    zone: &ZoneName,
    make: impl FnOnce(&Put<'_>) -> Result<(), rblmap_delta::Error>,
    failed: impl FnOnce(rblmap_delta::Error) -> Error,
) -> Result<Unplaced<'d>, Error> {
    let file = spool.new_file()?;
    make(&|offset, part| file.put(offset, part)).map_err(|error| match error {
        rblmap_delta::Error::Image(rblmap_image::Error::Write(source)) => {
            writing(file.path())(source)
        }
        error => failed(error),
    })?;
    let image = map_image(&file.path()).map_err(|error| result(zone, &error))?;
    Ok(Unplaced { image, file })
}

/// The bytes have the length and the hash that were published.
pub(super) fn same_bytes(
    path: &FeedPath,
    bytes: &[u8],
    len: u64,
    hash: FileHash,
) -> Result<(), Error> {
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

/// Not what the manifest says.
pub(super) fn result(zone: &ZoneName, what: &dyn std::fmt::Display) -> Error {
    Error::Result {
        zone: zone.clone(),
        what: what.to_string(),
    }
}
