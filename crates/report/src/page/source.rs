//! The images of a feed or of a mirror's folder.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use rblmap::Image;

use super::config::{ImageForm, ZoneConfig};
use super::error::Error;
use super::since;

/// Whose page it is: that decides how it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Of an operator: the source is a feed.
    Operator,
    /// Of a provider who uses lists: the source is a mirror's folder.
    Provider,
}

/// What the page knows of a zone beside its configuration.
#[derive(Debug)]
pub(super) struct Zone<'c> {
    pub(super) config: &'c ZoneConfig,
    pub(super) serial: u64,
    /// Seconds since 1970; 0 if it is not known.
    pub(super) created: u64,
    pub(super) counts: Counts,
    pub(super) retired: bool,
    /// The file that the browser loads, if any.
    pub(super) image: Option<Vec<u8>>,
    /// The file that says since when, if there is a history.
    pub(super) since: Option<Vec<u8>>,
}

/// How much a zone lists, subzones aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts {
    /// IPv4 addresses.
    pub(super) v4: u64,
    /// Runs of IPv6 addresses.
    pub(super) v6: usize,
    /// Names.
    pub(super) names: usize,
}

/// A publisher's feed has a signed index; a mirror's folder has none.
pub(super) fn kind(source: &Path) -> Kind {
    if source.join("index.minisig").exists() {
        Kind::Operator
    } else {
        Kind::Provider
    }
}

/// Reads the newest image of a zone.
pub(super) fn zone<'c>(source: &Path, config: &'c ZoneConfig) -> Result<Zone<'c>, Error> {
    let name = config.name.get_ref();
    let (path, image) = newest(source, name)?;
    let base = image.base();
    let counts = Counts {
        v4: base
            .v4_runs()
            .map(|run| u64::from(run.end - run.start) + 1)
            .sum(),
        v6: base.v6_runs().count(),
        names: base.name_count(),
    };
    let (whole, since) = match config.image {
        ImageForm::None => (None, None),
        ImageForm::Whole | ImageForm::Snapshot => {
            let since = since::of(source, name, &image)?;
            let whole = fs::read(&path).map_err(|cause| Error::Reading { path, cause })?;
            (Some(whole), since)
        }
    };
    let packed = |bytes: Vec<u8>| match config.image {
        ImageForm::Snapshot => gzip(&bytes),
        ImageForm::Whole | ImageForm::None => bytes,
    };
    Ok(Zone {
        config,
        serial: image.serial(),
        created: image.created(),
        counts,
        retired: is_retired(source, name)?,
        image: whole.map(packed),
        since: since.map(packed),
    })
}

/// Without a name or time in its header, so that equal bytes are packed alike.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let packed = packer.write_all(bytes).and_then(|()| packer.finish());
    packed.expect("writing into memory does not fail")
}

/// The newest image of the zone: a mirror keeps it as `ZONE.rbl`, a publisher beside the feed's
/// other files, if it is published, and in `.state/ZONE/` in any case.
fn newest(source: &Path, zone: &str) -> Result<(PathBuf, Image), Error> {
    let file = format!("{zone}.rbl");
    let mut paths = vec![source.join(&file), source.join(zone).join(&file)];
    paths.extend(listed(&source.join(".state").join(zone))?);
    let mut newest: Option<(PathBuf, Image)> = None;
    for path in paths {
        if path.extension().is_none_or(|extension| extension != "rbl") || !path.is_file() {
            continue;
        }
        let image = Image::read(&path).map_err(|cause| Error::Image {
            path: path.clone(),
            cause: cause.without_path(),
        })?;
        if newest
            .as_ref()
            .is_none_or(|(_, other)| other.serial() < image.serial())
        {
            newest = Some((path, image));
        }
    }
    newest.ok_or_else(|| Error::NoZone {
        source_folder: source.to_owned(),
        zone: zone.to_owned(),
    })
}

/// The files of a folder; none if there is no such folder.
fn listed(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |cause| Error::Reading {
        path: folder.to_owned(),
        cause,
    };
    let entries = match fs::read_dir(folder) {
        Err(error) if is_missing(&error) => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    entries
        .map(|entry| entry.map(|entry| entry.path()).map_err(failed))
        .collect()
}

fn is_missing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Whether the newest manifest of a feed, or the state of a mirror, says that the zone is given up.
fn is_retired(source: &Path, zone: &str) -> Result<bool, Error> {
    let issue = |path: &Path| -> Option<u64> {
        path.file_stem()?.to_str()?.split_once('-')?.0.parse().ok()
    };
    let manifests = listed(&source.join(zone).join("m"))?;
    let manifest = manifests
        .into_iter()
        .filter_map(|path| Some((issue(&path)?, path)))
        .max();
    let path = manifest.map_or(source.join(format!("{zone}.state.json")), |(_, path)| path);
    let bytes = match fs::read(&path) {
        Err(error) if is_missing(&error) => return Ok(false),
        bytes => bytes.map_err(|cause| Error::Reading { path, cause })?,
    };
    let json = serde_json::from_slice::<serde_json::Value>(&bytes).ok();
    let retired = json.and_then(|json| Some(!json.get("retired")?.is_null()));
    Ok(retired.unwrap_or(false))
}
