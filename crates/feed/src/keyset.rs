//! Whom a mirror trusts, and how that changes without anybody touching the mirror.
//!
//! The key file fills the set the first time; afterwards the set rules. A manifest signed by a key
//! of the set may announce the next key, which is taken in after seven days and two issues. Only
//! the offline key may remove a key or put another in its place at once: by a statement of its
//! own, which every later manifest carries.

use minisign_verify::Signature;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::ids::Zone;
use crate::key::{PublicKey, Role, SigningKey};

/// How long a key must have been announced before it is trusted, seconds.
pub(crate) const ANNOUNCED_FOR: u64 = 7 * 24 * 3600;
/// In how many publications.
pub(crate) const ANNOUNCED_IN: u64 = 2;

/// The keys that a mirror trusts, for all zones of a feed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct KeySet {
    keys: Vec<TrustedKey>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    announced: Option<Announced>,
    /// Number of the newest statement obeyed.
    #[serde(default)]
    statement: u64,
    /// Keys that a statement removed: they never come back by announcement.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    removed: Vec<PublicKey>,
    /// Zones that the offline key says are given up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    retired: Vec<Zone>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct TrustedKey {
    key: PublicKey,
    role: Role,
    /// The key that announced it, if one did: it falls with that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by: Option<PublicKey>,
}

/// A key that will be trusted if it goes on being announced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Announced {
    key: PublicKey,
    by: PublicKey,
    since: u64,
    /// Publications that announced it, and when the last of them was made.
    issues: u64,
    last: u64,
}

/// What a verified manifest or index says of the next key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Announcement<'a> {
    /// The key to come, if there is one.
    pub(crate) next: Option<&'a PublicKey>,
    /// The key that signed.
    pub(crate) signer: &'a PublicKey,
    /// When the manifest or index was made, seconds since 1970: zones that are published together
    /// have one time, and count once.
    pub(crate) generated: u64,
}

/// What the offline key says of other keys, signed by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Statement {
    /// The signed text, JSON: `number`, `add`, `remove` and `retired`.
    pub text: String,
    /// minisign's signature file over it.
    pub signature: String,
}

/// The text of a statement. It holds all that was ever said, so that the newest one suffices.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StatementText {
    /// Rises with every statement.
    pub number: u64,
    /// Keys to trust as online keys.
    pub add: Vec<PublicKey>,
    /// Keys never to trust again.
    pub remove: Vec<PublicKey>,
    /// Zones that are given up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retired: Vec<Zone>,
}

impl Statement {
    /// Signs a statement with the offline key.
    pub(crate) fn sign(text: &StatementText, key: &SigningKey) -> Result<Statement, Error> {
        let text = serde_json::to_string(text).unwrap_or_default();
        let signature = key.sign(text.as_bytes(), "rblmap keys")?;
        Ok(Statement { text, signature })
    }

    /// What it says, whoever signed it: for the publisher's own statements.
    pub(crate) fn parsed(&self) -> Option<StatementText> {
        serde_json::from_str(&self.text).ok()
    }

    /// Its number, whoever signed it.
    pub(crate) fn number(&self) -> u64 {
        self.parsed().map_or(0, |text| text.number)
    }
}

impl KeySet {
    /// The keys of a key file.
    pub(crate) fn new(keys: impl IntoIterator<Item = (PublicKey, Role)>) -> KeySet {
        let keys = keys.into_iter();
        let trusted = keys.map(|(key, role)| TrustedKey {
            key,
            role,
            by: None,
        });
        KeySet {
            keys: trusted.collect(),
            ..KeySet::default()
        }
    }

    /// The keys of a key file, in place of others: what those said is forgotten.
    pub(crate) fn in_place_of(
        keys: impl IntoIterator<Item = (PublicKey, Role)>,
        old: Vec<PublicKey>,
    ) -> KeySet {
        let mut set = KeySet::new(keys);
        set.removed = old;
        set.removed
            .retain(|old| !set.keys.iter().any(|new| new.key == *old));
        set
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The keys whose signature counts.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &PublicKey> {
        self.keys.iter().map(|trusted| &trusted.key)
    }

    /// Whether a statement removed this key.
    pub(crate) fn has_removed(&self, key: &PublicKey) -> bool {
        self.removed.contains(key)
    }

    /// Whether this key is an offline key of the set.
    pub(crate) fn is_offline(&self, key: &PublicKey) -> bool {
        let same = |trusted: &&TrustedKey| trusted.key == *key;
        let found = self.keys.iter().find(same);
        found.is_some_and(|trusted| trusted.role == Role::Offline)
    }

    /// Whether the offline key said that this zone is given up.
    pub(crate) fn says_retired(&self, zone: &Zone) -> bool {
        self.retired.contains(zone)
    }

    /// Whether the set has, had or removed this key.
    pub(crate) fn knows(&self, key: &PublicKey) -> bool {
        self.removed.contains(key) || self.keys().any(|known| known == key)
    }

    /// Obeys a statement if an offline key of the set signed it and it is newer than the last.
    /// Gives whether the set changed. A statement by anyone else is as if it were not there.
    pub(crate) fn obey(&mut self, statement: &Statement) -> bool {
        let Ok(signature) = Signature::decode(&statement.signature) else {
            return false;
        };
        let text = statement.text.as_bytes();
        let offline = self
            .keys
            .iter()
            .any(|trusted| trusted.role == Role::Offline && trusted.key.verifies(text, &signature));
        let Some(parsed) = statement.parsed().filter(|_| offline) else {
            return false;
        };
        if parsed.number <= self.statement {
            return false;
        }
        self.statement = parsed.number;
        self.removed = parsed.remove;
        self.retired = parsed.retired;
        self.drop_removed(&parsed.add);
        for key in parsed.add {
            if !self.removed.contains(&key) {
                self.trust(key, None);
            }
        }
        true
    }

    /// Drops the keys that were removed, and those that they announced: a thief announces a key of
    /// his own. A statement that removed the last offline key would leave nobody to correct it.
    fn drop_removed(&mut self, added: &[PublicKey]) {
        loop {
            let before = self.keys.len();
            let left: Vec<PublicKey> = self.keys().cloned().collect();
            let removed = &self.removed;
            self.keys.retain(|trusted| {
                let orphan = |by: &PublicKey| removed.contains(by) || !left.contains(by);
                let fallen = trusted.by.as_ref().is_some_and(orphan);
                trusted.role == Role::Offline
                    || !removed.contains(&trusted.key) && (!fallen || added.contains(&trusted.key))
            });
            if self.keys.len() == before {
                break;
            }
        }
        let fallen = |announced: &Announced| {
            self.removed.contains(&announced.key) || self.removed.contains(&announced.by)
        };
        if self.announced.as_ref().is_some_and(fallen) {
            self.announced = None;
        }
    }

    /// Takes note of what a verified manifest announces. Gives the key that is trusted from now on.
    pub(crate) fn announce(&mut self, said: Announcement<'_>, now: u64) -> Option<PublicKey> {
        if let Some(announced) = &mut self.announced {
            // A clock that was ahead once.
            announced.since = announced.since.min(now);
            // A zone that lags says nothing new, nor takes anything back.
            if said.generated < announced.last {
                return None;
            }
        }
        let Some(next) = said.next.filter(|key| !self.knows(key)) else {
            self.announced = None;
            return None;
        };
        match &mut self.announced {
            Some(announced) if announced.key == *next => {
                if said.generated > announced.last {
                    announced.last = said.generated;
                    announced.issues += 1;
                }
                let waited = now.saturating_sub(announced.since) >= ANNOUNCED_FOR;
                if !waited || announced.issues < ANNOUNCED_IN {
                    return None;
                }
                let by = announced.by.clone();
                self.announced = None;
                self.trust(next.clone(), Some(by));
                Some(next.clone())
            }
            announced => {
                *announced = Some(Announced {
                    key: next.clone(),
                    by: said.signer.clone(),
                    since: now,
                    issues: 1,
                    last: said.generated,
                });
                None
            }
        }
    }

    fn trust(&mut self, key: PublicKey, by: Option<PublicKey>) {
        match self.keys.iter_mut().find(|known| known.key == key) {
            // The offline key's word stands by itself.
            Some(known) if by.is_none() => known.by = None,
            Some(_) => {}
            None => {
                let role = Role::Online;
                self.keys.push(TrustedKey { key, role, by });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{keygen, read_public};

    struct Keys {
        online: SigningKey,
        offline: SigningKey,
        set: KeySet,
        next: PublicKey,
    }

    impl Keys {
        /// An announcement by the online key, in a manifest made at `generated`.
        fn announce(
            &mut self,
            next: Option<&PublicKey>,
            generated: u64,
            now: u64,
        ) -> Option<PublicKey> {
            let signer = self.online.public().clone();
            let said = Announcement {
                next,
                signer: &signer,
                generated,
            };
            self.set.announce(said, now)
        }
    }

    fn keys() -> Keys {
        let dir = tempfile::tempdir().unwrap();
        let files = keygen(&dir.path().join("a"), None).unwrap();
        let next = keygen(&dir.path().join("b"), None).unwrap();
        Keys {
            online: SigningKey::read(&files.online, None).unwrap(),
            offline: SigningKey::read(&files.offline, None).unwrap(),
            set: KeySet::new(read_public(&files.public).unwrap()),
            next: read_public(&next.public).unwrap().remove(0).0,
        }
    }

    #[test]
    fn an_announced_key_waits_for_days_and_issues() {
        let mut keys = keys();
        let next = keys.next.clone();
        assert_eq!(keys.announce(Some(&next), 1, 1000), None);
        // Long enough, but one issue only, seen again and again.
        assert_eq!(keys.announce(Some(&next), 1, 1000 + ANNOUNCED_FOR), None);
        let late = 1000 + ANNOUNCED_FOR;
        assert_eq!(keys.announce(Some(&next), 2, late - 1), None);
        assert_eq!(keys.announce(Some(&next), 2, late), Some(next.clone()));
        assert!(keys.set.keys().any(|key| *key == next));
    }

    #[test]
    fn an_announcement_that_is_taken_back_starts_again() {
        let mut keys = keys();
        let next = keys.next.clone();
        keys.announce(Some(&next), 1, 0);
        keys.announce(None, 2, 1);
        assert_eq!(keys.announce(Some(&next), 3, ANNOUNCED_FOR), None);
        assert_eq!(keys.announce(Some(&next), 4, ANNOUNCED_FOR), None);
    }

    #[test]
    fn only_the_offline_key_removes() {
        let mut keys = keys();
        let said = StatementText {
            number: 1,
            add: vec![keys.next.clone()],
            remove: vec![keys.online.public().clone()],
            retired: Vec::new(),
        };
        let forged = Statement::sign(&said, &keys.online).unwrap();
        assert!(!keys.set.obey(&forged));
        let real = Statement::sign(&said, &keys.offline).unwrap();
        let mut changed = real.clone();
        changed.text = changed.text.replace(":1", ":2");
        assert!(!keys.set.obey(&changed));
        assert!(keys.set.obey(&real));
        assert!(!keys.set.obey(&real), "once is enough");
        let left: Vec<&PublicKey> = keys.set.keys().collect();
        assert_eq!(left, [keys.offline.public(), &keys.next]);
        // The thief announces the stolen key.
        let stolen = keys.online.public().clone();
        keys.announce(Some(&stolen), 1, 0);
        keys.announce(Some(&stolen), 2, ANNOUNCED_FOR);
        assert!(keys.announce(Some(&stolen), 3, 2 * ANNOUNCED_FOR).is_none());
        assert!(!keys.set.keys().any(|key| *key == stolen));
    }

    #[test]
    fn statements_do_not_go_back() {
        let mut keys = keys();
        let mut said = StatementText {
            number: 2,
            ..StatementText::default()
        };
        assert!(
            keys.set
                .obey(&Statement::sign(&said, &keys.offline).unwrap())
        );
        said.number = 1;
        said.add = vec![keys.next.clone()];
        assert!(
            !keys
                .set
                .obey(&Statement::sign(&said, &keys.offline).unwrap())
        );
    }

    #[test]
    fn a_key_that_the_thief_announced_falls_with_the_stolen_one() {
        let mut keys = keys();
        let next = keys.next.clone();
        keys.announce(Some(&next), 1, 0);
        assert!(keys.announce(Some(&next), 2, ANNOUNCED_FOR).is_some());
        let said = StatementText {
            number: 1,
            remove: vec![keys.online.public().clone()],
            ..StatementText::default()
        };
        assert!(
            keys.set
                .obey(&Statement::sign(&said, &keys.offline).unwrap())
        );
        let left: Vec<&PublicKey> = keys.set.keys().collect();
        assert_eq!(left, [keys.offline.public()]);
    }

    #[test]
    fn zones_of_one_publication_count_once() {
        let mut keys = keys();
        let next = keys.next.clone();
        for _zone in 0..5 {
            keys.announce(Some(&next), 10, 10);
        }
        assert!(keys.announce(Some(&next), 10, 10 + ANNOUNCED_FOR).is_none());
        // A zone that was published before the announcement does not take it back.
        keys.announce(None, 9, 20);
        assert!(keys.announce(Some(&next), 11, 10 + ANNOUNCED_FOR).is_some());
    }
}
