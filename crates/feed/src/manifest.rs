//! What a mirror reads first: the manifest of a zone and the index of zones, as JSON.
//!
//! `docs/feed.md` describes every field. Decisions are made from these alone, and only after
//! [`crate::pointer::Pointer::verify`].

use rblmap_content::ZoneName;
use serde::{Deserialize, Serialize};

use crate::counts::Counts;
use crate::delta_file::DeltaFile;
use crate::digest::FileHash;
use crate::error::Error;
use crate::ids::{Id, Zone};
use crate::key::PublicKey;
use crate::keyset::Statement;
use crate::path::FeedPath;
use crate::pointer::{Comment, Publisher, ZoneLine};

/// The format of manifest and index that this version writes and reads.
pub(crate) const FORMAT: u32 = 1;
/// A text for people takes at most this, bytes.
pub(crate) const TEXT_LIMIT: usize = 512;
/// A manifest takes at most this, bytes.
pub(crate) const MANIFEST_LIMIT: u64 = 4096;
/// An index or a delta_index takes at most this, bytes.
pub(crate) const INDEX_LIMIT: u64 = 1 << 20;

/// What a publisher says of a zone, at one issue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The format; 1.
    pub format: u32,
    /// The zone.
    pub zone: Zone,
    /// Who publishes.
    pub publisher: Publisher,
    /// The line of serials; another one means: take the snapshot.
    pub session: u64,
    /// Rises with every pointer.
    pub issue: u64,
    /// Rises with every content.
    pub serial: u64,
    /// When the content was made, seconds since 1970.
    pub created: u64,
    /// When the manifest was made, seconds since 1970.
    pub generated: u64,
    /// Until when it holds, seconds since 1970.
    pub expires: u64,
    /// How often to look, seconds.
    pub poll: u64,
    /// The content.
    pub content: Id,
    /// How much it lists.
    pub counts: Counts,
    /// The content whole.
    pub snapshot: Snapshot,
    /// The deltas from one serial to the next, the last ones, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deltas: Vec<DeltaFile>,
    /// Merged deltas: over several serials at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub merged: Vec<DeltaFile>,
    /// Where older deltas are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delta_index: Option<DeltaIndexFile>,
    /// The key that will sign after this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_key: Option<PublicKey>,
    /// What the offline key says of other keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<Statement>,
    /// What people read.
    #[serde(default, skip_serializing_if = "Texts::is_empty")]
    pub texts: Texts,
    /// The zone is given up: answer as if nothing were listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retired: Option<Retired>,
}

/// A snapshot in the folder `s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    /// The serial that it holds, at or below the manifest's.
    pub serial: u64,
    /// Length of the file.
    pub bytes: u64,
    /// Hash of the file.
    pub hash: FileHash,
}

/// The delta index in the folder `l`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DeltaIndexFile {
    /// The issue it was made for.
    pub issue: u64,
    /// The oldest serial that it leads from.
    pub from: u64,
    /// Length of the file.
    pub bytes: u64,
    /// Hash of the file.
    pub hash: FileHash,
}

/// Deltas that are older than those in the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DeltaIndex {
    /// The format; 1.
    pub format: u32,
    /// The zone.
    pub zone: Zone,
    /// The line of serials.
    pub session: u64,
    /// Single and merged ones, oldest first.
    pub deltas: Vec<DeltaFile>,
}

/// What people are told about a zone.
///
/// See the example of [`FeedConfig`](crate::FeedConfig).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Texts {
    /// What the zone lists, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Where to read why something is listed and how to get it off the list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Whom to write to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// Something that those who run mirrors should know now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
}

/// That and why a zone is given up.
///
/// See the example of [`Health`](crate::Health).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retired {
    /// Since when, seconds since 1970.
    pub at: u64,
    /// Where to read more.
    pub url: String,
}

/// The zones of a feed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Index {
    /// The format; 1.
    pub format: u32,
    /// Who publishes.
    pub publisher: Publisher,
    /// Rises with every pointer.
    pub issue: u64,
    /// When it was made, seconds since 1970.
    pub generated: u64,
    /// Until when it holds, seconds since 1970.
    pub expires: u64,
    /// The zones, by name.
    pub zones: Vec<IndexZone>,
    /// The key that will sign after this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_key: Option<PublicKey>,
    /// What the offline key says of other keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<Statement>,
}

/// A zone in the index.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct IndexZone {
    /// Its name.
    pub zone: Zone,
    /// What people are told about it.
    #[serde(default, skip_serializing_if = "Texts::is_empty")]
    pub texts: Texts,
}

impl Texts {
    fn is_empty(&self) -> bool {
        *self == Texts::default()
    }

    /// Whether the texts may be shown: short, and without control characters.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        let all = [&self.title, &self.url, &self.contact, &self.notice];
        all.into_iter()
            .flatten()
            .try_for_each(|text| check_text(text))
    }
}

/// Whether a text may be shown.
fn check_text(text: &str) -> Result<(), &'static str> {
    if text.len() > TEXT_LIMIT {
        return Err("a text that is too long");
    }
    match text.chars().any(char::is_control) {
        true => Err("a text with control characters"),
        false => Ok(()),
    }
}

impl Snapshot {
    /// Where the file is.
    pub(crate) fn path(&self, zone: &ZoneName) -> FeedPath {
        FeedPath::snapshot(zone, self.serial, self.hash)
    }
}

impl DeltaIndexFile {
    /// Where the file is.
    pub(crate) fn path(&self, zone: &ZoneName) -> FeedPath {
        FeedPath::delta_index(zone, self.issue, self.hash)
    }
}

impl Manifest {
    /// The bytes of the file.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        to_bytes(self)
    }

    /// The comment of the pointer to these bytes.
    pub(crate) fn comment(&self, bytes: &[u8]) -> Comment {
        Comment {
            zone: Some(ZoneLine {
                zone: self.zone.0.clone(),
                session: self.session,
                serial: self.serial,
            }),
            publisher: self.publisher.clone(),
            issue: self.issue,
            expires: self.expires,
            hash: FileHash::of(bytes),
        }
    }

    /// Reads bytes whose signature was verified, and compares them with the comment that was
    /// verified with them.
    ///
    /// # Errors
    /// Another format, fields that cannot be, fields that differ from the comment.
    pub(crate) fn read(
        path: &FeedPath,
        bytes: &[u8],
        comment: &Comment,
    ) -> Result<Manifest, Error> {
        let manifest: Manifest = from_bytes(path, bytes)?;
        let bad = |what: &str| Err(bad_manifest(path, what));
        if manifest.comment(bytes) != *comment {
            return bad("fields differ from those in the pointer");
        }
        if manifest.snapshot.serial > manifest.serial {
            return bad("the snapshot is newer than the manifest");
        }
        let texts = manifest.texts.check().and_then(|()| {
            let retired = manifest.retired.as_ref();
            retired.map_or(Ok(()), |retired| check_text(&retired.url))
        });
        if let Err(what) = texts {
            return bad(what);
        }
        let deltas = manifest.deltas.iter().chain(&manifest.merged);
        if deltas
            .clone()
            .any(|delta| delta.from >= delta.to || delta.to > manifest.serial)
        {
            return bad("a delta that does not lead forward");
        }
        Ok(manifest)
    }
}

impl DeltaIndex {
    /// The bytes of the file.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        to_bytes(self)
    }

    /// Reads bytes whose hash the manifest names.
    ///
    /// # Errors
    /// Another format, zone or session, or deltas that do not lead forward.
    pub(crate) fn read(
        path: &FeedPath,
        bytes: &[u8],
        manifest: &Manifest,
    ) -> Result<DeltaIndex, Error> {
        let delta_index: DeltaIndex = from_bytes(path, bytes)?;
        if (&delta_index.zone, delta_index.session) != (&manifest.zone, manifest.session) {
            return Err(bad_manifest(path, "of another zone or session"));
        }
        if delta_index
            .deltas
            .iter()
            .any(|delta| delta.from >= delta.to)
        {
            return Err(bad_manifest(path, "a delta that does not lead forward"));
        }
        Ok(delta_index)
    }
}

impl Index {
    /// The bytes of the file.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        to_bytes(self)
    }

    /// The comment of the pointer to these bytes.
    pub(crate) fn comment(&self, bytes: &[u8]) -> Comment {
        Comment {
            zone: None,
            publisher: self.publisher.clone(),
            issue: self.issue,
            expires: self.expires,
            hash: FileHash::of(bytes),
        }
    }

    /// Reads bytes whose signature was verified.
    ///
    /// # Errors
    /// Another format, fields that differ from the comment.
    pub(crate) fn read(path: &FeedPath, bytes: &[u8], comment: &Comment) -> Result<Index, Error> {
        let index: Index = from_bytes(path, bytes)?;
        if index.comment(bytes) != *comment {
            return Err(bad_manifest(
                path,
                "fields differ from those in the pointer",
            ));
        }
        for zone in &index.zones {
            zone.texts
                .check()
                .map_err(|what| bad_manifest(path, what))?;
        }
        Ok(index)
    }
}

/// The statement in a file whose signature is not verified yet; it has a signature of its own.
pub(crate) fn statement_of(bytes: &[u8]) -> Option<Statement> {
    #[derive(Deserialize)]
    struct Within {
        statement: Option<Statement>,
    }
    serde_json::from_slice::<Within>(bytes).ok()?.statement
}

fn to_bytes(value: &impl Serialize) -> Vec<u8> {
    // Neither a map with keys that are no text nor a type that refuses is in there.
    let mut bytes = serde_json::to_vec(value).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

fn from_bytes<T: for<'a> Deserialize<'a>>(path: &FeedPath, bytes: &[u8]) -> Result<T, Error> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let parsed = serde_json::from_slice::<Format>(bytes);
    let format = parsed.map_err(|error| bad_manifest(path, &error.to_string()))?;
    if format.format != FORMAT {
        let text = format!(
            "format {} is not {FORMAT}, which this version reads",
            format.format
        );
        return Err(bad_manifest(path, &text));
    }
    serde_json::from_slice(bytes).map_err(|error| bad_manifest(path, &error.to_string()))
}

fn bad_manifest(path: &FeedPath, what: &str) -> Error {
    Error::Manifest {
        path: path.to_string(),
        what: what.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use rblmap_content::ContentId;

    use super::*;
    use crate::key::read_public;
    use crate::pointer::Pointer;

    const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/golden/feed/");

    fn golden(name: &str) -> Vec<u8> {
        std::fs::read(format!("{GOLDEN}{name}")).unwrap()
    }

    fn delta(from: u64, to: u64) -> DeltaFile {
        let hash = FileHash::of(format!("{from} {to}").as_bytes());
        let bytes = 100 + to;
        DeltaFile {
            from,
            to,
            bytes,
            hash,
        }
    }

    fn texts() -> Texts {
        Texts {
            title: Some("Open proxies".to_owned()),
            url: Some("https://ops.example/why".to_owned()),
            contact: Some("mailto:removal@ops.example".to_owned()),
            notice: None,
        }
    }

    fn statement() -> Statement {
        Statement {
            text: r#"{"number":1,"add":[],"remove":[]}"#.to_owned(),
            signature: "four\nlines\nof\nminisign\n".to_owned(),
        }
    }

    /// Every field, with a value that no other has.
    fn manifest() -> Manifest {
        let key = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
        Manifest {
            format: FORMAT,
            zone: "ops.example".to_owned().try_into().unwrap(),
            publisher: Publisher::parse("ops").unwrap(),
            session: 1_800_000_001,
            issue: 30_000_002,
            serial: 20,
            created: 1_800_000_003,
            generated: 1_800_000_004,
            expires: 1_800_086_405,
            poll: 306,
            content: Id(ContentId::from_bytes([0xab; 32])),
            counts: Counts {
                v4: 11,
                v6: 12,
                names: 13,
                runs: 14,
                image: 4096,
            },
            snapshot: Snapshot {
                serial: 2,
                bytes: 2000,
                hash: FileHash::of(b"snapshot"),
            },
            deltas: vec![delta(18, 19), delta(19, 20)],
            merged: vec![delta(16, 20)],
            delta_index: Some(DeltaIndexFile {
                issue: 30_000_002,
                from: 2,
                bytes: 1500,
                hash: FileHash::of(b"delta_index"),
            }),
            next_key: PublicKey::parse(key),
            statement: Some(statement()),
            texts: texts(),
            retired: Some(Retired {
                at: 1_800_000_007,
                url: "https://ops.example/closed".to_owned(),
            }),
        }
    }

    fn delta_index() -> DeltaIndex {
        let manifest = manifest();
        DeltaIndex {
            format: FORMAT,
            zone: manifest.zone,
            session: manifest.session,
            deltas: vec![delta(2, 3), delta(3, 16)],
        }
    }

    fn index() -> Index {
        let manifest = manifest();
        Index {
            format: FORMAT,
            publisher: manifest.publisher,
            issue: 30_000_008,
            generated: 1_800_000_009,
            expires: 1_800_604_810,
            zones: vec![IndexZone {
                zone: manifest.zone,
                texts: texts(),
            }],
            next_key: manifest.next_key,
            statement: manifest.statement,
        }
    }

    #[test]
    fn golden_files_are_what_is_written_and_read() {
        let manifest = manifest();
        assert_eq!(
            String::from_utf8_lossy(&manifest.to_bytes()),
            String::from_utf8_lossy(&golden("manifest.json"))
        );
        let path = FeedPath::pointer(&manifest.zone.0);
        let pointer = Pointer::read(&path, &golden("current.minisig")).unwrap();
        let keys = read_public(format!("{GOLDEN}ops.pub").as_ref()).unwrap();
        let bytes = golden("manifest.json");
        pointer
            .verify(&bytes, keys.iter().map(|(key, _)| key))
            .unwrap();
        let read = Manifest::read(&path, &bytes, pointer.comment()).unwrap();
        assert_eq!(read, manifest);

        let delta_index = delta_index();
        assert_eq!(delta_index.to_bytes(), golden("delta_index.json"));
        assert_eq!(
            DeltaIndex::read(&path, &golden("delta_index.json"), &manifest).unwrap(),
            delta_index
        );

        let index = index();
        let bytes = golden("index.json");
        assert_eq!(index.to_bytes(), bytes);
        assert_eq!(
            Index::read(&path, &bytes, &index.comment(&bytes)).unwrap(),
            index
        );
    }

    #[test]
    fn fields_that_are_not_known_are_passed_over() {
        let bytes = golden("manifest.json");
        let text = String::from_utf8(bytes).unwrap();
        let newer = text.replacen("{", "{\"later\":[1],", 1);
        let path = FeedPath::index_pointer();
        let comment = manifest().comment(newer.as_bytes());
        Manifest::read(&path, newer.as_bytes(), &comment).unwrap();
    }

    /// Writes the golden files; run it by name when the format changes on purpose.
    #[test]
    #[ignore = "writes the golden files"]
    fn write_golden_files() {
        let dir = tempfile::tempdir().unwrap();
        let files = crate::key::keygen(&dir.path().join("ops"), None).unwrap();
        let key = crate::key::SigningKey::read(&files.online, None).unwrap();
        let manifest = manifest();
        let bytes = manifest.to_bytes();
        let pointer = Pointer::sign(&manifest.comment(&bytes), &bytes, &key).unwrap();
        std::fs::create_dir_all(GOLDEN).unwrap();
        let put =
            |name: &str, bytes: &[u8]| std::fs::write(format!("{GOLDEN}{name}"), bytes).unwrap();
        put("manifest.json", &bytes);
        put("current.minisig", pointer.as_bytes());
        put("ops.pub", &std::fs::read(&files.public).unwrap());
        put("delta_index.json", &delta_index().to_bytes());
        put("index.json", &index().to_bytes());
    }
}
