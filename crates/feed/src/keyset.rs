//! Whom a mirror trusts, and how that changes without anybody touching the mirror.
//!
//! The key file fills the set the first time; afterwards the set rules. A manifest signed by a key
//! of the set may announce the next key, which is taken in after seven days and two issues. Only
//! the offline key may remove a key or put another in its place at once: by a statement of its
//! own, which every later manifest carries.

use minisign_verify::Signature;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::key::{PublicKey, Role, SigningKey};

/// How long a key must have been announced before it is trusted, seconds.
pub(crate) const ANNOUNCED_FOR: u64 = 7 * 24 * 3600;
/// In how many issues.
pub(crate) const ANNOUNCED_IN: u64 = 2;

/// The keys that a mirror trusts.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct KeySet {
    keys: Vec<TrustedKey>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    announced: Option<Announced>,
    /// Number of the newest statement obeyed.
    #[serde(default)]
    statement: u64,
    /// Keys that a statement removed: they never come back by announcement.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    removed: Vec<PublicKey>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct TrustedKey {
    key: PublicKey,
    role: Role,
}

/// A key that will be trusted if it goes on being announced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Announced {
    key: PublicKey,
    since: u64,
    /// Issues that announced it, and the last of them.
    issues: u64,
    last: u64,
}

/// What the offline key says of other keys, signed by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// The signed text, JSON: `number`, `add` and `remove`.
    pub text: String,
    /// minisign's signature file over it.
    pub signature: String,
}

/// The text of a statement. It holds all that was ever said, so that the newest one suffices.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Said {
    /// Rises with every statement.
    pub number: u64,
    /// Keys to trust as online keys.
    pub add: Vec<PublicKey>,
    /// Keys never to trust again.
    pub remove: Vec<PublicKey>,
}

impl Statement {
    /// Signs a statement with the offline key.
    pub(crate) fn sign(said: &Said, key: &SigningKey) -> Result<Statement, Error> {
        let text = serde_json::to_string(said).unwrap_or_default();
        let signature = key.sign(text.as_bytes(), "rblmap keys")?;
        Ok(Statement { text, signature })
    }

    /// What it says, whoever signed it: for the publisher's own statements.
    pub(crate) fn said(&self) -> Option<Said> {
        serde_json::from_str(&self.text).ok()
    }
}

impl KeySet {
    /// The keys of a key file.
    pub fn new(keys: impl IntoIterator<Item = (PublicKey, Role)>) -> KeySet {
        let keys = keys.into_iter();
        KeySet {
            keys: keys.map(|(key, role)| TrustedKey { key, role }).collect(),
            ..KeySet::default()
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The keys whose signature counts.
    pub fn keys(&self) -> impl Iterator<Item = &PublicKey> {
        self.keys.iter().map(|trusted| &trusted.key)
    }

    /// The keys and what each may do.
    pub fn roles(&self) -> impl Iterator<Item = (&PublicKey, Role)> {
        self.keys.iter().map(|trusted| (&trusted.key, trusted.role))
    }

    /// Obeys a statement if an offline key of the set signed it and it is newer than the last.
    /// Gives whether the set changed. A statement by anyone else is as if it were not there.
    pub fn obey(&mut self, statement: &Statement) -> bool {
        let Ok(signature) = Signature::decode(&statement.signature) else {
            return false;
        };
        let text = statement.text.as_bytes();
        let offline = self
            .keys
            .iter()
            .any(|trusted| trusted.role == Role::Offline && trusted.key.verifies(text, &signature));
        let Some(said) = statement.said().filter(|_| offline) else {
            return false;
        };
        if said.number <= self.statement {
            return false;
        }
        self.statement = said.number;
        // A statement that removes the last offline key would leave nobody to correct it.
        self.keys
            .retain(|trusted| trusted.role == Role::Offline || !said.remove.contains(&trusted.key));
        for key in said.add {
            if !said.remove.contains(&key) {
                self.trust(key);
            }
        }
        self.removed = said.remove;
        if let Some(announced) = &self.announced
            && self.removed.contains(&announced.key)
        {
            self.announced = None;
        }
        true
    }

    /// Takes note of what a verified manifest announces. Gives the key that is trusted from now on.
    pub fn announce(
        &mut self,
        next: Option<&PublicKey>,
        issue: u64,
        now: u64,
    ) -> Option<PublicKey> {
        let Some(next) = next.filter(|key| !self.knows(key)) else {
            self.announced = None;
            return None;
        };
        match &mut self.announced {
            Some(announced) if announced.key == *next => {
                if issue > announced.last {
                    announced.last = issue;
                    announced.issues += 1;
                }
                let waited = now.saturating_sub(announced.since) >= ANNOUNCED_FOR;
                if !waited || announced.issues < ANNOUNCED_IN {
                    return None;
                }
                self.announced = None;
                self.trust(next.clone());
                Some(next.clone())
            }
            announced => {
                *announced = Some(Announced {
                    key: next.clone(),
                    since: now,
                    issues: 1,
                    last: issue,
                });
                None
            }
        }
    }

    fn knows(&self, key: &PublicKey) -> bool {
        self.removed.contains(key) || self.keys().any(|known| known == key)
    }

    fn trust(&mut self, key: PublicKey) {
        if !self.keys().any(|known| *known == key) {
            let role = Role::Online;
            self.keys.push(TrustedKey { key, role });
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
        assert_eq!(keys.set.announce(Some(&next), 1, 1000), None);
        // Long enough, but one issue only, seen again and again.
        assert_eq!(
            keys.set.announce(Some(&next), 1, 1000 + ANNOUNCED_FOR),
            None
        );
        let late = 1000 + ANNOUNCED_FOR;
        assert_eq!(keys.set.announce(Some(&next), 2, late - 1), None);
        assert_eq!(keys.set.announce(Some(&next), 2, late), Some(next.clone()));
        assert!(keys.set.keys().any(|key| *key == next));
    }

    #[test]
    fn an_announcement_that_is_taken_back_starts_again() {
        let mut keys = keys();
        let next = keys.next.clone();
        keys.set.announce(Some(&next), 1, 0);
        keys.set.announce(None, 2, 1);
        assert_eq!(keys.set.announce(Some(&next), 3, ANNOUNCED_FOR), None);
        assert_eq!(keys.set.announce(Some(&next), 4, ANNOUNCED_FOR), None);
    }

    #[test]
    fn only_the_offline_key_removes() {
        let mut keys = keys();
        let said = Said {
            number: 1,
            add: vec![keys.next.clone()],
            remove: vec![keys.online.public().clone()],
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
        keys.set.announce(Some(&stolen), 1, 0);
        keys.set.announce(Some(&stolen), 2, ANNOUNCED_FOR);
        assert!(
            keys.set
                .announce(Some(&stolen), 3, 2 * ANNOUNCED_FOR)
                .is_none()
        );
        assert!(!keys.set.keys().any(|key| *key == stolen));
    }

    #[test]
    fn statements_do_not_go_back() {
        let mut keys = keys();
        let mut said = Said {
            number: 2,
            ..Said::default()
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
}
