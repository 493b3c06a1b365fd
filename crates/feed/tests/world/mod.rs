//! A publisher with its keys and a mirror with its folder, in a folder of their own.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]

use std::fs;
use std::path::{Path, PathBuf};

use rblmap::{Image, NameRule, Run};
use rblmap_content::{Content, Draft, Record, ValueBuf, ZoneName};
use rblmap_feed::{
    Error, Folder, KeyFiles, Outcome, PublishOptions, Published, Report, Settings, SigningKey,
    Source, keygen, mirror, publish, read_public,
};
use rblmap_image::{Stamp, encode};
use serde_json::Value;
use tempfile::TempDir;

/// When the tests begin, seconds since 1970.
pub const START: u64 = 1_800_000_000;
pub const DAY: u64 = 24 * 3600;

pub struct World {
    pub dir: TempDir,
    pub keys: KeyFiles,
    pub now: u64,
    pub options: PublishOptions,
    pub settings: Settings,
}

impl World {
    pub fn new() -> World {
        let dir = tempfile::tempdir().unwrap();
        let keys = keygen(&dir.path().join("ops"), None).unwrap();
        let source = Source::Local(dir.path().join("feed"));
        let mut settings = Settings::new(vec![source], read_public(&keys.public).unwrap());
        settings.zones = vec![zone("ops.example")];
        World {
            dir,
            keys,
            now: START,
            options: PublishOptions::default(),
            settings,
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn feed(&self) -> PathBuf {
        self.path("feed")
    }

    pub fn folder(&self) -> Folder {
        Folder::new(self.path("mirror"))
    }

    pub fn key(&self) -> SigningKey {
        SigningKey::read(&self.keys.online, None).unwrap()
    }

    /// Publishes a list of addresses of `ops.example`, a minute later.
    pub fn publish(&mut self, addresses: &[u32]) -> Published {
        self.try_publish(addresses).unwrap()
    }

    pub fn try_publish(&mut self, addresses: &[u32]) -> Result<Published, Error> {
        let key = self.key();
        self.publish_as("ops.example", addresses, &key)
    }

    pub fn publish_as(
        &mut self,
        name: &str,
        addresses: &[u32],
        key: &SigningKey,
    ) -> Result<Published, Error> {
        self.now += 60;
        let image = self.path("new.rbl");
        fs::write(
            &image,
            encode(&list(name, addresses), Stamp::default()).unwrap(),
        )
        .unwrap();
        let reports = publish(&self.feed(), &[image], key, &self.options, self.now)?;
        let mut published = None;
        for report in reports {
            published = Some(report.result?);
        }
        Ok(published.unwrap())
    }

    /// Publishes any content, a minute later.
    pub fn publish_content(&mut self, content: Content) {
        self.now += 60;
        let image = self.path("new.rbl");
        fs::write(&image, encode(&content, Stamp::default()).unwrap()).unwrap();
        let key = self.key();
        let reports = publish(&self.feed(), &[image], &key, &self.options, self.now);
        for report in reports.unwrap() {
            report.result.unwrap();
        }
    }

    /// Signs the pointers afresh, a minute later.
    pub fn heartbeat(&mut self) {
        self.now += 60;
        self.refresh();
    }

    /// Signs the pointers afresh, now.
    pub fn refresh(&self) {
        let key = self.key();
        self.refresh_as(&key).unwrap();
    }

    pub fn refresh_as(&self, key: &SigningKey) -> Result<(), Error> {
        let reports = publish(&self.feed(), &[], key, &self.options, self.now)?;
        reports
            .into_iter()
            .try_for_each(|report| report.result.map(drop))
    }

    /// Runs the mirror for the one zone.
    pub fn mirror(&self) -> Result<Outcome, Error> {
        self.report().result
    }

    pub fn report(&self) -> Report {
        let mut reports = mirror(&self.folder(), &self.settings, self.now).unwrap();
        assert_eq!(reports.len(), 1);
        reports.remove(0)
    }

    pub fn image(&self) -> Image {
        Image::read(self.folder().image(&zone("ops.example"))).unwrap()
    }

    /// Mirrors and expects it to fail; the old image must go on answering as it did, byte for
    /// byte, and nothing may be left over.
    pub fn refused(&self) -> Error {
        let before = self.files();
        let error = match self.mirror() {
            Err(error) => error,
            Ok(outcome) => panic!("mirrored: {outcome:?}"),
        };
        let after = self.files();
        let image = |files: &[(String, Vec<u8>)]| {
            files
                .iter()
                .find(|(name, _)| name == "ops.example.rbl")
                .cloned()
        };
        assert_eq!(image(&before), image(&after), "the image changed");
        for (name, _) in &after {
            assert!(!name.starts_with(".rblmap-"), "{name} was left over");
        }
        error
    }

    fn files(&self) -> Vec<(String, Vec<u8>)> {
        let Ok(entries) = fs::read_dir(self.path("mirror")) else {
            return Vec::new();
        };
        let entries = entries.map(|entry| entry.unwrap());
        let mut files: Vec<_> = entries
            .filter(|entry| entry.file_type().unwrap().is_file())
            .map(|entry| {
                let name = entry.file_name().to_string_lossy().into_owned();
                (name, fs::read(entry.path()).unwrap())
            })
            .collect();
        files.sort();
        files
    }

    /// The only file of a folder of the zone whose name begins so.
    pub fn file(&self, folder: &str, begins: &str) -> PathBuf {
        let folder = self.feed().join("ops.example").join(folder);
        let mut found: Vec<PathBuf> = files(&folder)
            .into_iter()
            .filter(|path| {
                path.file_name()
                    .unwrap()
                    .to_string_lossy()
                    .starts_with(begins)
            })
            .collect();
        assert_eq!(found.len(), 1, "{begins}* in {}", folder.display());
        found.remove(0)
    }

    /// The pointer of the zone.
    pub fn pointer(&self) -> PathBuf {
        self.feed().join("ops.example/current.minisig")
    }

    /// Changes the manifest that is current, signs it with the online key and moves the pointer:
    /// what someone can do who holds the key. Written here a second time on purpose.
    pub fn forge(&self, change: impl FnOnce(&mut Value)) {
        self.forge_with(&self.keys.online, change);
    }

    pub fn forge_with(&self, key: &Path, change: impl FnOnce(&mut Value)) {
        let pointer = fs::read_to_string(self.pointer()).unwrap();
        let file = pointer.lines().nth(2).unwrap().rsplit(' ').next().unwrap();
        let path = self.feed().join("ops.example").join(file);
        let mut manifest: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        change(&mut manifest);
        let bytes = serde_json::to_vec(&manifest).unwrap();
        let hash = &blake3::hash(&bytes).to_hex().to_string()[..20];
        let field = |name: &str| match &manifest[name] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let file = format!("m/{}-{hash}.json", field("issue"));
        let comment = format!(
            "rblmap zone={} publisher={} session={} issue={} serial={} expires={} {file}",
            field("zone"),
            field("publisher"),
            field("session"),
            field("issue"),
            field("serial"),
            field("expires"),
        );
        fs::write(self.feed().join("ops.example").join(file), &bytes).unwrap();
        fs::write(self.pointer(), minisign_sign(key, &bytes, &comment)).unwrap();
    }

    /// Changes the index that is current, signs it with the online key and moves the pointer.
    pub fn forge_index(&self, change: impl FnOnce(&mut Value)) {
        let pointer = self.feed().join("index.minisig");
        let text = fs::read_to_string(&pointer).unwrap();
        let file = text.lines().nth(2).unwrap().rsplit(' ').next().unwrap();
        let bytes = fs::read(self.feed().join(file)).unwrap();
        let mut index: Value = serde_json::from_slice(&bytes).unwrap();
        change(&mut index);
        let bytes = serde_json::to_vec(&index).unwrap();
        let hash = &blake3::hash(&bytes).to_hex().to_string()[..20];
        let issue = &index["issue"];
        let file = format!("i/{issue}-{hash}.json");
        let comment = format!(
            "rblmap publisher={} issue={issue} expires={} {file}",
            index["publisher"].as_str().unwrap(),
            index["expires"],
        );
        fs::write(self.feed().join(&file), &bytes).unwrap();
        fs::write(pointer, minisign_sign(&self.keys.online, &bytes, &comment)).unwrap();
    }

    /// The bytes of the whole feed, to go back to.
    pub fn save(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut saved = Vec::new();
        let mut folders = vec![self.feed()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => folders.push(path),
                    false => saved.push((path.clone(), fs::read(path).unwrap())),
                }
            }
        }
        saved
    }

    pub fn restore(&self, saved: &[(PathBuf, Vec<u8>)]) {
        fs::remove_dir_all(self.feed()).unwrap();
        for (path, bytes) in saved {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }
}

/// Signs with the crate of minisign's author alone.
pub fn minisign_sign(key: &Path, bytes: &[u8], comment: &str) -> String {
    let text = fs::read_to_string(key).unwrap();
    let boxed = minisign::SecretKeyBox::from_string(&text).unwrap();
    let key = boxed.into_unencrypted_secret_key().unwrap();
    let signed = minisign::sign(None, &key, bytes, Some(comment), None);
    signed.unwrap().into_string()
}

pub fn zone(name: &str) -> ZoneName {
    name.parse().unwrap()
}

pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    found.sort();
    found
}

/// The content that lists these addresses with 127.0.0.2.
pub fn list(name: &str, addresses: &[u32]) -> Content {
    let mut draft = Draft::new(zone(name));
    let record = Record {
        a: Some(std::net::Ipv4Addr::new(127, 0, 0, 2)),
        text: None,
    };
    let value = draft.values.intern(&ValueBuf::new([record])).unwrap();
    let mut addresses = addresses.to_vec();
    addresses.sort_unstable();
    let base = draft.zone_mut(&rblmap::NameKey::ROOT);
    base.v4 = addresses
        .into_iter()
        .map(|start| Run {
            start,
            end: start,
            value,
        })
        .collect();
    draft.finish().unwrap()
}

/// The content that lists these names with 127.0.0.2: `*.x` everything below x.
pub fn names(name: &str, names: &[&str]) -> Content {
    let mut draft = Draft::new(zone(name));
    let value = draft.values.intern(&ValueBuf::new([listed()])).unwrap();
    let base = draft.zone_mut(&rblmap::NameKey::ROOT);
    for name in names {
        let (slots, name) = match name.strip_prefix("*.") {
            Some(name) => ((NameRule::Inherit, NameRule::Value(value)), name),
            None => ((NameRule::Value(value), NameRule::Inherit), *name),
        };
        let key = rblmap::NameKey::parse(name.as_bytes()).unwrap();
        base.names.push(key.as_bytes(), slots.0, slots.1);
    }
    base.names.sort();
    draft.finish().unwrap()
}

/// The content that lists these IPv6 ranges with 127.0.0.2.
pub fn list6(name: &str, ranges: &[(u128, u128)]) -> Content {
    let mut draft = Draft::new(zone(name));
    let value = draft.values.intern(&ValueBuf::new([listed()])).unwrap();
    let base = draft.zone_mut(&rblmap::NameKey::ROOT);
    let run = |&(start, end)| Run { start, end, value };
    base.v6 = ranges.iter().map(run).collect();
    draft.finish().unwrap()
}

fn listed() -> Record {
    Record {
        a: Some(std::net::Ipv4Addr::new(127, 0, 0, 2)),
        text: None,
    }
}
