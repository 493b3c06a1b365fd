//! Segments of a history.

use std::sync::OnceLock;

use rblmap::{Image, NameKey};
use rblmap_history::{History, Log, Retention, Subject};

use crate::made;

/// Where the hash is, and from where on it covers the bytes (`docs/history.md`).
const HASH_AT: usize = 8;
const HASHED_FROM: usize = 40;

/// A good segment, of a few updates.
fn good() -> &'static [u8] {
    static SEGMENT: OnceLock<Vec<u8>> = OnceLock::new();
    SEGMENT.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let log = Log::new(folder.path());
        let images: Vec<Image> = (1..10).map(made::small).collect();
        let mut old: Option<Image> = None;
        for (serial, image) in (1u64..).zip(images) {
            let stamp = rblmap_image::Stamp {
                serial,
                created: 1_700_000_000 + serial * 3600,
            };
            let new = rblmap_image::restamp(&image, stamp).expect("an image with another serial");
            let new = Image::from_vec(new).expect("an image");
            let retention = Retention::default();
            log.append(old.as_ref(), &new, stamp.created, &retention)
                .expect("a folder");
            old = Some(new);
        }
        let files = std::fs::read_dir(folder.path())
            .expect("a folder")
            .flatten();
        let all = files.map(|file| std::fs::read(file.path()).expect("a segment"));
        all.max_by_key(Vec::len).expect("a segment")
    })
}

/// The first byte says whether the rest is the file, or changes of a good one: two bytes say where,
/// one is added to what is there. Then the hash is mended.
pub(crate) fn segment(input: &[u8]) {
    let Some((how, rest)) = input.split_first() else {
        return;
    };
    let bytes = match how & 1 {
        0 => rest.to_vec(),
        _ => changed(rest),
    };
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("1-9.rbh"), bytes).expect("room");
    let history = Log::new(folder.path())
        .open()
        .expect("a folder that is there");
    ask(&history);
}

fn changed(changes: &[u8]) -> Vec<u8> {
    let mut bytes = good().to_vec();
    let (changes, _) = changes.as_chunks::<3>();
    for [low, high, add] in changes {
        let at = usize::from(u16::from_le_bytes([*low, *high])) % bytes.len();
        bytes[at] = bytes[at].wrapping_add(*add);
    }
    let hash = blake3::hash(&bytes[HASHED_FROM..]);
    bytes[HASH_AT..HASHED_FROM].copy_from_slice(hash.as_bytes());
    bytes
}

fn ask(history: &History) {
    let _ = (
        history.first(),
        history.last(),
        history.versions(),
        history.gaps(),
    );
    for error in history.failed() {
        let _ = error.to_string();
    }
    for segment in history.segments() {
        let _ = (
            segment.zone(),
            segment.kinds(),
            segment.key_count(),
            segment.event_count(),
        );
    }
    let subjects = [
        Subject::Address("10.0.0.1".parse().expect("an address")),
        Subject::Address("2001:db8:5::1".parse().expect("an address")),
        Subject::Name(NameKey::parse(b"n3.x1.example").expect("a name")),
    ];
    for zone in [NameKey::ROOT, NameKey::parse(b"six").expect("a name")] {
        for subject in &subjects {
            for event in history.events(&zone, subject) {
                let _ = format!("{event:?}");
            }
        }
    }
    let mut seen = 0;
    history.between(0, u64::MAX, |_, _| seen += 1);
    assert!(seen < 1 << 20, "more events than bytes");
}
