//! The readers of a feed's files, for `crates/fuzz`: each panics if what it reads is not read again to
//! the same.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a target panics: so it tells"
)]

use std::sync::OnceLock;

use serde::Deserialize;

use crate::ids::Zone;
use crate::key::{PublicKey, Role, SigningKey, keygen};
use crate::keyset::{Announcement, KeySet, Statement, StatementText};
use crate::manifest::{DeltaIndex, Index, Manifest, statement_of};
use crate::path::FeedPath;
use crate::pointer::Pointer;
use crate::state::State;

/// A path for messages.
fn path() -> FeedPath {
    FeedPath::index_pointer()
}

fn parsed<'b, T: Deserialize<'b>>(bytes: &'b [u8]) -> Option<T> {
    serde_json::from_slice(bytes).ok()
}

/// The bytes are a pointer, nobody's.
pub fn pointer(bytes: &[u8]) {
    let Ok(pointer) = Pointer::read(&path(), bytes) else {
        return;
    };
    let comment = pointer.comment();
    let target = comment.target();
    let leaves = |part: &str| part.is_empty() || part == "." || part == "..";
    assert!(
        !target.as_str().split('/').any(leaves),
        "{target} leaves the feed"
    );
    let key = keys()[0].public();
    assert!(
        pointer.verify(b"manifest", [key]).is_err(),
        "a forged pointer"
    );
    // What the comment says is signed again, and read to the same.
    let again = Pointer::sign(comment, b"manifest", &keys()[0]).expect("a signature");
    let again = Pointer::read(&path(), again.as_bytes()).expect("a pointer of ours");
    assert_eq!(again.comment(), comment);
    again
        .verify(b"manifest", [key])
        .expect("signed by this key");
}

/// The bytes are a manifest, an index, a delta index, or a mirror's state; the comment of the pointer
/// is mended.
pub fn manifest(bytes: &[u8]) {
    if let Some(said) = parsed::<Manifest>(bytes)
        && let Ok(manifest) = Manifest::read(&path(), bytes, &said.comment(bytes))
    {
        let again = manifest.to_bytes();
        let read = Manifest::read(&path(), &again, &manifest.comment(&again));
        assert_eq!(read.expect("a manifest of ours"), manifest);
        let _ = (
            manifest.snapshot.path(&manifest.zone.0),
            statement_of(bytes),
        );
        let _ = DeltaIndex::read(&path(), bytes, &manifest);
    }
    if let Some(said) = parsed::<Index>(bytes)
        && let Ok(index) = Index::read(&path(), bytes, &said.comment(bytes))
    {
        let again = index.to_bytes();
        let read = Index::read(&path(), &again, &index.comment(&again));
        assert_eq!(read.expect("an index of ours"), index);
    }
    if let Some(delta_index) = parsed::<DeltaIndex>(bytes) {
        let again: DeltaIndex = parsed(&delta_index.to_bytes()).expect("a delta index of ours");
        assert_eq!(again, delta_index);
    }
    if let Some(state) = parsed::<State>(bytes) {
        let again = crate::state::to_bytes(&state);
        let _: State = parsed(&again).expect("a state of ours");
    }
}

/// Six keys; the first is an offline one.
fn keys() -> &'static [SigningKey] {
    static KEYS: OnceLock<Vec<SigningKey>> = OnceLock::new();
    KEYS.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let made = (0..3).flat_map(|number| {
            let files = keygen(&folder.path().join(number.to_string()), None).expect("keys");
            [files.offline, files.online].map(|file| SigningKey::read(&file, None).expect("a key"))
        });
        made.collect()
    })
}

/// The first byte says what the rest is: the text of a statement, which is signed by the offline key
/// and by another; or steps, of which each is a statement or an announcement.
pub fn statement(input: &[u8]) {
    let Some((how, rest)) = input.split_first() else {
        return;
    };
    let [offline, online, ..] = keys() else {
        return;
    };
    let trusted = [
        (offline.public().clone(), Role::Offline),
        (online.public().clone(), Role::Online),
    ];
    let mut set = KeySet::new(trusted);
    match how & 1 {
        0 => text(&mut set, rest),
        _ => steps(&mut set, rest),
    }
}

fn text(set: &mut KeySet, text: &[u8]) {
    let [offline, online, ..] = keys() else {
        return;
    };
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    let signed = |key: &SigningKey| Statement {
        text: text.to_owned(),
        signature: key
            .sign(text.as_bytes(), "rblmap keys")
            .expect("a signature"),
    };
    let before = set.clone();
    assert!(
        !set.obey(&signed(online)),
        "the online key has removed somebody"
    );
    assert_eq!(*set, before);
    let statement = signed(offline);
    let changed = set.obey(&statement);
    assert!(
        !changed || statement.number() > 0,
        "a statement without a number"
    );
    assert!(!set.obey(&statement), "the same statement twice");
    holds(set, None);
    let _ = set.says_retired(&Zone("ops.example".parse().expect("a name")));
}

fn steps(set: &mut KeySet, steps: &[u8]) {
    let keys = keys();
    let key = |byte: u8| keys[usize::from(byte) % keys.len()].public().clone();
    let mut now = 1_700_000_000;
    let (steps, _) = steps.as_chunks::<4>();
    for [what, number, one, other] in steps.iter().take(32).copied() {
        let mut said = None;
        if what & 1 == 0 {
            let text = StatementText {
                number: u64::from(number),
                add: vec![key(one)],
                remove: vec![key(other)],
                retired: Vec::new(),
            };
            let statement = Statement::sign(&text, &keys[usize::from(what >> 1) % keys.len()]);
            let obeyed = set.obey(&statement.expect("a signature"));
            assert!(!obeyed || what >> 1 == 0 || set.is_offline(&key(what >> 1)));
            said = obeyed.then_some(text);
        } else {
            now += u64::from(number) * 3600;
            let (next, signer) = (key(one), key(other));
            let announcement = Announcement {
                next: (what & 2 == 0).then_some(&next),
                signer: &signer,
                generated: now.saturating_sub(u64::from(what >> 2)),
            };
            let trusted = set.announce(announcement, now);
            assert!(
                trusted.is_none_or(|key| !set.has_removed(&key)),
                "removed, and trusted again"
            );
        }
        holds(set, said.as_ref());
    }
}

/// The offline key stays, and no key that was removed counts.
fn holds(set: &KeySet, said: Option<&StatementText>) {
    let offline = keys()[0].public();
    assert!(set.is_offline(offline), "the offline key is gone");
    let gone = |key: &PublicKey| set.has_removed(key) && !set.is_offline(key);
    assert!(!set.keys().any(gone), "a key that was removed counts");
    if let Some(text) = said {
        let counts = |key: &PublicKey| set.keys().any(|known| known == key);
        let added = |key: &&PublicKey| !text.remove.contains(key);
        assert!(
            text.add.iter().filter(added).all(counts),
            "an added key does not count"
        );
    }
    let bytes = serde_json::to_vec(set).expect("memory");
    let again: KeySet = serde_json::from_slice(&bytes).expect("a set of ours");
    assert_eq!(again, *set);
}
